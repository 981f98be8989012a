/* SQLite alone: the tables of the state's database, written as its store writes them. */
#include "replica.h"

#include "mem/alloc.h"
#include "mem/map.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD 480 /* bytes of a VM's record */
#define EVENT 136  /* of what one command leaves in the two blobs */
#define OUTCOME 160
#define BATCH_MAX 512

enum { PUT_VM, DEL_VM, PUT_EVENTS, PUT_OUTCOMES, DEL_OUTCOMES, PUT_META, BEGIN, COMMIT, STMTS };

struct plain_store {
    sqlite3 *db;
    sqlite3_stmt *stmts[STMTS];
    char dir[BENCH_DIR_MAX], path[BENCH_DIR_MAX + 16];
    int64_t entry, revision;
    uint8_t blob[BATCH_MAX * OUTCOME];
};

static const char ddl[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=4000;"
    "CREATE TABLE vms(uuid BLOB, name TEXT, tenant TEXT, vcpus INTEGER, memory_mib INTEGER,"
    " disk_gib INTEGER, desired TEXT, phase TEXT, node INTEGER, epoch INTEGER, priority INTEGER,"
    " created_index INTEGER PRIMARY KEY, modified_index INTEGER, data BLOB);"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE events(entry INTEGER PRIMARY KEY, first INTEGER, last INTEGER, data BLOB);"
    "CREATE TABLE outcomes(entry INTEGER PRIMARY KEY, time_ms INTEGER, data BLOB);";

static const char *const sql[STMTS] = {
    [PUT_VM] = "INSERT OR REPLACE INTO vms VALUES(?1,?2,'default',1,128,0,'stopped','stopped',?3,1,"
               "500,?4,?4,?5)",
    [DEL_VM] = "DELETE FROM vms WHERE created_index=?1",
    [PUT_EVENTS] = "INSERT INTO events VALUES(?1,?1,?1,?2)",
    [PUT_OUTCOMES] = "INSERT INTO outcomes VALUES(?1,?1,?2)",
    [DEL_OUTCOMES] = "DELETE FROM outcomes WHERE entry=?1",
    [PUT_META] = "INSERT OR REPLACE INTO meta VALUES('applied',?1),('revision',?1),('digest',?1),"
                 "('time_ms',?1)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

static void run(struct plain_store *s, int i)
{
    if (sqlite3_step(s->stmts[i]) != SQLITE_DONE)
        bench_die(sqlite3_errmsg(s->db));
    sqlite3_reset(s->stmts[i]);
}

struct plain_store *plain_store_open(unsigned rows)
{
    struct plain_store *s = bx_must_calloc(1, sizeof *s);

    bench_make_dir(s->dir);
    snprintf(s->path, sizeof s->path, "%s/plain.db", s->dir);
    bench_must(sqlite3_open(s->path, &s->db) == SQLITE_OK &&
                   sqlite3_exec(s->db, ddl, NULL, NULL, NULL) == SQLITE_OK,
               "SQLite");
    for (int i = 0; i < STMTS; i++)
        bench_must(sqlite3_prepare_v2(s->db, sql[i], -1, &s->stmts[i], NULL) == SQLITE_OK, sql[i]);
    for (unsigned from = 0; from < rows; from += BATCH_MAX)
        plain_store_create(s, from, rows - from < BATCH_MAX ? rows - from : BATCH_MAX);
    return s;
}

void plain_store_close(struct plain_store *s)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[sizeof s->path + 4];

    for (int i = 0; i < STMTS; i++)
        sqlite3_finalize(s->stmts[i]);
    sqlite3_close(s->db);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", s->path, suffixes[i]);
        unlink(path);
    }
    rmdir(s->dir);
    bx_free(s);
}

static void put_vm(struct plain_store *s, unsigned vm)
{
    sqlite3_stmt *st = s->stmts[PUT_VM];
    uint64_t uuid[2] = {bx_hash(&vm, sizeof vm), (uint64_t)s->revision};
    char name[32];
    int n = snprintf(name, sizeof name, "vm-%u", vm);

    sqlite3_bind_blob(st, 1, uuid, sizeof uuid, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, name, n, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, vm % 8);
    sqlite3_bind_int64(st, 4, ++s->revision);
    sqlite3_bind_blob(st, 5, s->blob, RECORD, SQLITE_STATIC);
    run(s, PUT_VM);
}

/* The outcomes of the entry before are not waited for any more. */
static void finish(struct plain_store *s, unsigned n)
{
    sqlite3_bind_int64(s->stmts[PUT_EVENTS], 1, s->entry);
    sqlite3_bind_blob(s->stmts[PUT_EVENTS], 2, s->blob, (int)n * EVENT, SQLITE_STATIC);
    run(s, PUT_EVENTS);
    sqlite3_bind_int64(s->stmts[PUT_OUTCOMES], 1, s->entry);
    sqlite3_bind_blob(s->stmts[PUT_OUTCOMES], 2, s->blob, (int)n * OUTCOME, SQLITE_STATIC);
    run(s, PUT_OUTCOMES);
    sqlite3_bind_int64(s->stmts[DEL_OUTCOMES], 1, s->entry - 1);
    run(s, DEL_OUTCOMES);
    sqlite3_bind_int64(s->stmts[PUT_META], 1, s->entry);
    run(s, PUT_META);
    run(s, COMMIT);
}

void plain_store_create(struct plain_store *s, unsigned from, unsigned n)
{
    s->entry++;
    run(s, BEGIN);
    for (unsigned i = from; i < from + n; i++)
        put_vm(s, i);
    finish(s, n);
}

void plain_store_delete(struct plain_store *s, unsigned n)
{
    s->entry++;
    run(s, BEGIN);
    for (unsigned i = 0; i < n; i++) {
        sqlite3_bind_int64(s->stmts[DEL_VM], 1, s->revision--);
        run(s, DEL_VM);
    }
    finish(s, n);
}

static uint64_t number_of(sqlite3 *db, const char *query)
{
    sqlite3_stmt *st;
    uint64_t n;

    bench_must(sqlite3_prepare_v2(db, query, -1, &st, NULL) == SQLITE_OK &&
                   sqlite3_step(st) == SQLITE_ROW,
               query);
    n = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

uint64_t plain_store_rows(struct plain_store *s)
{
    return number_of(s->db, "SELECT count(*) FROM vms");
}

void plain_copy(const char *from, const char *to)
{
    sqlite3 *src, *dst;
    sqlite3_backup *b;

    bench_must(sqlite3_open(from, &src) == SQLITE_OK && sqlite3_open(to, &dst) == SQLITE_OK &&
                   sqlite3_exec(dst, "PRAGMA synchronous=OFF", NULL, NULL, NULL) == SQLITE_OK,
               "SQLite");
    b = sqlite3_backup_init(dst, "main", src, "main");
    bench_must(b != NULL && sqlite3_backup_step(b, -1) == SQLITE_DONE, "backup");
    sqlite3_backup_finish(b);
    sqlite3_close(src);
    sqlite3_close(dst);
}

uint64_t plain_scan(const char *path)
{
    uint64_t bytes = 0;
    sqlite3_stmt *st;
    sqlite3 *db;

    bench_must(sqlite3_open(path, &db) == SQLITE_OK &&
                   sqlite3_prepare_v2(db, "SELECT data FROM vms ORDER BY created_index", -1, &st,
                                      NULL) == SQLITE_OK,
               "SQLite");
    while (sqlite3_step(st) == SQLITE_ROW)
        bytes += (uint64_t)sqlite3_column_bytes(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return bytes;
}
