/* db_file - the files of db: what a connection of SQLite has of one, and what it may do to it. */
#ifndef SIM_DB_FILE_H
#define SIM_DB_FILE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_FILES 4 /* the database and what SQLite puts beside it */
#define DB_REGIONS 64
#define DB_PATH 64
#define DB_PAGE 4096

struct handle;

struct file {
    struct sim_db *db;
    bool exists;
    uint8_t *p;
    size_t n, cap;
    unsigned shared; /* handles that hold SHARED or more */
    const struct handle *reserved, *pending, *exclusive;
    void *regions[DB_REGIONS]; /* of the WAL's index, for the database itself */
    unsigned readers[SQLITE_SHM_NLOCK];
    const struct handle *writer[SQLITE_SHM_NLOCK];
};

struct sim_db {
    struct sim_db *next;
    char path[DB_PATH];
    struct file *files[DB_FILES];
    uint64_t (*room)(void *ctx); /* NULL: all that is wanted */
    void *room_ctx;
    uint64_t left; /* changes until stop; 0: none is planned */
    void (*stop)(void *ctx);
    void *ctx;
};

struct handle {
    sqlite3_file base; /* first */
    struct file *file;
    int lock;
    unsigned shm_shared, shm_exclusive; /* bits */
};

extern const sqlite3_io_methods sim_db_methods; /* of a handle */
/* Something is about to change: the process may die just before. */
void sim_db_change(struct file *f);
void sim_db_drop_regions(struct file *f);

#endif
