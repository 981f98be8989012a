/* driver_sim against its header, and the heap of what is due that it and reconcile keep time by. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "node/driver_sim.h"
#include "node/timerheap.h"

#include <string.h>

/* ---- due ---- */

#define ITEMS 500u

/* Against a search of the whole list: the earliest, and of those the one that was set first. */
TEST(the_first_due_is_the_earliest_set)
{
    static struct bx_timer items[ITEMS];
    uint64_t set[ITEMS] = {0}, order = 0, seed = 3;
    struct bx_timer_heap h = {0};

    assert_int_equal(bx_timer_heap_reserve(&h, ITEMS), BX_OK);
    for (int round = 0; round < 20000; round++) {
        uint32_t i = (uint32_t)(test_random(&seed) % ITEMS), first = ITEMS;

        if (test_random(&seed) % 3 == 0) {
            bx_timer_heap_remove(&h, &items[i]);
            set[i] = 0;
        } else {
            bx_timer_heap_set(&h, &items[i], test_random(&seed) % 50);
            set[i] = ++order;
        }
        for (i = 0; i < ITEMS; i++) {
            if (set[i] == 0)
                continue;
            if (first == ITEMS || items[i].at < items[first].at ||
                (items[i].at == items[first].at && set[i] < set[first]))
                first = i;
        }
        assert_ptr_equal(bx_timer_heap_first(&h), first == ITEMS ? NULL : &items[first]);
    }
    bx_timer_heap_close(&h);
}

/* ---- the driver ---- */

#define SEEN_MAX 64u

struct seen {
    struct bx_observation o;
    char message[64];
    uint64_t at;
};

static struct test_clock the_clock;
static struct bx_driver *driver;
static struct seen seen[SEEN_MAX];
static uint32_t n_seen;
static int running; /* runs that began and did not end */
static uint32_t begun;
static uint8_t forget_at_exit;

static void observe(void *ctx, const struct bx_observation *o)
{
    assert_ptr_equal(ctx, &the_clock);
    assert_true(n_seen < SEEN_MAX);
    seen[n_seen].o = *o;
    seen[n_seen].at = the_clock.now;
    snprintf(seen[n_seen++].message, sizeof seen->message, "%s", o->message);
    if (forget_at_exit && o->observed == BX_OBSERVED_EXITED)
        driver->ops->forget(driver, o->vm);
}

static void on_trace(void *ctx, const uint8_t vm[16], uint64_t epoch, bool begins)
{
    assert_ptr_equal(ctx, &the_clock);
    assert_true(vm[0] != 0 && epoch != 0);
    running += begins ? 1 : -1;
    begun += begins;
    assert_true(running >= 0);
}

static int create(void **state)
{
    struct bx_driver_sim_options o = {.trace = on_trace, .ctx = &the_clock};

    (void)state;
    test_clock_init(&the_clock);
    o.clock = &the_clock.base;
    driver = bx_driver_sim_create(&o);
    assert_non_null(driver);
    driver->observe = observe;
    driver->ctx = &the_clock;
    n_seen = 0;
    running = 0;
    begun = 0;
    forget_at_exit = 0;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    bx_driver_sim_destroy(driver);
    assert_int_equal(running, 0);
    return 0;
}

static const uint8_t *vm(uint8_t i)
{
    static uint8_t uuid[256][16];

    uuid[i][0] = i;
    return uuid[i];
}

static void start(uint8_t i, uint64_t epoch)
{
    struct bx_vm_config config = {.vcpus = 1};
    struct bx_run run = {.epoch = epoch, .node = 1, .config = &config};
    uint32_t before = n_seen;

    memcpy(run.vm, vm(i), 16);
    driver->ops->start(driver, &run, NULL);
    assert_int_equal(n_seen, before); /* nothing is observed from inside the call */
}

/* Until nothing is due any more, or for ms. */
static void pass(uint64_t ms)
{
    uint64_t end = the_clock.now + ms, next;

    for (;;) {
        next = bx_driver_sim_tick(driver);
        assert_true(next > the_clock.now);
        if (next > end)
            break;
        the_clock.now = next;
    }
    the_clock.now = end;
}

static void saw(uint32_t i, uint8_t v, uint64_t epoch, enum bx_observed observed, bool failed)
{
    assert_true(i < n_seen);
    assert_memory_equal(seen[i].o.vm, vm(v), 16);
    assert_int_equal(seen[i].o.epoch, epoch);
    assert_int_equal(seen[i].o.observed, observed);
    assert_int_equal(seen[i].o.failed, failed);
}

