#include "diag/metric.h"

#include "err.h"

#include <assert.h>

/* ---- histograms ---- */

void bx_histogram_add(struct bx_histogram *h, const struct bx_histogram_info *info, uint64_t value)
{
    uint32_t i = 0;

    while (i < info->n && value > info->bounds[i])
        i++;
    h->counts[i]++;
    if (__builtin_add_overflow(h->sum, value, &h->sum))
        h->sum = UINT64_MAX;
}

uint64_t bx_histogram_count(const struct bx_histogram *h)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i <= BX_HISTOGRAM_BOUNDS; i++)
        n += h->counts[i];
    return n;
}

/* ---- validation of sources ---- */

static const char *name_of(const struct bx_metric_source *s)
{
    return s->set != NULL ? s->set->schema->name : s->histogram->metric.name;
}

static bool is_name(const char *s)
{
    if (strncmp(s, "blixard_", 8) != 0)
        return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* Remove the word, which has `len` bytes, and the underscore before it from the end of the first n
 * bytes of name. */
static bool ends_with_n(const char *name, size_t *n, const char *word, size_t len)
{
    if (*n <= len || name[*n - len - 1] != '_' || memcmp(name + *n - len, word, len) != 0)
        return false;
    *n -= len + 1;
    return true;
}

static bool ends_with(const char *name, size_t *n, const char *word)
{
    return ends_with_n(name, n, word, strlen(word));
}

/* Units that members count in, and those that metrics have instead: readers expect base units, and
 * words that are not cut. */
static const struct {
    const char *unit, *base;
    uint32_t scale;
} parts[] = {
    {"ns", "seconds", 1000000000u},
    {"ms", "seconds", 1000u},
    {"pct", "ratio", 100u},
    {"per_s", "per_second", 1u},
};
#define PARTS (sizeof parts / sizeof parts[0])

/* PARTS: the metric has the unit of the member. */
static size_t part_of(const struct bx_metric *m)
{
    size_t i = 0;

    while (i < PARTS && (m->unit == NULL || strcmp(parts[i].unit, m->unit) != 0))
        i++;
    return i;
}

uint32_t bx_metric_scale(const struct bx_metric *m)
{
    size_t i = part_of(m);

    return i == PARTS ? 1 : parts[i].scale;
}

/* The member "encode_ns" has the metric "encode_seconds". */
static bool named_after_base(const struct bx_metric *m, size_t n, const char *member)
{
    size_t stem = member == NULL ? 0 : strlen(member);

    if (!ends_with(m->name, &n, parts[part_of(m)].base))
        return false;
    return member == NULL ||
           (ends_with(member, &stem, m->unit) && ends_with_n(m->name, &n, member, stem));
}

/* The member's own name may end with the unit. */
static bool named_after(const struct bx_metric *m, const char *member)
{
    size_t n = strlen(m->name), whole;
    bool total = ends_with(m->name, &n, "total");

    if (!is_name(m->name) || m->help == NULL || total != (m->type == BX_COUNTER))
        return false;
    if (part_of(m) != PARTS)
        return named_after_base(m, n, member);
    whole = n;
    if (member == NULL || ends_with(m->name, &n, member)) {
        n = whole;
        return m->unit == NULL || ends_with(m->name, &n, m->unit);
    }
    return m->unit != NULL && ends_with(m->name, &n, m->unit) && ends_with(m->name, &n, member);
}

static bool is_sound_set(const struct bx_metric_set *set)
{
    for (uint32_t i = 0; i < set->schema->n; i++) {
        const struct bx_field *f = &set->schema->fields[i];

        if ((f->type != BX_T_U32 && f->type != BX_T_U64) || set->metrics[i].type == BX_HISTOGRAM ||
            !named_after(&set->metrics[i], f->name))
            return false;
    }
    return set->schema->size <= BX_METRICS_BYTES;
}

static bool is_sound_histogram(const struct bx_histogram_info *h)
{
    if (h->n == 0 || h->n > BX_HISTOGRAM_BOUNDS || h->metric.type != BX_HISTOGRAM ||
        !named_after(&h->metric, NULL))
        return false;
    for (uint32_t i = 1; i < h->n; i++) {
        if (h->bounds[i] <= h->bounds[i - 1])
            return false;
    }
    return true;
}

static bool is_sound(const struct bx_metric_source *s)
{
    if ((s->set == NULL) == (s->histogram == NULL) || (s->read == NULL && s->ctx == NULL))
        return false;
    if (s->histogram != NULL)
        return s->value == NULL && is_sound_histogram(s->histogram);
    return (s->set->label == NULL) == (s->value == NULL) && is_sound_set(s->set);
}

/* ---- the registry ---- */

static int compare(const struct bx_metric_source *a, const struct bx_metric_source *b)
{
    int by_name = strcmp(name_of(a), name_of(b));

    if (by_name != 0 || a->value == NULL || b->value == NULL)
        return by_name;
    return strcmp(a->value, b->value);
}

static const struct bx_metric *metrics_of(const struct bx_metric_source *s, uint32_t *n)
{
    *n = s->set != NULL ? s->set->schema->n : 1;
    return s->set != NULL ? s->set->metrics : &s->histogram->metric;
}

/* Different sets that use the same name. */
static bool clash(const struct bx_metric_source *a, const struct bx_metric_source *b)
{
    uint32_t n_a, n_b;
    const struct bx_metric *of_a = metrics_of(a, &n_a), *of_b = metrics_of(b, &n_b);

    if (of_a == of_b)
        return false;
    for (uint32_t i = 0; i < n_a; i++) {
        for (uint32_t j = 0; j < n_b; j++) {
            if (strcmp(of_a[i].name, of_b[j].name) == 0)
                return true;
        }
    }
    return strcmp(name_of(a), name_of(b)) == 0;
}

int bx_metrics_add(struct bx_metrics *m, const struct bx_metric_source *s)
{
    uint32_t at = 0, group = 0;

    if (!is_sound(s))
        return BX_INVALID;
    for (uint32_t i = 0; i < m->n; i++) {
        int order = compare(&m->v[i], s);

        if (order == 0 || clash(&m->v[i], s))
            return BX_EXISTS;
        at += order < 0;
        group += s->set != NULL && m->v[i].set == s->set;
    }
    if (m->n == BX_METRICS_MAX || group == BX_METRICS_GROUP)
        return BX_BUSY;
    memmove(&m->v[at + 1], &m->v[at], (m->n - at) * sizeof m->v[0]);
    m->v[at] = *s;
    m->n++;
    return BX_OK;
}

void bx_metrics_remove(struct bx_metrics *m, const void *ctx)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < m->n; i++) {
        if (m->v[i].ctx != ctx)
            m->v[left++] = m->v[i];
    }
    m->n = left;
}

