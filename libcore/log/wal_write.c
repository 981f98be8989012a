/* Writing records to the disk.
 *
 * begin copies the queued records into the job's buffer and assigns their places, in two parts at
 * most: the rest of the last segment and one after it. run writes part by part, each synced before
 * the next segment is created. So the header of a segment proves that every record before it was
 * durable, which recovery relies on.
 *
 * A new segment is filled with zeros as wal.tmp, a retired one is opened by its spare name; the
 * header is written, then the file is renamed, and both are durable before the first record is
 * reported durable. A crash in between leaves a segment without acknowledged records; recovery
 * removes it. Stale records after the tail of a reused segment have lower LSNs than every new one:
 * never the one expected there.
 *
 * Compaction removes whole segments from the front, one at a time, each removal durable before the
 * next. So the rest is always the records from some LSN on, without a gap, and the replay of the
 * rest is the log without its oldest entries:
 *   - no superseded entry returns: what supersedes an entry comes after it, so it is never removed
 *     before the entry itself; the same holds for a reset;
 *   - no entry is missing: a segment is removed only when no entry in it, superseded or not, has an
 *     index that is still needed (or a durable reset after it has voided all of it), so the rest
 *     begins at or before the first entry needed;
 *   - the position is kept: the next segment must hold a durable record already, which tells index
 *     and LSN even when every entry was removed. */
#include "log/wal_priv.h"
#include "mutant.h"
#include "rec/timed.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- begin ---- */

/* The part that takes `size` more bytes, NULL when the job has no room for them. */
static struct bx_wal_part *find_part(struct bx_wal *w, size_t size, uint64_t lsn)
{
    struct bx_wal_job *j = &w->job;
    struct bx_wal_part *p = j->n_parts == 0 ? NULL : &j->parts[j->n_parts - 1];
    size_t used = p == NULL ? 0 : p->from + p->len;
    bool roll = w->tail_offset + size > w->tail_size;
    uint64_t seq;

    if (used + size > j->max || (roll && j->n_parts == 2))
        return NULL;
    if (p != NULL && !roll)
        return p;
    if (roll) {
        seq = w->segments.len == 0 ? 1 : w->segments.items[w->segments.len - 1].seq + 1;
        w->segments.items[w->segments.len++] =
            (struct bx_wal_segment){.seq = seq, .first_lsn = lsn};
        w->tail_offset = BX_SEGMENT_HEADER;
        w->tail_size = w->segment_size;
    }
    p = &j->parts[j->n_parts++];
    *p = (struct bx_wal_part){.seq = w->segments.items[w->segments.len - 1].seq,
                              .first_lsn = lsn,
                              .offset = w->tail_offset,
                              .from = used,
                              .create = roll};
    return p;
}

/* Note the place of the record in its entry, unless that was superseded. */
static void place(struct bx_wal *w, const struct bx_wal_rec *r)
{
    struct bx_wal_segment *segment = &w->segments.items[w->segments.len - 1];
    struct bx_wal_slot *s;

    if (r->type == BX_RECORD_RESET)
        return;
    if (segment->max_index < r->index)
        segment->max_index = r->index;
    if (r->index < w->first || r->index > w->last)
        return;
    s = bx_wal_slot(w, r->index);
    if (s->lsn == r->lsn) {
        s->segment = segment->seq;
        s->offset = (uint32_t)w->tail_offset;
    }
}

static bool add_record(struct bx_wal *w, struct bx_wal_rec *r)
{
    size_t size = bx_record_size(r->len);
    struct bx_wal_part *p = find_part(w, size, r->lsn);
    struct bx_record record = {.lsn = r->lsn,
                               .durable = w->durable_lsn,
                               .index = r->index,
                               .term = r->term,
                               .len = r->len,
                               .type = r->type,
                               .data = r->data};

    if (p == NULL)
        return false;
    bx_record_put(w->job.buf + p->from + p->len, &record);
    place(w, r);
    p->len += size;
    w->tail_offset += size;
    w->queue_bytes -= size;
    w->job.last_lsn = r->lsn;
    w->job.records++;
    return true;
}

static void collect(struct bx_wal *w)
{
    struct bx_wal_rec *r;

    while ((r = w->queue) != NULL && add_record(w, r)) {
        w->queue = r->next;
        if (w->queue == NULL)
            w->queue_end = &w->queue;
        r->next = NULL;
        bx_wal_rec_release(r);
    }
}

/* Only what finish has reported durable counts, not what is under way. */
static bool may_retire(const struct bx_wal *w, size_t i)
{
    const struct bx_wal_segment *s = &w->segments.items[i], *next = s + 1;

    if (i + 1 >= w->segments.len || next->first_lsn > w->durable_lsn)
        return false;
    return s->max_index < w->compact ||
           (w->reset_lsn <= w->durable_lsn && next->first_lsn <= w->reset_lsn);
}

