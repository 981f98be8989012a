/* Opening and closing a node: its parts are opened in the order of their dependence, wired to each
 * other, and closed in the reverse order. */
#include "node/internal.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

#define TRUST_BYTES 17u /* boot id, clean */

/* ---- callbacks of the parts ---- */

static void on_outcome(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    (void)index;
    (void)place;
    bx_propose_on_outcome(ctx, o);
}

static void on_changed(void *ctx, enum bx_table kind, const void *object, bool gone)
{
    struct bx_node *n = ctx;

    if (kind == BX_TABLE_NODE)
        bx_member_on_rows(n);
    if (kind != BX_TABLE_VM || bx_removed_by_state(n))
        return; /* removed: what becomes of its VMs is not for this host to do */
    bx_reconcile_on_vm(n->reconcile, object);
    n->o.vm(n->o.ctx, object, gone);
}

static bool on_no_space(void *ctx)
{
    return bx_ballast_met(ctx);
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

static size_t on_raft_queued(void *ctx, uint64_t to)
{
    struct bx_node *n = ctx;

    return n->o.link->ops->queued(n->o.link, to);
}

static void on_raft_send_snapshot(void *ctx, uint64_t to, const struct raft_install_snapshot *m)
{
    bx_snapshots_send(ctx, to, m);
}

static bool on_raft_received(void *ctx, uint64_t from, const uint8_t *p, size_t len, uint64_t index,
                             uint64_t term)
{
    return bx_snapshots_received(ctx, from, p, len, index, term);
}

static int on_raft_install(void *ctx, uint64_t index, uint64_t term, struct bx_err *err)
{
    return bx_snapshots_install(ctx, index, term, err);
}

/* The single voter of a new cluster becomes leader while its core is being started. */
static void on_raft_role(void *ctx, bool leader)
{
    struct bx_node *n = ctx;

    if (leader)
        BX_INFO("raft", "this node is leader", "term", bx_raft_term(&n->raft));
    else
        BX_INFO("raft", "this node is no longer leader", "term", bx_raft_term(&n->raft));
    bx_member_on_role(n, leader);
    bx_lease_on_role(n->lease, leader);
    bx_node_wake(n);
}

static void on_raft_configuration(void *ctx, const struct raft_configuration *c)
{
    bx_member_on_configuration(ctx, c);
}

static void on_raft_no_space(void *ctx, const struct bx_err *err)
{
    struct bx_node *n = ctx;

    if (!bx_ballast_met(n) && n->ballast.bytes == 0)
        BX_WARNING("wal", "no space for the log; trying again", "err", err->msg);
}

static bool on_raft_has_space(void *ctx)
{
    return bx_ballast_may_write(ctx);
}

static void on_wake(void *ctx)
{
    bx_node_wake(ctx);
}

static void on_fatal(void *ctx, const struct bx_err *err)
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
    bx_propose_internal(ctx, BX_CMD_VM_REPORT, r);
}

/* ---- opening ---- */

/* True when state.db is complete: it was closed cleanly, or the kernel that holds its pages has not
 * been restarted since. */
static int open_trust(struct bx_node *n, bool *trusted, struct bx_err *err)
{
    uint8_t value[BX_DUALCOPY_MAX];
    size_t len;
    int rc = bx_dualcopy_open(&n->trust, n->o.disk->fs, "trust", BX_KIND_TRUST, value, &len, err);

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
    return bx_dualcopy_save(&n->trust, value, sizeof value, err);
}

static int refuse(struct bx_node *n, struct bx_err *err, const char *what)
{
    bx_err_set(err, BX_CORRUPT, "%s: %s", n->o.disk->fs->dir, what);
    bx_fs_hint_forget(n->o.disk->fs, err);
    return BX_CORRUPT;
}

/* Check that log, snapshot and vote belong together. A crash between installing a snapshot and
 * resetting the log leaves a log that does not reach it: the snapshot is newer then. */
static int check_log(struct bx_node *n, const struct bx_snap_meta *snap, struct bx_err *err)
{
    uint64_t first = bx_wal_first(n->wal), last = bx_wal_last(n->wal);

    /* A term is durable before its first entry is. A server that has lost its vote must not vote.
     */
    if ((last > 0 && bx_wal_term(n->wal, last) > n->vote.term) ||
        (snap != NULL && snap->term > n->vote.term))
        return refuse(n, err, "vote file missing or stale");
    if (snap == NULL && first != 1)
        return refuse(n, err, "the log begins after entry 1 and there is no snapshot");
    if (snap == NULL && last == 0 && n->o.identity.founder && n->vote.term > 0)
        return refuse(n, err, "the log of this founding member is missing");
    if (snap == NULL)
        return BX_OK;
    if (first > snap->index + 1)
        return refuse(n, err, "entries between the snapshot and the log are missing");
    if (last < snap->index ||
        (first <= snap->index && bx_wal_term(n->wal, snap->index) != snap->term))
        return bx_wal_reset(n->wal, snap->index, snap->term);
    return BX_OK;
}

