#include "sys/snapshot.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/log.h"
#include "sys/log_threads.h"
#include "sys/pool.h"
#include "sys/recdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum kind { KIND_SNAPSHOT, KIND_PERIODIC, KIND_TROUBLE, KIND_STALL, KINDS };
static const char *const kinds[KINDS] = {"snapshot", "periodic", "trouble", "stall"};

static const struct {
    enum kind kind;
    const char *text;
} reasons[SNAPSHOT__REASONS] = {
    [SNAPSHOT_ASKED] = {KIND_SNAPSHOT, "asked for"},
    [SNAPSHOT_PERIODIC] = {KIND_PERIODIC, "periodic"},
    [SNAPSHOT_QUORUM] = {KIND_TROUBLE, "lost quorum"},
    [SNAPSHOT_APPLY] = {KIND_TROUBLE, "slow apply"},
    [SNAPSHOT_DISK] = {KIND_TROUBLE, "slow disk"},
    [SNAPSHOT_STALL] = {KIND_STALL, "stalled loop"},
};

struct job {
    uv_work_t work;
    enum snapshot_reason why;
    bool archive;
    struct snapshot_file file;
    int fd;
    struct bx_err err;
    int rc;
    snapshot_done done;
    void *ctx;
    struct bx_recfile_writer writer;
    uint64_t words[BX_REC_RING];
};

static struct {
    uv_loop_t *loop; /* NULL: not open */
    uint32_t jobs;
    atomic_bool busy[KINDS];
    uint64_t told_ms[SNAPSHOT__REASONS]; /* when a trouble was last written, and one more */
} all;

/* ---- writing ---- */

static int write_all(void *ctx, const void *p, size_t n)
{
    struct job *j = ctx;

    j->file.bytes += n;
    return recdir_write(j->fd, p, n);
}

static void put_thread(struct job *j, const struct bx_rec_thread *t)
{
    struct bx_recfile_thread about = bx_recfile_thread_of(t);
    size_t n = bx_ring_copy(&t->ring, j->words, BX_REC_RING);

    j->file.events += bx_recevent_count(j->words, n);
    bx_recfile_put_thread(&j->writer, &about);
    bx_recfile_put_events(&j->writer, t->index, j->words, n);
}

static int put_all(struct job *j)
{
    struct bx_recfile_meta meta = crash_about(reasons[j->why].text);
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);

    recdir_name(j->file.name, kinds[reasons[j->why].kind], meta.time_ns, meta.pid);
    j->writer.write = write_all;
    j->writer.ctx = j;
    j->writer.form = j->archive ? BX_RECFILE_ARCHIVE : BX_RECFILE_PACKED;
    bx_recfile_begin(&j->writer, &meta);
    for (uint32_t i = 0; i < n; i++)
        put_thread(j, threads[i]);
    return bx_recfile_end(&j->writer);
}

/* BX_OK, BX_NO_SPACE, BX_IO. */
static int write_file(struct job *j, int dir, const char *temporary)
{
    int rc;

    j->fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (j->fd < 0)
        return errno == ENOSPC ? BX_NO_SPACE : BX_IO;
    rc = put_all(j);
    if (rc == BX_OK && fsync(j->fd) != 0)
        rc = BX_IO;
    if (close(j->fd) != 0 && rc == BX_OK)
        rc = BX_IO;
    if (rc == BX_OK && (renameat(dir, temporary, dir, j->file.name) != 0 || fsync(dir) != 0))
        rc = BX_IO;
    return rc;
}

static void run(struct job *j)
{
    const char *kind = kinds[reasons[j->why].kind];
    char temporary[RECDIR_KIND + 8];
    int dir = crash_directory();

    snprintf(temporary, sizeof temporary, "%s.tmp", kind);
    j->rc = write_file(j, dir, temporary);
    if (j->rc == BX_OK) {
        recdir_prune(dir, kind, SNAPSHOT_FILES);
        return;
    }
    bx_err_set(&j->err, j->rc, "cannot write recorder/%s: %s", temporary, strerror(errno));
    bx_err_hint(&j->err, "make room, or look at the disk; log query shows what is in memory");
    unlinkat(dir, temporary, 0);
}

