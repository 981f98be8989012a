/* snapshot_receive - a snapshot from a leader.
 *
 * Its pieces are written to a file of their own. The message that announces the snapshot follows
 * the last piece and is held back, while a job in the thread pool verifies the file whole, syncs
 * and renames it. Then the core gets the message, and has the snapshot replace state and log. The
 * loop goes on meanwhile, however slow the disk is: this node answers heartbeats and votes.
 *
 * The file must not change while it is verified. So pieces that arrive meanwhile are dropped, and
 * so is a message about another snapshot: whoever leads then sends them again. A message about the
 * same snapshot, perhaps of a newer leader, takes the place of the one that is held.
 *
 * What the core makes of the message is decided by what is true when the job is done. It refuses
 * one of a leader that has been replaced, and has no use for a snapshot that is older than its own
 * one by then, or of entries that its log has. The file stays in both cases, as what it contains is
 * committed; the next snapshot replaces it. After a crash, the newest file is the one to start with
 * whether or not it was installed, see check_log in node_open.c.
 *
 * A file that is damaged, or not the announced one, is removed, and so is one whose sync has
 * failed: it may look whole and not be on the disk. */
#include "node/internal.h"

#include <assert.h>
#include <string.h>

/* ---- pieces ---- */

void bx_snapshots_on_data(struct bx_node *n, const uint8_t *p, size_t len)
{
    struct bx_numbered m;
    struct bx_err err;
    int rc;

    /* What is left of a full disk is for the log and SQLite. */
    if (!bx_frame_numbered(p, len, &m) || n->ballast.state == BX_SPACE_FULL ||
        n->snapshots.arrival.busy)
        return; /* the leader sends it again */
    rc = bx_snap_receive(n->o.disk->fs, m.number, m.p, m.n, &err);
    if (rc == BX_IO || rc == BX_NO_SPACE)
        BX_ERROR("snapshot", "a piece can not be written", "err", err.msg);
}

void bx_snapshots_drop(struct bx_node *n)
{
    if (!n->snapshots.arrival.busy)
        bx_snap_receive_drop(n->o.disk->fs);
}

/* ---- the message ---- */

static struct bx_arrival *arrival_of(struct bx_job *j)
{
    return (struct bx_arrival *)(void *)((char *)j - offsetof(struct bx_arrival, job));
}

static int verify_run(struct bx_job *j)
{
    struct bx_arrival *a = arrival_of(j);
    int rc = bx_snap_receive_finish(&a->reader, a->fs, a->index, a->term, &a->err);

    bx_buf_thread_close();
    bx_codec_counts_take(&a->counts);
    return rc;
}

static void verify_done(struct bx_job *j, int rc)
{
    struct bx_arrival *a = arrival_of(j);
    struct bx_node *n =
        (struct bx_node *)(void *)((char *)a - offsetof(struct bx_node, snapshots.arrival));

    bx_codec_counts_add(&a->counts);
    a->busy = false;
    if (rc == BX_OK) {
        bx_node_receive(n, a->from, BX_FRAME_RAFT, a->message.data, a->message.len);
    } else {
        BX_WARNING("snapshot", "a received snapshot was dropped", "index", a->index, "node",
                   a->from, "err", a->err.msg);
        bx_snapshots_drop(n);
    }
    bx_snap_close(a->reader);
    a->reader = NULL;
    bx_buf_release(&a->message);
}

static bool is_of(const struct bx_arrival *a, uint64_t index, uint64_t term)
{
    return a->index == index && a->term == term;
}

static void hold(struct bx_arrival *a, uint64_t from, const uint8_t *p, size_t len)
{
    a->from = from;
    a->message.len = 0;
    if (bx_buf_append(&a->message, p, len) != BX_OK)
        bx_oom(len);
}

bool bx_snapshots_received(struct bx_node *n, uint64_t from, const uint8_t *p, size_t len,
                           uint64_t index, uint64_t term)
{
    struct bx_arrival *a = &n->snapshots.arrival;

    if (!a->busy && a->reader != NULL && is_of(a, index, term))
        return true;                   /* this is the message that was held */
    if (index <= n->snapshots.index) { /* as the core will answer */
        bx_snapshots_drop(n);
        return true;
    }
    if (a->busy && !is_of(a, index, term))
        return false;
    hold(a, from, p, len);
    if (a->busy)
        return false;
    a->busy = true;
    a->index = index;
    a->term = term;
    a->fs = n->o.disk->fs;
    a->job = (struct bx_job){verify_run, verify_done};
    n->o.disk->ops->offload(n->o.disk, &a->job);
    return false;
}

void bx_snapshots_close_arrival(struct bx_node *n)
{
    assert(!n->snapshots.arrival.busy);
    bx_buf_release(&n->snapshots.arrival.message);
}

/* ---- installing ---- */

int bx_snapshots_restore(struct bx_node *n, struct bx_snap_reader *reader, struct bx_err *err)
{
    const struct bx_snap_meta *meta = bx_snap_meta(reader);
    struct bx_buf chunk = {0};
    bool end = false;
    int rc;

    if (memcmp(meta->history, n->o.identity.history, 16) != 0) {
        bx_err_set(err, BX_CORRUPT, "the snapshot at entry %llu belongs to another cluster",
                   (unsigned long long)meta->index);
        bx_fs_hint_forget(n->o.disk->fs, err);
        return BX_CORRUPT;
    }
    rc = bx_fsm_restore_begin(n->fsm, err);
    while (rc == BX_OK && !end) {
        rc = bx_snap_read(reader, &chunk, &end, err);
        if (rc == BX_OK && !end)
            rc = bx_fsm_restore_chunk(n->fsm, chunk.data, chunk.len, err);
    }
    if (rc == BX_OK)
        rc = bx_fsm_restore_finish(n->fsm, meta->index, meta->digest, err);
    if (rc == BX_OK)
        rc = bx_level_check(n, err);
    bx_buf_release(&chunk);
    return rc;
}

int bx_snapshots_install(struct bx_node *n, uint64_t index, uint64_t term, struct bx_err *err)
{
    struct bx_arrival *a = &n->snapshots.arrival;
    int rc;

    assert(a->reader != NULL && is_of(a, index, term)); /* see bx_snapshots_received */
    rc = bx_snapshots_restore(n, a->reader, err);
    if (rc == BX_OK)
        rc = bx_wal_reset(n->wal, index, term);
    if (rc != BX_OK)
        return rc;
    BX_INFO("snapshot", "installed the snapshot", "index", index, "term", term);
    n->snapshots.index = index;
    bx_member_on_rows(n);
    bx_reconcile_resync(n->reconcile);
    return bx_snap_prune(n->o.disk->fs, index, err);
}
