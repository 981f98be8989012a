/* What a shim tells the driver of its events: the lines, also to and from other builds, and those
 * that wait for a driver. */
#include "lib/testrec.h"

#include "rec/rec.h"
#include "vmdir/proto.h"

#include <jansson.h>
#include <string.h>

#define VM "\"vm\":\"01000000-0000-4000-8000-000000000001\""
#define STATUS                                                                                     \
    "{" VM ",\"epoch\":7,\"pid\":4711,\"state\":\"running\",\"failed\":false,\"message\":\"\""

static struct vm_status status(void)
{
    return (struct vm_status){.vm = {1, [6] = 0x40, [8] = 0x80, [15] = 1},
                              .epoch = 7,
                              .pid = 4711,
                              .state = BX_OBSERVED_RUNNING};
}

static json_t *line_of(const struct vm_status *s)
{
    char line[VM_LINE_MAX];
    size_t n = vm_status_write(s, line);
    json_t *o = json_loadb(line, n, 0, NULL);

    assert_true(n > 0 && line[n - 1] == '\n');
    assert_non_null(o);
    return o;
}

static struct vm_event there_and_back(const struct vm_event *e)
{
    struct vm_status s = status(), back;
    json_t *o;

    s.event = *e;
    o = line_of(&s);
    assert_int_equal(vm_status_read(o, &back), BX_OK);
    json_decref(o);
    return back.event;
}

