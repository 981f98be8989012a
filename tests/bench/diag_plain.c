#include "diag_plain.h"

#include "config.h"
#include "heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- scopes: lists of blocks of their own ---- */

struct tag {
    struct tag *next;
    char *key, *value;
};
struct crumb {
    struct crumb *next;
    uint64_t time_ns;
    char *level, *category, *message;
};
struct plain_scope {
    struct tag *tags;
    struct crumb *first, *last;
    unsigned n_crumbs;
};

static char *copy(const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(heap_plain_malloc(n), s, n);
}

void plain_tag(struct plain_scope *s, const char *key, const char *value)
{
    struct tag **at = &s->tags;

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    if (*at == NULL) {
        *at = heap_plain_malloc(sizeof **at);
        **at = (struct tag){NULL, copy(key), NULL};
    }
    heap_plain_free((*at)->value);
    (*at)->value = copy(value);
}

static void drop_first(struct plain_scope *s)
{
    struct crumb *c = s->first;

    s->first = c->next;
    heap_plain_free(c->level);
    heap_plain_free(c->category);
    heap_plain_free(c->message);
    heap_plain_free(c);
    s->n_crumbs--;
}

void plain_crumb(struct plain_scope *s, uint64_t time_ns, const char *level, const char *category,
                 const char *message)
{
    struct crumb *c = heap_plain_malloc(sizeof *c);

    *c = (struct crumb){NULL, time_ns, copy(level), copy(category), copy(message)};
    if (s->first == NULL)
        s->first = c;
    else
        s->last->next = c;
    s->last = c;
    if (++s->n_crumbs > BX_CRUMBS)
        drop_first(s);
}

struct plain_scope *plain_push(const struct plain_scope *parent)
{
    struct plain_scope *s = heap_plain_malloc(sizeof *s);

    memset(s, 0, sizeof *s);
    if (parent == NULL)
        return s;
    for (const struct tag *t = parent->tags; t != NULL; t = t->next)
        plain_tag(s, t->key, t->value);
    for (const struct crumb *c = parent->first; c != NULL; c = c->next)
        plain_crumb(s, c->time_ns, c->level, c->category, c->message);
    return s;
}

void plain_pop(struct plain_scope *s)
{
    while (s->first != NULL)
        drop_first(s);
    while (s->tags != NULL) {
        struct tag *t = s->tags;

        s->tags = t->next;
        heap_plain_free(t->key);
        heap_plain_free(t->value);
        heap_plain_free(t);
    }
    heap_plain_free(s);
}

bool plain_has(const struct plain_scope *s, const struct bx_scope *ours)
{
    const struct bx_bag *b = ours->bags[BX_SCOPE_TAGS];
    struct bx_pair pairs[BX_CRUMB_PAIRS];
    uint32_t n = 0;
    bool same = true;

    for (const struct tag *t = s->tags; t != NULL; t = t->next, n++)
        same = same && bx_str_eq(bx_bag_get(b, bx_str(t->key)), bx_str(t->value));
    same = same && n == bx_bag_n(b) && s->n_crumbs == bx_crumbs_n(ours->crumbs);
    n = 0;
    for (const struct crumb *c = s->first; same && c != NULL; c = c->next, n++) {
        struct bx_crumb o = bx_crumbs_get(ours->crumbs, n, pairs);

        same = bx_str_eq(o.category, bx_str(c->category)) &&
               bx_str_eq(o.message, bx_str(c->message)) && o.time_ns == c->time_ns;
    }
    return same;
}

/* ---- envelopes: texts of their own, joined ---- */

static void append(struct plain_text *t, const char *p, size_t n)
{
    char *more = heap_plain_malloc(t->n + n + 1);

    if (t->n > 0)
        memcpy(more, t->p, t->n);
    memcpy(more + t->n, p, n);
    more[t->n + n] = '\0';
    heap_plain_free(t->p);
    t->p = more;
    t->n += n;
}

__attribute__((format(printf, 2, 3))) static void add(struct plain_text *t, const char *fmt, ...)
{
    char text[512];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    append(t, text, (size_t)n);
}

