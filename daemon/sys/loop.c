#include "sys/loop.h"

#include <assert.h>
#include <signal.h>
#include <string.h>

static void on_timer(uv_timer_t *t)
{
    struct loop *l = t->data;

    if (l->clock->ops->boot_ms(l->clock) >= l->hooks.deadline(l->hooks.ctx))
        l->hooks.tick(l->hooks.ctx);
}

static void arm(struct loop *l)
{
    uint64_t at = l->hooks.deadline(l->hooks.ctx);
    uint64_t now = l->clock->ops->boot_ms(l->clock);

    /* If the turn called loop_wake, run another one after polling for I/O. */
    if (l->woken)
        at = now;
    if (at == UINT64_MAX) {
        uv_timer_stop(&l->timer);
        return;
    }
    uv_update_time(&l->uv);
    uv_timer_start(&l->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_prepare(uv_prepare_t *p)
{
    struct loop *l = p->data;

    if (l->woken) {
        l->woken = false;
        l->hooks.turn(l->hooks.ctx);
    }
    arm(l);
}

static void on_signal(uv_signal_t *s, int number)
{
    (void)number;
    uv_stop(s->loop);
}

int loop_init(struct loop *l, struct bx_clock *clock, const struct loop_hooks *hooks,
              struct bx_err *err)
{
    int rv;

    memset(l, 0, sizeof *l);
    l->clock = clock;
    l->hooks = *hooks;
    rv = uv_loop_init(&l->uv);
    if (rv != 0)
        return bx_err_set(err, BX_IO, "cannot start the event loop: %s", uv_strerror(rv));
    uv_prepare_init(&l->uv, &l->prepare);
    uv_timer_init(&l->uv, &l->timer);
    l->prepare.data = l->timer.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    rv = uv_signal_init(&l->uv, &l->term);
    if (rv == 0)
        rv = uv_signal_init(&l->uv, &l->interrupt);
    if (rv == 0)
        rv = uv_signal_start(&l->term, on_signal, SIGTERM);
    if (rv == 0)
        rv = uv_signal_start(&l->interrupt, on_signal, SIGINT);
    if (rv != 0)
        return bx_err_set(err, BX_IO, "cannot watch signals: %s", uv_strerror(rv));
    return BX_OK;
}

void loop_wake(struct loop *l)
{
    l->woken = true;
}

void loop_run(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_quiet(struct loop *l)
{
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->timer, NULL);
    uv_close((uv_handle_t *)&l->term, NULL);
    uv_close((uv_handle_t *)&l->interrupt, NULL);
}

void loop_close(struct loop *l)
{
    int rv;

    uv_run(&l->uv, UV_RUN_DEFAULT);
    rv = uv_loop_close(&l->uv);
    assert(rv == 0); /* otherwise some module left a handle open */
}
