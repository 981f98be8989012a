/* diagnose: jobs that end, what it costs to keep errors, and what is left out. */
#include "unit/diagnose_help.h"

#include "diag/envread.h"
#include "diagnose/diag.h"
#include "err.h"
#include "mem/buf.h"
#include "rec/rec.h"
#include "sys/clock.h"
#include "sys/crash.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

#define DSN "http://key@127.0.0.1:1/42" /* nobody listens there */

/* A request that fails by the daemon's own fault. */
static void fail_request(void)
{
    struct bx_err err = {.code = BX_IO, .msg = "cannot write the disk of web-1"};
    struct diag_request r;

    diag_request_begin(diag, &r, "vm.create", "anna");
    diag_request_step(&r, DIAG_PROPOSED);
    diag_request_end(&r, &err);
}

TEST(a_job_that_ends_is_a_check_in_with_its_schedule)
{
    struct bx_buf text;

    diagnose_open((struct diag_options){.dsn = DSN, .recorder_every_s = 90});
    diag_job_ended(diag, DIAG_JOB_SNAPSHOT, true, 1500);
    diag_job_ended(diag, DIAG_JOB_RECORDER, true, 20);
    diag_job_ended(diag, DIAG_JOB_EXPIRE, false, 0);
    text = diagnose_stored();
    assert_int_equal(
        diagnose_times(&text,
                       "\"monitor_slug\":\"snapshot\",\"status\":\"ok\",\"duration\":1.500,"
                       "\"release\":\"blixard@" PACKAGE_VERSION "\",\"environment\":\"test\"}\n"),
        1);
    assert_int_equal(
        diagnose_times(&text, "\"monitor_slug\":\"recorder-snapshot\",\"status\":\"ok\""), 1);
    assert_int_equal(diagnose_times(&text,
                                    "\"monitor_config\":{\"schedule\":{\"type\":\"interval\","
                                    "\"value\":2,\"unit\":\"minute\"}}}\n"),
                     1);
    assert_int_equal(
        diagnose_times(&text, "\"monitor_slug\":\"spool-expire\",\"status\":\"error\""), 1);
    assert_int_equal(diagnose_times(&text, "\"value\":1440,\"unit\":\"minute\""), 1);
    bx_buf_release(&text);
}

TEST(while_the_service_is_away_check_ins_are_dropped)
{
    uint64_t until = uv_hrtime() + 20000000000u, next = 0;
    struct bx_buf text;

    diagnose_open((struct diag_options){.dsn = DSN});
    diag_job_ended(diag, DIAG_JOB_SNAPSHOT, true, 1);
    while (diagnose_stats().dropped == 0 && uv_hrtime() < until) {
        uv_run(&diagnose_loop, UV_RUN_ONCE); /* the sender looks once a second */
        if (uv_now(&diagnose_loop) < next)
            continue;
        next = uv_now(&diagnose_loop) + 500;
        diag_job_ended(diag, DIAG_JOB_EXPIRE, true, 1);
    }
    assert_true(diagnose_stats().dropped > 0);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"monitor_slug\":\"snapshot\""), 1);
    bx_buf_release(&text);
}

TEST(the_first_failure_of_a_job_in_a_row_is_an_event)
{
    struct bx_buf text;

    diagnose_open((struct diag_options){0});
    diag_job_ended(diag, DIAG_JOB_RECORDER, true, 1);
    for (int i = 0; i < 3; i++)
        diag_job_ended(diag, DIAG_JOB_RECORDER, false, 1);
    diag_job_ended(diag, DIAG_JOB_SNAPSHOT, false, 1);
    diag_job_ended(diag, DIAG_JOB_RECORDER, true, 1);
    diag_job_ended(diag, DIAG_JOB_RECORDER, false, 1);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "{\"formatted\":\"the job recorder-snapshot failed;"),
                     2);
    assert_int_equal(diagnose_times(&text, "\"job\":\"snapshot\""), 1);
    assert_int_equal(diagnose_times(&text, "\"type\":\"check_in\""), 0); /* nobody is told */
    bx_buf_release(&text);
}

TEST(names_are_left_out_where_they_are_not_to_be_told)
{
    struct bx_buf text;

    diagnose_open((struct diag_options){.dsn = DSN, .about = {.nameless = true}});
    fail_request();
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"transaction\":\"vm.create\""), 1);
    assert_int_equal(diagnose_times(&text, "{\"formatted\":\"io\"}"),
                     1); /* the code instead of the text */
    assert_int_equal(diagnose_times(&text, "host-7") + diagnose_times(&text, "anna") +
                         diagnose_times(&text, "web-1"),
                     0);
    bx_buf_release(&text);
    diagnose_open((struct diag_options){.dsn = DSN});
    fail_request();
    text = diagnose_stored();
    assert_true(diagnose_times(&text, "host-7") > 0 && diagnose_times(&text, "anna") > 0 &&
                diagnose_times(&text, "web-1") > 0);
    bx_buf_release(&text);
}

