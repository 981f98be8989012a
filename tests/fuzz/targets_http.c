/* What the HTTP server makes of a request, without the library that parses it: lines with method,
 * path, Host, If-None-Match, and whether there is a body. */
#include "fuzz/targets.h"

#include "http/priv.h"
#include "mem/alloc.h"

#include <assert.h>
#include <string.h>

/* ---- in place of what the program has: its files, and the library ---- */

static const unsigned char file[] = "<title>Blixard</title>";
const struct http_asset http_assets[] = {
    {"/index.html", "text/html; charset=utf-8", "\"1\"", file, sizeof file - 1},
    {NULL, NULL, NULL, NULL, 0},
};

void http_server_wake(struct http_feed *f)
{
    (void)f;
}

uint64_t http_now(const struct http *h)
{
    (void)h;
    return 0;
}

/* ---- the target ---- */

/* The next line, ended by NUL, or NULL when it is empty or there is none. */
static char *line(char **at)
{
    char *begin = *at, *end = begin == NULL ? NULL : strchr(begin, '\n');

    *at = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
    return begin == NULL || *begin == '\0' ? NULL : begin;
}

static void check(const struct http_request *rq, const struct http_answer *a)
{
    bool served = strcmp(rq->method, "GET") == 0 || strcmp(rq->method, "HEAD") == 0;

    assert(a->status >= 200 && a->status < 600);
    assert(a->type != NULL && !a->body.failed);
    assert(served || a->status >= 400); /* nothing can be changed */
    assert(!rq->body || (a->close && a->status >= 400));
    assert(a->file == NULL || a->body.len == 0);
    assert((a->status == 405) == (a->allow != NULL));
    for (size_t i = 0; i < a->body.len && a->status >= 400; i++)
        assert(a->body.data[i] < 0x80); /* nothing of the request comes back */
}

int fuzz_http(const uint8_t *p, size_t n)
{
    static struct http h;
    char *text = bx_must_calloc(1, n + 1), *at = text;
    struct http_request rq;
    struct http_answer a = {0};

    memcpy(text, p, n);
    rq.method = line(&at);
    rq.path = line(&at);
    rq.host = line(&at);
    rq.if_none_match = line(&at);
    rq.body = line(&at) != NULL;
    rq.method = rq.method == NULL ? "" : rq.method;
    rq.path = rq.path == NULL ? "" : rq.path;
    http_route(&h, &rq, &a);
    check(&rq, &a);
    bx_buf_release(&a.body);
    bx_free(text);
    return a.status < 400 ? BX_OK : BX_INVALID;
}
