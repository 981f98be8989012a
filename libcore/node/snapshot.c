/* snapshot - taking and sending the state as a file; snapshot_receive.c receives it.
 *
 * Take: when the log behind the last snapshot has grown enough, everything applied is committed to
 * SQLite, a read transaction is opened on it, and a job in the thread pool writes rows and syncs.
 * Back on the loop, the core and the log drop what is no longer needed. A failure ends the process,
 * as the disk can not be trusted; after lack of space, and if the transaction can not be opened, it
 * is tried again after a pause. While space is low none is begun that would use most of it.
 *
 * The log before a snapshot is kept, up to a bound, for followers that are connected and behind:
 * one that has just got the last snapshot, over a slow link, finds the entries after it. A node
 * that can not keep the first of these takes no new snapshot meanwhile, up to the same bound.
 *
 * Send: the core asks for it; a job in the thread pool verifies the file, which is sent in pieces
 * that wait while the peer's queue is full. The last piece waits for all before it, and so does the
 * message that names the file. A transfer ends when the peer disconnects; the core asks again. */
#include "node/internal.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <assert.h>
#include <string.h>

#define RETRY_MS 5000u
#define INSTALL_MS 10000u /* time for the receiver, before the snapshot is sent again */

/* What is left of a full disk is for the log and SQLite. */
static bool has_space(const struct bx_node *n)
{
    return n->ballast.state != BX_SPACE_FULL;
}

/* ---- taking ---- */

/* The last one is there until the next is complete. */
static bool may_take(const struct bx_node *n)
{
    return n->ballast.state == BX_SPACE_OK ||
           (has_space(n) &&
            n->ballast.free / 2 >= bx_snap_bytes(n->o.disk->fs, n->snapshots.index));
}

static struct bx_taking *taking_of(struct bx_job *j)
{
    return (struct bx_taking *)(void *)((char *)j - offsetof(struct bx_taking, job));
}

static struct bx_node *node_of(struct bx_taking *t)
{
    return (struct bx_node *)(void *)((char *)t - offsetof(struct bx_node, snapshots.taking));
}

static int take_run(struct bx_job *j)
{
    struct bx_taking *t = taking_of(j);
    struct bx_buf chunk = {0};
    int rc = bx_snap_create(&t->writer, t->fs, &t->meta, &t->err);

    if (rc == BX_OK && bx_buf_reserve(&chunk, BX_SNAP_PIECE) != BX_OK)
        rc = bx_err_set(&t->err, BX_NO_MEMORY, "out of memory for a snapshot");
    while (rc == BX_OK) {
        rc = bx_dump_next(t->dump, &chunk, &t->err);
        if (rc != BX_OK || chunk.len == 0)
            break;
        rc = bx_snap_write(t->writer, chunk.data, chunk.len, &t->err);
    }
    if (rc == BX_OK)
        rc = bx_snap_finish(t->writer, &t->err);
    else
        bx_snap_abort(t->writer);
    t->writer = NULL;
    bx_buf_release(&chunk);
    bx_buf_thread_close();
    bx_codec_counts_take(&t->counts);
    return rc;
}

/* The lowest index such that the entries kept before the snapshot take at most trailing_bytes. The
 * snapshot's own entry is always kept: who was sent this snapshot continues after it, and the core
 * knows its term from the log alone once there is a newer one. */
static uint64_t keep_from(const struct bx_node *n, uint64_t index)
{
    uint64_t after = bx_wal_bytes_after(n->wal, index), lo = bx_wal_first(n->wal), hi = index;

    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;

        if (bx_wal_bytes_after(n->wal, mid - 1) - after <= n->o.trailing_bytes)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* The last entry that the server has, or has when the transfer to it is complete. */
static uint64_t progress_of(const struct bx_node *n, uint64_t id)
{
    uint64_t has = bx_raft_match(&n->raft, id);

    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++) {
        const struct bx_transfer *t = &n->snapshots.transfers[i];
        uint64_t index = n->snapshots.index;

        if (t->to != id)
            continue;
        if (!t->opening && t->reader != NULL) /* it is the job's until it is open */
            index = bx_snap_meta(t->reader)->index;
        if (index > has)
            has = index;
    }
    return has;
}

