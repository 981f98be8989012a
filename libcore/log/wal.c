#include "log/wal.h"
#include "log/wal_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

void bx_wal_name(char out[BX_WAL_NAME], uint64_t seq)
{
    snprintf(out, BX_WAL_NAME, "wal-%016" PRIx64, seq);
}

void bx_wal_spare_name(char out[BX_WAL_NAME], uint64_t seq)
{
    snprintf(out, BX_WAL_NAME, "spare-%016" PRIx64, seq);
}

/* ---- entries in memory ---- */

struct bx_wal_slot *bx_wal_slot(const struct bx_wal *w, uint64_t index)
{
    assert(index >= w->first && index <= w->last);
    return &w->slots[w->head + (size_t)(index - w->first)];
}

static size_t count(const struct bx_wal *w)
{
    return (size_t)(w->last + 1 - w->first);
}

int bx_wal_reserve(struct bx_wal *w, size_t n)
{
    size_t need = count(w) + n;
    struct bx_wal_slot *slots;

    if (w->head + need <= w->cap)
        return BX_OK;
    if (w->head >= w->cap / 2 && need <= w->cap) {
        memmove(w->slots, w->slots + w->head, count(w) * sizeof *w->slots);
        w->head = 0;
        return BX_OK;
    }
    need = bx_vec_headroom(w->head + need);
    slots = bx_realloc(w->slots, need * sizeof *slots);
    if (slots == NULL)
        return BX_NO_MEMORY;
    w->slots = slots;
    w->cap = need;
    return BX_OK;
}

void bx_wal_rec_release(struct bx_wal_rec *r)
{
    assert(r->refs > 0);
    if (--r->refs == 0)
        bx_fifo_free(r);
}

static void uncache(struct bx_wal *w, struct bx_wal_slot *s)
{
    if (s->rec == NULL)
        return;
    w->cached_bytes -= s->len;
    bx_wal_rec_release(s->rec);
    s->rec = NULL;
}

void bx_wal_truncate(struct bx_wal *w, uint64_t index)
{
    assert(index >= w->first && index <= w->last + 1);
    for (uint64_t i = index; i <= w->last; i++)
        uncache(w, bx_wal_slot(w, i));
    w->last = index - 1;
    if (w->durable > w->last)
        w->durable = w->last;
    if (w->cached_from > index)
        w->cached_from = index;
}

void bx_wal_clear(struct bx_wal *w, uint64_t index)
{
    bx_wal_truncate(w, w->first);
    w->head = 0;
    w->first = w->cached_from = index + 1;
    w->last = w->durable = index;
}

void bx_wal_push(struct bx_wal *w, const struct bx_wal_slot *s)
{
    uint64_t before = count(w) == 0 ? 0 : bx_wal_slot(w, w->last)->end;

    assert(w->head + count(w) < w->cap);
    w->last++;
    *bx_wal_slot(w, w->last) = *s;
    bx_wal_slot(w, w->last)->end = before + bx_record_size(s->len);
    if (s->rec != NULL) {
        s->rec->refs++;
        w->cached_bytes += s->len;
    } else {
        w->cached_from = w->last + 1;
    }
}

void bx_wal_evict(struct bx_wal *w)
{
    while (w->cached_bytes > w->cache_bytes && w->cached_from <= w->durable)
        uncache(w, bx_wal_slot(w, w->cached_from++));
}

void bx_wal_age(struct bx_wal *w)
{
    while (w->cached_from <= w->aged && w->cached_from <= w->durable)
        uncache(w, bx_wal_slot(w, w->cached_from++));
    w->aged = w->last;
    bx_fifo_trim(&w->recs);
}

/* ---- open, close ---- */

int bx_wal_open(struct bx_wal **wal, const struct bx_wal_options *o, struct bx_err *err)
{
    struct bx_wal *w = bx_calloc(1, sizeof *w);
    int rc = BX_NO_MEMORY;

    *wal = NULL;
    if (w == NULL)
        return bx_err_set(err, rc, "out of memory for the log");
    w->fs = o->fs;
    w->segment_size = o->segment_size != 0 ? o->segment_size : 8u << 20;
    w->queue_max = o->queue_bytes != 0 ? o->queue_bytes : BX_WAL_QUEUE_MAX;
    w->cache_bytes = o->cache_bytes != 0 ? o->cache_bytes : 16u << 20;
    bx_fifo_keep(&w->recs, w->cache_bytes);
    assert(w->segment_size >= BX_WAL_SEGMENT_MIN && w->segment_size <= UINT32_MAX);
    w->first = w->cached_from = w->next_lsn = 1;
    w->queue_end = &w->queue;
    w->read_fd = w->writer.fd = -1;
    bx_wal_segments_init(&w->segments);
    w->job.max = 2 * w->segment_size < BX_WAL_JOB_MAX ? 2 * w->segment_size : BX_WAL_JOB_MAX;
    w->job.buf = bx_alloc(w->job.max);
    if (w->job.buf == NULL) {
        bx_err_set(err, rc, "out of memory for the log");
        goto fail;
    }
    rc = bx_wal_recover(w, err);
    if (rc != BX_OK)
        goto fail;
    *wal = w;
    return BX_OK;
fail:
    bx_wal_close(w);
    return rc;
}

