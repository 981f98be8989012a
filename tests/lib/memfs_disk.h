/* memfs_disk - what memfs is made of: files, names, and what is not safe yet of both. Only memfs
 * itself includes this. */
#ifndef MEMFS_DISK_H
#define MEMFS_DISK_H

#include "lib/memfs.h"

#define MEMFS_FILES_MAX 256 /* ever created; places of files nobody can reach are taken again */
#define MEMFS_NAMES_MAX 64
#define MEMFS_FDS_MAX 32
#define MEMFS_NAME_SIZE 64

/* A write that is not safe yet; data NULL: the file was cut to nothing. */
struct change {
    struct change *next;
    uint64_t offset;
    size_t n;
    uint8_t *data;
};

struct bytes {
    uint8_t *p;
    size_t n, cap;
};

struct file {
    bool used;
    struct bytes now, safe;
    uint64_t reserved; /* bytes that it takes even if it is shorter */
    struct change *changes, **end;
};

/* A change of a name that is not safe yet: `name` becomes file, or nothing when file is -1. A
 * rename also takes `gone` away, in the same instant. */
struct naming {
    struct naming *next;
    char name[MEMFS_NAME_SIZE], gone[MEMFS_NAME_SIZE];
    int file;
};

struct entry {
    char name[MEMFS_NAME_SIZE];
    int file;
};

struct names {
    struct entry entries[MEMFS_NAMES_MAX];
    unsigned n;
};

/* A write that may be taken back: what it wrote, and what was there before. */
struct past {
    bool wanted; /* the next write is the one */
    int file;
    uint64_t offset;
    size_t n; /* 0: none is remembered */
    uint8_t *before, *after;
};

struct memfs {
    struct bx_fs fs;
    struct file files[MEMFS_FILES_MAX];
    struct names now, safe;
    struct naming *namings, **namings_end;
    int fds[MEMFS_FDS_MAX]; /* file, -1: free */
    enum memfs_fault fault;
    uint64_t changes, fault_at;
    int error;
    bool faulted, stopped;
    uint64_t limit; /* bytes of the disk; 0: no bound */
    uint64_t (*beside)(void *ctx);
    void *beside_ctx;
    uint64_t reads_left; /* until one fails; 0: none will */
    struct past past;
    void (*stop)(void *ctx);
    void *stop_ctx;
};

/* ---- bytes ---- */

void memfs_bytes_write(struct bytes *b, uint64_t offset, const void *p, size_t n);
void memfs_bytes_copy(struct bytes *to, const struct bytes *from);

/* ---- names ---- */

/* NULL: not there. */
struct entry *memfs_names_find(const struct names *v, const char *name);
/* file -1: nothing has the name any more. */
void memfs_names_set(struct names *v, const char *name, int file);
void memfs_apply_naming(struct names *v, const struct naming *g);
/* Visible at once, safe after sync_dir. */
void memfs_rename_now(struct memfs *m, const char *name, const char *gone, int file);
void memfs_drop_namings(struct memfs *m);

/* ---- files ---- */

void memfs_drop_changes(struct file *f);
void memfs_file_close(struct file *f);
/* By a name, safe or not, or a descriptor. */
bool memfs_reachable(const struct memfs *m, int file);
int memfs_new_file(struct memfs *m);
/* Of a file that exists. */
struct file *memfs_file_named(const struct memfs *m, const char *name);
struct file *memfs_file_of(struct memfs *m, int fd);
/* p NULL: the file is cut to nothing. */
void memfs_add_change(struct file *f, uint64_t offset, const void *p, size_t n);
void memfs_forget_past(struct past *w);

#endif
