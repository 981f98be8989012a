#include "link/peer.h"

#include "link/conn.h"
#include "mem/alloc.h"

#include <stdio.h>

#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 3000u
#define LASTING_MS 3000u
#define ASK_MS 10000u /* without a connection, until a larger id is dialled */
#define LOST_MS 5000u /* without a connection, until a smaller id may dial */

struct link_peer *link_peer_of(struct link *l, uint64_t id)
{
    for (uint32_t i = 0; id != 0 && i < l->n_peers; i++) {
        if (l->peers[i].id == id)
            return &l->peers[i];
    }
    return NULL;
}

struct link_peer *link_peer_take(struct link *l, uint64_t id)
{
    struct link_peer *p = link_peer_of(l, id);

    if (p != NULL)
        return p;
    l->peers = bx_must_realloc(l->peers, (l->n_peers + 1) * sizeof *p);
    p = &l->peers[l->n_peers++];
    *p = (struct link_peer){.id = id};
    return p;
}

void link_peers_set(struct link *l, const struct bx_peer *peers, uint32_t n)
{
    struct link_peer *made = bx_must_calloc(n + 1, sizeof *made);
    struct link_conn *c, *next;

    for (uint32_t i = 0; i < n; i++) {
        const struct link_peer *was = link_peer_of(l, peers[i].id);

        if (was != NULL)
            made[i] = *was;
        made[i].id = peers[i].id;
        snprintf(made[i].address, sizeof made[i].address, "%s", peers[i].address);
    }
    bx_free(l->peers);
    l->peers = made;
    l->n_peers = n;
    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->up && link_peer_of(l, c->peer) == NULL)
            link_conn_close(c, "no longer a member");
        else if (c->up &&
                 !link_has_key(c, c->peer)) /* its row has come meanwhile, and is another's */
            link_conn_close(c, "its key is not the one of this node");
    }
}

bool link_peer_is_lost(const struct link *l, const struct link_peer *p)
{
    return p->conn == NULL && p->alone_ms != 0 && link_now(l) - p->alone_ms >= LOST_MS;
}

/* The larger id dials. A smaller one does now and then, in case it was removed, or is not where the
 * larger one looks for it. */
static bool may_dial(const struct link *l, struct link_peer *p, uint64_t now)
{
    if (p->conn != NULL) {
        p->alone_ms = 0;
        return false;
    }
    if (p->alone_ms == 0)
        p->alone_ms = now;
    if (p->dialling != NULL || now < p->dial_at || p->address[0] == '\0')
        return false;
    return l->identity.node > p->id || now - p->alone_ms >= ASK_MS;
}

static void dial(struct link *l, struct link_peer *p, uint64_t now)
{
    struct link_conn *c = link_conn_create(l, l->client);
    uint16_t jitter;

    l->o.clock->ops->random(l->o.clock, &jitter, sizeof jitter);
    p->backoff_ms = p->backoff_ms == 0 ? BACKOFF_MIN_MS : p->backoff_ms * 2;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
    p->dial_at = now + p->backoff_ms + jitter % (p->backoff_ms / 2);
    if (l->identity.node < p->id)
        p->dial_at += ASK_MS;
    p->dialling = c;
    c->expected = p->id;
    link_conn_dial(c, p->address);
}

void link_peers_dial(struct link *l, uint64_t now)
{
    for (uint32_t i = 0; i < l->n_peers; i++) {
        if (may_dial(l, &l->peers[i], now))
            dial(l, &l->peers[i], now);
    }
}

void link_peers_forget(struct link *l, const struct link_conn *c)
{
    struct link_peer *p = link_peer_of(l, c->up ? c->peer : c->expected);

    if (p == NULL)
        return;
    if (p->dialling == c)
        p->dialling = NULL;
    if (p->conn != c)
        return;
    p->conn = NULL;
    /* Reset the backoff only after a lasting connection: otherwise two daemons with one identity
     * would replace each other's connections without end. */
    if (link_now(l) - c->since > LASTING_MS)
        p->backoff_ms = 0;
    if (p->address[0] == '\0') /* its next connection must be admitted again */
        *p = l->peers[--l->n_peers];
}
