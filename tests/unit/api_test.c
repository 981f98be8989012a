/* The API server on a loop of the test's own, as the daemon of a host that belongs to no cluster:
 * framing, bounds, deadlines, errors. cluster.init is the test's: it answers when the test says so,
 * which makes it the request that is under way. */
#include "lib/testlib.h"

#include "lib/rpc.h"

#include "api/api.h"
#include "diag/memory.h"
#include "mem/alloc.h"
#include "node/driver_sim.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define INITS_MAX 4096u

/* ---- the host ---- */

static uv_loop_t loop;
static struct api *api;
static struct api_options options;
static struct bx_metrics metrics, others_metrics;
static struct bx_identity identity;
static struct bx_driver *driver;
static char *dir;
static char socket_path[4096], unix_address[4200], tcp_address[64];
static uint64_t skew; /* what the test adds to the time */
static struct {
    api_done done;
    void *ctx;
} inits[INITS_MAX];
static uint32_t n_inits, n_answered; /* answered are the first ones */

static uint64_t boot_ms(struct bx_clock *c)
{
    (void)c;
    return clock_kernel()->ops->boot_ms(clock_kernel()) + skew;
}

static void random_bytes(struct bx_clock *c, void *p, size_t n)
{
    (void)c;
    clock_kernel()->ops->random(clock_kernel(), p, n);
}

static const struct bx_clock_ops clock_ops = {.boot_ms = boot_ms, .random = random_bytes};
static struct bx_clock test_clock = {&clock_ops};

static int init_cluster(void *self, const char *name, api_done done, void *ctx, struct bx_err *err)
{
    (void)self;
    if (strcmp(name, "taken") == 0)
        return bx_err_set(err, BX_CONFLICT, "this host is a member already");
    assert_true(n_inits < INITS_MAX);
    inits[n_inits].done = done;
    inits[n_inits++].ctx = ctx;
    return BX_OK;
}

static int join(void *self, const char *token, api_done done, void *ctx, struct bx_err *err)
{
    (void)self;
    (void)token;
    (void)done;
    (void)ctx;
    return bx_err_set(err, BX_INVALID, "that is no token");
}

static void answer_inits(uint32_t until)
{
    while (n_answered < until) {
        uint32_t i = n_answered++;

        inits[i].done(inits[i].ctx, NULL);
    }
}

