#include "rec/timed.h"

#include "err.h"

struct bx_timed bx_timed_begin(const struct bx_site *s)
{
    const struct bx_rec_thread *t = bx_rec_used();

    if (t == NULL)
        return (struct bx_timed){0};
    return (struct bx_timed){.site = s, .began_ns = t->now_ns()};
}

/* The thread may have changed its recorder, or stopped recording, meanwhile. */
void bx_timed_write(const struct bx_timed *t)
{
    const struct bx_rec_thread *now = bx_rec_used();

    if (now == NULL)
        return;
    bx_rec_write(t->site, (const struct bx_arg[]){bx_arg_u64(now->now_ns() - t->began_ns),
                                                  bx_arg_text(bx_code_name(t->code))});
}
