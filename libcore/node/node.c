#include "node/internal.h"

#include "mem/alloc.h"
#include "plant.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRUST_BYTES 17u /* boot id, clean */

/* ---- small things ---- */

uint64_t bx_node_now(const struct bx_node *n)
{
    return n->o.clock->ops->boot_ms(n->o.clock);
}

void bx_node_wake(struct bx_node *n)
{
    n->o.wake(n->o.ctx);
}

void bx_node_log(struct bx_node *n, int level, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    n->o.log(n->o.ctx, level, text);
}

void bx_node_fatal(struct bx_node *n, const struct bx_err *err)
{
    n->o.fatal(n->o.ctx, err);
    abort(); /* fatal does not return */
}

struct bx_fsm *bx_node_fsm(struct bx_node *n)
{
    return n->fsm;
}

const struct bx_view *bx_node_view(const struct bx_node *n)
{
    return bx_fsm_view(n->fsm);
}

bool bx_node_send_raw(struct bx_node *n, uint64_t to, enum bx_frame kind, const void *p, size_t len,
                      const void *q, size_t m)
{
    struct bx_buf frame = {0};
    bool ok = bx_frame_write_raw(&frame, kind, p, len, q, m) == BX_OK &&
              n->o.link->ops->send(n->o.link, to, &frame);

    bx_buf_release(&frame);
    return ok;
}

void bx_node_send(struct bx_node *n, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                  const void *obj)
{
    struct bx_buf frame = {0};

    if (bx_frame_write(&frame, kind, s, obj) == BX_OK) {
        if (to == n->id)
            bx_node_receive(n, to, kind, frame.data + BX_HEAD_SIZE, frame.len - BX_HEAD_SIZE);
        else
            n->o.link->ops->send(n->o.link, to, &frame);
    }
    bx_buf_release(&frame);
}

/* ---- what the modules call out ---- */

static void on_outcome(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    (void)index;
    (void)place;
    bx_propose_on_outcome(ctx, o);
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    struct bx_node *n = ctx;

    bx_reconcile_on_vm(n->reconcile, vm, gone);
    n->o.vm(n->o.ctx, vm, gone);
}

static void on_node(void *ctx, const struct bx_node_row *row, bool gone)
{
    struct bx_node *n = ctx;

    (void)row;
    (void)gone;
    n->member.peers_dirty = true;
}

static void on_event(void *ctx, const struct bx_event *e)
{
    struct bx_node *n = ctx;

    n->o.event(n->o.ctx, e);
}

static bool on_raft_send(void *ctx, uint64_t to, struct bx_buf *frame)
{
    struct bx_node *n = ctx;

    return n->o.link->ops->send(n->o.link, to, frame);
}

static bool on_raft_reachable(void *ctx, uint64_t to)
{
    struct bx_node *n = ctx;

    return n->o.link->ops->connected(n->o.link, to);
}

static void on_raft_send_snapshot(void *ctx, uint64_t to, const struct raft_install_snapshot *m)
{
    bx_snapshots_send(ctx, to, m);
}

static int on_raft_received(void *ctx, uint64_t index, uint64_t term, struct bx_err *err)
{
    struct bx_node *n = ctx;

    return bx_snap_receive_finish(n->o.disk->fs, index, term, err);
}

static int on_raft_install(void *ctx, uint64_t index, uint64_t term, struct bx_err *err)
{
    return bx_snapshots_install(ctx, index, term, err);
}

/* The single voter of a new cluster becomes leader while its core is being started. */
static void on_raft_role(void *ctx, bool leader)
{
    struct bx_node *n = ctx;

    bx_node_log(n, 6, leader ? "leader of term %llu" : "no longer leader, term %llu",
                (unsigned long long)bx_raft_term(&n->raft));
    bx_member_on_role(n, leader);
    bx_lease_on_role(n->lease, leader);
    bx_node_wake(n);
}

static void on_wake(void *ctx)
{
    bx_node_wake(ctx);
}

static void on_raft_fatal(void *ctx, const struct bx_err *err)
{
    bx_node_fatal(ctx, err);
}

static uint64_t lease_leader(void *ctx)
{
    struct bx_node *n = ctx;

    return n->raft_open ? bx_raft_leader(&n->raft) : 0;
}

static void lease_send(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                       const void *obj)
{
    bx_node_send(ctx, to, kind, s, obj);
}

static void lease_barrier(void *ctx, void (*done)(void *arg, int code), void *arg)
{
    bx_reads_as_leader(ctx, done, arg);
}

