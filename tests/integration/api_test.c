/* The API of real daemons with the simulated driver: what each method does, and what becomes of who
 * waits when a daemon ends. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "mem/alloc.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

TEST(the_life_of_a_vm)
{
    struct rpc c = host_dial(hosts[0].local);
    uint64_t epoch;
    bool existed;
    bx_val v;

    v = rpc_ok(&c, "vm.create", "{\"name\": \"a\", \"vcpus\": 2, \"labels\": {\"k\": \"v\"}}");
    assert_true(bx_val_bool(bx_val_get(v, "existed"), &existed));
    assert_false(existed);
    assert_true(rpc_says(bx_val_get(v, "vm"), "name", "a"));
    host_wait_for_vm(&c, "a", "running");
    rpc_fails(&c, "vm.create", "{\"name\": \"a\"}", BX_EXISTS, "a");
    v = rpc_ok(&c, "vm.create", "{\"name\": \"a\", \"if_not_exists\": true}");
    assert_true(bx_val_bool(bx_val_get(v, "existed"), &existed));
    assert_true(existed);
    v = rpc_ok(&c, "vm.explain", "{\"vm\": \"a\"}");
    assert_true(rpc_says(v, "decision", "placed") && rpc_says(v, "node", "n1"));
    assert_int_equal(bx_val_len(bx_val_get(v, "candidates")), 1);
    rpc_ok(&c, "vm.logs", "{\"vm\": \"a\"}");
    rpc_ok(&c, "vm.stop", "{\"vm\": \"a\"}");
    host_wait_for_vm(&c, "a", "stopped");
    epoch = rpc_number(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "epoch");
    rpc_ok(&c, "vm.start", "{\"vm\": \"a\"}");
    host_wait_for_vm(&c, "a", "running");
    assert_int_equal(rpc_number(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "epoch"), epoch + 1);
    rpc_ok(&c, "vm.restart", "{\"vm\": \"a\"}");
    rpc_ok(&c, "vm.delete", "{\"vm\": \"a\"}");
    rpc_fails(&c, "vm.wait", "{\"vm\": \"a\", \"until\": \"deleted\"}", BX_INVALID, "uuid");
    rpc_fails(&c, "vm.wait",
              "{\"vm\": \"01000000-0000-4000-8000-000000000001\", "
              "\"until\": \"running\"}",
              BX_NOT_FOUND, "deleted");
    rpc_fails(&c, "vm.show", "{\"vm\": \"nobody\"}", BX_NOT_FOUND, "nobody");
    rpc_fails(&c, "vm.show", "{}", BX_INVALID, "\"vm\"");
    rpc_close(&c);
}

/* The id that was answered here is ended; its repeat is another request then. */
TEST(done_releases_what_was_answered)
{
    struct rpc c = host_dial(hosts[0].local);
    static const char create[] = "{\"name\": \"once\", \"stopped\": true, \"disk_gib\": 0, "
                                 "\"request_id\": \"0f112233445566778899aabbccddeeff\"}";
    static const char done[] = "{\"request_id\": \"0f112233445566778899aabbccddeeff\"}";
    bool released = true;

    assert_true(bx_val_bool(bx_val_get(rpc_ok(&c, "sys.done", done), "released"), &released));
    assert_false(released);
    rpc_ok(&c, "vm.create", create);
    rpc_ok(&c, "vm.create", create);
    assert_true(bx_val_bool(bx_val_get(rpc_ok(&c, "sys.done", done), "released"), &released));
    assert_true(released);
    /* A repeat until then. One that is under way when the session would end keeps it. */
    for (uint64_t until = host_now_ms() + HOST_WAIT_MS;;) {
        bx_val answer = rpc_call(&c, "vm.create", create);

        if (bx_val_type(bx_val_at(answer, 2)) != BX_V_NIL) {
            rpc_is_error(answer, BX_EXISTS, "once");
            break;
        }
        rpc_ok(&c, "sys.done", done);
        host_wait(until, "the session is ended");
    }
    rpc_fails(&c, "sys.done", "{}", BX_INVALID, "request_id");
    rpc_fails(&c, "sys.done", "{\"request_id\": \"1\"}", BX_INVALID, "32 hex digits");
    rpc_ok(&c, "vm.delete", "{\"vm\": \"once\"}");
    rpc_close(&c);
}

