/* dump - the state as chunks of flat records, and back: the contents of snapshots.
 *
 * It is a logical dump, not a copy of SQLite pages: equal states yield equal bytes on every
 * replica, the format does not depend on the SQLite version, and restoring runs the same checks as
 * loading. */
#include "state/fsm_priv.h"
#include "state/store_dump.h"

#include "codec/header.h"
#include "mem/alloc.h"

#define CHUNK (128u << 10)   /* a chunk ends once it exceeds this size */
#define ROW_MAX (880u << 10) /* an entry's events are the largest rows */
#define EVENT_MAX 720u       /* two names of at most 63 bytes, and the message of a report */
/* More of it in the chain: slots, a tenant, who, from where and the hash. */
#define CHAINED_MAX (112u + BX_EVENT_PRINCIPAL_MAX + BX_SOURCE_MAX + BX_SHA256)

_Static_assert(BX_OUTCOME_BYTES_MAX *BX_BATCH_COMMANDS_MAX <= ROW_MAX,
               "an entry's outcomes fit a row");
_Static_assert(BX_EVENTS_BYTES_MAX + EVENT_MAX * BX_BATCH_COMMANDS_MAX <= ROW_MAX,
               "an entry's events fit a row");
_Static_assert(BX_EVENTS_BYTES_CHAINED + (EVENT_MAX + CHAINED_MAX) * BX_BATCH_COMMANDS_MAX <=
                   ROW_MAX,
               "and those of the chain");
_Static_assert(CHUNK + ROW_MAX + 256 <= 1u << 20, "a chunk keeps its bound");

struct row_record {
    uint8_t table;
    uint64_t entry, first, last;
    struct bx_str data;
};
static const struct bx_field fields[] = {
    BX_FIELD(row_record, table, BX_T_U8),
    BX_FIELD(row_record, entry, BX_T_U64),
    BX_FIELD(row_record, first, BX_T_U64),
    BX_FIELD(row_record, last, BX_T_U64),
    BX_FIELD(row_record, data, BX_T_BYTES, .max = ROW_MAX),
};
static const struct bx_schema schema = BX_SCHEMA("dumped row", 210, row_record, fields);

/* The row of BX_DUMP_META has the digest of sessions (born_digest) from feature level 2 on, and the
 * head of the chain of events from level 3 on. */
#define META_SESSIONS 8u
#define META_DATA (META_SESSIONS + BX_SHA256)

struct bx_dump {
    struct bx_store_dump *store;
    uint8_t meta[META_DATA];
    size_t n_meta;
    uint64_t revision, time_ms, session_ms, digest; /* expected values */
    uint64_t unnamed; /* digest contribution of the row of a cluster that is not created, which is
                         not stored */
    uint64_t sum, events_newest;
    uint32_t blobs; /* rows of outcomes still expected */
    bool damaged;
};

int bx_dump_open(struct bx_dump **out, struct bx_fsm *f, struct bx_err *err)
{
    struct bx_dump *d = bx_must_calloc(1, sizeof *d);
    int rc = bx_fsm_commit(f, err);

    d->revision = f->view.revision;
    d->time_ms = f->view.time_ms;
    d->session_ms = f->session_ms;
    d->digest = f->view.digest;
    d->unnamed = bx_view_cluster_row(&f->view)->hash;
    d->blobs = f->sessions.blobs;
    d->n_meta = bx_fsm_chains(f) ? META_DATA : bx_fsm_level(f) > 1 ? META_SESSIONS : 0;
    bx_put64(d->meta, f->sessions.born_digest);
    memcpy(d->meta + META_SESSIONS, f->chain, sizeof f->chain);
    if (rc == BX_OK)
        rc = bx_store_dump_open(&d->store, f->path, err);
    if (rc != BX_OK) {
        bx_free(d);
        d = NULL;
    }
    *out = d;
    return rc;
}

