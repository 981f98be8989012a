#include "diag/scope.h"

#include "mem/alloc.h"

#include <assert.h>

static const char *const bag_names[BX__SCOPE_BAGS] = {"scope_tags",        "scope_extra",
                                                      "scope_contexts",    "scope_user",
                                                      "scope_fingerprint", "scope_attachments"};

int bx_scopes_open(struct bx_scopes *s, const struct bx_scopes_options *o)
{
    int rc = BX_OK;

    *s = (struct bx_scopes){.o = *o};
    if (!o->client)
        return BX_OK;
    s->stats = (struct bx_pool_stats){
        .name = "scopes",
        .object_bytes = sizeof(struct bx_scope),
        .size = {.max = o->kept == 0 ? BX_SCOPES_KEPT : o->kept},
    };
    s->free = bx_calloc(s->stats.size.max, sizeof *s->free);
    if (s->free == NULL)
        rc = BX_NO_MEMORY;
    if (rc == BX_OK)
        rc = bx_crumb_store_init(&s->crumbs, o->max_crumbs, o->kept_crumbs);
    for (int i = 0; rc == BX_OK && i < BX__SCOPE_BAGS; i++)
        rc = bx_bag_store_init(&s->bags[i], bag_names[i], o->kept_bags);
    if (rc != BX_OK)
        bx_scopes_close(s);
    return rc;
}

void bx_scopes_close(struct bx_scopes *s)
{
    assert(s->stats.in_use == 0);
    while (s->stats.available > 0)
        bx_free(s->free[--s->stats.available]);
    bx_free(s->free);
    bx_crumb_store_close(&s->crumbs);
    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        bx_bag_store_close(&s->bags[i]);
    *s = (struct bx_scopes){.free = NULL};
}

static void add(struct bx_weight *sum, const struct bx_weight *w)
{
    sum->bytes += w->bytes;
    sum->peak += w->peak;
    sum->grown += w->grown;
}

void bx_scopes_counts(const struct bx_scopes *s, struct bx_scopes_counts *out)
{
    *out = (struct bx_scopes_counts){.weight = s->weight,
                                     .hits = s->stats.hits + s->crumbs.stats.hits,
                                     .misses = s->stats.misses + s->crumbs.stats.misses};
    add(&out->weight, &s->crumbs.weight);
    for (int i = 0; i < BX__SCOPE_BAGS; i++) {
        add(&out->weight, &s->bags[i].weight);
        out->hits += s->bags[i].stats.hits;
        out->misses += s->bags[i].stats.misses;
    }
}

/* ---- the stack ---- */

static struct bx_scope *take(struct bx_scopes *s)
{
    struct bx_pool_stats *st = &s->stats;
    struct bx_scope *scope;
    size_t none = 0;

    if (st->available > 0) {
        scope = s->free[--st->available];
        st->hits++;
    } else {
        scope = bx_alloc(sizeof *scope);
        if (scope == NULL) {
            s->lost++;
            return NULL;
        }
        st->misses++;
        st->created++;
        bx_weigh(&s->weight, &none, sizeof *scope);
    }
    if (++st->in_use > st->high_water)
        st->high_water = st->in_use;
    return scope;
}

/* What is beyond the used part of name and processors is not read. */
static void begin(struct bx_scope *scope, struct bx_scopes *home)
{
    memset(scope, 0, offsetof(struct bx_scope, name));
    scope->home = home;
}

struct bx_scope *bx_scope_push(struct bx_scopes *s, struct bx_scope *parent)
{
    struct bx_scope *scope = s == NULL || !s->o.client ? NULL : take(s);

    if (scope == NULL)
        return NULL;
    if (parent == NULL) {
        begin(scope, s);
        return scope;
    }
    memcpy(scope, parent, offsetof(struct bx_scope, name) + parent->name_n);
    if (parent->n_processors > 0)
        memcpy(scope->processors, parent->processors,
               parent->n_processors * sizeof scope->processors[0]);
    scope->parent = parent;
    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        bx_bag_ref(scope->bags[i]);
    bx_crumbs_ref(scope->crumbs);
    return scope;
}

static void give_collections(struct bx_scope *scope)
{
    struct bx_scopes *s = scope->home;

    for (int i = 0; i < BX__SCOPE_BAGS; i++)
        if (scope->bags[i] != NULL)
            bx_bag_give(&s->bags[i], scope->bags[i]);
    bx_crumbs_give(&s->crumbs, scope->crumbs);
}

void bx_scope_pop(struct bx_scope *scope)
{
    struct bx_pool_stats *st;
    size_t size = sizeof *scope;

    if (scope == NULL)
        return;
    st = &scope->home->stats;
    give_collections(scope);
    st->in_use--;
    if (st->available < st->size.max) {
        scope->home->free[st->available++] = scope;
        return;
    }
    bx_weigh(&scope->home->weight, &size, 0);
    bx_free(scope);
}

void bx_scope_clear(struct bx_scope *scope)
{
    if (scope == NULL)
        return;
    give_collections(scope);
    begin(scope, scope->home);
}

