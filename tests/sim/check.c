/* check - the invariants, looked at after every turn of every host. */
#include "sim/history.h"
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/driver_sim.h"

#include <string.h>

#define RUNS_MAX 512u

/* What every replica must agree on at one index, by which it is found. */
struct agreed {
    uint64_t *values; /* 0: not seen yet */
    size_t cap;
};

struct run {
    uint8_t vm[16];
    uint64_t epoch, vcpus, memory_mib, disk_gib;
    unsigned host;
};

struct said {
    uint8_t session[16];
    uint64_t sequence, hash;
};

struct sim_check {
    struct agreed digests, events;
    struct run runs[RUNS_MAX];
    unsigned n_runs;
    struct bx_map outcomes;
    char missing[256]; /* why it has not settled */
};

void sim_check_init(struct sim *s)
{
    s->check = bx_must_calloc(1, sizeof *s->check);
}

/* False when another value was seen there before. */
static bool agree(struct agreed *a, uint64_t at, uint64_t value)
{
    value = value == 0 ? 1 : value;
    if (at >= a->cap) {
        size_t cap = (size_t)at * 2 + 1024;

        a->values = bx_must_realloc(a->values, cap * sizeof *a->values);
        memset(a->values + a->cap, 0, (cap - a->cap) * sizeof *a->values);
        a->cap = cap;
    }
    if (a->values[at] == 0)
        a->values[at] = value;
    return a->values[at] == value;
}

/* ---- replicas ---- */

uint64_t sim_check_shown(struct sim_host *h)
{
    struct bx_cluster_info cluster;

    bx_view_cluster(bx_node_view(h->node), &cluster);
    if (cluster.revision < h->shown)
        sim_violation(h->sim, "%s shows revision %llu after revision %llu", h->name,
                      (unsigned long long)cluster.revision, (unsigned long long)h->shown);
    h->shown = cluster.revision;
    return cluster.revision;
}

static void count_snapshot(struct sim_host *h)
{
    struct bx_node_status st;

    bx_node_status(h->node, &st);
    h->sim->stats.snapshots += st.snapshot_index > h->snapshot;
    h->snapshot = st.snapshot_index;
}

static void one_event(void *ctx, const struct bx_event *e)
{
    struct sim_host *h = ctx;
    struct bx_buf text = {0};
    uint64_t head[3] = {e->index, e->time, e->type}, hash;

    if (e->index != h->event_seen + 1)
        sim_violation(h->sim, "%s: event %llu follows %llu", h->name, (unsigned long long)e->index,
                      (unsigned long long)h->event_seen);
    h->event_seen = e->index;
    if (bx_buf_append(&text, head, sizeof head) != BX_OK ||
        bx_buf_append(&text, e->object.p, e->object.n) != BX_OK ||
        bx_buf_append(&text, e->node.p, e->node.n) != BX_OK ||
        bx_buf_append(&text, e->detail.p, e->detail.n) != BX_OK ||
        bx_buf_append(&text, e->previous.p, e->previous.n) != BX_OK)
        bx_oom(text.len);
    sim_chain_event(h, e);
    hash = bx_hash(text.data, text.len);
    bx_buf_release(&text);
    if (!agree(&h->sim->check->events, e->index, hash))
        sim_violation(h->sim, "%s: event %llu is another than others had", h->name,
                      (unsigned long long)e->index);
    if (e->index > h->sim->stats.events)
        h->sim->stats.events = e->index;
}

/* A snapshot that was installed brought events without telling them: they are kept. */
static void fill_gap(struct sim_host *h, uint64_t until)
{
    struct bx_node_status st;
    struct bx_err err = {0};
    uint32_t n;

    if (h->event_seen >= until)
        return;
    bx_node_status(h->node, &st);
    if (st.snapshot_index == h->snapshot)
        sim_violation(h->sim, "%s does not tell of event %llu", h->name,
                      (unsigned long long)h->event_seen + 1);
    if (bx_fsm_events(bx_node_fsm(h->node), h->event_seen, (uint32_t)(until - h->event_seen),
                      one_event, h, &n, &err) != BX_OK)
        sim_violation(h->sim, "%s can not give its events: %s", h->name, err.msg);
}

void sim_check_event(struct sim_host *h, const struct bx_event *e)
{
    fill_gap(h, e->index - 1);
    one_event(h, e);
}

/* By the end of a turn each revision has its event. */
static void check_events(struct sim_host *h, uint64_t revision)
{
    fill_gap(h, revision);
    if (h->event_seen != revision)
        sim_violation(h->sim, "%s is at revision %llu, and its last event is %llu", h->name,
                      (unsigned long long)revision, (unsigned long long)h->event_seen);
}