/* A write that is tried again and again, while another request goes on beside it. */
TEST(a_step_that_a_request_repeats_is_told_in_powers_of_ten)
{
    struct bx_err err = {.code = BX_IO, .msg = "cannot write"};
    struct diag_request r, other;
    struct bx_buf text;

    diagnose_open((struct diag_options){0});
    diag_request_begin(diag, &r, "vm.create", "anna");
    diag_request_begin(diag, &other, "vm.delete", "anna");
    for (int i = 0; i < 123; i++) {
        diag_request_step(&r, DIAG_PROPOSED);
        diag_request_step(&other, i % 2 == 0 ? DIAG_PROPOSED : DIAG_COMMITTED);
    }
    diag_request_end(&r, &err);
    diag_request_end(&other, NULL);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"message\":\"began\""), 1); /* it was not pushed out */
    assert_int_equal(diagnose_times(&text, "\"message\":\"proposed\""), 1);
    assert_int_equal(diagnose_times(&text, "\"message\":\"proposed (10 times)\""), 1);
    assert_int_equal(diagnose_times(&text, "\"message\":\"proposed (100 times)\""), 1);
    assert_int_equal(diagnose_times(&text, "\"category\":\"request\""), 4);
    bx_buf_release(&text);
}

static uint64_t revision_is_9(void *ctx)
{
    (void)ctx;
    return 9;
}

TEST(an_error_says_where_and_when_it_was_and_is_grouped_by_what_was_done)
{
    struct bx_buf text;

    diagnose_open((struct diag_options){.dsn = DSN, .sample = 1, .revision = revision_is_9});
    fail_request();
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"level\":\"error\""), 1);
    assert_int_equal(diagnose_times(&text, "\"fingerprint\":[\"vm.create\",\"io\"]"), 1);
    assert_int_equal(diagnose_times(&text, "\"extra\":{\"duration_ms\":"), 1);
    assert_int_equal(diagnose_times(&text, ",\"revision\":9}"), 1); /* of the event alone */
    assert_int_equal(diagnose_times(&text, "\"os\":{\"name\":\"Linux\",\"version\":\""), 2);
    assert_int_equal(diagnose_times(&text, "\"device\":{\"arch\":\""), 2);
    assert_int_equal(
        diagnose_times(
            &text, "\"app\":{\"app_name\":\"blixardd\",\"app_version\":\"" PACKAGE_VERSION "\""),
        2);
    bx_buf_release(&text);
}

static void act(int code)
{
    static const uint8_t vm[16] = {0x12};
    struct bx_err err = {.code = code, .msg = "cannot start it"};

    diag_action_begin(diag, "reconcile.start", vm);
    diag_action_end(diag, code == BX_OK ? NULL : &err);
}

TEST(a_step_of_a_vm_that_fails_by_the_daemons_fault_is_an_event_and_no_request)
{
    struct bx_buf text;

    diagnose_open((struct diag_options){.dsn = DSN, .sample = 1});
    act(BX_OK);
    act(BX_NOT_FOUND); /* the kernel that a user has named */
    act(BX_IO);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "{\"formatted\":\"cannot start it\"}"), 1);
    assert_int_equal(diagnose_times(&text, "\"transaction\":\"reconcile.start\""),
                     1); /* none is sampled */
    assert_int_equal(diagnose_times(&text, "\"code\":\"io\""), 1);
    assert_int_equal(diagnose_times(&text, "\"level\":\"warning\""), 1); /* it is tried again */
    assert_int_equal(diagnose_times(&text, "\"vm\":\"12000000-0000-0000-0000-000000000000\""), 1);
    assert_int_equal(diagnose_times(&text, "\"aggregates\""), 0);
    bx_buf_release(&text);
}

TEST(a_step_of_a_vm_has_the_trace_that_it_is_recorded_with)
{
    struct bx_rec_thread thread;
    struct bx_buf text;

    diagnose_open((struct diag_options){0});
    act(BX_IO); /* nobody asked for it */
    assert_int_equal(bx_rec_thread_open(&thread, "loop", 0, BX_REC_RING, 0, clock_wall_ns), BX_OK);
    bx_rec_use(&thread);
    bx_rec_trace(0xa1b2c3);
    act(BX_IO);
    bx_rec_trace(0);
    act(BX_IO);
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"transaction\":\"reconcile.start\""), 3);
    assert_int_equal(diagnose_times(&text, "\"trace\":{"), 1);
    assert_int_equal(
        diagnose_times(&text, "\"trace_id\":\"00000000000000000000000000a1b2c3\",\"span_id\":"), 1);
    bx_buf_release(&text);
}

TEST(requests_that_are_not_sampled_are_told_but_are_no_loss)
{
    struct bx_buf text;
    struct bx_err err;

    diagnose_open((struct diag_options){.dsn = DSN, .sample = 4});
    for (int i = 0; i < 9; i++) {
        struct diag_request r;

        diag_request_begin(diag, &r, "vm.list", "anna");
        diag_request_end(&r, NULL);
        act(BX_OK); /* it takes no request's turn */
    }
    assert_int_equal(diagnose_stats().dropped, 0);
    assert_int_equal(diag_send(diag, &err), BX_OK);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"type\":\"transaction\",\"length\""), 3);
    assert_int_equal(
        diagnose_times(&text,
                       "{\"reason\":\"sample_rate\",\"category\":\"transaction\",\"quantity\":6}"),
        1);
    bx_buf_release(&text);
}

