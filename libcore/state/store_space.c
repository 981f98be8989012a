/* The files of the state database: SQLite's log is written back into the database, and pages that
 * are free are given back.
 *
 * A commit appends pages to the log, a checkpoint copies them to the database, and the log begins
 * anew with the first commit that finds all of it copied and no reader that needs it. A reader
 * needs it up to the commit that it began after; so readers that overlap, each of which ends soon,
 * can make it grow for ever. Who lets users read asks bx_store_log_bytes before. */
#include "state/store_priv.h"

#include <stdio.h>

#define PAGE 4096u
#define LOG_KEPT (16u << 20) /* bytes of the file that are kept when the log begins anew */
#define OVERDUE 16000u       /* pages at which a commit writes back by itself, 64 MiB */
#define FREE_KEPT 1024u      /* pages, and an eighth of all, so that what grows again finds some */
#define FREE_STEP 128u       /* pages given back at a time, a millisecond or two */

static void note_written_back(struct bx_store *s, int rv, int pages, int done)
{
    if (rv == SQLITE_OK && pages == done)
        s->log_pages = 0;
    /* Busy: another connection writes back. What can not be written is tried again, and fails the
     * next commit if it lasts. */
    if ((rv & 0xff) == SQLITE_CORRUPT || (rv & 0xff) == SQLITE_NOTADB)
        bx_store_die(s, "checkpoint");
}

void bx_store_checkpoint(struct bx_store *s)
{
    int pages = -1, done = -1;
    int rv = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);

    note_written_back(s, rv, pages, done);
}

/* Nobody has written back in time: there is no node, or its thread pool does not come to it. */
static int on_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct bx_store *s = ctx;

    (void)db, (void)name;
    s->log_pages = (uint32_t)pages;
    if (s->log_pages < OVERDUE) {
        s->overdue = OVERDUE;
    } else if (s->log_pages >= s->overdue) {
        s->overdue = s->log_pages + OVERDUE / 4;
        bx_store_checkpoint(s);
    }
    return SQLITE_OK;
}

int bx_store_space_init(struct bx_store *s)
{
    char text[64];

    s->overdue = OVERDUE;
    sqlite3_wal_hook(s->db, on_commit, s);
    snprintf(text, sizeof text, "PRAGMA journal_size_limit=%u", LOG_KEPT);
    return sqlite3_exec(s->db, text, NULL, NULL, NULL);
}

/* ---- free pages ---- */

static uint32_t ask(struct bx_store *s, const char *pragma)
{
    sqlite3_stmt *st = NULL;
    uint32_t n = 0;

    if (sqlite3_prepare_v2(s->db, pragma, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        n = (uint32_t)sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return n;
}

/* A database of a build that did not ask for it keeps its free pages, and has to be copied once to
 * give them back: to a temporary file, and from there to SQLite's log. When that is not possible
 * now, it is at another start. */
void bx_store_convert(struct bx_store *s, uint64_t room)
{
    uint64_t bytes = (uint64_t)ask(s, "PRAGMA page_count") * ask(s, "PRAGMA page_size");

    if (ask(s, "PRAGMA auto_vacuum") == 0 && bytes < room / 2)
        sqlite3_exec(s->db, "PRAGMA auto_vacuum=INCREMENTAL; VACUUM;", NULL, NULL, NULL);
}

bool bx_store_give_back(struct bx_store *s)
{
    uint32_t unused = ask(s, "PRAGMA freelist_count"), all = ask(s, "PRAGMA page_count");
    uint32_t kept = FREE_KEPT + all / 8;
    char text[64];

    if (unused <= kept || ask(s, "PRAGMA auto_vacuum") == 0)
        return false;
    snprintf(text, sizeof text, "PRAGMA incremental_vacuum(%u)",
             unused - kept < FREE_STEP ? unused - kept : FREE_STEP);
    if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
        bx_store_die(s, "giving back free pages");
    return true;
}

uint64_t bx_store_log_bytes(const struct bx_store *s)
{
    return (uint64_t)s->log_pages * PAGE;
}

/* A connection knows that the database has a log once it has read from it. */
int bx_store_checkpoint_apart(const char *path, uint64_t *left)
{
    int pages = -1, done = -1;
    sqlite3 *db = NULL;
    int rv = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

    if (rv == SQLITE_OK)
        rv = sqlite3_exec(db, "PRAGMA synchronous=OFF; SELECT count(*) FROM meta;", NULL, NULL,
                          NULL);
    if (rv == SQLITE_OK)
        rv = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
    sqlite3_close(db);
    *left = pages > done ? (uint64_t)(pages - done) * PAGE : 0;
    return rv == SQLITE_OK ? BX_OK : (rv & 0xff) == SQLITE_BUSY ? BX_BUSY : bx_store_code(rv);
}
