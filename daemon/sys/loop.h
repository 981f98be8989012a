/* loop - the event loop of the daemon's main thread: a uv loop with a hook at the end of each turn.
 *
 * Before the loop blocks, it calls turn if loop_wake was called, then sets one timer to the
 * earliest deadline; at the deadline it calls tick. SIGTERM and SIGINT end loop_run. */
#ifndef LOOP_H
#define LOOP_H

#include "node/ports.h"

#include <uv.h>

struct loop_hooks {
    void (*turn)(void *ctx);
    uint64_t (*deadline)(void *ctx); /* boot time; UINT64_MAX: none */
    void (*tick)(void *ctx);
    void *ctx;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_signal_t term, interrupt;
    struct bx_clock *clock;
    struct loop_hooks hooks;
    bool woken;
};

/* BX_OK or BX_IO. */
int loop_init(struct loop *l, struct bx_clock *clock, const struct loop_hooks *hooks,
              struct bx_err *err);
/* Request a call of turn before the loop blocks. */
void loop_wake(struct loop *l);
/* Returns after a signal. */
void loop_run(struct loop *l);
/* Stop calling turn and tick; from here on the loop only runs handles. */
void loop_quiet(struct loop *l);
/* Run until all closing handles are closed, then close the loop. Call loop_quiet first. */
void loop_close(struct loop *l);

#endif