static const struct bx_view *view_of(void *ctx)
{
    struct bx_node *n = ctx;

    return bx_fsm_view(n->fsm);
}

static void lease_granted(void *ctx)
{
    struct bx_node *n = ctx;

    bx_reconcile_on_grant(n->reconcile);
    n->reconcile_at = 0;
    bx_node_wake(n);
}

static void reconcile_report(void *ctx, const struct bx_cmd_vm_report *r)
{
    bx_propose_tell(ctx, BX_CMD_VM_REPORT, r);
}

/* ---- opening ---- */

/* True when state.db is what this daemon's last life left behind: it was closed cleanly, or the
 * kernel that had its pages is still the same. */
static int open_trust(struct bx_node *n, bool *trusted, struct bx_err *err)
{
    uint8_t value[BX_SLOTS_MAX];
    size_t len;
    int rc = bx_slots_open(&n->trust, n->o.disk->fs, "trust", BX_KIND_TRUST, value, &len, err);

    if (rc != BX_OK)
        return rc;
    *trusted = len == TRUST_BYTES && (value[16] == 1 || memcmp(value, n->o.boot_id, 16) == 0);
    return BX_OK;
}

static int save_trust(struct bx_node *n, bool clean, struct bx_err *err)
{
    uint8_t value[TRUST_BYTES];

    memcpy(value, n->o.boot_id, 16);
    value[16] = clean;
    return bx_slots_save(&n->trust, value, sizeof value, err);
}

static int refuse(struct bx_node *n, struct bx_err *err, const char *what)
{
    bx_err_set(err, BX_CORRUPT, "%s: %s", n->o.disk->fs->dir, what);
    bx_err_hint(err, "wipe %s and join the cluster again under a new id", n->o.disk->fs->dir);
    return BX_CORRUPT;
}

/* Do log, snapshot and vote belong together? A crash between installing a snapshot and resetting
 * the log leaves a log that does not meet it: the snapshot is the newer truth. */
static int check_log(struct bx_node *n, const struct bx_snap_meta *snap, struct bx_err *err)
{
    uint64_t first = bx_wal_first(n->wal), last = bx_wal_last(n->wal);

    if (snap == NULL && first != 1)
        return refuse(n, err, "the log begins after entry 1 and there is no snapshot");
    if (snap == NULL && last == 0 && n->o.identity.founder && n->vote.term > 0)
        return refuse(n, err, "the log of this founding member is gone");
    if (snap == NULL)
        return BX_OK;
    if (first > snap->index + 1)
        return refuse(n, err, "entries between the snapshot and the log are missing");
    if (last < snap->index ||
        (first <= snap->index && bx_wal_term(n->wal, snap->index) != snap->term))
        return bx_wal_reset(n->wal, snap->index, snap->term);
    return BX_OK;
}

static int open_state(struct bx_node *n, bool trusted, struct bx_snap_reader *reader,
                      struct bx_err *err)
{
    struct bx_fsm_options fo = {.path = n->o.state_path, .trusted = trusted, .intern = n->intern};
    int rc;

    fo.sink = (struct bx_fsm_sink){on_outcome, on_vm, on_node, on_event, n};
    rc = bx_fsm_open(&n->fsm, &fo, err);
    if (rc == BX_OK && reader != NULL && bx_fsm_applied(n->fsm) < bx_snap_meta(reader)->index)
        rc = bx_snapshots_restore(n, reader, err);
    return rc;
}

static int create_loops(struct bx_node *n)
{
    struct bx_lease_ports lp = {n->o.clock, lease_leader,  lease_send, lease_barrier,
                                view_of,    lease_granted, n};
    struct bx_reconcile_ports rp = {.clock = n->o.clock,
                                    .driver = n->o.driver,
                                    .view = view_of,
                                    .report = reconcile_report,
                                    .wake = on_wake,
                                    .ctx = n};

    n->lease = bx_lease_create(&lp);
    if (n->lease == NULL)
        return BX_NO_MEMORY;
    rp.lease = n->lease;
    n->reconcile = bx_reconcile_create(n->id, &rp);
    return n->reconcile == NULL ? BX_NO_MEMORY : BX_OK;
}