/* ---- after each turn ---- */

void sim_check_turn(struct sim_host *h)
{
    const struct bx_view *view = bx_node_view(h->node);
    uint64_t applied = bx_fsm_applied(bx_node_fsm(h->node));
    struct bx_cluster_info info;
    uint64_t seen[4];

    if (applied == h->checked)
        return;
    h->checked = applied;
    bx_view_cluster(view, &info);
    seen[0] = info.digest;
    seen[1] = info.revision;
    seen[2] = bx_fsm_sessions_digest(bx_node_fsm(h->node));
    check_events(h, info.revision);
    seen[3] = sim_chain_head(h, info.revision);
    if (!agree(&h->sim->check->digests, applied, bx_hash(seen, sizeof seen)))
        sim_violation(h->sim, "%s has another state than others had at index %llu", h->name,
                      (unsigned long long)applied);
    sim_mix(h->sim, seen, sizeof seen);
    sim_safety_room(h, view);
    count_snapshot(h);
    if (applied > h->sim->stats.entries)
        h->sim->stats.entries = applied;
}

/* ---- changes ---- */

/* Of "failed: why", "failed". A VM that backs off is to be started. */
static uint8_t phase_of(const struct bx_event *e)
{
    const char *colon = e->detail.n == 0 ? NULL : memchr(e->detail.p, ':', e->detail.n);
    struct bx_str phase = {e->detail.p,
                           colon == NULL ? e->detail.n : (uint32_t)(colon - e->detail.p)};

    if (bx_str_eq(phase, bx_str("backoff")))
        return BX_PHASE_CREATING;
    for (uint8_t i = 0; i < BX__PHASES; i++) {
        if (bx_str_eq(phase, bx_str(bx_phase_names[i])))
            return i;
    }
    return BX__PHASES;
}

struct changes {
    struct sim *sim;
    struct sim_history *history;
};

static void keep_change(void *ctx, const struct bx_event *e)
{
    const struct changes *to = ctx;
    struct sim_change c = {.revision = e->index, .type = e->type};

    if (e->type < BX_EVENT_VM_CREATED || e->type == BX_EVENT_TOKEN_CREATED ||
        e->type > BX_EVENT_NODE_REMOVED)
        return;
    snprintf(c.node, sizeof c.node, BX_STR_FMT, BX_STR_ARG(e->node));
    c.phase = phase_of(e);
    if (e->type != BX_EVENT_NODE_REMOVED)
        c.name = sim_name_of_event(to->sim, e);
    sim_history_change(to->history, &c);
}

/* What a host keeps is what was told as it happened. */
static void read_events(struct sim_host *h, void (*each)(void *ctx, const struct bx_event *e),
                        void *ctx)
{
    uint64_t oldest = bx_fsm_events_oldest(bx_node_fsm(h->node));
    struct bx_err err = {0};
    uint32_t n;

    h->event_seen = oldest == 0 ? 0 : oldest - 1;
    if (bx_fsm_events(bx_node_fsm(h->node), 0, UINT32_MAX, each, ctx, &n, &err) != BX_OK)
        sim_violation(h->sim, "%s can not give its events: %s", h->name, err.msg);
}

bool sim_check_changes(struct sim *s, struct sim_history *h)
{
    uint64_t seen;

    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (s->hosts[i].node != NULL)
            read_events(&s->hosts[i], one_event, &s->hosts[i]);
    }
    if (bx_fsm_events_oldest(bx_node_fsm(s->hosts[0].node)) > 1)
        return false;
    seen = s->hosts[0].event_seen;
    read_events(&s->hosts[0], keep_change, &(struct changes){s, h});
    s->hosts[0].event_seen = seen; /* there may be more */
    return true;
}

/* ---- runs ---- */

static struct run *find_run(struct sim_check *c, const uint8_t vm[16])
{
    for (unsigned i = 0; i < c->n_runs; i++) {
        if (memcmp(c->runs[i].vm, vm, 16) == 0)
            return &c->runs[i];
    }
    return NULL;
}

/* The host itself has room for all that runs there, whatever any row says. */
static void check_room(struct sim_host *h, const struct run *with)
{
    const struct sim_check *c = h->sim->check;
    struct run sum = {.host = h->at};
    struct bx_node_info has;

    sim_describe(h, &has);
    for (unsigned i = 0; i < c->n_runs; i++) {
        if (c->runs[i].host != h->at)
            continue;
        sum.vcpus += c->runs[i].vcpus;
        sum.memory_mib += c->runs[i].memory_mib;
        sum.disk_gib += c->runs[i].disk_gib;
    }
    if (sum.vcpus > has.vcpus * has.overcommit_vcpus_pct / 100 ||
        sum.memory_mib > has.memory_mib * has.overcommit_memory_pct / 100 ||
        sum.disk_gib > has.disk_gib)
        sim_violation(h->sim, "%s has no room for epoch %llu of the VM that starts", h->name,
                      (unsigned long long)with->epoch);
}

