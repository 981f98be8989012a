/* listen - accepts clients and identifies them. */
#include "api/priv.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Clients get at most half of the file descriptors; log, state and peers need the rest. */
static uint32_t conns_max(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur / 2 > API_CONNS_MAX)
        return API_CONNS_MAX;
    return (uint32_t)files.rlim_cur / 2;
}

/* Every TCP client is an administrator, which is why only loopback addresses are accepted. */
static void identify(struct api_conn *c)
{
    const struct stream_peer *peer = &c->stream.peer;
    bool local = c->stream.ops == &stream_unix;

    c->proven = local;
    if (!local ||
        (peer->kind == STREAM_PEER_PROCESS && (peer->uid == 0 || peer->uid == geteuid()))) {
        c->client.role = BX_RPC_ADMIN;
        snprintf(c->client.principal, sizeof c->client.principal, "admin");
    } else {
        c->client.role = BX_RPC_VIEWER;
        snprintf(c->client.principal, sizeof c->client.principal, "%.31s", peer->name);
    }
}

/* Refuse a connection beyond the maximum. */
static void refuse(struct api_conn *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_BUSY, "too many connections (%u)", c->api->conns_max);
    bx_err_hint(&err, "close some, or connect to another node");
    c->client.ops->end(&c->client, &err);
}

void api_conn_welcome(struct api_conn *c)
{
    identify(c);
    if (c->api->n_conns > c->api->conns_max)
        refuse(c);
}

static void on_incoming(struct stream_listener *l)
{
    struct api *a = l->ctx;
    struct api_conn *c = bx_pool_acquire(&a->connections);

    if (c == NULL)
        bx_oom(sizeof *c);
    c->api = a;
    c->client.ops = &api_rpc_ops;
    c->client.api = a;
    c->client.codecs = 1u << BX_CODEC_MSGPACK;
    bx_pack_scan_init(&c->scan);
    stream_open(&c->stream, &a->streams, l->ops);
    TAILQ_INSERT_TAIL(&a->conns, c, link);
    a->n_conns++;
    stream_accept(&c->stream, l);
}

int api_listen(struct api *a, const char *path, const char *address, struct bx_err *err)
{
    int rc;

    a->conns_max = conns_max();
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