TEST(the_answer_to_a_write_tells_its_trace_id)
{
    struct rpc c = host_dial(hosts[0].local);
    struct bx_str id = {"", 0};
    bx_val v = rpc_ok(&c, "vm.create",
                      "{\"name\": \"traced\", \"stopped\": true, \"trace_id\": "
                      "\"4bf92f3577b34da6a3ce929d0e0e4736\"}");

    assert_true(rpc_says(v, "trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"));
    v = rpc_ok(&c, "vm.delete", "{\"vm\": \"traced\"}"); /* it has one in any case */
    assert_true(bx_val_str(bx_val_get(v, "trace_id"), &id) && id.n == 32);
    rpc_close(&c);
}

TEST(a_vm_is_renamed_while_it_runs)
{
    struct rpc c = host_dial(hosts[0].local);
    static const char repeat[] = "{\"vm\": \"old\", \"name\": \"new\", \"request_id\": "
                                 "\"00112233445566778899aabbccddeeff\"}";
    uint64_t epoch, revision;
    bx_val v;

    rpc_ok(&c, "vm.create", "{\"name\": \"old\"}");
    host_wait_for_vm(&c, "old", "running");
    epoch = rpc_number(rpc_ok(&c, "vm.show", "{\"vm\": \"old\"}"), "epoch");
    v = rpc_ok(&c, "vm.rename", repeat);
    revision = rpc_number(v, "revision");
    v = bx_val_get(v, "vm");
    assert_true(rpc_says(v, "name", "new") && rpc_says(v, "phase", "running"));
    assert_int_equal(rpc_number(v, "epoch"), epoch);
    rpc_fails(&c, "vm.show", "{\"vm\": \"old\"}", BX_NOT_FOUND, "old");
    assert_int_equal(rpc_number(rpc_ok(&c, "vm.rename", repeat), "revision"), revision);
    rpc_ok(&c, "vm.create", "{\"name\": \"old\", \"stopped\": true}");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\", \"name\": \"new\"}", BX_EXISTS, "\"new\" exists");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\", \"name\": \"N\"}", BX_INVALID,
              "not a valid name");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\"}", BX_INVALID, "not a valid name");
    rpc_fails(&c, "vm.rename", "{\"name\": \"x\"}", BX_INVALID, "\"vm\"");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"nobody\", \"name\": \"x\"}", BX_NOT_FOUND, "nobody");
    rpc_close(&c);
}

static uint32_t listed(struct rpc *c, const char *method, const char *params, const char *first)
{
    bx_val list = rpc_ok(c, method, params);

    if (bx_val_len(list) > 0)
        assert_true(rpc_says(bx_val_at(list, 0), "name", first));
    return bx_val_len(list);
}

TEST(lists_are_cut_and_filtered)
{
    struct rpc c = host_dial(hosts[0].local);
    uint64_t first;

    for (int i = 1; i <= 5; i++) {
        char params[128];

        snprintf(params, sizeof params,
                 "{\"name\": \"v%d\", \"vcpus\": %d, \"stopped\": true, \"labels\": {\"k\": "
                 "\"%d\"}}",
                 i, i, i % 2);
        rpc_ok(&c, "vm.create", params);
    }
    assert_int_equal(listed(&c, "vm.list", "{}", "v1"), 5);
    assert_int_equal(listed(&c, "vm.list", "{\"limit\": 2}", "v1"), 2);
    assert_int_equal(listed(&c, "vm.list", "{\"limit\": 2, \"after\": \"v2\"}", "v3"), 2);
    assert_int_equal(listed(&c, "vm.list", "{\"after\": \"v5\"}", ""), 0);
    assert_int_equal(listed(&c, "vm.list", "{\"match\": {\"vcpus\": \"4\"}}", "v4"), 1);
    assert_int_equal(listed(&c, "vm.list", "{\"match\": {\"labels.k\": \"1\"}}", "v1"), 3);
    assert_int_equal(
        listed(&c, "vm.list", "{\"match\": {\"labels.k\": \"1\"}, \"after\": \"v1\"}", "v3"), 2);
    assert_int_equal(listed(&c, "node.list", "{\"after\": \"1\"}", ""), 0);
    assert_int_equal(listed(&c, "node.list", "{\"match\": {\"driver\": \"sim\"}}", "n1"), 1);
    assert_int_equal(listed(&c, "cluster.members", "{\"limit\": 1}", "n1"), 1);
    first =
        rpc_number(bx_val_at(rpc_ok(&c, "events.list",
                                    "{\"match\": {\"type\": \"vm.created\", \"object\": \"v2\"}}"),
                             0),
                   "index");
    assert_true(first > 0);
    rpc_fails(&c, "vm.list", "{\"match\": {\"phse\": \"x\"}}", BX_INVALID,
              "did you mean \"phase\"?");
    rpc_fails(&c, "node.list", "{\"after\": \"n1\"}", BX_INVALID, "must be a number");
    rpc_close(&c);
}

