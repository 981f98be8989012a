/* disk_fs: the table of file functions on the kernel, and the log over it. */
#include "unit/log_help.h"

#include "sys/disk_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define NAMES_SIZE 256

static void note(void *ctx, const char *name)
{
    char *names = ctx;
    size_t n = strlen(names);

    snprintf(names + n, NAMES_SIZE - n, "%s;", name);
}

TEST(each_function_does_what_the_table_says)
{
    char *dir = test_make_dir(), names[NAMES_SIZE] = "";
    const struct bx_fs_ops *ops;
    struct bx_fs *fs;
    uint64_t size;
    char back[8];
    int fd;

    assert_int_equal(disk_fs_open(&fs, dir, NULL), BX_OK);
    assert_string_equal(fs->dir, dir);
    ops = fs->ops;
    assert_int_equal(ops->open(fs, "a", 0, &fd), -ENOENT);
    assert_int_equal(ops->open(fs, "a", BX_FS_CREATE | BX_FS_EXCL, &fd), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(ops->write(fs, fd, "hello", 5, 3), 0);
    assert_int_equal(ops->size(fs, fd, &size), 0);
    assert_int_equal(size, 8);
    assert_int_equal(ops->read(fs, fd, back, 8, 0), 0);
    assert_memory_equal(back, "\0\0\0hello", 8);
    assert_int_equal(ops->read(fs, fd, back, 8, 1), -EIO); /* no short counts */
    assert_int_equal(ops->sync(fs, fd), 0);
    ops->close(fs, fd);
    assert_int_equal(ops->open(fs, "a", BX_FS_CREATE | BX_FS_EXCL, &fd), -EEXIST);
    assert_int_equal(ops->rename(fs, "a", "b"), 0);
    assert_int_equal(ops->rename(fs, "a", "b"), -ENOENT);
    assert_int_equal(ops->sync_dir(fs), 0);
    assert_int_equal(ops->list(fs, note, names), 0);
    assert_string_equal(names, "b;");
    assert_int_equal(ops->open(fs, "b", BX_FS_TRUNC, &fd), 0);
    assert_int_equal(ops->size(fs, fd, &size), 0);
    assert_int_equal(size, 0);
    ops->close(fs, fd);
    assert_int_equal(ops->unlink(fs, "b"), 0);
    assert_int_equal(ops->unlink(fs, "b"), -ENOENT);
    disk_fs_close(fs);
    disk_fs_close(NULL);
    test_remove_dir(dir);
}

TEST(a_directory_that_is_not_there_is_told)
{
    struct bx_err err = {0};
    struct bx_fs *fs;

    assert_int_equal(disk_fs_open(&fs, "/nonexistent/data", &err), BX_IO);
    assert_string_equal(err.msg, "open /nonexistent/data: No such file or directory");
    assert_null(fs);
}

TEST(a_full_disk_is_told_as_such)
{
    struct bx_err err = {0};
    struct bx_fs *fs;

    assert_int_equal(disk_fs_open(&fs, "/dev", &err), BX_OK);
    assert_int_equal(bx_fs_fail(fs, -ENOSPC, "write", "full", &err), BX_NO_SPACE);
    assert_string_equal(err.msg, "write /dev/full: No space left on device");
    disk_fs_close(fs);
}

TEST(the_log_works_on_it)
{
    char *dir = test_make_dir();
    struct bx_wal_options o = {.segment_size = 65536, .cache_bytes = 4096};
    struct bx_wal *w;

    assert_int_equal(disk_fs_open(&o.fs, dir, NULL), BX_OK);
    for (uint64_t round = 0; round < 3; round++) {
        assert_int_equal(bx_wal_open(&w, &o, NULL), BX_OK);
        assert_int_equal(bx_wal_last(w), round * 100);
        for (uint64_t i = round * 100 + 1; i <= round * 100 + 100; i++) {
            assert_int_equal(append_one(w, i, 1, 3000), BX_OK);
            if (i % 10 == 0)
                assert_int_equal(pump(w, NULL), BX_OK);
        }
        assert_int_equal(bx_wal_compact(w, round * 100 + 50), BX_OK);
        bx_wal_raise_high_water(w);
        assert_int_equal(pump(w, NULL), BX_OK);
        for (uint64_t i = bx_wal_first(w); i <= bx_wal_last(w); i++)
            entry_is(w, i, 1, 3000);
        bx_wal_close(w);
    }
    disk_fs_close(o.fs);
    test_remove_dir(dir);
}

static void *run_job(void *w)
{
    return (void *)(intptr_t)bx_wal_run(w, NULL);
}

/* What a job may touch is its own: the log is used meanwhile. */
TEST(the_log_is_used_while_another_thread_writes)
{
    char *dir = test_make_dir();
    struct bx_wal_options o = {.segment_size = 65536, .cache_bytes = 65536};
    struct bx_wal *w;
    uint64_t last = 0;

    assert_int_equal(disk_fs_open(&o.fs, dir, NULL), BX_OK);
    assert_int_equal(bx_wal_open(&w, &o, NULL), BX_OK);
    for (uint64_t round = 1; round <= 60; round++) {
        pthread_t thread;
        void *rc;

        assert_int_equal(append_one(w, ++last, 1, 3000), BX_OK);
        bx_wal_raise_high_water(w);
        assert_true(bx_wal_begin(w));
        assert_int_equal(pthread_create(&thread, NULL, run_job, w), 0);
        for (int i = 0; i < 20; i++)
            assert_int_equal(append_one(w, ++last, 1, 1000), BX_OK);
        last -= 5;
        assert_int_equal(append_one(w, last, 1, 3000), BX_OK);
        for (uint64_t i = bx_wal_first(w); i <= bx_wal_durable(w); i += 7)
            assert_int_not_equal(bx_wal_term(w, i), 0);
        entry_is(w, last, 1, 3000);
        if (round > 10)
            assert_int_equal(bx_wal_compact(w, last - 100), BX_OK);
        if (bx_wal_durable(w) >= bx_wal_first(w)) {
            struct bx_buf scratch = {0};
            struct bx_wal_entry e;

            assert_int_equal(bx_wal_get(w, bx_wal_first(w), &e, &scratch, NULL), BX_OK);
            bx_buf_release(&scratch);
        }
        assert_int_equal(pthread_join(thread, &rc), 0);
        assert_int_equal(bx_wal_finish(w, (int)(intptr_t)rc), BX_OK);
    }
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_durable(w), last);
    bx_wal_close(w);
    disk_fs_close(o.fs);
    test_remove_dir(dir);
}

int main(void)
{
    return test_run(NULL, NULL);
}
