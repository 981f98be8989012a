/* fatal: what an error leaves that ends the process, wherever it comes from. */
#include "unit/crash_help.h"

#include "mem/alloc.h"
#include "state/store.h"
#include "sys/crash.h"
#include "sys/log.h"
#include "sys/log_threads.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const struct bx_err full = {
    .code = BX_NO_SPACE, .msg = "the disk is full", .hint = "free some space"};

static void end_of_error(void *ctx)
{
    (void)ctx;
    crash_begin();
    log_fatal(&full);
}

TEST(an_error_that_ends_the_process_leaves_its_text_and_the_stack)
{
    const struct left *left;

    assert_int_equal(test_in_child(end_of_error, NULL), 70);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "target=daemon msg=\"fatal error\" err=\"the disk is full\" "
                            "hint=\"free some space\"");
    crash_expect_text(left,
                      "target=crash msg=\"fatal error\" code=no_space err=\"the disk is full\" "
                      "hint=\"free some space\" thread=loop");
    crash_expect_text(left, "target=stack msg=frame n=3 object=sys_fatal_test offset=0x");
    assert_null(strstr(left->text, "signal"));
}

static void end_without_memory(void *ctx)
{
    (void)ctx;
    crash_begin();
    test_fail_allocations(true);
    bx_must(bx_alloc(1234), 1234);
}

TEST(exhausted_memory_leaves_its_text_and_takes_none_for_it)
{
    const struct left *left;

    assert_int_equal(test_in_child(end_without_memory, NULL), 70);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "target=crash msg=\"fatal error\" code=no_memory "
                            "err=\"out of memory (requested 1234 bytes)\"");
}

static void end_with_bad_ring(void *ctx)
{
    struct bx_rec_thread *threads[LOG_THREADS];

    (void)ctx;
    crash_begin();
    log_threads(threads);
    bx_rec_use(NULL);
    threads[0]->ring.words = (uint64_t *)(uintptr_t)0x18; /* NOLINT */
    log_fatal(&full);
}

TEST(an_error_ends_the_process_when_a_ring_can_not_be_read)
{
    const struct left *left;

    assert_int_equal(test_in_child(end_with_bad_ring, NULL), 70);
    left = crash_look();
    assert_true(left->files == 1 && left->complete && left->counted == 0);
    crash_expect_text(left, "msg=\"fatal error\" code=no_space");
}

static void *end_here(void *arg)
{
    static atomic_uint returned;

    (void)arg;
    log_thread_open("worker");
    crash_fatal(&full);
    if (atomic_fetch_add(&returned, 1) > 0)
        _exit(1); /* it was to wait for the end */
    log_fatal(&full);
}

static void end_of_several_errors(void *ctx)
{
    pthread_t threads[3];

    (void)ctx;
    crash_begin();
    for (size_t i = 0; i < 3; i++)
        assert(pthread_create(&threads[i], NULL, end_here, NULL) == 0);
    for (;;)
        pause();
}

TEST(the_first_of_several_threads_that_have_an_error_ends_the_process)
{
    assert_int_equal(test_in_child(end_of_several_errors, NULL), 70);
    crash_expect_all(crash_look());
}

static void end_of_damage(void *ctx)
{
    struct bx_store *s;
    struct bx_err err;
    char path[4096];

    (void)ctx;
    crash_begin();
    snprintf(path, sizeof path, "%s/state.db", crash_dir);
    assert(bx_store_open(&s, path, &err) == BX_OK);
    bx_store_damaged(s);
}

TEST(damage_of_the_state_leaves_its_text_also_while_it_is_loaded)
{
    const struct left *left;

    assert_int_equal(test_in_child(end_of_damage, NULL), 70);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "target=crash msg=\"fatal error\" code=corrupt err=\"state database ");
}

int main(void)
{
    return test_run(crash_setup, crash_teardown);
}
