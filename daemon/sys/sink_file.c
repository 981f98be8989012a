/* sink_file - events in files of the recorder's own format: DATA/recorder/log-TIME-PID.bxr.
 *
 * Events are collected to a block, which is compressed and written at once: when it is full, when
 * its first event has waited for BLOCK_NS, or when there is hurry. A file begins under another
 * name, until it has what a reader needs; then it grows under its own, without an end. When it is
 * large or old enough it gets its end and is synced, the next one begins, and the oldest are
 * removed.
 *
 * Until the directory is known, and while a file can not be made or written, events are kept as far
 * as the block has room, and then dropped. */
#include "sys/sink_file.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/archive.h"
#include "sys/crash.h"
#include "sys/log_threads.h"
#include "sys/recdir.h"
#include "sys/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define KIND "log"
#define NAME RECDIR_NAME
#define UNFINISHED "log.tmp"
#define BLOCK 8000u /* words: 64,000 bytes, so that it fits into one item */
#define BLOCK_NS 200000000u
#define ENDING 4096u /* bytes of the last items, and of the headers of a block */
#define RETRY_NS 10000000000u
#define MS_NS 1000000u
#define SECOND_NS 1000000000u
#define SIZE (16u << 20) /* the defaults of the bounds */
#define COUNT 8u
#define AGE_S 86400u

static atomic_int directory; /* + 1; 0: not known yet */

struct file {
    int fd; /* -1: none is open */
    char name[NAME];
    uint64_t named;       /* the time in its name */
    uint64_t bytes, made; /* of this file: its size, and when it was made (uv_hrtime) */
    uint64_t first;       /* when the first event of the block came; 0: it is empty */
    uint64_t retry;       /* when a file may be made again */
    size_t n;             /* words in the block */
    uint64_t block[BLOCK];
    struct bx_recfile_writer writer;
};

void sink_file_directory(const char *data)
{
    struct bx_err err;
    int fd;

    if (recdir_open(data, &fd, &err) == BX_OK)
        atomic_store(&directory, fd + 1);
}

void sink_file_forget(void)
{
    int fd = atomic_exchange(&directory, 0) - 1;

    if (fd >= 0)
        close(fd);
}

static int check(const char *where, struct bx_err *err)
{
    if (*where == '\0')
        return BX_OK;
    bx_err_set(err, BX_INVALID, "file: takes no place");
    bx_err_hint(err, "the files are DATA/recorder/log-*.bxr");
    return BX_INVALID;
}

static int write_all(void *ctx, const void *p, size_t n)
{
    struct sink *s = ctx;
    struct file *f = s->state;
    int rc = recdir_write(f->fd, p, n);

    if (rc == BX_OK) {
        f->bytes += n;
        sink_add(&s->counts.bytes, n);
    }
    return rc;
}

static int open_it(struct sink *s, struct bx_err *err)
{
    struct file *f = bx_calloc(1, sizeof *f);

    s->state = f;
    if (f == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the log");
    s->memory = sizeof *f;
    f->fd = -1;
    f->writer = (struct bx_recfile_writer){.write = write_all, .ctx = s, .form = BX_RECFILE_PACKED};
    if (s->spec.size == 0)
        s->spec.size = SIZE;
    if (s->spec.count == 0)
        s->spec.count = COUNT;
    if (s->spec.age_s == 0)
        s->spec.age_s = AGE_S;
    if (s->spec.total == 0)
        s->spec.total = s->spec.size * s->spec.count;
    sink_is(s, "no file yet");
    return BX_OK;
}

/* Remove the oldest files until one more is within the bounds. */
static void remove_oldest(struct sink *s, int dir)
{
    struct recdir_list *l = bx_alloc(sizeof *l);
    uint64_t total = s->spec.size;

    if (l == NULL)
        return;
    recdir_list(dir, KIND, l);
    for (uint32_t i = 0; i < l->n; i++)
        total += l->v[i].bytes;
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->n - i < s->spec.count && total <= s->spec.total)
            break;
        if (unlinkat(dir, l->v[i].name, 0) != 0 && errno != ENOENT)
            sink_add(&s->counts.errors, 1);
        total -= l->v[i].bytes;
    }
    bx_free(l);
}

/* ---- one file ---- */

static void failed(struct sink *s, const char *condition)
{
    struct file *f = s->state;

    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    f->retry = uv_hrtime() + RETRY_NS;
    sink_fails(s, condition);
}

