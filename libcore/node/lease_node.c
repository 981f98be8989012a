/* Node half of the lease: requests, heartbeats, grants that are held. The protocol is described in
 * lease.c. */
#include "node/lease_priv.h"

#include <assert.h>
#include <string.h>

static_assert(BX_HEARTBEATS_KEPT > BX_T1_MS / BX_LEASE_HEARTBEAT_MS,
              "a heartbeat is remembered for as long as a grant may answer it");

void bx_lease_node_init(struct bx_lease *l)
{
    TAILQ_INIT(&l->node.requests);
    l->p.clock->ops->random(l->p.clock, l->node.incarnation, sizeof l->node.incarnation);
}

/* ---- requests ---- */

static bool is_request(const void *item, const void *vm)
{
    return memcmp(((const struct bx_lease_entry *)item)->pair.vm, vm, 16) == 0;
}

static struct bx_lease_entry *find_request(const struct bx_lease *l, const uint8_t vm[16])
{
    return bx_map_get(&l->node.map, bx_hash(vm, 16), is_request, vm);
}

static struct bx_lease_entry *add_request(struct bx_lease *l, const uint8_t vm[16])
{
    struct bx_lease_entry *r = bx_slab_calloc(&l->node.slab, sizeof *r);

    if (r == NULL)
        return NULL;
    memcpy(r->pair.vm, vm, 16);
    if (bx_map_add(&l->node.map, bx_hash(vm, 16), r) != BX_OK) {
        bx_slab_free(&l->node.slab, r, sizeof *r);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&l->node.requests, r, link);
    return r;
}

int bx_lease_request(struct bx_lease *l, const uint8_t vm[16], uint64_t epoch)
{
    struct bx_lease_entry *r = find_request(l, vm);

    if (r != NULL && r->pair.epoch == epoch)
        return BX_OK;
    if (r == NULL && l->node.map.n >= BX_WANTS_MAX)
        return BX_BUSY;
    if (r == NULL)
        r = add_request(l, vm);
    if (r == NULL)
        return BX_NO_MEMORY;
    r->pair.epoch = epoch;
    r->until = 0;
    l->node.new_requests = true;
    return BX_OK;
}

static void remove_request(struct bx_lease *l, struct bx_lease_entry *r)
{
    bx_map_remove(&l->node.map, bx_hash(r->pair.vm, 16), r);
    TAILQ_REMOVE(&l->node.requests, r, link);
    bx_slab_free(&l->node.slab, r, sizeof *r);
}

void bx_lease_cancel(struct bx_lease *l, const uint8_t vm[16])
{
    struct bx_lease_entry *r = find_request(l, vm);

    if (r != NULL)
        remove_request(l, r);
}

void bx_lease_node_close(struct bx_lease *l)
{
    struct bx_lease_entry *r;

    while ((r = TAILQ_FIRST(&l->node.requests)) != NULL)
        remove_request(l, r);
    bx_map_close(&l->node.map);
    bx_slab_close(&l->node.slab);
}

void bx_lease_tell_space(struct bx_lease *l, uint8_t low)
{
    l->node.low = low;
    l->node.next_heartbeat = 0;
}

/* ---- grants ---- */

bool bx_lease_holds(const struct bx_lease *l, const uint8_t vm[16], uint64_t epoch)
{
    const struct bx_lease_entry *r = find_request(l, vm);

    return r != NULL && r->pair.epoch == epoch && bx_lease_now(l) < r->until &&
           bx_lease_revision(l) >= r->revision;
}

bool bx_lease_current(const struct bx_lease *l)
{
    return l->node.answered && bx_lease_revision(l) >= l->node.answered_revision;
}

/* The heartbeat that a grant answers; NULL when it is not of this life, or too old. */
static const struct bx_sent_heartbeat *heartbeat_of(const struct bx_lease *l, uint64_t from,
                                                    const struct bx_grant *g)
{
    const struct bx_sent_heartbeat *s = &l->node.sent[g->seq % BX_HEARTBEATS_KEPT];

    if (memcmp(g->incarnation, l->node.incarnation, 16) != 0 || g->seq == 0 || s->seq != g->seq)
        return NULL;
    return s->to == from && bx_lease_now(l) < s->at + BX_T1_MS ? s : NULL;
}

