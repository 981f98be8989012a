/* crash: what a process leaves when it dies, whatever state it is in. */
#include "unit/crash_help.h"

#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/crash_file.h"
#include "sys/log.h"
#include "sys/log_threads.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define ADDRESS_SANITIZER true
#else
#define ADDRESS_SANITIZER false
#endif

/* ---- dying ---- */

/* The signal that ended it. */
static int death_of(void (*die)(void *ctx))
{
    int status = test_in_child(die, NULL) - 1000;

    assert_true(status > 0 && WIFSIGNALED(status));
    return WTERMSIG(status);
}

static void expect_death(void (*die)(void *ctx), int sig)
{
    assert_int_equal(death_of(die), sig);
}

__attribute__((noinline)) static void write_to(volatile int *p)
{
    *p = 1;
}

static void bad_pointer(void *ctx)
{
    (void)ctx;
    crash_begin();
    write_to((volatile int *)(uintptr_t)0x10); /* NOLINT */
}

TEST(a_bad_pointer_leaves_address_registers_and_stack)
{
    const struct left *left;

    expect_death(bad_pointer, SIGSEGV);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left,
                      "target=crash msg=\"fatal signal\" signal=11 code=1 address=0x10 sender=0 "
                      "thread=loop");
    crash_expect_text(left, "target=stack msg=register name=");
    crash_expect_text(left, "target=stack msg=frame n=0 object=sys_crash_test offset=0x");
    crash_expect_text(left, "target=stack msg=frame n=3 object=sys_crash_test offset=0x");
    crash_expect_text(left, "target=stack msg=object name=sys_crash_test base=0x");
    crash_expect_text(left, "target=stack msg=object name=libc.so.6 base=0x");
}

static void wrong(void *ctx)
{
    volatile int zero = 0;

    (void)ctx;
    crash_begin();
    assert(zero == 1);
}

TEST(a_failed_assertion_leaves_its_text)
{
    const struct left *left;

    expect_death(wrong, SIGABRT);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "msg=\"assertion failed\" text=\"zero == 1\" file=");
    crash_expect_text(left, "function=wrong");
}

/* The chunk after one of malloc's own is overwritten, and so is the list of free ones. */
static void corrupt_heap(void *ctx)
{
    char *p[64];

    (void)ctx;
    crash_begin();
    for (size_t i = 0; i < 64; i++)
        p[i] = malloc(5000);
    for (size_t i = 0; i < 64; i += 2)
        free(p[i]);
    for (size_t i = 1; i < 64; i += 2)
        memset(p[i] - 64, 0xa5, 5100); /* NOLINT */
    for (size_t i = 1; i < 64; i += 2)
        free(p[i]);
    abort();
}

TEST(a_corrupted_heap_does_not_matter)
{
    int sig;

    if (ADDRESS_SANITIZER)
        skip();
    sig = death_of(corrupt_heap); /* of the C library's check, or of its using it */
    assert_true(sig == SIGABRT || sig == SIGSEGV);
    crash_expect_all(crash_look());
}

static uint64_t *wild(void)
{
    return (uint64_t *)(uintptr_t)0x18; /* NOLINT */
}

static void bad_ring(void *ctx)
{
    struct bx_rec_thread *threads[LOG_THREADS];

    (void)ctx;
    crash_begin();
    log_threads(threads);
    threads[0]->ring.words = wild();
    raise(SIGSEGV);
}

TEST(a_ring_that_can_not_be_read_is_left_out)
{
    const struct left *left;

    expect_death(bad_ring, SIGSEGV);
    left = crash_look();
    assert_int_equal(left->files, 1);
    assert_true(left->complete);
    assert_int_equal(left->counted, 0);
    crash_expect_text(left, "msg=\"fatal signal\" signal=11");
    crash_expect_text(left, "msg=frame n=0");
}

static void bad_records(void *ctx)
{
    struct bx_rec_thread *threads[LOG_THREADS];

    (void)ctx;
    crash_begin();
    log_threads(threads);
    for (size_t i = 3000; i < 3100; i++)
        threads[0]->ring.words[i] = 0;
    raise(SIGBUS);
}

TEST(records_that_were_overwritten_end_those_of_a_thread)
{
    const struct left *left;

    expect_death(bad_records, SIGBUS);
    left = crash_look();
    assert_true(left->complete);
    assert_true(left->counted > 100 && left->counted < CRASH_EVENTS);
    crash_expect_text(left, "msg=\"fatal signal\" signal=7");
}

__attribute__((noinline)) static unsigned deeper(volatile char *before)
{
    volatile char room[4096];

    room[0] = before[0];
    return room[0] == 'x' ? 0 : deeper(room) + (unsigned)room[0];
}

static void overflow(void *ctx)
{
    volatile char first[16] = "";

    (void)ctx;
    crash_begin();
    _exit((int)deeper(first));
}

TEST(a_stack_that_overflows_is_told)
{
    const struct left *left;

    expect_death(overflow, SIGSEGV);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "msg=frame n=20 object=sys_crash_test");
}

static void *crash_here(void *arg)
{
    (void)arg;
    write_to((volatile int *)(uintptr_t)0x20); /* NOLINT */
    return NULL;
}

static void other_thread(void *ctx)
{
    pthread_t threads[3];

    (void)ctx;
    crash_begin();
    for (size_t i = 0; i < 3; i++)
        assert(pthread_create(&threads[i], NULL, crash_here, NULL) == 0);
    for (;;)
        pause();
}

TEST(the_first_of_several_threads_that_crash_is_told)
{
    const struct left *left;

    expect_death(other_thread, SIGSEGV);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "address=0x20 sender=0 thread=\"\"");
}

