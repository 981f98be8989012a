#include "rec/recagg.h"

#include "mem/alloc.h"
#include "rec/recquery.h"
#include "rec/text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a term is found in an event of a site: one of its fields, or */
enum { TERM_NONE = 255, TERM_SITE = 254, TERM_THREAD = 253, TERM_ORIGIN = 252 };

struct bx_recagg_site {
    bool decided;
    bool fixed; /* all terms are of the site: its events are of one group, */
    struct bx_recagg_group *group;
    uint8_t terms[BX_RECAGG_BY], field;
};

#define KEY_MAX (BX_RECAGG_BY * (BX_RECAGG_TEXT + 2u))
struct key {
    uint8_t bytes[KEY_MAX];
    size_t n;
};

/* ---- opening ---- */

static int bad_terms(struct bx_err *err, const char *why)
{
    bx_err_set(err, BX_INVALID, "%s", why);
    bx_err_hint(err, "group by target, level, site, msg, thread, origin or keys of fields, for "
                     "example target,vm");
    return BX_INVALID;
}

static int parse_terms(struct bx_recagg *a, const char *by, struct bx_err *err)
{
    while (*by != '\0') {
        size_t n = strcspn(by, ",");

        if (a->n_by == BX_RECAGG_BY)
            return bad_terms(err, "more than 4 terms to group by");
        if (n == 0 || n > BX_RECAGG_TEXT || (by[n] == ',' && by[n + 1] == '\0'))
            return bad_terms(err, "a term to group by has 1 to 63 bytes");
        memcpy(a->by[a->n_by++], by, n);
        by += n;
        if (*by == ',')
            by++;
    }
    return BX_OK;
}

int bx_recagg_open(struct bx_recagg *a, const char *by, const char *field, struct bx_err *err)
{
    int rc;

    memset(a, 0, sizeof *a);
    rc = parse_terms(a, by, err);
    if (rc != BX_OK)
        return rc;
    if (field != NULL) {
        if (field[0] == '\0' || strlen(field) > BX_RECAGG_TEXT)
            return bad_terms(err, "the key of a field has 1 to 63 bytes");
        memcpy(a->field, field, strlen(field));
    }
    a->sites = bx_calloc(BX_RECAGG_SITES, sizeof *a->sites);
    return a->sites == NULL ? bx_err_set(err, BX_NO_MEMORY, "out of memory") : BX_OK;
}

void bx_recagg_reset(struct bx_recagg *a)
{
    memset(a->sites, 0, BX_RECAGG_SITES * sizeof *a->sites);
}

void bx_recagg_close(struct bx_recagg *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        bx_rechist_close(&a->groups[i]->dist);
    bx_rechist_close(&a->other.dist);
    bx_map_close(&a->map);
    bx_arena_close(&a->arena);
    bx_free(a->sites);
    memset(a, 0, sizeof *a);
}

/* ---- sites ---- */

static uint8_t field_of(const struct bx_site *s, const char *key)
{
    for (uint8_t i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].key, key) == 0)
            return i;
    return TERM_NONE;
}

/* Names of a field come last: an event may have a field called level. */
static uint8_t term_of(const struct bx_site *s, const char *term)
{
    static const struct {
        const char *name;
        uint8_t term;
    } names[] = {{"target", TERM_SITE},
                 {"level", TERM_SITE},
                 {"site", TERM_SITE},
                 {"thread", TERM_THREAD},
                 {"origin", TERM_ORIGIN}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(term, names[i].name) == 0)
            return names[i].term;
    if (strcmp(term, "msg") == 0 && s->message != NULL)
        return TERM_SITE;
    return field_of(s, term);
}

static void decide(const struct bx_recagg *a, const struct bx_site *s, struct bx_recagg_site *out)
{
    *out = (struct bx_recagg_site){.decided = true, .fixed = true};
    for (uint32_t i = 0; i < a->n_by; i++) {
        out->terms[i] = term_of(s, a->by[i]);
        out->fixed &= out->terms[i] == TERM_SITE || out->terms[i] == TERM_NONE;
    }
    out->field = a->field[0] == '\0' ? TERM_NONE : field_of(s, a->field);
}

static void site_text(const struct bx_site *s, const char *term, char out[BX_RECAGG_TEXT + 1])
{
    size_t room = BX_RECAGG_TEXT + 1;

    if (strcmp(term, "target") == 0)
        snprintf(out, room, "%s", s->target);
    else if (strcmp(term, "level") == 0)
        snprintf(out, room, "%s", bx_level_name(s->level));
    else if (strcmp(term, "site") == 0)
        snprintf(out, room, "%s:%" PRIu32, s->file == NULL ? "" : s->file, s->line);
    else
        snprintf(out, room, "%s", s->message);
}

/* ---- groups ---- */

