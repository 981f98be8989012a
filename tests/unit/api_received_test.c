/* log.append of a node that means harm, or is mistaken: what it may not do to the one that keeps
 * its log. The test writes the frames. */
#include "api_relay_help.h"

#include "unit/sink_help.h"

#include "lib/memfs.h"
#include "lib/testrec.h"
#include "mem/alloc.h"
#include "sys/crash.h"
#include "sys/received.h"
#include "sys/recdir.h"
#include "wire/recorder.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define OTHER 2u
#define THIRD 3u
#define STRANGER 9u
#define MANY 5000u
#define BALLAST (1u << 20)
#define MINUTE 60000u

static uint64_t now_ms;

static uint64_t boot_ms(struct bx_clock *c)
{
    (void)c;
    return now_ms;
}

static int setup(void **state)
{
    static struct bx_clock_ops ops;
    static struct bx_clock clock = {&ops};
    struct bx_err err;

    w.ballast_bytes = BALLAST;
    if (sink_setup(state) != 0 || api_node_setup(state) != 0 ||
        crash_open(sink_dir, "received", &err) != BX_OK)
        return -1;
    ops = *api->o.clock->ops;
    ops.boot_ms = boot_ms;
    now_ms = 1000000;
    api->o.clock = &clock;
    add_node(OTHER);
    add_node(THIRD);
    relay_link_open();
    sink_make_sample();
    test_rec_open("off,log=warning");
    return 0;
}

static int teardown(void **state)
{
    test_rec_close();
    api_node_teardown(state);
    relay_link_close();
    crash_close();
    return sink_teardown(state);
}

/* ---- what it sends ---- */

static struct bx_log_append_params part(const void *p, size_t n)
{
    struct bx_log_append_params out;

    bx_params_init(BX_M_LOG_APPEND, &out);
    out.begun = 1;
    out.items = (struct bx_str){p, (uint32_t)n};
    return out;
}

static void wait_for_jobs(void)
{
    while (api_is_receiving(api))
        uv_run(&loop, UV_RUN_ONCE);
}

static void append(const struct bx_log_append_params *p)
{
    relay_ask(OTHER, 1, BX_M_LOG_APPEND, p);
    wait_for_jobs();
}

static uint64_t refused(int code)
{
    return api->parts_refused[code].n;
}

/* Files and directories below recorder/from, with the depth of two. */
static unsigned kept(void)
{
    struct sink_files f;
    char path[4200];
    const struct dirent *e;
    unsigned n = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/recorder/from", sink_dir);
    d = opendir(path);
    while (d != NULL && (e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    if (d != NULL)
        closedir(d);
    sink_read_files_in("recorder/from/2", &f);
    assert_true(n == (f.n > 0 ? 1 : 0)); /* in its own name alone */
    return f.n;
}

/* It answers, and a sound part is kept. */
static void expect_responsive(void)
{
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);
    uint32_t before = relay_sent.n;

    p.begun = 77;
    relay_connected = true;
    append(&p);
    assert_true(relay_sent.n == before + 1 && kept() > 0);
    assert_int_equal(api->n_calls, 0);
}

/* ---- garbage ---- */

TEST(what_is_no_request_is_dropped_without_an_answer)
{
    uint8_t bytes[256];
    uint64_t seed = 7;

    for (unsigned i = 0; i < MANY; i++) {
        size_t n = test_random(&seed) % sizeof bytes;

        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)test_random(&seed);
        api_on_frame(api, OTHER, BX_FRAME_QUERY, bytes, n);
    }
    assert_int_equal(kept(), 0);
    expect_responsive();
}

TEST(garbage_in_place_of_items_is_refused_at_every_size)
{
    static uint8_t bytes[BX_RECORDER_DATA_MAX + 1];
    static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, BX_RECORDER_DATA_MAX};
    uint64_t seed = 9;
    struct bx_log_append_params p;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)test_random(&seed);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        p = part(bytes, sizes[i]);
        append(&p);
    }
    assert_int_equal(refused(BX_MALFORMED), sizeof sizes / sizeof sizes[0]);
    p = part(bytes, sizeof bytes); /* more than a part may have */
    append(&p);
    assert_int_equal(refused(BX_INVALID), 1);
    assert_int_equal(kept(), 0);
    expect_responsive();
}

TEST(a_damaged_part_is_refused_wherever_the_damage_is)
{
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);

    for (size_t i = 0; i < sink_sample.n; i++) {
        sink_sample.p[i] ^= 0x10;
        append(&p);
        sink_sample.p[i] ^= 0x10;
    }
    assert_int_equal(refused(BX_MALFORMED) + refused(BX_UNSUPPORTED), sink_sample.n);
    assert_int_equal(kept(), 0);
    expect_responsive();
}

/* ---- names and places ---- */

TEST(a_part_is_kept_in_the_name_of_its_connection_whatever_it_says)
{
    static const char *const names[] = {"m3", "n1", "3", "1", "m2", "../3", "nobody"};
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        p.node = bx_str(names[i]);
        p.begun = (i + 1) * 1000000000u;
        append(&p);
        assert_int_equal(kept(), i + 1);
    }
}

