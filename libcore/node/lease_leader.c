/* Leader half of the lease: heartbeats of the nodes, barriers, answers. The protocol is described
 * in lease.c. */
#include "node/lease_priv.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <assert.h>
#include <string.h>

void bx_lease_leader_init(struct bx_lease *l)
{
    TAILQ_INIT(&l->leader.peers);
}

/* ---- peers ---- */

static bool is_peer(const void *item, const void *id)
{
    return ((const struct bx_lease_peer *)item)->id == *(const uint64_t *)id;
}

static struct bx_lease_peer *find_peer(const struct bx_lease *l, uint64_t id)
{
    return bx_map_get(&l->leader.map, bx_hash(&id, sizeof id), is_peer, &id);
}

static struct bx_lease_peer *add_peer(struct bx_lease *l, uint64_t id)
{
    struct bx_lease_peer *p = l->leader.map.n < BX_NODES_MAX ? bx_calloc(1, sizeof *p) : NULL;

    if (p == NULL)
        return NULL;
    p->id = id;
    if (bx_map_add(&l->leader.map, bx_hash(&id, sizeof id), p) != BX_OK) {
        bx_free(p);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&l->leader.peers, p, link);
    return p;
}

static void discard_heartbeat(struct bx_lease *l, struct bx_waiting_heartbeat *h)
{
    l->leader.waiting_bytes -= h->requests.len;
    h->present = false;
    bx_buf_release(&h->requests);
}

static void forget_peers(struct bx_lease *l)
{
    struct bx_lease_peer *p;

    while ((p = TAILQ_FIRST(&l->leader.peers)) != NULL) {
        TAILQ_REMOVE(&l->leader.peers, p, link);
        discard_heartbeat(l, &p->fresh);
        discard_heartbeat(l, &p->pending);
        bx_free(p);
    }
    bx_map_close(&l->leader.map);
}

void bx_lease_leader_close(struct bx_lease *l)
{
    forget_peers(l);
}

/* ---- answers ---- */

static bool may_start(const struct bx_view *view, uint64_t node, const struct bx_grant_request *r)
{
    const struct bx_vm *vm = bx_view_vm(view, r->vm);

    return vm != NULL && vm->node == node && vm->epoch == r->epoch &&
           vm->desired == BX_DESIRED_RUNNING && vm->phase == BX_PHASE_CREATING &&
           !vm->restart_pending;
}

/* Keep the requests that the state grants, in place; how many bytes they take. */
static uint32_t filter_requests(const struct bx_view *view, uint64_t node, struct bx_buf *requests)
{
    uint32_t kept = 0;

    for (size_t at = 0; at + BX_WANT_SIZE <= requests->len; at += BX_WANT_SIZE) {
        struct bx_grant_request r;

        bx_want_get(requests->data + at, &r);
        if (!may_start(view, node, &r))
            continue;
        memmove(requests->data + kept, requests->data + at, BX_WANT_SIZE);
        kept += BX_WANT_SIZE;
    }
    return kept;
}

/* The heartbeat is taken out before the answer is sent, which may come back into this module. */
static void answer(struct bx_lease *l, uint64_t node, struct bx_waiting_heartbeat *h)
{
    struct bx_grant g = {.seq = h->seq, .revision = bx_lease_revision(l)};
    struct bx_buf requests = {0};

    l->leader.waiting_bytes -= h->requests.len;
    h->present = false;
    bx_buf_move(&requests, &h->requests);
    memcpy(g.incarnation, h->incarnation, 16);
    g.granted.n = filter_requests(l->p.view(l->p.ctx), node, &requests);
    g.granted.p = (const char *)requests.data;
    l->stats.answered++;
    l->stats.granted += g.granted.n / BX_WANT_SIZE;
    l->p.send(l->p.ctx, node, BX_FRAME_GRANT, &bx_grant_schema, &g);
    bx_buf_release(&requests);
}

/* ---- barriers ---- */

