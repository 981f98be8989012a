/* The life of a grant, all going well:
 *
 *   node    want -> tick: heartbeat {seq, wants} to the leader, {seq, to, boot time} kept in `sent`
 *   leader  on_heartbeat: kept as the node's `fresh` heartbeat; no barrier is under way: it becomes
 * `asked` and a barrier is submitted -> done: state looked at, grant {seq} sent node    on_grant:
 * seq found in `sent`, each pair that is still wanted is held until T1 after the heartbeat was sent
 * -> granted
 *
 * What goes wrong:
 *   the heartbeat, the barrier or the grant is lost, or the leader changes    the next heartbeat
 * asks again, 2 s later, or at once when another leader is known the grant's revision is not
 * applied here yet    tick says granted again when it is the barrier takes long    the grant ends
 * T1 after the heartbeat all the same the leader was deposed    on_role forgets the heartbeats that
 * were asked for: whatever becomes of the barrier, nothing is left to answer memory is out    the
 * heartbeat says less, or is not answered: the same the node's daemon was restarted    another
 * incarnation: the grant is ignored
 *
 * The leader of the moment is its own node too, so send and barrier may come back into this module
 * before they return: state is settled before either is called. */
#include "node/lease.h"

#include "mem/alloc.h"
#include "mem/slab.h"
#include "mem/map.h"
#include "mutant.h"

#include <assert.h>
#include <string.h>
#include <sys/queue.h>

#define SENT_MAX 16u /* heartbeats that a grant can answer */

static_assert(BX_T1_MS + BX_KILL_MS < BX_T2_MS, "a VM may be placed anew only when it is dead");
static_assert(SENT_MAX > BX_T1_MS / BX_LEASE_HEARTBEAT_MS,
              "a heartbeat is remembered as long as it can be answered");

struct want {
    TAILQ_ENTRY(want) link;
    struct bx_grant_request pair;
    uint64_t until, revision; /* of the grant; until 0: none */
};
TAILQ_HEAD(wants, want);

struct sent {
    uint64_t seq, to, at;
};

struct heartbeat { /* not answered yet */
    uint64_t seq;
    uint8_t incarnation[16];
    struct bx_buf wants;
    bool there;
};

struct peer {
    TAILQ_ENTRY(peer) link;
    uint64_t id, leader_contact_ms;
    struct heartbeat fresh, asked;
};
TAILQ_HEAD(peers, peer);

struct bx_lease {
    struct bx_lease_ports p;
    /* ---- node half ---- */
    uint8_t incarnation[16];
    struct bx_slab slab; /* of wants */
    struct bx_map map;   /* of wants, by VM */
    struct wants wants;  /* in the order they came */
    struct sent sent[SENT_MAX];
    uint64_t seq;              /* of the newest heartbeat; it stands in sent[seq % SENT_MAX] */
    uint64_t next_heartbeat;   /* boot time */
    uint64_t heartbeat_leader; /* the leader that got the newest heartbeat */
    bool fresh_requests;       /* since the newest heartbeat */
    bool unanswered;           /* the newest heartbeat wants an answer and has none yet */
    uint64_t awaited;          /* revision of an answer that is not applied here yet; 0: none */
    bool heard;                /* a heartbeat of this life was answered, */
    uint64_t heard_revision;   /* with this revision for the first time */
    /* ---- leader half ---- */
    bool leader;
    struct bx_map peer_map;
    struct peers peers; /* in the order they were first heard */
    size_t waiting;     /* bytes of wants in all heartbeats */
    bool barrier;       /* one is under way */
    bool again;         /* it failed: tick submits the next */
};

static uint64_t now_ms(const struct bx_lease *l)
{
    return l->p.clock->ops->boot_ms(l->p.clock);
}

struct bx_lease *bx_lease_create(const struct bx_lease_ports *p)
{
    struct bx_lease *l = bx_calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->p = *p;
    TAILQ_INIT(&l->wants);
    TAILQ_INIT(&l->peers);
    p->clock->ops->random(p->clock, l->incarnation, sizeof l->incarnation);
    return l;
}

/* ---- node half: wanting ---- */

