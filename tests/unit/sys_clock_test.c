/* sys/clock_wall, sys/tick: the time of events, when the counter and the wall clock do as they
 * should and when they do not. */
#include "lib/testlib.h"

#include "sys/clock.h"
#include "sys/tick.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define MS 1000000u
#define START (1800000000u * (uint64_t)1000000000u)

/* A machine with a counter of 2.5 GHz. */
static struct {
    struct tick_reading now;
    struct tick_line line;
    uint64_t last;
} m;

static void begin(void)
{
    memset(&m, 0, sizeof m);
    m.now = (struct tick_reading){1u << 30, 5000u * (uint64_t)MS, START};
}

static void pass(uint64_t ns)
{
    m.now.counter += ns * 5 / 2;
    m.now.steady_ns += ns;
    m.now.wall_ns += ns;
}

static uint64_t machine_ns(void)
{
    uint64_t ns;

    if (!tick_wall_ns(&m.line, m.now.counter, &ns)) {
        m.line = tick_next(&m.line, &m.now);
        ns = m.line.wall_ns;
    }
    assert_true(ns >= m.last);
    m.last = ns;
    return ns;
}

/* Ask every `step` ns for `ns`. */
static void ask_for(uint64_t ns, uint64_t step)
{
    for (uint64_t at = 0; at < ns; at += step) {
        pass(step);
        machine_ns();
    }
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

TEST(the_counter_stands_in_for_the_clock_once_its_rate_is_known)
{
    begin();
    assert_int_equal(machine_ns(), START);
    assert_int_equal(m.line.counts, 0);
    ask_for(2 * MS, 1000);
    assert_true(m.line.counts > 0);
    for (int i = 0; i < 1000; i++) {
        pass(777777);
        assert_true(difference(machine_ns(), m.now.wall_ns) < 10);
    }
}

TEST(a_clock_that_is_set_forward_is_followed_with_the_next_line)
{
    begin();
    ask_for(20 * MS, 1000);
    m.now.wall_ns += 3600000u * (uint64_t)MS;
    ask_for(11 * MS, 1000);
    assert_true(difference(machine_ns(), m.now.wall_ns) < 10);
}

TEST(a_clock_that_is_set_back_is_waited_for_at_half_the_speed)
{
    uint64_t before;

    begin();
    ask_for(20 * MS, 1000);
    m.now.wall_ns -= 1000u * (uint64_t)MS;
    ask_for(11 * MS, 1000);
    before = machine_ns();
    ask_for(1000u * (uint64_t)MS, 10000);
    assert_true(difference(machine_ns() - before, 500u * (uint64_t)MS) < 10 * MS);
    ask_for(1100u * (uint64_t)MS, 10000);
    assert_true(difference(machine_ns(), m.now.wall_ns) < 1000);
}

TEST(a_counter_that_jumps_or_changes_its_rate_misleads_for_one_line_only)
{
    begin();
    ask_for(20 * MS, 1000);
    m.now.counter = 1; /* back */
    ask_for(12 * MS, 1000);
    assert_true(difference(machine_ns(), m.now.wall_ns) < 10);
    m.now.counter += (uint64_t)1 << 50; /* forward */
    ask_for(12 * MS, 1000);
    ask_for(12 * MS, 1000);
    assert_true(difference(machine_ns(), m.now.wall_ns) < 10);
    for (int i = 0; i < 100000; i++) { /* a fifth slower */
        m.now.counter += 2000;
        m.now.steady_ns += 1000;
        m.now.wall_ns += 1000;
        machine_ns();
    }
    assert_true(difference(machine_ns(), m.now.wall_ns) < 1000);
}

TEST(a_thread_that_seldom_asks_gets_the_clock_itself)
{
    begin();
    ask_for(20 * MS, 1000);
    pass(86400000u * (uint64_t)MS);
    assert_int_equal(machine_ns(), m.now.wall_ns);
    pass(86400000u * (uint64_t)MS);
    assert_int_equal(machine_ns(), m.now.wall_ns);
    pass(1000);
    assert_true(difference(machine_ns(), m.now.wall_ns) < 10);
}

/* ---- this machine ---- */

static uint64_t kernel_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static atomic_int backward, far;

/* A reading between two of the kernel's is between them, give or take what this clock may be off.
 */
static void *watch(void *arg)
{
    uint64_t until = kernel_ns(CLOCK_MONOTONIC) + 100 * MS, last = 0;

    while (kernel_ns(CLOCK_MONOTONIC) < until) {
        uint64_t before = kernel_ns(CLOCK_REALTIME), ns = clock_wall_ns();
        uint64_t after = kernel_ns(CLOCK_REALTIME);

        if (ns + MS < before || ns > after + MS)
            atomic_fetch_add(&far, 1);
        for (int i = 0; i < 1000; i++, last = ns)
            if ((ns = clock_wall_ns()) < last)
                atomic_fetch_add(&backward, 1);
    }
    return arg;
}

TEST(the_wall_clock_of_events_is_the_kernels_and_never_goes_back)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watch, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(backward, 0);
    assert_int_equal(far, 0);
}

int main(void)
{
    return test_run(NULL, NULL);
}
