/* Reading the state database, when the daemon starts and for lists of events. */
#include "state/store_priv.h"

#include "state/store_sql.h"

#include <string.h>

static int each(struct bx_store *s, const char *query, uint64_t arg,
                int (*fn)(void *ctx, sqlite3_stmt *st), void *ctx, struct bx_err *err)
{
    sqlite3_stmt *st;
    int rv = sqlite3_prepare_v2(s->db, query, -1, &st, NULL), rc = BX_OK;

    if (rv != SQLITE_OK)
        return bx_store_failed(s, rv, err);
    sqlite3_bind_int64(st, 1, (sqlite3_int64)arg);
    while (rc == BX_OK && (rv = sqlite3_step(st)) == SQLITE_ROW)
        rc = fn(ctx, st);
    if (rc == BX_OK && rv != SQLITE_DONE)
        rc = bx_store_failed(s, rv, err);
    sqlite3_finalize(st);
    return rc;
}

static int meta_row(void *ctx, sqlite3_stmt *st)
{
    const char *key = (const char *)sqlite3_column_text(st, 0);
    uint64_t value = (uint64_t)sqlite3_column_int64(st, 1);
    struct bx_meta *m = ctx;

    if (key == NULL)
        return BX_CORRUPT;
    if (strcmp(key, "applied") == 0)
        m->applied = value;
    else if (strcmp(key, "revision") == 0)
        m->revision = value;
    else if (strcmp(key, "digest") == 0)
        m->digest = value;
    else if (strcmp(key, "time_ms") == 0)
        m->time_ms = value;
    else if (strcmp(key, "session_ms") == 0)
        m->session_ms = value;
    return BX_OK;
}

int bx_store_meta(struct bx_store *s, struct bx_meta *out, struct bx_err *err)
{
    memset(out, 0, sizeof *out);
    return each(s, "SELECT key, value FROM meta", 0, meta_row, out, err);
}

struct row_call {
    int (*fn)(void *ctx, const uint8_t *p, size_t n);
    void *ctx;
};

static int row_row(void *ctx, sqlite3_stmt *st)
{
    struct row_call *c = ctx;

    return c->fn(c->ctx, sqlite3_column_blob(st, 3), (size_t)sqlite3_column_bytes(st, 3));
}

int bx_store_rows(struct bx_store *s, enum bx_table table,
                  int (*fn)(void *ctx, const uint8_t *p, size_t n), void *ctx, struct bx_err *err)
{
    struct row_call c = {fn, ctx};
    char query[BX_STORE_SQL_MAX];

    bx_store_select_sql(bx_kinds[table], query);
    return each(s, query, 0, row_row, &c, err);
}

struct blob_call {
    int (*fn)(void *ctx, const struct bx_blob *b);
    void *ctx;
};

static int blob_row(void *ctx, sqlite3_stmt *st)
{
    struct blob_call *c = ctx;
    struct bx_blob b = {.entry = (uint64_t)sqlite3_column_int64(st, 0),
                        .first = (uint64_t)sqlite3_column_int64(st, 1),
                        .last = (uint64_t)sqlite3_column_int64(st, 2),
                        .p = sqlite3_column_blob(st, 3),
                        .n = (size_t)sqlite3_column_bytes(st, 3)};

    return c->fn(c->ctx, &b);
}

int bx_store_outcomes(struct bx_store *s, int (*fn)(void *ctx, const struct bx_blob *b), void *ctx,
                      struct bx_err *err)
{
    struct blob_call c = {fn, ctx};

    return each(s, "SELECT entry, 0, time_ms, data FROM outcomes ORDER BY entry", 0, blob_row, &c,
                err);
}

int bx_store_events(struct bx_store *s, uint64_t after,
                    int (*fn)(void *ctx, const struct bx_blob *b), void *ctx, struct bx_err *err)
{
    struct blob_call c = {fn, ctx};

    return each(s, "SELECT entry, first, last, data FROM events WHERE last > ?1 ORDER BY last",
                after, blob_row, &c, err);
}
