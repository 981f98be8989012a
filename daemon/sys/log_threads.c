#include "sys/log_threads.h"

#include "sys/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <uv.h>

static struct {
    struct bx_rec_thread v[LOG_THREADS];
    atomic_uint n;      /* those whose rings are open */
    atomic_uint opened; /* odd while open; each time another number */
    uv_mutex_t lock;    /* of who adds one */
    void (*wake)(void);
    /* Not on the heap: a thread that has ended leaves its own, and no page that no handler used
     * is there. */
    uint8_t stacks[LOG_THREADS][LOG_THREAD_STACK] __attribute__((aligned(16)));
} all;

/* Of the calling thread: the number that `opened` had when it was added. */
static _Thread_local unsigned added;

/* A thread that has an alternate stack keeps it: that of a sanitizer, which unmaps what it finds
 * when the thread ends. The first one ends with the process. */
static void use_stack(unsigned n)
{
    const stack_t own = {.ss_sp = all.stacks[n], .ss_size = LOG_THREAD_STACK};
    stack_t old;

    if (n == 0 || (sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0))
        sigaltstack(&own, NULL);
}

static int add(const char *name, size_t ring, size_t queue)
{
    unsigned n = atomic_load(&all.n);
    int rc = BX_NO_MEMORY;

    if (n < LOG_THREADS)
        rc = bx_rec_thread_open(&all.v[n], name, (uint16_t)n, ring, queue, clock_wall_ns);
    if (rc != BX_OK)
        return rc;
    all.v[n].wake = all.wake;
    use_stack(n);
    atomic_store(&all.n, n + 1);
    bx_rec_use(&all.v[n]);
    return BX_OK;
}

int log_threads_open(const char *name, void (*wake)(void), struct bx_err *err)
{
    all.wake = wake;
    if (add(name, BX_REC_RING, BX_REC_QUEUE) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the log");
    uv_mutex_init(&all.lock);
    added = atomic_fetch_add(&all.opened, 1) + 1;
    return BX_OK;
}

void log_threads_close(void)
{
    unsigned n = atomic_exchange(&all.n, 0);

    if (n == 0)
        return;
    atomic_fetch_add(&all.opened, 1);
    bx_rec_use(NULL);
    for (unsigned i = 0; i < n; i++)
        bx_rec_thread_close(&all.v[i]);
    uv_mutex_destroy(&all.lock);
}

void log_thread_open(const char *name)
{
    unsigned opened = atomic_load(&all.opened);

    if (opened % 2 == 0 || added == opened)
        return;
    added = opened; /* also when there is no room: it is not asked for again */
    bx_rec_use(NULL);
    uv_mutex_lock(&all.lock);
    add(name, LOG_THREAD_RING, LOG_THREAD_QUEUE);
    uv_mutex_unlock(&all.lock);
}

uint32_t log_threads(struct bx_rec_thread *out[LOG_THREADS])
{
    unsigned n = atomic_load(&all.n);

    for (unsigned i = 0; i < n; i++)
        out[i] = &all.v[i];
    return n;
}

void log_threads_put(struct bx_recfile_writer *w)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);

    for (uint32_t i = 0; i < n; i++) {
        struct bx_recfile_thread about = bx_recfile_thread_of(threads[i]);

        bx_recfile_put_thread(w, &about);
    }
}
