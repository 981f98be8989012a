#include "rec/recquery.h"

#include "mem/alloc.h"
#include "rec/text.h"

#include <string.h>

#define FIELD_NONE 255u /* of a plan: nothing is to be looked at */
#define FIELD_MESSAGE 254u
#define MESSAGE "msg"

enum plan_state { UNDECIDED, NEVER, ALWAYS, BY_FIELDS };

void bx_recquery_init(struct bx_recquery *q)
{
    *q = (struct bx_recquery){.filter = {.level = BX_LEVEL_TRACE}};
}

/* ---- values as numbers ---- */

bool bx_recquery_number(enum bx_arg_type type, const struct bx_arg *arg, double *out)
{
    switch (type) {
    case BX_ARG_BOOL:
    case BX_ARG_U64:
        *out = (double)arg->u;
        return true;
    case BX_ARG_I64:
        *out = (double)arg->i;
        return true;
    case BX_ARG_F64:
        *out = arg->f;
        return true;
    case BX_ARG_NONE:
    case BX_ARG_STR:
    case BX_ARG_UUID:
    case BX__ARG_TYPES:
        break;
    }
    return false;
}

/* -1, 0, 1; 2: they cannot be compared. Whole numbers are compared as such: ids have 64 bits. */
static int compare_number(const struct bx_recquery_condition *c, enum bx_arg_type type,
                          const struct bx_arg *arg)
{
    double number;

    if (c->is_integer && (type == BX_ARG_U64 || type == BX_ARG_I64)) {
        bool negative = type == BX_ARG_I64 && arg->i < 0;
        uint64_t magnitude = negative ? 0 - arg->u : arg->u;

        if (negative != (c->negative && c->magnitude > 0))
            return negative ? -1 : 1;
        if (magnitude == c->magnitude)
            return 0;
        return (magnitude < c->magnitude) != negative ? -1 : 1;
    }
    if (!bx_recquery_number(type, arg, &number) || number != number)
        return 2;
    return number < c->number ? -1 : number > c->number;
}

/* ---- conditions ---- */

static bool contains(const char *text, size_t n, const char *what)
{
    size_t len = strlen(what);

    return len <= n && memmem(text, n, what, len) != NULL;
}

static bool text_meets(const struct bx_recquery_condition *c, const char *text, size_t n)
{
    bool same;

    if (c->op == BX_RECQUERY_HAS)
        return contains(text, n, c->value);
    same = n == strlen(c->value) && memcmp(text, c->value, n) == 0;
    return c->op == BX_RECQUERY_EQ ? same : c->op == BX_RECQUERY_NE && !same;
}

static bool value_meets(const struct bx_recquery_condition *c, enum bx_arg_type type,
                        const struct bx_arg *arg)
{
    char text[BX_FILTER_WORD + 2];
    int order = 2;

    if (type == BX_ARG_STR)
        return text_meets(c, arg->p, arg->n);
    if (c->is_number && c->op != BX_RECQUERY_HAS && type != BX_ARG_BOOL)
        order = compare_number(c, type, arg);
    if (order == 2) {
        bx_text_value(text, sizeof text, type, arg);
        return text_meets(c, text, strlen(text));
    }
    switch ((enum bx_recquery_op)c->op) {
    case BX_RECQUERY_EQ:
        return order == 0;
    case BX_RECQUERY_NE:
        return order != 0;
    case BX_RECQUERY_LT:
        return order < 0;
    case BX_RECQUERY_LE:
        return order <= 0;
    case BX_RECQUERY_GT:
        return order > 0;
    case BX_RECQUERY_GE:
        return order >= 0;
    case BX_RECQUERY_HAS:
        break;
    }
    return false;
}

/* ---- sites ---- */

static uint8_t field_of(const struct bx_site *s, const char *key)
{
    for (uint8_t i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].key, key) == 0)
            return i;
    return s->message != NULL && strcmp(key, MESSAGE) == 0 ? FIELD_MESSAGE : FIELD_NONE;
}

static void decide(const struct bx_recquery *q, const struct bx_site *s, struct bx_recplan *out)
{
    uint16_t possible = 0, all = (uint16_t)((1u << q->groups) - 1);

    *out = (struct bx_recplan){.state = NEVER};
    if (!bx_filter_site(&q->filter, s))
        return;
    for (uint32_t i = 0; i < q->n; i++) {
        const struct bx_recquery_condition *c = &q->conditions[i];
        uint16_t bit = (uint16_t)(1u << c->group);
        uint8_t field = field_of(s, c->key);

        if (field == FIELD_MESSAGE) {
            if (text_meets(c, s->message, strlen(s->message)))
                out->met |= bit;
            field = FIELD_NONE;
        } else if (field != FIELD_NONE) {
            possible |= bit;
        }
        out->fields[i] = field;
    }
    if (out->met == all)
        out->state = ALWAYS;
    else if ((out->met | possible) == all)
        out->state = BY_FIELDS;
}

static bool fields_meet(const struct bx_recquery *q, const struct bx_recplan *plan,
                        const struct bx_recevent *e)
{
    uint16_t met = plan->met;

    for (uint32_t i = 0; i < q->n; i++) {
        const struct bx_recquery_condition *c = &q->conditions[i];
        uint8_t field = plan->fields[i];

        if (field < e->n && value_meets(c, e->site->fields[field].type, &e->args[field]))
            met |= (uint16_t)(1u << c->group);
    }
    return met == (uint16_t)((1u << q->groups) - 1);
}

static const struct bx_recplan *plan_of(struct bx_recscan *s, const struct bx_site *site,
                                        struct bx_recplan *own)
{
    struct bx_recplan *plan = site->id < BX_RECSCAN_SITES ? &s->plans[site->id] : own;

    if (plan == own || plan->state == UNDECIDED)
        decide(s->query, site, plan);
    return plan;
}

/* ---- scans ---- */

int bx_recscan_open(struct bx_recscan *s, const struct bx_recquery *q)
{
    *s = (struct bx_recscan){.query = q, .plans = bx_calloc(BX_RECSCAN_SITES, sizeof *s->plans)};
    return s->plans == NULL ? BX_NO_MEMORY : BX_OK;
}

void bx_recscan_reset(struct bx_recscan *s)
{
    memset(s->plans, 0, BX_RECSCAN_SITES * sizeof *s->plans);
}

void bx_recscan_close(struct bx_recscan *s)
{
    bx_free(s->plans);
    s->plans = NULL;
}

static bool at_time(const struct bx_recquery *q, uint64_t time_ns, uint64_t trace)
{
    return time_ns >= q->since_ns && (q->until_ns == 0 || time_ns < q->until_ns) &&
           (q->trace == 0 || trace == q->trace);
}

bool bx_recscan_head(struct bx_recscan *s, const struct bx_site *site, const uint64_t *words)
{
    struct bx_recplan own;

    return plan_of(s, site, &own)->state != NEVER && at_time(s->query, words[1], words[3]);
}

bool bx_recscan_event(struct bx_recscan *s, const struct bx_recevent *e)
{
    struct bx_recplan own;
    const struct bx_recplan *plan = plan_of(s, e->site, &own);

    if (plan->state == NEVER || !at_time(s->query, e->time_ns, e->trace))
        return false;
    return plan->state == ALWAYS || fields_meet(s->query, plan, e);
}
