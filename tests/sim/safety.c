/* safety - what no host may do, whatever fails around it:
 *
 *   say that a node holds more than it has, or a tenant more than its quota
 *   two leaders in one term, or two votes of one server in it
 *   be back after a restart with less than it had told to be durable
 *   have more of its log wait for its disk than is allowed, and than its largest entry of late
 *   start a VM that, so long as a grant is good, no committed state let it start
 *   start a VM sooner after its runs ended unasked than the pauses between them allow
 *   say that the guest of a run has rebooted more often than it has
 *   end a run of a VM that the newest state there is wants to go on
 *   differ from another in a byte of its state, when everything is quiet
 *
 * Each is looked at where it happens, not by what comes of it later. */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "mem/map.h"
#include "log/record.h"
#include "node/driver_sim.h"
#include "node/internal.h"
#include "wire/raftmsg.h"

#include <string.h>

/* A grant is good for T1 from the heartbeat on, on a clock that drifts; the rest is slack. */
#define GRANTED_US ((uint64_t)BX_T1_MS * SIM_MS * 102 / 100 + SIM_S)

enum fact { LEADER_OF_TERM, VOTE_IN_TERM };

/* Something that is decided once. */
struct decided {
    uint64_t fact, term, server; /* server 0: the cluster's */
    uint64_t value;
};

/* In the state after `index`, as the last that was seen, this run could be started. */
struct startable {
    uint8_t vm[16];
    uint64_t epoch, node;
    uint64_t index;
};

struct frontier {
    uint64_t at, index; /* since then some host has applied so far */
};

/* When a run of a VM ended last. */
struct rested {
    uint8_t vm[16];
    uint64_t at;
};

struct sim_safety {
    struct bx_map decided, startable, rested;
    struct frontier *frontier;
    size_t n, cap;
};

void sim_safety_init(struct sim *s)
{
    s->safety = bx_must_calloc(1, sizeof *s->safety);
}

/* ---- room ---- */

/* What rests and has no reservation takes no processor and no memory; before level 2 it does. */
static bool takes_room(const struct bx_view *view, const struct bx_vm *vm)
{
    bool rests = vm->phase == BX_PHASE_PENDING || vm->phase == BX_PHASE_STOPPED ||
                 vm->phase == BX_PHASE_FAILED;
    struct bx_cluster_info c;

    bx_view_cluster(view, &c);
    return !rests || vm->config->reserve || c.level < 2;
}

/* The VMs on each node, counted: that many it is said to hold, and has room for. */
static void check_capacity(struct sim_host *h, const struct bx_view *view)
{
    for (uint32_t i = 0; i < bx_view_nodes(view); i++) {
        const struct bx_node_row *n = bx_view_node_at(view, i);
        uint64_t vcpus = 0, memory = 0, disk = 0;
        const struct bx_vm *vm;
        size_t pos = 0;

        while ((vm = bx_view_next_on_node(view, n->info.id, &pos)) != NULL) {
            vcpus += takes_room(view, vm) ? vm->config->vcpus : 0;
            memory += takes_room(view, vm) ? vm->config->memory_mib : 0;
            disk += vm->config->disk_gib;
        }
        if (vcpus != n->allocated_vcpus || memory != n->allocated_memory_mib ||
            disk != n->allocated_disk_gib)
            sim_violation(h->sim, "node %llu holds %llu vCPUs and not %llu, or so, says %s",
                          (unsigned long long)n->info.id, (unsigned long long)vcpus,
                          (unsigned long long)n->allocated_vcpus, h->name);
        if (vcpus > n->info.vcpus * n->info.overcommit_vcpus_pct / 100 ||
            memory > n->info.memory_mib * n->info.overcommit_memory_pct / 100 ||
            disk > n->info.disk_gib)
            sim_violation(h->sim, "node %llu holds more than it has, says %s",
                          (unsigned long long)n->info.id, h->name);
    }
}

/* The VMs, counted: no more than the quota of their tenant allows, once it has one. */
static void check_quota(struct sim_host *h, const struct bx_view *view, struct bx_str tenant)
{
    struct bx_index_place at = bx_view_vms_after(view, tenant, bx_str(""), bx_str(""));
    uint64_t vcpus = 0, vms = 0;
    const struct bx_vm *vm;
    struct bx_tenant t;

    for (; (vm = bx_view_vms_step(view, tenant, &at)) != NULL; vms++)
        vcpus += vm->config->vcpus;
    if (bx_view_tenant(view, tenant, &t, NULL) == BX_OK &&
        ((t.quota.vcpus > 0 && vcpus > t.quota.vcpus) || (t.quota.vms > 0 && vms > t.quota.vms)))
        sim_violation(
            h->sim, "%llu VMs with %llu vCPUs are beyond the quota of " BX_STR_FMT ", says %s",
            (unsigned long long)vms, (unsigned long long)vcpus, BX_STR_ARG(tenant), h->name);
}

