/* list - pages of lists: the parameters `after`, `limit` and `match`, evaluated by the items'
 * schema.
 */
#include "api/priv.h"

#include "codec/flat.h"
#include "wire/suggest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64
#define WORDS_MAX 64

static uint64_t number_of(const struct bx_field *f, const void *obj)
{
    const void *m = (const char *)obj + f->offset;

    switch (f->type) {
    case BX_T_BOOL:
        return *(const bool *)m;
    case BX_T_U8:
    case BX_T_ENUM:
        return *(const uint8_t *)m;
    case BX_T_U16:
        return *(const uint16_t *)m;
    case BX_T_U32:
        return *(const uint32_t *)m;
    default:
        return *(const uint64_t *)m;
    }
}

static struct bx_str text_of(const struct bx_field *f, const void *obj, char out[TEXT_MAX])
{
    const void *m = (const char *)obj + f->offset;

    switch (f->type) {
    case BX_T_STR:
        return *(const struct bx_str *)m;
    case BX_T_BOOL:
        return bx_str(*(const bool *)m ? "true" : "false");
    case BX_T_ENUM:
        return bx_str(f->names[*(const uint8_t *)m]);
    case BX_T_UUID:
        bx_uuid_format(m, out);
        return bx_str(out);
    case BX_T_HEX64:
        snprintf(out, TEXT_MAX, "%016" PRIx64, number_of(f, obj));
        return bx_str(out);
    default:
        snprintf(out, TEXT_MAX, "%" PRIu64, number_of(f, obj));
        return bx_str(out);
    }
}

static bool has_text(const struct bx_field *f)
{
    static const bool yes[] = {[BX_T_BOOL] = true, [BX_T_U8] = true,    [BX_T_U16] = true,
                               [BX_T_U32] = true,  [BX_T_U64] = true,   [BX_T_ENUM] = true,
                               [BX_T_UUID] = true, [BX_T_HEX64] = true, [BX_T_STR] = true};

    return f->type < sizeof yes && yes[f->type];
}

/* ---- match ---- */

/* The field of a key such as "phase", or "labels.app", where *inner becomes "app". NULL: unknown.
 */
static const struct bx_field *find_field(const struct bx_schema *s, struct bx_str key,
                                         struct bx_str *inner)
{
    const char *dot = key.n == 0 ? NULL : memchr(key.p, '.', key.n);
    uint32_t n = dot == NULL ? key.n : (uint32_t)(dot - key.p);

    *inner = dot == NULL ? (struct bx_str){NULL, 0} : (struct bx_str){dot + 1, key.n - n - 1};
    for (uint32_t i = 0; i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];

        if (bx_str_eq((struct bx_str){key.p, n}, bx_str(f->name)) &&
            (dot == NULL ? has_text(f) : f->type == BX_T_PAIRS))
            return f;
    }
    return NULL;
}

static int unknown_field(const struct bx_schema *s, struct bx_str key, struct bx_err *err)
{
    const char *words[WORDS_MAX], *word;
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n && n < WORDS_MAX; i++) {
        if (has_text(&s->fields[i]))
            words[n++] = s->fields[i].name;
    }
    bx_err_set(err, BX_INVALID, "match: unknown field \"%.*s\" of %s",
               (int)(key.n > 64 ? 64 : key.n), key.p, s->name);
    word = bx_suggest(key.p, key.n, words, n);
    if (word != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", word);
    else
        bx_err_hint(err, "docs/API.md lists the fields; labels.KEY matches a label");
    return BX_INVALID;
}

int api_match_open(struct api_match *m, const struct bx_schema *s, const struct bx_pairs *pairs,
                   struct bx_err *err)
{
    m->n = pairs->n;
    for (uint32_t i = 0; i < pairs->n; i++) {
        struct api_condition *to = &m->conditions[i];

        to->value = pairs->v[i].value;
        to->field = find_field(s, pairs->v[i].key, &to->inner);
        if (to->field == NULL)
            return unknown_field(s, pairs->v[i].key, err);
    }
    return BX_OK;
}

static bool pair_is(const struct bx_pairs *pairs, struct bx_str key, struct bx_str value)
{
    for (uint32_t i = 0; i < pairs->n; i++) {
        if (bx_str_eq(pairs->v[i].key, key))
            return bx_str_eq(pairs->v[i].value, value);
    }
    return false;
}

bool api_match_is(const struct api_match *m, const void *obj)
{
    char text[TEXT_MAX];

    for (uint32_t i = 0; i < m->n; i++) {
        const struct api_condition *c = &m->conditions[i];
        const void *member = (const char *)obj + c->field->offset;

        if (c->inner.p != NULL ? !pair_is(member, c->inner, c->value)
                               : !bx_str_eq(text_of(c->field, obj, text), c->value))
            return false;
    }
    return true;
}