TEST(an_event_comes_back_as_it_was)
{
    static const struct vm_event all[] = {
        {.kind = VM_EVENT_STARTED, .trace = 0xfedcba9876543210, .pid = 4711},
        {.kind = VM_EVENT_STATE, .trace = 1, .state = BX_OBSERVED_STOPPING, .why = "a \"reason\""},
        {.kind = VM_EVENT_ENDED, .failed = true, .why = "exit 1"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct vm_event back = there_and_back(&all[i]);

        assert_int_equal(back.kind, all[i].kind);
        assert_true(back.trace == all[i].trace);
        assert_int_equal(back.pid, all[i].pid);
        assert_int_equal(back.state, all[i].state);
        assert_int_equal(back.failed, all[i].failed);
        assert_string_equal(back.why, all[i].why);
    }
}

/* ---- other builds ---- */

TEST(a_status_without_an_event_has_the_bytes_of_earlier_builds)
{
    static const char want[] = STATUS ",\"reboots\":0}\n";
    struct vm_status s = status();
    char line[VM_LINE_MAX];

    assert_int_equal(vm_status_write(&s, line), sizeof want - 1);
    assert_memory_equal(line, want, sizeof want - 1);
}

TEST(an_event_has_the_bytes_of_its_first_build)
{
    static const char want[] =
        STATUS ",\"reboots\":0,\"event\":{\"kind\":\"state\",\"trace\":"
               "\"00f067aa0ba902b7\",\"state\":\"stopping\",\"why\":\"\"}}\n";
    struct vm_status s = status();
    char line[VM_LINE_MAX];

    s.event = (struct vm_event){
        .kind = VM_EVENT_STATE, .trace = 0x00f067aa0ba902b7, .state = BX_OBSERVED_STOPPING};
    assert_int_equal(vm_status_write(&s, line), sizeof want - 1);
    assert_memory_equal(line, want, sizeof want - 1);
}

/* How builds without events read a status. */
TEST(a_driver_of_an_earlier_build_reads_a_line_with_an_event)
{
    const char *uuid, *name, *message, *said = "";
    json_int_t epoch, pid, reboots = 0;
    struct vm_status s = status();
    json_t *o;
    int failed;

    s.event = (struct vm_event){.kind = VM_EVENT_STARTED, .pid = 4711};
    o = line_of(&s);
    assert_int_equal(json_unpack(o, "{ss sI sI ss sb ss s?I s?s}", "vm", &uuid, "epoch", &epoch,
                                 "pid", &pid, "state", &name, "failed", &failed, "message",
                                 &message, "reboots", &reboots, "said", &said),
                     0);
    assert_string_equal(name, "running");
    assert_int_equal(epoch, 7);
    json_decref(o);
}

/* A shim of an earlier build looks at "stop" and "kill" only. */
TEST(an_order_keeps_what_earlier_builds_look_at)
{
    struct vm_order order = {.timeout_ms = 60000, .trace = 0x00f067aa0ba902b7}, back;
    char line[VM_LINE_MAX];
    size_t n = vm_order_write(&order, line);
    json_t *o = json_loadb(line, n, 0, NULL);

    assert_int_equal(json_integer_value(json_object_get(o, "stop")), 60000);
    assert_int_equal(vm_order_read(o, &back), BX_OK);
    assert_true(back.trace == order.trace && back.timeout_ms == 60000 && !back.kill);
    json_decref(o);
    order.kill = true;
    n = vm_order_write(&order, line);
    o = json_loadb(line, n, 0, NULL);
    assert_true(json_is_true(json_object_get(o, "kill")));
    assert_int_equal(vm_order_read(o, &back), BX_OK);
    assert_true(back.trace == order.trace && back.kill);
    json_decref(o);
}

/* ---- damage ---- */

static struct vm_event read_event(const char *event)
{
    char line[VM_LINE_MAX];
    struct vm_status s;
    json_t *o;

    snprintf(line, sizeof line, STATUS ",\"event\":%s}", event);
    o = json_loads(line, 0, NULL);
    assert_non_null(o);
    assert_int_equal(vm_status_read(o, &s), BX_OK);
    assert_int_equal(s.state, BX_OBSERVED_RUNNING);
    json_decref(o);
    return s.event;
}

TEST(an_event_that_can_not_be_read_is_none)
{
    static const char *const events[] = {
        "null",
        "7",
        "[]",
        "\"state\"",
        "{}",
        "{\"kind\":\"\"}",
        "{\"kind\":\"of a later build\"}",
        "{\"kind\":3}",
        "{\"kind\":\"state\"}",
        "{\"kind\":\"state\",\"state\":\"molten\"}",
        "{\"kind\":\"state\",\"state\":[\"running\"]}",
    };

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_int_equal(read_event(events[i]).kind, VM_EVENT_NONE);
}

TEST(what_is_wrong_in_an_event_is_left_out)
{
    struct vm_event e = read_event("{\"kind\":\"started\",\"trace\":\"xyz\",\"pid\":-1,\"why\":7}");

    assert_int_equal(e.kind, VM_EVENT_STARTED);
    assert_true(e.trace == 0);
    assert_int_equal(e.pid, 0);
    assert_string_equal(e.why, "");
    assert_true(read_event("{\"kind\":\"started\",\"trace\":\"-00000000000000f\"}").trace == 0);
    assert_true(read_event("{\"kind\":\"started\",\"trace\":\"00000000000000000f\"}").trace == 0);
    assert_true(read_event("{\"kind\":\"started\",\"trace\":\"00000000000000abz\"}").trace == 0);
    assert_int_equal(read_event("{\"kind\":\"started\",\"pid\":4294967296}").pid, 0);
}

TEST(a_reason_that_is_too_long_is_cut)
{
    char event[800], why[600];

    memset(why, 'x', sizeof why);
    snprintf(event, sizeof event, "{\"kind\":\"ended\",\"why\":\"%.600s\"}", why);
    assert_int_equal(strlen(read_event(event).why), VM_TEXT_MAX - 1);
}

TEST(a_line_that_is_too_long_leaves_out_the_reason)
{
    struct vm_event e = {.kind = VM_EVENT_ENDED, .trace = 5, .failed = true}, back;

    memset(e.why, 1, sizeof e.why - 1); /* six bytes each in JSON */
    back = there_and_back(&e);
    assert_int_equal(back.kind, VM_EVENT_ENDED);
    assert_true(back.trace == 5 && back.failed);
    assert_string_equal(back.why, "");
    memset(e.why, 0xff, sizeof e.why - 1); /* no UTF-8 */
    assert_string_equal(there_and_back(&e).why, "");
}

/* A few bytes of it are others. */
static size_t damage(char *line, size_t n, uint64_t *seed)
{
    static const char bytes[] = "{}[]\",:\\0-.eEtfn \x01\xc3\xff";

    for (uint64_t k = test_random(seed) % 6 + 1; k > 0; k--)
        line[test_random(seed) % n] = bytes[test_random(seed) % (sizeof bytes - 1)];
    return test_random(seed) % 8 == 0 ? test_random(seed) % n : n;
}

TEST(a_damaged_line_is_refused_or_read)
{
    struct vm_status s = status(), back;
    char line[VM_LINE_MAX], copy[VM_LINE_MAX];
    uint64_t seed = 7;
    uint32_t events = 0;
    size_t n;

    s.event = (struct vm_event){.kind = VM_EVENT_STATE, .trace = 5, .why = "why"};
    n = vm_status_write(&s, line);
    test_rec_open("info");
    for (unsigned i = 0; i < 20000; i++) {
        json_t *o;

        memcpy(copy, line, n);
        o = json_loadb(copy, damage(copy, n, &seed), 0, NULL);
        if (o != NULL && vm_status_read(o, &back) == BX_OK) {
            assert_true(back.state < BX__OBSERVEDS && back.event.state < BX__OBSERVEDS);
            assert_true(back.event.kind < VM__EVENTS);
            vm_event_record(&back.event, back.vm, back.epoch);
            events += back.event.kind != VM_EVENT_NONE;
        }
        json_decref(o);
    }
    assert_true(events > 10);
    assert_int_equal(test_rec.lines, events);
    test_rec_close();
}

/* ---- recording ---- */

TEST(an_event_is_recorded_within_its_trace)
{
    struct vm_event e = {.kind = VM_EVENT_STATE, .trace = 0xab, .state = BX_OBSERVED_RUNNING};
    struct vm_status s = status();

    test_rec_open("info");
    bx_rec_trace(0xcd);
    vm_event_record(&e, s.vm, s.epoch);
    assert_string_equal(test_rec.last,
                        "info shim: its run uuid=01000000-0000-4000-8000-000000000001 epoch=7 "
                        "state=running why=\"\" trace=00000000000000ab");
    e = (struct vm_event){.kind = VM_EVENT_STARTED, .pid = 4711};
    vm_event_record(&e, s.vm, s.epoch);
    assert_string_equal(test_rec.last,
                        "info shim: started QEMU uuid=01000000-0000-4000-8000-000000000001 epoch=7 "
                        "pid=4711 trace=00000000000000cd");
    assert_true(bx_rec_traced() == 0xcd);
    test_rec_close();
}

/* ---- those that wait ---- */

static struct vm_event number(uint32_t i)
{
    return (struct vm_event){.kind = VM_EVENT_STARTED, .pid = i};
}

TEST(an_event_is_told_once_and_in_its_turn)
{
    struct vm_events w = {.n = 0};
    struct vm_event e;

    assert_null(vm_events_first(&w, 1000));
    for (uint32_t i = 1; i <= 3; i++) {
        e = number(i);
        vm_events_add(&w, &e, 1000);
    }
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(vm_events_first(&w, 1001)->pid, i);
        assert_int_equal(vm_events_first(&w, 1002)->pid, i); /* nobody has taken it */
        vm_events_drop(&w);
    }
    assert_null(vm_events_first(&w, 1003));
}

TEST(an_event_that_nobody_takes_in_time_is_not_told)
{
    struct vm_events w = {.n = 0};
    struct vm_event e = number(1);

    vm_events_add(&w, &e, 1000);
    e = number(2);
    vm_events_add(&w, &e, 2000);
    assert_int_equal(vm_events_first(&w, 1000 + VM_EVENT_WAIT_MS - 1)->pid, 1);
    assert_int_equal(vm_events_first(&w, 1000 + VM_EVENT_WAIT_MS)->pid, 2);
    assert_null(vm_events_first(&w, 2000 + VM_EVENT_WAIT_MS));
}

TEST(the_oldest_of_too_many_events_goes)
{
    struct vm_events w = {.n = 0};
    struct vm_event e;

    for (uint32_t i = 1; i <= VM_EVENTS_WAITING + 3; i++) {
        e = number(i);
        vm_events_add(&w, &e, 1000);
    }
    for (uint32_t i = 4; i <= VM_EVENTS_WAITING + 3; i++, vm_events_drop(&w))
        assert_int_equal(vm_events_first(&w, 1000)->pid, i);
    assert_null(vm_events_first(&w, 1000));
}

int main(void)
{
    return test_run(NULL, NULL);
}
