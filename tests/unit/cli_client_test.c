/* The client against servers that answer as a script says: a step a request. */
#include "cli_fake.h"

#include "client.h"
#include "mem/alloc.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ID "00112233445566778899aabbccddeeff"

static struct client client;
static struct params params;
static struct bx_err err;

static void open_client(const char *a, const char *b)
{
    char all[500];

    snprintf(all, sizeof all, "%s%s%s", a, b == NULL ? "" : ",", b == NULL ? "" : b);
    memset(&err, 0, sizeof err);
    assert_int_equal(client_init(&client, all, &err), BX_OK);
    params_str(&params, "request_id", ID);
}

static int call(uint64_t timeout_ms, uint64_t *n)
{
    bx_val result = NULL;
    int rc = client_call(&client, "vm.create", &params, timeout_ms, &result, &err);

    *n = UINT64_MAX;
    if (rc == BX_OK)
        assert_true(bx_val_u64(bx_val_get(result, "n"), n));
    return rc;
}

static void close_client(void)
{
    client_close(&client);
    params_close(&params);
}

/* ---- answers ---- */

TEST(a_connection_serves_many_calls)
{
    struct fake f;
    uint64_t n;

    START(&f, ANSWER, SLOWLY, NOT_FOUND, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 0);
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 1);
    assert_int_equal(call(5000, &n), BX_NOT_FOUND);
    assert_string_equal(err.msg, "words of the server");
    assert_string_equal(err.hint, "its hint");
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 3);
    close_client();
    fake_stop(&f);
    assert_int_equal(f.n, 4);
    assert_string_equal(f.methods[0], "vm.create");
    assert_in_range(f.timeouts[0], 1, 5000);
}

static void count(void *ctx, struct bx_str method, bx_val value)
{
    (void)value;
    *(unsigned *)ctx += bx_str_eq(method, bx_str("stale"));
}

TEST(notifications_are_handed_out)
{
    struct fake f;
    unsigned seen = 0;
    uint64_t n;

    START(&f, NOTIFIED, NOTIFIED);
    open_client(f.address, NULL);
    client.notify = count;
    client.ctx = &seen;
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(seen, 1);
    client.notify = NULL;
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 1);
    close_client();
    fake_stop(&f);
}

/* A server that refuses a client does not wait for its request, and closes. */
TEST(a_refusal_before_the_request_is_told)
{
    struct fake f;
    struct pollfd closed;
    uint64_t n;

    START(&f, DENY_NEXT);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_OK);
    closed = (struct pollfd){client.conn.fd, POLLRDHUP, 0};
    assert_int_equal(poll(&closed, 1, 5000), 1);
    assert_int_equal(call(5000, &n), BX_DENIED);
    assert_string_equal(err.msg, "words of the server");
    close_client();
    fake_stop(&f);
    assert_int_equal(f.n, 1);
}

TEST(an_error_is_never_taken_for_success)
{
    struct fake f;
    uint64_t n;

    START(&f, OK_ERROR);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_FAILED);
    close_client();
    fake_stop(&f);
}

/* ---- trying again ---- */

