#include "lib/testloop.h"

#include "sys/clock.h"

#include <signal.h>

uv_loop_t test_loop;
uint64_t test_loop_skew_ms;
static uv_timer_t beat;

static uint64_t boot_ms(struct bx_clock *c)
{
    (void)c;
    return clock_kernel()->ops->boot_ms(clock_kernel()) + test_loop_skew_ms;
}

static uint64_t wall_ms(struct bx_clock *c)
{
    (void)c;
    return clock_kernel()->ops->wall_ms(clock_kernel());
}

static void random_bytes(struct bx_clock *c, void *p, size_t n)
{
    (void)c;
    clock_kernel()->ops->random(clock_kernel(), p, n);
}

static const struct bx_clock_ops clock_ops = {boot_ms, wall_ms, random_bytes};
struct bx_clock test_loop_clock = {&clock_ops};

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

void test_loop_open(void)
{
    signal(SIGPIPE, SIG_IGN);
    test_loop_skew_ms = 0;
    assert_int_equal(uv_loop_init(&test_loop), 0);
    uv_timer_init(&test_loop, &beat);
    uv_timer_start(&beat, on_beat, 5, 5);
}

void test_loop_close(void)
{
    uv_close((uv_handle_t *)&beat, NULL);
    uv_run(&test_loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&test_loop), 0);
}

void test_loop_spin_ms(uint64_t ms)
{
    uint64_t until = uv_hrtime() + ms * 1000000;

    SPIN_UNTIL(uv_hrtime() > until);
}