static void begin_file(struct sink *s, int dir)
{
    struct file *f = s->state;
    struct bx_recfile_meta m = crash_about("log");

    remove_oldest(s, dir);
    if (m.time_ns < f->named + MS_NS)
        m.time_ns = f->named + MS_NS; /* no two have one name */
    f->named = m.time_ns;
    recdir_name(f->name, KIND, m.time_ns, m.pid);
    f->fd = openat(dir, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    f->bytes = 0;
    f->made = uv_hrtime();
    if (f->fd < 0)
        failed(s, "a file cannot be made");
    else if (bx_recfile_begin(&f->writer, &m) != BX_OK ||
             renameat(dir, UNFINISHED, dir, f->name) != 0)
        failed(s, "a file cannot be written");
    else
        sink_works(s);
}

/* The end, on the disk. What was written of it goes there in the meantime (put_block), so this does
 * not take long. */
static void end_file(struct sink *s, int dir)
{
    struct file *f = s->state;

    log_threads_put(&f->writer);
    if (bx_recfile_end(&f->writer) != BX_OK || fdatasync(f->fd) != 0 || fsync(dir) != 0)
        sink_add(&s->counts.errors, 1);
    close(f->fd);
    f->fd = -1;
    archive_ask();
}

/* Whether the block may make it larger than it may become. */
static bool is_full(const struct sink *s, const struct file *f)
{
    return f->bytes + f->n * sizeof f->block[0] + ENDING > s->spec.size ||
           uv_hrtime() - f->made >= s->spec.age_s * (uint64_t)SECOND_NS;
}

/* A file that could not be written ends with the last whole item. */
static void put_block(struct sink *s)
{
    struct file *f = s->state;
    uint64_t before = f->bytes;

    if (bx_recfile_put_events(&f->writer, 0, f->block, f->n) != BX_OK) {
        sink_add(&s->counts.dropped, bx_recevent_count(f->block, f->n));
        if (ftruncate(f->fd, (off_t)before) != 0)
            sink_add(&s->counts.errors, 1);
        failed(s, f->writer.rc == BX_NO_SPACE ? "the disk is full" : "a file cannot be written");
    } else {
        sink_add(&s->counts.events, bx_recevent_count(f->block, f->n));
        sync_file_range(f->fd, (off_t)before, (off_t)(f->bytes - before), SYNC_FILE_RANGE_WRITE);
    }
    f->n = 0;
    f->first = 0;
    sink_set(&s->counts.queued_bytes, 0);
}

/* Write the block, if there is a file for it. */
static void write_block(struct sink *s)
{
    struct file *f = s->state;
    int dir = atomic_load(&directory) - 1;
    uint64_t from = uv_hrtime();

    if (dir < 0 || (f->fd < 0 && from < f->retry))
        return;
    if (f->fd >= 0 && is_full(s, f))
        end_file(s, dir);
    if (f->fd < 0)
        begin_file(s, dir);
    if (f->fd >= 0)
        put_block(s);
    sink_add(&s->counts.io_ns, uv_hrtime() - from);
}

/* ---- for the router ---- */

static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    struct file *f = s->state;

    (void)e;
    if (f->n + n > BLOCK)
        write_block(s);
    if (f->n + n > BLOCK) {
        sink_add(&s->counts.dropped, 1);
        return;
    }
    memcpy(f->block + f->n, words, n * sizeof *words);
    f->n += n;
    if (f->first == 0)
        f->first = uv_hrtime();
    sink_set(&s->counts.queued_bytes, f->n * sizeof *words);
}

static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    struct file *f = s->state;

    if (f->n > 0 && (hurry || now - f->first >= BLOCK_NS))
        write_block(s);
    return f->n == 0 || f->fd < 0;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    const struct file *f = s->state;

    if (f->n == 0)
        return;
    w->at = f->first + BLOCK_NS;
    if (f->fd < 0 && f->retry > w->at)
        w->at = f->retry;
    if (atomic_load(&directory) == 0)
        w->at = uv_hrtime() + BLOCK_NS; /* it is looked for again */
}

static void close_it(struct sink *s)
{
    struct file *f = s->state;
    int dir = atomic_load(&directory) - 1;

    if (f == NULL)
        return;
    if (f->fd >= 0)
        end_file(s, dir);
    sink_add(&s->counts.dropped, bx_recevent_count(f->block, f->n));
    bx_free(f);
}

const struct sink_ops sink_file = {.kind = "file",
                                   .check = check,
                                   .open = open_it,
                                   .put = put,
                                   .flush = flush,
                                   .wait = wait_for,
                                   .close = close_it};
