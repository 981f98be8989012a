#include "state/store_priv.h"

#include "mem/alloc.h"
#include "state/store_sql.h"

#include <stdio.h>
#include <stdlib.h>

/* A connection that writes the log back apart may hold a lock for a moment. */
#define BUSY_MS 1000

static const char ddl[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS events(entry INTEGER PRIMARY KEY, first INTEGER, last INTEGER,"
    " data BLOB);"
    "CREATE INDEX IF NOT EXISTS events_by_revision ON events(last);"
    "CREATE TABLE IF NOT EXISTS outcomes(entry INTEGER PRIMARY KEY, time_ms INTEGER, data BLOB);";

static const char *const sql[S__STMTS] = {
    [S_PUT_EVENTS] = "INSERT INTO events VALUES(?1,?2,?3,?4)",
    [S_PUT_OUTCOMES] = "INSERT OR REPLACE INTO outcomes VALUES(?1,?2,?3)",
    [S_DEL_OUTCOMES] = "DELETE FROM outcomes WHERE entry=?1",
    [S_DEL_EVENTS] = "DELETE FROM events WHERE entry<=?1",
    [S_OLDEST_EVENTS] = "SELECT entry, first, last, length(data) FROM events ORDER BY entry",
    [S_PUT_META] = "INSERT OR REPLACE INTO meta VALUES('applied',?1),('revision',?2),('digest',?3),"
                   "('time_ms',?4),('session_ms',?5)",
    [S_BEGIN] = "BEGIN IMMEDIATE",
    [S_COMMIT] = "COMMIT",
};

/* ---- statements of a kind ---- */

static int prepare_kind(struct bx_store *s, size_t table)
{
    const struct bx_kind_desc *k = bx_kinds[table];
    char text[BX_STORE_SQL_MAX];
    int rv;

    bx_store_create_sql(k, text);
    rv = sqlite3_exec(s->db, text, NULL, NULL, NULL);
    bx_store_put_sql(k, text);
    if (rv == SQLITE_OK)
        rv = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->put[table], NULL);
    bx_store_delete_sql(k, text);
    if (rv == SQLITE_OK)
        rv = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->del[table], NULL);
    return rv;
}

/* ---- errors ---- */

/* All rows and statements are the daemon's own, so a violated constraint or type, or SQL that does
 * not compile, is damage too. */
int bx_store_code(int rv)
{
    switch (rv & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return BX_CORRUPT;
    case SQLITE_FULL:
        return BX_NO_SPACE;
    default:
        return BX_IO;
    }
}

static _Noreturn void end(struct bx_store *s, int code, const char *what, const char *why)
{
    struct bx_err err;

    bx_err_set(&err, code, "state database %s: %s: %s", s->path, what, why);
    bx_err_hint(&err, "no data is lost, the log has all entries; %s",
                code == BX_CORRUPT    ? "restart blixardd, which rebuilds the removed file"
                : code == BX_NO_SPACE ? "free some space, then restart blixardd"
                                      : "fix the cause, then restart blixardd");
    if (s->fatal != NULL)
        s->fatal(s->ctx, &err);
    bx_err_tell_fatal(&err);
    fprintf(stderr, "error: %s\nhint: %s\n", err.msg, err.hint);
    exit(70);
}

/* A damaged file would stop every start at the same entry, so it is removed and rebuilt. */
_Noreturn void bx_store_die(struct bx_store *s, const char *what)
{
    int code = bx_store_code(sqlite3_errcode(s->db));
    char why[200];

    snprintf(why, sizeof why, "%s", sqlite3_errmsg(s->db));
    if (code == BX_CORRUPT)
        bx_store_remove(s->path);
    end(s, code, what, why);
}

_Noreturn void bx_store_damaged(struct bx_store *s)
{
    bx_store_remove(s->path);
    end(s, BX_CORRUPT, "damaged", "a row fails its check");
}

int bx_store_failed(struct bx_store *s, int rv, struct bx_err *err)
{
    return bx_err_set(err, bx_store_code(rv), "state database %s: %s", s->path,
                      sqlite3_errmsg(s->db));
}

/* ---- open and close ---- */

static bool may_write(const char *path)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int may = 0;

    return vfs->xAccess(vfs, path, SQLITE_ACCESS_READWRITE, &may) == SQLITE_OK && may;
}