TEST(without_sampling_no_request_is_counted_as_not_sampled)
{
    struct bx_buf text;
    struct bx_err err;

    diagnose_open((struct diag_options){.dsn = DSN});
    fail_request();
    assert_int_equal(diag_send(diag, &err), BX_OK);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "sample_rate"), 0);
    bx_buf_release(&text);
}

static void end_of_error(void *ctx)
{
    struct log_options log = {.thread = "loop", .node = "n1"};
    struct bx_err err = {.code = BX_NO_SPACE, .msg = "no room for the disk of web-1"}, other;

    (void)ctx;
    if (bx_filter_parse(&log.filter, "off", NULL) == BX_OK && log_open(&log, &other) == BX_OK &&
        crash_open(diagnose_dir, "diagnose_test", &other) == BX_OK)
        log_fatal(&err);
}

/* What the next start makes of it. */
static struct bx_buf after_error(bool nameless)
{
    uint64_t until = uv_hrtime() + 20000000000u;

    assert_int_equal(test_in_child(end_of_error, NULL), 70);
    diagnose_open((struct diag_options){.about = {.nameless = nameless}});
    while (diagnose_stats().stored == 0 && uv_hrtime() < until)
        uv_run(&diagnose_loop, UV_RUN_ONCE); /* the crash is looked for in a job */
    return diagnose_stored();
}

TEST(an_error_that_ended_the_daemon_is_an_event_of_the_next_start)
{
    struct bx_buf text = after_error(false);

    assert_int_equal(
        diagnose_times(&text, "\"type\":\"no_space\",\"value\":\"no room for the disk of web-1\""),
        1);
    assert_int_equal(diagnose_times(&text, "\"level\":\"fatal\",\"logger\":\"crash\""), 1);
    assert_true(diagnose_times(&text, "\"instruction_addr\":") > 1);
    assert_int_equal(diagnose_times(&text, "\"filename\":\"crash-"), 1);
    bx_buf_release(&text);
}

TEST(an_error_that_ended_the_daemon_is_told_by_its_code_where_names_are_left_out)
{
    struct bx_buf text = after_error(true);

    assert_int_equal(diagnose_times(&text, "\"type\":\"no_space\""), 1);
    assert_int_equal(diagnose_times(&text, "web-1"), 0);
    bx_buf_release(&text);
}

TEST(what_it_costs_is_counted)
{
    struct bx_histogram serialise;
    struct diag_stats before, s;
    struct bx_buf text;

    diagnose_open((struct diag_options){0});
    before = diagnose_stats();
    assert_true(before.memory_bytes > 0 && before.memory_peak_bytes >= before.memory_bytes);
    diag_job_ended(diag, DIAG_JOB_SNAPSHOT, false, 1);
    s = diagnose_stats();
    assert_int_equal(s.fast, 1);
    fail_request(); /* it has breadcrumbs */
    assert_int_equal(diagnose_stats().fast, 1);
    diag_serialise(diag, &serialise);
    assert_int_equal(bx_histogram_count(&serialise), 2);
    assert_true(serialise.sum > 0);
    s = diagnose_stats();
    assert_true(s.allocations > before.allocations && s.memory_bytes > before.memory_bytes);
    for (int i = 0; i < 200; i++)
        fail_request();
    while (diagnose_stats().stored < DIAG_ERRORS_MINUTE) /* those beyond it are dropped */
        uv_run(&diagnose_loop, UV_RUN_ONCE);
    s = diagnose_stats();
    assert_true(s.avoided >= 3 * 200); /* a scope, its user, its breadcrumbs */
    assert_true(s.pool_hit_pct >= 90 && s.pool_hit_pct <= 100);
    assert_true(s.memory_peak_bytes > s.memory_bytes); /* nothing waits for the disk any more */
    assert_true(s.memory_average_bytes > 0 && s.memory_average_bytes <= s.memory_peak_bytes);
    text = diagnose_stored();
    bx_buf_release(&text);
}

TEST(what_the_fast_writer_saves_is_measured_on_one_event_in_16)
{
    struct bx_buf text;
    uint64_t once;

    diagnose_open((struct diag_options){0});
    diag_job_ended(diag, DIAG_JOB_SNAPSHOT, false, 1);
    once = diagnose_stats().saved_ns;
    for (int i = 0; i < 15; i++) {
        diag_job_ended(diag, DIAG_JOB_SNAPSHOT, true, 1);
        diag_job_ended(diag, DIAG_JOB_SNAPSHOT, false, 1);
    }
    assert_int_equal(diagnose_stats().saved_ns, 16 * once);
    assert_int_equal(diagnose_stats().fast, 16);
    text = diagnose_stored();
    bx_buf_release(&text);
}

int main(void)
{
    return test_run(diagnose_setup, diagnose_teardown);
}
