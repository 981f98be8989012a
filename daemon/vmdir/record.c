#include "vmdir/record.h"

#include "vmdir/file.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "node/ports.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD_MAX 1024
#define RECORD_VERSION 1

static const struct bx_field fields[] = {
    BX_FIELD(vm_record, vm, BX_T_UUID),
    BX_FIELD(vm_record, node, BX_T_U64),
    BX_FIELD(vm_record, epoch, BX_T_U64),
    BX_FIELD(vm_record, boot, BX_T_UUID),
    BX_FIELD(vm_record, pid, BX_T_U32),
    BX_FIELD(vm_record, start, BX_T_U64),
    BX_FIELD(vm_record, ended, BX_T_BOOL),
    BX_FIELD(vm_record, asked, BX_T_BOOL),
    BX_FIELD(vm_record, failed, BX_T_BOOL),
    BX_FIELD(vm_record, code, BX_T_U32),
    BX_FIELD(vm_record, signal, BX_T_U32),
    BX_FIELD(vm_record, stored, BX_T_STR, .max = VM_TEXT_MAX - 1),
};
static const struct bx_schema schema = BX_SCHEMA("vm_record", BX_KIND_VM_RECORD, vm_record, fields);

const char *const vm_console_names[] = {VM_FILE_CONSOLE, "console-1.log", "console-2.log",
                                        "console-3.log"};
_Static_assert(sizeof vm_console_names / sizeof vm_console_names[0] == BX_CONSOLES,
               "each console has a name");

const char *const vm_crash_names[VM_CRASHES] = {"crash-0.bxr", "crash-1.bxr", "crash-2.bxr",
                                                "crash-3.bxr"};

static int io(struct bx_err *err, const char *name, const char *verb)
{
    return bx_err_set(err, errno == ENOSPC ? BX_NO_SPACE : BX_IO, "cannot %s %s: %s", verb, name,
                      strerror(errno));
}

int vm_record_write(int dir, const char *name, struct vm_record *r, struct bx_err *err)
{
    _Alignas(8) uint8_t item[BX_HEADER_SIZE + RECORD_MAX];
    char beside[64];
    size_t n;
    int fd, rc;

    /* Messages quote QEMU, whose output may contain arbitrary bytes. */
    if (!bx_utf8_valid(r->text, strlen(r->text)))
        snprintf(r->text, sizeof r->text, "(a message that is not valid UTF-8)");
    r->stored = bx_str(r->text);
    assert(bx_flat_size(&schema, r) <= RECORD_MAX);
    n = bx_flat_write(&schema, r, item + BX_HEADER_SIZE);
    bx_header_seal(item, BX_KIND_VM_RECORD, RECORD_VERSION, BX_CODEC_FLAT, (uint32_t)n);
    n += BX_HEADER_SIZE;

    snprintf(beside, sizeof beside, "%s.new", name);
    fd = vm_file_create(dir, beside);
    if (fd < 0)
        return io(err, beside, "create");
    errno = ENOSPC;
    if (write(fd, item, n) != (ssize_t)n || fsync(fd) != 0) {
        rc = io(err, beside, "write");
        close(fd);
        unlinkat(dir, beside, 0);
        return rc;
    }
    close(fd);
    if (renameat(dir, beside, dir, name) != 0 || fsync(dir) != 0)
        return io(err, name, "rename");
    return BX_OK;
}

int vm_record_read(int dir, const char *name, struct vm_record *r, struct bx_err *err)
{
    _Alignas(8) uint8_t item[BX_HEADER_SIZE + RECORD_MAX + 1];
    struct bx_arena arena = {0};
    struct bx_header head;
    ssize_t n;
    int fd, rc;

    fd = vm_file_open(dir, name, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return bx_err_set(err, BX_NOT_FOUND, "no %s", name);
    if (fd < 0)
        return io(err, name, "open");
    n = read(fd, item, sizeof item);
    if (n < 0) {
        rc = io(err, name, "read");
        close(fd);
        return rc;
    }
    close(fd);
    memset(r, 0, sizeof *r);
    rc = bx_header_check(item, (size_t)n, BX_KIND_VM_RECORD, RECORD_VERSION, &head);
    if (rc == BX_OK)
        rc = bx_flat_read(&schema, item + BX_HEADER_SIZE, head.length, r, &arena, NULL, NULL);
    if (rc == BX_OK) {
        memcpy(r->text, r->stored.p == NULL ? "" : r->stored.p, r->stored.n);
        r->stored = bx_str(r->text);
    } else {
        rc = bx_err_set(err, BX_CORRUPT, "%s is damaged", name);
    }
    bx_arena_close(&arena);
    return rc;
}

int vm_lock_confirm(int dir, int fd, struct bx_err *err)
{
    struct stat mine, named;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return bx_err_set(err, BX_CONFLICT, "an earlier run of this VM still holds its lock");
        return io(err, VM_FILE_LOCK, "lock");
    }
    if (fstat(fd, &mine) != 0 || fstatat(dir, VM_FILE_LOCK, &named, AT_SYMLINK_NOFOLLOW) != 0)
        return io(err, VM_FILE_LOCK, "stat");
    if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
        return bx_err_set(err, BX_CONFLICT, "the lock file was replaced meanwhile");
    return BX_OK;
}

int vm_lock_take(int dir, int *fd, struct bx_err *err)
{
    int rc;

    *fd = vm_file_open(dir, VM_FILE_LOCK, O_RDWR | O_CREAT);
    if (*fd < 0)
        return io(err, VM_FILE_LOCK, "open");
    rc = vm_lock_confirm(dir, *fd, err);
    if (rc != BX_OK) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}

int vm_boot_id(uint8_t out[16], struct bx_err *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char text[BX_UUID_TEXT] = {0};
    ssize_t n;
    int fd;

    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return io(err, path, "open");
    n = read(fd, text, BX_UUID_TEXT - 1);
    close(fd);
    if (n != BX_UUID_TEXT - 1 || !bx_uuid_parse(text, BX_UUID_TEXT - 1, out))
        return bx_err_set(err, BX_CORRUPT, "%s does not contain a UUID", path);
    return BX_OK;
}

uint64_t vm_start_time(int pid)
{
    char path[64], text[1024], *p;
    int fd, field;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The second field is the name in parentheses, which may itself hold spaces and parentheses. */
    p = strrchr(text, ')');
    for (field = 2; p != NULL && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p == NULL ? 0 : strtoull(p + 1, NULL, 10);
}

uint64_t vm_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