static void begin_run(struct sim_host *h, const uint8_t vm[16], uint64_t epoch)
{
    const struct bx_vm *row = bx_view_vm(bx_node_view(h->node), vm);
    struct sim_check *c = h->sim->check;
    struct run *r = &c->runs[c->n_runs];

    if (c->n_runs == RUNS_MAX)
        sim_violation(h->sim, "more than %u VMs run", RUNS_MAX);
    *r = (struct run){.epoch = epoch, .host = h->at};
    memcpy(r->vm, vm, 16);
    if (row != NULL) {
        r->vcpus = row->config->vcpus;
        r->memory_mib = row->config->memory_mib;
        r->disk_gib = row->config->disk_gib;
    }
    c->n_runs++;
    check_room(h, r);
}

void sim_check_run(struct sim_host *h, const uint8_t vm[16], uint64_t epoch, bool running)
{
    struct sim_check *c = h->sim->check;
    struct run *r = find_run(c, vm);

    sim_trace(h->sim, h, "%s %02x%02x%02x%02x epoch %llu", running ? "runs" : "ends", vm[0], vm[1],
              vm[2], vm[3], (unsigned long long)epoch);
    if (!running) {
        if (r != NULL && r->host == h->at && r->epoch == epoch)
            *r = c->runs[--c->n_runs];
        sim_safety_rest(h, vm);
        return;
    }
    h->sim->stats.runs++;
    sim_safety_run(h, vm, epoch);
    if (r != NULL)
        sim_violation(h->sim, "a VM runs twice: epoch %llu on %s, and epoch %llu on %s",
                      (unsigned long long)epoch, h->name, (unsigned long long)r->epoch,
                      h->sim->hosts[r->host].name);
    begin_run(h, vm, epoch);
}

bool sim_check_some_run(struct sim_host *h, uint64_t number, uint8_t vm[16])
{
    const struct sim_check *c = h->sim->check;
    uint64_t here = 0, chosen;

    for (unsigned i = 0; i < c->n_runs; i++)
        here += c->runs[i].host == h->at;
    if (here == 0)
        return false;
    chosen = number % here;
    for (unsigned i = 0; i < c->n_runs; i++) {
        if (c->runs[i].host == h->at && chosen-- == 0)
            memcpy(vm, c->runs[i].vm, 16);
    }
    return true;
}

bool sim_check_epoch(const struct sim_host *h, const uint8_t vm[16], uint64_t *epoch)
{
    const struct run *r = find_run(h->sim->check, vm);

    if (r == NULL || r->host != h->at)
        return false;
    *epoch = r->epoch;
    return true;
}

/* ---- outcomes ---- */

static bool is_said(const void *item, const void *key)
{
    return memcmp(item, key, offsetof(struct said, hash)) == 0;
}

static uint64_t hash_outcome(const struct bx_outcome *o)
{
    uint64_t words[6] = {o->sequence, o->body_hash, o->revision, o->code, o->node, o->existed};
    uint64_t all[4] = {bx_hash(words, sizeof words), bx_hash(o->object, sizeof o->object),
                       bx_hash(o->message.p, o->message.n), bx_hash(o->hint.p, o->hint.n)};

    return bx_hash(all, sizeof all);
}

void sim_check_outcome(struct sim_host *h, const struct bx_outcome *o)
{
    struct sim_check *c = h->sim->check;
    struct said key = {.sequence = o->sequence, .hash = hash_outcome(o)}, *there;
    uint64_t hash;

    memcpy(key.session, o->session, 16);
    hash = bx_hash(&key, offsetof(struct said, hash));
    there = bx_map_get(&c->outcomes, hash, is_said, &key);
    if (there == NULL) {
        there = bx_must_alloc(sizeof *there);
        *there = key;
        if (bx_map_add(&c->outcomes, hash, there) != BX_OK)
            bx_oom(0);
    } else if (there->hash != key.hash) {
        sim_violation(h->sim, "%s gives request %llu another answer than it had", h->name,
                      (unsigned long long)o->sequence);
    }
}

/* ---- the end ---- */

static bool missing(struct sim *s, const struct sim_host *h, const char *what)
{
    snprintf(s->check->missing, sizeof s->check->missing, "%s: %s", h->name, what);
    return false;
}

/* It is wanted to run, and given up: by its policy, or because its node was removed. */
static bool may_have_failed(const struct bx_vm *vm)
{
    return vm->phase == BX_PHASE_FAILED &&
           (vm->config->restart == BX_RESTART_NEVER || vm->node == 0);
}

