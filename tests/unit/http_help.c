#include "http_help.h"

#include "diag/memory.h"
#include "sys/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http *server;
static struct bx_metrics metrics;
static char address[64];

int http_setup(void **state)
{
    struct http_options o = {
        .loop = &test_loop, .clock = &test_loop_clock, .address = address, .metrics = &metrics};
    struct bx_err err;

    (void)state;
    test_loop_open();
    test_free_address(address);
    if (metrics.n == 0)
        assert_int_equal(bx_memory_metrics(&metrics), BX_OK);
    if (http_create(&server, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
    return 0;
}

int http_teardown(void **state)
{
    (void)state;
    http_destroy(server);
    test_loop_close();
    return 0;
}

struct reader dial(void)
{
    struct reader r = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    union address a;

    assert_int_equal(address_parse(address, &a, NULL), BX_OK);
    assert_int_equal(connect(r.fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(fcntl(r.fd, F_SETFL, O_NONBLOCK), 0);
    return r;
}

void say_n(const struct reader *r, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(r->fd, text, n, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN)
            return; /* it has closed, as the caller finds out */
        text += sent < 0 ? 0 : sent;
        n -= sent < 0 ? 0 : (size_t)sent;
        uv_run(&test_loop, UV_RUN_NOWAIT);
    }
}

void say(const struct reader *r, const char *text)
{
    say_n(r, text, strlen(text));
}

static bool hears(struct reader *r)
{
    char bytes[4096];
    ssize_t n = recv(r->fd, bytes, sizeof bytes, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        r->closed = true;
    if (n <= 0)
        return false;
    r->text = realloc(r->text, r->n + (size_t)n + 1);
    memcpy(r->text + r->n, bytes, (size_t)n);
    r->n += (size_t)n;
    r->text[r->n] = '\0';
    return true;
}

bool has(struct reader *r, const char *text)
{
    while (hears(r))
        ;
    return r->text != NULL && strstr(r->text, text) != NULL;
}

void forget(struct reader *r)
{
    r->n = 0;
    if (r->text != NULL)
        r->text[0] = '\0';
}

bool is_closed(struct reader *r)
{
    (void)has(r, "");
    return r->closed;
}

void hang_up(struct reader *r)
{
    close(r->fd);
    free(r->text);
    *r = (struct reader){.fd = -1};
}

struct http_stats stats(void)
{
    struct http_stats s;

    http_stats(server, &s);
    return s;
}

struct reader ask(const char *request)
{
    struct reader r = dial();

    say(&r, request);
    SPIN_UNTIL(is_closed(&r));
    assert_non_null(r.text);
    return r;
}

void expect_status(const char *request, const char *status)
{
    struct reader r = ask(request);

    if (strncmp(r.text, "HTTP/1.1 ", 9) != 0 || strncmp(r.text + 9, status, strlen(status)) != 0)
        fail_msg("%.60s was answered: %.60s", request, r.text);
    hang_up(&r);
}
