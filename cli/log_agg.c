/* log_agg - recorded events by groups: how many, and how a numeric field of them is distributed. */
#include "log.h"

#include "build.h"
#include "mem/alloc.h"
#include "rec/recagg.h"
#include "result.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROWS 24u  /* of a histogram */
#define BAR 50u   /* characters of its longest bar */
#define DRAWN 10u /* groups whose histogram is drawn; -o json has those of all */
#define OTHER "(other)"

const struct flag log_agg_flags[] = {
    {.name = "by",
     .value = "TERMS",
     .help = "group by target, level, site, msg, thread, origin or fields, with commas"},
    {.name = "field", .value = "KEY", .help = "sum and percentiles of this numeric field"},
    {.name = "histogram", .help = "and how it is distributed"},
    LOG_QUERY_FLAGS,
    LOG_NODE_FLAGS,
    {0},
};

/* ---- numbers ---- */

/* With six digits: a percentile has no more that mean something. */
static void put_number(struct bx_buf *b, const char *key, double value)
{
    char text[32];
    double rounded = value;

    build_str(b, key);
    if (value == (double)(int64_t)value && value > -1e15 && value < 1e15) {
        bx_must_ok(bx_pw_i64(b, (int64_t)value));
        return;
    }
    snprintf(text, sizeof text, "%.6g", value);
    sscanf(text, "%lf", &rounded);
    bx_must_ok(bx_pw_f64(b, rounded));
}

/* ---- an object for each group ---- */

static uint32_t put_rows(struct bx_buf *b, const struct bx_rechist *h)
{
    struct bx_rechist_row rows[BX_RECHIST_ROWS];
    size_t n = bx_rechist_rows(h, rows, ROWS);

    build_str(b, "histogram");
    build_array(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        build_map(b, 3);
        put_number(b, "low", rows[i].low);
        put_number(b, "high", rows[i].high);
        build_pair_u64(b, "count", rows[i].n);
    }
    return 1;
}

static void put_value(struct bx_buf *b, const struct bx_rechist *h, bool histogram)
{
    static const struct {
        const char *key;
        double share;
    } percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}};

    build_map(b, histogram ? 9 : 8);
    build_pair_u64(b, "count", h->n);
    put_number(b, "sum", h->sum);
    put_number(b, "min", h->min);
    put_number(b, "mean", h->sum / (double)h->n);
    for (size_t i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
        put_number(b, percentiles[i].key, bx_rechist_percentile(h, percentiles[i].share));
    put_number(b, "max", h->max);
    if (histogram)
        put_rows(b, h);
}

static void put_group(struct bx_buf *b, const struct bx_recagg *a, const struct bx_recagg_group *g,
                      bool histogram)
{
    bool value = a->field[0] != '\0';

    build_map(b, value ? 3 : 2);
    build_str(b, "group");
    build_map(b, a->n_by);
    for (uint32_t i = 0; i < a->n_by; i++)
        build_pair_str(b, a->by[i], g == &a->other ? OTHER : g->by[i]);
    build_pair_u64(b, "count", g->n);
    if (value)
        build_str(b, "value");
    if (value && g->dist.n == 0)
        bx_must_ok(bx_pw_nil(b)); /* zeros would be taken for values */
    else if (value)
        put_value(b, &g->dist, histogram);
}

/* ---- columns ---- */

static const struct column value_columns[] = {
    {.title = "SUM", .key = "value.sum", .format = VALUE_NUMBER},
    {.title = "MIN", .key = "value.min", .format = VALUE_NUMBER},
    {.title = "MEAN", .key = "value.mean", .format = VALUE_NUMBER},
    {.title = "P50", .key = "value.p50", .format = VALUE_NUMBER},
    {.title = "P90", .key = "value.p90", .format = VALUE_NUMBER},
    {.title = "P99", .key = "value.p99", .format = VALUE_NUMBER},
    {.title = "MAX", .key = "value.max", .format = VALUE_NUMBER},
};
#define N_VALUE (sizeof value_columns / sizeof value_columns[0])
_Static_assert(BX_RECAGG_BY + 1 + N_VALUE <= COLUMNS_MAX, "they fit");

struct titles {
    char title[BX_RECAGG_BY][BX_RECAGG_TEXT + 1], key[BX_RECAGG_BY][BX_RECAGG_TEXT + 7];
};

