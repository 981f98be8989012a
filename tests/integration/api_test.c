/* The API of real daemons with the simulated driver: what clients do to it, on purpose or not, and
 * that it goes on serving. BLIXARD_LONG=1 sends more noise. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "codec/hybrid.h"
#include "mem/alloc.h"
#include "wire/vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- methods ---- */

static uint64_t number(bx_val map, const char *key)
{
    uint64_t n = 0;

    assert_true(bx_val_u64(bx_val_get(map, key), &n));
    return n;
}

static bool says(bx_val map, const char *key, const char *want)
{
    struct bx_str s = {"", 0};

    return bx_val_str(bx_val_get(map, key), &s) && bx_str_eq(s, bx_str(want));
}

static void wait_for_vm(struct rpc *c, const char *vm, const char *state)
{
    struct bx_str uuid;
    char params[256];
    bx_val v;

    snprintf(params, sizeof params, "{\"vm\": \"%s\"}", vm);
    v = rpc_ok(c, "vm.show", params);
    assert_true(bx_val_str(bx_val_get(v, "uuid"), &uuid));
    snprintf(params, sizeof params,
             "{\"vm\": \"" BX_STR_FMT "\", \"until\": \"%s\", \"timeout_ms\": 15000}",
             BX_STR_ARG(uuid), state);
    v = rpc_ok(c, "vm.wait", params);
    assert_true(strcmp(state, "deleted") == 0 ? bx_val_type(v) == BX_V_NIL
                                              : says(v, "phase", state));
}

TEST(the_life_of_a_vm)
{
    struct rpc c = host_dial(hosts[0].local);
    uint64_t epoch;
    bool existed;
    bx_val v;

    v = rpc_ok(&c, "vm.create", "{\"name\": \"a\", \"vcpus\": 2, \"labels\": {\"k\": \"v\"}}");
    assert_true(bx_val_bool(bx_val_get(v, "existed"), &existed));
    assert_false(existed);
    assert_true(says(bx_val_get(v, "vm"), "name", "a"));
    wait_for_vm(&c, "a", "running");
    rpc_fails(&c, "vm.create", "{\"name\": \"a\"}", BX_EXISTS, "a");
    v = rpc_ok(&c, "vm.create", "{\"name\": \"a\", \"if_not_exists\": true}");
    assert_true(bx_val_bool(bx_val_get(v, "existed"), &existed));
    assert_true(existed);
    v = rpc_ok(&c, "vm.explain", "{\"vm\": \"a\"}");
    assert_true(says(v, "decision", "placed") && says(v, "node", "n1"));
    assert_int_equal(bx_val_len(bx_val_get(v, "candidates")), 1);
    rpc_ok(&c, "vm.logs", "{\"vm\": \"a\"}");
    rpc_ok(&c, "vm.stop", "{\"vm\": \"a\"}");
    wait_for_vm(&c, "a", "stopped");
    epoch = number(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "epoch");
    rpc_ok(&c, "vm.start", "{\"vm\": \"a\"}");
    wait_for_vm(&c, "a", "running");
    assert_int_equal(number(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "epoch"), epoch + 1);
    rpc_ok(&c, "vm.restart", "{\"vm\": \"a\"}");
    rpc_ok(&c, "vm.delete", "{\"vm\": \"a\"}");
    rpc_fails(&c, "vm.wait", "{\"vm\": \"a\", \"until\": \"deleted\"}", BX_INVALID, "uuid");
    rpc_fails(&c, "vm.wait",
              "{\"vm\": \"01000000-0000-4000-8000-000000000001\", "
              "\"until\": \"running\"}",
              BX_NOT_FOUND, "deleted");
    rpc_fails(&c, "vm.show", "{\"vm\": \"nobody\"}", BX_NOT_FOUND, "nobody");
    rpc_fails(&c, "vm.show", "{}", BX_INVALID, "vm: is missing");
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
    wait_for_vm(&c, "old", "running");
    epoch = number(rpc_ok(&c, "vm.show", "{\"vm\": \"old\"}"), "epoch");
    v = rpc_ok(&c, "vm.rename", repeat);
    revision = number(v, "revision");
    v = bx_val_get(v, "vm");
    assert_true(says(v, "name", "new") && says(v, "phase", "running"));
    assert_int_equal(number(v, "epoch"), epoch);
    rpc_fails(&c, "vm.show", "{\"vm\": \"old\"}", BX_NOT_FOUND, "old");
    assert_int_equal(number(rpc_ok(&c, "vm.rename", repeat), "revision"), revision);
    rpc_ok(&c, "vm.create", "{\"name\": \"old\", \"stopped\": true}");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\", \"name\": \"new\"}", BX_EXISTS, "\"new\" exists");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\", \"name\": \"N\"}", BX_INVALID,
              "not a valid name");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"old\"}", BX_INVALID, "not a valid name");
    rpc_fails(&c, "vm.rename", "{\"name\": \"x\"}", BX_INVALID, "vm: is missing");
    rpc_fails(&c, "vm.rename", "{\"vm\": \"nobody\", \"name\": \"x\"}", BX_NOT_FOUND, "nobody");
    rpc_close(&c);
}

