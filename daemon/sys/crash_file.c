#include "sys/crash_file.h"

#include "codec/header.h"
#include "sys/crash.h"
#include "sys/recdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "crash.tmp"
#define KIND "crash"
/* Bytes that what follows a thread may take: the crash's own events and the end; the end. */
#define REST 49152u
#define END 64u

static struct {
    int dir, fd;
    struct bx_recfile_writer writer;
    uint64_t time_ns;
    uint32_t pid;
    char name[RECDIR_NAME];
} file = {.dir = -1, .fd = -1};
/* Of a ring. Apart, since what is initialised is in the program's file. */
static uint64_t copied[BX_REC_RING];

/* ---- while the process is well ---- */

/* What an earlier process could not finish. */
static void rescue(void)
{
    uint8_t head[2] = {0};
    struct stat st;
    int fd = openat(file.dir, TEMPORARY, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (read(fd, head, sizeof head) == sizeof head && head[0] == BX_HEADER_MAGIC0 &&
        head[1] == BX_HEADER_MAGIC1 && fstat(fd, &st) == 0) {
        recdir_name(file.name, KIND, (uint64_t)st.st_mtime * 1000000000u, 0);
        renameat(file.dir, TEMPORARY, file.dir, file.name);
    }
    close(fd);
}

/* Safe in a signal handler. */
static bool create(void)
{
    file.fd = openat(file.dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return file.fd >= 0;
}

int crash_file_open(int dir, size_t rings, struct bx_err *err)
{
    file.dir = dir;
    rescue();
    recdir_prune(dir, KIND, CRASH_FILES - 1);
    if (!create())
        return bx_err_set(err, BX_IO, "cannot create recorder/%s: %s", TEMPORARY, strerror(errno));
    /* Beyond the end of the file: what is not used is given back when the file is cut. */
    if (fallocate(file.fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(rings + CRASH_FILE_ROOM)) != 0)
        return bx_err_set(err, BX_NO_SPACE, "cannot keep room for a file of a crash: %s",
                          strerror(errno));
    return BX_OK;
}

void crash_file_use(int fd, const char *name)
{
    file.dir = -1;
    file.fd = fd;
    strncpy(file.name, name, sizeof file.name - 1);
}

void crash_file_close(void)
{
    if (file.fd >= 0)
        close(file.fd);
    if (file.fd >= 0 && file.dir >= 0)
        unlinkat(file.dir, TEMPORARY, 0);
    file.fd = -1;
}

/* ---- when it dies ---- */

static int write_all(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    return recdir_write(file.fd, p, n);
}

bool crash_file_begin(const struct bx_recfile_meta *meta)
{
    if (file.fd < 0 && !create())
        return false;
    file.time_ns = meta->time_ns;
    file.pid = meta->pid;
    file.writer = (struct bx_recfile_writer){.write = write_all};
    bx_recfile_begin(&file.writer, meta);
    return true;
}

/* Whether there is room for what follows. It is written over; cutting the file here would give room
 * back that somebody else takes. */
static bool has_room(size_t bytes)
{
    off_t at = lseek(file.fd, 0, SEEK_CUR);

    return at >= 0 && pwrite(file.fd, copied, bytes, at) == (ssize_t)bytes;
}

/* Where the newest records begin that have at most `max` words together. */
static size_t newest(const uint64_t *words, size_t n, size_t max)
{
    size_t at = 0;

    while (n - at > max) {
        size_t size = bx_recevent_words(words[at]);

        if (size == 0 || size > n - at)
            return n;
        at += size;
    }
    return at;
}

/* Where the oldest records end that have at most `max` words together. */
static size_t oldest(const uint64_t *words, size_t n, size_t max)
{
    size_t at = 0, size;

    while (at < n && (size = bx_recevent_words(words[at])) > 0 && at + size <= max)
        at += size;
    return at;
}

static bool put(const struct bx_recfile_thread *about, const uint64_t *words, size_t n, size_t rest)
{
    bx_recfile_put_thread(&file.writer, about);
    bx_recfile_put_events(&file.writer, about->index, words, n);
    return file.writer.rc == BX_OK && has_room(rest);
}

/* Once more from here. */
static bool back_to(off_t at, uint32_t items)
{
    file.writer.rc = BX_OK;
    file.writer.items = items;
    return lseek(file.fd, at, SEEK_SET) == at;
}

void crash_file_put(const struct bx_rec_thread *t)
{
    struct bx_recfile_thread about = bx_recfile_thread_of(t);
    size_t n = bx_ring_copy(&t->ring, copied, BX_REC_RING), from = 0;
    off_t start = lseek(file.fd, 0, SEEK_CUR);
    uint32_t items = file.writer.items;

    while (!put(&about, copied + from, n - from, REST) && from < n) {
        from += newest(copied + from, n - from, (n - from) / 2);
        if (!back_to(start, items))
            return;
    }
}

void crash_file_put_last(const struct bx_rec_thread *t)
{
    struct bx_recfile_thread about = bx_recfile_thread_of(t);
    size_t n = bx_ring_copy(&t->ring, copied, BX_REC_RING);
    off_t start = lseek(file.fd, 0, SEEK_CUR);
    uint32_t items = file.writer.items;

    while (!put(&about, copied, n, END) && n > 0) {
        n = oldest(copied, n, n / 2);
        if (!back_to(start, items))
            return;
    }
}

const char *crash_file_end(void)
{
    off_t size;

    bx_recfile_end(&file.writer);
    size = lseek(file.fd, 0, SEEK_CUR);
    if (size <= 0 || ftruncate(file.fd, size) != 0)
        return NULL;
    fsync(file.fd);
    if (file.dir < 0)
        return file.name;
    recdir_name(file.name, KIND, file.time_ns, file.pid);
    if (renameat(file.dir, TEMPORARY, file.dir, file.name) != 0)
        return NULL;
    fsync(file.dir);
    return file.name;
}