TEST(metadata_is_kept_and_shown)
{
    struct rpc c = host_dial(hosts[0].local);
    struct bx_str text;
    bx_val v;

    rpc_ok(&c, "vm.create",
           "{\"name\": \"m\", \"stopped\": true, \"metadata\": {\"ticket\": \"42\", \"owner\": "
           "\"me\"}}");
    v = bx_val_get(rpc_ok(&c, "vm.show", "{\"vm\": \"m\"}"), "metadata");
    assert_int_equal(bx_val_len(v), 2);
    assert_true(rpc_says(v, "ticket", "42") && rpc_says(v, "owner", "me"));
    v = rpc_ok(&c, "sql.query", "{\"query\": \"SELECT metadata FROM vms WHERE name = 'm'\"}");
    assert_true(bx_val_str(bx_val_at(bx_val_at(bx_val_get(v, "rows"), 0), 0), &text));
    assert_true(bx_str_eq(text, bx_str("{\"owner\":\"me\",\"ticket\":\"42\"}")));
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"metadata\": {\"a b\": \"\"}}", BX_INVALID,
              "--metadata: \"a b\" is not a valid key");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"metadata\": [1]}", BX_INVALID, "metadata");
    rpc_ok(&c, "vm.create", "{\"name\": \"plain\", \"stopped\": true}");
    assert_null(bx_val_get(rpc_ok(&c, "vm.show", "{\"vm\": \"plain\"}"), "metadata"));
    rpc_close(&c);
}

TEST(bad_requests_change_nothing)
{
    struct rpc c = host_dial(hosts[0].api);
    struct bx_buf b = {0};
    uint64_t revision = rpc_number(rpc_ok(&c, "cluster.status", "{}"), "revision");
    char *text = bx_must_calloc(400, 1);

    rpc_fails(&c, "vm.cretae", "{}", BX_UNSUPPORTED, "did you mean \"vm.create\"?");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"vcpu\": 2}", BX_INVALID,
              "did you mean \"vcpus\"?");
    rpc_fails(&c, "vm.create", "{\"name\": \"x y\"}", BX_INVALID, "not a valid name");
    rpc_fails(&c, "vm.create", "{}", BX_INVALID, "name");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"vcpus\": \"two\"}", BX_INVALID, "vcpus");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"vcpus\": 513}", BX_INVALID, "--vcpus");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"labels\": [1]}", BX_INVALID, "labels");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"restart\": \"maybe\"}", BX_INVALID,
              "never, on-failure, always");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"disk_gib\": 0, \"on_lost\": \"restart\"}",
              BX_INVALID, "not supported yet");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"cmdline\": \"quiet\"}", BX_INVALID, "--kernel");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"node\": \"nowhere\"}", BX_NOT_FOUND, "nowhere");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"memory_mib\": 60000000}", BX_UNPLACEABLE,
              "n1: not enough memory");
    rpc_fails(&c, "vm.create", "{\"name\": \"x\", \"memory_mib\": 60000000, \"dry_run\": true}",
              BX_UNPLACEABLE, "n1: not enough memory");
    rpc_fails(&c, "vm.list", "{\"consistency\": \"eventual\"}", BX_INVALID, "linearizable");
    rpc_fails(&c, "vm.delete", "{\"vm\": \"x\", \"request_id\": \"7\"}", BX_INVALID, "32 hex");
    rpc_fails(&c, "sql.query", "{\"query\": \"DROP TABLE vms\"}", BX_DENIED, "");
    snprintf(text, 400, "{\"name\": \"x\", \"labels\": {\"k\": \"%0300d\"}}", 1);
    rpc_fails(&c, "vm.create", text, BX_INVALID, "at most 255");
    bx_free(text);

    /* A label of two mebibytes is more than a message may have. */
    text = bx_must_calloc((2 << 20) + 64, 1);
    memset(text, 'x', (2 << 20) + 40);
    memcpy(text, "{\"name\": \"x\", \"labels\": {\"k\": \"", 31);
    memcpy(text + (2 << 20) + 40, "\"}}", 4);
    rpc_request(&b, 5, "vm.create", text);
    bx_free(text);
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    rpc_is_error(rpc_read(&c), BX_TOO_LARGE, "1024 KiB");
    assert_null(rpc_read(&c));
    rpc_close(&c);
    c = host_dial(hosts[0].api);
    assert_int_equal(rpc_number(rpc_ok(&c, "cluster.status", "{}"), "revision"), revision);
    rpc_close(&c);
}

