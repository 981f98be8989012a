#include "diag/promtext.h"

struct writer {
    struct bx_buf *out;
    const struct bx_metric *last; /* whose HELP and TYPE are written */
};

static void put(struct bx_buf *out, const char *s)
{
    (void)bx_buf_append(out, s, strlen(s)); /* `failed` is checked at the end */
}

/* Backslash and line feed are escaped everywhere, quotes in the values of labels. */
static void put_escaped(struct bx_buf *out, const char *s, bool quoted)
{
    for (size_t n; *s != '\0'; s += n) {
        n = strcspn(s, quoted ? "\\\n\"" : "\\\n");
        (void)bx_buf_append(out, s, n);
        s += n;
        n = *s != '\0';
        if (n > 0) {
            put(out, "\\");
            (void)bx_buf_append(out, *s == '\n' ? "n" : s, 1);
        }
    }
}

static void put_digits(struct bx_buf *out, uint64_t value, uint32_t at_least)
{
    char digits[20];
    size_t at = sizeof digits;

    while (value > 0 || at + at_least > sizeof digits) {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    }
    (void)bx_buf_append(out, digits + at, sizeof digits - at);
}

void bx_promtext_number(struct bx_buf *out, uint64_t value, uint32_t per)
{
    uint64_t part;
    uint32_t n = 0;

    part = value % per;
    put_digits(out, value / per, 1);
    if (part == 0)
        return;
    for (; per > 1; per /= 10)
        n++;
    for (; part % 10 == 0; n--)
        part /= 10;
    put(out, ".");
    put_digits(out, part, n);
}

static void put_head(struct writer *w, const struct bx_metric *m)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    if (m == w->last)
        return;
    w->last = m;
    put(w->out, "# HELP ");
    put(w->out, m->name);
    put(w->out, " ");
    put_escaped(w->out, m->help, false);
    put(w->out, "\n# TYPE ");
    put(w->out, m->name);
    put(w->out, " ");
    put(w->out, types[m->type]);
    put(w->out, "\n");
}

static void put_bucket(struct bx_buf *out, const struct bx_histogram_info *info, uint32_t i,
                       uint64_t count)
{
    put(out, info->metric.name);
    put(out, "_bucket{le=\"");
    if (i < info->n)
        bx_promtext_number(out, info->bounds[i], bx_metric_scale(&info->metric));
    else
        put(out, "+Inf");
    put(out, "\"} ");
    put_digits(out, count, 1);
    put(out, "\n");
}

static void put_histogram(struct bx_buf *out, const struct bx_metric_sample *s)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i <= s->info->n; i++) {
        count += s->histogram->counts[i];
        put_bucket(out, s->info, i, count);
    }
    put(out, s->metric->name);
    put(out, "_sum ");
    bx_promtext_number(out, s->histogram->sum, bx_metric_scale(s->metric));
    put(out, "\n");
    put(out, s->metric->name);
    put(out, "_count ");
    put_digits(out, count, 1);
    put(out, "\n");
}

static void put_sample(void *ctx, const struct bx_metric_sample *s)
{
    struct writer *w = ctx;

    put_head(w, s->metric);
    if (s->histogram != NULL) {
        put_histogram(w->out, s);
        return;
    }
    put(w->out, s->metric->name);
    if (s->label != NULL) {
        put(w->out, "{");
        put(w->out, s->label);
        put(w->out, "=\"");
        put_escaped(w->out, s->value, true);
        put(w->out, "\"}");
    }
    put(w->out, " ");
    bx_promtext_number(w->out, s->number, bx_metric_scale(s->metric));
    put(w->out, "\n");
}

int bx_promtext(const struct bx_metrics *m, struct bx_buf *out)
{
    struct writer w = {.out = out};

    bx_metrics_each(m, put_sample, &w);
    return out->failed ? BX_NO_MEMORY : BX_OK;
}