static uint32_t listed(struct rpc *c, const char *method, const char *params, const char *first)
{
    bx_val list = rpc_ok(c, method, params);

    if (bx_val_len(list) > 0)
        assert_true(says(bx_val_at(list, 0), "name", first));
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
    first = number(bx_val_at(rpc_ok(&c, "events.list",
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
    assert_true(says(v, "ticket", "42") && says(v, "owner", "me"));
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
    uint64_t revision = number(rpc_ok(&c, "cluster.status", "{}"), "revision");
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
    rpc_fails(&c, "events.list", "{\"limit\": 10001}", BX_INVALID, "limit");
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
    assert_int_equal(number(rpc_ok(&c, "cluster.status", "{}"), "revision"), revision);
    rpc_close(&c);
}

/* 2,000 creates in one piece: each is answered once, by its id, in whatever order. */
static void create_many(struct rpc *c, const char *prefix, uint32_t n)
{
    uint8_t *seen = bx_must_calloc(n, 1);
    struct bx_buf b = {0};
    char params[128];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(params, sizeof params, "{\"name\": \"%s%u\", \"memory_mib\": 16, \"disk_gib\": 0}",
                 prefix, i);
        rpc_request(&b, i, "vm.create", params);
    }
    assert_true(rpc_write(c, b.data, b.len));
    bx_buf_release(&b);
    for (uint32_t i = 0; i < n; i++) {
        bx_val answer = rpc_read(c);
        uint64_t id;

        assert_non_null(answer);
        assert_int_equal(bx_val_type(bx_val_at(answer, 2)), BX_V_NIL);
        assert_true(bx_val_u64(bx_val_at(answer, 1), &id) && id < n && seen[id] == 0);
        seen[id] = 1;
    }
    bx_free(seen);
}

TEST(requests_may_be_piped)
{
    struct rpc c = host_dial(hosts[0].local), tcp = host_dial(hosts[0].api);
    uint64_t before, last = 0;
    bx_val v;

    before = host_resident_kib();
    create_many(&c, "a", 2000);
    create_many(&tcp, "b", 2000);
    host_grew_little(before);
    v = rpc_ok(&c, "vm.list", "{}");
    assert_int_equal(bx_val_len(v), 4000);
    for (uint32_t i = 0; i < 4000; i++) /* a revision for each */
        last += number(bx_val_at(v, i), "created_index") > 0;
    assert_int_equal(last, 4000);
    rpc_close(&c);
    rpc_close(&tcp);
}

/* ---- events ---- */

static uint64_t read_events(struct rpc *c, uint64_t last, uint64_t until)
{
    while (last < until) {
        bx_val m = rpc_read(c), e = bx_val_at(bx_val_at(m, 2), 0);

        assert_non_null(m);
        if (bx_val_len(m) == 4) {
            assert_int_equal(bx_val_type(bx_val_at(m, 2)), BX_V_NIL);
            continue;
        }
        assert_int_equal(number(e, "index"), last + 1);
        last++;
    }
    return last;
}

/* Watchers that do not read cost little, and when they read they have missed nothing; nor has one
 * that reads all the time, and nobody else waits for either. */
TEST(who_reads_late_misses_nothing)
{
    struct rpc c = host_dial(hosts[0].local), late[4], live = host_dial(hosts[0].api);
    struct bx_buf b = {0};
    uint64_t before, revision, seen = 0;

    rpc_request(&b, 1, "events.watch", "{\"since\": 0}");
    for (int i = 0; i < 4; i++) {
        late[i] = host_dial(i % 2 == 0 ? hosts[0].local : hosts[0].api);
        assert_true(rpc_write(&late[i], b.data, b.len));
    }
    assert_true(rpc_write(&live, b.data, b.len));
    before = host_resident_kib();
    for (int round = 0; round < 5; round++) {
        char prefix[16];

        snprintf(prefix, sizeof prefix, "r%d-", round);
        create_many(&c, prefix, 1000);
        revision = number(rpc_ok(&c, "cluster.status", "{}"), "revision");
        seen = read_events(&live, seen, revision);
    }
    host_grew_little(before);
    revision = number(rpc_ok(&c, "cluster.status", "{}"), "revision");
    assert_true(revision >= 5000);
    for (int i = 0; i < 4; i++) {
        read_events(&late[i], 0, revision);
        rpc_close(&late[i]);
    }
    rpc_fails(&c, "events.watch", "{\"limit\": 1}", BX_INVALID, "limit");
    bx_buf_release(&b);
    rpc_close(&c);
    rpc_close(&live);
}

/* ---- crowds and noise ---- */

TEST(idle_connections_cost_little)
{
    struct rpc *c = bx_must_calloc(300, sizeof *c);
    uint64_t before = host_resident_kib();

    for (int i = 0; i < 300; i++) {
        c[i] = host_dial(i % 2 == 0 ? hosts[0].local : hosts[0].api);
        if (i % 3 == 0)
            rpc_ok(&c[i], "sys.hello", "{}");
    }
    host_grew_little(before);
    host_serves("a");
    for (int i = 0; i < 300; i++) {
        rpc_ok(&c[i], "sys.hello", "{}");
        rpc_close(&c[i]);
    }
    bx_free(c);
}

static void send_noise(const char *address, size_t bytes)
{
    static uint8_t noise[64 << 10];
    uint64_t seed = 7;
    int refused = 0;

    while (bytes > 0) {
        struct rpc c = host_dial(address);
        size_t want = sizeof noise, sent;

        for (size_t i = 0; i < sizeof noise; i += 8) {
            uint64_t r = test_random(&seed);

            memcpy(noise + i, &r, 8);
        }
        if (test_random(&seed) % 4 == 0) /* the beginning of a request */
            memcpy(noise, "\x94\x00\x01\xa9vm.create\x91\x81\xa4name", 20);
        sent = rpc_write_some(&c, noise, want);
        bytes -= sent < bytes ? sent : bytes;
        refused += sent == 0;
        assert_true(refused < 100);
        rpc_close(&c);
    }
}

TEST(noise_does_no_harm)
{
    size_t bytes = getenv("BLIXARD_LONG") != NULL ? 100u << 20 : 16u << 20;
    const char *addresses[] = {hosts[0].local, hosts[0].api, hosts[0].link};
    uint64_t before;

    host_serves("before");
    before = host_resident_kib();
    for (int i = 0; i < 3; i++) {
        char name[32];

        send_noise(addresses[i], bytes);
        snprintf(name, sizeof name, "after%d", i);
        host_serves(name);
    }
    host_grew_little(before);
}

/* No descriptor is left for clients: those that are there are served, new ones do not hang, and
 * when there are descriptors again everybody is. */
TEST(without_descriptors_it_goes_on)
{
    struct rlimit few = {40, 20000}, before;
    struct rpc c = host_dial(hosts[0].local), crowd[60];
    int served = 0;

    rpc_ok(&c, "vm.create", "{\"name\": \"before\"}");
    assert_int_equal(prlimit(hosts[0].pid, RLIMIT_NOFILE, NULL, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(prlimit(hosts[0].pid, RLIMIT_NOFILE, &few, NULL), 0);
    for (int i = 0; i < 60; i++)
        crowd[i] = host_dial(i % 2 == 0 ? hosts[0].local : hosts[0].api);
    rpc_ok(&c, "vm.create", "{\"name\": \"during\"}");
    for (int i = 0; i < 60; i++) {
        struct bx_buf b = {0};

        rpc_request(&b, 1, "sys.hello", "{}");
        if (rpc_write(&crowd[i], b.data, b.len) && rpc_read(&crowd[i]) != NULL)
            served++;
        bx_buf_release(&b);
        rpc_close(&crowd[i]);
    }
    assert_true(served > 0 && served < 40);
    assert_int_equal(prlimit(hosts[0].pid, RLIMIT_NOFILE, &before, NULL), 0);
    host_serves("after");
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
    for (int i = 0; i < 4; i++) { /* four at a time, and the rest is told at once */
        rpc_is_error(rpc_read(&c), BX_BUSY, "too many running queries (4)");
        busy++;
    }
    assert_true(host_now_ms() - began < 4000);
    rpc_ok(&other, "vm.create", "{\"name\": \"meanwhile\"}");
    for (int i = 0; i < 4; i++)
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
    assert_true(says(rpc_ok(&c, "vm.show", "{\"vm\": \"a\"}"), "name", "a"));
    rpc_close(&c);
}

/* ---- two hosts ---- */

static void join(struct host *h)
{
    struct rpc c = host_dial(hosts[0].local), mine;
    struct bx_str token;
    char params[8300];

    assert_true(bx_val_str(bx_val_get(rpc_ok(&c, "cluster.token_create", "{}"), "token"), &token));
    snprintf(params, sizeof params, "{\"token\": \"" BX_STR_FMT "\", \"timeout_ms\": 20000}",
             BX_STR_ARG(token));
    host_create(h);
    mine = host_dial(h->local);
    rpc_ok(&mine, "cluster.join", params);
    rpc_close(&mine);
    rpc_close(&c);
}

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
        rpc_request(&b, id, "cluster.token_create", "{}");
    assert_true(rpc_write(&c, b.data, b.len));
    bx_buf_release(&b);
    for (int i = 0; i < 40; i++) {
        bx_val answer = rpc_read(&c);

        assert_non_null(answer);
        if (bx_val_type(bx_val_at(answer, 2)) != BX_V_NIL)
            rpc_is_error(answer, BX_NO_LEADER, "knows no node yet");
    }
    while (bx_val_type(bx_val_at(rpc_call(&c, "cluster.token_create", "{}"), 2)) != BX_V_NIL)
        host_wait(until, "a token");
    rpc_close(&c);
}

TEST(logs_come_from_the_node_that_has_them)
{
    struct rpc first = host_dial(hosts[0].local), second;
    bx_val v;

    join(&hosts[1]);
    second = host_dial(hosts[1].local);
    rpc_ok(&second, "vm.create", "{\"name\": \"a\", \"node\": \"n1\"}");
    rpc_ok(&second, "vm.create", "{\"name\": \"b\", \"node\": \"n2\"}");
    wait_for_vm(&second, "a", "running");
    wait_for_vm(&second, "b", "running");
    v = rpc_ok(&second, "vm.logs", "{\"vm\": \"a\"}");
    assert_true(says(v, "node", "n1"));
    v = rpc_ok(&second, "vm.logs", "{\"vm\": \"b\"}");
    assert_true(says(v, "node", "n2"));
    v = rpc_ok(&first, "vm.logs", "{\"vm\": \"b\"}");
    assert_true(says(v, "node", "n2"));
    rpc_close(&second);
    host_stop(&hosts[1], SIGKILL);
    rpc_fails(&first, "vm.logs",
              "{\"vm\": \"b\", \"consistency\": \"stale\", \"timeout_ms\": 2000}", BX_UNREACHABLE,
              "node");
    rpc_close(&first);
}

/* A client that takes flat lists gets the same VMs as one that does not. */
static void take_vm(void *ctx, const void *obj)
{
    bx_pw_map(ctx, bx_pack_fields(&bx_vm_reply_schema, obj));
    bx_pack_write(ctx, &bx_vm_reply_schema, obj);
}

TEST(a_list_comes_in_the_form_that_was_asked_for)
{
    struct rpc plain = host_dial(hosts[0].local), flat = host_dial(hosts[0].api);
    struct bx_decoder decoder = {.pack = NULL};
    struct bx_buf packed = {0}, again = {0};
    struct bx_vm_reply vm;
    struct bx_taker taker = {&vm, NULL, take_vm, &again};
    struct bx_str bytes = {"", 0};
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    bx_val list, codecs;

    codecs =
        bx_val_get(rpc_ok(&flat, "sys.hello", "{\"codecs\": [\"flat\", \"other\"]}"), "codecs");
    assert_true(bx_val_len(codecs) >= 2);
    rpc_ok(&plain, "vm.create", "{\"name\": \"a1\", \"labels\": {\"app\": \"db\"}}");
    rpc_ok(&plain, "vm.create", "{\"name\": \"a2\", \"stopped\": true}");
    rpc_ok(&plain, "vm.create", "{\"name\": \"a3\", \"stopped\": true}");
    rpc_ok(&plain, "vm.delete", "{\"vm\": \"a1\"}"); /* what is left stands still */
    while (bx_val_len(list = rpc_ok(&plain, "vm.list", "{}")) != 2)
        host_wait(until, "the deletion");
    for (uint32_t i = 0; i < 2; i++)
        bx_pw_val(&packed, bx_val_at(list, i));
    list = rpc_ok(&flat, "vm.list", "{}");
    assert_int_equal(bx_val_type(list), BX_V_BIN);
    bx_val_str(list, &bytes);
    assert_int_equal(bx_hybrid_read(&decoder, BX_USE_OTHER, BX_KIND_VM, &bx_vm_reply_schema,
                                    (const uint8_t *)bytes.p, bytes.n, &taker, NULL),
                     BX_OK);
    assert_int_equal(again.len, packed.len);
    assert_memory_equal(again.data, packed.data, packed.len);
    bx_decoder_close(&decoder);
    bx_buf_release(&packed);
    bx_buf_release(&again);
    rpc_close(&plain);
    rpc_close(&flat);
}

/* What the daemon counted of a codec. */
static uint64_t codec_count(struct rpc *c, const char *codec, const char *what)
{
    bx_val codecs = bx_val_get(rpc_ok(c, "mem.stats", "{}"), "codecs");

    return number(bx_val_get(codecs, codec), what);
}

/* How much vm.list adds to a count, beyond what looking at the count adds. */
static uint64_t list_adds(struct rpc *watcher, struct rpc *c, const char *codec, const char *what)
{
    uint64_t first = codec_count(watcher, codec, what);
    uint64_t looking = codec_count(watcher, codec, what) - first;
    uint64_t before = codec_count(watcher, codec, what);

    rpc_ok(c, "vm.list", "{}");
    return codec_count(watcher, codec, what) - before - looking;
}

/* The codec of a list: bytes have a header that names it. */
static enum bx_codec form_of(bx_val list)
{
    struct bx_header head = {.codec = 0};
    struct bx_str bytes = {"", 0};

    if (bx_val_type(list) == BX_V_ARRAY)
        return BX_CODEC_MSGPACK;
    assert_int_equal(bx_val_type(list), BX_V_BIN);
    bx_val_str(list, &bytes);
    assert_int_equal(
        bx_header_check((const uint8_t *)bytes.p, bytes.n, BX_KIND_VM, UINT8_MAX, &head), BX_OK);
    return head.codec;
}

TEST(a_client_gets_the_best_form_that_it_offers)
{
    static const struct {
        const char *hello;
        enum bx_codec form;
    } cases[] = {
        {"{}", BX_CODEC_MSGPACK},
        {"{\"codecs\": []}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"msgpack\"]}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"msgpack\", \"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"no-such-codec\"]}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"no-such-codec\", \"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"json\"]}", BX_CODEC_MSGPACK}, /* lists of the RPC are never text */
        {"{\"codecs\": [\"lz\"]}", BX_CODEC_MSGPACK},   /* lz is flat, compressed */
        {"{\"codecs\": [\"flat\", \"lz\"]}", BX_CODEC_LZ},
    };
    struct rpc watcher = host_dial(hosts[0].local);

    for (unsigned i = 0; i < 8; i++) {
        char vm[64];

        snprintf(vm, sizeof vm, "{\"name\": \"vm-%u\", \"stopped\": true}", i);
        rpc_ok(&watcher, "vm.create", vm);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc c = host_dial(hosts[0].api);
        const char *name = bx_codec_ops(cases[i].form)->name;
        bool falls_back = cases[i].form == BX_CODEC_MSGPACK;

        rpc_ok(&c, "sys.hello", cases[i].hello);
        assert_int_equal(form_of(rpc_ok(&c, "vm.list", "{}")), cases[i].form);
        assert_int_equal(list_adds(&watcher, &c, name, "encoded") > 0, true);
        assert_int_equal(list_adds(&watcher, &c, "flat", "fallbacks"), falls_back);
        assert_int_equal(list_adds(&watcher, &c, "lz", "fallbacks"), 0);
        rpc_close(&c);
    }
    assert_true(codec_count(&watcher, "lz", "plain_bytes") > codec_count(&watcher, "lz", "bytes"));
    rpc_close(&watcher);
}

/* Without a VM there is nothing to compress: the list comes flat. */
TEST(what_does_not_get_shorter_is_not_compressed)
{
    struct rpc c = host_dial(hosts[0].api), watcher = host_dial(hosts[0].local);

    rpc_ok(&c, "sys.hello", "{\"codecs\": [\"flat\", \"lz\"]}");
    assert_int_equal(form_of(rpc_ok(&c, "vm.list", "{}")), BX_CODEC_FLAT);
    assert_int_equal(list_adds(&watcher, &c, "lz", "fallbacks"), 1);
    assert_int_equal(codec_count(&watcher, "lz", "encoded"), 0);
    rpc_close(&c);
    rpc_close(&watcher);
}

/* Commands, rows, frames: whatever the daemon encodes is counted where it belongs. */
TEST(every_use_of_a_codec_is_counted)
{
    struct rpc c = host_dial(hosts[0].local);
    bx_val uses;

    rpc_ok(&c, "vm.create", "{\"name\": \"a1\", \"stopped\": true}");
    uses = bx_val_get(rpc_ok(&c, "mem.stats", "{}"), "codec_uses");
    assert_true(number(bx_val_get(uses, "entry"), "encoded") > 0);
    assert_true(number(bx_val_get(uses, "entry"), "decoded") > 0);
    assert_true(number(bx_val_get(uses, "entry"), "encode_ns") > 0);
    assert_true(number(bx_val_get(uses, "entry"), "encodes_timed") > 0);
    assert_true(number(bx_val_get(uses, "row"), "encoded") > 0);
    assert_true(number(bx_val_get(uses, "row"), "decoded") > 0);
    assert_true(number(bx_val_get(uses, "request"), "decoded") >= 2);
    assert_true(number(bx_val_get(uses, "reply"), "encoded") >= 1);
    assert_int_equal(number(bx_val_get(uses, "entry"), "failed"), 0);
    rpc_close(&c);
}

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
