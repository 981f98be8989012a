/* log: lines reach standard error, and whoever logs never waits for it. */
#include "lib/testlib.h"

#include "sys/log.h"
#include "sys/log_threads.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES 200000u

static int ends[2] = {-1, -1}; /* of the pipe that is standard error */

/* What came through the pipe. */
struct reading {
    unsigned lines, own;
    unsigned long dropped, not_queued; /* by the console; by a queue */
};

static void count_line(struct reading *r, const char *line)
{
    const char *told = strstr(line, " warning log: events were dropped");

    r->lines += strstr(line, " warning daemon: a warning") != NULL ||
                strstr(line, " info node: a detail") != NULL; /* not those of a sanitizer */
    r->own += strstr(line, "info daemon: line ") != NULL;
    if (told != NULL && strstr(told, "sink=console") != NULL)
        r->dropped = strtoul(strstr(told, "total=") + 6, NULL, 10);
    else if (told != NULL)
        r->not_queued = strtoul(strstr(told, "total=") + 6, NULL, 10);
}

static void *read_all(void *arg)
{
    FILE *f = fdopen(ends[0], "r");
    char line[4096];

    while (fgets(line, sizeof line, f) != NULL)
        count_line(arg, line);
    fclose(f);
    return NULL;
}

static void open_log(const char *spec)
{
    struct log_options o = {.thread = "test", .node = "n1"};
    struct bx_err err;

    assert(ends[0] >= 0 || pipe(ends) == 0);
    assert(dup2(ends[1], STDERR_FILENO) >= 0 && close(ends[1]) == 0);
    assert(bx_filter_parse(&o.filter, spec, &err) == BX_OK);
    assert(log_open(&o, &err) == BX_OK);
}

static void finish(struct reading *r)
{
    pthread_t reader;

    assert(pthread_create(&reader, NULL, read_all, r) == 0);
    log_close();
    close(STDERR_FILENO);
    pthread_join(reader, NULL);
}

static void nobody_reads(void *ctx)
{
    struct reading r = {0};
    unsigned long all;

    (void)ctx;
    open_log("info");
    for (unsigned i = 0; i < LINES; i++)
        log_write(LOG_INFO, "line %u of those that nobody reads", i);
    finish(&r);
    all = r.own + r.dropped + r.not_queued;
    /* What tells of it, once a second, may have been dropped, too. */
    assert(r.dropped + r.not_queued > 0 && all >= LINES && all < LINES + 100);
}

TEST(nobody_waits_for_standard_error_and_what_is_dropped_is_counted)
{
    assert_int_equal(test_in_child(nobody_reads, NULL), 0);
}

static void selects(void *ctx)
{
    struct reading r = {0};

    (void)ctx;
    open_log("warning,node=info");
    log_write(LOG_INFO, "line %u", 1u);
    log_write(LOG_WARNING, "a warning");
    BX_INFO("node", "a detail");
    finish(&r);
    assert(r.lines == 2 && r.own == 0);
}

TEST(the_filter_selects_the_lines)
{
    assert_int_equal(test_in_child(selects, NULL), 0);
}

static void fatal(void *ctx)
{
    struct bx_err err = {.msg = "the disk is gone"};

    (void)ctx;
    open_log("info");
    log_write(LOG_INFO, "last words");
    log_fatal(&err);
}

TEST(a_fatal_error_is_logged_and_printed_after_what_was_logged_before_it)
{
    char text[4096];
    const char *event;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(test_in_child(fatal, NULL), 70);
    n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "info daemon: last words\n"));
    event = strstr(text, " error daemon: fatal error err=\"the disk is gone\"");
    assert_non_null(event);
    assert_non_null(strstr(event, "\nerror: the disk is gone\n"));
    close(ends[0]);
    close(ends[1]);
    ends[0] = ends[1] = -1;
}

static void *log_from_thread(void *arg)
{
    log_thread_open("other");
    log_thread_open("other"); /* once is enough */
    for (unsigned i = 0; i < 100; i++)
        log_write(LOG_INFO, "line %u of thread %u", i, *(unsigned *)arg);
    return NULL;
}

static void several_threads(void *ctx)
{
    unsigned n[LOG_THREADS + 2];
    pthread_t t[LOG_THREADS + 2];
    struct bx_rec_thread *all[LOG_THREADS];
    struct reading r = {0};
    unsigned others = 0;

    (void)ctx;
    open_log("info");
    for (unsigned i = 0; i < LOG_THREADS + 2; i++) {
        n[i] = i;
        assert(pthread_create(&t[i], NULL, log_from_thread, &n[i]) == 0);
    }
    for (unsigned i = 0; i < LOG_THREADS + 2; i++)
        pthread_join(t[i], NULL);
    assert(log_threads(all) == LOG_THREADS);
    for (unsigned i = 0; i < LOG_THREADS; i++)
        others += strcmp(all[i]->name, "other") == 0;
    finish(&r);
    assert(others >= LOG_THREADS - 2 && r.own == others * 100 && r.dropped + r.not_queued == 0);
}

TEST(several_threads_log_up_to_a_bound)
{
    assert_int_equal(test_in_child(several_threads, NULL), 0);
}

int main(void)
{
    return test_run(NULL, NULL);
}