/* A snapshot replaces the log, so every row is checked before it is included. */
static bool right(struct bx_dump *d, const struct bx_dump_row *row)
{
    struct bx_blob blob = {row->entry, row->first, row->last, row->data, row->n}, records;

    switch (row->table) {
    case BX_DUMP_META:
        return row->entry == d->session_ms && row->first == d->revision && row->last == d->time_ms;
    case BX_DUMP_EVENTS:
        if (d->events_newest != 0 && row->first != d->events_newest + 1)
            return false;
        d->events_newest = row->last;
        return bx_blob_open(&blob, BX_KIND_EVENTS, &records) == BX_OK;
    case BX_DUMP_OUTCOMES:
        return d->blobs-- > 0 && bx_blob_open(&blob, BX_KIND_OUTCOMES, &records) == BX_OK;
    default:
        if (row->table == BX_TABLE_CLUSTER)
            d->unnamed = 0;
        d->sum += bx_hash(row->data, row->n);
        return true;
    }
}

static bool whole(const struct bx_dump *d)
{
    return d->sum + d->unnamed == d->digest && d->blobs == 0 && d->events_newest == d->revision;
}

static int not_right(struct bx_dump *d, struct bx_err *err)
{
    d->damaged = true;
    return bx_err_set(err, BX_CORRUPT, "state database: a row fails its check");
}

bool bx_dump_damaged(const struct bx_dump *d)
{
    return d->damaged;
}

int bx_dump_next(struct bx_dump *d, struct bx_buf *buf, struct bx_err *err)
{
    bool end = false;

    buf->len = 0;
    while (buf->len < CHUNK) {
        struct bx_dump_row row;
        struct row_record rec;
        uint8_t *p;
        int rc = bx_store_dump_next(d->store, &row, &end, err);

        if (rc == BX_CORRUPT)
            return not_right(d, err);
        if (rc != BX_OK)
            return rc;
        if (end)
            return whole(d) ? BX_OK : not_right(d, err);
        if (!right(d, &row))
            return not_right(d, err);
        if (row.table == BX_DUMP_META && d->n_meta > 0) {
            row.data = d->meta;
            row.n = d->n_meta;
        }
        if (row.n > ROW_MAX)
            return bx_err_set(err, BX_TOO_LARGE, "a row of %zu bytes is too large for a snapshot",
                              row.n);
        rec = (struct row_record){
            row.table, row.entry, row.first, row.last, {row.data, (uint32_t)row.n}};
        p = bx_buf_extend(buf, bx_flat_size(&schema, &rec));
        if (p == NULL)
            return bx_err_set(err, BX_NO_MEMORY, "out of memory");
        bx_flat_write(&schema, &rec, p);
    }
    return BX_OK;
}

void bx_dump_close(struct bx_dump *d)
{
    if (d == NULL)
        return;
    bx_store_dump_close(d->store);
    bx_free(d);
}

/* ---- restoring ---- */

int bx_fsm_restore_begin(struct bx_fsm *f, struct bx_err *err)
{
    int rc = bx_fsm_commit(f, err);

    if (rc != BX_OK)
        return rc;
    bx_store_clear(f->store);
    bx_fsm_reset(f);
    /* What is restored may drop what was restored before, and its row goes with it. */
    f->sessions.unused = bx_fsm_outcomes_unused;
    f->sessions.ctx = f;
    f->restored_events = f->restored_outcomes = 0;
    f->checks_sessions = f->checks_chain = false;
    return BX_OK;
}

static int restore_row(struct bx_fsm *f, const struct row_record *r)
{
    struct bx_view *v = &f->view;
    struct bx_row *row =
        bx_row_load(&v->home, (enum bx_table)r->table, (const uint8_t *)r->data.p, r->data.n);

    if (row == NULL)
        return BX_CORRUPT;
    /* A dump contains each object once; a duplicate key would make SQLite fail and end the process.
     * The cluster row always exists and is replaced. */
    if (row->table != BX_TABLE_CLUSTER && bx_view_holds(v, row)) {
        bx_row_free(&v->home, row);
        return BX_CORRUPT;
    }
    bx_store_put(f->store, row);
    bx_row_settle(&v->home, row);
    bx_view_add(v, row);
    return BX_OK;
}

