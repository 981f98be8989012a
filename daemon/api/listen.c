/* listen - accepts clients and identifies them. */
#include "api/priv.h"

#include "transport/tls.h"

#include <stdio.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 8u
#define ACCEPT_US 125 /* more than one takes: then the loop rests */

static bool is_member(const struct api_conn *c, gid_t group)
{
    return group != 0 && stream_peer_in_group(&c->stream, group);
}

/* Root, or the user of this process. */
static bool is_host_admin(const struct api_conn *c)
{
    const struct stream_peer *peer = &c->stream.peer;

    return peer->kind == STREAM_PEER_PROCESS && (peer->uid == 0 || peer->uid == geteuid());
}

/* With --insecure-loopback every TCP client is an administrator. */
static bool is_trusted(const struct api_conn *c)
{
    return c->client.is_local ? is_host_admin(c) : c->api->o.tcp_trusted;
}

static void identify(struct api_conn *c, bool trusted)
{
    snprintf(c->client.principal, sizeof c->client.principal, "%s",
             trusted ? "admin" : c->stream.peer.name);
    if (trusted || is_member(c, c->api->o.admin_gid))
        c->client.role = BX_RPC_ADMIN;
    else if (is_member(c, c->api->o.operator_gid))
        c->client.role = BX_RPC_OPERATOR;
    else
        c->client.role = BX_RPC_ANY;
}

void api_conn_welcome(struct api_conn *c)
{
    struct bx_err err;
    bool trusted;

    api_stranger_ready(c);
    c->client.is_local = c->stream.ops == &stream_unix;
    if (!c->client.is_local && !c->api->o.tcp_trusted && c->stream.tls_context == NULL) {
        api_refuse_plain(c);
        return;
    }
    trusted = is_trusted(c);
    identify(c, trusted);
    if (c->stream.peer.kind == STREAM_PEER_CERTIFICATE) {
        /* The CA may have been replaced while the handshake was under way. */
        if (!tls_context_trusts(c->api->secure.context, c->stream.peer.certificate->ca)) {
            api_conn_close(c);
            return;
        }
        api_auth_certified(&c->client, c->stream.peer.certificate);
    }
    if (api_place_take(c, trusted, &err) != BX_OK)
        c->client.ops->end(&c->client, &err);
}

/* Who connects all the time must not keep the loop from all else. libuv waits with the next ones
 * until this one is accepted. */
static bool put_off(struct stream_listener *l)
{
    struct api *a = l->ctx;
    bool later = a->resting || a->accepted == ACCEPTS_A_TURN;

    if (l == &a->unix_socket)
        a->unix_later = later;
    else
        a->tcp_later = later;
    if (later)
        api_work_soon(a);
    a->accepted += !later;
    a->worked_us += later ? 0 : ACCEPT_US;
    return later;
}

/* The certificate that this host has by now; a host that is no member yet has none. */
static struct tls_context *context_for(const struct stream_listener *l)
{
    const struct api *a = l->ctx;

    return l == &a->tcp_socket ? a->secure.context : NULL;
}

static void on_incoming(struct stream_listener *l)
{
    struct api *a = l->ctx;
    struct tls_context *tls = context_for(l);
    struct api_conn *c;

    if (put_off(l))
        return;
    c = bx_pool_acquire(&a->connections);
    if (c == NULL)
        bx_oom(sizeof *c);
    c->api = a;
    api_client_init(&c->client, a, &api_rpc_ops);
    bx_pack_scan_init(&c->scan);
    if (tls != NULL)
        tls_stream_open(&c->stream, &a->streams, tls);
    else
        stream_open(&c->stream, &a->streams, l->ops);
    TAILQ_INSERT_TAIL(&a->conns, c, link);
    c->used = a->o.clock->ops->boot_ms(a->o.clock);
    if (stream_accept(&c->stream, l) && tls != NULL)
        api_stranger_arrived(c);
}

void api_listen_more(struct api *a)
{
    a->accepted = 0;
    if (a->unix_later)
        on_incoming(&a->unix_socket);
    if (a->tcp_later)
        on_incoming(&a->tcp_socket);
}

int api_listen(struct api *a, const char *path, const char *address, struct bx_err *err)
{
    int rc;

    a->unix_socket.incoming = a->tcp_socket.incoming = on_incoming;
    a->unix_socket.ctx = a->tcp_socket.ctx = a;
    rc = stream_listen_unix(&a->unix_socket, &a->streams, "--socket", path, err);
    if (rc == BX_OK && address[0] != '\0')
        rc = stream_listen_tcp(&a->tcp_socket, &a->streams, "--api", address, err);
    return rc;
}

void api_listen_close(struct api *a)
{
    stream_listener_close(&a->unix_socket);
    stream_listener_close(&a->tcp_socket);
}