static bool is_request(const void *item, const void *vm)
{
    return memcmp(((const struct want *)item)->pair.vm, vm, 16) == 0;
}

static struct want *find_request(const struct bx_lease *l, const uint8_t vm[16])
{
    return bx_map_get(&l->map, bx_hash(vm, 16), is_request, vm);
}

static struct want *add_request(struct bx_lease *l, const uint8_t vm[16])
{
    struct want *w = bx_slab_calloc(&l->slab, sizeof *w);

    if (w == NULL)
        return NULL;
    memcpy(w->pair.vm, vm, 16);
    if (bx_map_add(&l->map, bx_hash(vm, 16), w) != BX_OK) {
        bx_slab_free(&l->slab, w, sizeof *w);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&l->wants, w, link);
    return w;
}

int bx_lease_request(struct bx_lease *l, const uint8_t vm[16], uint64_t epoch)
{
    struct want *w = find_request(l, vm);

    if (w != NULL && w->pair.epoch == epoch)
        return BX_OK;
    if (w == NULL && l->map.n >= BX_WANTS_MAX)
        return BX_BUSY;
    if (w == NULL)
        w = add_request(l, vm);
    if (w == NULL)
        return BX_NO_MEMORY;
    w->pair.epoch = epoch;
    w->until = 0;
    l->fresh_requests = true;
    return BX_OK;
}

static void drop_request(struct bx_lease *l, struct want *w)
{
    bx_map_remove(&l->map, bx_hash(w->pair.vm, 16), w);
    TAILQ_REMOVE(&l->wants, w, link);
    bx_slab_free(&l->slab, w, sizeof *w);
}

void bx_lease_cancel(struct bx_lease *l, const uint8_t vm[16])
{
    struct want *w = find_request(l, vm);

    if (w != NULL)
        drop_request(l, w);
}

static uint64_t revision_here(const struct bx_lease *l)
{
    struct bx_cluster_info info;

    bx_view_cluster(l->p.view(l->p.ctx), &info);
    return info.revision;
}

bool bx_lease_holds(const struct bx_lease *l, const uint8_t vm[16], uint64_t epoch)
{
    const struct want *w = find_request(l, vm);

    return w != NULL && w->pair.epoch == epoch && now_ms(l) < w->until &&
           revision_here(l) >= w->revision;
}

/* The heartbeat that a grant answers, when it is one of this life and still good. */
static const struct sent *answered(const struct bx_lease *l, uint64_t from,
                                   const struct bx_grant *g)
{
    const struct sent *s = &l->sent[g->seq % SENT_MAX];

    if (memcmp(g->incarnation, l->incarnation, 16) != 0 || g->seq == 0 || s->seq != g->seq)
        return NULL;
    return s->to == from && now_ms(l) < s->at + BX_T1_MS ? s : NULL;
}

void bx_lease_on_grant(struct bx_lease *l, uint64_t from, const struct bx_grant *g)
{
    const struct sent *s = answered(l, from, g);
    uint32_t held = 0;
    bool first;

    if (s == NULL)
        return;
    if (g->seq == l->seq)
        l->unanswered = false;
    first = !l->heard;
    if (first) {
        l->heard = true;
        l->heard_revision = g->revision;
    }
    for (uint32_t at = 0; at + BX_WANT_SIZE <= g->granted.n; at += BX_WANT_SIZE) {
        struct bx_grant_request pair;
        struct want *w;

        bx_want_get((const uint8_t *)g->granted.p + at, &pair);
        w = find_request(l, pair.vm);
        if (w == NULL || w->pair.epoch != pair.epoch || w->until > s->at + BX_T1_MS)
            continue;
        w->until = s->at + BX_T1_MS;
        w->revision = g->revision;
        held++;
    }
    if (held == 0 && !first)
        return;
    if (revision_here(l) < g->revision)
        l->awaited = g->revision;
    l->p.granted(l->p.ctx);
}

bool bx_lease_current(const struct bx_lease *l)
{
    return l->heard && revision_here(l) >= l->heard_revision;
}

/* ---- node half: the heartbeat ---- */

