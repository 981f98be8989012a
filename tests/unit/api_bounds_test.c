/* The bounds of the API server: large requests, slow clients, too many of them, and memory that
 * runs out. */
#include "api_help.h"

#include "mem/alloc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

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
    struct rpc c = dial_api(address);
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
    c = dial_api(unix_address);          /* who is known may send a mebibyte at once */
    large_request(&b, 9, 1000 << 10);
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    rpc_is_error(rpc_read(&c), BX_CONFLICT, "not belong to a cluster");
    rpc_close(&c);
}

TEST(too_deep_is_told)
{
    struct rpc c = dial_api(unix_address);
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
        struct rpc c = dial_api(tcp_address);

        write_all(&c, claims[i], sizeof claims[i]);
        rpc_is_error(rpc_read(&c), BX_TOO_LARGE, "larger than 64 KiB");
        ends(&c);
    }
    allocated_at_most(&before, 1 << 20);
}

TEST(who_drips_is_closed)
{
    struct rpc slow = dial_api(tcp_address), idle = dial_api(tcp_address);
    struct bx_buf b = {0};
    size_t i;

    rpc_ok(&idle, "sys.hello", "{}");
    rpc_request(&b, 1, "sys.hello", "{}");
    for (i = 0; i + 1 < b.len && slow.fd >= 0 && i < 12; i++) {
        if (!rpc_write(&slow, b.data + i, 1))
            break;
        for (int turn = 0; turn < 5; turn++)
            pump();
        test_loop_skew_ms += 1000;
    }
    bx_buf_release(&b);
    ends(&slow);
    test_loop_skew_ms += 3600000; /* who says nothing may stay */
    for (int turn = 0; turn < 100; turn++)
        uv_run(&test_loop, UV_RUN_ONCE);
    rpc_ok(&idle, "sys.hello", "{}");
    rpc_close(&idle);
}

/* A client that asks and never reads is closed when its answers are more than the bound, and what
 * it held is given back. */
/* The bytes that the server takes of one who never reads, until it takes no more. */
static size_t write_until_held_up(struct rpc *c, const struct bx_buf *b)
{
    size_t sent = 0, n;
    int idle = 0;

    while (idle < 300 && sent < (64u << 20)) {
        n = rpc_write_some(c, b->data + sent % b->len, b->len - sent % b->len);
        sent += n;
        idle = n == 0 ? idle + 1 : 0;
        pump();
    }
    return sent;
}

TEST(who_never_reads_is_read_no_more)
{
    struct rpc c = dial_api(unix_address), other = dial_api(unix_address);
    struct bx_alloc_stats before;
    struct bx_buf b = {0};

    for (int i = 0; i < 1000; i++)
        rpc_request(&b, 1, "no.such", "{}");
    bx_alloc_stats(&before);
    assert_true(write_until_held_up(&c, &b) < 2u << 20);
    allocated_at_most(&before, 8 << 20);
    bx_buf_release(&b);
    rpc_ok(&other, "sys.hello", "{}");
    rpc_close(&other);
    rpc_close(&c);
}

/* All that others have begun waits for nobody: a thousand requests of one client are processed a
 * few at a time, and a client that asks for the first time is served between them. */
TEST(who_asks_much_does_not_hold_up_who_asks_little)
{
    struct rpc c = dial_api(unix_address), other = dial_api(unix_address);
    struct bx_buf b = {0};
    uint64_t id = 0;

    for (uint64_t i = 1; i <= 1000; i++)
        rpc_request(&b, i, "no.such", "{}");
    write_all(&c, b.data, b.len);
    rpc_ok(&other, "sys.hello", "{}");
    bx_buf_release(&b);
    c.pump = NULL; /* the server stands still: what comes now was sent before the other's answer */
    while (recv(c.fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK) > 0 && id < 1000)
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
    assert_true(id < 300);
    rpc_close(&other);
    rpc_close(&c);
}

/* The server has closed it: what is unread comes first. */
static bool is_closed(struct rpc *c)
{
    static char bytes[64u << 10];
    ssize_t got;

    do
        got = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (got > 0);
    return got == 0 || errno != EAGAIN;
}

TEST(who_reads_nothing_is_closed_sooner_when_all_answers_are_many)
{
    struct rpc c[80];
    struct bx_buf b = {0};
    int closed = 0;

    for (int i = 0; i < 1000; i++)
        rpc_request(&b, 1, "no.such", "{}");
    for (int i = 0; i < 80; i++) {
        c[i] = dial_api(unix_address);
        (void)write_until_held_up(&c[i], &b);
    }
    test_loop_skew_ms += 3000;
    for (int turn = 0; turn < 100; turn++)
        uv_run(&test_loop, UV_RUN_ONCE);
    for (int i = 0; i < 80; i++) {
        closed += is_closed(&c[i]);
        rpc_close(&c[i]);
    }
    assert_true(closed > 0);
    bx_buf_release(&b);
}

TEST(who_takes_nothing_for_a_minute_is_closed)
{
    struct rpc c = dial_api(unix_address);
    struct bx_buf b = {0};

    for (int i = 0; i < 3000; i++)
        rpc_request(&b, 1, "no.such", "{}");
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    for (int turn = 0; turn < 400; turn++)
        pump();
    test_loop_skew_ms += 61000;
    for (int turn = 0; turn < 100; turn++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_true(is_closed(&c));
    rpc_close(&c);
}

/* ---- memory that runs out ---- */

static struct test_countdown countdown;

/* Only the server has so little. */
static void poor_pump(void)
{
    bx_alloc_set_fault(test_fail_one, &countdown);
    pump();
    bx_alloc_set_fault(NULL, NULL);
}

/* Each allocation of a request fails in turn: the answer is whole, or an error, or the connection
 * closes; never is it an answer that lacks something. */
TEST(without_memory_there_is_no_half_answer)
{
    uint32_t whole = 0, errors = 0, closed = 0;

    countdown.fail_at = 0;
    for (bool reached = true; reached; countdown.fail_at++) {
        struct rpc c = dial_api(unix_address);
        struct bx_buf b = {0};
        bx_val answer;
        uint64_t id;

        pump();
        rpc_request(&b, 7, "mem.stats", "{}");
        bx_buf_thread_close(); /* what is kept would hide allocations */
        c.pump = poor_pump;
        countdown.calls = 0;
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
        reached = countdown.calls > countdown.fail_at;
        c.pump = pump;
        bx_buf_release(&b);
        rpc_close(&c);
        pump();
    }
    assert_true(whole >= 1 && closed + errors >= 3);
    assert_int_equal(countdown.fail_at, whole + errors + closed);
}

int main(void)
{
    return test_run(api_test_setup, api_test_teardown);
}