/* What followers need that are connected: the entries after the snapshot that one is sent, or after
 * what it has. Who needs more than hold_bytes gets the next snapshot, and so do all while this node
 * is low on space. */
static uint64_t hold_from(const struct bx_node *n, uint64_t index)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);
    uint64_t from = index + 1;

    if (n->ballast.state != BX_SPACE_OK || !bx_raft_is_leader(&n->raft))
        return from;
    for (unsigned i = 0; i < c->n; i++) {
        uint64_t id = c->servers[i].id, has = progress_of(n, id);

        if (id != n->id && has >= bx_wal_first(n->wal) && has < from &&
            n->o.link->ops->connected(n->o.link, id) &&
            bx_wal_bytes_after(n->wal, has) <= n->o.hold_bytes && !BX_MUTATED(LOG_NOT_HELD))
            from = has;
    }
    return from;
}

/* Whether somebody needs the entry of the last snapshot, and this node has no such entry, because
 * it has installed that snapshot itself. The core knows the entry's term until there is a newer
 * snapshot. So who is sent this one, or has just got it, could not go on from there, and would get
 * the newer one, as it would the one after that. */
static bool is_continued(const struct bx_node *n)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);
    uint64_t index = n->snapshots.index;

    if (index == 0 || bx_wal_term(n->wal, index) != 0 || !bx_raft_is_leader(&n->raft) ||
        n->ballast.state != BX_SPACE_OK || BX_MUTATED(LOG_NOT_HELD) ||
        bx_wal_bytes_after(n->wal, index) > n->o.hold_bytes)
        return false;
    for (unsigned i = 0; i < c->n; i++) {
        uint64_t id = c->servers[i].id;

        if (id != n->id && progress_of(n, id) == index && n->o.link->ops->connected(n->o.link, id))
            return true;
    }
    return false;
}

/* Nothing is damaged: try again after a pause. */
static void postpone(struct bx_node *n, const struct bx_err *err)
{
    BX_ERROR("snapshot", "no snapshot was taken; trying again", "err", err->msg);
    n->snapshots.taking.retry_ms = bx_node_now(n) + RETRY_MS;
}

static void take_done(struct bx_job *j, int rc)
{
    struct bx_taking *t = taking_of(j);
    struct bx_node *n = node_of(t);

    bx_codec_counts_add(&t->counts);
    if (bx_dump_damaged(t->dump))
        bx_fsm_damaged(n->fsm);
    bx_dump_close(t->dump);
    t->dump = NULL;
    t->busy = false;
    /* A peer has sent a newer snapshot meanwhile, which the core has installed. */
    if (rc == BX_OK && t->meta.index > n->snapshots.index) {
        uint64_t keep = keep_from(n, t->meta.index), hold = hold_from(n, t->meta.index);

        rc = bx_raft_snapshot_taken(&n->raft, &t->meta, hold < keep ? hold : keep, &t->err);
        if (rc == BX_OK) {
            BX_INFO("snapshot", "took a snapshot", "index", t->meta.index, "term", t->meta.term,
                    "revision", t->meta.revision);
            n->snapshots.index = t->meta.index;
            n->shrink.shrunk = false;
            rc = bx_snap_prune(n->o.disk->fs, t->meta.index, &t->err);
        }
    }
    raft_free(t->conf.base);
    t->conf.base = NULL;
    if (n->o.snapshot_done != NULL)
        n->o.snapshot_done(n->o.ctx, rc == BX_OK, bx_node_now(n) - t->began_ms);
    if (rc == BX_NO_SPACE) {
        postpone(n, &t->err);
    } else if (rc != BX_OK) {
        bx_err_wrap(&t->err, "snapshot at entry %llu", (unsigned long long)t->meta.index);
        bx_node_fatal(n, &t->err);
    }
    bx_node_wake(n);
}

