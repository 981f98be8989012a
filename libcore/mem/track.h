/* track - attributes every allocation of the process to its owner; built only with
 * --enable-allocation-tracking.
 *
 * malloc and its family are replaced in the executable (track_hooks.c), so allocations of libraries
 * and of libc itself are counted too. An allocation is attributed to the shared object that called
 * malloc; for the project's own code also to the source line. With BLIXARD_TRACK_ALLOCATION_SITES=1
 * the stack trace is part of the site. With BLIXARD_PRINT_ALLOCATIONS=1 a report is printed to
 * stderr when a scope ends and when the process exits.
 *
 * Sites are stored in a static table and live blocks in mapped memory, so recording does not
 * allocate. Scopes come from a pool, whose allocations are recorded like all others. Allocations of
 * the unwinder and of printing count as the tracker's. A realloc counts as a free and an
 * allocation. Thread-safe; fork is allowed. */
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
    uint64_t allocations, bytes; /* since process start or the start of the scope */
    uint64_t frees, freed_bytes; /* live is the difference */
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
    uint64_t peak_bytes; /* of the process, also in the report of a scope */
    bool stacks;         /* stack traces are recorded */
};

/* ---- named scopes; scope NULL is the whole process ---- */

/* Set how many scopes are kept for reuse and allocated ahead, instead of BX_TRACK_SCOPE_POOL. Call
 * it while no scope is active. BX_OK or BX_NO_MEMORY. */
#define BX_TRACK_SCOPE_POOL ((struct bx_pool_size){8, 1})
int bx_track_scopes(struct bx_pool_size size);
/* End all active scopes without a report and free the kept ones. */
void bx_track_scopes_close(void);
void bx_track_scope_stats(struct bx_pool_stats *out);
/* BX_OK, BX_CONFLICT (the scope is active), BX_BUSY (BX_TRACK_SCOPES are active), BX_NO_MEMORY or
 * BX_INVALID (the name is empty or longer than BX_TRACK_NAME - 1). */
int bx_track_start(const char *scope);
/* End the scope, and print its report if BLIXARD_PRINT_ALLOCATIONS is set. BX_OK or BX_NOT_FOUND.
 */
int bx_track_finish(const char *scope);
/* BX_OK or BX_NOT_FOUND. */
int bx_track_report(const char *scope, struct bx_track_report *out);
/* The sites by allocated bytes, largest first, at most max; returns the number written. 0 for an
 * unknown scope. */
uint32_t bx_track_top(const char *scope, struct bx_track_site *out, uint32_t max);
/* Print totals, owners and the largest sites to stderr. */
void bx_track_print(const char *scope);
/* "bx_row_vm+0x12" or "libuv.so.1+0x1234". */
void bx_track_frame_text(const void *frame, char *out, size_t size);

/* ---- scopes of the code ---- */

/* Counts what this thread allocates and frees, from this statement to the end of the block and
 * including called functions, under the given name, a static string. Expands to nothing in other
 * builds. A statement, at most one per block:
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
/* The scopes that were entered, by name, at most max; returns the number written. */
uint32_t bx_track_codes(struct bx_track_code_count *out, uint32_t max);

/* Implementation of BX_TRACK_SCOPE. */
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

/* Attribute this thread's bx_alloc allocations to that owner until the next call; returns the
 * previous owner. */
enum bx_owner bx_track_for(enum bx_owner owner);

/* ---- for alloc.c: like realloc and calloc, with a known site; size is never 0 ---- */

void *bx_track_take(void *old, size_t size, bool zero, const char *site);

/* ---- internal to the tracker's files ---- */

/* While true, allocations of this thread are attributed to the tracker and recorded without a stack
 * trace. Returns the previous value. */
bool bx_track_inside(bool now);

/* Record that p was allocated: by our code at site or, if site is NULL, by the code at pc. */
void bx_track_note(void *p, size_t size, const char *site, const void *pc);
/* Record that p is about to be freed or moved. If that does not happen after all, pass the result
 * to bx_track_restore. */
struct bx_track_block {
    uint64_t size;
    uint32_t site;
    bool known;
};
struct bx_track_block bx_track_forget(void *p);
void bx_track_restore(void *p, struct bx_track_block block);

#endif
#endif
