/* A scrape: the registry as text, against printf into the same buffer. */
#include "bench.h"

#include "diag/memory.h"
#include "diag/promtext.h"
#include "mem/alloc.h"
#include "mem/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct scrape {
    struct bx_metrics registry;
    struct bx_buf ours, plain;
    const struct bx_metric *last; /* of the reference */
};

static void *open_scrape(const struct bench_case *c, unsigned size)
{
    struct scrape *s = bx_must_calloc(1, sizeof *s);

    (void)c;
    (void)size;
    bench_must(bx_memory_metrics(&s->registry) == BX_OK, "registry");
    return s;
}

static void close_scrape(void *ctx)
{
    struct scrape *s = ctx;

    bx_buf_release(&s->ours);
    bx_buf_release(&s->plain);
    bx_free(s);
}

static void write_text(void *ctx, uint64_t n)
{
    struct scrape *s = ctx;

    while (n-- > 0) {
        s->ours.len = 0;
        bench_must(bx_promtext(&s->registry, &s->ours) == BX_OK, "text");
        bench_use(s->ours.data);
    }
}

static void put(struct bx_buf *b, const char *fmt, ...)
{
    char line[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    (void)bx_buf_append(b, line, strlen(line));
}

/* As one would write it first: no text that needs an escape, numbers as printf writes them. */
static void put_sample(void *ctx, const struct bx_metric_sample *m)
{
    struct scrape *s = ctx;
    uint32_t scale = bx_metric_scale(m->metric);

    if (m->metric != s->last)
        put(&s->plain, "# HELP %s %s\n# TYPE %s %s\n", m->metric->name, m->metric->help,
            m->metric->name, m->metric->type == BX_COUNTER ? "counter" : "gauge");
    s->last = m->metric;
    put(&s->plain, "%s", m->metric->name);
    if (m->label != NULL)
        put(&s->plain, "{%s=\"%s\"}", m->label, m->value);
    if (scale == 1 || m->number == 0)
        put(&s->plain, " %llu\n", (unsigned long long)m->number);
    else
        put(&s->plain, " %.9g\n", (double)m->number / scale);
}

static void print_text(void *ctx, uint64_t n)
{
    struct scrape *s = ctx;

    while (n-- > 0) {
        s->plain.len = 0;
        s->last = NULL;
        bx_metrics_each(&s->registry, put_sample, s);
        bench_use(s->plain.data);
    }
}

/* The counts of the heap change with each of the two, but no other line does. */
static bool same_text(void *ctx)
{
    struct scrape *s = ctx;

    write_text(s, 2);
    print_text(s, 2);
    write_text(s, 1);
    return s->ours.len == s->plain.len && memcmp(s->ours.data, s->plain.data, s->ours.len) == 0;
}

static const struct bench_case cases[] = {
    {.name = "metrics/registry/text",
     .reference = "printf",
     .size = 1,
     .open = open_scrape,
     .close = close_scrape,
     .run = write_text,
     .refer = print_text,
     .same = same_text},
};
const struct bench_group bench_metrics = {cases, sizeof cases / sizeof cases[0]};
