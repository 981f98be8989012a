#include "sys/watchdog.h"

#include "mem/buf.h"
#include "rec/rec.h"
#include "sys/log_threads.h"
#include "sys/snapshot.h"
#include "sys/stack.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define LOOK_MS 250u
#define LATE_MS 500u    /* the watchdog itself was not run: nor was the loop */
#define ANSWER_MS 1000u /* for the loop's thread to tell its stack */
#define MS UINT64_C(1000000)
#define TELL (SIGRTMIN + 5)

static struct {
    uv_thread_t thread;
    uv_async_t ask;
    uv_mutex_t lock;
    uv_cond_t wake;
    bool open, stop; /* stop: under the lock */
    pthread_t loop;
    atomic_bool answered;
    uint64_t asked_ns, told_ns; /* when a question was asked that is open; when a stall was told */
    bool stalled;
    sem_t taken; /* posted by the handler */
    struct stack stack;
} dog;

/* ---- on the loop's thread ---- */

static void on_ask(uv_async_t *handle)
{
    (void)handle;
    atomic_store(&dog.answered, true);
}

static void on_tell(int sig, siginfo_t *info, void *context)
{
    int saved = errno;

    (void)sig, (void)info;
    stack_take(&dog.stack, context);
    sem_post(&dog.taken);
    errno = saved;
}

/* ---- on the watchdog's ---- */

/* False: it did not answer, as a thread does that waits for a disk. */
static bool take_stack(void)
{
    struct timespec until;
    int rc;

    while (sem_trywait(&dog.taken) == 0)
        ; /* of an earlier one, which came too late */
    if (pthread_kill(dog.loop, TELL) != 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_MS / 1000;
    do
        rc = sem_timedwait(&dog.taken, &until);
    while (rc != 0 && errno == EINTR);
    return rc == 0;
}

static void tell(uint64_t ms)
{
    struct snapshot_file file;
    struct bx_err err;

    BX_ERROR("watchdog", "the loop is stalled", "ms", ms);
    if (take_stack())
        stack_record(&dog.stack);
    else
        BX_ERROR("watchdog", "the loop's thread does not tell its stack");
    if (snapshot_write(SNAPSHOT_STALL, &file, &err) == BX_OK)
        BX_ERROR("watchdog", "what it did until then is in a file of the recorder", "file",
                 file.name);
    else
        BX_ERROR("watchdog", "no snapshot of the recorder", "why", err.msg);
}

static void look(uint64_t now)
{
    uint64_t ms = (now - dog.asked_ns) / MS;

    if (dog.asked_ns != 0 && atomic_load(&dog.answered)) {
        if (dog.stalled)
            BX_WARNING("watchdog", "the loop goes on", "ms", ms);
        dog.stalled = false;
        dog.asked_ns = 0;
    }
    if (dog.asked_ns == 0) {
        atomic_store(&dog.answered, false);
        dog.asked_ns = now;
        uv_async_send(&dog.ask);
        return;
    }
    if (dog.stalled || ms < WATCHDOG_STALL_MS ||
        (dog.told_ns != 0 && now - dog.told_ns < SNAPSHOT_PAUSE_MS * MS))
        return;
    dog.stalled = true;
    dog.told_ns = now;
    tell(ms);
}

static void run(void *arg)
{
    uint64_t before = uv_hrtime();

    (void)arg;
    log_thread_open("watchdog");
    uv_mutex_lock(&dog.lock);
    while (!dog.stop) {
        uint64_t now;

        uv_cond_timedwait(&dog.wake, &dog.lock, LOOK_MS * MS);
        now = uv_hrtime();
        if (now - before > (LOOK_MS + LATE_MS) * MS)
            dog.asked_ns = dog.stalled ? dog.asked_ns : 0;
        else
            look(now);
        before = uv_hrtime();
    }
    uv_mutex_unlock(&dog.lock);
    bx_buf_thread_close();
}

/* ---- open and close ---- */

int watchdog_open(uv_loop_t *loop, struct bx_err *err)
{
    const struct sigaction action = {.sa_sigaction = on_tell, .sa_flags = SA_SIGINFO | SA_RESTART};

    dog.loop = pthread_self();
    dog.stop = dog.stalled = false;
    dog.asked_ns = dog.told_ns = 0;
    stack_open();
    sem_init(&dog.taken, 0, 0);
    uv_mutex_init(&dog.lock);
    uv_cond_init(&dog.wake);
    if (sigaction(TELL, &action, NULL) != 0 || uv_async_init(loop, &dog.ask, on_ask) != 0)
        return bx_err_set(err, BX_IO, "cannot watch the event loop");
    dog.open = uv_thread_create(&dog.thread, run, NULL) == 0;
    if (dog.open)
        return BX_OK;
    uv_close((uv_handle_t *)&dog.ask, NULL);
    return bx_err_set(err, BX_IO, "cannot start the thread that watches the event loop");
}

void watchdog_close(void)
{
    if (!dog.open)
        return;
    uv_mutex_lock(&dog.lock);
    dog.stop = true;
    uv_cond_signal(&dog.wake);
    uv_mutex_unlock(&dog.lock);
    uv_thread_join(&dog.thread);
    uv_close((uv_handle_t *)&dog.ask, NULL);
    uv_cond_destroy(&dog.wake);
    uv_mutex_destroy(&dog.lock);
    sem_destroy(&dog.taken);
    dog.open = false;
}