static void pump(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

#define SPIN_UNTIL(condition)                                                                      \
    for (uint64_t until_ = uv_hrtime() + 20 * UINT64_C(1000000000); !(condition);) {               \
        if (uv_hrtime() > until_)                                                                  \
            fail_msg("waited too long for %s", #condition);                                        \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

static uv_timer_t beat; /* so that a turn of the loop ends */

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static int setup(void **state)
{
    struct bx_driver_sim_options sim = {.clock = &test_clock};
    struct bx_err err = {0};

    (void)state;
    skew = n_inits = n_answered = 0;
    dir = test_make_dir();
    driver = bx_driver_sim_create(&sim);
    snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
    snprintf(tcp_address, sizeof tcp_address, "127.0.0.1:%u", free_port());
    snprintf(unix_address, sizeof unix_address, "unix:%s", socket_path);
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &beat);
    uv_timer_start(&beat, on_beat, 5, 5);
    metrics = (struct bx_metrics){.n = 0};
    assert_int_equal(bx_memory_metrics(&metrics), BX_OK);
    options = (struct api_options){.loop = &loop,
                                   .clock = &test_clock,
                                   .identity = &identity,
                                   .name = "n1",
                                   .socket = socket_path,
                                   .address = tcp_address,
                                   .state_path = "",
                                   .metrics = &metrics,
                                   .init = init_cluster,
                                   .join = join};
    if (api_create(&api, &options, &err) != BX_OK)
        fail_msg("%s", err.msg);
    api_set_driver(api, driver, "none");
    return 0;
}

static int teardown(void **state)
{
    struct bx_alloc_stats s;

    (void)state;
    answer_inits(n_inits);
    api_destroy(api);
    assert_int_not_equal(access(socket_path, F_OK), 0);
    bx_driver_sim_destroy(driver);
    uv_close((uv_handle_t *)&beat, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_thread_close();
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

static struct rpc dial(const char *address)
{
    struct rpc c;

    if (!rpc_dial(&c, address, pump))
        fail_msg("nobody listens on %s", address);
    return c;
}

static void ends(struct rpc *c)
{
    assert_null(rpc_read(c));
    rpc_close(c);
}

static void write_all(struct rpc *c, const void *p, size_t n)
{
    assert_true(rpc_write(c, p, n));
}

/* ---- messages ---- */

TEST(hello_tells_who_answers)
{
    const char *addresses[] = {unix_address, tcp_address};

    for (int i = 0; i < 2; i++) {
        struct rpc c = dial(addresses[i]);
        bx_val r = rpc_ok(&c, "sys.hello", "{\"version\": 1}");
        bool initialized = true;
        uint64_t version;
        struct bx_str s;

        assert_true(bx_val_u64(bx_val_get(r, "version"), &version));
        assert_int_equal(version, 1);
        assert_true(bx_val_str(bx_val_get(r, "name"), &s) && bx_str_eq(s, bx_str("n1")));
        assert_true(bx_val_str(bx_val_get(r, "driver"), &s) && bx_str_eq(s, bx_str("sim")));
        assert_true(bx_val_bool(bx_val_get(r, "initialized"), &initialized));
        assert_false(initialized);
        rpc_close(&c);
    }
}

TEST(a_message_may_come_in_any_pieces)
{
    struct rpc c = dial(unix_address);
    struct bx_buf b = {0};
    uint64_t id;

    rpc_request(&b, 7, "sys.hello", "{\"version\": 1}");
    rpc_request(&b, 300, "vm.list", "{\"consistency\": \"stale\"}");
    for (size_t cut = 1; cut < b.len; cut++) {
        write_all(&c, b.data, cut);
        pump();
        write_all(&c, b.data + cut, b.len - cut);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, 7);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, 300);
    }
    bx_buf_release(&b);
    rpc_close(&c);
}

/* 1,000 requests in one piece, none of which is answered at once: 256 begin, the rest waits, and
 * each is answered in the end although nothing more comes in. */
TEST(too_many_requests_wait)
{
    struct rpc c = dial(unix_address);
    struct bx_buf b = {0};
    uint32_t seen = 0;

    for (uint64_t id = 1; id <= 1000; id++)
        rpc_request(&b, id, "cluster.init", "{}");
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    SPIN_UNTIL(n_inits == 256);
    while (seen < 1000) {
        uint64_t id = 0;

        SPIN_UNTIL(n_inits > n_answered);
        assert_true(n_inits - n_answered <= 256);
        answer_inits(n_answered + 1);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, ++seen);
    }
    rpc_fails(&c, "cluster.init", "{\"name\": \"taken\"}", BX_CONFLICT, "member already");
    rpc_close(&c);
}

TEST(who_left_gets_no_answer)
{
    struct rpc c = dial(unix_address), other = dial(unix_address);
    struct bx_buf b = {0};

    rpc_request(&b, 1, "cluster.init", "{}");
    write_all(&c, b.data, b.len);
    write_all(&other, b.data, b.len);
    bx_buf_release(&b);
    SPIN_UNTIL(n_inits == 2);
    rpc_close(&c);
    for (int i = 0; i < 5; i++)
        pump();
    answer_inits(2);
    assert_int_equal(bx_val_type(bx_val_at(rpc_read(&other), 2)), BX_V_NIL);
    rpc_close(&other);
}

/* ---- what is no message ---- */

TEST(garbage_closes)
{
    static const struct {
        uint8_t p[8];
        size_t n;
    } garbage[] = {
        {{0x00}, 1},                      /* a number */
        {{0xc1}, 1},                      /* not used in MessagePack */
        {{0x90}, 1},                      /* [] */
        {{0x94, 1, 0, 0xa0, 0x90}, 5},    /* type 1 */
        {{0x94, 0, 0xff, 0xa0, 0x90}, 5}, /* a negative id */
        {{0x94, 0, 1, 2, 0x90}, 5},       /* the method a number */
        {{0x94, 0, 1, 0xa0, 0x80}, 5},    /* the parameters no list */
        {{0x93, 2, 0xa0, 0x90}, 4},       /* a notification */
        {{0x84, 0, 0, 1, 1, 2, 2, 3}, 8}, /* a map */
        {{'G', 'E', 'T', ' ', '/', '\r', '\n'}, 7},
    };

    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        struct rpc c = dial(i % 2 == 0 ? unix_address : tcp_address);

        rpc_write(&c, garbage[i].p, garbage[i].n);
        if (i == 8)
            rpc_write(&c, "\3", 1);
        ends(&c);
    }
}