static void close_reader(struct bx_wal *w)
{
    if (w->read_fd >= 0)
        w->fs->ops->close(w->fs, w->read_fd);
    w->read_fd = -1;
}

void bx_wal_close(struct bx_wal *w)
{
    struct bx_wal_rec *r;

    if (w == NULL)
        return;
    assert(!w->job.active);
    bx_wal_truncate(w, w->first);
    while ((r = w->queue) != NULL) {
        w->queue = r->next;
        bx_wal_rec_release(r);
    }
    close_reader(w);
    if (w->writer.fd >= 0)
        w->fs->ops->close(w->fs, w->writer.fd);
    bx_dualcopy_close(&w->writer.mark);
    bx_wal_segments_close(&w->segments);
    bx_free(w->job.buf);
    bx_free(w->slots);
    bx_fifo_close(&w->recs);
    bx_free(w);
}

/* ---- accessors ---- */

uint64_t bx_wal_first(const struct bx_wal *w)
{
    return w->first;
}

uint64_t bx_wal_last(const struct bx_wal *w)
{
    return w->last;
}

bool bx_wal_mark_repaired(const struct bx_wal *w)
{
    return w->writer.mark.repaired;
}

uint64_t bx_wal_cut(const struct bx_wal *w)
{
    return w->cut;
}

uint64_t bx_wal_durable(const struct bx_wal *w)
{
    return w->durable;
}

uint64_t bx_wal_term(const struct bx_wal *w, uint64_t index)
{
    return index < w->first || index > w->last ? 0 : bx_wal_slot(w, index)->term;
}

uint64_t bx_wal_bytes_after(const struct bx_wal *w, uint64_t index)
{
    const struct bx_wal_slot *s;

    if (count(w) == 0 || index >= w->last)
        return 0;
    if (index >= w->first)
        return bx_wal_slot(w, w->last)->end - bx_wal_slot(w, index)->end;
    s = bx_wal_slot(w, w->first);
    return bx_wal_slot(w, w->last)->end - s->end + bx_record_size(s->len);
}

void bx_wal_raise_high_water(struct bx_wal *w)
{
    w->raise_high_water = true;
}

bool bx_wal_high_water_behind(const struct bx_wal *w)
{
    return w->mark_lsn < w->durable_lsn;
}

#define STATS(X, at)                                                                               \
    X(at, LEVEL, segments, "files of the log")                                                     \
    X(at, BYTES_TOTAL, bytes, "written to the log")                                                \
    X(at, COUNT, writes, "writes to the log")                                                      \
    X(at, COUNT, syncs, "syncs of the log")                                                        \
    X(at, COUNT, records, "records written to the log")                                            \
    X(at, BYTES, cached_bytes, "entries in memory")                                                \
    X(at, BYTES, cache_max_bytes, "entries in memory at most")                                     \
    X(at, COUNT, cache_hits, "entries found in memory")                                            \
    X(at, COUNT, disk_reads, "entries read from disk")
BX_METRIC_SET(bx_wal_metrics, "wal", bx_wal_stats, STATS, NULL);

void bx_wal_stats(const struct bx_wal *w, struct bx_wal_stats *out)
{
    *out = w->stats;
    out->segments = w->segments.len;
    out->cached_bytes = w->cached_bytes;
    out->cache_max_bytes = w->cache_bytes;
}

void bx_wal_chunks(const struct bx_wal *w, struct bx_fifo_stats *out)
{
    bx_fifo_stats(&w->recs, out);
}

/* ---- changes ---- */

static struct bx_wal_rec *make_rec(struct bx_wal *w, const struct bx_wal_entry *e, uint64_t index)
{
    struct bx_wal_rec *r = bx_fifo_alloc(&w->recs, sizeof *r + e->len);

    if (r == NULL)
        return NULL;
    *r = (struct bx_wal_rec){
        .refs = 1, .index = index, .term = e->term, .len = e->len, .type = e->type};
    if (e->len > 0)
        memcpy(r->data, e->data, e->len);
    return r;
}

static void enqueue(struct bx_wal *w, struct bx_wal_rec *r)
{
    r->lsn = w->next_lsn++;
    *w->queue_end = r;
    w->queue_end = &r->next;
    w->queue_bytes += bx_record_size(r->len);
}

static int check_sizes(const struct bx_wal *w, const struct bx_wal_entry *entries, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (entries[i].len > BX_WAL_ENTRY_MAX ||
            BX_SEGMENT_HEADER + bx_record_size(entries[i].len) > w->segment_size)
            return BX_TOO_LARGE;
    }
    return BX_OK;
}

unsigned bx_wal_room(const struct bx_wal *w, const struct bx_wal_entry *entries, unsigned n)
{
    uint64_t bytes = w->queue_bytes;

    for (unsigned i = 0; i < n; i++) {
        bytes += bx_record_size(entries[i].len);
        if (bytes > w->queue_max && bytes > bx_record_size(entries[i].len))
            return i;
    }
    return n;
}