TEST(what_may_pass_is_tried_again_under_one_id)
{
    struct fake f;
    uint64_t n;

    START(&f, NO_LEADER, CLOSE, TURN_AWAY, NO_LEADER, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(n, 4);
    close_client();
    fake_stop(&f);
    assert_int_equal(f.n, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(f.ids[i], ID);
}

TEST(the_next_address_takes_over)
{
    struct fake dead, without, good;
    char two[450];
    uint64_t n;

    fake_name(&dead);
    START(&without, NO_LEADER, NO_LEADER, NO_LEADER);
    START(&good, ANSWER, ANSWER);
    snprintf(two, sizeof two, "%s,%s", dead.address, without.address);
    open_client(two, good.address);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(call(30000, &n), BX_OK);
    close_client();
    fake_stop(&without);
    fake_stop(&good);
    assert_int_equal(without.n, 1);
    assert_int_equal(good.n, 2); /* and it is stayed with */
    assert_string_equal(without.ids[0], good.ids[0]);
}

TEST(a_silent_server_does_not_take_all_the_time)
{
    struct fake silent, good;
    uint64_t n, start_ms = client_now();

    START(&silent, SILENCE);
    START(&good, ANSWER);
    open_client(silent.address, good.address);
    assert_int_equal(call(6000, &n), BX_OK);
    assert_true(client_now() - start_ms < 5900);
    close_client();
    fake_stop(&silent);
    fake_stop(&good);
    assert_string_equal(silent.ids[0], good.ids[0]);
}

TEST(answers_of_no_server_are_not_waited_for)
{
    struct fake f;
    uint64_t n;

    START(&f, HTTP, GARBAGE, WRONG_ID, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(n, 3);
    close_client();
    fake_stop(&f);
}

/* ---- giving up ---- */

TEST(nobody_there_names_every_address)
{
    struct fake a, b;
    uint64_t n, start_ms = client_now();

    fake_name(&a);
    fake_name(&b);
    open_client(a.address, b.address);
    assert_int_equal(call(60000, &n), BX_UNREACHABLE);
    assert_true(client_now() - start_ms < 30000); /* long before the deadline */
    assert_non_null(strstr(err.msg, a.address));
    assert_non_null(strstr(err.msg, b.address));
    assert_non_null(strstr(err.msg, "No such file"));
    assert_non_null(strstr(err.hint, "BLIXARD_ADDR"));
    assert_false(client.unknown);
    close_client();
}

TEST(an_unknown_host_is_said_to_be)
{
    uint64_t n;

    open_client("nowhere.invalid:1", NULL);
    assert_int_equal(call(60000, &n), BX_UNREACHABLE);
    assert_null(strstr(err.msg, "assign requested address"));
    assert_non_null(strstr(err.msg, "nowhere.invalid:1: "));
    close_client();
}

TEST(no_answer_ends_at_the_deadline_as_unknown)
{
    struct fake f;
    uint64_t n, start_ms = client_now();

    START(&f, SILENCE);
    open_client(f.address, NULL);
    assert_int_equal(call(100, &n), BX_UNREACHABLE);
    assert_true(client_now() - start_ms < 10000);
    assert_true(client.unknown);
    assert_non_null(strstr(err.msg, "waiting for an answer"));
    assert_non_null(strstr(err.hint, "not known"));
    close_client();
    fake_stop(&f);
}

TEST(a_server_without_leader_outweighs_a_dead_one)
{
    enum step steps[FAKE_STEPS];
    struct fake without, dead;
    uint64_t n, start_ms = client_now();

    for (unsigned i = 0; i < FAKE_STEPS; i++)
        steps[i] = NO_LEADER;
    fake_name(&dead);
    fake_start(&without, steps, FAKE_STEPS);
    open_client(without.address, dead.address);
    /* Longer than it takes to give up when nobody at all is there. */
    assert_int_equal(call(2300, &n), BX_NO_LEADER);
    assert_true(client_now() - start_ms >= 2300);
    assert_string_equal(err.msg, "words of the server");
    close_client();
    fake_stop(&without);
}

TEST(once_means_once)
{
    struct fake f;
    uint64_t n;

    START(&f, CLOSE, ANSWER);
    open_client(f.address, NULL);
    client.once = true;
    assert_int_equal(call(30000, &n), BX_UNREACHABLE);
    assert_int_equal(call(30000, &n), BX_OK);
    close_client();
    fake_stop(&f);
}

TEST(ctrl_c_ends_it)
{
    struct fake f;
    uint64_t n;

    START(&f, SILENCE);
    open_client(f.address, NULL);
    client_interrupted = 1;
    assert_int_equal(call(30000, &n), BX_INTERRUPTED);
    client_interrupted = 0;
    close_client();
    fake_stop(&f);
}

/* ---- addresses ---- */

TEST(addresses_are_checked)
{
    static const char *const bad[] = {"unix:", ":1", "h:", "h:0", "h:65536", "h:99999", "h:http"};
    char many[1024] = "h:1";
    size_t at = 3;

    assert_int_equal(client_init(&client, "", &err), BX_INVALID);
    client_close(&client);
    assert_int_equal(client_init(&client, ",,", &err), BX_INVALID);
    client_close(&client);
    assert_int_equal(client_init(&client, "h:1,nowhere", &err), BX_INVALID);
    assert_non_null(strstr(err.msg, "nowhere"));
    client_close(&client);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(client_init(&client, bad[i], &err), BX_INVALID);
        assert_non_null(strstr(err.msg, "not unix:PATH or HOST:PORT"));
        client_close(&client);
    }
    assert_int_equal(client_init(&client, "unix:/a,h:1,,[::1]:2", &err), BX_OK);
    assert_int_equal(client.n, 3);
    assert_string_equal(client.addresses[2], "[::1]:2");
    client_close(&client);
    for (unsigned i = 1; i <= CLIENT_ADDRESSES_MAX; i++)
        at += (size_t)snprintf(many + at, sizeof many - at, ",h:%u", i);
    assert_int_equal(client_init(&client, many, &err), BX_INVALID);
    client_close(&client);
}

/* 192.0.2.1 and 2001:db8::1 are nobody's. */
TEST(a_token_is_sent_over_no_network)
{
    static const char *const far[] = {"192.0.2.1:1", "[2001:db8::1]:1"};
    static const char *const near[] = {"127.0.0.1:1", "[::1]:1", "unix:/nowhere"};
    uint64_t n;

    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        open_client(far[i], NULL);
        snprintf(client.token, sizeof client.token, "blx_x");
        assert_int_equal(call(500, &n), BX_INVALID);
        assert_non_null(strstr(err.msg, "the CA of the cluster is needed"));
        assert_non_null(strstr(err.hint, "cluster ca show"));
        close_client();
    }
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        open_client(near[i], NULL);
        snprintf(client.token, sizeof client.token, "blx_x");
        assert_int_equal(call(500, &n), BX_UNREACHABLE);
        close_client();
    }
}

int main(void)
{
    return test_run(fake_setup, fake_teardown);
}