static int open_raft(struct bx_node *n, const struct bx_snap_meta *snap, struct bx_err *err)
{
    char address[BX_ADDRESS_MAX + 1];
    struct raft_configuration founding;
    struct bx_raft_options ro = {.id = n->id,
                                 .address = address,
                                 .clock = n->o.clock,
                                 .disk = n->o.disk,
                                 .wal = n->wal,
                                 .vote = &n->vote,
                                 .snapshot = snap,
                                 .founding = n->o.identity.founder ? &founding : NULL,
                                 .election_ms = n->o.election_ms,
                                 .heartbeat_ms = n->o.heartbeat_ms,
                                 .send = on_raft_send,
                                 .reachable = on_raft_reachable,
                                 .send_snapshot = on_raft_send_snapshot,
                                 .received = on_raft_received,
                                 .install = on_raft_install,
                                 .role = on_raft_role,
                                 .wake = on_wake,
                                 .fatal = on_raft_fatal,
                                 .ctx = n};
    int rc;

    snprintf(address, sizeof address, BX_STR_FMT, BX_STR_ARG(n->o.self.address));
    raft_configuration_init(&founding);
    if (raft_configuration_add(&founding, n->id, address, RAFT_VOTER) != 0)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    rc = bx_raft_open(&n->raft, &ro, err);
    raft_configuration_close(&founding);
    n->raft_open = rc == BX_OK;
    return rc;
}

static void defaults(struct bx_node_options *o)
{
    if (o->election_ms == 0)
        o->election_ms = 1000;
    if (o->heartbeat_ms == 0)
        o->heartbeat_ms = 100;
    if (o->snapshot_bytes == 0)
        o->snapshot_bytes = 32u << 20;
    if (o->trailing_bytes == 0)
        o->trailing_bytes = o->snapshot_bytes / 2;
    if (o->proposals.max == 0)
        o->proposals = (struct bx_pool_size){1000, 100};
}

static int open_parts(struct bx_node *n, struct bx_snap_reader **reader, struct bx_err *err)
{
    struct bx_wal_options wo = {.fs = n->o.disk->fs, .segment_size = n->o.segment_bytes};
    const struct bx_snap_meta *snap = NULL;
    bool trusted = false;
    int rc = open_trust(n, &trusted, err);

    if (rc == BX_OK)
        rc = bx_vote_open(&n->vote, n->o.disk->fs, err);
    if (rc == BX_OK)
        rc = bx_wal_open(&n->wal, &wo, err);
    if (rc == BX_OK)
        rc = bx_snap_clean(n->o.disk->fs, err);
    if (rc == BX_OK)
        rc = bx_snap_open_latest(reader, n->o.disk->fs, err);
    if (rc == BX_NOT_FOUND)
        rc = BX_OK;
    if (rc == BX_OK && *reader != NULL) {
        snap = bx_snap_meta(*reader);
        n->snapshots.index = snap->index;
    }
    if (rc == BX_OK)
        rc = check_log(n, snap, err);
    if (rc == BX_OK)
        rc = save_trust(n, false, err);
    if (rc == BX_OK)
        rc = create_loops(n);
    if (rc == BX_OK)
        rc = open_state(n, trusted, *reader, err);
    if (rc == BX_OK)
        rc = open_raft(n, snap, err);
    return rc;
}

