/* sink_file: files of events that are rotated and bounded, whoever records. */
#include "unit/sink_help.h"

#include "sys/archive.h"
#include "sys/crash.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

TEST(files_are_rotated_and_nothing_is_lost)
{
    struct bx_sink_counts counts;
    struct sink_files f;

    sink_open_log("info", "file,size=256KiB,count=100,total=100MiB");
    sink_record(0, 20000);
    router_drain(DRAIN_NS);
    sink_counts_of("file", &counts);
    assert_true(counts.events == 20000 && counts.dropped + counts.errors == 0);
    log_close();
    sink_read_files(&f);
    assert_true(f.n > 2 && f.whole == f.n && f.damaged == 0);
    assert_true(f.events == 20000 && f.in_order && f.first == 0);
}

TEST(a_file_is_readable_while_it_is_written)
{
    struct sink_files f;

    sink_open_log("info", "file");
    sink_record(0, 10);
    router_drain(DRAIN_NS);
    sink_read_files(&f);
    log_close();
    assert_true(f.n == 1 && f.whole == 0 && f.damaged == 0 && f.events == 10);
}

TEST(a_file_tells_which_build_wrote_it)
{
    struct sink_files f;
    struct bx_err err;

    assert_int_equal(crash_open(sink_dir, "sink_test", &err), BX_OK);
    sink_open_log("info", "file,size=256KiB,count=100");
    sink_record(0, 20000);
    log_close();
    crash_close();
    sink_read_files(&f);
    assert_true(f.n > 1 && f.told == f.n && f.archives == 0);
}

static void archive_all(void)
{
    uv_loop_t loop;

    assert_int_equal(uv_loop_init(&loop), 0);
    archive_open(&loop);
    while (archive_step())
        uv_run(&loop, UV_RUN_ONCE);
    archive_close();
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool has_temporary(void)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/recorder/archive.tmp", sink_dir);
    return access(path, F_OK) == 0;
}

TEST(files_that_have_their_end_become_archives_and_lose_nothing)
{
    struct sink_files before, after;
    struct bx_err err;

    assert_int_equal(crash_open(sink_dir, "sink_test", &err), BX_OK);
    sink_open_log("info", "file,size=256KiB,count=100");
    sink_record(0, 20000);
    router_drain(DRAIN_NS);
    sink_read_files(&before);
    archive_all();
    sink_read_files(&after);
    assert_true(before.n > 2 && before.whole == before.n - 1 && before.archives == 0);
    assert_int_equal(after.archives, before.whole); /* not the one that grows */
    assert_true(after.n == before.n && after.whole == before.whole && after.damaged == 0);
    assert_true(after.events == 20000 && after.in_order && after.told == after.n);
    assert_true(after.bytes < before.bytes);
    log_close();
    archive_all();
    sink_read_files(&after);
    assert_int_equal(after.archives, after.n);
    assert_false(has_temporary());
    crash_close();
}

TEST(the_oldest_files_are_removed_by_number)
{
    struct sink_files f;

    sink_open_log("info", "file,size=256KiB,count=2");
    sink_record(0, 20000);
    log_close();
    sink_read_files(&f);
    assert_true(f.n == 2 && f.whole == 2 && f.in_order && f.last == 19999 && f.first > 0);
}

TEST(the_oldest_files_are_removed_by_their_bytes)
{
    struct sink_files f;

    sink_open_log("info", "file,size=256KiB,total=1MiB");
    sink_record(0, 60000);
    log_close();
    sink_read_files(&f);
    assert_true(f.n > 1 && f.in_order && f.last == 59999 && f.first > 0);
    assert_true(f.bytes <= 1 << 20);
}

static unsigned files_now(void)
{
    struct sink_files f;

    sink_read_files(&f);
    return f.n;
}

TEST(an_old_file_is_followed_by_another)
{
    uint64_t until = uv_hrtime() + DEADLINE_NS;

    sink_open_log("info", "file,age=1s");
    for (unsigned i = 0; files_now() < 2; i++) {
        assert_true(uv_hrtime() < until);
        sink_record(i, 1);
    }
    log_close();
}

TEST(without_a_directory_events_are_dropped_and_counted)
{
    struct bx_sink_counts counts;

    rmdir(sink_dir);
    sink_open_log("info", "file");
    sink_record(0, 3000);
    sink_counts_of("file", &counts);
    log_close();
    assert_int_equal(mkdir(sink_dir, 0700), 0);
    assert_true(counts.dropped > 0 && counts.events == 0);
}

/* ---- threads ---- */

#define PRODUCERS 4u
#define EACH 5000u

static void *produce(void *arg)
{
    uint64_t seed = *(unsigned *)arg;

    log_thread_open("producer");
    for (unsigned i = 0; i < EACH; i++) {
        BX_INFO("test", "counted", "i", i, "x", test_random(&seed));
        if (i % 100 == 99)
            sink_wait_taken();
    }
    return NULL;
}

static void *look(void *arg)
{
    static uint64_t words[BX_REC_RING];
    struct bx_rec_thread *all[LOG_THREADS];
    struct bx_recorder_counts counts;
    struct bx_histogram latency;

    while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
        uint32_t n = log_threads(all);

        for (uint32_t i = 0; i < n; i++)
            bx_ring_copy(&all[i]->ring, words, BX_REC_RING);
        router_recorder_counts(&counts);
        router_recorder_latency(&latency);
    }
    return NULL;
}

TEST(four_producers_a_reader_and_rotation)
{
    unsigned number[PRODUCERS];
    pthread_t producers[PRODUCERS], reader;
    struct bx_recorder_counts counts;
    struct bx_histogram latency;
    struct bx_filter f;
    struct sink_files files;
    bool stop = false;

    sink_open_log("info", "file,size=256KiB,count=100,total=100MiB");
    assert_int_equal(pthread_create(&reader, NULL, look, &stop), 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &number[i]), 0);
    }
    bx_filter_parse(&f, "info,raft=debug", NULL);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(router_set_filter("", &f, NULL), BX_OK);
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(reader, NULL);
    router_recorder_counts(&counts);
    router_recorder_latency(&latency);
    log_close();
    sink_read_files(&files);
    assert_true(files.n > 1 && files.damaged == 0 && files.whole == files.n);
    assert_int_equal(files.events + counts.dropped, PRODUCERS * EACH);
    assert_int_equal(bx_histogram_count(&latency), PRODUCERS * (EACH / BX_REC_SAMPLE));
    assert_true(latency.sum > 0);
}

int main(void)
{
    return test_run(sink_setup, sink_teardown);
}