/* *lost_state: in, it should be there; out, it is not. */
static int open_state(struct bx_node *n, bool trusted, struct bx_snap_reader *reader,
                      bool *lost_state, struct bx_err *err)
{
    struct bx_fsm_options fo = {.path = n->o.state_path,
                                .trusted = trusted,
                                .events_max = n->o.events_max,
                                .sessions_max = n->o.sessions_max,
                                .session_ttl_ms = n->o.session_ttl_ms,
                                .room = bx_ballast_room(n),
                                .intern = n->intern,
                                .level = n->o.level,
                                .configs_max = n->o.shared_configs};
    int rc;

    fo.sink = (struct bx_fsm_sink){on_fatal, on_outcome, on_changed, on_event, on_no_space, n};
    rc = bx_fsm_open(&n->fsm, &fo, err);
    *lost_state = *lost_state && rc == BX_OK && bx_fsm_applied(n->fsm) == 0;
    if (rc == BX_OK && reader != NULL && bx_fsm_applied(n->fsm) < bx_snap_meta(reader)->index)
        rc = bx_snapshots_restore(n, reader, err);
    return rc == BX_OK ? bx_level_check(n, err) : rc;
}

static void reconcile_action(void *ctx, const char *name, const uint8_t vm[16])
{
    const struct bx_node *n = ctx;

    if (n->o.action != NULL)
        n->o.action(n->o.ctx, name, vm);
}

static void reconcile_action_ended(void *ctx, const struct bx_err *err)
{
    const struct bx_node *n = ctx;

    if (n->o.action_ended != NULL)
        n->o.action_ended(n->o.ctx, err);
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
                                    .action = reconcile_action,
                                    .action_ended = reconcile_action_ended,
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
                                 .queued = on_raft_queued,
                                 .send_snapshot = on_raft_send_snapshot,
                                 .received = on_raft_received,
                                 .install = on_raft_install,
                                 .role = on_raft_role,
                                 .configuration = on_raft_configuration,
                                 .no_space = on_raft_no_space,
                                 .has_space = on_raft_has_space,
                                 .now_ns = n->o.now_ns,
                                 .wake = on_wake,
                                 .fatal = on_fatal,
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
    if (o->level == 0)
        o->level = BX_LEVEL;
    if (o->snapshot_bytes == 0)
        o->snapshot_bytes = 32u << 20;
    if (o->trailing_bytes == 0)
        o->trailing_bytes = o->snapshot_bytes / 2;
    if (o->hold_bytes == 0)
        o->hold_bytes = 4 * o->snapshot_bytes;
    if (o->state_log_bytes == 0)
        o->state_log_bytes = 16u << 20;
    if (o->log_queue_bytes == 0)
        o->log_queue_bytes = BX_WAL_QUEUE_MAX;
    if (o->proposals.max == 0)
        o->proposals = (struct bx_pool_size){1000, 100};
    if (o->reads.max == 0)
        o->reads = (struct bx_pool_size){1000, 0};
}

/* Damage that was mended while the parts were opened. A process that is killed tears no record but
 * the last; a host that loses power may, and its state.db is not trusted. */
static void note_repairs(struct bx_node *n, bool trusted, bool lost_state)
{
    if (n->o.identity.repaired)
        bx_repairs_note(n, BX_REPAIR_IDENTITY);
    if (n->vote.copies.repaired)
        bx_repairs_note(n, BX_REPAIR_VOTE);
    if (n->trust.repaired)
        bx_repairs_note(n, BX_REPAIR_TRUST);
    if (bx_wal_mark_repaired(n->wal))
        bx_repairs_note(n, BX_REPAIR_MARK);
    if (trusted && bx_wal_cut(n->wal) > 0)
        bx_repairs_note(n, BX_REPAIR_LOG);
    if (bx_fsm_was_damaged(n->fsm) || lost_state)
        bx_repairs_note(n, BX_REPAIR_STATE);
}

static int open_parts(struct bx_node *n, struct bx_snap_reader **reader, struct bx_err *err)
{
    struct bx_wal_options wo = {.fs = n->o.disk->fs,
                                .segment_size = n->o.segment_bytes,
                                .queue_bytes = n->o.log_queue_bytes,
                                .cache_bytes = n->o.log_cache_bytes};
    const struct bx_snap_meta *snap = NULL;
    bool trusted = false, lost_state = false;
    int rc = bx_ballast_open(n, err);

    if (rc == BX_OK)
        rc = open_trust(n, &trusted, err);
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
        lost_state = trusted && bx_wal_last(n->wal) >= snap->index;
    }
    if (rc == BX_OK)
        rc = check_log(n, snap, err);
    if (rc == BX_OK)
        rc = save_trust(n, false, err);
    if (rc == BX_OK)
        rc = create_loops(n);
    if (rc == BX_OK)
        bx_lease_tell_space(n->lease, (uint8_t)n->ballast.state);
    if (rc == BX_OK)
        rc = open_state(n, trusted, *reader, &lost_state, err);
    if (rc == BX_OK)
        rc = open_raft(n, snap, err);
    if (rc == BX_OK)
        note_repairs(n, trusted, lost_state);
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
    bx_peers_init(&n->peers, n->id);
    bx_peers_set_join(&n->peers, n->o.identity.peers);
    bx_member_on_rows(n);
    n->intern = o->intern != NULL ? o->intern : bx_intern_create(0, 0);
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
    bx_time_on_applied(n);
    bx_member_update_peers(n);
    bx_reconcile_resync(n->reconcile);
    n->housekeeping = bx_node_now(n);
    bx_node_wake(n);
    *out = n;
    return BX_OK;
}

/* Write what is queued for the log. It is not acknowledged, but need not be sent again then. */
static void flush_log(struct bx_node *n)
{
    struct bx_err err;

    if (n->wal == NULL || !n->raft_open)
        return;
    bx_wal_raise_high_water(n->wal);
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
    bx_dualcopy_close(&n->trust);
    bx_vote_close(&n->vote);
    if (n->o.intern == NULL)
        bx_intern_destroy(n->intern);
    bx_peers_close(&n->peers);
    bx_buf_release(&n->aligned);
    bx_free(n);
}