static void *overflow_here(void *arg)
{
    volatile char first[16] = "";

    log_thread_open("worker");
    BX_INFO("test", "working");
    _exit((int)deeper(arg == NULL ? first : arg));
}

static void overflow_of_thread(void *ctx)
{
    pthread_t thread;

    (void)ctx;
    crash_begin();
    assert(pthread_create(&thread, NULL, overflow_here, NULL) == 0);
    for (;;)
        pause();
}

TEST(a_stack_of_another_thread_that_overflows_is_told)
{
    const struct left *left;

    expect_death(overflow_of_thread, SIGSEGV);
    left = crash_look();
    crash_expect_all(left);
    crash_expect_text(left, "target=test msg=working");
    crash_expect_text(left, "msg=\"fatal signal\" signal=11");
    crash_expect_text(left, "thread=worker");
    crash_expect_text(left, "msg=frame n=20 object=sys_crash_test");
}

/* Somebody sends all of the signals, again and again. */
static void bombarded(void *ctx)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    pid_t victim = getpid(), sender;

    (void)ctx;
    crash_begin();
    sender = fork();
    assert(sender >= 0);
    for (unsigned i = 0; sender == 0 && getppid() == victim; i++)
        kill(victim, signals[i % 5]);
    if (sender == 0)
        _exit(0);
    for (;;)
        pause();
}

TEST(signals_that_come_while_one_is_handled_lose_nothing)
{
    for (unsigned round = 0; round < 10; round++) {
        const struct left *left;
        char path[4096];

        death_of(bombarded);
        left = crash_look();
        crash_expect_all(left);
        crash_expect_text(left, "msg=\"fatal signal\"");
        crash_expect_text(left, "msg=frame n=0");
        snprintf(path, sizeof path, "%s/recorder/%.255s", crash_dir, crash_name);
        assert_int_equal(unlink(path), 0);
    }
}

/* ---- a disk without room ---- */

static void limited(void *ctx)
{
    size_t *bytes = ctx;
    struct rlimit limit = {*bytes, *bytes};

    crash_begin();
    signal(SIGXFSZ, SIG_IGN);
    assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    raise(SIGSEGV);
}

static struct left *left_with(size_t bytes)
{
    int status = test_in_child(limited, &bytes) - 1000;

    assert_true(status > 0 && WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    return crash_look();
}

TEST(the_newest_events_are_written_when_there_is_little_room)
{
    const struct left *left = left_with(128u << 10);

    assert_int_equal(left->files, 1);
    assert_true(left->complete);
    assert_int_equal(left->damaged, 0);
    assert_true(left->counted >= 100 && left->counted < CRASH_EVENTS);
    assert_int_equal(left->last, CRASH_EVENTS - 1);
    crash_expect_text(left, "msg=\"fatal signal\" signal=11");
}

TEST(what_fits_is_written_when_there_is_hardly_any_room)
{
    for (size_t bytes = 0; bytes < 40000; bytes += 1 + bytes / 7) {
        const struct left *left = left_with(bytes);

        assert_true(bytes < 200 || left->open == BX_OK);
        assert_true(bytes < 8000 || strstr(left->text, "fatal signal") != NULL);
        test_remove_dir(crash_dir);
        crash_dir = test_make_dir();
    }
}

/* ---- a file of its own ---- */

static void without_directory(void *ctx)
{
    const struct crash_program p = {.name = "crash_test", .where = "", .threads = log_threads};
    char path[4096];

    (void)ctx;
    crash_begin();
    crash_close();
    snprintf(path, sizeof path, "%s/recorder/own.bxr", crash_dir);
    crash_file_use(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), "own.bxr");
    crash_watch(&p);
    write_to((volatile int *)(uintptr_t)0x10); /* NOLINT */
}

TEST(a_program_without_a_directory_leaves_the_file_that_it_has_opened)
{
    const struct left *left;

    expect_death(without_directory, SIGSEGV);
    left = crash_look();
    crash_expect_all(left);
    assert_string_equal(crash_name, "own.bxr");
    crash_expect_text(left, "msg=\"fatal signal\" signal=11");
}

/* ---- what was not finished ---- */

static void end_well(void *ctx)
{
    (void)ctx;
    crash_begin();
    crash_close();
    log_close();
}

TEST(a_process_that_ends_well_leaves_nothing)
{
    char path[4096];

    assert_int_equal(test_in_child(end_well, NULL), 0);
    assert_int_equal(crash_look()->files, 0);
    snprintf(path, sizeof path, "%s/recorder", crash_dir);
    assert_int_equal(rmdir(path), 0);
}

static void killed(void *ctx)
{
    (void)ctx;
    crash_begin();
    raise(SIGKILL);
}

/* As if the handler had been killed while it wrote. */
static void make_unfinished(void)
{
    char from[4096], to[4096];

    crash_look();
    snprintf(from, sizeof from, "%s/recorder/%.255s", crash_dir, crash_name);
    snprintf(to, sizeof to, "%s/recorder/crash.tmp", crash_dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(truncate(to, 60000), 0);
}

TEST(what_a_handler_could_not_finish_is_kept_by_the_next_process)
{
    const struct left *left;

    expect_death(bad_pointer, SIGSEGV);
    make_unfinished();
    expect_death(killed, SIGKILL);
    left = crash_look();
    assert_int_equal(left->files, 1);
    assert_true(left->counted > 0 && !left->complete);
}

int main(void)
{
    return test_run(crash_setup, crash_teardown);
}