static int pack_wants(const struct bx_lease *l, struct bx_buf *b)
{
    const struct want *w;

    TAILQ_FOREACH(w, &l->wants, link)
    {
        uint8_t *p = bx_buf_extend(b, BX_WANT_SIZE);

        if (p == NULL)
            return BX_NO_MEMORY;
        bx_want_put(p, &w->pair);
    }
    return BX_OK;
}

/* Without memory for the wants the heartbeat still says that this node is alive. */
static void send_heartbeat(struct bx_lease *l, uint64_t leader, uint64_t now)
{
    struct bx_heartbeat b = {.seq = ++l->seq, .ask = !l->heard};
    struct bx_buf wants = {0};

    if (pack_wants(l, &wants) != BX_OK)
        wants.len = 0;
    b.wants = (struct bx_str){(const char *)wants.data, (uint32_t)wants.len};
    memcpy(b.incarnation, l->incarnation, 16);
    l->sent[l->seq % SENT_MAX] = (struct sent){.seq = l->seq, .to = leader, .at = now};
    l->next_heartbeat = now + BX_LEASE_HEARTBEAT_MS;
    l->heartbeat_leader = leader;
    l->fresh_requests = false;
    l->unanswered = wants.len > 0 || b.ask;
    l->p.send(l->p.ctx, leader, BX_FRAME_HEARTBEAT, &bx_heartbeat_schema, &b);
    bx_buf_release(&wants);
}

/* ---- leader half ---- */

static bool is_peer(const void *item, const void *id)
{
    return ((const struct peer *)item)->id == *(const uint64_t *)id;
}

static struct peer *find_peer(const struct bx_lease *l, uint64_t id)
{
    return bx_map_get(&l->peer_map, bx_hash(&id, sizeof id), is_peer, &id);
}

static struct peer *add_peer(struct bx_lease *l, uint64_t id)
{
    struct peer *p = l->peer_map.n < BX_NODES_MAX ? bx_calloc(1, sizeof *p) : NULL;

    if (p == NULL)
        return NULL;
    p->id = id;
    if (bx_map_add(&l->peer_map, bx_hash(&id, sizeof id), p) != BX_OK) {
        bx_free(p);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&l->peers, p, link);
    return p;
}

static void clear_heartbeat(struct bx_lease *l, struct heartbeat *b)
{
    l->waiting -= b->wants.len;
    b->there = false;
    bx_buf_release(&b->wants);
}

static void forget_peers(struct bx_lease *l)
{
    struct peer *p;

    while ((p = TAILQ_FIRST(&l->peers)) != NULL) {
        TAILQ_REMOVE(&l->peers, p, link);
        clear_heartbeat(l, &p->fresh);
        clear_heartbeat(l, &p->asked);
        bx_free(p);
    }
    bx_map_close(&l->peer_map);
}

static bool may_start(const struct bx_view *view, uint64_t node, const struct bx_grant_request *w)
{
    const struct bx_vm *vm = bx_view_vm(view, w->vm);

    return vm != NULL && vm->node == node && vm->epoch == w->epoch &&
           vm->desired == BX_DESIRED_RUNNING && vm->phase == BX_PHASE_CREATING &&
           !vm->restart_pending;
}

/* Keep of the wants what the state grants, in their place. */
static uint32_t filter_wants(const struct bx_view *view, uint64_t node, struct bx_buf *wants)
{
    uint32_t kept = 0;

    for (size_t at = 0; at + BX_WANT_SIZE <= wants->len; at += BX_WANT_SIZE) {
        struct bx_grant_request w;

        bx_want_get(wants->data + at, &w);
        if (!may_start(view, node, &w))
            continue;
        memmove(wants->data + kept, wants->data + at, BX_WANT_SIZE);
        kept += BX_WANT_SIZE;
    }
    return kept;
}

static void answer(struct bx_lease *l, uint64_t node, struct heartbeat *b)
{
    struct bx_grant g = {.seq = b->seq, .revision = revision_here(l)};
    struct bx_buf wants = {0};

    l->waiting -= b->wants.len;
    b->there = false;
    bx_buf_move(&wants, &b->wants);
    memcpy(g.incarnation, b->incarnation, 16);
    g.granted.n = filter_wants(l->p.view(l->p.ctx), node, &wants);
    g.granted.p = (const char *)wants.data;
    l->p.send(l->p.ctx, node, BX_FRAME_GRANT, &bx_grant_schema, &g);
    bx_buf_release(&wants);
}

