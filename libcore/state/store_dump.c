#include "state/store_dump.h"

#include "mem/alloc.h"
#include "mutant.h"
#include "state/store.h"
#include "state/store_sql.h"

#include <sqlite3.h>
#include <stdio.h>

/* The order of the parts: meta, the kinds, outcomes, events; each sorted by key, so that equal
 * states yield equal bytes. */
enum { PART_META, PART_KINDS, PART_OUTCOMES = PART_KINDS + BX__TABLES, PART_EVENTS, PARTS };

static uint8_t part_query(size_t part, char to[BX_STORE_SQL_MAX])
{
    switch (part) {
    case PART_META:
        snprintf(to, BX_STORE_SQL_MAX, "%s",
                 "SELECT max(CASE key WHEN 'session_ms' THEN value END),"
                 " max(CASE key WHEN 'revision' THEN value END),"
                 " max(CASE key WHEN 'time_ms' THEN value END), x'' FROM meta");
        return BX_DUMP_META;
    case PART_OUTCOMES:
        snprintf(to, BX_STORE_SQL_MAX,
                 "SELECT entry, 0, time_ms, data FROM outcomes ORDER BY entry");
        return BX_DUMP_OUTCOMES;
    case PART_EVENTS:
        snprintf(to, BX_STORE_SQL_MAX,
                 "SELECT entry, first, last, data FROM events ORDER BY entry");
        return BX_DUMP_EVENTS;
    default:
        bx_store_select_sql(bx_kinds[part - PART_KINDS], to);
        return (uint8_t)(part - PART_KINDS);
    }
}

struct bx_store_dump {
    sqlite3 *db;
    sqlite3_stmt *st;
    size_t part;
    uint8_t table; /* of the part */
};

static int failed(struct bx_store_dump *d, struct bx_err *err)
{
    return bx_err_set(err, bx_store_code(sqlite3_errcode(d->db)), "reading the state database: %s",
                      sqlite3_errmsg(d->db));
}

/* A deferred transaction gets its snapshot at its first read. */
static int begin(struct bx_store_dump *d)
{
    return sqlite3_exec(d->db, "BEGIN; SELECT count(*) FROM meta;", NULL, NULL, NULL);
}

int bx_store_dump_open(struct bx_store_dump **out, const char *path, struct bx_err *err)
{
    struct bx_store_dump *d = bx_must_calloc(1, sizeof *d);
    int rc = BX_OK;

    if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        begin(d) != SQLITE_OK) {
        rc = failed(d, err);
        bx_store_dump_close(d);
        d = NULL;
    }
    *out = d;
    return rc;
}

static int begin_part(struct bx_store_dump *d)
{
    char query[BX_STORE_SQL_MAX];

    d->table = part_query(d->part, query);
    return sqlite3_prepare_v2(d->db, query, -1, &d->st, NULL);
}

int bx_store_dump_next(struct bx_store_dump *d, struct bx_dump_row *row, bool *end,
                       struct bx_err *err)
{
    *end = false;
    while (d->part < PARTS) {
        int rv;

        if (d->st == NULL && begin_part(d) != SQLITE_OK)
            return failed(d, err);
        rv = sqlite3_step(d->st);
        if (BX_MUTATED(SNAPSHOT_MISSES_ROW) && d->table == BX_TABLE_VM)
            rv = sqlite3_step(d->st);
        if (rv == SQLITE_ROW) {
            *row = (struct bx_dump_row){.table = d->table,
                                        .entry = (uint64_t)sqlite3_column_int64(d->st, 0),
                                        .first = (uint64_t)sqlite3_column_int64(d->st, 1),
                                        .last = (uint64_t)sqlite3_column_int64(d->st, 2),
                                        .data = sqlite3_column_blob(d->st, 3),
                                        .n = (size_t)sqlite3_column_bytes(d->st, 3)};
            return BX_OK;
        }
        sqlite3_finalize(d->st);
        d->st = NULL;
        if (rv != SQLITE_DONE)
            return failed(d, err);
        d->part++;
    }
    *end = true;
    return BX_OK;
}

void bx_store_dump_close(struct bx_store_dump *d)
{
    if (d == NULL)
        return;
    sqlite3_finalize(d->st);
    sqlite3_close(d->db);
    bx_free(d);
}