static int restore_meta(struct bx_fsm *f, const struct row_record *r)
{
    f->view.revision = r->first;
    f->view.time_ms = r->last;
    /* Dumps without a session clock come from builds with batches of version 1. */
    f->session_ms = r->entry > 0 ? r->entry : r->last;
    if (r->data.n != 0 && r->data.n != META_SESSIONS && r->data.n != META_DATA)
        return BX_CORRUPT;
    f->checks_sessions = r->data.n >= META_SESSIONS;
    if (f->checks_sessions)
        f->restored_sessions = bx_get64((const uint8_t *)r->data.p);
    f->checks_chain = r->data.n == META_DATA;
    if (f->checks_chain)
        memcpy(f->restored_chain, r->data.p + META_SESSIONS, sizeof f->restored_chain);
    return BX_OK;
}

static int restore_one(struct bx_fsm *f, const struct row_record *r)
{
    struct bx_blob blob = {r->entry, r->first, r->last, (const uint8_t *)r->data.p, r->data.n};

    switch (r->table) {
    case BX_DUMP_META:
        return restore_meta(f, r);
    case BX_DUMP_EVENTS:
        if (r->entry <= f->restored_events || bx_fsm_known_events(f, &blob) != BX_OK)
            return BX_CORRUPT;
        f->restored_events = r->entry;
        bx_store_put_events(f->store, &blob);
        return BX_OK;
    case BX_DUMP_OUTCOMES:
        if (r->entry <= f->restored_outcomes)
            return BX_CORRUPT;
        f->restored_outcomes = r->entry;
        bx_store_put_outcomes(f->store, r->entry, r->last, r->data.p, r->data.n);
        return bx_fsm_keep_outcomes(f, &blob);
    default:
        return restore_row(f, r);
    }
}

/* Check all rows first, so that nothing of a damaged chunk is used. */
static int check_rows(const uint8_t *p, size_t n)
{
    int rc = BX_OK;

    for (size_t at = 0, used = 0; rc == BX_OK && at < n; at += used)
        rc = bx_flat_check(&schema, p + at, n - at, &used, NULL);
    return rc;
}

int bx_fsm_restore_chunk(struct bx_fsm *f, const uint8_t *p, size_t n, struct bx_err *err)
{
    int rc = check_rows(p, n);

    for (size_t at = 0, used = 0; rc == BX_OK && at < n; at += used) {
        struct row_record r;

        rc = bx_flat_read(&schema, p + at, n - at, &r, NULL, &used, NULL);
        if (rc == BX_OK)
            rc = restore_one(f, &r);
    }
    if (rc != BX_OK)
        return bx_err_set(err, rc == BX_NO_MEMORY ? rc : BX_CORRUPT,
                          "a row of the snapshot is invalid");
    return BX_OK;
}

int bx_fsm_restore_finish(struct bx_fsm *f, uint64_t index, uint64_t digest, struct bx_err *err)
{
    bx_sessions_expire(&f->sessions, f->session_ms);
    if (f->view.digest != digest || !bx_fsm_events_whole(f))
        return bx_err_set(err, BX_CORRUPT, "snapshot: digest mismatch");
    if (f->checks_sessions && f->sessions.born_digest != f->restored_sessions)
        return bx_err_set(err, BX_CORRUPT, "snapshot: digest mismatch of the sessions");
    if (bx_fsm_chain_load(f, err) != BX_OK || f->checks_chain != bx_fsm_chains(f) ||
        (f->checks_chain && memcmp(f->chain, f->restored_chain, sizeof f->chain) != 0))
        return bx_err_set(err, BX_CORRUPT, "snapshot: the chain of events is broken");
    f->applied = index;
    f->dirty = true;
    return bx_fsm_commit(f, err);
}