void plain_text_free(struct plain_text *t)
{
    heap_plain_free(t->p);
    *t = (struct plain_text){NULL, 0};
}

/* The texts here are ASCII. */
static char *quoted(struct bx_str s)
{
    char *out = heap_plain_malloc(6 * (size_t)s.n + 3);
    size_t n = 0;

    out[n++] = '"';
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            out[n++] = '\\';
        out[n++] = s.p[i];
    }
    out[n++] = '"';
    out[n] = '\0';
    return out;
}

static void add_quoted(struct plain_text *t, const char *before, struct bx_str s)
{
    char *q = quoted(s);

    add(t, "%s%s", before, q);
    heap_plain_free(q);
}

static char *hex(const uint8_t *p, size_t n)
{
    char *out = heap_plain_malloc(2 * n + 1);

    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
    return out;
}

static void add_hex(struct plain_text *t, const char *before, const uint8_t *p, size_t n)
{
    char *h = hex(p, n);

    add(t, "%s\"%s\"", before, h);
    heap_plain_free(h);
}

static void add_time(struct plain_text *t, const char *before, uint64_t ns)
{
    time_t seconds = (time_t)(ns / 1000000000);
    char text[32];
    struct tm tm;

    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
    add(t, "%s\"%s.%06uZ\"", before, text, (unsigned)(ns % 1000000000 / 1000));
}

static void add_crumbs(struct plain_text *t, const struct bx_crumbs *crumbs)
{
    struct bx_pair pairs[BX_CRUMB_PAIRS];

    for (uint32_t i = 0; i < bx_crumbs_n(crumbs); i++) {
        struct bx_crumb c = bx_crumbs_get(crumbs, i, pairs);

        add_time(t, i == 0 ? ",\"breadcrumbs\":{\"values\":[{\"timestamp\":" : ",{\"timestamp\":",
                 c.time_ns);
        add_quoted(t, ",\"category\":", c.category);
        add_quoted(t, ",\"level\":", bx_severities[c.level]);
        add_quoted(t, ",\"message\":", c.message);
        add(t, "}");
    }
    if (bx_crumbs_n(crumbs) > 0)
        add(t, "]}");
}

static struct plain_text payload(const struct bx_report *r)
{
    const struct bx_bag *tags = r->bags[BX_SCOPE_TAGS];
    struct plain_text t = {NULL, 0};

    add_hex(&t, "{\"event_id\":", r->id, 16);
    add_time(&t, ",\"timestamp\":", r->time_ns);
    add_quoted(&t, ",\"platform\":\"native\",\"level\":", bx_severities[r->level]);
    add_quoted(&t, ",\"logger\":", r->logger);
    add_quoted(&t, ",\"transaction\":", r->transaction);
    add_quoted(&t, ",\"server_name\":", r->server);
    add_quoted(&t, ",\"release\":", r->release);
    add_quoted(&t, ",\"logentry\":{\"formatted\":", r->message);
    for (uint32_t i = 0; i < bx_bag_n(tags); i++) {
        add_quoted(&t, i == 0 ? "},\"tags\":{" : ",", bx_bag_key(tags, i));
        add_quoted(&t, ":", bx_bag_value(tags, i));
    }
    add_hex(&t, "},\"contexts\":{\"trace\":{\"trace_id\":", r->span.trace, 16);
    add_hex(&t, ",\"span_id\":", r->span.span, 8);
    add(&t, "}}");
    add_crumbs(&t, r->crumbs);
    add(&t, ",\"sdk\":{\"name\":\"blixard\",\"version\":\"%s\"}}", PACKAGE_VERSION);
    return t;
}

struct plain_text plain_envelope(const struct bx_report *r)
{
    struct plain_text t = {NULL, 0}, item = payload(r);

    add_hex(&t, "{\"event_id\":", r->id, 16);
    add(&t, "}\n{\"type\":\"event\",\"length\":%zu}\n", item.n);
    append(&t, item.p, item.n);
    add(&t, "\n");
    plain_text_free(&item);
    return t;
}
