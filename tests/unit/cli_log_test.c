/* log: what is printed of files of recorded events, and which questions are refused. */
#include "lib/testlib.h"

#include "cli_capture.h"
#include "cli_fake.h"
#include "command.h"
#include "run.h"

#include "rec/recfile.h"
#include "rec/rec.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char *dir;
static char file[300], missing[300];

static uint64_t now(void)
{
    return 1764421200ull * 1000000000u;
}

static int to_file(void *ctx, const void *p, size_t n)
{
    return write(*(int *)ctx, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

/* Two events; one of them has what a terminal would obey. */
static void write_events(void)
{
    static struct bx_recfile_writer w;
    static struct bx_rec_thread t;
    static uint64_t words[4096];
    struct bx_recfile_meta meta = {.program = bx_str("test"),
                                   .version = bx_str("1"),
                                   .reason = bx_str("test"),
                                   .host = bx_str("h"),
                                   .build = bx_str("\x01")};
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct bx_filter all;

    bx_filter_parse(&all, "trace", NULL);
    assert_int_equal(bx_rec_thread_open(&t, "loop", 0, 4096, 0, now), BX_OK);
    bx_rec_use(&t);
    bx_rec_filter_ring(&all);
    BX_INFO("test", "asked", "who", "a\x1b[2Jb", "ms", 7);
    BX_INFO("test", "said", "who", "x,\"y\"\nz");
    w = (struct bx_recfile_writer){.write = to_file, .ctx = &fd};
    bx_recfile_begin(&w, &meta);
    bx_recfile_put_events(&w, 0, words, bx_ring_copy(&t.ring, words, 4096));
    assert_int_equal(bx_recfile_end(&w), BX_OK);
    bx_rec_use(NULL);
    bx_rec_thread_close(&t);
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    dir = test_make_dir();
    snprintf(file, sizeof file, "%s/events.bxr", dir);
    snprintf(missing, sizeof missing, "%s/missing.bxr", dir);
    write_events();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    capture_close();
    return 0;
}

static const char *out, *err;

/* Run "log ..."; the exit code. */
static int run(const char *verb, const char *const *arguments)
{
    static struct run r;
    char program[] = "blixardctl", noun[] = "log";
    char *argv[24] = {program, noun, (char *)(uintptr_t)verb};
    const char *words[] = {noun, verb};
    int argc = 3, code;

    while (arguments[argc - 3] != NULL) {
        argv[argc] = (char *)(uintptr_t)arguments[argc - 3];
        argc++;
    }
    memset(&r, 0, sizeof r);
    capture_begin(stdout);
    capture_begin(stderr);
    code = run_command(&r, command_find(words, 2), argc, argv);
    err = capture_end(stderr);
    out = capture_end(stdout);
    return code;
}
#define RUN(verb, ...) run(verb, (const char *const[]){__VA_ARGS__, NULL})

TEST(nothing_that_is_printed_moves_a_cursor)
{
    assert_int_equal(RUN("agg", file, "--by", "who", "--field", "ms", "--histogram"), 0);
    assert_non_null(strstr(out, "ms of who=a?[2Jb"));
    assert_null(strchr(out, '\x1b'));
    assert_int_equal(RUN("query", file), 0);
    assert_null(strchr(out, '\x1b'));
    assert_int_equal(RUN("query", file, "-o", "json"), 0);
    assert_null(strchr(out, '\x1b'));
}

TEST(a_line_of_csv_is_one_event)
{
    assert_int_equal(RUN("query", file, "-o", "csv", "--no-headers", "--where", "msg=said"), 0);
    assert_non_null(strstr(out, ",,info,test,said,,\"who=\"\"x,\\\"\"y\\\"\"\\nz\"\"\"\n"));
}

TEST(a_group_without_values_has_no_zeros)
{
    assert_int_equal(RUN("agg", file, "--by", "msg", "--field", "ms", "-o", "csv"), 0);
    assert_non_null(strstr(out, "\nasked,1,7,7,7,7,7,7,7\n"));
    assert_non_null(strstr(out, "\nsaid,1,,,,,,,\n"));
    assert_int_equal(RUN("agg", file, "--field", "ms", "--where", "msg=said", "-o", "json"), 0);
    assert_non_null(strstr(out, "\"value\": null"));
}

TEST(a_span_of_time_that_is_none_is_refused)
{
    assert_int_equal(RUN("query", file, "--since", "5m", "--until", "10m"), 2);
    assert_non_null(strstr(err, "error: --since: "));
    assert_non_null(strstr(err, "hint: "));
    assert_int_equal(RUN("query", file, "--since", "2025-02-29"), 2);
}

TEST(a_file_that_is_missing_hides_no_other)
{
    assert_int_equal(RUN("query", missing, file), 5);
    assert_non_null(strstr(out, "asked"));
    assert_int_equal(RUN("query", missing, file, "--tail", "1"), 5);
    assert_non_null(strstr(out, "said"));
    assert_null(strstr(out, "asked"));
    assert_int_equal(RUN("agg", missing), 5);
    assert_string_equal(out, "");
}

TEST(an_empty_argument_is_refused)
{
    assert_int_equal(RUN("query", file, ""), 2);
    assert_non_null(strstr(err, "argument 2 is empty"));
    assert_int_equal(RUN("level", ""), 2);
    assert_int_equal(RUN("verify", ""), 2);
}

TEST(a_copy_replaces_nothing_that_is_no_file)
{
    assert_int_equal(RUN("snapshot", dir, "--addr", "unix:/nowhere"), 2);
    assert_non_null(strstr(err, "not a regular file"));
    assert_int_equal(RUN("snapshot", "/nowhere/file", "--addr", "unix:/nowhere"), 1);
    assert_non_null(strstr(err, "error: /nowhere/file: "));
    assert_non_null(strstr(err, "hint: "));
    assert_int_equal(RUN("snapshot", missing, "--addr", "unix:/nowhere"), 3);
    assert_int_not_equal(access(missing, F_OK), 0);
}

/* ---- nodes ---- */

#define PAGES 140u /* more than are kept of a node at a time, twice */

static void expect_lines(unsigned n)
{
    const char *line = out;

    for (unsigned i = 0; i < n; i++) {
        char text[64];

        snprintf(text, sizeof text, " n1 info test: event %u\n", i);
        line = strstr(line, text);
        if (line == NULL)
            fail_msg("no \"%s\" in its place: %.300s", text, out);
    }
}

TEST(a_node_with_more_events_than_are_kept_is_asked_to_the_end)
{
    enum step steps[PAGES];
    struct fake fake;

    for (unsigned i = 0; i < PAGES; i++)
        steps[i] = i + 1 < PAGES ? LOG_MORE : LOG_LAST;
    fake_setup(NULL);
    fake_start(&fake, steps, PAGES);
    assert_int_equal(RUN("query", "--node", "n1", "--addr", fake.address), 0);
    fake_stop(&fake);
    fake_teardown(NULL);
    assert_int_equal(fake.n, PAGES);
    assert_string_equal(fake.afters[0], "start");
    assert_string_equal(fake.afters[PAGES - 1], "place138");
    assert_string_equal(err, "");
    expect_lines(PAGES);
}

int main(void)
{
    return test_run(setup, teardown);
}
