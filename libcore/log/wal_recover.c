/* Recovery: replay the records, then decide about the place where the replay stops.
 *
 * Segments are replayed in the order of their sequence, records as long as header, LSN and the
 * checksum of the record before match. Where that stops, a record is missing: call its LSN `next`.
 * It was never written, or was torn by a crash, or was durable and is damaged. Only other places
 * can tell these apart:
 *   - the high-water mark says up to which LSN records were durable,
 *   - so does every intact record after that place, in this segment and in later ones,
 *   - the header of a later segment says that all records before it were (see wal_write.c).
 * If any of these reaches `next`, the record may have been acknowledged, and open refuses.
 * Otherwise the log ends here: the unacknowledged tail is truncated. A later segment (there can
 * only be one, whose header was never durable) is removed, and the rest of this segment is
 * overwritten with zeros. Both are durable before open returns: the LSNs are assigned again, and no
 * stale record may ever be taken for a new one.
 *
 * The data of a record, which a user may choose, can contain the bytes of a record. The replay
 * never sees it, as it steps from record to record; the search after a tear steps over whole intact
 * records and ignores an LSN that is impossible there. */
#include "log/wal_priv.h"
#include "mutant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_SANE (1u << 30)       /* no segment is larger */
#define ORDINAL_SANE (UINT64_MAX / 2) /* no index and no LSN is larger */

BX_VEC(seqs, uint64_t, 16);

struct recovery {
    struct bx_wal *w;
    struct bx_err *err;
    struct seqs segments, spares;
    bool no_memory, has_high_water, has_tmp;

    uint8_t *buf; /* one segment */
    size_t buf_cap, n;

    uint64_t lsn; /* of the last good record */
    uint32_t prev;
    bool placed; /* an entry or a reset has set the index */

    size_t at;       /* segment in which the log ends */
    uint64_t offset; /* and where in it; 0: its header is damaged */

    uint64_t promised; /* highest LSN that is known to have been durable */
    char by[128];      /* from this source */
};

/* ---- files ---- */

static bool parse(const char *name, const char *prefix, uint64_t *seq)
{
    size_t n = strlen(prefix);
    char *end;

    if (strncmp(name, prefix, n) != 0 || strlen(name) != n + 16)
        return false;
    *seq = strtoull(name + n, &end, 16);
    return *end == '\0';
}

