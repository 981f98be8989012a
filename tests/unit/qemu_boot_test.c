/* Kernels and initial ramdisks: which files of the host a user may name. */
#include "lib/testlib.h"

#include "qemu/priv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;
static char dirs[600]; /* TOP/a:TOP/none:TOP/b */
static struct bx_err err;

static const char *at(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

static int setup(void **state)
{
    static const char *const made[] = {"a", "a/sub", "b", "ab"};

    (void)state;
    top = test_make_dir();
    snprintf(dirs, sizeof dirs, "%s/a:%s/none:%s/b", top, top, top);
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        assert_int_equal(mkdir(at(made[i]), 0700), 0);
    put("a/vmlinuz", "kernel");
    put("a/sub/vmlinuz", "another kernel");
    put("b/initrd", "ramdisk");
    put("ab/vmlinuz", "not below a");
    put("secret", "root's");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_remove_dir(top);
    return 0;
}

static int open_file(const char *path, uint64_t max, int *fd)
{
    memset(&err, 0, sizeof err);
    return qemu_boot_open(dirs, bx_str(path), max, fd, &err);
}

static void holds(const char *name, const char *text)
{
    char got[64] = "";
    int fd;

    if (open_file(at(name), 1000, &fd) != BX_OK)
        fail_msg("%s: %s", name, err.msg);
    assert_int_equal(read(fd, got, sizeof got - 1), (int)strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

static void refused(const char *path, int code, const char *words)
{
    int fd = 7;

    if (open_file(path, 1000, &fd) != code || strstr(err.msg, words) == NULL)
        fail_msg("%s: %s", path, err.msg);
    assert_int_equal(fd, -1);
}

TEST(files_below_the_directories_are_opened)
{
    holds("a/vmlinuz", "kernel");
    holds("a/sub/vmlinuz", "another kernel");
    holds("a//sub/./vmlinuz", "another kernel");
    holds("b/initrd", "ramdisk");
}

TEST(files_elsewhere_are_refused)
{
    char path[600];

    refused("/etc/passwd", BX_DENIED, "/etc/passwd is not in a boot directory of this node");
    refused(at("secret"), BX_DENIED, "boot directory");
    refused(at("ab/vmlinuz"), BX_DENIED, "boot directory");
    refused("vmlinuz", BX_DENIED, "boot directory");
    refused(at("a"), BX_DENIED, "boot directory");
    refused(at("a/../secret"), BX_DENIED, "\"..\"");
    refused(at("a/sub/../../secret"), BX_DENIED, "\"..\"");
    snprintf(path, sizeof path, "%s/a", top);
    assert_non_null(strstr(err.msg, "\"..\""));
    refused("/etc/passwd", BX_DENIED, path); /* says which they are */
}

TEST(links_are_not_followed)
{
    assert_int_equal(symlink("../secret", at("a/link")), 0);
    assert_int_equal(symlink("vmlinuz", at("a/alias")), 0);
    assert_int_equal(symlink("..", at("a/up")), 0);
    refused(at("a/link"), BX_DENIED, "symbolic link");
    refused(at("a/alias"), BX_DENIED, "symbolic link");
    refused(at("a/up/secret"), BX_DENIED, "symbolic link");
    refused(at("a/up/a/vmlinuz"), BX_DENIED, "symbolic link");
}

/* The directories are the host's own: they may be reached by links. */
TEST(a_directory_itself_may_be_a_link)
{
    assert_int_equal(symlink("a", at("none")), 0);
    holds("none/vmlinuz", "kernel");
}

TEST(only_regular_files_are_opened)
{
    assert_int_equal(mkfifo(at("a/fifo"), 0600), 0);
    refused(at("a/fifo"), BX_DENIED,
            "not a regular file"); /* and nothing waits for its other end */
    refused(at("a/sub"), BX_DENIED, "not a regular file");
    refused(at("a/sub/"), BX_DENIED, "not a regular file");
}

TEST(what_is_not_there_is_named)
{
    char path[600], words[700];

    snprintf(path, sizeof path, "%s", at("a/none"));
    snprintf(words, sizeof words, "no such file: %s", path);
    refused(path, BX_NOT_FOUND, words);
    refused(at("none/vmlinuz"), BX_NOT_FOUND, "no such file");
    refused(at("a/none/vmlinuz"), BX_NOT_FOUND, "no such file");
    refused(at("a/vmlinuz/x"), BX_NOT_FOUND, "no such file");
}

/* What is given to a guest is copied to memory: it may not be larger than the guest's. */
TEST(a_file_has_a_bound)
{
    int fd;

    assert_int_equal(open_file(at("a/vmlinuz"), 6, &fd), BX_OK);
    close(fd);
    assert_int_equal(open_file(at("a/vmlinuz"), 5, &fd), BX_TOO_LARGE);
    assert_non_null(strstr(err.msg, "larger than the memory of the VM"));
    put("a/empty", "");
    refused(at("a/empty"), BX_INVALID, "is empty");
}

int main(void)
{
    return test_run(setup, teardown);
}