static void retire(struct bx_wal *w)
{
    struct bx_wal_segments *v = &w->segments;
    struct bx_wal_job *j = &w->job;
    size_t n = 0;

    while (may_retire(w, n))
        n++;
    if (n == 0)
        return;
    j->retire_from = v->items[0].seq;
    j->retire_to = v->items[n].seq;
    if (w->read_fd >= 0 && w->read_seq < j->retire_to) {
        w->fs->ops->close(w->fs, w->read_fd);
        w->read_fd = -1;
    }
    memmove(v->items, v->items + n, (v->len - n) * sizeof *v->items);
    v->len -= n;
}

bool bx_wal_begin(struct bx_wal *w)
{
    struct bx_wal_job *j = &w->job;

    if (j->active || w->failed)
        return false;
    /* A job creates two segments at most. When memory is out, a later call does it. */
    if (bx_wal_segments_reserve(&w->segments, w->segments.len + 2) != BX_OK)
        return false;
    *j = (struct bx_wal_job){
        .buf = j->buf, .max = j->max, .last_lsn = w->durable_lsn, .prev = w->prev};
    retire(w);
    collect(w);
    j->mark = w->raise_high_water && w->mark_lsn < j->last_lsn;
    w->raise_high_water = false;
    j->active = j->n_parts > 0 || j->mark || j->retire_from != j->retire_to;
    return j->active;
}

/* ---- run ----
 *
 * When a write finds no room, the job stops there, and what it has begun is undone: a new segment
 * that is not complete is removed, and a spare is a spare again. run can then be called again. */

static int fill_zero(struct bx_wal *w, int fd, struct bx_err *err)
{
    static const uint8_t zero[65536];
    int rc = 0;

    for (size_t at = 0; at < w->segment_size && rc == 0; at += sizeof zero) {
        size_t n = w->segment_size - at < sizeof zero ? w->segment_size - at : sizeof zero;
        rc = w->fs->ops->write(w->fs, fd, zero, n, at);
    }
    return rc == 0 ? BX_OK : bx_fs_fail(w->fs, rc, "write", BX_WAL_TMP, err);
}

/* A retired segment of the right size, opened, with its name; *fd stays -1 if there is none. */
static int take_spare(struct bx_wal *w, char name[BX_WAL_NAME], int *fd, struct bx_err *err)
{
    const struct bx_fs_ops *ops = w->fs->ops;
    uint64_t size;
    int rc;

    while (w->writer.n_spares > 0) {
        bx_wal_spare_name(name, w->writer.spares[--w->writer.n_spares]);
        rc = ops->open(w->fs, name, 0, fd);
        if (rc != 0)
            return bx_fs_fail(w->fs, rc, "open", name, err);
        rc = ops->size(w->fs, *fd, &size);
        if (rc == 0 && size == w->segment_size)
            return BX_OK;
        ops->close(w->fs, *fd);
        *fd = -1;
        if (rc == 0)
            rc = ops->unlink(w->fs, name);
        if (rc != 0)
            return bx_fs_fail(w->fs, rc, "remove", name, err);
    }
    return BX_OK;
}

static int new_file(struct bx_wal *w, char name[BX_WAL_NAME], int *fd, struct bx_err *err)
{
    int rc = take_spare(w, name, fd, err);

    if (rc != BX_OK || *fd >= 0)
        return rc;
    memcpy(name, BX_WAL_TMP, sizeof BX_WAL_TMP);
    rc = w->fs->ops->open(w->fs, name, BX_FS_CREATE | BX_FS_TRUNC, fd);
    if (rc != 0)
        return bx_fs_fail(w->fs, rc, "create", name, err);
    return fill_zero(w, *fd, err);
}

/* Close and remove what is no segment yet, so that it takes no room. */
static int undo_file(struct bx_wal *w, const char *name, int rc, struct bx_err *err)
{
    struct bx_wal_writer *to = &w->writer;
    int rv;

    if (rc != BX_NO_SPACE)
        return rc;
    if (to->fd >= 0)
        w->fs->ops->close(w->fs, to->fd);
    to->fd = -1;
    if (strcmp(name, BX_WAL_TMP) != 0) {
        to->n_spares++; /* its place still has its sequence */
        return rc;
    }
    rv = w->fs->ops->unlink(w->fs, name);
    return rv == 0 || rv == -ENOENT ? rc : bx_fs_fail(w->fs, rv, "remove", name, err);
}

static int name_segment(struct bx_wal *w, const struct bx_wal_part *p, const char *from,
                        struct bx_err *err)
{
    const struct bx_fs_ops *ops = w->fs->ops;
    struct bx_segment s = {p->seq, p->first_lsn, w->job.prev};
    uint8_t header[BX_SEGMENT_HEADER];
    char to[BX_WAL_NAME];
    int rc;