static int prepare(struct bx_store *s, struct bx_err *err)
{
    int rv = sqlite3_exec(s->db,
                          "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
                          "PRAGMA synchronous=OFF;",
                          NULL, NULL, NULL);

    if (rv == SQLITE_OK)
        rv = bx_store_space_init(s);
    if (rv == SQLITE_OK)
        rv = sqlite3_exec(s->db, ddl, NULL, NULL, NULL);
    for (size_t i = 0; rv == SQLITE_OK && i < BX__TABLES; i++)
        rv = prepare_kind(s, i);
    for (int i = 0; rv == SQLITE_OK && i < S__STMTS; i++)
        rv = sqlite3_prepare_v3(s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[i], NULL);
    /* SQLite opens a file with a newer format version read-only. */
    if (sqlite3_db_readonly(s->db, "main") == 1 && may_write(s->path))
        return bx_err_set(err, BX_CORRUPT, "state database %s: damaged header", s->path);
    return rv == SQLITE_OK ? BX_OK : bx_store_failed(s, rv, err);
}

int bx_store_open(struct bx_store **out, const char *path, struct bx_err *err)
{
    struct bx_store *s = bx_must_calloc(1, sizeof *s);
    int rv, rc;

    s->path = bx_must_strdup(path);
    rv = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    rc = rv == SQLITE_OK ? prepare(s, err) : bx_store_failed(s, rv, err);
    if (rc != BX_OK) {
        bx_store_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void bx_store_on_fatal(struct bx_store *s, void (*fatal)(void *ctx, const struct bx_err *err),
                       void *ctx)
{
    s->fatal = fatal;
    s->ctx = ctx;
}

void bx_store_on_no_space(struct bx_store *s, bool (*no_space)(void *ctx), void *ctx)
{
    if (no_space != NULL)
        bx_store_file_watch(s->files, s->db, no_space, ctx);
}

void bx_store_close(struct bx_store *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < S__STMTS; i++)
        sqlite3_finalize(s->stmts[i]);
    for (size_t i = 0; i < BX__TABLES; i++) {
        sqlite3_finalize(s->put[i]);
        sqlite3_finalize(s->del[i]);
    }
    bx_store_file_close(s->files);
    sqlite3_busy_timeout(s->db, 0); /* readers that remain are not waited for */
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(s->db);
    bx_free(s->path);
    bx_free(s);
}

void bx_store_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    for (size_t i = 0; i < 3; i++) {
        char name[4096];

        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        vfs->xDelete(vfs, name, 0);
    }
}

/* ---- writing ---- */

static void step(struct bx_store *s, sqlite3_stmt *st)
{
    if (sqlite3_step(st) != SQLITE_DONE)
        bx_store_die(s, sqlite3_sql(st));
    sqlite3_reset(st);
}

static void begin(struct bx_store *s)
{
    if (!s->open)
        step(s, s->stmts[S_BEGIN]);
    s->open = true;
}

static void run(struct bx_store *s, enum stmt i)
{
    step(s, s->stmts[i]);
}

static sqlite3_stmt *use(struct bx_store *s, enum stmt i)
{
    begin(s);
    return s->stmts[i];
}

static void bind_text(sqlite3_stmt *st, int i, struct bx_str v)
{
    sqlite3_bind_text(st, i, v.p == NULL ? "" : v.p, (int)v.n, SQLITE_STATIC);
}

static void bind_blob(sqlite3_stmt *st, int i, const void *p, size_t n)
{
    sqlite3_bind_blob64(st, i, p, n, SQLITE_STATIC);
}

static void bind_number(sqlite3_stmt *st, int i, uint64_t v)
{
    sqlite3_bind_int64(st, i, (sqlite3_int64)v);
}