static void collect(void *ctx, const char *name)
{
    struct recovery *r = ctx;
    uint64_t seq;

    if (parse(name, "wal-", &seq) && seqs_push(&r->segments, seq) != BX_OK)
        r->no_memory = true;
    if (parse(name, "spare-", &seq) && seqs_push(&r->spares, seq) != BX_OK)
        r->no_memory = true;
    r->has_high_water = r->has_high_water || strcmp(name, "mark") == 0;
    r->has_tmp = r->has_tmp || strcmp(name, BX_WAL_TMP) == 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int refuse(struct recovery *r)
{
    bx_fs_hint_forget(r->w->fs, r->err);
    return BX_CORRUPT;
}

static int remove_file(struct recovery *r, const char *name)
{
    int rc = r->w->fs->ops->unlink(r->w->fs, name);

    return rc == 0 ? BX_OK : bx_fs_fail(r->w->fs, rc, "remove", name, r->err);
}

static int sync_names(struct recovery *r)
{
    int rc = r->w->fs->ops->sync_dir(r->w->fs);

    return rc == 0 ? BX_OK : bx_fs_fail(r->w->fs, rc, "sync", ".", r->err);
}

/* Keep two spare segments, remove the others and what was being created. */
static int tidy_up(struct recovery *r)
{
    struct bx_wal_writer *writer = &r->w->writer;
    char name[BX_WAL_NAME];
    int rc = BX_OK;

    if (r->has_tmp)
        rc = remove_file(r, BX_WAL_TMP);
    for (size_t i = 0; i < r->spares.len && rc == BX_OK; i++) {
        if (writer->n_spares < BX_WAL_SPARES) {
            writer->spares[writer->n_spares++] = r->spares.items[i];
            continue;
        }
        bx_wal_spare_name(name, r->spares.items[i]);
        rc = remove_file(r, name);
    }
    return rc;
}

/* ---- replay ---- */

static int load(struct recovery *r, size_t i)
{
    const struct bx_fs_ops *ops = r->w->fs->ops;
    char name[BX_WAL_NAME];
    uint64_t size = 0;
    uint8_t *buf;
    int fd, rc;

    bx_wal_name(name, r->segments.items[i]);
    rc = ops->open(r->w->fs, name, 0, &fd);
    if (rc != 0)
        return bx_fs_fail(r->w->fs, rc, "open", name, r->err);
    rc = ops->size(r->w->fs, fd, &size);
    if (rc == 0 && size > SEGMENT_SANE)
        size = SEGMENT_SANE;
    if (rc == 0 && size > r->buf_cap) {
        buf = bx_realloc(r->buf, (size_t)size);
        rc = buf == NULL ? -ENOMEM : 0;
        r->buf = buf == NULL ? r->buf : buf;
        r->buf_cap = buf == NULL ? r->buf_cap : (size_t)size;
    }
    if (rc == 0)
        rc = ops->read(r->w->fs, fd, r->buf, (size_t)size, 0);
    ops->close(r->w->fs, fd);
    r->n = (size_t)size;
    return rc == 0 ? BX_OK : bx_fs_fail(r->w->fs, rc, "read", name, r->err);
}

static int unsupported(struct recovery *r, size_t i)
{
    return bx_err_set(r->err, BX_UNSUPPORTED,
                      "%s/wal-%016" PRIx64 " was written by a newer version", r->w->fs->dir,
                      r->segments.items[i]);
}

static int gap(struct recovery *r, const struct bx_record *rec)
{
    bx_err_set(r->err, BX_CORRUPT,
               "%s/wal-%016" PRIx64 ": record %" PRIu64 " at offset %" PRIu64
               " holds entry %" PRIu64 ", beyond the end of the log at %" PRIu64,
               r->w->fs->dir, r->segments.items[r->at], rec->lsn, r->offset, rec->index,
               r->w->last);
    return refuse(r);
}

static int apply(struct recovery *r, const struct bx_record *rec)
{
    struct bx_wal_segment *segment = &r->w->segments.items[r->w->segments.len - 1];
    struct bx_wal *w = r->w;
    int rc;

    if (rec->index > ORDINAL_SANE)
        return gap(r, rec);
    if (rec->type == BX_RECORD_RESET) {
        bx_wal_clear(w, rec->index);
        w->reset_lsn = rec->lsn;
        r->placed = true;
        return BX_OK;
    }
    if (rec->index == 0 || (r->placed && rec->index > w->last + 1))
        return gap(r, rec);
    if (!r->placed || rec->index < w->first)
        bx_wal_clear(w, rec->index - 1);
    r->placed = true;
    bx_wal_truncate(w, rec->index);
    rc = bx_wal_reserve(w, 1);
    if (rc != BX_OK)
        return bx_err_set(r->err, rc, "out of memory for the log");
    if (segment->max_index < rec->index)
        segment->max_index = rec->index;
    bx_wal_push(w, &(struct bx_wal_slot){.term = rec->term,
                                         .lsn = rec->lsn,
                                         .segment = segment->seq,
                                         .offset = (uint32_t)r->offset,
                                         .len = rec->len,
                                         .type = rec->type});
    return BX_OK;
}

/* Check the header of segment i; *fits tells whether the log continues there. */
static int enter(struct recovery *r, size_t i, bool *fits)
{
    struct bx_segment s;
    int rc = bx_segment_read(r->buf, r->n, &s);

    *fits = false;
    if (rc == BX_UNSUPPORTED)
        return unsupported(r, i);
    if (rc != BX_OK || s.seq != r->segments.items[i] || s.first_lsn - 1 > ORDINAL_SANE)
        return BX_OK;
    if (i == 0) {
        r->lsn = s.first_lsn - 1;
        r->prev = s.prev;
        r->placed = s.first_lsn == 1;
    }
    *fits = s.first_lsn == r->lsn + 1 && s.prev == r->prev;
    if (!*fits)
        return BX_OK;
    rc = bx_wal_segments_push(&r->w->segments, (struct bx_wal_segment){s.seq, s.first_lsn, 0});
    return rc == BX_OK ? BX_OK : bx_err_set(r->err, rc, "out of memory for the log");
}

/* Replay the segment in the buffer up to the first place without the next record. */
static int walk(struct recovery *r)
{
    struct bx_record rec;
    int rc;

    for (r->offset = BX_SEGMENT_HEADER; r->offset < r->n; r->offset += bx_record_size(rec.len)) {
        rc = bx_record_read(r->buf + r->offset, r->n - r->offset, &rec);
        if (rc == BX_UNSUPPORTED)
            return unsupported(r, r->at);
        if (rc != BX_OK || rec.lsn != r->lsn + 1 || rec.prev != r->prev)
            break;
        rc = apply(r, &rec);
        if (rc != BX_OK)
            return rc;
        r->lsn = rec.lsn;
        r->prev = rec.crc;
    }
    if (r->offset > r->n)
        r->offset = r->n; /* a file cut within the padding */
    return BX_OK;
}

static int missing_segment(struct recovery *r, uint64_t seq)
{
    bx_err_set(r->err, BX_CORRUPT, "%s/wal-%016" PRIx64 " is missing, but later segments exist",
               r->w->fs->dir, seq);
    return refuse(r);
}

static int replay(struct recovery *r)
{
    const uint64_t *seq = r->segments.items;
    bool fits = true;
    int rc = BX_OK;

    for (size_t i = 1; i < r->segments.len; i++) {
        if (seq[i] != seq[i - 1] + 1)
            return missing_segment(r, seq[i - 1] + 1);
    }
    for (size_t i = 0; i < r->segments.len && fits && rc == BX_OK; i++) {
        rc = load(r, i);
        if (rc == BX_OK)
            rc = enter(r, i, &fits);
        if (rc != BX_OK || (!fits && i > 0))
            break; /* the log may end in the previous segment */
        r->at = i;
        r->offset = 0;
        if (fits)
            rc = walk(r);
    }
    return rc;
}

/* ---- evidence of durable records after the end ---- */

static void promise(struct recovery *r, uint64_t lsn, const char *what, uint64_t seq,
                    uint64_t offset)
{
    if (lsn <= r->promised)
        return;
    r->promised = lsn;
    snprintf(r->by, sizeof r->by, "%s wal-%016" PRIx64 " at offset %" PRIu64, what, seq, offset);
}

static void search(struct recovery *r, uint64_t seq, size_t from, uint64_t limit)
{
    struct bx_record rec;
    size_t at = from;

    while (at + BX_RECORD_HEADER <= r->n) {
        if (bx_record_read(r->buf + at, r->n - at, &rec) != BX_OK) {
            at += 8;
            continue;
        }
        if (rec.lsn > r->lsn && rec.lsn <= limit && rec.durable < rec.lsn) {
            r->w->cut++;
            promise(r, rec.durable, "a record in", seq, at);
        }
        at += bx_record_size(rec.len);
    }
}

static int search_all(struct recovery *r)
{
    struct bx_segment s;
    uint64_t limit = r->lsn;
    int rc = BX_OK;

    for (size_t i = r->at; i < r->segments.len && rc == BX_OK; i++) {
        rc = load(r, i);
        if (rc != BX_OK)
            break;
        limit += 1 + r->n / BX_RECORD_HEADER; /* no more records fit */
        if (i > r->at && bx_segment_read(r->buf, r->n, &s) == BX_OK &&
            s.seq == r->segments.items[i] && s.first_lsn > r->lsn)
            promise(r, s.first_lsn - 1, "the header of", s.seq, 0);
        search(r, r->segments.items[i], i == r->at ? (size_t)r->offset : 0, limit);
    }
    return rc;
}

static int decide_end(struct recovery *r)
{
    uint64_t seq = r->segments.len == 0 ? 1 : r->segments.items[r->at];

    if (r->promised <= r->lsn)
        return BX_OK;
    bx_err_set(r->err, BX_CORRUPT,
               "%s/wal-%016" PRIx64 ": record %" PRIu64 " at offset %" PRIu64
               " is missing or damaged, but %s says that the log was durable up to record %" PRIu64,
               r->w->fs->dir, seq, r->lsn + 1, r->offset, r->by, r->promised);
    return refuse(r);
}

/* ---- truncation ---- */

static int drop_segments(struct recovery *r)
{
    size_t keep = r->offset == 0 ? r->at : r->at + 1;
    char name[BX_WAL_NAME];
    int rc = BX_OK;

    while (r->segments.len > keep && rc == BX_OK) {
        bx_wal_name(name, r->segments.items[--r->segments.len]);
        rc = remove_file(r, name);
    }
    return rc;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* The segment in which the log ends is in the buffer. Also when nothing was torn: records that a
 * killed process left in the page cache were replayed, and must be durable before they count. */
static int settle(struct recovery *r)
{
    struct bx_wal *w = r->w;
    char name[BX_WAL_NAME];
    int rc;

    bx_wal_name(name, r->segments.items[r->at]);
    rc = w->fs->ops->open(w->fs, name, 0, &w->writer.fd);
    if (rc != 0) {
        w->writer.fd = -1;
        return bx_fs_fail(w->fs, rc, "open", name, r->err);
    }
    if (!all_zero(r->buf + r->offset, r->n - r->offset)) {
        memset(r->buf + r->offset, 0, r->n - r->offset);
        rc =
            w->fs->ops->write(w->fs, w->writer.fd, r->buf + r->offset, r->n - r->offset, r->offset);
    }
    if (rc == 0)
        rc = w->fs->ops->sync(w->fs, w->writer.fd);
    w->tail_offset = r->offset;
    w->tail_size = r->n;
    return rc == 0 ? BX_OK : bx_fs_fail(w->fs, rc, "write", name, r->err);
}

static int end_here(struct recovery *r)
{
    struct bx_wal *w = r->w;
    int rc = drop_segments(r);

    if (rc == BX_OK && r->segments.len > 0)
        rc = load(r, r->at);
    if (rc == BX_OK && r->segments.len > 0)
        rc = settle(r);
    if (rc == BX_OK)
        rc = tidy_up(r);
    if (rc == BX_OK)
        rc = sync_names(r);
    if (rc != BX_OK)
        return rc;
    w->durable = w->last;
    w->durable_lsn = r->lsn;
    w->next_lsn = r->lsn + 1;
    w->prev = r->prev;
    return BX_OK;
}

/* ---- recovery ---- */

static int open_high_water(struct recovery *r)
{
    struct bx_dualcopy *slots = &r->w->writer.mark;
    uint8_t value[BX_DUALCOPY_MAX];
    size_t len;
    int rc;

    if (!r->has_high_water && r->segments.len > 0) {
        bx_err_set(r->err, BX_CORRUPT, "%s/mark is missing, but the log exists", r->w->fs->dir);
        return refuse(r);
    }
    rc = bx_dualcopy_open(slots, r->w->fs, "mark", BX_KIND_MARK, value, &len, r->err);
    if (rc != BX_OK)
        return rc;
    if (len != 0 && len != 8) {
        bx_err_set(r->err, BX_CORRUPT, "%s/mark: %zu bytes instead of 8", r->w->fs->dir, len);
        return refuse(r);
    }
    r->w->mark_lsn = r->promised = len == 0 ? 0 : bx_get64(value);
    if (BX_MUTATED(MARK_IGNORED))
        r->promised = 0;
    snprintf(r->by, sizeof r->by, "the high-water mark");
    return BX_OK;
}

int bx_wal_recover(struct bx_wal *w, struct bx_err *err)
{
    struct recovery r = {.w = w, .err = err};
    int rc;

    seqs_init(&r.segments);
    seqs_init(&r.spares);
    rc = w->fs->ops->list(w->fs, collect, &r);
    if (rc != 0)
        rc = bx_fs_fail(w->fs, rc, "list", ".", err);
    else if (r.no_memory)
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory for the log");
    if (rc == BX_OK) {
        qsort(r.segments.items, r.segments.len, sizeof *r.segments.items, by_value);
        qsort(r.spares.items, r.spares.len, sizeof *r.spares.items, by_value);
        rc = open_high_water(&r);
    }
    if (rc == BX_OK)
        rc = replay(&r);
    if (rc == BX_OK)
        rc = search_all(&r);
    if (rc == BX_OK)
        rc = decide_end(&r);
    if (rc == BX_OK)
        rc = end_here(&r);
    bx_free(r.buf);
    seqs_close(&r.segments);
    seqs_close(&r.spares);
    return rc;
}
