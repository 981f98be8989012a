/* send: what becomes of envelopes, and of the end of the daemon, when a service answers what none
 * should. */
#include "lib/testloop.h"

#include "diagnose/diag.h"
#include "diagnose/send.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (16u << 10)
#define T0 UINT64_C(1800000000000000000)

/* The service: it reads, says `first` to each client and then, without an end, `again`. */
static struct {
    uv_tcp_t listener, client;
    uv_buf_t first, again;
    uv_write_t write;
    char piece[PIECE], text[64];
    int port;
    uint32_t clients;
    bool open, asked;
    const char *poison; /* who asks with this in the request gets an error */
    size_t n, room;     /* bytes that came from the client; of them, those that `said` may keep */
    char *said;
    char begins[4096]; /* the first of them */
} service;

static char taken[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static char *dir;
static struct diag *diag;

static void on_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    static char said[65536];

    (void)h, (void)n;
    *b = uv_buf_init(said, sizeof said);
}

static void on_client_gone(uv_handle_t *h)
{
    (void)h;
    service.open = false;
}

static void hang_up(void)
{
    if (service.open && !uv_is_closing((uv_handle_t *)&service.client))
        uv_close((uv_handle_t *)&service.client, on_client_gone);
}

static void on_written(uv_write_t *w, int status)
{
    if (status != 0)
        hang_up();
    else if (service.again.len > 0)
        uv_write(w, (uv_stream_t *)&service.client, &service.again, 1, on_written);
}

static void keep(const char *p, size_t n)
{
    size_t room = service.n < sizeof service.begins ? sizeof service.begins - service.n : 0;

    if (room > 0)
        memcpy(service.begins + service.n, p, n < room ? n : room);
    if (service.n + n <= service.room)
        memcpy(service.said + service.n, p, n);
    service.n += n;
}

/* The request has come as a whole: its header, and as many bytes as that says. */
static bool is_whole(void)
{
    static const char length[] = "Content-Length: ";
    size_t n = service.n < sizeof service.begins ? service.n : sizeof service.begins;
    const char *end = memmem(service.begins, n, "\r\n\r\n", 4);
    const char *at = memmem(service.begins, n, length, sizeof length - 1);

    return end != NULL && at != NULL && at < end &&
           service.n >=
               (size_t)(end + 4 - service.begins) + strtoul(at + sizeof length - 1, NULL, 10);
}

static bool is_poisoned(void)
{
    size_t n = service.n < sizeof service.begins ? service.n : sizeof service.begins;

    return service.poison != NULL && memmem(service.begins, n, service.poison, 4) != NULL;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    static const char error[] = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";

    if (n > 0)
        keep(b->base, (size_t)n);
    if (n >= 0 && !is_whole())
        return;
    if (n > 0 && is_poisoned())
        service.first = uv_buf_init((char *)(uintptr_t)error, sizeof error - 1);
    if (n < 0)
        hang_up();
    else if (!service.asked && service.first.len > 0)
        uv_write(&service.write, s, &service.first, 1, on_written);
    service.asked = true;
}

static void on_client(uv_stream_t *listener, int status)
{
    assert_int_equal(status, 0);
    hang_up();
    while (service.open)
        uv_run(&test_loop, UV_RUN_NOWAIT);
    uv_tcp_init(&test_loop, &service.client);
    service.open = true;
    service.asked = false;
    service.n = 0;
    service.clients++;
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&service.client), 0);
    uv_read_start((uv_stream_t *)&service.client, on_alloc, on_read);
}