/* Whatever comes: the connection is closed, at the latest when half a message is late. */
TEST(noise_does_no_harm)
{
    static uint8_t noise[64 << 10];
    struct bx_alloc_stats before, after;
    uint64_t seed = 1;

    bx_alloc_stats(&before);
    for (int round = 0; round < 200; round++) {
        struct rpc c = dial(round % 2 == 0 ? unix_address : tcp_address);

        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)test_random(&seed);
        if (round % 3 == 0) { /* in the form of a request */
            noise[0] = 0x94;
            noise[1] = 0;
            noise[2] &= 0x7f;
        }
        rpc_write(&c, noise, sizeof noise);
        for (int i = 0; i < 3; i++)
            pump();
        skew += 11000;
        rpc_read_to_end(&c);
        rpc_close(&c);
    }
    bx_alloc_stats(&after);
    assert_true(after.live < before.live + 100);
    for (int i = 0; i < 2; i++) {
        struct rpc c = dial(i == 0 ? unix_address : tcp_address);

        rpc_ok(&c, "sys.hello", "{}");
        rpc_close(&c);
    }
}

/* ---- bounds ---- */

/* The most that was ever allocated only grows: the tests stand in the order of what they allow. */
static void allocated_at_most(const struct bx_alloc_stats *before, uint64_t more)
{
    struct bx_alloc_stats after;

    bx_alloc_stats(&after);
    if (after.peak_bytes > before->peak_bytes)
        assert_true(after.peak_bytes < before->live_bytes + more);
}

/* A request with one parameter `labels.a` of n bytes. */
static void large_request(struct bx_buf *b, uint64_t id, size_t n)
{
    char *text = bx_must_calloc(n + 1, 1);

    memset(text, 'x', n);
    bx_pw_array(b, 4);
    bx_pw_u64(b, 0);
    bx_pw_u64(b, id);
    bx_pw_str(b, "vm.create");
    bx_pw_array(b, 1);
    bx_pw_map(b, 2);
    bx_pw_str(b, "name");
    bx_pw_str(b, "a");
    bx_pw_str(b, "labels");
    bx_pw_map(b, 1);
    bx_pw_str(b, "a");
    bx_pw_strn(b, text, n);
    bx_free(text);
}

/* Refused with words, also by a client that has sent it all before it reads. */
static void refused(const char *address, bool known, size_t n, const char *words)
{
    struct rpc c = dial(address);
    struct bx_buf b = {0};
    uint64_t id = 0;
    bx_val answer;

    if (known)
        rpc_ok(&c, "sys.hello", "{}");
    large_request(&b, 9, n);
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    answer = rpc_read(&c);
    assert_non_null(answer);
    assert_true(bx_val_u64(bx_val_at(answer, 1), &id));
    assert_int_equal(id, 9);
    rpc_is_error(answer, BX_TOO_LARGE, words);
    ends(&c);
}