static void put(struct key *k, uint8_t type, const void *p, size_t n)
{
    if (n > BX_RECAGG_TEXT)
        n = BX_RECAGG_TEXT;
    k->bytes[k->n++] = type;
    k->bytes[k->n++] = (uint8_t)n;
    if (n > 0)
        memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

/* One number has one key, whatever the type of its field. */
static void put_field(struct key *k, enum bx_arg_type type, const struct bx_arg *arg)
{
    if (type == BX_ARG_STR || type == BX_ARG_UUID)
        put(k, (uint8_t)type, arg->p, arg->n);
    else if (type == BX_ARG_I64 && arg->i >= 0)
        put(k, BX_ARG_U64, &arg->u, sizeof arg->u);
    else
        put(k, (uint8_t)type, &arg->u, sizeof arg->u);
}

static void put_term(struct key *k, const char *term, uint8_t how, const struct bx_recevent *e)
{
    uint64_t thread = e->thread;
    char text[BX_RECAGG_TEXT + 1];

    if (how == TERM_SITE) {
        site_text(e->site, term, text);
        put(k, BX_ARG_STR, text, strlen(text));
    } else if (how == TERM_THREAD) {
        put(k, BX_ARG_U64, &thread, sizeof thread);
    } else if (how == TERM_ORIGIN) {
        put(k, BX_ARG_STR, e->origin, e->origin == NULL ? 0 : strlen(e->origin));
    } else if (how < e->n) {
        put_field(k, e->site->fields[how].type, &e->args[how]);
    } else {
        put(k, BX_ARG_STR, NULL, 0);
    }
}

static bool same_key(const void *item, const void *key)
{
    const struct bx_recagg_group *g = item;
    const struct key *k = key;

    return g->n_key == k->n && memcmp(g->key, k->bytes, k->n) == 0;
}

/* The texts of a group's terms, from its key. */
static void name(struct bx_recagg_group *g, uint32_t n_by)
{
    const uint8_t *p = g->key;

    for (uint32_t i = 0; i < n_by; i++) {
        enum bx_arg_type type = p[0];
        struct bx_arg arg = {.p = p + 2, .n = p[1]};

        if (type != BX_ARG_STR && type != BX_ARG_UUID)
            memcpy(&arg.u, p + 2, sizeof arg.u);
        bx_text_value(g->by[i], sizeof g->by[i], type, &arg);
        p += 2 + p[1];
    }
}

/* A new group, `other` when there are too many, NULL without memory. */
static struct bx_recagg_group *create(struct bx_recagg *a, const struct key *k, uint64_t hash)
{
    struct bx_recagg_group *g;

    if (a->n == BX_RECAGG_GROUPS)
        return &a->other;
    g = bx_arena_alloc(&a->arena, sizeof *g);
    if (g == NULL)
        return NULL;
    memset(g, 0, sizeof *g);
    g->key = bx_arena_alloc(&a->arena, k->n);
    if (g->key == NULL)
        return NULL;
    memcpy(g->key, k->bytes, k->n);
    g->n_key = k->n;
    name(g, a->n_by);
    if (bx_map_add(&a->map, hash, g) != BX_OK)
        return NULL;
    a->groups[a->n++] = g;
    return g;
}

static struct bx_recagg_group *group_of(struct bx_recagg *a, struct bx_recagg_site *s,
                                        const struct bx_recevent *e)
{
    struct bx_recagg_group *g;
    struct key k;
    uint64_t hash;

    if (s->fixed && s->group != NULL)
        return s->group;
    k.n = 0;
    for (uint32_t i = 0; i < a->n_by; i++)
        put_term(&k, a->by[i], s->terms[i], e);
    hash = bx_hash(k.bytes, k.n);
    g = bx_map_get(&a->map, hash, same_key, &k);
    if (g == NULL)
        g = create(a, &k, hash);
    s->group = g;
    return g;
}

int bx_recagg_add(struct bx_recagg *a, const struct bx_recevent *e)
{
    uint32_t id = e->site->id;
    struct bx_recagg_site own = {0}, *s = id < BX_RECAGG_SITES ? &a->sites[id] : &own;
    struct bx_recagg_group *g;
    double value;

    if (!s->decided)
        decide(a, e->site, s);
    g = group_of(a, s, e);
    if (g == NULL)
        return BX_NO_MEMORY;
    g->n++;
    if (s->field < e->n &&
        bx_recquery_number(e->site->fields[s->field].type, &e->args[s->field], &value))
        return bx_rechist_add(&g->dist, value);
    return BX_OK;
}

static int compare(const void *x, const void *y)
{
    const struct bx_recagg_group *a = *(struct bx_recagg_group *const *)x;
    const struct bx_recagg_group *b = *(struct bx_recagg_group *const *)y;

    if (a->n != b->n)
        return a->n < b->n ? 1 : -1;
    for (uint32_t i = 0; i < BX_RECAGG_BY; i++) {
        int order = strcmp(a->by[i], b->by[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

void bx_recagg_sort(struct bx_recagg *a)
{
    qsort(a->groups, a->n, sizeof a->groups[0], compare);
}
