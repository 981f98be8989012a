#include "lib/testlib.h"

#include "vmdir/qmp.h"

#include "vmdir/proto.h"

#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char greeting[] =
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": "
    "\"\"}, \"capabilities\": [\"oob\"]}}\r\n";

struct pair {
    struct qmp q;
    int far;
};

static int setup(void **state)
{
    static struct pair p;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        return -1;
    qmp_open(&p.q, fds[0]);
    p.far = fds[1];
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    qmp_close(&p->q);
    if (p->far >= 0)
        close(p->far);
    return 0;
}

static int feed(struct pair *p, const char *text)
{
    struct bx_err err;

    assert_int_equal(write(p->far, text, strlen(text)), (int)strlen(text));
    return qmp_read(&p->q, &err);
}

static void expect_sent(struct pair *p, const char *text)
{
    char got[256] = {0};

    assert_true(read(p->far, got, sizeof got - 1) > 0);
    assert_string_equal(got, text);
}

static void ready(struct pair *p)
{
    assert_int_equal(feed(p, greeting), BX_OK);
    expect_sent(p, "{\"execute\":\"qmp_capabilities\"}\r\n");
    assert_int_equal(feed(p, "{\"return\": {}}\r\n"), BX_OK);
    assert_int_equal(p->q.phase, QMP_READY);
}

/* The greeting is not readiness; the answer to qmp_capabilities is. */
TEST(the_greeting_is_not_readiness)
{
    struct pair *p = *state;
    struct bx_err err;

    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_BUSY);
    assert_int_equal(feed(p, greeting), BX_OK);
    assert_int_equal(p->q.phase, QMP_NEGOTIATING);
    assert_true(p->q.answer_by != 0);
    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_BUSY);
    expect_sent(p, "{\"execute\":\"qmp_capabilities\"}\r\n");
    assert_int_equal(feed(p, "{\"return\": {}}\r\n"), BX_OK);
    assert_int_equal(p->q.phase, QMP_READY);
    assert_true(p->q.answer_by == 0);
    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_OK);
    expect_sent(p, "{\"execute\":\"quit\"}\r\n");
    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_BUSY);
}

TEST(the_greeting_may_come_byte_by_byte)
{
    struct pair *p = *state;
    char one[2] = {0};
    size_t i;

    for (i = 0; greeting[i] != '\0'; i++) {
        assert_int_equal(p->q.phase, QMP_GREETING);
        one[0] = greeting[i];
        assert_int_equal(feed(p, one), BX_OK);
    }
    assert_int_equal(p->q.phase, QMP_NEGOTIATING);
}

TEST(the_reason_of_a_shutdown_is_kept)
{
    struct pair *p = *state;

    ready(p);
    assert_int_equal(feed(p, "{\"timestamp\": {}, \"event\": \"RESUME\"}\r\n\r\n"
                             "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
                             "\"guest-reset\"}}\r\n"),
                     BX_OK);
    assert_string_equal(p->q.reason, "guest-reset");
}

/* A reset that QEMU was told to make is none of the guest's. */
TEST(the_resets_of_the_guest_are_counted)
{
    struct pair *p = *state;

    ready(p);
    assert_int_equal(p->q.resets, 0);
    assert_int_equal(
        feed(
            p,
            "{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"
            "{\"event\": \"RESET\", \"data\": {\"guest\": false, \"reason\": "
            "\"host-qmp-system-reset\"}}\r\n"
            "{\"event\": \"RESET\", \"data\": {}}\r\n{\"event\": \"RESET\"}\r\n"
            "{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"),
        BX_OK);
    assert_int_equal(p->q.resets, 2);
    assert_string_equal(p->q.reason, "");
    assert_int_equal(p->q.phase, QMP_READY);
}

TEST(an_error_is_a_failure)
{
    struct pair *p = *state;
    struct bx_err err;

    ready(p);
    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_OK);
    assert_int_equal(
        feed(p, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}}\r\n"),
        BX_FAILED);
}

TEST(garbage_is_refused)
{
    struct pair *p = *state;

    assert_int_equal(feed(p, "hello\r\n"), BX_MALFORMED);
}

TEST(what_is_not_an_object_is_refused)
{
    assert_int_equal(feed(*state, "[1, 2]\r\n"), BX_MALFORMED);
}

TEST(an_answer_that_nobody_asked_for_is_refused)
{
    struct pair *p = *state;

    ready(p);
    assert_int_equal(feed(p, "{\"return\": {}}\r\n"), BX_MALFORMED);
}

TEST(a_line_beyond_the_bound_is_refused)
{
    struct pair *p = *state;
    char chunk[1025];
    unsigned i;

    memset(chunk, 'x', 1024);
    chunk[1024] = '\0';
    for (i = 0; i < QMP_LINE_MAX / 1024; i++)
        assert_int_equal(feed(p, chunk), BX_OK);
    assert_int_equal(feed(p, "x"), BX_TOO_LARGE);
}