TEST(too_large_is_told)
{
    struct bx_alloc_stats before;
    struct rpc c;
    struct bx_buf b = {0};

    bx_alloc_stats(&before);
    refused(unix_address, false, 2 << 20, "1024 KiB");
    refused(tcp_address, true, 2 << 20, "1024 KiB");
    refused(tcp_address, false, 100 << 10, "64 KiB");
    allocated_at_most(&before, 8 << 20); /* the client's message included */
    c = dial(unix_address);              /* who is known may send a mebibyte at once */
    large_request(&b, 9, 1000 << 10);
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    rpc_is_error(rpc_read(&c), BX_CONFLICT, "not belong to a cluster");
    rpc_close(&c);
}

TEST(too_deep_is_told)
{
    struct rpc c = dial(unix_address);
    uint8_t deep[64] = {0x94, 0, 5, 0xa1, 'x'};

    memset(deep + 5, 0x91, sizeof deep - 5);
    write_all(&c, deep, sizeof deep);
    rpc_is_error(rpc_read(&c), BX_TOO_LARGE, "deeper than 16");
    ends(&c);
}

/* A few bytes that claim four thousand million members: nothing is allocated for them. */
TEST(claims_are_not_believed)
{
    static const uint8_t claims[][9] = {
        {0x94, 0, 5, 0xa0, 0xdd, 0xff, 0xff, 0xff, 0xff},
        {0x94, 0, 5, 0xa0, 0xdf, 0xff, 0xff, 0xff, 0xff},
        {0x94, 0, 5, 0xdb, 0xff, 0xff, 0xff, 0xff, 'x'},
        {0x94, 0, 5, 0xc6, 0xff, 0xff, 0xff, 0xff, 'x'},
        {0x94, 0, 5, 0xc9, 0xff, 0xff, 0xff, 0xff, 'x'},
    };
    struct bx_alloc_stats before;

    bx_alloc_stats(&before);
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct rpc c = dial(tcp_address);

        write_all(&c, claims[i], sizeof claims[i]);
        rpc_is_error(rpc_read(&c), BX_TOO_LARGE, "larger than 64 KiB");
        ends(&c);
    }
    allocated_at_most(&before, 1 << 20);
}

TEST(who_drips_is_closed)
{
    struct rpc slow = dial(tcp_address), idle = dial(tcp_address);
    struct bx_buf b = {0};
    size_t i;

    rpc_ok(&idle, "sys.hello", "{}");
    rpc_request(&b, 1, "sys.hello", "{}");
    for (i = 0; i + 1 < b.len && slow.fd >= 0 && i < 12; i++) {
        if (!rpc_write(&slow, b.data + i, 1))
            break;
        for (int turn = 0; turn < 5; turn++)
            pump();
        skew += 1000;
    }
    bx_buf_release(&b);
    ends(&slow);
    skew += 3600000; /* who says nothing may stay */
    for (int turn = 0; turn < 100; turn++)
        uv_run(&loop, UV_RUN_ONCE);
    rpc_ok(&idle, "sys.hello", "{}");
    rpc_close(&idle);
}

/* A client that asks and never reads is closed when its answers are more than the bound, and what
 * it held is given back. */
TEST(who_never_reads_is_closed)
{
    struct rpc c = dial(unix_address), other = dial(unix_address);
    struct bx_alloc_stats before;
    struct bx_buf b = {0};
    size_t sent = 0;

    for (int i = 0; i < 1000; i++)
        rpc_request(&b, 1, "no.such", "{}");
    bx_alloc_stats(&before);
    while (sent < (64u << 20) && rpc_write(&c, b.data, b.len))
        sent += b.len;
    assert_true(sent < 64u << 20);
    bx_buf_release(&b);
    allocated_at_most(&before, 80 << 20);
    rpc_ok(&other, "sys.hello", "{}");
    rpc_close(&other);
    rpc_close(&c);
}

