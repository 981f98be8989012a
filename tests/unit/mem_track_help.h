/* mem_track_help - what was counted so far, for the tests of the tracking build. */
#ifndef MEM_TRACK_HELP_H
#define MEM_TRACK_HELP_H

#include "lib/testlib.h"

#include "mem/track.h"

static inline struct bx_track_report now(const char *scope)
{
    struct bx_track_report r;

    assert_int_equal(bx_track_report(scope, &r), BX_OK);
    return r;
}

static inline uint64_t allocations_of(enum bx_owner owner)
{
    return now(NULL).owners[owner].allocations;
}

static inline uint64_t live_of(enum bx_owner owner)
{
    struct bx_track_count c = now(NULL).owners[owner];

    return c.allocations - c.frees;
}

#endif
