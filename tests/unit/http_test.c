/* http: what requests are answered, by clients over sockets of this host, and what becomes of those
 * that are slow, too many, too large, or no clients of HTTP at all. */
#include "http_help.h"

#include "config.h"
#include "wire/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- requests ---- */

#ifdef BX_METRICS
TEST(the_registry_is_text_for_prometheus)
{
    struct reader r = ask(CLOSING("/metrics"));

    assert_non_null(strstr(r.text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(r.text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(r.text, "\n# TYPE blixard_heap_live_bytes gauge\n"));
    hang_up(&r);
}

#else
TEST(a_build_without_metrics_has_none)
{
    expect_status(CLOSING("/metrics"), "404");
}
#endif

TEST(head_is_an_answer_without_its_body)
{
    struct reader r = ask("HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    char *end = strstr(r.text, "\r\n\r\n");

    assert_non_null(strstr(r.text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(end);
    assert_int_equal(end[4], '\0');
    assert_null(strstr(r.text, "Content-Length: 0\r\n"));
    hang_up(&r);
}

TEST(each_refusal_has_its_status)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        {CLOSING("/nothing"), "404"},
        {CLOSING("/metrics/"), "404"},
        {CLOSING("/../etc/passwd"), "404"},
        {CLOSING("/%2e%2e/etc/passwd"), "404"},
        {"POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"},
        {"DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "405"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "413"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "413"},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: close\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nHost: 127.evil.example\r\nConnection: close\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\nConnection: close\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400"}, /* no Host */
        {"GET /\r\n\r\n", "400"},
        {CLOSING("/readyz"), "503"}, /* there is no node */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_status(cases[i].request, cases[i].status);
}

TEST(names_of_this_host_are_answered)
{
    expect_status("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:9100\r\nConnection: close\r\n\r\n",
                  "200");
    expect_status("GET /livez HTTP/1.1\r\nHost: [::1]:9100\r\nConnection: close\r\n\r\n", "200");
    expect_status("GET /livez HTTP/1.1\r\nHost: LOCALHOST\r\nConnection: close\r\n\r\n", "200");
    expect_status("GET /livez HTTP/1.0\r\n\r\n", "200");
}

TEST(a_connection_takes_one_request_after_the_other)
{
    struct reader r = dial();

    for (int i = 0; i < 3; i++) {
        forget(&r);
        say(&r, GET("/livez"));
        SPIN_UNTIL(has(&r, "{\"status\":\"ok\"}\n"));
        assert_false(r.closed);
    }
    forget(&r);
    say(&r, GET("/nothing") GET("/livez")); /* at once */
    SPIN_UNTIL(has(&r, "{\"status\":\"ok\"}\n"));
    assert_non_null(strstr(r.text, "404"));
    assert_int_equal(stats().connections, 1);
    hang_up(&r);
    SPIN_UNTIL(stats().connections == 0);
}

TEST(a_header_or_a_path_beyond_the_bound_is_refused)
{
    static char text[HTTP_HEAD_BYTES * 2];

    memset(text, 'a', sizeof text - 1);
    memcpy(text, "GET /", 5);
    expect_status(text, "414");
    memcpy(text, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 36);
    expect_status(text, "431");
}

TEST(what_is_no_request_is_refused)
{
    static const char *const cases[] = {
        "\x16\x03\x01\x02\x05\x01\x01\xfc\x03\x03 a hello of TLS\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "\r\n \r\n\r\n: \r\n\r\n"};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reader r = dial();

        say(&r, cases[i]);
        shutdown(r.fd, SHUT_WR);
        SPIN_UNTIL(is_closed(&r));
        assert_true(r.text == NULL || strstr(r.text, "200 OK") == NULL);
        hang_up(&r);
    }
    expect_status(CLOSING("/livez"), "200");
}

TEST(each_bit_of_a_request_may_be_another)
{
    static const char request[] = CLOSING("/livez");

    for (size_t at = 0; at < sizeof request - 1; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char changed[sizeof request];
            struct reader r = dial();

            memcpy(changed, request, sizeof request);
            changed[at] = (char)(changed[at] ^ 1 << bit);
            say_n(&r, changed, sizeof request - 1);
            shutdown(r.fd, SHUT_WR); /* it may not be complete any more */
            SPIN_UNTIL(is_closed(&r));
            assert_true(r.text == NULL || strncmp(r.text, "HTTP/1.", 7) == 0);
            hang_up(&r);
        }
    }
    SPIN_UNTIL(stats().connections == 0);
    expect_status(request, "200");
}

TEST(files_of_the_page_are_not_sent_twice)
{
    struct reader r = ask(CLOSING("/"));
    char request[256], *etag = strstr(r.text, "ETag: ");

    assert_non_null(strstr(r.text, "Content-Type: text/html; charset=utf-8\r\n"));
    assert_non_null(strstr(r.text, "Content-Security-Policy: default-src 'none';"));
    assert_non_null(etag);
    snprintf(
        request, sizeof request,
        "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: %.*s\r\n\r\n",
        (int)strcspn(etag + 6, "\r"), etag + 6);
    hang_up(&r);
    expect_status(request, "304");
}

/* ---- who is slow, or many ---- */

TEST(a_header_that_trickles_in_is_not_waited_for)
{
    struct reader r = dial();

    say(&r, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 4; i++) {
        test_loop_skew_ms += HTTP_HEAD_MS / 5;
        test_loop_spin_ms(20);
        say(&r, "X: y\r\n");
        assert_false(is_closed(&r));
    }
    test_loop_skew_ms += HTTP_HEAD_MS / 2;
    SPIN_UNTIL(is_closed(&r));
    hang_up(&r);
}

TEST(a_connection_that_rests_is_closed)
{
    struct reader r = dial();

    say(&r, GET("/livez"));
    SPIN_UNTIL(has(&r, "ok"));
    test_loop_skew_ms += HTTP_HEAD_MS + 1000;
    test_loop_spin_ms(1200);
    assert_false(is_closed(&r)); /* it may send another request */
    test_loop_skew_ms += HTTP_IDLE_MS;
    SPIN_UNTIL(is_closed(&r));
    hang_up(&r);
}

TEST(connections_beyond_those_of_an_address_are_turned_away)
{
    static struct reader readers[HTTP_PER_ADDRESS];
    struct reader more;
    uint64_t before = stats().turned_away;

    for (size_t i = 0; i < HTTP_PER_ADDRESS; i++)
        readers[i] = dial();
    SPIN_UNTIL(stats().connections == HTTP_PER_ADDRESS);
    more = dial();
    SPIN_UNTIL(is_closed(&more) || has(&more, "\r\n\r\n"));
    assert_non_null(strstr(more.text, "503 Service Unavailable"));
    assert_int_equal(stats().turned_away, before + 1);
    hang_up(&more);
    for (size_t i = 0; i < HTTP_PER_ADDRESS; i++)
        hang_up(&readers[i]);
    SPIN_UNTIL(stats().connections == 0);
    expect_status(CLOSING("/livez"), "200");
}

TEST(connections_that_are_turned_away_are_bounded_too)
{
    static struct reader readers[2 * (HTTP_CONNECTIONS + HTTP_REFUSALS)];
    size_t n = sizeof readers / sizeof readers[0];
    uint64_t most = 0;

    for (size_t i = 0; i < n; i++) {
        readers[i] = dial();
        uv_run(&test_loop, UV_RUN_NOWAIT);
        most = stats().connections > most ? stats().connections : most;
    }
    test_loop_spin_ms(20);
    assert_in_range(most, HTTP_CONNECTIONS + 1, HTTP_CONNECTIONS + HTTP_REFUSALS + 1);
    assert_in_range(stats().connections, 1, HTTP_CONNECTIONS + HTTP_REFUSALS);
    assert_true(is_closed(&readers[n - 1]));
    for (size_t i = 0; i < n; i++)
        hang_up(&readers[i]);
    SPIN_UNTIL(stats().connections == 0);
    expect_status(CLOSING("/livez"), "200");
}

/* Clients that send requests without waiting for answers do not keep the loop from all else. */
TEST(a_turn_of_the_loop_answers_a_few_requests)
{
    static const char request[] = GET("/metrics");
    static struct reader readers[32];
    uint64_t most = 0, first = stats().requests;

    for (size_t i = 0; i < 32; i++)
        readers[i] = dial();
    SPIN_UNTIL(stats().connections == 32);
    for (size_t i = 0; i < 32; i++)
        for (int n = 0; n < 100; n++)
            (void)send(readers[i].fd, request, sizeof request - 1, MSG_NOSIGNAL);
    while (stats().requests - first < 3200) {
        uint64_t before = stats().requests;

        uv_run(&test_loop, UV_RUN_NOWAIT);
        most = stats().requests - before > most ? stats().requests - before : most;
        for (size_t i = 0; i < 32; i++) {
            (void)has(&readers[i], "");
            forget(&readers[i]);
        }
    }
    assert_in_range(most, 1, 256);
    for (size_t i = 0; i < 32; i++)
        hang_up(&readers[i]);
    SPIN_UNTIL(stats().connections == 0);
}

TEST(a_client_that_hangs_up_leaves_nothing)
{
    struct reader r = dial();

    say(&r, GET("/metrics") GET("/metrics"));
    hang_up(&r);
    r = dial();
    say(&r, "GET / HT");
    hang_up(&r);
    SPIN_UNTIL(stats().connections == 0);
}

/* ---- server-sent events ---- */

TEST(the_dashboard_is_told_every_second)
{
    const struct bx_event e = {.index = 17, .time = 5, .type = 0, .object = bx_str("secret-vm")};
    struct reader r = dial();

    http_on_event(server, &e);
    say(&r, GET("/v1/live"));
    SPIN_UNTIL(has(&r, "event: state\ndata: {"));
    assert_non_null(strstr(r.text, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(r.text, "\"revision\":17"));
    assert_null(strstr(r.text, "secret-vm"));
#ifdef BX_METRICS
    assert_non_null(strstr(r.text, "\"blixard_heap_live_bytes\":"));
#endif
    assert_int_equal(stats().feeds, 1);
    test_loop_spin_ms(1100); /* it may be told once more */
    (void)has(&r, "");
    forget(&r);
    SPIN_UNTIL(has(&r, "event: state\ndata: {"));
    assert_null(strstr(r.text, "\"revision\":17"));
    hang_up(&r);
    SPIN_UNTIL(stats().feeds == 0);
}

TEST(listeners_beyond_the_bound_are_refused)
{
    static struct reader readers[HTTP_FEEDS];
    struct reader more = dial();

    for (size_t i = 0; i < HTTP_FEEDS; i++) {
        readers[i] = dial();
        say(&readers[i], GET("/v1/live"));
    }
    SPIN_UNTIL(stats().feeds == HTTP_FEEDS);
    say(&more, GET("/v1/live"));
    SPIN_UNTIL(has(&more, "too many listeners"));
    assert_non_null(strstr(more.text, "HTTP/1.1 503 "));
    hang_up(&more);
    for (size_t i = 0; i < HTTP_FEEDS; i += 2)
        hang_up(&readers[i]);
    SPIN_UNTIL(stats().feeds == HTTP_FEEDS / 2);
    for (size_t i = 1; i < HTTP_FEEDS; i += 2) /* the others are there when the server ends */
        hang_up(&readers[i]);
}

TEST(a_client_that_does_not_read_is_closed)
{
    static const char request[] = GET("/app.css");
    int small = 4096;
    struct reader r = dial();

    setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 3000; i++) { /* more than the kernel's and our buffers hold */
        (void)send(r.fd, request, sizeof request - 1, MSG_NOSIGNAL);
        uv_run(&test_loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(stats().connections, 1);
    test_loop_spin_ms(50);
    test_loop_skew_ms += HTTP_STALL_MS + 1000;
    SPIN_UNTIL(stats().connections == 0);
    hang_up(&r);
}

int main(void)
{
    return test_run(http_setup, http_teardown);
}