void sim_safety_room(struct sim_host *h, const struct bx_view *view)
{
    check_capacity(h, view);
    check_quota(h, view, bx_str(BX_TENANT_DEFAULT));
    check_quota(h, view, bx_str(SIM_TENANT));
}

/* ---- terms ---- */

static bool is_decided(const void *item, const void *key)
{
    return memcmp(item, key, offsetof(struct decided, value)) == 0;
}

static bool decide(struct sim *s, enum fact fact, uint64_t term, uint64_t server, uint64_t value)
{
    struct decided key = {fact, term, server, value}, *there;
    uint64_t hash = bx_hash(&key, offsetof(struct decided, value));

    there = bx_map_get(&s->safety->decided, hash, is_decided, &key);
    if (there != NULL)
        return there->value == value;
    there = bx_must_alloc(sizeof *there);
    *there = key;
    if (bx_map_add(&s->safety->decided, hash, there) != BX_OK)
        bx_oom(0);
    return true;
}

/* A request for a vote is one for oneself. */
void sim_safety_sent(struct sim_host *h, uint64_t to, const struct bx_buf *frame)
{
    uint64_t self = h->identity.node, term, vote;
    struct raft_message m;
    struct bx_header head;
    struct bx_err err;

    if (frame->len > 256 || bx_header_read(frame->data, &head) != BX_OK ||
        head.kind != BX_KIND_FRAME + BX_FRAME_RAFT ||
        bx_raftmsg_read(frame->data + BX_HEADER_SIZE, frame->len - BX_HEADER_SIZE, self, "", &m,
                        &err) != BX_OK)
        return;
    if (m.type == RAFT_REQUEST_VOTE && !m.request_vote.pre_vote) {
        term = m.request_vote.term;
        vote = self;
    } else if (m.type == RAFT_REQUEST_VOTE_RESULT && !m.request_vote_result.pre_vote &&
               m.request_vote_result.vote_granted) {
        term = m.request_vote_result.term;
        vote = to;
    } else {
        if (m.type == RAFT_APPEND_ENTRIES && m.append_entries.n_entries > 0) {
            raft_free(m.append_entries.entries[0].batch);
            raft_free(m.append_entries.entries);
        }
        return;
    }
    if (!decide(h->sim, VOTE_IN_TERM, term, self, vote))
        sim_violation(h->sim, "%s votes for a second server in term %llu", h->name,
                      (unsigned long long)term);
    if (vote != self)
        sim_nemesis_voted(h, term, vote);
}

/* ---- starts ---- */

static bool is_startable(const void *item, const void *key)
{
    return memcmp(item, key, offsetof(struct startable, index)) == 0;
}

static struct startable *startable_of(struct sim_safety *c, const struct startable *key)
{
    return bx_map_get(&c->startable, bx_hash(key, offsetof(struct startable, index)), is_startable,
                      key);
}

static void note_startable(struct sim_safety *c, const struct bx_vm *vm, uint64_t index)
{
    struct startable key = {.epoch = vm->epoch, .node = vm->node}, *there;

    if (vm->desired != BX_DESIRED_RUNNING || vm->phase != BX_PHASE_CREATING || vm->restart_pending)
        return;
    memcpy(key.vm, vm->uuid, 16);
    there = startable_of(c, &key);
    if (there == NULL) {
        there = bx_must_alloc(sizeof *there);
        *there = key;
        if (bx_map_add(&c->startable, bx_hash(&key, offsetof(struct startable, index)), there) !=
            BX_OK)
            bx_oom(0);
    }
    if (there->index < index)
        there->index = index;
}

/* How far the cluster had come at that time. */
static uint64_t frontier_at(const struct sim_safety *c, uint64_t at)
{
    size_t i = c->n;

    while (i > 0 && c->frontier[i - 1].at > at)
        i--;
    return i == 0 ? 0 : c->frontier[i - 1].index;
}

static void note_frontier(struct sim *s, uint64_t index)
{
    struct sim_safety *c = s->safety;

    if (c->n > 0 && c->frontier[c->n - 1].index >= index)
        return;
    if (c->n == c->cap) {
        c->cap = c->cap * 2 + 1024;
        c->frontier = bx_must_realloc(c->frontier, c->cap * sizeof *c->frontier);
    }
    c->frontier[c->n++] = (struct frontier){s->now, index};
}

