#include "sys/disk.h"

#include "sys/log.h"
#include "sys/log_threads.h"
#include "sys/pool.h"
#include "sys/snapshot.h"
#include "mem/alloc.h"
#include "mem/buf.h"

#include <assert.h>

#define LOOK_MS 1000

struct offloaded {
    uv_work_t work;
    struct disk *disk;
    struct bx_job *job;
    int rc;
};

struct disk {
    struct bx_disk base;
    uv_loop_t *loop;
    uv_thread_t thread;
    uv_async_t done;
    uv_timer_t timer; /* active while a write is pending */
    uint32_t handles_open;
    uv_mutex_t mutex;
    uv_cond_t cond;
    bool stop;
    uint32_t writes, offloads; /* pending jobs; loop's thread only */
    /* ---- under the mutex ---- */
    struct bx_job *queue[DISK_QUEUE_MAX];
    uint32_t head, n;
    struct {
        struct bx_job *job;
        int rc;
    } finished[DISK_QUEUE_MAX];
    uint32_t n_finished;
    uint64_t since; /* uv_hrtime at the start of the running job; 0: none */
    bool told;      /* the slow job has been logged */
};

static struct disk *of(struct bx_disk *d)
{
    return (struct disk *)(void *)d;
}

/* ---- the writer ---- */

static struct bx_job *next_job(struct disk *d)
{
    struct bx_job *job = NULL;

    uv_mutex_lock(&d->mutex);
    while (d->n == 0 && !d->stop)
        uv_cond_wait(&d->cond, &d->mutex);
    if (d->n > 0) {
        job = d->queue[d->head];
        d->head = (d->head + 1) % DISK_QUEUE_MAX;
        d->n--;
        d->since = uv_hrtime();
        d->told = false;
    }
    uv_mutex_unlock(&d->mutex);
    return job;
}

static void writer(void *arg)
{
    struct disk *d = arg;
    struct bx_job *job;

    log_thread_open("disk");
    while ((job = next_job(d)) != NULL) {
        int rc = job->run(job);

        uv_mutex_lock(&d->mutex);
        d->since = 0;
        d->finished[d->n_finished].job = job;
        d->finished[d->n_finished++].rc = rc;
        uv_mutex_unlock(&d->mutex);
        uv_async_send(&d->done);
    }
    bx_buf_thread_close();
}

static void on_done(uv_async_t *handle)
{
    struct disk *d = handle->data;

    for (;;) {
        struct bx_job *job = NULL;
        int rc = 0;

        uv_mutex_lock(&d->mutex);
        if (d->n_finished > 0) {
            job = d->finished[0].job;
            rc = d->finished[0].rc;
            d->n_finished--;
            for (uint32_t i = 0; i < d->n_finished; i++)
                d->finished[i] = d->finished[i + 1];
        }
        uv_mutex_unlock(&d->mutex);
        if (job == NULL)
            break;
        d->writes--;
        job->done(job, rc);
    }
    if (d->writes == 0)
        uv_timer_stop(&d->timer);
}

static void on_timer(uv_timer_t *timer)
{
    struct disk *d = timer->data;
    bool slow;

    uv_mutex_lock(&d->mutex);
    slow = !d->told && d->since != 0 && uv_hrtime() - d->since > DISK_SLOW_MS * UINT64_C(1000000);
    d->told |= slow;
    uv_mutex_unlock(&d->mutex);
    if (!slow)
        return;
    log_write(LOG_ERROR, "a write to %s has not completed for %u s", d->base.fs->dir,
              DISK_SLOW_MS / 1000);
    snapshot_on(SNAPSHOT_DISK);
}

static void disk_write(struct bx_disk *base, struct bx_job *job)
{
    struct disk *d = of(base);

    assert(d->writes < DISK_QUEUE_MAX);
    if (d->writes++ == 0)
        uv_timer_start(&d->timer, on_timer, LOOK_MS, LOOK_MS);
    uv_mutex_lock(&d->mutex);
    d->queue[(d->head + d->n++) % DISK_QUEUE_MAX] = job;
    uv_cond_signal(&d->cond);
    uv_mutex_unlock(&d->mutex);
}

/* ---- the pool ---- */

static void offload_run(uv_work_t *w)
{
    struct offloaded *o = w->data;

    pool_yield_to_loop();
    o->rc = o->job->run(o->job);
}

static void offload_done(uv_work_t *w, int status)
{
    struct offloaded *o = w->data;
    struct bx_job *job = o->job;
    int rc = o->rc;

    assert(status == 0); /* jobs are never cancelled */
    o->disk->offloads--;
    bx_free(o);
    job->done(job, rc);
}

static void disk_offload(struct bx_disk *base, struct bx_job *job)
{
    struct offloaded *o = bx_must_calloc(1, sizeof *o);

    o->disk = of(base);
    o->job = job;
    o->work.data = o;
    o->disk->offloads++;
    uv_queue_work(o->disk->loop, &o->work, offload_run, offload_done);
}

/* ---- create and destroy ---- */

static const struct bx_disk_ops ops = {disk_write, disk_offload};

static void on_closed(uv_handle_t *handle)
{
    ((struct disk *)handle->data)->handles_open--;
}

static void free_disk(struct disk *d)
{
    uv_close((uv_handle_t *)&d->done, on_closed);
    uv_close((uv_handle_t *)&d->timer, on_closed);
    while (d->handles_open > 0)
        uv_run(d->loop, UV_RUN_ONCE);
    uv_mutex_destroy(&d->mutex);
    uv_cond_destroy(&d->cond);
    bx_free(d);
}

int disk_create(struct disk **out, uv_loop_t *loop, struct bx_fs *fs, struct bx_err *err)
{
    struct disk *d = bx_must_calloc(1, sizeof *d);
    int rv;

    *out = NULL;
    d->base.ops = &ops;
    d->base.fs = fs;
    d->loop = loop;
    rv = uv_async_init(loop, &d->done, on_done);
    if (rv != 0) {
        bx_free(d);
        return bx_err_set(err, BX_FAILED, "cannot create the writer's wake-up handle: %s",
                          uv_strerror(rv));
    }
    uv_timer_init(loop, &d->timer);
    d->done.data = d->timer.data = d;
    d->handles_open = 2;
    uv_mutex_init(&d->mutex);
    uv_cond_init(&d->cond);
    rv = uv_thread_create(&d->thread, writer, d);
    if (rv != 0) {
        free_disk(d);
        return bx_err_set(err, BX_FAILED, "cannot start the writer's thread: %s", uv_strerror(rv));
    }
    *out = d;
    return BX_OK;
}

struct bx_disk *disk_port(struct disk *d)
{
    return &d->base;
}

void disk_drain(struct disk *d)
{
    while (d->writes + d->offloads > 0)
        uv_run(d->loop, UV_RUN_ONCE);
}

void disk_destroy(struct disk *d)
{
    if (d == NULL)
        return;
    assert(d->writes + d->offloads == 0);
    uv_mutex_lock(&d->mutex);
    d->stop = true;
    uv_cond_signal(&d->cond);
    uv_mutex_unlock(&d->mutex);
    uv_thread_join(&d->thread);
    free_disk(d);
}
