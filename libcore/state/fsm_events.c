/* fsm_events - the events: one per revision, without gaps; only the newest are kept. */
#include "state/fsm_priv.h"

#include "codec/flat.h"

#define SLACK 1024u /* number of entries trimmed at a time */

uint64_t bx_fsm_events_oldest(const struct bx_fsm *f)
{
    return f->events_oldest;
}

/* ---- keeping ---- */

void bx_fsm_count_events(struct bx_fsm *f, uint64_t first, uint64_t last)
{
    if (f->events_kept++ == 0)
        f->events_oldest = first;
    f->events_newest = last;
}

void bx_fsm_trim_events(struct bx_fsm *f)
{
    if (f->events_kept <= f->o.events_max + SLACK)
        return;
    bx_store_trim_events(f->store, SLACK, &f->events_oldest);
    f->events_kept -= SLACK;
}

int bx_fsm_known_events(struct bx_fsm *f, const struct bx_blob *stored)
{
    struct bx_blob b;

    if (bx_blob_open(stored, BX_KIND_EVENTS, &b) != BX_OK || b.first > b.last ||
        (f->events_kept > 0 && b.first != f->events_newest + 1))
        return BX_CORRUPT;
    bx_fsm_count_events(f, b.first, b.last);
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