static void take(struct bx_node *n)
{
    struct bx_taking *t = &n->snapshots.taking;
    uint64_t applied = bx_fsm_applied(n->fsm);
    struct bx_cluster_info info;
    struct bx_err err;
    int rc;

    if (applied <= n->snapshots.index || bx_wal_term(n->wal, applied) == 0 ||
        n->raft.cursor != applied ||
        !bx_raft_committed_configuration(&n->raft, &t->conf, &t->meta.conf_index))
        return;
    rc = bx_dump_open(&t->dump, n->fsm, &err);
    if (rc == BX_CORRUPT)
        bx_fsm_damaged(n->fsm);
    if (rc != BX_OK) {
        postpone(n, &err);
        raft_free(t->conf.base);
        t->conf.base = NULL;
        return;
    }
    bx_view_cluster(bx_fsm_view(n->fsm), &info);
    t->meta.index = applied;
    t->meta.term = bx_wal_term(n->wal, applied);
    t->meta.conf = (struct bx_str){t->conf.base, (uint32_t)t->conf.len};
    t->meta.revision = info.revision;
    t->meta.digest = info.digest;
    memcpy(t->meta.history, n->o.identity.history, 16);
    t->fs = n->o.disk->fs;
    t->busy = true;
    t->began_ms = bx_node_now(n);
    t->job.run = take_run;
    t->job.done = take_done;
    n->o.disk->ops->offload(n->o.disk, &t->job);
}

/* ---- sending ---- */

static void end_transfer(struct bx_transfer *t)
{
    bx_snap_close(t->reader);
    memset(t, 0, sizeof *t);
}

static struct bx_transfer *transfer_of(struct bx_job *j)
{
    return (struct bx_transfer *)(void *)((char *)j - offsetof(struct bx_transfer, job));
}

static int open_run(struct bx_job *j)
{
    struct bx_transfer *t = transfer_of(j);
    int rc = bx_snap_open_latest(&t->reader, t->fs, &t->err);

    bx_buf_thread_close();
    bx_codec_counts_take(&t->counts);
    return rc;
}

static void begin_transfer(struct bx_node *n, struct bx_transfer *t)
{
    if (bx_snap_packed(t->reader) &&
        (n->o.link->ops->codecs(n->o.link, t->to) & 1u << BX_CODEC_LZ) == 0) {
        BX_WARNING("snapshot", "not sent: the node can not read compressed ones; upgrade it",
                   "node", t->to);
        t->sent_ms = bx_node_now(n); /* checked again when an answer would be overdue */
        return;
    }
    BX_INFO("snapshot", "sending the snapshot", "index", bx_snap_meta(t->reader)->index, "node",
            t->to);
}

static void open_done(struct bx_job *j, int rc)
{
    struct bx_transfer *t = transfer_of(j);
    struct bx_node *n = t->node;

    bx_codec_counts_add(&t->counts);
    t->opening = false;
    if (rc != BX_OK) { /* the core asks again; a newer one may have replaced it meanwhile */
        if (rc == BX_CORRUPT)
            BX_ERROR("snapshot", "the snapshot can not be sent", "node", t->to, "err", t->err.msg);
        end_transfer(t);
    } else if (n->o.link->ops->connected(n->o.link, t->to)) {
        begin_transfer(n, t);
    }
    bx_node_wake(n); /* the turn ends it when it is not wanted any more */
}