TEST(the_end_of_the_stream_closes_it)
{
    struct pair *p = *state;
    struct bx_err err;

    ready(p);
    close(p->far);
    p->far = -1;
    assert_int_equal(qmp_read(&p->q, &err), BX_OK);
    assert_int_equal(p->q.phase, QMP_CLOSED);
    assert_int_equal(qmp_execute(&p->q, "quit", &err), BX_BUSY);
}

/* A QEMU that ends at once takes no command any more. That is no failure of the protocol: its exit
 * tells why. */
TEST(a_command_that_comes_too_late_is_no_error)
{
    struct pair *p = *state;
    struct bx_err err;

    assert_int_equal(write(p->far, greeting, strlen(greeting)), (int)strlen(greeting));
    dprintf(p->far, "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-shutdown\"}}\r\n");
    close(p->far);
    p->far = -1;
    assert_int_equal(qmp_read(&p->q, &err), BX_OK);
    assert_int_equal(p->q.phase, QMP_CLOSED);
    assert_string_equal(p->q.reason, "guest-shutdown");
    assert_int_equal(p->q.answer_by, 0);
}

/* ---- the shim's own lines ---- */

TEST(a_status_comes_back_as_it_was)
{
    struct vm_status s = {.vm = {1, 2, 3},
                          .epoch = 77,
                          .pid = 4711,
                          .state = BX_OBSERVED_EXITED,
                          .failed = true,
                          .message = "exit 1: \"quoted\"",
                          .reboots = 5,
                          .said = "qemu: \"no such device\""},
                     back;
    char line[VM_LINE_MAX];
    size_t n = vm_status_write(&s, line);
    json_t *o;

    assert_true(n > 0 && line[n - 1] == '\n');
    o = json_loadb(line, n, 0, NULL);
    assert_int_equal(vm_status_read(o, &back), BX_OK);
    json_decref(o);
    assert_memory_equal(&s, &back, sizeof s);
}

TEST(a_status_that_is_too_long_leaves_out_what_qemu_said)
{
    struct vm_status s = {.vm = {1}, .state = BX_OBSERVED_EXITED}, back;
    char line[VM_LINE_MAX];
    json_t *o;
    size_t n;

    memset(s.message, 1, 110); /* six bytes each in JSON */
    memset(s.said, '\\', sizeof s.said - 1);
    n = vm_status_write(&s, line);
    assert_true(n > 0);
    o = json_loadb(line, n, 0, NULL);
    assert_int_equal(vm_status_read(o, &back), BX_OK);
    json_decref(o);
    assert_string_equal(back.message, s.message);
    assert_string_equal(back.said, "");
}

/* A shim goes on running when the daemon is upgraded. */
TEST(a_status_of_an_earlier_build_has_no_reboots)
{
    static const char line[] = "{\"vm\":\"01000000-0000-4000-8000-000000000001\",\"epoch\":7,"
                               "\"pid\":4711,\"state\":\"running\",\"failed\":false,"
                               "\"message\":\"\"}";
    struct vm_status s;
    json_t *o = json_loads(line, 0, NULL);

    assert_int_equal(vm_status_read(o, &s), BX_OK);
    assert_int_equal(s.epoch, 7);
    assert_int_equal(s.reboots, 0);
    assert_int_equal(json_object_set_new(o, "reboots", json_integer(-1)), 0);
    assert_int_equal(vm_status_read(o, &s), BX_MALFORMED);
    json_decref(o);
}

TEST(orders_are_read_or_refused)
{
    static const struct {
        const char *text;
        int rc;
        struct vm_order order;
    } cases[] = {
        {"{\"stop\":60000}", BX_OK, {.timeout_ms = 60000}},
        {"{\"kill\":true}", BX_OK, {.kill = true}},
        {"{\"kill\":false}", BX_MALFORMED, {0}},
        {"{\"stop\":-1}", BX_MALFORMED, {0}},
        {"{\"stop\":4294967296}", BX_MALFORMED, {0}},
        {"{\"stop\":\"now\"}", BX_MALFORMED, {0}},
        {"{}", BX_MALFORMED, {0}},
    };
    struct vm_order order;
    char line[VM_LINE_MAX];
    size_t i, n;
    json_t *o;

    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        o = json_loads(cases[i].text, 0, NULL);
        assert_int_equal(vm_order_read(o, &order), cases[i].rc);
        json_decref(o);
        if (cases[i].rc != BX_OK)
            continue;
        assert_int_equal(order.kill, cases[i].order.kill);
        assert_int_equal(order.timeout_ms, cases[i].order.timeout_ms);
        n = vm_order_write(&order, line);
        assert_int_equal(n, strlen(cases[i].text) + 1);
        assert_memory_equal(line, cases[i].text, n - 1);
    }
}

int main(void)
{
    return test_run(setup, teardown);
}