/* ---- SQL ---- */

TEST(long_queries_end_and_hold_up_nobody)
{
    static const char params[] =
        "{\"query\": \"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
        "SELECT count(*) FROM c\", \"timeout_ms\": 20000}";
    struct rpc c = host_dial(hosts[0].local), other = host_dial(hosts[0].local);
    struct bx_buf b = {0};
    uint64_t began = host_now_ms();
    int busy = 0;

    for (uint64_t id = 1; id <= 8; id++)
        rpc_request(&b, id, "sql.query", params);
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    for (int i = 0; i < 6; i++) { /* two of a user at a time, and the rest is told at once */
        rpc_is_error(rpc_read(&c), BX_BUSY, "too many running queries (2 of ");
        busy++;
    }
    assert_true(host_now_ms() - began < 4000);
    rpc_ok(&other, "vm.create", "{\"name\": \"meanwhile\"}");
    for (int i = 0; i < 2; i++)
        rpc_is_error(rpc_read(&c), BX_TIMEOUT, "");
    assert_int_equal(bx_val_len(bx_val_get(
                         rpc_ok(&c, "sql.query", "{\"query\": \"SELECT name FROM vms\"}"), "rows")),
                     1);
    rpc_close(&c);
    rpc_close(&other);
}

/* ---- the daemon ends ---- */

TEST(who_waits_is_told_when_it_stops)
{
    struct rpc c = host_dial(hosts[0].local), watcher = host_dial(hosts[0].api);
    struct bx_buf b = {0};
    struct bx_str uuid;
    char params[256];
    bx_val v, answer;

    v = rpc_ok(&c, "vm.create", "{\"name\": \"a\"}");
    assert_true(bx_val_str(bx_val_get(bx_val_get(v, "vm"), "uuid"), &uuid));
    snprintf(params, sizeof params, "{\"vm\": \"" BX_STR_FMT "\", \"until\": \"deleted\"}",
             BX_STR_ARG(uuid));
    rpc_ok(&watcher, "events.watch", "{}");
    rpc_request(&b, 9, "vm.wait", params);
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    rpc_ok(&watcher, "vm.list", "{}"); /* the wait has begun by then */
    rpc_ok(&watcher, "vm.list", "{}");
    host_stop(&hosts[0], SIGTERM);
    answer = rpc_read(&c);
    if (answer != NULL) /* or its connection was gone first */
        rpc_is_error(answer, BX_SHUTDOWN, "stopping");
    rpc_read_to_end(&watcher);
    rpc_close(&c);
    rpc_close(&watcher);
    assert_int_not_equal(access(hosts[0].local + 5, F_OK), 0);
}

static uint64_t calls_in_use(struct rpc *c)
{
    return rpc_number(bx_val_get(rpc_ok(c, "mem.stats", "{}"), "call"), "in_use");
}

/* The connection is closed before the barrier of the waits has been applied. */
TEST(who_went_away_waits_for_nothing)
{
    struct rpc c = host_dial(hosts[0].local), gone = host_dial(hosts[0].local);
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    struct bx_buf b = {0};
    struct bx_str uuid;
    char params[128];

    bx_val_str(bx_val_get(bx_val_get(rpc_ok(&c, "vm.create", "{\"name\": \"a\"}"), "vm"), "uuid"),
               &uuid);
    snprintf(params, sizeof params,
             "{\"vm\": \"" BX_STR_FMT "\", \"until\": \"deleted\", \"timeout_ms\": 600000}",
             BX_STR_ARG(uuid));
    for (uint64_t id = 1; id <= 64; id++)
        rpc_request(&b, id, "vm.wait", params);
    assert_true(rpc_write(&gone, b.data, b.len));
    bx_buf_release(&b);
    rpc_close(&gone);
    rpc_ok(&c, "vm.list", "{}"); /* after their barrier */
    while (calls_in_use(&c) > 1)
        host_wait(until, "the end of the waits");
    rpc_close(&c);
}

