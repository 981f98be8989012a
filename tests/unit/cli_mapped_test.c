/* mapped: a file is read where it lies, and what can not be read is told. */
#include "lib/testlib.h"

#include "mapped.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define PAGES 5000u

static char *dir;
static char path[300];

static int setup(void **state)
{
    (void)state;
    dir = test_make_dir();
    snprintf(path, sizeof path, "%s/file", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}

static void write_pages(unsigned n)
{
    FILE *f = fopen(path, "w");
    char page[PAGE];

    assert_non_null(f);
    memset(page, 'x', sizeof page);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(fwrite(page, 1, sizeof page, f), sizeof page);
    assert_int_equal(fclose(f), 0);
}

TEST(a_file_is_read_and_may_be_read_again)
{
    struct bx_err err;
    struct mapped m;
    size_t from, sum = 0;

    write_pages(PAGES);
    assert_int_equal(mapped_open(&m, path, &err), BX_OK);
    assert_int_equal(m.n, PAGES * PAGE);
    for (unsigned times = 0; times < 2; times++)
        for (size_t i = 0; i < m.n; i += PAGE) {
            sum += m.p[i] == 'x';
            mapped_pass(&m, i);
        }
    assert_int_equal(sum, 2 * PAGES);
    assert_false(mapped_lost(&m, &from));
    mapped_close(&m);
    mapped_close(&m);
}

TEST(what_a_truncated_file_has_no_more_reads_as_zeros_and_is_told)
{
    struct bx_err err;
    struct mapped m;
    size_t from;

    write_pages(PAGES);
    assert_int_equal(mapped_open(&m, path, &err), BX_OK);
    assert_int_equal(m.p[10 * PAGE], 'x');
    assert_int_equal(truncate(path, 3 * PAGE + 1), 0);
    assert_false(mapped_lost(&m, &from));
    assert_int_equal(m.p[4 * PAGE + 7], 0);
    assert_int_equal(m.p[m.n - 1], 0);
    assert_int_equal(m.p[2 * PAGE], 'x');
    assert_true(mapped_lost(&m, &from));
    assert_int_equal(from, 4 * PAGE);
    mapped_close(&m);
    write_pages(1); /* the next file has lost nothing */
    assert_int_equal(mapped_open(&m, path, &err), BX_OK);
    assert_int_equal(m.p[0], 'x');
    assert_false(mapped_lost(&m, &from));
    mapped_close(&m);
}

TEST(what_can_not_be_mapped_is_refused_with_a_hint)
{
    struct bx_err err = {0};
    struct mapped m;

    assert_int_equal(mapped_open(&m, "/nowhere/file", &err), BX_NOT_FOUND);
    assert_true(err.hint[0] != '\0');
    err.hint[0] = '\0';
    assert_int_equal(mapped_open(&m, "/dev/null", &err), BX_INVALID);
    assert_true(err.hint[0] != '\0');
    assert_int_equal(mapped_open(&m, dir, &err), BX_INVALID);
    write_pages(0);
    assert_int_equal(mapped_open(&m, path, &err), BX_OK);
    assert_int_equal(m.n, 0);
    mapped_close(&m);
}

static void raise_elsewhere(void *ctx)
{
    struct bx_err err;
    struct mapped m;

    (void)ctx;
    write_pages(3);
    if (mapped_open(&m, path, &err) == BX_OK)
        raise(SIGBUS);
}

TEST(a_bus_error_of_something_else_ends_the_program)
{
    assert_int_equal(test_in_child(raise_elsewhere, NULL), 1000 + SIGBUS);
}

TEST(what_is_no_file_is_refused_without_waiting)
{
    struct bx_err err;
    struct mapped m;

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(mapped_open(&m, path, &err), BX_INVALID);
    assert_int_equal(mapped_open(&m, dir, &err), BX_INVALID);
}

int main(void)
{
    return test_run(setup, teardown);
}