static void bind_column(sqlite3_stmt *st, int i, const struct bx_column *c, const void *object)
{
    const char *from = object;
    const struct bx_istr *interned;

    if (c->via != 0)
        from = *(const char *const *)(const void *)(from + c->via);
    from += c->offset;
    switch (c->type) {
    case BX_COLUMN_U8:
        bind_number(st, i, *(const uint8_t *)from);
        break;
    case BX_COLUMN_U16:
        bind_number(st, i, *(const uint16_t *)(const void *)from);
        break;
    case BX_COLUMN_U32:
        bind_number(st, i, *(const uint32_t *)(const void *)from);
        break;
    case BX_COLUMN_U64:
        bind_number(st, i, *(const uint64_t *)(const void *)from);
        break;
    case BX_COLUMN_ENUM:
        bind_text(st, i, bx_str(c->names[*(const uint8_t *)from]));
        break;
    case BX_COLUMN_UUID:
    case BX_COLUMN_BYTES:
        bind_blob(st, i, from, 16);
        break;
    case BX_COLUMN_TEXT:
        bind_text(st, i, *(const struct bx_str *)(const void *)from);
        break;
    case BX_COLUMN_INTERNED:
        interned = *(const struct bx_istr *const *)(const void *)from;
        bind_text(st, i, (struct bx_str){interned->s, interned->len});
        break;
    case BX_COLUMN_ONE:
    case BX__COLUMNS:
        bind_number(st, i, 1);
        break;
    }
}

void bx_store_put(struct bx_store *s, const struct bx_row *row)
{
    const struct bx_kind_desc *k = bx_kinds[row->table];
    sqlite3_stmt *st = s->put[row->table];
    int n = (int)k->n_columns;

    begin(s);
    for (int i = 0; i < n; i++)
        bind_column(st, i + 1, &k->columns[i], bx_row_object(row));
    bind_blob(st, n + 1, row->data, row->len);
    step(s, st);
}

void bx_store_delete(struct bx_store *s, const struct bx_row *row)
{
    sqlite3_stmt *st = s->del[row->table];

    begin(s);
    bind_column(st, 1, bx_kind_key_column(bx_kinds[row->table]), bx_row_object(row));
    step(s, st);
}

void bx_store_put_events(struct bx_store *s, const struct bx_blob *b)
{
    sqlite3_stmt *st = use(s, S_PUT_EVENTS);

    bind_number(st, 1, b->entry);
    bind_number(st, 2, b->first);
    bind_number(st, 3, b->last);
    bind_blob(st, 4, b->p, b->n);
    run(s, S_PUT_EVENTS);
}

void bx_store_put_outcomes(struct bx_store *s, uint64_t entry, uint64_t time_ms, const void *p,
                           size_t n)
{
    sqlite3_stmt *st = use(s, S_PUT_OUTCOMES);

    bind_number(st, 1, entry);
    bind_number(st, 2, time_ms);
    bind_blob(st, 3, p, n);
    run(s, S_PUT_OUTCOMES);
}

void bx_store_delete_outcomes(struct bx_store *s, uint64_t entry)
{
    bind_number(use(s, S_DEL_OUTCOMES), 1, entry);
    run(s, S_DEL_OUTCOMES);
}

void bx_store_delete_events(struct bx_store *s, uint64_t entry)
{
    bind_number(use(s, S_DEL_EVENTS), 1, entry);
    run(s, S_DEL_EVENTS);
}

void bx_store_oldest_events(struct bx_store *s, bool (*fn)(void *ctx, const struct bx_blob *b),
                            void *ctx)
{
    sqlite3_stmt *st = use(s, S_OLDEST_EVENTS);
    bool more = true;
    int rv = SQLITE_DONE;

    while (more && (rv = sqlite3_step(st)) == SQLITE_ROW) {
        struct bx_blob b = {.entry = (uint64_t)sqlite3_column_int64(st, 0),
                            .first = (uint64_t)sqlite3_column_int64(st, 1),
                            .last = (uint64_t)sqlite3_column_int64(st, 2),
                            .n = (size_t)sqlite3_column_int64(st, 3)};

        more = fn(ctx, &b);
    }
    if (more && rv != SQLITE_DONE)
        bx_store_die(s, sql[S_OLDEST_EVENTS]);
    sqlite3_reset(st);
}

void bx_store_commit(struct bx_store *s, const struct bx_meta *meta)
{
    sqlite3_stmt *st = use(s, S_PUT_META);

    bind_number(st, 1, meta->applied);
    bind_number(st, 2, meta->revision);
    bind_number(st, 3, meta->digest);
    bind_number(st, 4, meta->time_ms);
    bind_number(st, 5, meta->session_ms);
    run(s, S_PUT_META);
    run(s, S_COMMIT);
    s->open = false;
}

void bx_store_clear(struct bx_store *s)
{
    char text[BX_STORE_SQL_MAX];

    bx_store_clear_sql(text);
    begin(s);
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        bx_store_die(s, "clear");
}