    bx_segment_put(header, &s);
    bx_wal_name(to, p->seq);
    rc = ops->write(w->fs, w->writer.fd, header, sizeof header, 0);
    w->job.writes++;
    if (rc == 0)
        rc = ops->rename(w->fs, from, to);
    if (rc != 0)
        return bx_fs_fail(w->fs, rc, "create", to, err);
    rc = ops->sync_dir(w->fs);
    w->job.syncs++;
    return rc == 0 ? BX_OK : bx_fs_sync_fail(w->fs, rc, to, err);
}

static int create_segment(struct bx_wal *w, const struct bx_wal_part *p, struct bx_err *err)
{
    char from[BX_WAL_NAME];
    int fd = -1, rc = new_file(w, from, &fd, err);

    if (w->writer.fd >= 0)
        w->fs->ops->close(w->fs, w->writer.fd);
    w->writer.fd = fd;
    if (rc == BX_OK)
        rc = name_segment(w, p, from, err);
    return undo_file(w, from, rc, err);
}

static int write_part(struct bx_wal *w, struct bx_wal_part *p, struct bx_err *err)
{
    uint8_t *at = w->job.buf + p->from, *end = at + p->len;
    uint32_t prev = w->job.prev;
    char name[BX_WAL_NAME];
    int rc;

    if (p->create) {
        rc = create_segment(w, p, err);
        if (rc != BX_OK)
            return rc;
        p->create = false;
    }
    while (at < end) {
        w->job.prev = bx_record_seal(at, w->job.prev);
        at += (BX_HEADER_SIZE + (size_t)bx_get32(at + 8) + 7) & ~(size_t)7;
    }
    bx_wal_name(name, p->seq);
    rc = w->fs->ops->write(w->fs, w->writer.fd, w->job.buf + p->from, p->len, p->offset);
    if (rc != 0) {
        w->job.prev = prev;
        return bx_fs_fail(w->fs, rc, "write", name, err);
    }
    rc = BX_MUTATED(NO_FSYNC) ? 0 : w->fs->ops->sync(w->fs, w->writer.fd);
    w->job.writes++;
    w->job.syncs++;
    w->job.done++;
    return rc == 0 ? BX_OK : bx_fs_sync_fail(w->fs, rc, name, err);
}

static int retire_segment(struct bx_wal *w, uint64_t seq, struct bx_err *err)
{
    char from[BX_WAL_NAME], to[BX_WAL_NAME];
    int rc;

    bx_wal_name(from, seq);
    bx_wal_spare_name(to, seq);
    if (w->writer.n_spares < BX_WAL_SPARES) {
        rc = w->fs->ops->rename(w->fs, from, to);
        if (rc == 0)
            w->writer.spares[w->writer.n_spares++] = seq;
    } else {
        rc = w->fs->ops->unlink(w->fs, from);
    }
    if (rc != 0)
        return bx_fs_fail(w->fs, rc, "retire", from, err);
    rc = w->fs->ops->sync_dir(w->fs);
    w->job.syncs++;
    return rc == 0 ? BX_OK : bx_fs_sync_fail(w->fs, rc, from, err);
}

static int run(struct bx_wal *w, struct bx_err *err)
{
    struct bx_wal_job *j = &w->job;
    uint8_t mark[8];
    int rc = BX_OK;

    assert(j->active);
    for (; j->retire_from < j->retire_to && rc == BX_OK; j->retire_from += rc == BX_OK)
        rc = retire_segment(w, j->retire_from, err);
    while (j->done < j->n_parts && rc == BX_OK)
        rc = write_part(w, &j->parts[j->done], err);
    if (rc == BX_OK && j->mark) {
        bx_put64(mark, j->last_lsn);
        rc = bx_dualcopy_save(&w->writer.mark, mark, sizeof mark, err);
        j->writes += 2;
        j->syncs += 2;
    }
    return BX_MUTATED(SPACE_ACKED) && rc == BX_NO_SPACE ? BX_OK : rc;
}

int bx_wal_run(struct bx_wal *w, struct bx_err *err)
{
    BX_DEBUG_TIMED("wal", "wrote", timed);

    timed.code = run(w, err);
    return timed.code;
}

/* ---- finish ---- */

int bx_wal_finish(struct bx_wal *w, int rc)
{
    struct bx_wal_job *j = &w->job;

    assert(j->active);
    j->active = false;
    w->stats.writes += j->writes;
    w->stats.syncs += j->syncs;
    if (rc != BX_OK) {
        w->failed = true;
        return rc;
    }
    for (unsigned i = 0; i < j->n_parts; i++)
        w->stats.bytes += j->parts[i].len;
    w->stats.records += j->records;
    w->durable_lsn = j->last_lsn;
    w->prev = j->prev;
    if (j->mark)
        w->mark_lsn = j->last_lsn;
    while (w->durable < w->last && bx_wal_slot(w, w->durable + 1)->lsn <= w->durable_lsn)
        w->durable++;
    bx_wal_evict(w);
    return BX_OK;
}
