/* track - every allocation of the process, and whose it is; exists only with
 * --enable-allocation-tracking.
 *
 * malloc and its family are replaced in the executable (track_hooks.c), so that libraries and libc
 * itself are seen too. An allocation belongs to the shared object whose code called; one of ours
 * also names its line. With BLIXARD_TRACK_ALLOCATION_SITES=1 the stack is part of the site. With
 * BLIXARD_PRINT_ALLOCATIONS=1 a report goes to stderr when a scope ends and when the process exits.
 *
 * Sites live in a static table, what is alive in mapped memory: the tracker allocates nothing while
 * it notes something. Scopes come from a pool, like what others begin and end. What the unwinder
 * and the printing need counts as its own. A realloc is a free and an allocation. Any thread may
 * call; fork is allowed. */
#ifndef BX_TRACK_H
#define BX_TRACK_H

#include "config.h"

#ifndef BX_TRACK_ALLOCATIONS

#define BX_TRACK_SCOPE(name)

#else

#include "mem/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BX_TRACK_FRAMES 12u
#define BX_TRACK_SCOPES 64u /* at once */
#define BX_TRACK_NAME 64u

enum bx_owner {
    BX_OWNER_OURS,
    BX_OWNER_RAFT,
    BX_OWNER_SQLITE,
    BX_OWNER_MSGPACK,
    BX_OWNER_JANSSON,
    BX_OWNER_UV,
    BX_OWNER_LIBC,
    BX_OWNER_OTHER,
    BX_OWNER_TRACKER,
    BX__OWNERS
};
extern const char *const bx_owner_names[BX__OWNERS];

struct bx_track_count {
    uint64_t allocations, bytes; /* since the process or the scope began */
    uint64_t frees, freed_bytes; /* what is alive is the difference */
};

struct bx_track_site {
    enum bx_owner owner;
    char name[BX_TRACK_NAME];      /* "libcore/x.c:12" or a library's name */
    uint32_t n_frames;             /* 0 unless stacks are tracked */
    void *frames[BX_TRACK_FRAMES]; /* innermost first */
    struct bx_track_count count;
};

struct bx_track_report {
    struct bx_track_count owners[BX__OWNERS], total;
    uint64_t peak_bytes; /* of the process, whatever the scope */
    bool stacks;         /* are tracked */
};

/* ---- named scopes; scope NULL is the whole process ---- */

/* How many scopes are kept for reuse and made ahead, instead of BX_TRACK_SCOPE_POOL; while none
 * runs. BX_OK or BX_NO_MEMORY. */
#define BX_TRACK_SCOPE_POOL ((struct bx_pool_size){8, 1})
int bx_track_scopes(struct bx_pool_size size);
/* Ends those that run, without a report, and gives back what was kept. */
void bx_track_scopes_close(void);
void bx_track_scope_stats(struct bx_pool_stats *out);
/* BX_OK, BX_CONFLICT (it runs already), BX_BUSY (BX_TRACK_SCOPES do), BX_NO_MEMORY or BX_INVALID
 * (the name is empty or longer than BX_TRACK_NAME - 1). */
int bx_track_start(const char *scope);
/* Ends it, and prints it when that is asked for. BX_OK or BX_NOT_FOUND. */
int bx_track_finish(const char *scope);
/* BX_OK or BX_NOT_FOUND. */
int bx_track_report(const char *scope, struct bx_track_report *out);
/* The sites that allocated, most bytes first, at most max; returns how many. 0 for an unknown
 * scope. */
uint32_t bx_track_top(const char *scope, struct bx_track_site *out, uint32_t max);
/* Totals, owners and the top sites to stderr. */
void bx_track_print(const char *scope);
/* "bx_row_vm+0x12" or "libuv.so.1+0x1234". */
void bx_track_frame_text(const void *frame, char *out, size_t size);

/* ---- scopes of the code ---- */

/* From here to the end of the block, what this thread allocates and frees is counted under the
 * name, a static string, each time the block is entered, also in what it calls. In any other build
 * there is nothing left of it. A statement, at most one in a block:
 *
 *     BX_TRACK_SCOPE("apply"); */
#define BX_TRACK_SCOPE(nam)                                                                        \
    static struct bx_track_code bx_track_code_ = {.count = {.name = (nam)}};                       \
    __attribute__((cleanup(bx_track_leave))) struct bx_track_mark bx_track_mark_ =                 \
        bx_track_enter(&bx_track_code_, &bx_track_mark_)

struct bx_track_code_count {
    const char *name;
    uint64_t entered;
    struct bx_track_count count;
};
/* Those that were entered, at most max, by name; returns how many. */
uint32_t bx_track_codes(struct bx_track_code_count *out, uint32_t max);

/* What BX_TRACK_SCOPE is made of. */
struct bx_track_code {
    struct bx_track_code_count count;
    struct bx_track_code *next;
};
struct bx_track_mark {
    struct bx_track_code *code;
    struct bx_track_mark *outer;
};
struct bx_track_mark bx_track_enter(struct bx_track_code *code, struct bx_track_mark *at);
void bx_track_leave(struct bx_track_mark *at);

/* Until the next call this thread's allocations by bx_alloc are that owner's; returns whose they
 * were. */
enum bx_owner bx_track_for(enum bx_owner owner);

/* ---- for alloc.c: as realloc and calloc, but the site is known. The size is never 0. ---- */

void *bx_track_take(void *old, size_t size, bool zero, const char *site);

/* ---- between track.c and its neighbours ---- */

/* While it is true, what this thread allocates is the tracker's, and noted without a stack. Returns
 * what it was. */
bool bx_track_inside(bool now);

/* p was allocated: by us at the site, or, when that is NULL, by the code at pc. */
void bx_track_note(void *p, size_t size, const char *site, const void *pc);
/* p is about to be freed or moved. Returns what bx_track_restore takes when it was not after
 * all. */
struct bx_track_block {
    uint64_t size;
    uint32_t site;
    bool known;
};
struct bx_track_block bx_track_forget(void *p);
void bx_track_restore(void *p, struct bx_track_block block);

#endif
#endif