static int set_up(void **state)
{
    struct sockaddr_in on;
    int n = sizeof on;

    (void)state;
    test_loop_open();
    dir = test_make_dir();
    memset(&service, 0, sizeof service);
    uv_tcp_init(&test_loop, &service.listener);
    uv_ip4_addr("127.0.0.1", 0, &on);
    assert_int_equal(uv_tcp_bind(&service.listener, (struct sockaddr *)&on, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&service.listener, 8, on_client), 0);
    uv_tcp_getsockname(&service.listener, (struct sockaddr *)&on, &n);
    service.port = ntohs(on.sin_port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    diag_close(diag);
    diag = NULL;
    hang_up();
    uv_close((uv_handle_t *)&service.listener, NULL);
    test_loop_close();
    test_remove_dir(dir);
    free(service.said);
    return 0;
}

static struct diag_stats stats(void)
{
    struct diag_stats s;

    diag_stats(diag, &s);
    return s;
}

/* The session that begins is an envelope. */
static void open_diag(const char *first, const char *again)
{
    struct diag_options o = {.loop = &test_loop,
                             .clock = &test_loop_clock,
                             .data = dir,
                             .about = {.node = "n1", .environment = "test"}};
    char dsn[64];
    struct bx_err err;

    for (size_t at = 0, n = strlen(again); n > 0 && at + n <= PIECE; at += n)
        memcpy(service.piece + at, again, n);
    service.first = uv_buf_init((char *)(uintptr_t)first, (unsigned)strlen(first));
    service.again = uv_buf_init(service.piece, again[0] == '\0' ? 0 : PIECE);
    snprintf(dsn, sizeof dsn, "http://key@127.0.0.1:%d/1", service.port);
    o.dsn = dsn;
    if (diag_open(&diag, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
    SPIN_UNTIL(stats().stored > 0);
    assert_int_equal(diag_send(diag, &err), BX_OK);
}

static void expect_end_within(uint64_t seconds)
{
    uint64_t from = uv_hrtime();

    diag_close(diag);
    diag = NULL;
    assert_in_range((uv_hrtime() - from) / 1000000, 0, seconds * 1000);
}

/* Each waits for less than SEND_TOTAL_S. */
TEST(an_answer_without_an_end_is_an_answer)
{
    uint64_t from = uv_hrtime();

    open_diag("HTTP/1.1 200 OK\r\n\r\n", "and more ");
    SPIN_UNTIL(stats().sent == 1);
    assert_in_range((uv_hrtime() - from) / 1000000, 0, SEND_TOTAL_S * 500);
}

TEST(a_header_without_an_end_is_a_failure)
{
    uint64_t from = uv_hrtime();

    open_diag("HTTP/1.1 200 OK\r\n", "X-More: 0123456789abcde\r\n0123456789abcdef0123456789abcdef");
    SPIN_UNTIL(service.clients == 1 && service.asked && !service.open);
    assert_in_range((uv_hrtime() - from) / 1000000, 0, SEND_TOTAL_S * 500);
    assert_int_equal(stats().sent + stats().refused, 0);
}

TEST(a_redirection_is_not_followed)
{
    char first[160];

    snprintf(first, sizeof first,
             "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/other\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n",
             service.port);
    open_diag(first, "");
    SPIN_UNTIL(service.clients == 1 && service.asked && !service.open);
    test_loop_spin_ms(50);
    assert_int_equal(service.clients, 1);
    assert_int_equal(stats().sent + stats().refused, 0);
}

/* The oldest envelope is that of the session. */
TEST(what_the_service_can_not_take_does_not_stop_the_others)
{
    struct bx_report r = {.level = BX_SEVERITY_ERROR, .message = bx_str("hello")};

    service.poison = "sid\"";
    open_diag(taken, "");
    SPIN_UNTIL(service.clients == 1 && service.asked && !service.open);
    service.first = uv_buf_init(taken, sizeof taken - 1);
    diag_report(diag, &r, NULL);
    SPIN_UNTIL(stats().stored == 2);
    test_loop_skew_ms += 3000;
    SPIN_UNTIL(stats().sent == 1);
    assert_int_equal(stats().refused, 0);
}

TEST(the_daemon_ends_while_the_service_says_nothing)
{
    open_diag("", "");
    SPIN_UNTIL(service.asked);
    expect_end_within(SEND_TOTAL_S / 2);
}

TEST(what_is_to_be_sent_now_is_sent_though_the_job_under_way_is_told_to_wait)
{
    static char wait[] = "HTTP/1.1 429 No\r\nRetry-After: 3600\r\nContent-Length: 0\r\n"
                         "Connection: close\r\n\r\n";
    struct bx_err err;

    open_diag("", "");
    SPIN_UNTIL(service.asked);
    assert_int_equal(diag_send(diag, &err), BX_OK);
    service.first = uv_buf_init(wait, sizeof wait - 1);
    uv_write(&service.write, (uv_stream_t *)&service.client, &service.first, 1, on_written);
    SPIN_UNTIL(!service.open);
    service.first = uv_buf_init(taken, sizeof taken - 1);
    SPIN_UNTIL(stats().sent > 0);
    assert_int_equal(stats().limited, 1);
}

/* ---- files ---- */

#define PATTERN "abcdefghijklmnop" /* no newline */
#define LARGE (24u << 20)

/* An event with a file of so many bytes, which is the pattern over and over. */
static void put_with_file(size_t bytes)
{
    static const uint8_t id[16] = {7};
    struct bx_envelope_head head = {.event = id};
    struct bx_envelope e = {.items = 0};
    struct bx_report r = {.level = BX_SEVERITY_ERROR, .message = bx_str("hello")};
    struct spool_files files = {.n = 1};
    struct bx_err err = {0};
    FILE *f = tmpfile();

    assert_non_null(f);
    for (size_t at = 0; at < bytes; at += 16)
        assert_int_equal(fwrite(PATTERN, 16, 1, f), 1);
    assert_int_equal(fflush(f), 0);
    memcpy(r.id, id, 16);
    bx_envelope_begin(&e, &head);
    bx_envelope_report(&e, &r);
    bx_envelope_attachment(&e, bx_str("a.bin"), bx_str("application/octet-stream"), bytes);
    files.v[0].fd = fileno(f);
    files.v[0].bytes = bytes;
    files.v[0].at = e.out.len;
    assert_int_equal(
        spool_put(diag_spool(diag), T0, id, BX_ITEM_EVENT, e.out.data, e.out.len, &files, &err),
        BX_OK);
    bx_envelope_close(&e);
    fclose(f);
}

/* Two envelopes come by themselves: the session, and the check-in of a job. */
static void open_and_send(const char *answer)
{
    open_diag(answer, "");
    SPIN_UNTIL(stats().sent == 2);
}

/* The service keeps what it is sent from now on. */
static void keep_said(size_t room)
{
    service.said = malloc(room);
    assert_non_null(service.said);
    service.room = room;
}

static bool was_said(const char *text)
{
    return memmem(service.said, service.n, text, strlen(text)) != NULL;
}

TEST(an_envelope_of_many_megabytes_is_sent_without_that_much_memory)
{
    struct bx_alloc_stats before, after;
    struct bx_err err;

    open_and_send(taken);
    keep_said(LARGE + 65536);
    put_with_file(LARGE);
    bx_alloc_stats(&before);
    assert_int_equal(diag_send(diag, &err), BX_OK);
    SPIN_UNTIL(stats().sent == 3);
    bx_alloc_stats(&after);
    assert_true(after.peak_bytes < before.live_bytes + (4u << 20));
    assert_in_range(service.n, LARGE, service.room);
    assert_true(was_said("\"sent_at\":\"20"));
    for (size_t at = service.n - 1 - LARGE; at < service.n - 1; at += 16)
        assert_memory_equal(service.said + at, PATTERN, 16);
}

TEST(attachments_that_are_limited_are_left_out)
{
    static char limits[] = "HTTP/1.1 200 OK\r\nX-Sentry-Rate-Limits: 60:attachment:key\r\n"
                           "Content-Length: 0\r\nConnection: close\r\n\r\n";

    open_and_send(limits);
    keep_said(65536);
    put_with_file(160);
    SPIN_UNTIL(stats().sent == 3);
    assert_true(was_said("hello"));
    assert_false(was_said("attachment") || was_said(PATTERN));
    assert_int_equal(stats().dropped, 1);
}

TEST(what_is_damaged_is_deleted_and_counted)
{
    struct spool_entry entry;
    struct bx_err err;
    char path[512];
    FILE *f;

    open_and_send(taken);
    service.first = uv_buf_init(NULL, 0);
    put_with_file(160);
    assert_int_equal(spool_list(diag_spool(diag), &entry, 1), 1);
    snprintf(path, sizeof path, "%s/diag/%s", dir, entry.name);
    f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, -10, SEEK_END), 0);
    assert_int_equal(fputc('!', f), '!');
    fclose(f);
    assert_int_equal(diag_send(diag, &err), BX_OK);
    SPIN_UNTIL(stats().refused == 1);
    assert_int_equal(spool_list(diag_spool(diag), &entry, 1), 0);
}

/* ---- lines of the header ---- */

static void line(struct send_answer *a, const char *text)
{
    size_t n = strlen(text);
    char *exact = malloc(n); /* no NUL follows */

    memcpy(exact, text, n);
    assert_true(send_answer_line(a, exact, n));
    free(exact);
}

TEST(lines_of_the_header_are_kept_up_to_their_end)
{
    struct send_answer a = {0};

    line(&a, "x-sentry-rate-limits: 60:error, 5:session\r\n");
    line(&a, "Retry-After: 7");
    line(&a, "Retry-Afternoon: 8\r\n");
    assert_string_equal(a.limits, " 60:error, 5:session");
    assert_string_equal(a.retry_after, " 7");
    line(&a, "Retry-After:\r\n");
    assert_string_equal(a.retry_after, "");
}

TEST(of_a_list_that_does_not_fit_whole_members_are_kept)
{
    char text[2000] = "X-Sentry-Rate-Limits:";
    struct send_answer a = {0};
    size_t n;

    for (size_t at = strlen(text); at < 1500; at += strlen(text + at))
        snprintf(text + at, sizeof text - at, "2700:transaction:key,");
    line(&a, text);
    n = strlen(a.limits);
    assert_in_range(n, 400, sizeof a.limits - 1);
    assert_string_equal(a.limits + n - 4, ":key");
    memset(text, '9', sizeof text - 1);
    memcpy(text, "Retry-After:", 12);
    line(&a, text);
    assert_string_equal(a.retry_after, ""); /* half a number is another one */
}

TEST(a_header_has_a_bound)
{
    struct send_answer a = {0};
    char text[1024] = {'X', ':'};
    uint32_t n = 0;

    while (send_answer_line(&a, text, sizeof text))
        assert_true(++n <= SEND_ANSWER_BYTES / sizeof text);
}

int main(void)
{
    return test_run(set_up, tear_down);
}
