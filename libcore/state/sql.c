/* Read-only SQL for users (bx_fsm_sql of fsm.h).
 *
 * Queries see a temporary view for each table that has open columns, with uuids as text, and with
 * columns that are made of the record (state/kind.h). An authorizer decides which tables, columns
 * and functions a query may use: of tables and columns those of a fixed list, of functions all but
 * a few. For who sees all, the views are for convenience, not for security; a query with a limit (a
 * tenant's) reads tables through them alone. Time is checked every OPS_BETWEEN_LOOKS
 * steps of SQLite's virtual machine, memory by its allocator, the size of the result after each
 * row.
 *
 * A step is not interrupted. Some functions take the product of the lengths of their arguments, so
 * these lengths are bounded, or a linear one replaces them (state/sql_functions.c). */
#include "state/fsm.h"

#include "codec/pack.h"
#include "state/sql_memory.h"
#include "state/sql_views.h"

#include <assert.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define OPS_BETWEEN_LOOKS 1000
#define MEMORY_MAX (64 << 20) /* SQLite's memory for one query */
#define QUERY_MAX (64 << 10)
#define VALUE_MAX (128 << 10) /* the largest record or JSON of a row fits */
#define PATTERN_MAX 256       /* of LIKE and GLOB */
#define COLUMNS_MAX 256       /* of a result */

struct query {
    sqlite3 *db;
    sqlite3_stmt *stmt;
    const struct bx_sql_options *o;
    const char *denied; /* the last refusal of the authorizer, or NULL; static text */
    const char *hint;   /* static text, or tables */
    char token[BX_SQL_TOKEN];
    char tables[256]; /* hint that lists the tables */
    int ended;        /* why the progress handler stopped the query; BX_OK: it did not */
};

/* ---- authorization ---- */

static bool one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcasecmp(name, *names) == 0)
            return true;
    }
    return false;
}

static const struct bx_kind_desc *kind_of(const char *table)
{
    for (size_t i = 0; i < BX__TABLES; i++) {
        if (strcasecmp(table, bx_kinds[i]->sql) == 0)
            return bx_kinds[i];
    }
    return NULL;
}

/* The view behind the one that queries name: it is read by that one alone, and it alone reads the
 * record. */
static bool reads_for_view(const struct query *q, const char *table, const char *column,
                           const char *accessor)
{
    char name[BX_SQL_VIEW_NAME];

    for (size_t i = 0; i < BX__TABLES; i++) {
        bx_sql_view_name(bx_kinds[i], q->token, name);
        if (strcmp(table, name) == 0)
            return true;
        if (accessor != NULL && strcmp(accessor, name) == 0)
            return strcasecmp(table, bx_kinds[i]->sql) == 0 && strcasecmp(column, "data") == 0;
    }
    return false;
}

/* column is "" if only the existence of rows matters. Then table may also be the name of a common
 * table expression, which only the list of names distinguishes from a table of the database. */
static bool may_read(const struct query *q, const char *table, const char *column)
{
    static const char *const hidden[] = {"outcomes", "events", "meta", "dbstat", NULL};
    const struct bx_kind_desc *k = kind_of(table);

    if (k != NULL)
        return bx_sql_is_shown(k, q->o) && (column[0] == '\0' || bx_sql_is_open_column(k, column));
    return column[0] == '\0' && !one_of(table, hidden) && strncasecmp(table, "sqlite_", 7) != 0 &&
           strncasecmp(table, "pragma_", 7) != 0;
}

/* A table of the database, and not the view of its name: with a limit only the views read it. */
static bool goes_past_views(const struct query *q, const char *schema, const char *accessor)
{
    char name[BX_SQL_VIEW_NAME];

    if (!q->o->limited || schema == NULL || strcasecmp(schema, "main") != 0)
        return false;
    for (size_t i = 0; accessor != NULL && i < BX__TABLES; i++) {
        bx_sql_view_name(bx_kinds[i], q->token, name);
        if (strcmp(accessor, name) == 0)
            return false;
    }
    return true;
}

static int deny(struct query *q, const char *what, const char *hint)
{
    q->denied = what;
    q->hint = hint;
    return SQLITE_DENY;
}

static int deny_write(struct query *q)
{
    return deny(q, "only SELECT is allowed", "use the vm and node commands for changes");
}

static int authorize(void *ctx, int action, const char *first, const char *second,
                     const char *schema, const char *accessor)
{
    static const char *const harmful[] = {"load_extension", "fts3_tokenizer", "sqlite_log", NULL};
    struct query *q = ctx;

    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ:
        if (!goes_past_views(q, schema, accessor) &&
            (may_read(q, first, second) || reads_for_view(q, first, second, accessor)))
            return SQLITE_OK;
        return deny(q, "permission denied for this table or column", q->tables);
    case SQLITE_FUNCTION:
        if (!one_of(second, harmful))
            return SQLITE_OK;
        return deny(q, "permission denied for this function", "");
    default:
        return deny_write(q);
    }
}