TEST(who_takes_nothing_for_a_minute_is_closed)
{
    struct rpc c = dial(unix_address);
    struct bx_buf b = {0};
    char bytes[4096];
    ssize_t got;

    for (int i = 0; i < 3000; i++)
        rpc_request(&b, 1, "no.such", "{}");
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    for (int turn = 0; turn < 20; turn++)
        pump();
    skew += 61000;
    for (int turn = 0; turn < 100; turn++)
        uv_run(&loop, UV_RUN_ONCE);
    do
        got = recv(c.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (got > 0);
    assert_true(got == 0 || errno != EAGAIN);
    rpc_close(&c);
}

TEST(one_too_many_is_told)
{
    struct rlimit before, few;
    struct bx_str name;
    struct rpc c[33];
    bx_val told;

    /* 32 connections when there are 64 descriptors: what a daemon is given is in two halves. */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    teardown(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    setup(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < 32; i++) {
        c[i] = dial(unix_address);
        rpc_ok(&c[i], "sys.hello", "{}");
    }
    c[32] = dial(unix_address);
    told = rpc_read(&c[32]);
    assert_int_equal(bx_val_len(told), 3);
    assert_true(bx_val_str(bx_val_get(bx_val_at(bx_val_at(told, 2), 0), "name"), &name));
    assert_true(bx_str_eq(name, bx_str("busy")));
    ends(&c[32]);
    rpc_close(&c[0]);
    for (int i = 0; i < 5; i++)
        pump();
    c[0] = dial(unix_address);
    for (int i = 0; i < 32; i++) {
        rpc_ok(&c[i], "sys.hello", "{}");
        rpc_close(&c[i]);
    }
}

/* ---- errors ---- */

/* ---- memory that runs out ---- */

static uint32_t calls, fail_at;

static int fail_one(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return calls++ == fail_at;
}

/* Only the server has so little. */
static void poor_pump(void)
{
    bx_alloc_set_fault(fail_one, NULL);
    pump();
    bx_alloc_set_fault(NULL, NULL);
}

/* Each allocation of a request fails in turn: the answer is whole, or an error, or the connection
 * closes; never is it an answer that lacks something. */
TEST(without_memory_there_is_no_half_answer)
{
    uint32_t whole = 0, errors = 0, closed = 0;

    fail_at = 0;
    for (bool reached = true; reached; fail_at++) {
        struct rpc c = dial(unix_address);
        struct bx_buf b = {0};
        bx_val answer;
        uint64_t id;

        pump();
        rpc_request(&b, 7, "mem.stats", "{}");
        bx_buf_thread_close(); /* what is kept would hide allocations */
        c.pump = poor_pump;
        calls = 0;
        write_all(&c, b.data, b.len);
        answer = rpc_read(&c);
        if (answer == NULL) {
            closed++;
        } else if (bx_val_type(bx_val_at(answer, 2)) != BX_V_NIL) {
            errors++;
        } else {
            assert_true(bx_val_u64(bx_val_at(answer, 1), &id) && id == 7);
            assert_non_null(bx_val_get(bx_val_at(answer, 3), "heap"));
            assert_non_null(bx_val_get(bx_val_at(answer, 3), "buffer"));
            whole++;
        }
        reached = calls > fail_at;
        c.pump = pump;
        bx_buf_release(&b);
        rpc_close(&c);
        pump();
    }
    assert_true(whole >= 1 && closed + errors >= 3);
    assert_int_equal(fail_at, whole + errors + closed);
}

TEST(errors_say_what_to_do)
{
    struct rpc c = dial(unix_address);
    struct bx_buf b = {0};

    rpc_fails(&c, "vm.lst", "{}", BX_UNSUPPORTED, "did you mean \"vm.list\"?");
    rpc_fails(&c, "frobnicate", "{}", BX_UNSUPPORTED, "unknown method \"frobnicate\"");
    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "this host does not belong to a cluster");
    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "blixardctl cluster init");
    rpc_fails(&c, "cluster.status", "{}", BX_CONFLICT, "this host does not belong to a cluster");
    rpc_fails(&c, "cluster.init", "{\"nmae\": \"x\"}", BX_INVALID, "did you mean \"name\"?");
    rpc_fails(&c, "cluster.init", "{\"colour\": 1}", BX_INVALID, "unknown parameter \"colour\"");
    rpc_fails(&c, "cluster.init", "{\"name\": 7}", BX_INVALID, "name: must be a string");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": 0}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": 600001}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": -1}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"trace_id\": \"12\"}", BX_INVALID, "trace_id");
    rpc_fails(&c, "cluster.init", "[]", BX_INVALID, "must be one map");
    rpc_fails(&c, "cluster.join", "{\"token\": \"x\"}", BX_INVALID, "no token");
    rpc_request(&b, 77, "no\x01\xff\xfe.such", "{}"); /* what is repeated is made text */
    write_all(&c, b.data, b.len);
    rpc_is_error(rpc_read(&c), BX_UNSUPPORTED, "unknown method \"no???.such\"");
    b.len = 0;
    bx_buf_append(&b, "\x94\x00\x05\xa9sys.hello\x90", 14); /* no parameters */
    write_all(&c, b.data, b.len);
    rpc_is_error(rpc_read(&c), BX_INVALID, "must be one map");
    bx_buf_release(&b);
    assert_int_equal(n_inits, 0);
    rpc_close(&c);
}

