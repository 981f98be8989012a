#include "sys/sink.h"

#include "mem/alloc.h"
#include "mem/buf.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const struct sink_ops *const kinds[] = {&sink_console, &sink_file, &sink_journald, &sink_net,
                                               &sink_node};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- the specification ---- */

static const struct unit {
    const char *name;
    uint64_t n;
} sizes[] = {{"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {NULL, 0}},
  times[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0}},
  plain[] = {{"", 1}, {NULL, 0}};

/* A number with one of these units, from min to max. */
static bool parse_amount(const char *text, size_t n, const struct unit *units, uint64_t min,
                         uint64_t max, uint64_t *out)
{
    char word[24];
    char *end;
    unsigned long long v;

    if (n == 0 || n >= sizeof word || *text < '0' || *text > '9')
        return false;
    memcpy(word, text, n);
    word[n] = '\0';
    v = strtoull(word, &end, 10);
    for (; units->name != NULL; units++)
        if (strcmp(units->name, end) == 0 && v <= UINT32_MAX) {
            *out = v * units->n;
            return *out >= min && *out <= max;
        }
    return false;
}

/* key=value of a file's bounds. */
static bool parse_bound(struct sink_spec *s, const char *text, size_t n)
{
    const struct {
        const char *key;
        const struct unit *units;
        uint64_t min, max;
    } bounds[] = {{"size=", sizes, 256u << 10, 1u << 30},
                  {"total=", sizes, 256u << 10, 1ull << 40},
                  {"age=", times, 1, 365u * 86400},
                  {"count=", plain, 1, 1000}};
    uint64_t v[4] = {s->size, s->total, s->age_s, s->count};

    for (size_t i = 0; i < 4; i++) {
        size_t key = strlen(bounds[i].key);

        if (n > key && memcmp(text, bounds[i].key, key) == 0) {
            if (!parse_amount(text + key, n - key, bounds[i].units, bounds[i].min, bounds[i].max,
                              &v[i]))
                return false;
            s->size = v[0];
            s->total = v[1];
            s->age_s = (uint32_t)v[2];
            s->count = (uint32_t)v[3];
            return true;
        }
    }
    return false;
}

static int parse_place(struct sink_spec *s, const char *text, size_t n, struct bx_err *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        size_t kind = strlen(kinds[i]->kind);

        if (n < kind || memcmp(text, kinds[i]->kind, kind) != 0 || (n > kind && text[kind] != ':'))
            continue;
        if (n > kind)
            n -= ++kind;
        else
            n = 0;
        if (n >= SINK_WHERE)
            return bx_err_set(err, BX_INVALID, "the place is longer than %u bytes", SINK_WHERE - 1);
        s->ops = kinds[i];
        if (n > 0)
            memcpy(s->where, text + kind, n);
        return s->ops->check(s->where, err);
    }
    bx_err_set(err, BX_INVALID, "unknown sink \"%.*s\"", (int)n, text);
    bx_err_hint(err, "sinks: console:text, console:logfmt, console:json, file, journald, "
                     "net:HOST:PORT, node:NAME; each with ,filter=SPEC at the end");
    return BX_INVALID;
}

int sink_spec_parse(struct sink_spec *out, const char *text, struct bx_err *err)
{
    size_t n = strcspn(text, ",");
    int rc;

    *out = (struct sink_spec){0};
    rc = parse_place(out, text, n, err);
    if (rc != BX_OK)
        return rc;
    for (text += n; *text == ','; text += n) {
        text++;
        n = strcspn(text, ",");
        if (strncmp(text, "filter=", 7) == 0) {
            out->filtered = true;
            return bx_filter_parse(&out->filter, text + 7, err);
        }
        if (out->ops != &sink_file || !parse_bound(out, text, n)) {
            bx_err_set(err, BX_INVALID, "%s: \"%.*s\" is not valid", out->ops->kind, (int)n, text);
            bx_err_hint(err, "a file has size=16MiB,age=1d,count=8,total=128MiB; every sink has "
                             "filter=SPEC at the end");
            return BX_INVALID;
        }
    }
    return BX_OK;
}

/* ---- its condition ---- */

void sink_works(struct sink *s)
{
    sink_is(s, "ok");
    s->trouble = 0;
}

void sink_fails(struct sink *s, const char *condition)
{
    sink_add(&s->counts.errors, 1);
    sink_is(s, condition);
    if (s->trouble == 0)
        s->trouble = uv_hrtime();
}

/* ---- the buffer ---- */

int sink_take(struct sink *s, size_t state, size_t box, struct bx_err *err)
{
    s->state = bx_calloc(1, state);
    s->box = (struct sink_box){.p = bx_alloc(box), .size = box};
    s->memory = state + box;
    if (s->state != NULL && s->box.p != NULL)
        return BX_OK;
    sink_free(s);
    return bx_err_set(err, BX_NO_MEMORY, "no memory for the log");
}

void sink_free(struct sink *s)
{
    bx_free(s->state);
    bx_free(s->box.p);
    s->state = NULL;
    s->box = (struct sink_box){0};
}

bool sink_box_put(struct sink_box *b, const void *p, size_t n)
{
    if (n > b->size - sink_box_used(b))
        return false;
    if (n > b->size - b->n) {
        memmove(b->p, b->p + b->at, sink_box_used(b));
        b->n -= b->at;
        b->at = 0;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

void sink_box_event(struct sink *s, struct bx_buf *text, uint64_t from)
{
    bool kept = !text->failed && sink_box_put(&s->box, text->data, text->len);

    sink_add(kept ? &s->counts.events : &s->counts.dropped, 1);
    sink_set(&s->counts.queued_bytes, sink_box_used(&s->box));
    sink_add(&s->counts.serialise_ns, uv_hrtime() - from);
    bx_buf_release(text);
}