static int look(void *ctx)
{
    struct query *q = ctx;

    q->ended = q->o->end(q->o->ctx);
    return q->ended != BX_OK;
}

/* ---- errors ---- */

static int code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return BX_NO_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return BX_BUSY;
    case SQLITE_AUTH:
        return BX_DENIED;
    case SQLITE_TOOBIG:
        return BX_TOO_LARGE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return BX_CORRUPT;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return BX_INVALID;
    default:
        return BX_IO;
    }
}

static int explain(const struct query *q, int rc, struct bx_err *err)
{
    int code = code_of(rc);

    if (q->ended != BX_OK) {
        bx_err_set(err, q->ended, "%s",
                   q->ended == BX_BUSY
                       ? "query canceled: the state changes too fast for long queries"
                       : "query timed out");
        bx_err_hint(err, "add a LIMIT or a WHERE clause%s",
                    q->ended == BX_BUSY ? ", or try again later" : "");
        return q->ended;
    }
    if (bx_sql_memory_refused()) {
        bx_err_set(err, BX_TOO_LARGE, "the query needs more than %d MiB of memory",
                   MEMORY_MAX >> 20);
        bx_err_hint(err, "add a LIMIT or a WHERE clause, or join less");
        return BX_TOO_LARGE;
    }
    if (q->denied != NULL) {
        bx_err_set(err, BX_DENIED, "%s", q->denied);
        bx_err_hint(err, "%s", q->hint);
        return BX_DENIED;
    }
    bx_err_set(err, code, "%s", q->db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(q->db));
    if (code == BX_INVALID)
        bx_err_hint(err, "%s", q->tables);
    return code;
}

/* ---- the connection ---- */

/* The hint that lists the available tables. */
static void list_tables(struct query *q)
{
    size_t n = (size_t)snprintf(q->tables, sizeof q->tables, "available tables:");
    const char *comma = " ";

    for (size_t i = 0; i < BX__TABLES; i++) {
        if (!bx_sql_is_shown(bx_kinds[i], q->o))
            continue;
        n += (size_t)snprintf(q->tables + n, sizeof q->tables - n, "%s%s", comma, bx_kinds[i]->sql);
        comma = ", ";
        assert(n < sizeof q->tables / 2);
    }
    snprintf(q->tables + n, sizeof q->tables - n, "; SELECT * FROM vms LIMIT 1 shows the columns");
}

/* From SQLite's generator: this is a reader's connection, and no part of apply. */
static void draw_token(struct query *q)
{
    uint64_t word;

    sqlite3_randomness(sizeof word, &word);
    snprintf(q->token, sizeof q->token, "%016llx", (unsigned long long)word);
}

