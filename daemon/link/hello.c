/* hello - the handshake of the link: which peers may send frames, and which frames.
 *
 *   dialled   --hello sent--> waiting --their hello--> up
 *   accepted  --their hello--> hello sent: up (a member)
 *             --their hello--> hello sent: stranger (node 0: may send one JOIN)
 *   either    --a refused hello--> a hello with the reason is sent, then closed
 *             --a hello with a reason--> closed */
#include "link/conn.h"
#include "rec/rec.h"
#include "pki/pki.h"

#include <stdio.h>
#include <string.h>

static const char removed[] = "this node was removed from the cluster";
static const char larger_dials[] = "the node with the larger id dials";

/* The node that the hello is for, as far as it is known yet. */
static void repeat_what_it_holds(const struct link_conn *c, struct bx_hello *h)
{
    uint64_t to = c->expected != 0 ? c->expected : c->peer;
    struct bx_stored heard =
        to == 0 ? (struct bx_stored){0} : c->owner->o.heard(c->owner->o.ctx, to);

    h->heard_term = heard.term;
    h->heard_index = heard.index;
}

void link_say_hello(struct link_conn *c, const char *refuse)
{
    const struct bx_identity *id = &c->owner->identity;
    struct bx_hello h = {.level_min = 1,
                         .level_max = c->owner->o.build.level,
                         .codecs = 1u << BX_CODEC_FLAT | 1u << BX_CODEC_LZ,
                         .version = bx_str(c->owner->o.build.version)};
    struct bx_buf frame = {0};

    h.node = c->join_done != NULL ? 0 : id->node;
    if (h.node != 0) {
        memcpy(h.cluster, id->cluster, 16);
        memcpy(h.history, id->history, 16);
        memcpy(h.incarnation, id->incarnation, 16);
        repeat_what_it_holds(c, &h);
    }
    h.refuse = bx_str(refuse == NULL ? "" : refuse);
    h.removed = refuse == removed;
    if (bx_frame_write(&frame, BX_FRAME_HELLO, &bx_hello_schema, &h) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
}

#define REFUSAL_AGAIN_MS 60000u /* until the same one is logged again */

/* Anybody can connect, and choose what the text says. */
static bool may_tell(struct link *l)
{
    return rate_may(&l->told, link_now(l), LINK_TOLD_MAX, NULL);
}

static void log_refusal(const struct link_conn *c, const char *text)
{
    struct link *l = c->owner;

    bool again =
        strcmp(l->last_refusal, text) == 0 && link_now(l) - l->last_refusal_ms < REFUSAL_AGAIN_MS;

    if (again || (c->accepted && !may_tell(l)))
        return;
    l->last_refusal_ms = link_now(l);
    snprintf(l->last_refusal, sizeof l->last_refusal, "%s", text);
    if (c->accepted)
        BX_WARNING("link", "refused a connection", "err", text);
    else
        BX_WARNING("link", "a connection was refused", "err", text);
}

/* The host without its port, which is another one for each attempt. */
static struct bx_str host_of(const struct link_conn *c)
{
    const char *name = c->stream.peer.name, *colon = strrchr(name, ':');

    return (struct bx_str){name, colon == NULL ? 0 : (uint32_t)(colon - name)};
}

static void keep_record(const struct link_conn *c, const char *why)
{
    const struct link_options *o = &c->owner->o;

    if (c->accepted && o->refused != NULL)
        o->refused(o->ctx, host_of(c), why);
}

void link_tell(struct link_conn *c, const char *why)
{
    char text[sizeof c->owner->last_refusal];

    if (c->accepted)
        snprintf(text, sizeof text, "%.160s (from " BX_STR_FMT ")", why, BX_STR_ARG(host_of(c)));
    else
        snprintf(text, sizeof text, "%.160s (node %llu)", why, (unsigned long long)c->expected);
    keep_record(c, why);
    if (c->join_done == NULL) /* who joins is told */
        log_refusal(c, text);
}

void link_refused(struct link_conn *c, const char *why)
{
    c->owner->stats.refused++;
    link_tell(c, why);
}

/* Send the reason, then close the connection. */
static void refuse(struct link_conn *c, uint64_t node, const char *why)
{
    char text[sizeof c->owner->last_refusal];

    snprintf(text, sizeof text, "refused a connection from node %llu: %s", (unsigned long long)node,
             why);
    log_refusal(c, text);
    if (why != larger_dials) /* which happens between members */
        keep_record(c, text);
    c->owner->stats.refused++;
    link_say_hello(c, why);
    stream_finish(&c->stream, STREAM_CLOSE);
}

/* Why the certificate is not that of the node; NULL: it is, or this is loopback without TLS. */
static const char *uncertified(const struct link_conn *c, uint64_t node)
{
    const struct pki_cert *cert = c->stream.peer.certificate;

    if (c->stream.tls_context == NULL)
        return NULL;
    if (cert == NULL || cert->kind != PKI_NODE)
        return "no node's certificate";
    return cert->node == node ? NULL : "its certificate is of another node";
}

bool link_has_key(const struct link_conn *c, uint64_t node)
{
    const struct link_options *o = &c->owner->o;

    return c->stream.tls_context == NULL ||
           o->has_key(o->ctx, node, c->stream.peer.certificate->pin);
}

static const char *distrusted(const struct link_conn *c, uint64_t node)
{
    const struct link_options *o = &c->owner->o;

    if (!link_has_key(c, node))
        return "its key is not the one of this node";
    return c->stream.tls_context == NULL || o->is_known(o->ctx, node) ? NULL
                                                                      : "it is not known here yet";
}

static bool is_proven(const struct link_conn *c, uint64_t node)
{
    return uncertified(c, node) == NULL && distrusted(c, node) == NULL;
}

static const char *reason_to_refuse(struct link_conn *c, const struct bx_hello *h)
{
    const struct bx_identity *id = &c->owner->identity;
    const struct link_peer *p = link_peer_of(c->owner, h->node);
    const char *why;

    if (h->level_min > c->owner->o.build.level || h->level_max < 1)
        return "no common feature level";
    if (h->level_max < c->owner->o.level(c->owner->o.ctx))
        return "its build does not support the cluster's feature level; upgrade it";
    if ((h->codecs & 1u << BX_CODEC_FLAT) == 0)
        return "no common codec";
    if (h->node == 0 && c->accepted)
        return NULL;
    if ((why = uncertified(c, h->node)) != NULL)
        return why;
    if (memcmp(h->cluster, id->cluster, 16) != 0)
        return "member of another cluster";
    if (memcmp(h->history, id->history, 16) != 0)
        return "member of another history of this cluster";
    if (h->node == id->node)
        return "it has this node's own id";
    if (p == NULL && c->owner->o.was_removed(c->owner->o.ctx, h->node))
        return removed;
    if ((why = distrusted(c, h->node)) != NULL)
        return why;
    if (c->accepted && h->node < id->node && !(p != NULL && link_peer_is_lost(c->owner, p)))
        return larger_dials;
    if (p == NULL && !(c->accepted && c->owner->o.admits(c->owner->o.ctx, h->node)))
        return "not a member of the cluster";
    if (c->expected != 0 && c->expected != h->node)
        return "another node answers at this address";
    if (p != NULL && p->conn != NULL && memcmp(p->conn->incarnation, h->incarnation, 16) != 0)
        return "a node with this id is already connected";
    return NULL;
}

static void come_up(struct link_conn *c, const struct bx_hello *h)
{
    struct link_peer *p = link_peer_of(c->owner, h->node);
    struct bx_stored heard = {h->heard_term, h->heard_index};

    c->owner->o.was_heard(c->owner->o.ctx, h->node, &heard);
    c->peer = h->node;
    /* The node has reconnected: its old connection is dead, which has not been detected yet. */
    if (p != NULL && p->conn != NULL)
        link_conn_close(p->conn, "replaced by a newer connection");
    if (c->accepted)
        link_say_hello(c, NULL);
    if (c->stream.closing)
        return;
    p = link_peer_take(c->owner, h->node);
    c->up = true;
    c->codecs = h->codecs;
    c->build.level = h->level_max;
    snprintf(c->build.version, sizeof c->build.version, BX_STR_FMT, BX_STR_ARG(h->version));
    c->since = link_now(c->owner);
    memcpy(c->incarnation, h->incarnation, 16);
    p->conn = c;
    if (p->dialling == c)
        p->dialling = NULL;
    c->owner->last_refusal[0] = '\0';
    c->owner->o.peer(c->owner->o.ctx, c->peer, true);
}

static void welcome_stranger(struct link_conn *c)
{
    c->stranger = true;
    link_say_hello(c, NULL);
}

/* Only the node that was dialled may say so, and it must have proven that it is this node: a node
 * that was removed can be at the address of a member. */
static bool says_removed(const struct link_conn *c, const struct bx_hello *h)
{
    const struct bx_identity *id = &c->owner->identity;

    return h->removed && h->node != 0 && h->node == c->expected && is_proven(c, h->node) &&
           memcmp(h->cluster, id->cluster, 16) == 0 && memcmp(h->history, id->history, 16) == 0;
}

static void on_refusal(struct link_conn *c, const struct bx_hello *h)
{
    char text[sizeof c->owner->last_refusal];
    bool asked = c->expected > c->owner->identity.node; /* whether this node was removed */
    int n = (int)(h->refuse.n > 160 ? 160 : h->refuse.n);

    if (c->accepted && !c->up) { /* whoever it is, it was not asked */
        snprintf(text, sizeof text, "it refuses this node: %.*s", n, h->refuse.p);
        link_refused(c, text);
        link_conn_close(c, text);
        return;
    }
    snprintf(text, sizeof text, "refused by node %llu: %.*s",
             (unsigned long long)(c->up ? c->peer : c->expected), n, h->refuse.p);
    if (c->join_done == NULL && (!asked || h->removed))
        log_refusal(c, text);
    if (says_removed(c, h))
        c->owner->o.removed(c->owner->o.ctx);
    link_conn_close(c, text);
}

static void on_hello(struct link_conn *c, const uint8_t *p, size_t n)
{
    struct bx_hello h = {0};
    const char *why;

    if (bx_frame_read(BX_FRAME_HELLO, p, n, &h, NULL, NULL) != BX_OK)
        link_conn_malformed(c, "malformed hello");
    else if (h.refuse.n > 0)
        on_refusal(c, &h);
    else if (c->up || c->stranger)
        link_conn_malformed(c, "duplicate hello");
    else if (c->join_done != NULL)
        return; /* accepted; wait for its JOIN */
    else if ((why = reason_to_refuse(c, &h)) != NULL)
        refuse(c, h.node, why);
    else if (h.node == 0)
        welcome_stranger(c);
    else
        come_up(c, &h);
}

static void on_join(struct link_conn *c, const uint8_t *p, size_t n)
{
    struct bx_join j = {0};

    if (bx_frame_read(BX_FRAME_JOIN, p, n, &j, NULL, NULL) != BX_OK) {
        link_conn_malformed(c, "malformed request to join");
        return;
    }
    c->asked = true;
    c->since = link_now(c->owner);
    c->owner->o.join(c->owner->o.ctx, c->handle, &j);
}

static void on_joined(struct link_conn *c, const uint8_t *p, size_t n)
{
    struct bx_arena arena = {0};
    struct bx_joined a = {0};

    if (bx_frame_read(BX_FRAME_JOINED, p, n, &a, &arena, NULL) == BX_OK) {
        c->join_done(c->join_ctx, &a, NULL);
        c->join_done = NULL;
    }
    bx_arena_close(&arena);
    link_conn_close(c, "malformed answer to the JOIN");
}

static void pong(struct link_conn *c)
{
    struct bx_buf frame = {0};

    if (bx_frame_write_raw(&frame, BX_FRAME_PONG, NULL, 0, NULL, 0) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
}

void link_on_frame(struct link_conn *c, uint16_t kind, const uint8_t *p, size_t n)
{
    if (kind == BX_FRAME_HELLO)
        on_hello(c, p, n);
    else if (kind == BX_FRAME_JOIN && c->stranger && !c->asked)
        on_join(c, p, n);
    else if (kind == BX_FRAME_JOINED && c->join_done != NULL)
        on_joined(c, p, n);
    else if (!c->up || kind == BX_FRAME_JOIN || kind == BX_FRAME_JOINED)
        link_conn_malformed(c, "unexpected frame");
    else if ((kind == BX_FRAME_PING || kind == BX_FRAME_PONG) && n > 0)
        link_conn_malformed(c, "PING or PONG with a payload");
    else if (kind == BX_FRAME_PING)
        pong(c);
    else if (kind != BX_FRAME_PONG)
        c->owner->o.frame(c->owner->o.ctx, c->peer, (enum bx_frame)kind, p, n);
}
