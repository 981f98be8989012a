#include "sys/log.h"

#include "rec/text.h"
#include "sys/clock.h"
#include "sys/log_threads.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#define BATCH 4096u /* words of events that are made text at a time */
#define FLUSH_NS 1000000000u
#define FATAL_S 2u

static struct {
    struct bx_filter filter; /* of the lines */
    uv_thread_t writer;
    uv_sem_t wake;
    uv_mutex_t lock;
    uv_cond_t written; /* everything that was queued */
    bool open;
    bool idle;            /* under lock: the writer found the queue empty */
    atomic_bool sleeping; /* the writer waits for wake */
    atomic_bool stopping;
    uint64_t told; /* dropped events, as far as a line told of them */
} sink;

/* ---- the writer ---- */

static void write_all(const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, p, n);

        if (done < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
        else if (done < 0 && errno != EINTR)
            return; /* nobody is left to be told */
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

static void tell_dropped(struct bx_buf *out)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t count = log_threads(threads);
    uint64_t dropped = 0;
    char line[96], time[BX_TEXT_TIME];
    int n;

    for (uint32_t i = 0; i < count; i++)
        dropped += __atomic_load_n(&threads[i]->queue.in.lost, __ATOMIC_RELAXED);
    if (dropped == sink.told)
        return;
    n = snprintf(line, sizeof line, "%.*s warning daemon: %llu log events were dropped\n",
                 (int)bx_text_time(time, clock_wall_ns(), 3), time,
                 (unsigned long long)(dropped - sink.told));
    sink.told = dropped;
    bx_buf_append(out, line, (size_t)n);
}

static bool queued(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);

    for (uint32_t i = 0; i < n; i++)
        if (bx_ring_used(&threads[i]->queue) > 0)
            return true;
    return false;
}

/* Write one batch of a queue. False: it was empty. */
static bool write_batch(struct bx_rec_thread *t)
{
    static uint64_t words[BATCH];
    size_t n = bx_ring_take(&t->queue, words, BATCH);
    struct bx_buf out = {0};

    for (size_t at = 0; at < n;) {
        struct bx_recevent e;
        size_t size = bx_recevent_read(words + at, n - at, bx_sites(), &e);

        assert(size > 0);
        if (bx_filter_event(&sink.filter, &e))
            bx_text_event(&out, BX_TEXT_CONSOLE, &e);
        at += size;
    }
    tell_dropped(&out);
    write_all(out.data, out.len);
    bx_buf_release(&out);
    return n > 0;
}

static bool write_batches(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);
    bool some = false;

    for (uint32_t i = 0; i < n; i++)
        some |= write_batch(threads[i]);
    return some;
}

static void now_idle(bool idle)
{
    uv_mutex_lock(&sink.lock);
    sink.idle = idle;
    if (idle)
        uv_cond_broadcast(&sink.written);
    uv_mutex_unlock(&sink.lock);
}

/* `sleeping` is set before the queue is looked at once more: an event that comes later wakes.
 * Whether to stop is asked before the queue is emptied: nothing comes after that was said. */
static void run_writer(void *arg)
{
    (void)arg;
    for (;;) {
        bool last = atomic_load(&sink.stopping);

        while (write_batches())
            ;
        if (last)
            break;
        atomic_exchange(&sink.sleeping, true);
        if (queued()) {
            atomic_store(&sink.sleeping, false);
            continue;
        }
        now_idle(true);
        uv_sem_wait(&sink.wake);
        now_idle(false);
    }
    bx_buf_thread_close();
}

static void wake(void)
{
    if (atomic_exchange(&sink.sleeping, false))
        uv_sem_post(&sink.wake);
}

/* ---- opening and closing ---- */

static int start_writer(struct bx_err *err)
{
    uv_sem_init(&sink.wake, 0);
    uv_mutex_init(&sink.lock);
    uv_cond_init(&sink.written);
    if (uv_thread_create(&sink.writer, run_writer, NULL) == 0)
        return BX_OK;
    uv_cond_destroy(&sink.written);
    uv_mutex_destroy(&sink.lock);
    uv_sem_destroy(&sink.wake);
    return bx_err_set(err, BX_IO, "cannot start the thread of the log");
}

int log_open(const char *name, const struct bx_filter *filter, struct bx_err *err)
{
    struct bx_filter ring;
    int rc = log_threads_open(name, wake, err);

    if (rc != BX_OK)
        return rc;
    sink.filter = *filter;
    rc = start_writer(err);
    if (rc != BX_OK) {
        log_threads_close();
        return rc;
    }
    bx_filter_parse(&ring, BX_REC_RING_SPEC, NULL);
    bx_rec_filter_ring(&ring);
    bx_rec_filter_queue(&filter, 1);
    sink.open = true;
    return BX_OK;
}

void log_close(void)
{
    if (!sink.open)
        return;
    bx_rec_use(NULL);
    atomic_store(&sink.stopping, true);
    uv_sem_post(&sink.wake);
    uv_thread_join(&sink.writer);
    uv_cond_destroy(&sink.written);
    uv_mutex_destroy(&sink.lock);
    uv_sem_destroy(&sink.wake);
    log_threads_close();
    sink.open = false;
}

/* Wait until the writer has written what was queued, but not for ever. */
static void flush(void)
{
    uint64_t until = uv_hrtime() + FLUSH_NS, now = 0;

    uv_mutex_lock(&sink.lock);
    while ((!sink.idle || queued()) && (now = uv_hrtime()) < until)
        uv_cond_timedwait(&sink.written, &sink.lock, until - now);
    uv_mutex_unlock(&sink.lock);
}

/* ---- lines ---- */

void log_write(int level, const char *fmt, ...)
{
    char text[BX_RECEVENT_STR];
    va_list ap;

    if (!bx_rec_line_on(BX_LINE_DAEMON, level))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    bx_rec_line(BX_LINE_DAEMON, level, text, strlen(text));
}

void log_node(int level, const char *text)
{
    bx_rec_line(BX_LINE_NODE, level, text, strlen(text));
}

void log_error(const struct bx_err *err)
{
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
}

void log_fatal(const struct bx_err *err)
{
    if (sink.open)
        flush();
    signal(SIGALRM, SIG_DFL);
    alarm(FATAL_S); /* standard error may be a pipe that nobody reads */
    log_error(err);
    fflush(stderr);
    _exit(EX_SOFTWARE);
}
