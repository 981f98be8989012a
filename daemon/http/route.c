/* route - which answer a request gets. */
#include "http/priv.h"

#include "diag/promtext.h"

#include <stdio.h>
#include <strings.h>

#define JSON "application/json"

static const struct {
    const char *path, *type;
    http_page page;
} pages[] = {
    {"/metrics", BX_PROMTEXT_TYPE, http_metrics},
    {"/livez", JSON, http_livez},
    {"/readyz", JSON, http_readyz},
    {"/v1/sd", JSON, http_sd},
    {"/v1/live", "text/event-stream", http_live},
};

void http_refuse(struct http_answer *a, unsigned status, const char *message)
{
    bx_buf_release(&a->body);
    a->status = status;
    a->refused = true;
    a->type = JSON;
    a->file = NULL;
    a->feed = false;
    http_putf(&a->body, "{\"code\":%u,\"message\":", status);
    http_put_string(&a->body, message);
    http_put(&a->body, "}\n");
}

static bool is_number(const char *s, size_t n)
{
    return strspn(s, "0123456789") >= n;
}

/* "localhost", "127.0.0.1" or "[::1]", with any port: names that no other site can own. */
static bool is_loopback(const char *host)
{
    size_t n = strcspn(host, ":");

    if (host[0] == '[') {
        n = strcspn(host, "]");
        if (strncmp(host, "[::1]", 5) != 0)
            return false;
        n++;
    } else if (!(n == 9 && strncasecmp(host, "localhost", n) == 0) &&
               !(strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n)) {
        return false;
    }
    return host[n] == '\0' || (host[n] == ':' && is_number(host + n + 1, strlen(host + n + 1)));
}

/* A page of another site, which could not read the answer, but take the places of listeners. */
static bool is_of_another_site(const struct http_request *rq)
{
    return rq->site != NULL && strcmp(rq->site, "same-origin") != 0 &&
           strcmp(rq->site, "none") != 0;
}

static const struct http_asset *find_asset(const char *path)
{
    for (const struct http_asset *f = http_assets; f->path != NULL; f++) {
        if (strcmp(f->path, path) == 0)
            return f;
    }
    return NULL;
}

static void send_asset(const struct http_request *rq, const struct http_asset *f,
                       struct http_answer *a)
{
    a->etag = f->etag;
    a->type = f->type;
    a->route = f->path;
    if (rq->if_none_match != NULL && strcmp(rq->if_none_match, f->etag) == 0) {
        a->status = 304;
        return;
    }
    a->file = f->bytes;
    a->file_bytes = f->n;
}

static void find(struct http *h, const struct http_request *rq, struct http_answer *a)
{
    const struct http_asset *f;

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(pages[i].path, rq->path) != 0)
            continue;
        a->type = pages[i].type;
        a->route = pages[i].path;
        pages[i].page(h, a);
        if (a->body.failed)
            http_refuse(a, 503, "out of memory");
        return;
    }
    f = find_asset(strcmp(rq->path, "/") == 0 ? "/index.html" : rq->path);
    if (f != NULL)
        send_asset(rq, f, a);
    else
        http_refuse(a, 404, "there is nothing here; / is the dashboard");
}

void http_route(struct http *h, const struct http_request *rq, struct http_answer *a)
{
    a->status = 200;
    a->route = "";
    a->close = rq->body;
    if (rq->host != NULL && !is_loopback(rq->host)) {
        http_refuse(a, 421, "this server answers to localhost, 127.0.0.1 and [::1] only");
    } else if (strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "HEAD") != 0) {
        http_refuse(a, 405, "only GET and HEAD are answered");
        a->allow = "GET, HEAD";
    } else if (rq->body) {
        http_refuse(a, 413, "a request has no body here");
    } else {
        find(h, rq, a);
        if (a->feed && is_of_another_site(rq))
            http_refuse(a, 403, "only the page of this server may listen");
    }
    h->stats.requests++;
    h->stats.refused += a->status >= 400;
}
