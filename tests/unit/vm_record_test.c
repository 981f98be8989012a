#include "lib/testlib.h"

#include "vmdir/record.h"

#include "vmdir/log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];
static int dir;

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/vm-record-test-XXXXXX");
    if (mkdtemp(path) == NULL)
        return -1;
    dir = open(path, O_RDONLY | O_DIRECTORY);
    return dir < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"record", "exit", "lock", "log", "log.1"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(dir, names[i], 0);
    close(dir);
    return rmdir(path); /* fails when a temporary file was left */
}

static struct vm_record sample(void)
{
    return (struct vm_record){.vm = {1, 2, 3, [15] = 9},
                              .node = 3,
                              .epoch = UINT64_MAX,
                              .boot = {7, 7},
                              .pid = 4711,
                              .start = 123456,
                              .ended = true,
                              .asked = true,
                              .failed = true,
                              .code = 1,
                              .signal = 0,
                              .text = "exit 1: no room"};
}

TEST(a_record_comes_back_as_it_was)
{
    struct vm_record r = sample(), back;
    struct bx_err err;

    assert_int_equal(vm_record_read(dir, "exit", &back, &err), BX_NOT_FOUND);
    assert_int_equal(vm_record_write(dir, "exit", &r, &err), BX_OK);
    assert_int_equal(vm_record_read(dir, "exit", &back, &err), BX_OK);
    assert_memory_equal(back.vm, r.vm, 16);
    assert_memory_equal(back.boot, r.boot, 16);
    assert_true(back.node == 3 && back.epoch == UINT64_MAX && back.pid == 4711);
    assert_true(back.start == 123456 && back.ended && back.asked && back.failed);
    assert_true(back.code == 1 && back.signal == 0);
    assert_string_equal(back.text, "exit 1: no room");
    r.epoch = 5;
    r.text[0] = '\0';
    assert_int_equal(vm_record_write(dir, "exit", &r, &err), BX_OK);
    assert_int_equal(vm_record_read(dir, "exit", &back, &err), BX_OK);
    assert_true(back.epoch == 5);
    assert_string_equal(back.text, "");
}

/* Whatever bit is flipped, wherever it is cut: never a record. */
TEST(a_damaged_record_is_never_a_record)
{
    struct vm_record r = sample(), back;
    struct bx_err err;
    uint8_t bytes[2048];
    ssize_t n, i;
    int fd;

    assert_int_equal(vm_record_write(dir, "record", &r, &err), BX_OK);
    fd = openat(dir, "record", O_RDWR);
    n = pread(fd, bytes, sizeof bytes, 0);
    assert_true(n > 16);
    for (i = 0; i < n * 8; i++) {
        uint8_t b = bytes[i / 8] ^ (uint8_t)(1u << i % 8);

        assert_int_equal(pwrite(fd, &b, 1, i / 8), 1);
        assert_int_equal(vm_record_read(dir, "record", &back, &err), BX_CORRUPT);
        assert_int_equal(pwrite(fd, &bytes[i / 8], 1, i / 8), 1);
    }
    assert_int_equal(vm_record_read(dir, "record", &back, &err), BX_OK);
    for (i = n - 1; i >= 0; i--) {
        assert_int_equal(ftruncate(fd, i), 0);
        assert_int_equal(vm_record_read(dir, "record", &back, &err), BX_CORRUPT);
    }
    close(fd);
}

/* QEMU may own the directory: whatever it puts there in the place of a file is not used. */
TEST(only_files_of_ours_are_opened)
{
    static const char *const files[] = {"record", "log"};
    struct vm_record r = sample();
    struct vm_log l;
    struct bx_buf b = {0};
    struct bx_err err;
    char other[80];
    int fd;

    snprintf(other, sizeof other, "%s/other", path);
    fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "secret", 6), 6);
    close(fd);
    for (int kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < 2; i++) {
            char name[80];

            snprintf(name, sizeof name, "%s/%s", path, files[i]);
            unlink(name);
            assert_int_equal(kind == 0   ? symlink("other", name)
                             : kind == 1 ? link(other, name)
                             : kind == 2 ? mkfifo(name, 0600)
                                         : mknod(name, S_IFSOCK | 0600, 0),
                             0);
        }
        assert_int_equal(vm_record_read(dir, "record", &r, &err), BX_IO);
        assert_int_equal(vm_log_open(&l, dir, "log", 1000, &err), BX_IO);
        assert_int_equal(vm_log_tail(dir, "log", 100, NULL, &b, &err), BX_IO);
    }
    bx_buf_release(&b);
    /* What is written anew takes the place of what was there. */
    r = sample();
    unlinkat(dir, "record.new", 0);
    assert_int_equal(symlinkat("other", dir, "record.new"), 0);
    assert_int_equal(vm_record_write(dir, "record", &r, &err), BX_OK);
    assert_int_equal(vm_record_read(dir, "record", &r, &err), BX_OK);
    fd = open(other, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 0, SEEK_END), 6);
    close(fd);
    unlink(other);
}