/* It runs, once, where and as the row says, if it is wanted to; else not at all. The row knows how
 * often its guest has rebooted. */
static bool vm_settled(struct sim *s, const struct bx_vm *vm)
{
    const struct run *r = find_run(s->check, vm->uuid);
    const struct sim_host *h = sim_host_of(s, vm->node);
    bool runs = vm->phase == BX_PHASE_RUNNING;

    if (vm->node != 0 && h == NULL)
        return r == NULL; /* a node that never came up: its row waits for an operator */
    if (runs != (r != NULL) || (runs && (r->epoch != vm->epoch || r->host != h->at)))
        return false;
    if (runs && bx_node_level(h->node) >= 2 &&
        vm->reboots != bx_driver_sim_reboots(h->driver, vm->uuid))
        return false;
    if (vm->desired == BX_DESIRED_STOPPED)
        return vm->phase == BX_PHASE_STOPPED;
    return vm->desired == BX_DESIRED_RUNNING && (runs || may_have_failed(vm));
}

/* Nothing runs that no row speaks of. */
static bool runs_settled(struct sim *s, const struct bx_view *view)
{
    struct sim_check *c = s->check;

    for (unsigned i = 0; i < c->n_runs; i++) {
        const struct run *r = &c->runs[i];

        if (bx_view_vm(view, r->vm) != NULL)
            continue;
        snprintf(c->missing, sizeof c->missing, "%02x%02x%02x%02x runs on %s and is in no row",
                 r->vm[0], r->vm[1], r->vm[2], r->vm[3], s->hosts[r->host].name);
        return false;
    }
    return true;
}

static bool vms_settled(struct sim *s, const struct sim_host *h)
{
    const struct bx_view *view = bx_node_view(h->node);
    struct bx_index_place at = bx_view_after(view, BX_TABLE_VM, NULL);
    const struct bx_vm *vm;
    bool good = true;

    while (good && (vm = bx_view_step(view, BX_TABLE_VM, &at)) != NULL) {
        good = vm_settled(s, vm);
        if (!good)
            snprintf(s->check->missing, sizeof s->check->missing,
                     "%s is %s, wanted %s, on node %llu, epoch %llu, rebooted %u times",
                     vm->name->s, bx_phase_names[vm->phase], bx_desired_names[vm->desired],
                     (unsigned long long)vm->node, (unsigned long long)vm->epoch, vm->reboots);
    }
    return good;
}

bool sim_check_settled(struct sim *s)
{
    const struct sim_host *stray = sim_stray_disk(s);
    uint64_t applied = 0;

    if (s->removals > 0)
        return missing(s, &s->hosts[0], "a node is to be removed");
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct sim_host *h = &s->hosts[i];
        struct bx_node_status st;

        if (h->node == NULL)
            return missing(s, h, "no member");
        bx_node_status(h->node, &st);
        if (!st.quorum)
            return missing(s, h, "knows no leader");
        if (st.applied_index != st.commit_index || st.pending > 0)
            return missing(s, h, "has work to do");
        if (applied == 0)
            applied = st.applied_index;
        if (applied != st.applied_index)
            return missing(s, h, "is at another index than others");
    }
    if (stray != NULL)
        return missing(s, stray, "has the disk of a VM that was deleted");
    return vms_settled(s, &s->hosts[0]) && runs_settled(s, bx_node_view(s->hosts[0].node));
}

static void tell_host(const struct sim_host *h)
{
    struct bx_node_status st;

    if (h->node == NULL) {
        printf("%s: no member\n", h->name);
        return;
    }
    bx_node_status(h->node, &st);
    printf("%s: node %llu, term %llu, leader %llu, snapshot %llu, applied %llu, committed %llu, "
           "last %llu, members",
           h->name, (unsigned long long)st.id, (unsigned long long)st.term,
           (unsigned long long)st.leader, (unsigned long long)st.snapshot_index,
           (unsigned long long)st.applied_index, (unsigned long long)st.commit_index,
           (unsigned long long)st.last_index);
    for (uint32_t i = 0; i < st.n_members; i++)
        printf(" %llu%s%s", (unsigned long long)st.members[i].id,
               st.members[i].voter ? "" : " (stand-by)", st.members[i].connected ? "" : " (away)");
    putchar('\n');
}

_Noreturn void sim_check_unsettled(struct sim *s)
{
    for (unsigned i = 0; i < s->n_hosts; i++)
        tell_host(&s->hosts[i]);
    sim_violation(s, "no progress though nothing fails any more: %s",
                  sim_clients_idle(s) ? s->check->missing : "clients have no answer");
}