void bx_metric_read(const struct bx_metric_source *s, void *out)
{
    size_t size = s->set != NULL ? s->set->schema->size : sizeof(struct bx_histogram);

    if (s->read == NULL) {
        memcpy(out, s->ctx, size);
        return;
    }
    memset(out, 0, size);
    s->read(s->ctx, out);
}

bool bx_metrics_get(const struct bx_metrics *m, const struct bx_metric_set *set, const char *value,
                    void *out)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const struct bx_metric_source *s = &m->v[i];

        if (s->set == set && (value == NULL || strcmp(s->value, value) == 0)) {
            bx_metric_read(s, out);
            return true;
        }
    }
    memset(out, 0, set->schema->size);
    return false;
}

uint64_t bx_metric_member(const struct bx_metric_set *set, const void *at, uint32_t i)
{
    const struct bx_field *f = &set->schema->fields[i];
    uint64_t number = 0;
    uint32_t half;

    if (f->type == BX_T_U64) {
        memcpy(&number, (const char *)at + f->offset, sizeof number);
        return number;
    }
    memcpy(&half, (const char *)at + f->offset, sizeof half);
    return half;
}

/* ---- iteration ---- */

struct visitor {
    void (*visit)(void *ctx, const struct bx_metric_sample *s);
    void *ctx;
};

static void visit_histogram(const struct bx_metric_source *s, const struct visitor *v)
{
    struct bx_histogram h;

    bx_metric_read(s, &h);
    v->visit(v->ctx, &(struct bx_metric_sample){
                         .metric = &s->histogram->metric, .histogram = &h, .info = s->histogram});
}

/* All n sources belong to one set. */
static void visit_set(const struct bx_metric_source *s, uint32_t n, const struct visitor *v)
{
    uint64_t read[BX_METRICS_GROUP][BX_METRICS_BYTES / sizeof(uint64_t)];
    const struct bx_metric_set *set = s->set;

    for (uint32_t i = 0; i < n; i++)
        bx_metric_read(&s[i], read[i]);
    for (uint32_t m = 0; m < set->schema->n; m++) {
        for (uint32_t i = 0; i < n; i++) {
            struct bx_metric_sample sample = {.metric = &set->metrics[m],
                                              .label = set->label,
                                              .value = s[i].value,
                                              .number = bx_metric_member(set, read[i], m)};

            v->visit(v->ctx, &sample);
        }
    }
}

void bx_metrics_each(const struct bx_metrics *m,
                     void (*visit)(void *ctx, const struct bx_metric_sample *s), void *ctx)
{
    const struct visitor v = {visit, ctx};
    uint32_t n;

    for (uint32_t i = 0; i < m->n; i += n) {
        for (n = 1; m->v[i].set != NULL && i + n < m->n && m->v[i + n].set == m->v[i].set;)
            n++;
        if (m->v[i].set == NULL)
            visit_histogram(&m->v[i], &v);
        else
            visit_set(&m->v[i], n, &v);
    }
}