static void submit_barrier(struct bx_lease *l);

static void on_barrier(void *arg, int code)
{
    struct bx_lease *l = arg;
    bool good = code == BX_OK;
    struct peer *p;

    assert(l->barrier);
    l->barrier = false;
    l->again = !good;
    TAILQ_FOREACH(p, &l->peers, link)
    {
        if (p->asked.there && good)
            answer(l, p->id, &p->asked);
        else
            clear_heartbeat(l, &p->asked);
    }
    if (good)
        submit_barrier(l);
}

/* For the heartbeats that wait, when there are any and none is under way. */
static void submit_barrier(struct bx_lease *l)
{
    bool any = false;
    struct peer *p;

    if (l->barrier || !l->leader)
        return;
    l->again = false;
    TAILQ_FOREACH(p, &l->peers, link)
    {
        if (!p->fresh.there)
            continue;
        any = p->asked.there = true;
        p->fresh.there = false;
        p->asked.seq = p->fresh.seq;
        memcpy(p->asked.incarnation, p->fresh.incarnation, 16);
        bx_buf_move(&p->asked.wants, &p->fresh.wants);
    }
    if (!any)
        return;
    l->barrier = true;
    if (BX_MUTATED(GRANT_FROM_DEPOSED))
        on_barrier(l, BX_OK);
    else
        l->p.barrier(l->p.ctx, on_barrier, l);
}

static void keep_heartbeat(struct bx_lease *l, struct peer *p, const struct bx_heartbeat *b)
{
    clear_heartbeat(l, &p->fresh);
    if ((b->wants.n == 0 && !b->ask) || b->wants.n % BX_WANT_SIZE != 0 ||
        b->wants.n > BX_LEASE_WAITING_MAX - l->waiting)
        return;
    if (bx_buf_append(&p->fresh.wants, b->wants.p, b->wants.n) != BX_OK)
        return;
    l->waiting += b->wants.n;
    p->fresh.there = true;
    p->fresh.seq = b->seq;
    memcpy(p->fresh.incarnation, b->incarnation, 16);
}

void bx_lease_on_heartbeat(struct bx_lease *l, uint64_t from, const struct bx_heartbeat *b)
{
    uint64_t now = now_ms(l);
    struct peer *p;

    if (!l->leader)
        return;
    p = find_peer(l, from);
    if (p == NULL)
        p = add_peer(l, from);
    if (p == NULL)
        return;
    p->leader_contact_ms = now > 0 ? now : 1;
    keep_heartbeat(l, p, b);
    submit_barrier(l);
}

uint64_t bx_lease_last_heartbeat(const struct bx_lease *l, uint64_t node)
{
    const struct peer *p = find_peer(l, node);

    return p == NULL ? 0 : p->leader_contact_ms;
}

void bx_lease_on_role(struct bx_lease *l, bool leader)
{
    forget_peers(l);
    l->leader = leader;
    l->again = false;
    l->next_heartbeat = 0;
}

/* ---- both ---- */

void bx_lease_destroy(struct bx_lease *l)
{
    struct want *w;

    if (l == NULL)
        return;
    forget_peers(l);
    while ((w = TAILQ_FIRST(&l->wants)) != NULL)
        drop_request(l, w);
    bx_map_close(&l->map);
    bx_slab_close(&l->slab);
    bx_free(l);
}

uint64_t bx_lease_tick(struct bx_lease *l)
{
    uint64_t now = now_ms(l), leader = l->p.leader(l->p.ctx);

    if (l->again)
        submit_barrier(l);
    if (l->awaited != 0 && revision_here(l) >= l->awaited) {
        l->awaited = 0;
        l->p.granted(l->p.ctx);
    }
    if (leader == 0)
        return now + BX_LEASE_HEARTBEAT_MS;
    if (now >= l->next_heartbeat || leader != l->heartbeat_leader ||
        (l->fresh_requests && !l->unanswered))
        send_heartbeat(l, leader, now);
    return l->next_heartbeat;
}
