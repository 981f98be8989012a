/* store_file - the files of a connection: a write that finds no room is tried again once somebody
 * has made some.
 *
 * SQLite rolls back a transaction whose write fails for lack of space, but the state in memory is
 * one step further. So the write itself is repeated, below SQLite: the methods of the connection's
 * files are replaced by ones that ask for room. */
#ifndef BX_STORE_FILE_H
#define BX_STORE_FILE_H

#include <sqlite3.h>
#include <stdbool.h>

#define BX_STORE_FILES 2u /* of a connection: the database, and what is written ahead of it */

struct bx_store_file {
    struct bx_store_file *next; /* of all that are watched in this process */
    sqlite3_file *file;
    const sqlite3_io_methods *base;
    sqlite3_io_methods methods;
    bool (*no_space)(void *ctx);
    void *ctx;
};

/* Call no_space(ctx), on the thread that writes, when a write of this connection finds no room. It
 * returns true if there may be some now. The database is open and in WAL mode. */
void bx_store_file_watch(struct bx_store_file files[BX_STORE_FILES], sqlite3 *db,
                         bool (*no_space)(void *ctx), void *ctx);
/* Before the connection is closed; allowed for zeroed ones. */
void bx_store_file_close(struct bx_store_file files[BX_STORE_FILES]);

#endif