TEST(a_lock_is_held_once_and_by_its_name)
{
    struct bx_err err;
    int one, two;

    assert_int_equal(vm_lock_take(dir, &one, &err), BX_OK);
    assert_int_equal(vm_lock_take(dir, &two, &err), BX_CONFLICT);
    assert_int_equal(vm_lock_confirm(dir, one, &err), BX_OK);
    /* A lock on a file that bears the name no longer protects nothing. */
    unlinkat(dir, VM_FILE_LOCK, 0);
    assert_int_equal(vm_lock_take(dir, &two, &err), BX_OK);
    assert_int_equal(vm_lock_confirm(dir, one, &err), BX_CONFLICT);
    close(one);
    close(two);
}

TEST(a_process_that_is_not_there_has_no_start_time)
{
    assert_true(vm_start_time(getpid()) > 0);
    assert_true(vm_start_time(getpid()) >= vm_start_time(1));
    assert_true(vm_start_time(0x3fffffff) == 0);
}

static uint64_t size_of(const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

/* The bound holds whatever is written, and the end is always there. */
TEST(the_log_is_bounded)
{
    struct bx_buf b = {0};
    struct bx_err err;
    struct vm_log l;
    char line[32], big[5000];
    int i;

    assert_int_equal(vm_log_tail(dir, "log", 100, NULL, &b, &err), BX_NOT_FOUND);
    assert_int_equal(vm_log_open(&l, dir, "log", 2000, &err), BX_OK);
    for (i = 0; i < 1000; i++) {
        int n = snprintf(line, sizeof line, "line %d\n", i);

        vm_log_write(&l, line, (size_t)n);
        assert_true(size_of("log") + size_of("log.1") <= 2000);
    }
    assert_true(size_of("log.1") > 900);
    assert_int_equal(vm_log_tail(dir, "log", 18, NULL, &b, &err), BX_OK);
    assert_int_equal(b.len, 18);
    assert_memory_equal(b.data, "line 998\nline 999\n", 18);
    bx_buf_release(&b);
    /* The older half continues into the newer without a seam. */
    assert_int_equal(vm_log_tail(dir, "log", 100000, NULL, &b, &err), BX_OK);
    assert_true(b.len == size_of("log") + size_of("log.1") && b.len % 9 == 0);
    for (i = 0; i < (int)b.len / 9; i++) {
        snprintf(line, sizeof line, "line %d\n", 1000 - (int)b.len / 9 + i);
        assert_memory_equal(b.data + i * 9, line, 9);
    }
    bx_buf_release(&b);
    memset(big, 'x', sizeof big);
    vm_log_write(&l, big, sizeof big);
    assert_true(size_of("log") + size_of("log.1") <= 2000);
    vm_log_close(&l);
    /* Goes on where it was. */
    assert_int_equal(vm_log_open(&l, dir, "log", 2000, &err), BX_OK);
    vm_log_write(&l, "end\n", 4);
    vm_log_close(&l);
    assert_int_equal(vm_log_tail(dir, "log", 5, NULL, &b, &err), BX_OK);
    assert_memory_equal(b.data, "xend\n", 5);
    bx_buf_release(&b);
}

static void write_log(const char *name, const char *text, size_t n)
{
    struct vm_log l;
    struct bx_err err;

    assert_int_equal(vm_log_open(&l, dir, name, 200, &err), BX_OK);
    for (size_t i = 0; i < n; i++)
        vm_log_write(&l, text, strlen(text));
    vm_log_close(&l);
}

static bool log_ends_with(const char *name, const char *text, size_t n)
{
    struct bx_buf b = {0};
    struct bx_err err;
    bool yes = vm_log_tail(dir, name, 1000, NULL, &b, &err) == BX_OK && b.len == n &&
               memcmp(b.data + b.len - strlen(text), text, strlen(text)) == 0;

    bx_buf_release(&b);
    return yes;
}

/* The next bytes after *at as text; "gone" when the place is no longer kept. */
static const char *next(struct bx_console_place *at, size_t max)
{
    static const char *const names[] = {"log", "log-1", "log-2"};
    static char text[8192];
    struct bx_buf b = {0};
    int rc = vm_log_next(dir, names, 3, max, at, &b, NULL);

    assert_true(b.len < sizeof text);
    snprintf(text, sizeof text, "%.*s", (int)b.len, b.data == NULL ? "" : (char *)b.data);
    bx_buf_release(&b);
    return rc == BX_NOT_FOUND ? "gone" : text;
}

/* Nothing is left out and nothing is read twice, whatever becomes of the files meanwhile. */
TEST(a_log_is_read_on_from_a_place)
{
    static const char *const names[] = {"log", "log-1", "log-2"};
    struct bx_console_place at = {0}, first;
    struct bx_buf b = {0};
    char line[16];
    struct vm_log l;

    assert_int_equal(vm_log_open(&l, dir, "log", 200, NULL), BX_OK);
    vm_log_write(&l, "begin\n", 6);
    assert_int_equal(vm_log_tail(dir, "log", 3, &at, &b, NULL), BX_OK);
    bx_buf_release(&b);
    first = at;
    assert_string_equal(next(&at, 100), "");
    vm_log_write(&l, "a\nb\n", 4);
    assert_string_equal(next(&at, 2), "a\n");
    assert_string_equal(next(&at, 100), "b\n");
    for (int i = 0; i < 300; i++) { /* several times the bound */
        snprintf(line, sizeof line, "%05d\n", i);
        vm_log_write(&l, line, 6);
        if (i % 7 == 0) { /* six lines behind */
            for (int k = i < 7 ? 0 : i - 6; k <= i; k++) {
                snprintf(line, sizeof line, "%05d\n", k);
                assert_string_equal(next(&at, 6), line);
            }
        }
    }
    assert_string_equal(next(&first, 100), "gone");
    /* The next run has a log of its own, and the one before goes on in it. */
    vm_log_write(&l, "end\n", 4);
    vm_log_close(&l);
    vm_log_shift(dir, names, 3);
    assert_int_equal(vm_log_open(&l, dir, "log", 200, NULL), BX_OK);
    vm_log_write(&l, "again\n", 6);
    vm_log_close(&l);
    next(&at, 30); /* the lines since the last that was read */
    assert_string_equal(next(&at, 1000), "end\nagain\n");
    vm_log_shift(dir, names, 3);
    assert_string_equal(next(&at, 1000), "");
    vm_log_remove(dir, "log-1");
    vm_log_remove(dir, "log-2");
    assert_string_equal(next(&at, 1000), "gone");
}

TEST(logs_move_to_the_next_name_and_the_last_one_goes)
{
    static const char *const names[] = {"log", "log-1", "log-2"};
    struct bx_buf b = {0};
    struct bx_err err;

    vm_log_shift(dir, names, 3);        /* there is none */
    write_log("log", "first_run ", 15); /* in two halves */
    vm_log_shift(dir, names, 3);
    assert_true(log_ends_with("log-1", "first_run ", 150));
    write_log("log", "second", 1);
    vm_log_shift(dir, names, 3);
    assert_true(log_ends_with("log-1", "second", 6)); /* without the other's older half */
    assert_true(log_ends_with("log-2", "first_run ", 150));
    write_log("log", "", 0);
    vm_log_shift(dir, names, 3); /* one without text takes no place */
    assert_true(log_ends_with("log-1", "second", 6));
    write_log("log", "third", 1);
    vm_log_shift(dir, names, 3);
    assert_true(log_ends_with("log-1", "third", 5));
    assert_true(log_ends_with("log-2", "second", 6));
    assert_int_equal(vm_log_tail(dir, "log", 10, NULL, &b, &err), BX_NOT_FOUND);
    for (size_t i = 0; i < 3; i++)
        vm_log_remove(dir, names[i]);
    bx_buf_release(&b);
}

int main(void)
{
    return test_run(setup, teardown);
}