/* Hold what is granted and still requested, unless it is held longer already. How many. */
static uint32_t hold_granted(struct bx_lease *l, const struct bx_grant *g, uint64_t until)
{
    uint32_t held = 0;

    for (uint32_t at = 0; at + BX_WANT_SIZE <= g->granted.n; at += BX_WANT_SIZE) {
        struct bx_grant_request pair;
        struct bx_lease_entry *r;

        bx_want_get((const uint8_t *)g->granted.p + at, &pair);
        r = find_request(l, pair.vm);
        if (r == NULL || r->pair.epoch != pair.epoch || r->until > until)
            continue;
        r->until = until;
        r->revision = g->revision;
        held++;
    }
    l->stats.held += held;
    return held;
}

void bx_lease_on_grant(struct bx_lease *l, uint64_t from, const struct bx_grant *g)
{
    const struct bx_sent_heartbeat *s = heartbeat_of(l, from, g);
    bool first = !l->node.answered;

    if (s == NULL)
        return;
    if (g->seq == l->node.seq)
        l->node.awaits_answer = false;
    if (first) {
        l->node.answered = true;
        l->node.answered_revision = g->revision;
    }
    if (hold_granted(l, g, s->at + BX_T1_MS) == 0 && !first)
        return;
    if (bx_lease_revision(l) < g->revision)
        l->node.awaited_revision = g->revision;
    l->p.granted(l->p.ctx);
}

/* ---- heartbeats ---- */

static int pack_requests(const struct bx_lease *l, struct bx_buf *b)
{
    const struct bx_lease_entry *r;

    TAILQ_FOREACH(r, &l->node.requests, link)
    {
        uint8_t *p = bx_buf_extend(b, BX_WANT_SIZE);

        if (p == NULL)
            return BX_NO_MEMORY;
        bx_want_put(p, &r->pair);
    }
    return BX_OK;
}

/* Without memory for the requests the heartbeat still says that this node is alive. */
static void send_heartbeat(struct bx_lease *l, uint64_t leader, uint64_t now)
{
    struct bx_lease_node *n = &l->node;
    struct bx_heartbeat b = {.seq = ++n->seq, .ask = !n->answered, .low = n->low};
    struct bx_buf requests = {0};

    if (pack_requests(l, &requests) != BX_OK)
        requests.len = 0;
    b.wants = (struct bx_str){(const char *)requests.data, (uint32_t)requests.len};
    memcpy(b.incarnation, n->incarnation, 16);
    n->sent[n->seq % BX_HEARTBEATS_KEPT] =
        (struct bx_sent_heartbeat){.seq = n->seq, .to = leader, .at = now};
    n->next_heartbeat = now + BX_LEASE_HEARTBEAT_MS;
    n->heartbeat_leader = leader;
    n->new_requests = false;
    n->awaits_answer = requests.len > 0 || b.ask;
    l->stats.heartbeats++;
    l->p.send(l->p.ctx, leader, BX_FRAME_HEARTBEAT, &bx_heartbeat_schema, &b);
    bx_buf_release(&requests);
}

uint64_t bx_lease_node_tick(struct bx_lease *l)
{
    uint64_t now = bx_lease_now(l), leader = l->p.leader(l->p.ctx);
    struct bx_lease_node *n = &l->node;

    if (n->awaited_revision != 0 && bx_lease_revision(l) >= n->awaited_revision) {
        n->awaited_revision = 0;
        l->p.granted(l->p.ctx);
    }
    if (leader == 0)
        return now + BX_LEASE_HEARTBEAT_MS;
    if (now >= n->next_heartbeat || leader != n->heartbeat_leader ||
        (n->new_requests && !n->awaits_answer))
        send_heartbeat(l, leader, now);
    return n->next_heartbeat;
}
