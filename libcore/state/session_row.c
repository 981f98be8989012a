/* session_row - the stored form of sessions: one row of outcomes for each entry. */
#include "state/session_priv.h"

#include "mem/alloc.h"
#include "state/blob.h"

void *bx_session_take(struct bx_sessions *ss, size_t n)
{
    void *p = bx_slab_calloc(&ss->slab, n);

    if (p == NULL)
        bx_oom(n);
    return p;
}

struct bx_kept *bx_kept_take(struct bx_sessions *ss, size_t len)
{
    struct bx_kept *k = bx_session_take(ss, sizeof *k + len);

    k->len = (uint32_t)len;
    return k;
}

struct bx_outcome_blob *bx_outcome_blob_of(struct bx_sessions *ss, uint64_t entry, uint64_t time_ms)
{
    struct bx_outcome_blob *b = ss->current;

    if (b != NULL && b->entry == entry)
        return b;
    b = bx_session_take(ss, sizeof *b);
    b->entry = entry;
    b->time_ms = time_ms;
    TAILQ_INIT(&b->outcomes);
    ss->current = b;
    ss->blobs++;
    return b;
}

void bx_outcome_blob_stale(struct bx_sessions *ss, struct bx_outcome_blob *b)
{
    if (!b->stale)
        TAILQ_INSERT_TAIL(&ss->stale, b, link);
    b->stale = true;
}

/* ---- dropping ---- */

static void free_kept(struct bx_sessions *ss, struct bx_kept *k)
{
    TAILQ_REMOVE(&k->blob->outcomes, k, place);
    bx_slab_free(&ss->slab, k, sizeof *k + k->len);
}

/* What the row holds and no session has any more. */
static void free_dropped(struct bx_sessions *ss, struct bx_outcome_blob *b)
{
    struct bx_kept *k, *next;

    for (k = TAILQ_FIRST(&b->outcomes); k != NULL; k = next) {
        next = TAILQ_NEXT(k, place);
        if (!k->dropped)
            continue;
        TAILQ_REMOVE(&k->session->dropped, k, link);
        free_kept(ss, k);
    }
    b->dropped_bytes = 0;
}

static void release_blob(struct bx_sessions *ss, struct bx_outcome_blob *b)
{
    free_dropped(ss, b);
    if (ss->unused != NULL)
        ss->unused(ss->ctx, b->entry);
    if (ss->current == b)
        ss->current = NULL;
    if (b->stale)
        TAILQ_REMOVE(&ss->stale, b, link);
    ss->blobs--;
    bx_slab_free(&ss->slab, b, sizeof *b);
}

/* So many bytes of it are of no use any more. */
static void waste(struct bx_sessions *ss, struct bx_outcome_blob *b, uint32_t counted)
{
    b->bytes -= counted;
    b->dropped_bytes += counted;
    if (b->bytes == 0)
        release_blob(ss, b);
    else if (b->dropped_bytes > b->bytes)
        bx_outcome_blob_stale(ss, b);
}

void bx_kept_dropped(struct bx_sessions *ss, struct bx_kept *k)
{
    k->dropped = true;
    waste(ss, k->blob, k->counted);
}

void bx_kept_free(struct bx_sessions *ss, struct bx_kept *k)
{
    struct bx_outcome_blob *b = k->blob;
    uint32_t counted = k->dropped ? 0 : k->counted;

    free_kept(ss, k);
    if (counted > 0)
        waste(ss, b, counted);
}

/* ---- writing ---- */

static void build(const struct bx_outcome_blob *b, struct bx_buf *row)
{
    const struct bx_kept *k;

    bx_must_ok(bx_blob_begin(row));
    TAILQ_FOREACH(k, &b->outcomes, place)
    bx_must_ok(bx_buf_append(row, k->record, k->len));
    bx_blob_seal(row, BX_KIND_OUTCOMES, b->entry, 0, b->time_ms);
}

void bx_sessions_write(struct bx_sessions *ss, struct bx_buf *scratch,
                       void (*put)(void *ctx, uint64_t entry, uint64_t time_ms,
                                   const struct bx_buf *row),
                       void *ctx)
{
    struct bx_outcome_blob *b;

    while ((b = TAILQ_FIRST(&ss->stale)) != NULL) {
        TAILQ_REMOVE(&ss->stale, b, link);
        b->stale = false;
        free_dropped(ss, b);
        build(b, scratch);
        put(ctx, b->entry, b->time_ms, scratch);
    }
}