/* No row says more reboots of a run than its guest has made. */
static void check_reboots(struct sim_host *h, const struct bx_vm *vm)
{
    struct sim_host *on = sim_host_of(h->sim, vm->node);
    uint64_t epoch;

    if (vm->reboots == 0 || on == NULL || !sim_check_epoch(on, vm->uuid, &epoch) ||
        epoch != vm->epoch)
        return;
    if (vm->reboots > bx_driver_sim_reboots(on->driver, vm->uuid))
        sim_violation(h->sim, "%s has rebooted %u times, says %s, and not %u", vm->name->s,
                      vm->reboots, h->name, bx_driver_sim_reboots(on->driver, vm->uuid));
}

static void note_state(struct sim_host *h)
{
    const struct bx_view *view = bx_node_view(h->node);
    uint64_t applied = bx_fsm_applied(bx_node_fsm(h->node));

    for (uint32_t i = 0; i < bx_view_nodes(view); i++) {
        uint64_t node = bx_view_node_at(view, i)->info.id;
        const struct bx_vm *vm;
        size_t pos = 0;

        while ((vm = bx_view_next_on_node(view, node, &pos)) != NULL) {
            note_startable(h->sim->safety, vm, applied);
            check_reboots(h, vm);
        }
    }
    note_frontier(h->sim, applied);
}

/* ---- pauses ---- */

static bool is_rested(const void *item, const void *vm)
{
    return memcmp(item, vm, 16) == 0;
}

static struct rested *rested_of(const struct sim *s, const uint8_t vm[16])
{
    return bx_map_get(&s->safety->rested, bx_hash(vm, 16), is_rested, vm);
}

void sim_safety_rest(struct sim_host *h, const uint8_t vm[16])
{
    struct rested *r = rested_of(h->sim, vm);

    if (r == NULL) {
        r = bx_must_alloc(sizeof *r);
        memcpy(r->vm, vm, 16);
        if (bx_map_add(&h->sim->safety->rested, bx_hash(vm, 16), r) != BX_OK)
            bx_oom(0);
    }
    r->at = h->sim->now;
}

/* 1 s, doubled with each failure, up to 60 s, on a clock that drifts. */
static void check_pause(struct sim_host *h, const uint8_t vm[16], uint64_t epoch)
{
    const struct bx_vm *row = bx_view_vm(bx_node_view(h->node), vm);
    const struct rested *r = rested_of(h->sim, vm);
    uint64_t pause;

    if (r == NULL || row == NULL || row->epoch != epoch || row->failures == 0)
        return;
    pause = row->failures > 6 ? 60 * SIM_S : SIM_S << (row->failures - 1);
    if (h->sim->now - r->at < pause / 100 * 98)
        sim_violation(h->sim, "%s starts %s after %u failures in a row, %.3f s after the last",
                      h->name, row->name->s, row->failures,
                      (double)(h->sim->now - r->at) / (double)SIM_S);
}

void sim_safety_run(struct sim_host *h, const uint8_t vm[16], uint64_t epoch)
{
    struct sim *s = h->sim;
    struct startable key = {.epoch = epoch, .node = h->identity.node}, *there;
    uint64_t since = s->now < GRANTED_US ? 0 : s->now - GRANTED_US;

    note_state(h); /* its turn is not over */
    memcpy(key.vm, vm, 16);
    there = startable_of(s->safety, &key);
    if (there == NULL || there->index < frontier_at(s->safety, since))
        sim_violation(s, "%s starts epoch %llu of a VM that it can have no grant for", h->name,
                      (unsigned long long)epoch);
    check_pause(h, vm, epoch);
}

/* ---- ends ---- */

/* What has gone furthest: others may only not have come so far. */
static const struct bx_view *newest_view(const struct sim *s)
{
    struct bx_node *newest = NULL;

    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct bx_node *n = s->hosts[i].node;

        if (n != NULL && (newest == NULL ||
                          bx_fsm_applied(bx_node_fsm(n)) > bx_fsm_applied(bx_node_fsm(newest))))
            newest = n;
    }
    return bx_node_view(newest);
}

void sim_safety_ended(struct sim_host *h, const uint8_t vm[16])
{
    const struct bx_vm *row = bx_view_vm(newest_view(h->sim), vm);
    uint64_t epoch;

    if (row != NULL && sim_check_epoch(h, vm, &epoch) && row->epoch == epoch &&
        row->node == h->identity.node && row->desired == BX_DESIRED_RUNNING &&
        !row->restart_pending &&
        (row->phase == BX_PHASE_CREATING || row->phase == BX_PHASE_STARTING ||
         row->phase == BX_PHASE_RUNNING))
        sim_violation(h->sim, "%s ends epoch %llu of a VM that is to run", h->name,
                      (unsigned long long)epoch);
}