uint64_t bx_wal_queued(const struct bx_wal *w)
{
    return w->queue_bytes;
}

/* Everything that can fail comes first, so that a failure changes nothing. */
int bx_wal_append(struct bx_wal *w, uint64_t index, const struct bx_wal_entry *entries, unsigned n)
{
    struct bx_wal_rec *recs = NULL, **end = &recs, *r;
    int rc = check_sizes(w, entries, n);

    assert(index >= w->first && index <= w->last + 1);
    if (rc == BX_OK)
        rc = bx_wal_reserve(w, n);
    for (unsigned i = 0; i < n && rc == BX_OK; i++) {
        assert(entries[i].type != 0 && entries[i].type != BX_RECORD_RESET);
        *end = make_rec(w, &entries[i], index + i);
        if (*end == NULL)
            rc = BX_NO_MEMORY;
        else
            end = &(*end)->next;
    }
    if (rc == BX_OK && n > 0)
        bx_wal_truncate(w, index);
    while ((r = recs) != NULL) {
        recs = r->next;
        r->next = NULL;
        if (rc != BX_OK) {
            bx_wal_rec_release(r);
            continue;
        }
        enqueue(w, r);
        bx_wal_push(w,
                    &(struct bx_wal_slot){
                        .term = r->term, .lsn = r->lsn, .len = r->len, .type = r->type, .rec = r});
    }
    return rc;
}

int bx_wal_reset(struct bx_wal *w, uint64_t index, uint64_t term)
{
    struct bx_wal_entry e = {.term = term, .type = BX_RECORD_RESET};
    struct bx_wal_rec *r = make_rec(w, &e, index);

    if (r == NULL)
        return BX_NO_MEMORY;
    enqueue(w, r);
    bx_wal_clear(w, index);
    w->reset_lsn = r->lsn;
    w->compact = index + 1;
    return BX_OK;
}

/* In memory the entries are dropped at once; their segments by a job, see wal_write.c. */
int bx_wal_compact(struct bx_wal *w, uint64_t index)
{
    assert(index <= w->last + 1);
    if (index <= w->first)
        return BX_OK;
    for (uint64_t i = w->first; i < index; i++)
        uncache(w, bx_wal_slot(w, i));
    w->head += (size_t)(index - w->first);
    w->first = w->compact = index;
    if (w->cached_from < index)
        w->cached_from = index;
    if (w->durable < index - 1)
        w->durable = index - 1;
    return BX_OK;
}

/* ---- reading ---- */

static int open_reader(struct bx_wal *w, uint64_t seq, const char *name, struct bx_err *err)
{
    int rc;

    if (w->read_fd >= 0 && w->read_seq == seq)
        return BX_OK;
    close_reader(w);
    rc = w->fs->ops->open(w->fs, name, 0, &w->read_fd);
    if (rc != 0) {
        w->read_fd = -1;
        return bx_fs_fail(w->fs, rc, "open", name, err);
    }
    w->read_seq = seq;
    return BX_OK;
}

static int read_entry(struct bx_wal *w, uint64_t index, struct bx_wal_entry *out,
                      struct bx_buf *scratch, struct bx_err *err)
{
    const struct bx_wal_slot *s = bx_wal_slot(w, index);
    size_t n = BX_RECORD_HEADER + (size_t)s->len;
    char name[BX_WAL_NAME];
    struct bx_record r;
    uint8_t *p;
    int rc;

    bx_wal_name(name, s->segment);
    rc = open_reader(w, s->segment, name, err);
    if (rc != BX_OK)
        return rc;
    scratch->len = 0;
    p = bx_buf_extend(scratch, n);
    if (p == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for an entry of %zu bytes", n);
    rc = w->fs->ops->read(w->fs, w->read_fd, p, n, s->offset);
    if (rc != 0)
        return bx_fs_fail(w->fs, rc, "read", name, err);
    w->stats.disk_reads++;
    if (bx_record_read(p, n, &r) != BX_OK || r.lsn != s->lsn || r.index != index ||
        r.term != s->term || r.len != s->len || r.type != s->type) {
        bx_err_set(err, BX_CORRUPT, "%s/%s: entry %" PRIu64 " at offset %" PRIu32 " is damaged",
                   w->fs->dir, name, index, s->offset);
        bx_fs_hint_forget(w->fs, err);
        return BX_CORRUPT;
    }
    *out = (struct bx_wal_entry){s->term, s->type, s->len, r.data};
    return BX_OK;
}

int bx_wal_get(struct bx_wal *w, uint64_t index, struct bx_wal_entry *out, struct bx_buf *scratch,
               struct bx_err *err)
{
    const struct bx_wal_slot *s;

    if (index < w->first || index > w->last)
        return bx_err_set(err, BX_NOT_FOUND, "the log has no entry %" PRIu64, index);
    s = bx_wal_slot(w, index);
    if (s->rec == NULL)
        return read_entry(w, index, out, scratch, err);
    w->stats.cache_hits++;
    *out = (struct bx_wal_entry){s->term, s->type, s->len, s->rec->data};
    return BX_OK;
}