TEST(a_killed_daemon_comes_back)
{
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    struct rpc c = host_dial(hosts[0].local);

    rpc_ok(&c, "vm.create", "{\"name\": \"a\"}");
    rpc_close(&c);
    host_stop(&hosts[0], SIGKILL);
    assert_int_equal(access(hosts[0].local + 5, F_OK), 0); /* what it leaves does not hinder it */
    while (rpc_dial(&c, hosts[0].local, NULL)) {
        rpc_close(&c);
        host_wait(until, "nobody listens");
    }
    host_run(&hosts[0]);
    c = host_dial(hosts[0].local);
    assert_true(rpc_says(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "name", "a"));
    rpc_close(&c);
}

/* ---- two hosts ---- */

/* A token names nodes, and a cluster that is just being founded has none for a moment. */
TEST(a_founder_is_asked_for_tokens_at_once)
{
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    struct bx_buf b = {0};
    struct rpc c;

    host_create(&hosts[1]);
    c = host_dial(hosts[1].local);
    rpc_request(&b, 1, "cluster.init", "{}");
    for (uint64_t id = 2; id <= 40; id++)
        rpc_request(&b, id, "cluster.token_create", host_token_params());
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    for (int i = 0; i < 40; i++) {
        bx_val answer = rpc_read(&c);

        assert_non_null(answer);
        if (bx_val_type(bx_val_at(answer, 2)) != BX_V_NIL)
            rpc_is_error(answer, BX_NO_LEADER, "no node");
    }
    while (bx_val_type(bx_val_at(rpc_call(&c, "cluster.token_create", host_token_params()), 2)) !=
           BX_V_NIL)
        host_wait(until, "a token");
    rpc_close(&c);
}

/* The line that a simulated VM has, then nothing until it ends. */
static void follow_logs(struct rpc *c, const char *vm)
{
    uint64_t epoch = 0, file = 0, offset = 0;
    bool ended = false;
    char params[200];
    bx_val v;

    snprintf(params, sizeof params, "{\"vm\": \"%s\", \"follow\": true, \"bytes\": 9}", vm);
    v = rpc_ok(c, "vm.logs", params);
    assert_true(rpc_says(v, "text", "console.\n"));
    assert_null(bx_val_get(v, "ended"));
    assert_true(bx_val_u64(bx_val_get(v, "epoch"), &epoch) && epoch > 0);
    assert_true(bx_val_u64(bx_val_get(v, "file"), &file) && file > 0);
    assert_true(bx_val_u64(bx_val_get(v, "offset"), &offset) && offset > 9);
    snprintf(params, sizeof params,
             "{\"vm\": \"%s\", \"follow\": true, \"epoch\": %u, \"file\": %u, \"offset\": %u}", vm,
             (unsigned)epoch, (unsigned)file, (unsigned)offset);
    v = rpc_ok(c, "vm.logs", params);
    assert_true(rpc_says(v, "text", ""));
    assert_null(bx_val_get(v, "ended"));
    rpc_ok(c, "vm.stop", "{\"vm\": \"b\"}");
    host_wait_for_vm(c, vm, "stopped");
    v = rpc_ok(c, "vm.logs", params);
    assert_true(rpc_says(v, "text", ""));
    assert_true(bx_val_bool(bx_val_get(v, "ended"), &ended) && ended);
}

TEST(logs_come_from_the_node_that_has_them)
{
    struct rpc first = host_dial(hosts[0].local), second;
    bx_val v;

    host_join(&hosts[1]);
    second = host_dial(hosts[1].local);
    rpc_ok(&second, "vm.create", "{\"name\": \"a\", \"node\": \"n1\"}");
    rpc_ok(&second, "vm.create", "{\"name\": \"b\", \"node\": \"n2\"}");
    host_wait_for_vm(&second, "a", "running");
    host_wait_for_vm(&second, "b", "running");
    v = rpc_ok(&second, "vm.logs", "{\"vm\": \"a\"}");
    assert_true(rpc_says(v, "node", "n1"));
    v = rpc_ok(&second, "vm.logs", "{\"vm\": \"b\"}");
    assert_true(rpc_says(v, "node", "n2"));
    v = rpc_ok(&first, "vm.logs", "{\"vm\": \"b\"}");
    assert_true(rpc_says(v, "node", "n2"));
    follow_logs(&first, "b");
    rpc_close(&second);
    host_stop(&hosts[1], SIGKILL);
    rpc_fails(&first, "vm.logs",
              "{\"vm\": \"b\", \"consistency\": \"stale\", \"timeout_ms\": 2000}", BX_UNREACHABLE,
              "node");
    rpc_close(&first);
}

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
