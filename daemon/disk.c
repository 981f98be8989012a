#include "disk.h"

#include "mem/alloc.h"
#include "mem/buf.h"

#include <assert.h>

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
    uv_mutex_t mutex;
    uv_cond_t cond;
    bool stop;
    uint32_t under_way;          /* both kinds; the loop's thread only */
    /* ---- under the mutex ---- */
    struct bx_job *queue[DISK_QUEUE_MAX];
    uint32_t head, n;
    struct {
        struct bx_job *job;
        int rc;
    } finished[DISK_QUEUE_MAX];
    uint32_t n_finished;
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
    }
    uv_mutex_unlock(&d->mutex);
    return job;
}

static void writer(void *arg)
{
    struct disk *d = arg;
    struct bx_job *job;

    while ((job = next_job(d)) != NULL) {
        int rc = job->run(job);

        uv_mutex_lock(&d->mutex);
        assert(d->n_finished < DISK_QUEUE_MAX);
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
            return;
        d->under_way--;
        job->done(job, rc);
    }
}

static void disk_write(struct bx_disk *base, struct bx_job *job)
{
    struct disk *d = of(base);

    d->under_way++;
    uv_mutex_lock(&d->mutex);
    assert(d->n + d->n_finished < DISK_QUEUE_MAX);
    d->queue[(d->head + d->n++) % DISK_QUEUE_MAX] = job;
    uv_cond_signal(&d->cond);
    uv_mutex_unlock(&d->mutex);
}

/* ---- the pool ---- */

static void offload_run(uv_work_t *w)
{
    struct offloaded *o = w->data;

    o->rc = o->job->run(o->job);
}

static void offload_done(uv_work_t *w, int status)
{
    struct offloaded *o = w->data;
    struct bx_job *job = o->job;
    int rc = status == 0 ? o->rc : BX_SHUTDOWN;

    o->disk->under_way--;
    bx_free(o);
    job->done(job, rc);
}

static void disk_offload(struct bx_disk *base, struct bx_job *job)
{
    struct offloaded *o = bx_must_calloc(1, sizeof *o);

    o->disk = of(base);
    o->job = job;
    o->work.data = o;
    o->disk->under_way++;
    uv_queue_work(o->disk->loop, &o->work, offload_run, offload_done);
}

/* ---- life ---- */

static const struct bx_disk_ops ops = {disk_write, disk_offload};

int disk_create(struct disk **out, uv_loop_t *loop, struct bx_fs *fs, struct bx_err *err)
{
    struct disk *d = bx_must_calloc(1, sizeof *d);

    d->base.ops = &ops;
    d->base.fs = fs;
    d->loop = loop;
    uv_mutex_init(&d->mutex);
    uv_cond_init(&d->cond);
    uv_async_init(loop, &d->done, on_done);
    d->done.data = d;
    if (uv_thread_create(&d->thread, writer, d) != 0) {
        bx_free(d);
        return bx_err_set(err, BX_FAILED, "no thread for writing");
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
    while (d->under_way > 0)
        uv_run(d->loop, UV_RUN_ONCE);
}

static void on_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

void disk_destroy(struct disk *d)
{
    bool closed = false;

    if (d == NULL)
        return;
    assert(d->under_way == 0);
    uv_mutex_lock(&d->mutex);
    d->stop = true;
    uv_cond_signal(&d->cond);
    uv_mutex_unlock(&d->mutex);
    uv_thread_join(&d->thread);
    d->done.data = &closed;
    uv_close((uv_handle_t *)&d->done, on_closed);
    while (!closed)
        uv_run(d->loop, UV_RUN_ONCE);
    uv_mutex_destroy(&d->mutex);
    uv_cond_destroy(&d->cond);
    bx_free(d);
}