void bx_snapshots_send(struct bx_node *n, uint64_t to, const struct raft_install_snapshot *m)
{
    struct bx_transfer *t = NULL;

    if (!n->o.link->ops->connected(n->o.link, to))
        return; /* the core asks again; the codecs of the peer are unknown, too */
    if (n->snapshots.taking.busy && bx_wal_term(n->wal, n->snapshots.index) == 0)
        return; /* who got this one could not go on after the next, see is_continued */
    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++) {
        if (n->snapshots.transfers[i].to == to && n->snapshots.transfers[i].term == m->term)
            return; /* the core takes the answer to a heartbeat for a rejection, and asks again */
        if (n->snapshots.transfers[i].to == 0)
            t = &n->snapshots.transfers[i];
    }
    if (t == NULL)
        return; /* the core asks again */
    *t = (struct bx_transfer){.to = to,
                              .term = m->term,
                              .node = n,
                              .opening = true,
                              .job = {open_run, open_done},
                              .fs = n->o.disk->fs};
    n->o.disk->ops->offload(n->o.disk, &t->job);
}

static void send_pieces(struct bx_node *n, struct bx_transfer *t)
{
    struct bx_link *link = n->o.link;
    uint8_t *piece = bx_must_alloc(BX_SNAP_PIECE);

    while (link->ops->connected(link, t->to) && link->ops->queued(link, t->to) < BX_SNAP_QUEUED) {
        uint8_t offset[8];
        struct bx_err err;
        size_t got;

        if (bx_snap_read_raw(t->reader, t->offset, piece, BX_SNAP_PIECE, &got, &err) != BX_OK) {
            BX_ERROR("snapshot", "the snapshot can not be read", "node", t->to, "err", err.msg);
            end_transfer(t);
            break;
        }
        /* Small frames overtake large ones: the rest of the file, and the message, would be there
         * before the pieces ahead of them, and the file would never check out. */
        if (got < BX_SNAP_PIECE && link->ops->queued(link, t->to) > 0)
            break;
        if (got == 0) {
            bx_raft_snapshot_sent(&n->raft, t->to, bx_snap_meta(t->reader), t->term);
            t->sent_ms = bx_node_now(n);
            break;
        }
        bx_put64(offset, t->offset);
        if (!bx_node_send_raw(n, t->to, BX_FRAME_SNAP_DATA, offset, 8, piece, got))
            break;
        t->offset += got;
    }
    bx_free(piece);
}

bool bx_snapshots_sending(const struct bx_node *n)
{
    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++) {
        const struct bx_transfer *t = &n->snapshots.transfers[i];

        if (t->to != 0 && !t->opening && t->sent_ms == 0)
            return true;
    }
    return false;
}

void bx_snapshots_turn(struct bx_node *n)
{
    struct bx_snapshots *s = &n->snapshots;

    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++) {
        struct bx_transfer *t = &s->transfers[i];

        if (t->to == 0 || t->opening)
            continue;
        if (!bx_raft_is_leader(&n->raft) || bx_raft_term(&n->raft) != t->term ||
            !n->o.link->ops->connected(n->o.link, t->to))
            end_transfer(t);
        else if (t->sent_ms == 0)
            send_pieces(n, t);
        else if (bx_node_now(n) - t->sent_ms > INSTALL_MS)
            end_transfer(t); /* it has arrived, or has to be sent again */
    }
    if (s->taking.busy || bx_node_now(n) < s->taking.retry_ms ||
        (!n->shrink.shrunk && bx_wal_bytes_after(n->wal, s->index) <= n->o.snapshot_bytes) ||
        is_continued(n))
        return;
    if (may_take(n))
        take(n);
    else
        s->taking.retry_ms = bx_node_now(n) + RETRY_MS;
}

void bx_snapshots_close(struct bx_node *n)
{
    assert(!n->snapshots.taking.busy);
    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++) {
        assert(!n->snapshots.transfers[i].opening);
        if (n->snapshots.transfers[i].to != 0)
            end_transfer(&n->snapshots.transfers[i]);
    }
    bx_snapshots_close_arrival(n);
}
