/* store_priv - what the files of the store share. Nobody else includes it. */
#ifndef BX_STORE_PRIV_H
#define BX_STORE_PRIV_H

#include "state/store.h"
#include "state/store_file.h"

#include <sqlite3.h>

enum stmt { /* statements other than those of the kinds */
            S_PUT_EVENTS,
            S_PUT_OUTCOMES,
            S_DEL_OUTCOMES,
            S_DEL_EVENTS,
            S_OLDEST_EVENTS,
            S_PUT_META,
            S_BEGIN,
            S_COMMIT,
            S__STMTS
};

struct bx_store {
    sqlite3 *db;
    char *path;
    bool open; /* a transaction is open */
    void (*fatal)(void *ctx, const struct bx_err *err);
    void *ctx;
    sqlite3_stmt *stmts[S__STMTS];
    sqlite3_stmt *put[BX__TABLES], *del[BX__TABLES];
    struct bx_store_file files[BX_STORE_FILES];
    /* ---- store_space.c ---- */
    uint32_t log_pages; /* of SQLite's log; 0: all of it was written back */
    uint32_t overdue;   /* at so many a commit writes them back itself */
};

/* Set err from SQLite's; returns its code. */
int bx_store_failed(struct bx_store *s, int rv, struct bx_err *err);
/* The database can not be written, or is damaged: ends the process. */
_Noreturn void bx_store_die(struct bx_store *s, const char *what);

/* Before the tables are created. Returns an SQLite result code. */
int bx_store_space_init(struct bx_store *s);

#endif