static void submit_barrier(struct bx_lease *l);

static void on_barrier(void *arg, int code)
{
    struct bx_lease *l = arg;
    bool good = code == BX_OK;
    struct bx_lease_peer *p;

    assert(l->leader.barrier);
    l->leader.barrier = false;
    l->leader.retry = !good;
    TAILQ_FOREACH(p, &l->leader.peers, link)
    {
        if (p->pending.present && good)
            answer(l, p->id, &p->pending);
        else
            discard_heartbeat(l, &p->pending);
    }
    if (good)
        submit_barrier(l);
}

/* The fresh heartbeats become the pending ones; false: there are none. */
static bool collect_heartbeats(struct bx_lease *l)
{
    bool any = false;
    struct bx_lease_peer *p;

    TAILQ_FOREACH(p, &l->leader.peers, link)
    {
        if (!p->fresh.present)
            continue;
        any = p->pending.present = true;
        p->fresh.present = false;
        p->pending.seq = p->fresh.seq;
        memcpy(p->pending.incarnation, p->fresh.incarnation, 16);
        bx_buf_move(&p->pending.requests, &p->fresh.requests);
    }
    return any;
}

/* Unless one is under way: one barrier at a time. */
static void submit_barrier(struct bx_lease *l)
{
    if (l->leader.barrier || !l->leader.leading)
        return;
    l->leader.retry = false;
    if (!collect_heartbeats(l))
        return;
    l->leader.barrier = true;
    if (BX_MUTATED(GRANT_FROM_DEPOSED))
        on_barrier(l, BX_OK);
    else
        l->p.barrier(l->p.ctx, on_barrier, l);
}

void bx_lease_leader_tick(struct bx_lease *l)
{
    if (l->leader.retry)
        submit_barrier(l);
}

/* ---- heartbeats ---- */

/* The newest heartbeat replaces a fresh one. One that asks for nothing, is malformed or finds no
 * room is not kept. */
static void keep_heartbeat(struct bx_lease *l, struct bx_lease_peer *p,
                           const struct bx_heartbeat *b)
{
    discard_heartbeat(l, &p->fresh);
    if ((b->wants.n == 0 && !b->ask) || b->wants.n % BX_WANT_SIZE != 0 ||
        b->wants.n > BX_LEASE_WAITING_MAX - l->leader.waiting_bytes)
        return;
    if (bx_buf_append(&p->fresh.requests, b->wants.p, b->wants.n) != BX_OK)
        return;
    l->leader.waiting_bytes += b->wants.n;
    p->fresh.present = true;
    p->fresh.seq = b->seq;
    memcpy(p->fresh.incarnation, b->incarnation, 16);
}

void bx_lease_on_heartbeat(struct bx_lease *l, uint64_t from, const struct bx_heartbeat *b)
{
    uint64_t now = bx_lease_now(l);
    struct bx_lease_peer *p;

    if (!l->leader.leading)
        return;
    p = find_peer(l, from);
    if (p == NULL)
        p = add_peer(l, from);
    if (p == NULL)
        return;
    p->heartbeat_ms = now > 0 ? now : 1;
    p->low = b->low;
    keep_heartbeat(l, p, b);
    submit_barrier(l);
}

uint64_t bx_lease_last_heartbeat(const struct bx_lease *l, uint64_t node)
{
    const struct bx_lease_peer *p = find_peer(l, node);

    return p == NULL ? 0 : p->heartbeat_ms;
}

uint8_t bx_lease_last_space(const struct bx_lease *l, uint64_t node)
{
    const struct bx_lease_peer *p = find_peer(l, node);

    return p == NULL ? BX_SPACE_OK : p->low;
}

void bx_lease_on_role(struct bx_lease *l, bool leader)
{
    forget_peers(l);
    l->leader.leading = leader;
    l->leader.retry = false;
    l->node.next_heartbeat = 0; /* the new leader learns at once that this node is alive */
}