TEST(a_vm_starts_runs_and_stops)
{
    start(1, 7);
    assert_int_equal(running, 1); /* from the order on: it may run */
    pass(0);
    assert_int_equal(n_seen, 1);
    saw(0, 1, 7, BX_OBSERVED_STARTING, false);
    pass(49);
    assert_int_equal(n_seen, 1);
    pass(1);
    assert_int_equal(n_seen, 2);
    saw(1, 1, 7, BX_OBSERVED_RUNNING, false);
    pass(100000); /* and it runs on */
    assert_int_equal(n_seen, 2);
    assert_true(bx_driver_sim_tick(driver) == UINT64_MAX);
    driver->ops->stop(driver, vm(1), 60000);
    driver->ops->stop(driver, vm(1), 60000);
    assert_int_equal(n_seen, 2);
    pass(19);
    assert_int_equal(n_seen, 2);
    assert_int_equal(running, 1);
    pass(1000);
    assert_int_equal(n_seen, 3);
    saw(2, 1, 7, BX_OBSERVED_EXITED, false);
    assert_int_equal(seen[2].at, 1000 + 50 + 100000 + 20);
    assert_string_equal(seen[2].message, "exit 0");
    assert_int_equal(running, 0);
    driver->ops->kill(driver, vm(1)); /* too late to matter */
    driver->ops->forget(driver, vm(1));
    pass(1000);
    assert_int_equal(n_seen, 3);
    start(1, 8);
    pass(50);
    saw(4, 1, 8, BX_OBSERVED_RUNNING, false);
}

TEST(a_kill_is_at_once)
{
    start(1, 1);
    start(2, 1);
    pass(50);
    driver->ops->kill(driver, vm(1));
    driver->ops->stop(driver, vm(2), 60000);
    driver->ops->kill(driver, vm(2)); /* of one that was asked politely */
    assert_int_equal(n_seen, 4);
    pass(0);
    assert_int_equal(n_seen, 6);
    saw(4, 1, 1, BX_OBSERVED_EXITED, false);
    saw(5, 2, 1, BX_OBSERVED_EXITED, false);
    assert_string_equal(seen[5].message, "killed by signal 9");
    start(3, 1);
    driver->ops->kill(driver, vm(3)); /* before it began to start */
    pass(1000);
    assert_int_equal(n_seen, 7);
    saw(6, 3, 1, BX_OBSERVED_EXITED, false);
    driver->ops->kill(driver, vm(9)); /* nobody */
    driver->ops->stop(driver, vm(9), 1);
    driver->ops->forget(driver, vm(9));
}

TEST(a_stop_without_patience_kills)
{
    start(1, 1);
    pass(50);
    driver->ops->stop(driver, vm(1), 5);
    pass(5);
    saw(2, 1, 1, BX_OBSERVED_EXITED, false);
    assert_non_null(strstr(seen[2].message, "killed"));
}

TEST(the_next_starts_fail_when_told)
{
    bx_driver_sim_fail(driver, 2);
    for (uint8_t i = 1; i <= 3; i++)
        start(i, 1);
    pass(50);
    assert_int_equal(n_seen, 6);
    saw(3, 1, 1, BX_OBSERVED_EXITED, true);
    saw(4, 2, 1, BX_OBSERVED_EXITED, true);
    saw(5, 3, 1, BX_OBSERVED_RUNNING, false);
    assert_true(seen[3].message[0] != '\0');
    assert_int_equal(begun, 3);
    assert_int_equal(running, 1);
}

/* Of starts at one time the first called is the first observed, whatever their hashes. */
TEST(observations_come_in_the_order_of_the_calls)
{
    for (uint8_t i = 30; i > 0; i--)
        start(i, 1);
    pass(50);
    assert_int_equal(n_seen, 60);
    for (uint8_t i = 0; i < 30; i++) {
        saw(i, (uint8_t)(30 - i), 1, BX_OBSERVED_STARTING, false);
        saw(30u + i, (uint8_t)(30 - i), 1, BX_OBSERVED_RUNNING, false);
    }
}

TEST(an_observer_may_forget)
{
    forget_at_exit = 1;
    start(1, 1);
    driver->ops->kill(driver, vm(1));
    pass(0);
    saw(0, 1, 1, BX_OBSERVED_EXITED, false);
    start(1, 2);
    pass(50);
    saw(2, 1, 2, BX_OBSERVED_RUNNING, false);
}