/* ---- what it has ---- */

static void count(struct bx_scope *s, int rc)
{
    s->home->lost += rc != BX_OK;
}

void bx_scope_set(struct bx_scope *s, enum bx_scope_bag which, struct bx_str key,
                  struct bx_str value)
{
    if (s != NULL)
        count(s, bx_bag_set(&s->home->bags[which], &s->bags[which], key, value, false));
}

void bx_scope_set_tag(struct bx_scope *s, struct bx_str key, struct bx_str value)
{
    bx_scope_set(s, BX_SCOPE_TAGS, key, value);
}

void bx_scope_set_json(struct bx_scope *s, enum bx_scope_bag which, struct bx_str key,
                       struct bx_str json)
{
    bool taken = which == BX_SCOPE_CONTEXTS && bx_str_eq(key, bx_str("trace"));

    if (s != NULL)
        count(s, taken ? BX_INVALID
                       : bx_bag_set(&s->home->bags[which], &s->bags[which], key, json, true));
}

void bx_scope_add_fingerprint(struct bx_scope *s, struct bx_str part)
{
    bx_scope_set(s, BX_SCOPE_FINGERPRINT, part, (struct bx_str){"", 0});
}

void bx_scope_set_name(struct bx_scope *s, struct bx_str transaction)
{
    if (s == NULL)
        return;
    s->name_n = (uint16_t)(transaction.n < BX_SCOPE_NAME ? transaction.n : BX_SCOPE_NAME);
    if (s->name_n > 0)
        memcpy(s->name, transaction.p, s->name_n);
}

void bx_scope_set_level(struct bx_scope *s, enum bx_severity level)
{
    if (s == NULL)
        return;
    s->leveled = true;
    s->level = level;
}

void bx_scope_set_span(struct bx_scope *s, const struct bx_span *span)
{
    if (s != NULL)
        s->span = *span;
}

void bx_scope_set_session(struct bx_scope *s, const uint8_t session[16])
{
    if (s != NULL)
        memcpy(s->session, session, sizeof s->session);
}

void bx_scope_add_processor(struct bx_scope *s, struct bx_processor p)
{
    if (s == NULL)
        return;
    if (s->n_processors == BX_SCOPE_PROCESSORS)
        s->home->lost++;
    else
        s->processors[s->n_processors++] = p;
}

/* ---- breadcrumbs ---- */

static bool wants(struct bx_scope *s, struct bx_crumb *crumb)
{
    const struct bx_scopes_options *o = &s->home->o;

    if (o->before_crumb == NULL || o->before_crumb(o->ctx, s, crumb))
        return true;
    s->home->crumbs_dropped++;
    return false;
}

static void add_crumbs(struct bx_scope *s, const struct bx_crumb *crumbs, uint32_t n)
{
    count(s, bx_crumbs_add(&s->home->crumbs, &s->crumbs, crumbs, n));
}

void bx_scope_crumb(struct bx_scope *s, enum bx_severity level, struct bx_str category,
                    struct bx_str message, const struct bx_pair *data, uint32_t n)
{
    struct bx_crumb crumb;
    uint64_t now;

    if (s == NULL)
        return;
    now = s->home->o.now_ns();
    if (n == 0 && s->home->o.before_crumb == NULL &&
        bx_crumbs_copy(&s->home->crumbs, s->crumbs, now, level, category, message))
        return;
    crumb = (struct bx_crumb){now, level, category, message, data, n, false};
    if (wants(s, &crumb))
        add_crumbs(s, &crumb, 1);
}

/* What the hook leaves as it was is added as quickly as without one. */
static void note_asked(struct bx_scope *s, struct bx_crumb *c)
{
    if (wants(s, c) && !(c->fixed && c->n == 0 &&
                         bx_crumbs_note(&s->home->crumbs, s->crumbs, c->time_ns, c->level,
                                        c->category, c->message)))
        add_crumbs(s, c, 1);
}

void bx_scope_note(struct bx_scope *s, enum bx_severity level, const char *category,
                   uint16_t category_n, const char *message, uint16_t message_n)
{
    struct bx_str texts[2] = {{category, category_n}, {message, message_n}};
    struct bx_crumb crumb;
    uint64_t now;

    if (s == NULL)
        return;
    now = s->home->o.now_ns();
    if (s->home->o.before_crumb == NULL &&
        bx_crumbs_note(&s->home->crumbs, s->crumbs, now, level, texts[0], texts[1]))
        return;
    crumb = (struct bx_crumb){now, level, texts[0], texts[1], NULL, 0, true};
    note_asked(s, &crumb);
}

void bx_scope_crumbs(struct bx_scope *s, struct bx_crumb *crumbs, uint32_t n)
{
    uint32_t left = 0;

    if (s == NULL)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (wants(s, &crumbs[i]))
            crumbs[left++] = crumbs[i];
    if (left > 0)
        add_crumbs(s, crumbs, left);
}