TEST(absurd_places_change_nothing)
{
    static const uint64_t places[] = {1, RECEIVED_LOG_MAX, INT64_MAX, UINT64_MAX};
    struct bx_log_append_params p =
        part(sink_sample.p + sink_sample.first, sink_sample.n - sink_sample.first);

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            p.begun = places[k];
            p.offset = places[i];
            append(&p);
        }
    assert_int_equal(kept(), 0);
    expect_responsive();
}

/* Who is no member does not get as far as here. */
TEST(a_stranger_may_not_ask)
{
    struct test_member *m = test_member(&w, 1);
    uint8_t payload[64] = {0};
    uint32_t before = m->queries;

    bx_node_receive(node, STRANGER, BX_FRAME_QUERY, payload, sizeof payload);
    assert_int_equal(m->queries, before);
    bx_node_receive(node, OTHER, BX_FRAME_QUERY, payload, sizeof payload);
    assert_int_equal(m->queries, before + 1);
}

/* ---- many ---- */

static uint64_t files_bytes(unsigned *n)
{
    static struct recdir_list l;
    int dir = received_open(crash_directory(), OTHER);
    uint64_t total = 0;

    recdir_list(dir, "log", &l);
    close(dir);
    for (uint32_t i = 0; i < l.n; i++)
        total += l.v[i].bytes;
    *n = l.n;
    return total;
}

/* Its queue is full, as it reads nothing, so no answer can be sent. */
TEST(thousands_of_parts_without_reading_answers_keep_within_the_bounds)
{
    struct bx_alloc_stats before, after;
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);
    unsigned n;

    append(&p);
    relay_connected = false;
    bx_alloc_stats(&before);
    for (unsigned i = 0; i < MANY; i++) {
        p.begun = (i + 1) * 1000000000ull; /* a file of its own */
        relay_ask(OTHER, i, BX_M_LOG_APPEND, &p);
        assert_true(api->n_calls <= 1);
        if (i % 10 == 9)
            wait_for_jobs();
    }
    wait_for_jobs();
    bx_alloc_stats(&after);
    assert_true(after.live <= before.live + 8); /* buffers that are kept for reuse */
    assert_true(files_bytes(&n) <= RECEIVED_BYTES && n <= RECEIVED_LOGS);
    assert_true(n > 10);
    assert_int_equal(refused(BX_BUSY), MANY - MANY / 10);
    expect_responsive();
}

TEST(each_node_has_its_place_beside_one_that_floods)
{
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);

    for (unsigned i = 0; i < 100; i++)
        relay_ask(OTHER, i, BX_M_LOG_APPEND, &p);
    relay_ask(THIRD, 1, BX_M_LOG_APPEND, &p);
    assert_int_equal(refused(BX_BUSY), 99);
    wait_for_jobs();
    assert_true(received_open(crash_directory(), THIRD) >= 0);
}

/* ---- a disk that is low on space ---- */

static void leave_room(uint64_t bytes)
{
    struct memfs *m = test_member(&w, 1)->fs;

    memfs_limit(m, UINT64_MAX / 2, NULL, NULL);
    memfs_limit(m, UINT64_MAX / 2 - memfs_free(m) + bytes, NULL, NULL);
    test_cluster_run(&w, 4000); /* within which it is noticed */
}

TEST(nothing_is_kept_while_the_disk_is_low_on_space)
{
    struct bx_log_append_params p = part(sink_sample.p, sink_sample.n);

    leave_room(BALLAST / 2);
    assert_int_not_equal(bx_node_space(node, 1), BX_SPACE_OK);
    for (unsigned i = 0; i < MANY; i++)
        append(&p);
    assert_int_equal(refused(BX_NO_SPACE), MANY);
    assert_int_equal(kept(), 0);
    leave_room(100 * BALLAST);
    expect_responsive();
}

/* ---- what is told ---- */

TEST(what_is_refused_is_told_once_a_minute_for_each_reason)
{
    struct bx_log_append_params p = part("x", 1);
    static uint8_t large[BX_RECORDER_DATA_MAX + 1];
    struct bx_log_append_params q = part(large, sizeof large);

    for (unsigned i = 0; i < 1000; i++)
        append(&p);
    assert_int_equal(test_rec.lines, 1);
    assert_true(test_rec_said("parts of the log of another node were refused node=2 "
                              "code=malformed"));
    append(&q);
    append(&q);
    assert_int_equal(test_rec.lines, 2);
    assert_true(test_rec_said("code=invalid"));
    now_ms += MINUTE - 1;
    append(&p);
    assert_int_equal(test_rec.lines, 2);
    now_ms += 1;
    append(&p);
    assert_int_equal(test_rec.lines, 3);
    assert_true(test_rec_said("parts=1001 total=1002"));
}

int main(void)
{
    return test_run(setup, teardown);
}