/* ---- after each turn ---- */

/* Of the entries that waited since the queue was empty last: one alone may be larger than the
 * queue. What is not durable is in memory. */
static uint64_t largest_record(struct sim_host *h)
{
    struct bx_wal *wal = h->node->wal;
    struct bx_buf scratch = {0};
    struct bx_wal_entry e;

    if (bx_wal_queued(wal) == 0)
        h->largest = 0;
    for (uint64_t i = bx_wal_durable(wal) + 1; i <= bx_wal_last(wal); i++) {
        if (bx_wal_get(wal, i, &e, &scratch, NULL) == BX_OK && bx_record_size(e.len) > h->largest)
            h->largest = bx_record_size(e.len);
    }
    bx_buf_release(&scratch);
    return h->largest;
}

/* A new leader's core appends one small entry without asking. */
static void check_queue(struct sim_host *h)
{
    uint64_t queued = bx_wal_queued(h->node->wal), most = largest_record(h);

    if (h->sim->now < h->sim->crowded_until)
        return; /* several large ones may have been superseded between two turns */
    if (most < SIM_LOG_QUEUE)
        most = SIM_LOG_QUEUE;
    if (queued > most + 2 * bx_record_size(8))
        sim_violation(h->sim, "%s has %llu bytes of its log wait for its disk", h->name,
                      (unsigned long long)queued);
}

void sim_safety_turn(struct sim_host *h)
{
    uint64_t applied = bx_fsm_applied(bx_node_fsm(h->node));
    struct bx_node_status st;

    bx_node_status(h->node, &st);
    if (st.is_leader && !decide(h->sim, LEADER_OF_TERM, st.term, 0, st.id))
        sim_violation(h->sim, "%s is a second leader of term %llu", h->name,
                      (unsigned long long)st.term);
    h->promised = st.durable_index;
    check_queue(h);
    if (applied != h->noted)
        note_state(h);
    h->noted = applied;
}

void sim_safety_start(struct sim_host *h)
{
    struct bx_node_status st;

    bx_node_status(h->node, &st);
    if (st.last_index < h->promised && !h->old)
        sim_violation(h->sim, "%s had told that entry %llu is durable, and its log ends at %llu",
                      h->name, (unsigned long long)h->promised, (unsigned long long)st.last_index);
}

/* ---- the end ---- */

struct dumping {
    uint64_t hash;
};

static void dump(struct sim_host *h, void *arg)
{
    struct dumping *out = arg;
    struct bx_buf chunk = {0};
    struct bx_dump *d;
    struct bx_err err = {0};
    int rc = bx_dump_open(&d, bx_node_fsm(h->node), &err);

    while (rc == BX_OK) {
        uint64_t both[2] = {out->hash};

        rc = bx_dump_next(d, &chunk, &err);
        if (rc != BX_OK || chunk.len == 0)
            break;
        both[1] = bx_hash(chunk.data, chunk.len);
        out->hash = bx_hash(both, sizeof both);
    }
    if (rc != BX_OK)
        sim_violation(h->sim, "%s can not dump its state: %s", h->name, err.msg);
    bx_dump_close(d);
    bx_buf_release(&chunk);
}

void sim_safety_end(struct sim *s)
{
    uint64_t first = 0;

    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct dumping d = {0};

        if (!sim_enter(&s->hosts[i], dump, &d))
            continue;
        if (first == 0)
            first = d.hash;
        if (first != d.hash)
            sim_violation(s,
                          "%s has other bytes in its state than %s, though its digest is the same",
                          s->hosts[i].name, s->hosts[0].name);
    }
}

/* ---- disks ---- */

struct stored {
    const struct bx_view *view;
    bool stray;
};

static void look_at_stored(void *ctx, const uint8_t vm[16])
{
    struct stored *stored = ctx;

    stored->stray = stored->stray || bx_view_vm(stored->view, vm) == NULL;
}

const struct sim_host *sim_stray_disk(const struct sim *s)
{
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct bx_driver *d = s->hosts[i].driver;
        struct stored stored = {.stray = false};

        if (s->hosts[i].node == NULL)
            continue;
        stored.view = bx_node_view(s->hosts[i].node);
        d->ops->each_stored(d, look_at_stored, &stored);
        if (stored.stray)
            return &s->hosts[i];
    }
    return NULL;
}