static void set_columns(struct run *r, const struct bx_recagg *a, struct titles *t)
{
    struct column *out = r->out.columns;

    for (uint32_t i = 0; i < a->n_by; i++) {
        for (size_t k = 0; a->by[i][k] != '\0'; k++)
            t->title[i][k] =
                (char)(a->by[i][k] >= 'a' && a->by[i][k] <= 'z' ? a->by[i][k] - 32 : a->by[i][k]);
        snprintf(t->key[i], sizeof t->key[i], "group.%s", a->by[i]);
        *out++ = (struct column){.title = t->title[i], .key = t->key[i]};
    }
    *out++ = (struct column){.title = "COUNT", .key = "count", .format = VALUE_NUMBER};
    if (a->field[0] != '\0') {
        memcpy(out, value_columns, sizeof value_columns);
        out += N_VALUE;
    }
    *out = (struct column){0};
}

/* ---- histograms as text ---- */

static void draw_row(const struct bx_rechist_row *row, uint64_t most)
{
    static const char bar[BAR + 1] = "##################################################";
    unsigned length = (unsigned)(((double)row->n * BAR + (double)most - 1) / (double)most);
    char low[24], high[24];

    snprintf(low, sizeof low, "%.6g", row->low);
    snprintf(high, sizeof high, row->high == row->low ? "" : "%.6g", row->high);
    printf("%12s - %-12s %-*.*s %llu\n", low, high, (int)BAR, (int)length, bar,
           (unsigned long long)row->n);
}

static void draw(const struct bx_recagg *a, const struct bx_recagg_group *g)
{
    struct bx_rechist_row rows[BX_RECHIST_ROWS];
    size_t n = bx_rechist_rows(&g->dist, rows, ROWS);
    char text[BX_RECAGG_TEXT + 1];
    uint64_t most = 1;

    printf("\n%s", a->field);
    for (uint32_t i = 0; i < a->n_by; i++) {
        snprintf(text, sizeof text, "%s", g == &a->other ? OTHER : g->by[i]);
        value_make_printable(text);
        printf("%s%s=%s", i == 0 ? " of " : ", ", a->by[i], text);
    }
    printf("\n");
    for (size_t i = 0; i < n; i++)
        most = rows[i].n > most ? rows[i].n : most;
    for (size_t i = 0; i < n; i++)
        draw_row(&rows[i], most);
}

/* ---- agg ---- */

static int print(struct run *r, struct bx_recagg *a)
{
    bool histogram = args_has(&r->args, "histogram");
    struct bx_buf b = {0};
    struct titles titles = {0};
    int code;

    bx_recagg_sort(a);
    set_columns(r, a, &titles);
    build_array(&b, a->n + (a->other.n > 0));
    for (uint32_t i = 0; i < a->n; i++)
        put_group(&b, a, a->groups[i], histogram);
    if (a->other.n > 0)
        put_group(&b, a, &a->other, histogram);
    code = result_print_built(r, &b);
    for (uint32_t i = 0; i < a->n && i < DRAWN && histogram && result_is_for_people(r); i++)
        if (a->groups[i]->dist.n > 0)
            draw(a, a->groups[i]);
    return code;
}

static int add(void *ctx, const struct bx_recevent *e)
{
    return bx_recagg_add(ctx, e);
}

static void others(void *ctx)
{
    bx_recagg_reset(ctx);
}

static int open_agg(struct run *r, struct bx_recagg *a, struct bx_recquery *q)
{
    const char *field = args_get(&r->args, "field", NULL);

    if (args_has(&r->args, "histogram") && field == NULL) {
        bx_err_set(&r->err, BX_INVALID, "--histogram needs --field");
        bx_err_hint(&r->err, "for example --field ms --histogram");
        return BX_INVALID;
    }
    if (log_query_of(r, q) != BX_OK)
        return r->err.code;
    return bx_recagg_open(a, args_get(&r->args, "by", ""), field, &r->err);
}

int log_agg(struct run *r)
{
    static struct bx_recagg a;
    struct log_reader l = {.r = r, .each = add, .others = others, .ctx = &a};
    struct bx_recquery q;
    int code, printed = 0;

    l.progress = !r->quiet && isatty(STDERR_FILENO);
    if (open_agg(r, &a, &q) != BX_OK) {
        code = run_fail(r);
    } else {
        bx_must_ok(bx_recscan_open(&l.scan, &q));
        code = log_of_files(r) ? log_read_files(&l) : log_read_nodes(&l, 0);
        if (code == 0 || a.n > 0)
            printed = print(r, &a);
        bx_recscan_close(&l.scan);
    }
    bx_recagg_close(&a);
    return code != 0 ? code : printed;
}
