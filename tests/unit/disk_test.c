#include "lib/testlib.h"

#include "sys/disk.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#define JOBS DISK_QUEUE_MAX

struct test_job {
    struct bx_job job; /* first */
    uint32_t number;
    pthread_t ran_on;
    int rc, nice;
    uv_sem_t *gate; /* run waits for it; may be NULL */
    bool again;     /* done submits it once more */
};

static uv_loop_t loop;
static struct disk *disk;
static pthread_t loop_thread;
static uint32_t ran[2 * JOBS], done[2 * JOBS], n_ran, n_done;
static int last_rc;

static int run(struct bx_job *j)
{
    struct test_job *t = (struct test_job *)j;

    if (t->gate != NULL)
        uv_sem_wait(t->gate);
    t->ran_on = pthread_self();
    t->nice = getpriority(PRIO_PROCESS, 0); /* of the thread */
    ran[n_ran++] = t->number;               /* one thread at a time, and read after its done */
    return t->rc;
}

static void on_done(struct bx_job *j, int rc)
{
    struct test_job *t = (struct test_job *)j;

    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_false(pthread_equal(t->ran_on, loop_thread));
    done[n_done++] = t->number;
    last_rc = rc;
    if (t->again) {
        t->again = false;
        disk_port(disk)->ops->write(disk_port(disk), j);
    }
}

static int open_disk(void **state)
{
    static struct bx_fs fs = {.dir = "nowhere"};

    (void)state;
    n_ran = n_done = 0;
    loop_thread = pthread_self();
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(disk_create(&disk, &loop, &fs, NULL), BX_OK);
    assert_ptr_equal(disk_port(disk)->fs, &fs);
    return 0;
}

static int close_disk(void **state)
{
    (void)state;
    disk_destroy(disk);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static struct test_job make_job(uint32_t number)
{
    return (struct test_job){.job = {run, on_done}, .number = number};
}

TEST(a_full_queue_of_writes_keeps_its_order)
{
    struct test_job jobs[JOBS];
    uv_sem_t gate;

    uv_sem_init(&gate, 0);
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i] = make_job(i);
        jobs[i].gate = i == 0 ? &gate : NULL;
        disk_port(disk)->ops->write(disk_port(disk), &jobs[i].job);
    }
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(n_done, 0); /* never from inside the call, and all behind the first */
    uv_sem_post(&gate);
    disk_drain(disk);
    assert_int_equal(n_done, JOBS);
    for (uint32_t i = 0; i < JOBS; i++) {
        assert_int_equal(ran[i], i);
        assert_int_equal(done[i], i);
        assert_true(pthread_equal(jobs[i].ran_on, jobs[0].ran_on)); /* the one writer */
    }
    uv_sem_destroy(&gate);
}

TEST(a_failure_comes_back_and_is_not_tried_again)
{
    struct test_job job = make_job(1);

    job.rc = BX_IO;
    disk_port(disk)->ops->write(disk_port(disk), &job.job);
    disk_drain(disk);
    assert_int_equal(last_rc, BX_IO);
    assert_int_equal(n_ran, 1);
    job.rc = BX_NO_SPACE;
    disk_port(disk)->ops->offload(disk_port(disk), &job.job);
    disk_drain(disk);
    assert_int_equal(last_rc, BX_NO_SPACE);
    assert_int_equal(n_ran, 2);
}

TEST(a_done_may_write_again)
{
    struct test_job job = make_job(7);

    job.again = true;
    disk_port(disk)->ops->write(disk_port(disk), &job.job);
    disk_drain(disk);
    assert_int_equal(n_done, 2);
}

TEST(an_offloaded_job_does_not_wait_for_the_writer)
{
    struct test_job slow = make_job(1), other = make_job(2);
    uv_sem_t gate;

    uv_sem_init(&gate, 0);
    slow.gate = &gate;
    disk_port(disk)->ops->write(disk_port(disk), &slow.job);
    disk_port(disk)->ops->offload(disk_port(disk), &other.job);
    while (n_done == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done[0], 2);
    uv_sem_post(&gate);
    disk_drain(disk);
    assert_int_equal(done[1], 1);
    uv_sem_destroy(&gate);
}

TEST(an_offloaded_job_yields_to_the_loop_and_the_writer)
{
    struct test_job written = make_job(1), offloaded = make_job(2);

    disk_port(disk)->ops->write(disk_port(disk), &written.job);
    disk_drain(disk);
    disk_port(disk)->ops->offload(disk_port(disk), &offloaded.job);
    disk_drain(disk);
    assert_int_equal(written.nice, getpriority(PRIO_PROCESS, 0));
    assert_true(offloaded.nice > written.nice);
}

int main(void)
{
    return test_run(open_disk, close_disk);
}
