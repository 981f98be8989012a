/* relay: what this node answers other nodes by jobs of the pool, also when it stops meanwhile. */
#include "api_relay_help.h"

#include "unit/sink_help.h"

#include "sys/crash.h"
#include "sys/received.h"
#include "wire/logquery.h"
#include "wire/recorder.h"

#include <unistd.h>

#define OTHER 2u
#define NUMBER 77u

static int setup(void **state)
{
    struct bx_err err;

    if (sink_setup(state) != 0 || api_node_setup(state) != 0 ||
        crash_open(sink_dir, "relay", &err) != BX_OK)
        return -1;
    add_node(OTHER);
    relay_link_open();
    sink_make_sample();
    return 0;
}

static int teardown(void **state)
{
    api_node_teardown(state);
    relay_link_close();
    crash_close();
    return sink_teardown(state);
}

static void ask_to_append(void)
{
    struct bx_log_append_params p;

    bx_params_init(BX_M_LOG_APPEND, &p);
    p.begun = 1;
    p.items = (struct bx_str){(const char *)sink_sample.p, (uint32_t)sink_sample.n};
    relay_ask(OTHER, NUMBER, BX_M_LOG_APPEND, &p);
}

static void ask_for_received(void)
{
    struct bx_log_query_params p;

    bx_params_init(BX_M_LOG_QUERY, &p);
    p.of = bx_str("m2");
    relay_ask(OTHER, NUMBER, BX_M_LOG_QUERY, &p);
}

static bool is_at_work(void)
{
    return api_is_receiving(api) || api->everybody.n[API_HELD_QUERIES] > 0;
}

static void wait_for_jobs(void)
{
    while (is_at_work())
        uv_run(&loop, UV_RUN_ONCE);
}

static bool is_kept(void)
{
    int dir = received_open(crash_directory(), OTHER);

    if (dir >= 0)
        close(dir);
    return dir >= 0;
}

/* As the daemon does it (daemon_close): the node first, then all that still works for calls. */
static void stop_node(void)
{
    test_member_stop(test_member(&w, 1));
    node = NULL;
    api_set_node(api, NULL);
}

/* ---- while it runs ---- */

static void expect_answer(void)
{
    wait_for_jobs();
    assert_true(relay_sent.n == 1 && relay_sent.to == OTHER && relay_sent.number == NUMBER);
    assert_int_equal(relay_sent.kind, BX_FRAME_ANSWER);
}

TEST(who_sends_a_log_is_answered_when_it_is_written)
{
    ask_to_append();
    assert_true(is_at_work());
    expect_answer();
    assert_true(is_kept());
}

TEST(who_asks_for_log_files_is_answered_when_they_are_read)
{
    ask_for_received();
    assert_true(is_at_work());
    expect_answer();
}

/* ---- while it stops ---- */

/* Node and link are gone when the job has ended. */
static void expect_no_answer(void)
{
    assert_true(is_at_work());
    stop_node();
    wait_for_jobs();
    assert_int_equal(relay_sent.n, 0);
}

TEST(a_node_that_stops_while_it_writes_the_log_of_another_one_answers_nobody)
{
    ask_to_append();
    expect_no_answer();
    assert_true(is_kept());
}

TEST(a_node_that_stops_while_it_reads_files_for_another_one_answers_nobody)
{
    ask_for_received();
    expect_no_answer();
}

int main(void)
{
    return test_run(setup, teardown);
}