int bx_node_open(struct bx_node **out, const struct bx_node_options *o, struct bx_err *err)
{
    struct bx_node *n = bx_calloc(1, sizeof *n);
    struct bx_snap_reader *reader = NULL;
    int rc;

    *out = NULL;
    if (n == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    bx_raft_heap_use();
    n->o = *o;
    n->id = o->identity.node;
    defaults(&n->o);
    n->intern = bx_intern_create(o->intern_strings, o->intern_bytes);
    rc = n->intern == NULL ? BX_NO_MEMORY : BX_OK;
    if (rc == BX_OK)
        rc = bx_propose_init(n);
    if (rc == BX_OK)
        rc = bx_reads_init(n);
    if (rc == BX_OK)
        rc = open_parts(n, &reader, err);
    bx_snap_close(reader);
    if (rc != BX_OK) {
        bx_node_close(n);
        return rc;
    }
    bx_member_set_peers(n);
    bx_reconcile_resync(n->reconcile);
    n->housekeeping = bx_node_now(n);
    bx_node_wake(n);
    *out = n;
    return BX_OK;
}

void bx_node_memory(const struct bx_node *n, struct bx_node_memory *out)
{
    out->proposals = n->propose.pool.stats;
    out->reads = n->reads.pool.stats;
    bx_intern_stats(n->intern, &out->intern);
    bx_view_memory(bx_node_view(n), &out->state);
}

/* What is queued for the log is written: nobody was promised it, but it is one write less to miss. */
static void flush_log(struct bx_node *n)
{
    struct bx_err err;

    if (n->wal == NULL || !n->raft_open)
        return;
    bx_wal_raise_mark(n->wal);
    while (bx_wal_begin(n->wal)) {
        if (bx_wal_finish(n->wal, bx_wal_run(n->wal, &err)) != BX_OK)
            return;
    }
}

void bx_node_close(struct bx_node *n)
{
    bool clean;

    if (n == NULL)
        return;
    n->closing = true;
    clean = n->fsm != NULL && bx_fsm_commit(n->fsm, NULL) == BX_OK;
    if (n->propose.pool.free != NULL)
        bx_propose_close(n);
    if (n->reads.fresh.tqh_last != NULL)
        bx_reads_close(n); /* answers the lease's barrier too */
    bx_reconcile_destroy(n->reconcile);
    bx_lease_destroy(n->lease);
    flush_log(n);
    if (n->raft_open)
        bx_raft_close(&n->raft);
    bx_snapshots_close(n);
    bx_fsm_close(n->fsm);
    bx_wal_close(n->wal);
    if (clean && n->raft_open)
        save_trust(n, true, NULL);
    bx_slots_close(&n->trust);
    bx_vote_close(&n->vote);
    bx_intern_destroy(n->intern);
    bx_buf_release(&n->aligned);
    bx_free(n);
}

/* ---- the turn ---- */

static const uint8_t *aligned(struct bx_node *n, const struct bx_wal_entry *e)
{
    if (((uintptr_t)e->data & 7) == 0)
        return e->data;
    n->aligned.len = 0;
    if (bx_buf_append(&n->aligned, e->data, e->len) != BX_OK)
        bx_oom(e->len);
    return n->aligned.data;
}

static void apply_one(struct bx_node *n, uint64_t index, const struct bx_wal_entry *e)
{
    bool command = e->type == RAFT_COMMAND;
    struct bx_err err;

    if (index <= bx_fsm_applied(n->fsm) && !BX_PLANTED(APPLY_TWICE))
        return; /* state.db had it before the restart */
    if (bx_fsm_apply(n->fsm, index, command ? aligned(n, e) : NULL, command ? e->len : 0, &err) !=
        BX_OK) {
        bx_err_wrap(&err, "entry %llu", (unsigned long long)index);
        bx_node_fatal(n, &err);
    }
}

static void apply(struct bx_node *n)
{
    struct bx_wal_entry e;
    struct bx_err err;
    size_t bytes = 0;
    uint64_t index;

    while (bytes < BX_APPLY_BYTES && bx_raft_next(&n->raft, &index, &e)) {
        bytes += e.len;
        apply_one(n, index, &e);
    }
    if (bytes >= BX_APPLY_BYTES)
        bx_node_wake(n);
    if (bx_fsm_commit(n->fsm, &err) != BX_OK)
        bx_node_fatal(n, &err);
}

void bx_node_turn(struct bx_node *n)
{
    bx_propose_turn(n);
    bx_reads_turn(n);
    bx_raft_pump(&n->raft);
    apply(n);
    bx_reads_answer(n);
    if (n->member.peers_dirty || n->member.servers != bx_raft_configuration_index(&n->raft))
        bx_member_set_peers(n);
    bx_snapshots_turn(n);
    n->reconcile_at = bx_reconcile_tick(n->reconcile);
    n->lease_at = bx_lease_tick(n->lease); /* after: what was just wanted goes with this beat */
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bx_node_deadline(const struct bx_node *n)
{
    uint64_t at = earlier(n->lease_at, n->reconcile_at);

    if (bx_snapshots_sending(n))
        at = earlier(at, bx_node_now(n) + 10);
    return earlier(at, earlier(n->housekeeping + BX_HOUSEKEEPING_MS, bx_raft_deadline(&n->raft)));
}

void bx_node_tick(struct bx_node *n)
{
    uint64_t now = bx_node_now(n);

    bx_raft_tick(&n->raft);
    if (now >= n->housekeeping + BX_HOUSEKEEPING_MS) {
        n->housekeeping = now;
        bx_propose_expire(n);
        bx_reads_expire(n);
        bx_member_tick(n);
        if (bx_wal_mark_behind(n->wal))
            bx_wal_raise_mark(n->wal);
    }
    bx_node_wake(n);
}

/* ---- frames ---- */

static void receive_record(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                           size_t len)
{
    struct bx_arena arena = {0};
    struct bx_err err;
    union {
        struct bx_read read;
        struct bx_beat beat;
        struct bx_grant grant;
    } u;
    const struct bx_schema *s = kind == BX_FRAME_BEAT    ? &bx_beat_schema
                                : kind == BX_FRAME_GRANT ? &bx_grant_schema
                                                         : &bx_read_schema;

    memset(&u, 0, sizeof u);
    if (bx_flat_read(s, p, len, &u, &arena, NULL, &err) != BX_OK) {
        bx_node_log(n, 4, "frame %d of node %llu: %s", (int)kind, (unsigned long long)from,
                    err.msg);
    } else if (kind == BX_FRAME_BEAT) {
        bx_lease_on_beat(n->lease, from, &u.beat);
    } else if (kind == BX_FRAME_GRANT) {
        bx_lease_on_grant(n->lease, from, &u.grant);
    } else if (kind == BX_FRAME_READ) {
        bx_reads_on_read(n, from, &u.read);
    } else {
        bx_reads_on_ok(n, from, &u.read);
    }
    bx_arena_close(&arena);
}

static void receive_raft(struct bx_node *n, uint64_t from, const uint8_t *p, size_t len)
{
    struct bx_err err;

    if (bx_raft_receive(&n->raft, from, p, len, &err) != BX_OK)
        bx_node_log(n, 4, "%s", err.msg);
}

void bx_node_receive(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                     size_t len)
{
    switch (kind) {
    case BX_FRAME_RAFT:
        receive_raft(n, from, p, len);
        break;
    case BX_FRAME_RELAY:
        bx_propose_on_relay(n, from, p, len);
        break;
    case BX_FRAME_READ:
    case BX_FRAME_READ_OK:
    case BX_FRAME_BEAT:
    case BX_FRAME_GRANT:
        receive_record(n, from, kind, p, len);
        break;
    case BX_FRAME_SNAP_DATA:
        bx_snapshots_on_data(n, p, len);
        break;
    case BX_FRAME_QUERY:
    case BX_FRAME_ANSWER:
        n->o.frame(n->o.ctx, from, kind, p, len);
        break;
    default:
        bx_node_log(n, 4, "frame %d of node %llu: not known here", (int)kind,
                    (unsigned long long)from);
        break;
    }
    bx_node_wake(n);
}

void bx_node_on_peer(struct bx_node *n, uint64_t id, bool up)
{
    bx_node_log(n, 6, up ? "connected to node %llu" : "connection to node %llu is gone",
                (unsigned long long)id);
    /* What was relayed over it may be lost: it goes again, under the same ids. */
    if (id == n->propose.sent_to)
        n->propose.sent_term = 0;
    if (id == n->reads.asked_of)
        n->reads.asked_term = 0;
    bx_node_wake(n);
}

/* ---- status ---- */

static void member_status(const struct bx_node *n, struct bx_node_status *out)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);

    for (unsigned i = 0; i < c->n && out->n_members < BX_MEMBERS_MAX; i++) {
        struct bx_member *m = &out->members[out->n_members++];

        m->id = c->servers[i].id;
        snprintf(m->address, sizeof m->address, "%s", c->servers[i].address);
        m->voter = c->servers[i].role == RAFT_VOTER;
        m->connected = m->id == n->id || n->o.link->ops->connected(n->o.link, m->id);
    }
}

void bx_node_status(const struct bx_node *n, struct bx_node_status *out)
{
    uint64_t now = bx_node_now(n);

    memset(out, 0, sizeof *out);
    out->id = n->id;
    out->leader = bx_raft_leader((struct bx_raft *)(uintptr_t)&n->raft);
    out->is_leader = bx_raft_is_leader(&n->raft);
    out->age_ms = out->is_leader ? 0 : now - n->raft.heard_ms;
    out->quorum = out->is_leader || (out->leader != 0 && out->age_ms < 2 * n->o.election_ms);
    out->term = bx_raft_term(&n->raft);
    out->commit_index = bx_raft_commit(&n->raft);
    out->applied_index = bx_fsm_applied(n->fsm);
    out->last_index = bx_wal_last(n->wal);
    out->durable_index = bx_wal_durable(n->wal);
    out->snapshot_index = n->snapshots.index;
    out->pending = n->propose.n;
    out->reads = n->reads.n;
    member_status(n, out);
}