/* NULL: *rc tells why. */
static struct job *create(enum snapshot_reason why, int *rc, struct bx_err *err)
{
    atomic_bool *busy = &all.busy[reasons[why].kind];
    struct job *j;

    *rc = BX_OK;
    if (crash_directory() < 0)
        *rc = bx_err_set(err, BX_IO, "there is no directory for the recorder's files");
    else if (atomic_exchange(busy, true))
        *rc = bx_err_set(err, BX_BUSY, "a snapshot of the recorder is being written");
    if (*rc == BX_BUSY)
        bx_err_hint(err, "try again in a moment");
    if (*rc != BX_OK)
        return NULL;
    j = bx_calloc(1, sizeof *j);
    if (j == NULL) {
        atomic_store(busy, false);
        *rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
        return NULL;
    }
    j->why = why;
    j->work.data = j;
    return j;
}

static void destroy(struct job *j)
{
    atomic_store(&all.busy[reasons[j->why].kind], false);
    bx_free(j);
}

int snapshot_write(enum snapshot_reason why, struct snapshot_file *out, struct bx_err *err)
{
    int rc;
    struct job *j = create(why, &rc, err);

    if (j == NULL)
        return rc;
    run(j);
    rc = j->rc;
    *out = j->file;
    if (rc != BX_OK && err != NULL)
        *err = j->err;
    destroy(j);
    return rc;
}

/* ---- in the pool ---- */

static void work(uv_work_t *w)
{
    pool_yield_to_loop();
    run(w->data);
}

static void finished(uv_work_t *w, int status)
{
    struct job *j = w->data;

    if (status != 0)
        j->rc = bx_err_set(&j->err, BX_SHUTDOWN, "the daemon is stopping");
    all.jobs--;
    j->done(j->ctx, &j->file, j->rc == BX_OK ? NULL : &j->err);
    destroy(j);
}

int snapshot_begin(enum snapshot_reason why, bool archive, snapshot_done done, void *ctx,
                   struct bx_err *err)
{
    struct job *j;
    int rc;

    if (all.loop == NULL)
        return bx_err_set(err, BX_SHUTDOWN, "the daemon is stopping");
    j = create(why, &rc, err);
    if (j == NULL)
        return rc;
    j->archive = archive;
    j->done = done;
    j->ctx = ctx;
    all.jobs++;
    uv_queue_work(all.loop, &j->work, work, finished);
    return BX_OK;
}

/* ---- trouble ---- */

static void tell(void *ctx, const struct snapshot_file *f, const struct bx_err *err)
{
    const char *why = ctx;

    if (err != NULL)
        log_write(LOG_WARNING, "%s: %s", why, err->msg);
    else
        log_write(LOG_WARNING, "%s: what came before it is in recorder/%s", why, f->name);
}

void snapshot_on(enum snapshot_reason why)
{
    uint64_t now = uv_hrtime() / 1000000;
    struct bx_err err;

    if (all.loop == NULL ||
        (all.told_ms[why] != 0 && now + 1 - all.told_ms[why] < SNAPSHOT_PAUSE_MS))
        return;
    if (snapshot_begin(why, false, tell, (void *)(uintptr_t)reasons[why].text, &err) == BX_OK)
        all.told_ms[why] = now + 1;
}

void snapshot_open(uv_loop_t *loop)
{
    all.loop = loop;
}

void snapshot_close(void)
{
    while (all.jobs > 0)
        uv_run(all.loop, UV_RUN_ONCE);
    all.loop = NULL;
}

bool snapshot_is_name(const char *name)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyzT0123456789-";
    size_t n = strlen(name);

    return n > 4 && n < RECDIR_NAME && strcmp(name + n - 4, ".bxr") == 0 &&
           strspn(name, set) == n - 4;
}