static void count(void *ctx, const struct bx_observation *o)
{
    enum bx_observed *out = ctx;

    assert_true(out[o->vm[0]] == BX_OBSERVED_ABSENT);
    out[o->vm[0]] = o->observed;
}

TEST(each_tells_what_is_there)
{
    enum bx_observed is[6] = {BX_OBSERVED_ABSENT};

    for (uint8_t i = 1; i <= 4; i++)
        start(i, 1);
    pass(50);
    start(5, 1);
    driver->ops->stop(driver, vm(2), 1000);
    driver->ops->kill(driver, vm(3));
    driver->ops->kill(driver, vm(4));
    pass(0);
    driver->ops->forget(driver, vm(4));
    driver->ops->each(driver, count, is);
    assert_int_equal(is[1], BX_OBSERVED_RUNNING);
    assert_int_equal(is[2], BX_OBSERVED_STOPPING);
    assert_int_equal(is[3], BX_OBSERVED_EXITED);
    assert_int_equal(is[4], BX_OBSERVED_ABSENT);
    assert_int_equal(is[5], BX_OBSERVED_STARTING);
}

TEST(a_guest_reboots_while_it_runs)
{
    assert_false(bx_driver_sim_reboot(driver, vm(1)));
    start(1, 1);
    assert_false(bx_driver_sim_reboot(driver, vm(1)));
    pass(50);
    assert_true(bx_driver_sim_reboot(driver, vm(1)));
    assert_true(bx_driver_sim_reboot(driver, vm(1)));
    assert_int_equal(bx_driver_sim_reboots(driver, vm(1)), 2);
    pass(1);
    assert_int_equal(seen[n_seen - 1].o.observed, BX_OBSERVED_RUNNING);
    assert_int_equal(seen[n_seen - 1].o.reboots, 2);
    driver->ops->stop(driver, vm(1), 1000);
    assert_false(bx_driver_sim_reboot(driver, vm(1)));
    pass(50);
    driver->ops->forget(driver, vm(1));
    assert_int_equal(bx_driver_sim_reboots(driver, vm(1)), 0);
}

TEST(the_console_says_it_is_simulated)
{
    struct bx_console_place at = {0};
    struct bx_buf out = {0};
    struct bx_err err;

    start(1, 42);
    assert_int_equal(driver->ops->console(driver, vm(1), 0, 4096, NULL, &out, &err), BX_OK);
    assert_int_equal(bx_buf_append(&out, "", 1), BX_OK);
    assert_non_null(strstr((char *)out.data, "simulated"));
    assert_non_null(strstr((char *)out.data, "42"));
    out.len = 0;
    assert_int_equal(driver->ops->console(driver, vm(1), 0, 10, NULL, &out, &err), BX_OK);
    assert_int_equal(out.len, 10);
    assert_memory_equal(out.data, " console.\n", 10); /* the last bytes */
    assert_int_equal(driver->ops->console(driver, vm(2), 0, 10, NULL, &out, &err), BX_NOT_FOUND);
    out.len = 0;
    assert_int_equal(driver->ops->console(driver, vm(1), 0, 10, &at, &out, &err), BX_OK);
    assert_int_equal(driver->ops->console(driver, vm(1), 0, 10, &at, &out, &err), BX_OK);
    assert_int_equal(out.len, 10); /* nothing follows */
    bx_buf_release(&out);
}

TEST(it_offers_what_is_promised)
{
    uint32_t vcpus;
    uint64_t memory, disk;

    assert_string_equal(driver->ops->name, "sim");
    driver->ops->capacity(driver, &vcpus, &memory, &disk);
    assert_int_equal(vcpus, 16384);
    assert_int_equal(memory, 16ull << 20); /* 16 TiB in MiB */
    assert_int_equal(disk, 1ull << 20);    /* 1 PiB in GiB */
}

TEST(a_full_host_fails_starts)
{
    struct bx_vm_config config = {.vcpus = 1};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &config};

    driver->observe = NULL;
    run.vm[0] = 2;
    for (uint32_t i = 0; i < BX_SIM_RUNS_MAX; i++) {
        memcpy(run.vm + 4, &i, sizeof i);
        driver->ops->start(driver, &run, NULL);
    }
    pass(50);
    driver->observe = observe;
    start(1, 1);
    pass(50);
    saw(1, 1, 1, BX_OBSERVED_EXITED, true);
    assert_non_null(strstr(seen[1].message, "full"));
}

int main(void)
{
    return test_run(create, destroy);
}