/* ---- after ---- */

static const struct bx_field *key_field(const struct api_call *c, const struct bx_schema *s)
{
    const char *key = bx_methods[c->method]->key;
    uint32_t i = 0;

    while (strcmp(s->fields[i].name, key) != 0)
        i++;
    return &s->fields[i];
}

/* Start the list where `after` says. */
static int seek(struct api_call *c, const struct api_source *from, struct bx_err *err)
{
    const struct bx_field *field = key_field(c, from->schema);
    struct bx_str after = api_common(c)->after;
    char text[24], *end;
    uint64_t number;

    if (field->type == BX_T_STR || after.n == 0) {
        from->seek(from->ctx, after.n == 0 ? NULL : &after);
        return BX_OK;
    }
    snprintf(text, sizeof text, "%.*s", (int)(after.n < 20 ? after.n : 20), after.p);
    number = strtoull(text, &end, 10);
    if (after.n > 20 || *end != '\0' || text[0] < '0' || text[0] > '9') {
        bx_err_set(err, BX_INVALID, "after: must be a number, the %s of an item", field->name);
        bx_err_hint(err, "use the `after` of the notification before the last page");
        return BX_INVALID;
    }
    from->seek(from->ctx, &number);
    return BX_OK;
}

/* ---- a page ---- */

void api_page_open(struct api_page *p, struct api_call *c)
{
    uint32_t limit = api_common(c)->limit;

    *p = (struct api_page){.limit = limit == 0 || limit > BX_PAGE_ITEMS ? BX_PAGE_ITEMS : limit};
}

bool api_page_take(struct api_page *p, const struct bx_schema *s, const void *obj,
                   const struct api_match *m)
{
    bool taken = api_match_is(m, obj);

    p->work += 1 + m->n;
    if (taken) {
        p->n++;
        p->bytes += bx_flat_size(s, obj);
    }
    return taken;
}

bool api_page_is_full(const struct api_page *p)
{
    return p->n == p->limit || p->bytes >= BX_PAGE_BYTES || p->work >= API_PAGE_WORK;
}

void api_page_continues(struct api_call *c, struct bx_str after)
{
    struct bx_page_reply note = {c->id, after};

    api_notify(c->client, "page", &bx_page_reply_schema, &note);
}

struct picked {
    const struct api_source *from;
    const void **which;
};

static const void *get_picked(void *ctx, uint32_t i)
{
    const struct picked *p = ctx;

    return p->from->show(p->from->ctx, p->which[i]);
}

/* Notify that the list continues after this object. */
static void tell_next(struct api_call *c, const struct api_source *from, const void *last)
{
    const struct bx_field *field = key_field(c, from->schema);
    char text[API_AFTER_MAX];

    api_page_continues(c, from->after != NULL ? from->after(from->ctx, last, text)
                                              : text_of(field, from->show(from->ctx, last), text));
}

void api_reply_page(struct api_call *c, const struct api_source *from)
{
    struct picked picked = {.from = from};
    struct bx_items items = {0, true, get_picked, &picked};
    const void *obj, *last = NULL;
    struct api_page page;
    struct api_match match;
    struct bx_err err = {0};

    if (api_match_open(&match, from->schema, &api_common(c)->match, &err) != BX_OK ||
        seek(c, from, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_page_open(&page, c);
    picked.which = api_alloc(c, page.limit * sizeof *picked.which);
    while ((obj = from->next(from->ctx)) != NULL && !api_page_is_full(&page)) {
        if (api_page_take(&page, from->schema, from->show(from->ctx, obj), &match))
            picked.which[items.n++] = obj;
        last = obj;
    }
    if (obj != NULL)
        tell_next(c, from, last);
    api_reply_items(c, from->schema, &items);
}

/* ---- objects with numbers ---- */

static uint64_t its_number(const struct api_numbered *s, const void *object)
{
    return *(const uint64_t *)(const void *)((const char *)object + s->number);
}

static int compare_numbers(const void *a, const void *b, void *numbered)
{
    uint64_t x = its_number(numbered, *(const void *const *)a);
    uint64_t y = its_number(numbered, *(const void *const *)b);

    return (x > y) - (x < y);
}

void api_numbered_sort(struct api_numbered *s, const void **list, uint32_t n, size_t number)
{
    *s = (struct api_numbered){.list = list, .n = n, .number = number};
    qsort_r(list, n, sizeof *list, compare_numbers, s);
}

void api_numbered_seek(void *ctx, const void *key)
{
    struct api_numbered *s = ctx;

    s->next = 0;
    while (key != NULL && s->next < s->n &&
           its_number(s, s->list[s->next]) <= *(const uint64_t *)key)
        s->next++;
}

const void *api_numbered_next(void *ctx)
{
    struct api_numbered *s = ctx;

    return s->next < s->n ? s->list[s->next++] : NULL;
}
