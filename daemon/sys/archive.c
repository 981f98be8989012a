#include "sys/archive.h"

#include "codec/header.h"
#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/log.h"
#include "sys/pool.h"
#include "sys/recdir.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "archive.tmp"
#define ARCHIVE_VERSION 2u /* of the items of an archive */

struct job {
    uv_work_t work;
    char after[RECDIR_NAME]; /* files up to this one were looked at */
    bool found;              /* a file behind it */
    int fd;
    struct bx_recfile_writer writer;
    struct recdir_list files;
};

static struct {
    uv_loop_t *loop; /* NULL: not open */
    atomic_bool asked;
    bool running;
    struct job *job;
} all;

static int write_all(void *ctx, const void *p, size_t n)
{
    return recdir_write(((const struct job *)ctx)->fd, p, n);
}

/* Whether the log still has it: meanwhile it may have been removed as the oldest. */
static bool is_there(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* BX_CORRUPT: it stays as it is. */
static int write_archive(struct job *j, int dir, const char *name, const uint8_t *p, size_t n)
{
    struct bx_err err;
    int rc;

    j->fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (j->fd < 0)
        return BX_IO;
    j->writer = (struct bx_recfile_writer){.write = write_all, .ctx = j};
    rc = bx_recfile_archive(p, n, &j->writer, &err);
    if (rc == BX_OK && fsync(j->fd) != 0)
        rc = BX_IO;
    close(j->fd);
    if (rc == BX_OK && is_there(dir, name) &&
        (renameat(dir, TEMPORARY, dir, name) != 0 || fsync(dir) != 0))
        rc = BX_IO;
    unlinkat(dir, TEMPORARY, 0);
    return rc;
}

/* True: that was work, and the next file can wait for the next job. */
static bool look_at(struct job *j, int dir, const char *name)
{
    uint8_t *p;
    size_t n;
    bool plain;
    int rc;

    if (recdir_read(dir, name, &p, &n) != BX_OK)
        return false;
    plain = n >= BX_HEADER_SIZE && p[2] < ARCHIVE_VERSION;
    rc = plain ? write_archive(j, dir, name, p, n) : BX_CORRUPT;
    bx_free(p);
    if (rc != BX_OK && rc != BX_CORRUPT)
        BX_WARNING("log", "a log file is not archived", "file", name, "code", rc);
    return rc != BX_CORRUPT;
}

static void run(struct job *j)
{
    int dir = crash_directory();

    j->found = false;
    recdir_list(dir, "log", &j->files);
    for (uint32_t i = 0; i < j->files.n && !j->found; i++) {
        const char *name = j->files.v[i].name;

        if (strcmp(name, j->after) <= 0)
            continue;
        memcpy(j->after, name, sizeof j->after);
        j->found = look_at(j, dir, name);
    }
}

static void work(uv_work_t *w)
{
    pool_yield_to_loop();
    run(w->data);
}

static void finished(uv_work_t *w, int status)
{
    struct job *j = w->data;

    (void)status;
    all.running = false;
    if (j->found)
        return; /* the next step goes on behind it */
    bx_free(j);
    all.job = NULL;
}

bool archive_step(void)
{
    if (all.loop == NULL || crash_directory() < 0)
        return false;
    if (all.job == NULL && !atomic_exchange(&all.asked, false))
        return false;
    if (all.running)
        return true;
    if (all.job == NULL)
        all.job = bx_calloc(1, sizeof *all.job);
    if (all.job == NULL)
        return false;
    all.job->work.data = all.job;
    all.running = true;
    uv_queue_work(all.loop, &all.job->work, work, finished);
    return true;
}

void archive_ask(void)
{
    atomic_store(&all.asked, true);
}

void archive_open(uv_loop_t *loop)
{
    all.loop = loop;
    archive_ask();
}

void archive_close(void)
{
    while (all.running)
        uv_run(all.loop, UV_RUN_ONCE);
    bx_free(all.job);
    all.job = NULL;
    all.loop = NULL;
}