TEST(others_may_only_look)
{
    struct rpc c;

    if (geteuid() != 0)
        return; /* only root can be somebody else */
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(chmod(socket_path, 0666), 0);
    assert_int_equal(seteuid(65534), 0);
    c = dial(unix_address);
    assert_int_equal(seteuid(0), 0);
    rpc_ok(&c, "sys.hello", "{}");
    rpc_fails(&c, "cluster.init", "{}", BX_DENIED, "cluster.init (uid:65534)");
    rpc_fails(&c, "vm.delete", "{\"vm\": \"a\"}", BX_DENIED, "vm.delete (uid:65534)");
    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "not belong to a cluster");
    rpc_close(&c);
}

/* ---- the socket's file ---- */

static int open_another(const char *path, struct bx_err *err)
{
    struct api_options o = options;
    struct api *other;
    uv_loop_t its_loop;
    int rc;

    assert_int_equal(uv_loop_init(&its_loop), 0);
    o.loop = &its_loop;
    o.metrics = &others_metrics;
    o.socket = path;
    o.address = "";
    rc = api_create(&other, &o, err);
    api_destroy(other);
    uv_run(&its_loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&its_loop), 0);
    return rc;
}

TEST(the_path_of_the_socket_is_not_taken_by_force)
{
    struct rpc c;
    char path[4300];
    struct bx_err err;
    struct stat st;
    FILE *f;
    int fd;

    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(open_another(socket_path, &err), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "another daemon"));
    c = dial(unix_address); /* and it still listens */
    rpc_ok(&c, "sys.hello", "{}");
    rpc_close(&c);

    snprintf(path, sizeof path, "%s/precious", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(open_another(path, &err), BX_UNREACHABLE);
    assert_int_equal(access(path, F_OK), 0);

    snprintf(path, sizeof path, "%s/no/such/folder", dir);
    assert_int_equal(open_another(path, &err), BX_IO);
    snprintf(path, sizeof path, "%s/%0200d", dir, 1);
    assert_int_equal(open_another(path, &err), BX_INVALID);

    snprintf(path, sizeof path, "%s/stale", dir); /* what a killed daemon leaves */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    {
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        memcpy(a.sun_path, path, strlen(path));
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    }
    close(fd);
    assert_int_equal(open_another(path, &err), BX_OK);
}

int main(void)
{
    return test_run(setup, teardown);
}