static int connect_to(struct query *q, const char *path)
{
    int rc = sqlite3_open_v2(path, &q->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK)
        return rc;
    sqlite3_busy_timeout(q->db, 1000);
    sqlite3_limit(q->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    sqlite3_limit(q->db, SQLITE_LIMIT_SQL_LENGTH, QUERY_MAX);
    sqlite3_limit(q->db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(q->db, SQLITE_LIMIT_COLUMN, COLUMNS_MAX);
    sqlite3_limit(q->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_MAX);
    sqlite3_limit(q->db, SQLITE_LIMIT_ATTACHED, 0);
    draw_token(q);
    rc = sqlite3_db_config(q->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (rc == SQLITE_OK)
        rc = bx_sql_create_views(q->db, q->token, q->o);
    if (rc == SQLITE_OK)
        rc = sqlite3_set_authorizer(q->db, authorize, q);
    sqlite3_progress_handler(q->db, OPS_BETWEEN_LOOKS, look, q);
    return rc;
}

/* Prepare a single statement that returns rows. */
static int prepare(struct query *q, struct bx_str text, struct bx_err *err)
{
    sqlite3_stmt *second = NULL;
    const char *rest = NULL;
    int rc;

    if (text.n == 0)
        return bx_err_set(err, BX_INVALID, "empty query");
    if (text.n > QUERY_MAX)
        return bx_err_set(err, BX_TOO_LARGE, "the query is longer than %d KiB", QUERY_MAX >> 10);
    rc = sqlite3_prepare_v2(q->db, text.p, (int)text.n, &q->stmt, &rest);
    /* SQLite refuses a write to a view before it calls the authorizer. */
    if (rc == SQLITE_ERROR && strncmp(sqlite3_errmsg(q->db), "cannot modify", 13) == 0)
        deny_write(q);
    if (rc != SQLITE_OK)
        return explain(q, rc, err);
    if (q->stmt == NULL)
        return bx_err_set(err, BX_INVALID, "empty query");
    if (!sqlite3_stmt_readonly(q->stmt) || sqlite3_column_count(q->stmt) == 0)
        return explain(q, deny_write(q), err);
    rc = sqlite3_prepare_v2(q->db, rest, (int)(text.n - (size_t)(rest - text.p)), &second, NULL);
    sqlite3_finalize(second);
    if (rc != SQLITE_OK || second != NULL)
        return bx_err_set(err, BX_INVALID, "the query must be a single statement");
    return BX_OK;
}

/* ---- the result ---- */

static int put_blob(struct bx_buf *out, const void *p, int n)
{
    uint8_t uuid[16];

    if (n != (int)sizeof uuid)
        return bx_pw_bin(out, p, (size_t)n);
    memcpy(uuid, p, sizeof uuid);
    return bx_pw_uuid(out, uuid);
}

/* Infinity and text that is not UTF-8 can not be expressed in JSON: they are sent as text and as
 * bytes. */
static int put_value(struct bx_buf *out, sqlite3_stmt *s, int i)
{
    const char *text;
    double real;

    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return bx_pw_i64(out, sqlite3_column_int64(s, i));
    case SQLITE_FLOAT:
        real = sqlite3_column_double(s, i);
        if (isfinite(real))
            return bx_pw_f64(out, real);
        return bx_pw_str(out, real > 0 ? "Inf" : "-Inf");
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(s, i);
        if (text == NULL)
            return BX_NO_MEMORY;
        if (!bx_utf8_valid(text, (size_t)sqlite3_column_bytes(s, i)))
            return bx_pw_bin(out, text, (size_t)sqlite3_column_bytes(s, i));
        return bx_pw_strn(out, text, (size_t)sqlite3_column_bytes(s, i));
    case SQLITE_BLOB:
        return put_blob(out, sqlite3_column_blob(s, i), sqlite3_column_bytes(s, i));
    default:
        return bx_pw_nil(out);
    }
}

static int put_row(struct bx_buf *out, sqlite3_stmt *s)
{
    int n = sqlite3_column_count(s);
    int rc = bx_pw_array(out, (uint32_t)n);

    for (int i = 0; rc == BX_OK && i < n; i++)
        rc = put_value(out, s, i);
    return rc;
}

static int too_large(struct bx_err *err, size_t max)
{
    bx_err_set(err, BX_TOO_LARGE, "the result is larger than %zu KiB", max >> 10);
    bx_err_hint(err, "add a LIMIT, or select fewer columns");
    return BX_TOO_LARGE;
}

/* The number of rows precedes them in the result, so they are collected first. */
static int read_rows(struct query *q, struct bx_buf *rows, uint32_t *n, struct bx_err *err)
{
    int rc;

    while ((rc = sqlite3_step(q->stmt)) == SQLITE_ROW) {
        if (put_row(rows, q->stmt) != BX_OK)
            return bx_sql_memory_refused() ? explain(q, SQLITE_NOMEM, err)
                                           : bx_err_set(err, BX_NO_MEMORY, "out of memory");
        if (rows->len > q->o->max_bytes)
            return too_large(err, q->o->max_bytes);
        ++*n;
    }
    return rc == SQLITE_DONE ? BX_OK : explain(q, rc, err);
}

static int put_result(struct bx_buf *out, sqlite3_stmt *s, const struct bx_buf *rows, uint32_t n)
{
    int columns = sqlite3_column_count(s);
    int rc = bx_pw_map(out, 2);

    if (rc == BX_OK)
        rc = bx_pw_str(out, "columns");
    if (rc == BX_OK)
        rc = bx_pw_array(out, (uint32_t)columns);
    for (int i = 0; rc == BX_OK && i < columns; i++)
        rc = bx_pw_str(out, sqlite3_column_name(s, i));
    if (rc == BX_OK)
        rc = bx_pw_str(out, "rows");
    if (rc == BX_OK)
        rc = bx_pw_array(out, n);
    return rc == BX_OK ? bx_buf_append(out, rows->data, rows->len) : rc;
}

int bx_fsm_sql(const char *path, struct bx_str text, const struct bx_sql_options *o,
               struct bx_buf *out, struct bx_err *err)
{
    struct query q = {.o = o};
    struct bx_buf rows = {0};
    size_t start = out->len;
    uint32_t n = 0;
    int rc;

    list_tables(&q);
    bx_sql_memory_begin(MEMORY_MAX);
    rc = connect_to(&q, path);
    rc = rc == SQLITE_OK ? prepare(&q, text, err) : explain(&q, rc, err);
    if (rc == BX_OK)
        rc = read_rows(&q, &rows, &n, err);
    if (rc == BX_OK) {
        rc = put_result(out, q.stmt, &rows, n);
        if (rc != BX_OK)
            bx_err_set(err, rc, "out of memory");
        else if (out->len - start > o->max_bytes)
            rc = too_large(err, o->max_bytes);
    }
    if (rc != BX_OK)
        out->len = start;
    bx_buf_release(&rows);
    sqlite3_finalize(q.stmt);
    sqlite3_close(q.db);
    bx_sql_memory_end();
    return rc;
}
