/* http: what is recorded of requests, and that nothing is that a client may keep secret. */
#include "http_help.h"

#include "lib/testrec.h"
#include "rec/rec.h"
#include "sys/rate.h"

#include <string.h>

static void expect_event(const char *request, const char *text)
{
    struct reader r;

    memset(test_rec.last, 0, sizeof test_rec.last);
    r = ask(request);
    if (strstr(test_rec.last, text) == NULL)
        fail_msg("%.60s: \"%s\" is not in \"%s\"", request, text, test_rec.last);
    if (strstr(test_rec.last, "secret") != NULL)
        fail_msg("%.60s: %s", request, test_rec.last);
    hang_up(&r);
}

#if BX_LEVEL_COMPILED >= 8
/* The library tells the line, but only what it is a case of is recorded. */
TEST(what_the_library_says_is_recorded_without_what_the_client_has_sent)
{
    test_rec_open("off,http=trace");
    expect_event("GET / HTTP/1.1\r\nHost: localhost\r\nauthorization secret\r\n\r\n",
                 "trace http: libmicrohttpd format=");
    test_rec_close();
}

TEST(each_request_is_recorded)
{
    test_rec_open("off,http=debug");
    expect_event("GET /livez?token=secret HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 "Authorization: Bearer secret\r\n\r\n",
                 "debug http: answered method=GET route=/livez status=200 client=127.0.0.1 "
                 "duration_ns=");
    expect_event(CLOSING("/readyz"), "debug http: answered method=GET route=/readyz status=503");
    expect_event("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                 "debug http: answered method=HEAD route=/index.html status=200");
    test_rec_close();
}
#endif

TEST(refused_requests_are_logged_up_to_a_bound)
{
    test_rec_open("off,http=info");
    expect_event(CLOSING("/secret"),
                 "info http: refused method=GET route=\"\" status=404 client=127.0.0.1");
    expect_event("SECRETMETHODWHICHISLONG / HTTP/1.1\r\nHost: localhost\r\n"
                 "Connection: close\r\n\r\n",
                 "method=SECRETMETHODWHIC route=\"\" status=405");
    for (unsigned i = 0; i < HTTP_TOLD_MAX; i++)
        expect_status(CLOSING("/nothing"), "404");
    assert_int_equal(test_rec.lines, HTTP_TOLD_MAX);
    test_loop_skew_ms += RATE_BOUND_MS;
    expect_event(CLOSING("/nothing"), " untold=2");
    test_rec_close();
}

TEST(that_clients_are_turned_away_is_a_warning)
{
    static struct reader readers[HTTP_PER_ADDRESS + 3];
    size_t n = sizeof readers / sizeof readers[0];
    uint64_t before = stats().turned_away;

    test_rec_open("off,http=warning");
    for (size_t i = 0; i < n; i++)
        readers[i] = dial();
    SPIN_UNTIL(stats().turned_away == before + 3);
    assert_int_equal(test_rec.lines, 1);
    assert_true(test_rec_said("warning http: a client was turned away"));
    for (size_t i = 0; i < n; i++)
        hang_up(&readers[i]);
    SPIN_UNTIL(stats().connections == 0);
    test_rec_close();
}

int main(void)
{
    return test_run(http_setup, http_teardown);
}
