/* timed - how long a scope took and how it ended, as one event.
 *
 *     BX_DEBUG_TIMED("wal", "wrote", timed);
 *     ...
 *     timed.code = rc;
 *     return rc;
 *
 * records at the end of the scope, whichever way it is left, an event with the fields duration_ns
 * and outcome, the name of the code (err.h). The time is that of the thread's events; a duration is
 * too short while a wall clock that was set back is waited for. When nobody takes events of this
 * level as the scope begins, no clock is read and nothing is recorded. */
#ifndef BX_TIMED_H
#define BX_TIMED_H

#include "rec/rec.h"

struct bx_timed {
    const struct bx_site *site; /* NULL: nobody takes it */
    uint64_t began_ns;
    int code; /* BX_OK at first */
};

/* What the macro calls. */
struct bx_timed bx_timed_begin(const struct bx_site *s);
void bx_timed_write(const struct bx_timed *t);
static inline void bx_timed_end(const struct bx_timed *t)
{
    if (__builtin_expect(t->site != NULL, 0))
        bx_timed_write(t);
}

#define BX_TIMED(lvl, tgt, msg, name)                                                              \
    static struct bx_site name##_site = {                                                          \
        .target = tgt,                                                                             \
        .message = msg,                                                                            \
        .file = __FILE__,                                                                          \
        .line = __LINE__,                                                                          \
        .level = lvl,                                                                              \
        .n = 2,                                                                                    \
        .fields = {{"duration_ns", BX_ARG_U64}, {"outcome", BX_ARG_STR}},                          \
    };                                                                                             \
    static struct bx_site *name##_entry BX_SITE_ENTRY = &name##_site;                              \
    struct bx_timed name __attribute__((cleanup(bx_timed_end))) =                                  \
        (lvl) <= BX_LEVEL_COMPILED && __builtin_expect(bx_site_on(&name##_site), 0)                \
            ? bx_timed_begin(name##_entry)                                                         \
            : (struct bx_timed)                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

#if BX_LEVEL_COMPILED >= 7
#define BX_DEBUG_TIMED(tgt, msg, name) BX_TIMED(BX_LEVEL_DEBUG, tgt, msg, name)
#else
#define BX_DEBUG_TIMED(tgt, msg, name) struct bx_timed name __attribute__((unused)) = {0}
#endif

#endif
