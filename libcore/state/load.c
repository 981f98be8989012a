/* load - fills an empty state from the tables at start, or from a dump. Both end with the same
 * check: the digest of the loaded state must equal the stored one. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <assert.h>

struct loading {
    struct bx_fsm *f;
    enum bx_table table;
};

static int load_row(void *ctx, const uint8_t *p, size_t n)
{
    struct loading *l = ctx;
    struct bx_view *v = &l->f->view;
    struct bx_row *row = bx_row_load(&v->home, l->table, p, n);

    if (row == NULL)
        return BX_CORRUPT;
    bx_row_settle(&v->home, row);
    bx_view_add(v, row);
    return BX_OK;
}

int bx_fsm_keep_outcomes(struct bx_fsm *f, const struct bx_blob *stored)
{
    struct bx_buf aligned = {0};
    struct bx_blob b;
    int rc = bx_blob_open(stored, BX_KIND_OUTCOMES, &b);
    size_t at = 0;

    if (rc == BX_OK)
        rc = bx_buf_append(&aligned, b.p, b.n);
    while (rc == BX_OK && at < b.n) {
        struct bx_outcome o = {0};
        size_t used = 0;

        rc = bx_flat_read(&bx_outcome_schema, aligned.data + at, b.n - at, &o, NULL, &used, NULL);
        if (rc == BX_OK)
            bx_sessions_load(&f->sessions, b.entry, b.last, &o, aligned.data + at, used);
        at += used;
    }
    bx_buf_release(&aligned);
    return rc == BX_OK || rc == BX_NO_MEMORY ? rc : BX_CORRUPT;
}

static int load_outcomes(void *ctx, const struct bx_blob *b)
{
    return bx_fsm_keep_outcomes(ctx, b);
}

static int load_events(void *ctx, const struct bx_blob *b)
{
    return bx_fsm_known_events(ctx, b);
}

int bx_fsm_load(struct bx_fsm *f, struct bx_err *err)
{
    static const struct bx_meta nothing;
    uint64_t empty = f->view.digest;
    struct bx_meta meta;
    int rc = bx_store_meta(f->store, &meta, err);

    for (size_t i = 0; rc == BX_OK && i < BX__TABLES; i++) {
        struct loading l = {f, (enum bx_table)i};

        rc = bx_store_rows(f->store, l.table, load_row, &l, err);
    }
    if (rc == BX_OK)
        rc = bx_store_outcomes(f->store, load_outcomes, f, err);
    if (rc == BX_OK)
        rc = bx_store_events(f->store, 0, load_events, f, err);
    if (rc != BX_OK)
        return rc;
    bx_sessions_expire(&f->sessions, meta.session_ms);
    f->applied = meta.applied;
    f->view.revision = meta.revision;
    f->view.time_ms = meta.time_ms;
    f->session_ms = meta.session_ms;
    rc = bx_fsm_chain_load(f, err);
    if (rc != BX_OK)
        return rc;
    if (memcmp(&meta, &nothing, sizeof meta) == 0 && f->view.digest == empty &&
        f->sessions_digest == 0)
        return BX_OK; /* nothing has been committed yet */
    if (meta.digest != bx_fsm_seal(f) || !bx_fsm_events_whole(f))
        return bx_err_set(err, BX_CORRUPT, "state database: digest mismatch");
    f->applied += BX_MUTATED(SKIP_APPLIED);
    if (BX_MUTATED(LOSE_OUTCOMES))
        bx_sessions_expire(&f->sessions, UINT64_MAX);
    return BX_OK;
}
