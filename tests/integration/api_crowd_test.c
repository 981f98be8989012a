/* The API of a real daemon under many requests, many clients and noise: it goes on serving, and
 * does not grow. BLIXARD_LONG=1 sends more noise. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "mem/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

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
    char params[300];
    bx_val v;

    before = host_resident_kib();
    create_many(&c, "a", 2000);
    create_many(&tcp, "b", 2000);
    host_grew_little(before);
    do {
        snprintf(params, sizeof params, "{\"after\": \"%s\"}", c.next);
        v = rpc_ok(&c, "vm.list", params);
        for (uint32_t i = 0; i < bx_val_len(v); i++) /* a revision for each */
            last += rpc_number(bx_val_at(v, i), "created_index") > 0;
    } while (c.next[0] != '\0');
    assert_int_equal(last, 4000);
    rpc_close(&c);
    rpc_close(&tcp);
}

static uint64_t read_events(struct rpc *c, uint64_t last, uint64_t until)
{
    while (last < until) {
        bx_val m = rpc_read(c), e = bx_val_at(bx_val_at(m, 2), 0);

        assert_non_null(m);
        if (bx_val_len(m) == 4) {
            assert_int_equal(bx_val_type(bx_val_at(m, 2)), BX_V_NIL);
            continue;
        }
        assert_int_equal(rpc_number(e, "index"), last + 1);
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
        revision = rpc_number(rpc_ok(&c, "cluster.status", "{}"), "revision");
        seen = read_events(&live, seen, revision);
    }
    host_grew_little(before);
    revision = rpc_number(rpc_ok(&c, "cluster.status", "{}"), "revision");
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

static bool is_served(const char *address)
{
    struct rpc c = host_dial(address);
    struct bx_buf b = {0};
    bool served;

    rpc_request(&b, 1, "sys.hello", "{}");
    served = rpc_write(&c, b.data, b.len) && bx_val_len(rpc_read(&c)) == 4;
    bx_buf_release(&b);
    rpc_close(&c);
    return served;
}

/* More connections than there may be, to clients and to nodes, that say nothing: administrators are
 * served, other clients of TCP are as soon as the silent ones can be told from those about to ask,
 * and a node joins. */
TEST(silent_connections_keep_nobody_out)
{
    struct rpc *c = bx_must_calloc(1200, sizeof *c);
    uint64_t until = host_now_ms() + HOST_WAIT_MS;

    for (int i = 0; i < 1200; i++)
        c[i] = host_dial(i % 4 != 0 ? hosts[0].api : hosts[0].link);
    assert_true(is_served(hosts[0].local));
    while (!is_served(hosts[0].api))
        host_wait(until, "a client of TCP is served");
    host_join(&hosts[1]);
    for (int i = 0; i < 1200; i++)
        rpc_close(&c[i]);
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

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
