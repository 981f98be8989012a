/* fsm_events - the events: one per revision, without gaps; only the newest are kept. */
#include "state/fsm_priv.h"

#include "codec/flat.h"

#define SLACK 64u       /* trim when a bound is exceeded by one part in so many */
#define TRIM_ROWS 2048u /* entries trimmed at a time, a few milliseconds */

uint64_t bx_fsm_events_oldest(const struct bx_fsm *f)
{
    return f->events_oldest;
}

/* ---- keeping ---- */

static void count(struct bx_fsm *f, const struct bx_blob *b)
{
    if (f->events_bytes == 0)
        f->events_oldest = b->first;
    f->events_newest = b->last;
    f->events_bytes += b->n;
}

/* slack: the divisor; 0: exceeds the bounds themselves. */
static bool exceeds(const struct bx_fsm *f, uint32_t slack)
{
    uint64_t n = f->events_newest - f->events_oldest + 1;
    uint64_t max = f->o.events_max, bytes = f->o.events_bytes;

    if (slack > 0) {
        max += max / slack;
        bytes += bytes / slack;
    }
    return n > max || f->events_bytes > bytes;
}

struct trimming {
    struct bx_fsm *f;
    uint64_t entry; /* the last one to be deleted */
    uint32_t rows;
};

/* The oldest entry that is left. The newest one always stays: its events reach the current
 * revision, which is checked when they are loaded. */
static bool trim(void *ctx, const struct bx_blob *oldest)
{
    struct trimming *t = ctx;
    struct bx_fsm *f = t->f;

    if (t->rows == TRIM_ROWS || oldest->last == f->events_newest || !exceeds(f, 0))
        return false;
    t->rows++;
    t->entry = oldest->entry;
    f->events_oldest = oldest->last + 1;
    f->events_bytes -= oldest->n;
    return true;
}

/* Part of apply: what is deleted depends on the events alone, so it is the same on every replica.
 */
void bx_fsm_keep_events(struct bx_fsm *f, const struct bx_blob *b)
{
    struct trimming t = {.f = f};

    bx_store_put_events(f->store, b);
    count(f, b);
    if (!exceeds(f, SLACK))
        return;
    bx_store_oldest_events(f->store, trim, &t);
    if (t.rows > 0)
        bx_store_delete_events(f->store, t.entry);
}

int bx_fsm_known_events(struct bx_fsm *f, const struct bx_blob *stored)
{
    struct bx_blob b;

    if (bx_blob_open(stored, BX_KIND_EVENTS, &b) != BX_OK || b.first > b.last ||
        (f->events_bytes > 0 && b.first != f->events_newest + 1))
        return BX_CORRUPT;
    count(f, stored);
    return BX_OK;
}

bool bx_fsm_events_whole(const struct bx_fsm *f)
{
    return f->events_newest == f->view.revision;
}

/* ---- reading ---- */

struct reading {
    uint64_t since;
    uint32_t left, n;
    void (*each)(void *ctx, const struct bx_event *e);
    void *ctx;
    struct bx_buf aligned;
};

static int read_blob(void *ctx, const struct bx_blob *stored)
{
    struct reading *r = ctx;
    struct bx_blob b;
    size_t at = 0;
    int rc = bx_blob_open(stored, BX_KIND_EVENTS, &b);

    r->aligned.len = 0;
    if (rc == BX_OK)
        rc = bx_buf_append(&r->aligned, b.p, b.n);
    while (rc == BX_OK && at < b.n && r->left > 0) {
        struct bx_event e = {0};
        size_t used = 0;

        if (bx_flat_read(&bx_event_schema, r->aligned.data + at, b.n - at, &e, NULL, &used, NULL) !=
            BX_OK)
            return BX_CORRUPT;
        at += used;
        if (e.index <= r->since)
            continue;
        r->each(r->ctx, &e);
        r->left--;
        r->n++;
    }
    return rc == BX_OK && r->left == 0 ? BX_BUSY : rc; /* BX_BUSY: stop, max is reached */
}

int bx_fsm_events(struct bx_fsm *f, uint64_t since, uint32_t max,
                  void (*each)(void *ctx, const struct bx_event *e), void *ctx, uint32_t *n,
                  struct bx_err *err)
{
    struct reading r = {.since = since, .left = max, .each = each, .ctx = ctx};
    int rc = bx_store_events(f->store, since, read_blob, &r, err);

    bx_buf_release(&r.aligned);
    *n = r.n;
    if (rc == BX_CORRUPT)
        bx_fsm_damaged(f);
    return rc == BX_BUSY ? BX_OK : rc;
}
