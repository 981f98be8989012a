/* list - the parameters `after`, `limit` and `match` of lists, evaluated by the items' schema. */
#include "api/priv.h"

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

int api_match_check(const struct bx_schema *s, const struct bx_pairs *match, struct bx_err *err)
{
    const char *words[WORDS_MAX], *word;
    struct bx_str key, inner;
    uint32_t i = 0, n = 0;

    while (i < match->n && find_field(s, match->v[i].key, &inner) != NULL)
        i++;
    if (i == match->n)
        return BX_OK;
    key = match->v[i].key;
    for (i = 0; i < s->n && n < WORDS_MAX; i++) {
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

static bool pair_is(const struct bx_pairs *pairs, struct bx_str key, struct bx_str value)
{
    for (uint32_t i = 0; i < pairs->n; i++) {
        if (bx_str_eq(pairs->v[i].key, key))
            return bx_str_eq(pairs->v[i].value, value);
    }
    return false;
}

bool api_matches(const struct bx_schema *s, const struct bx_pairs *match, const void *obj)
{
    char text[TEXT_MAX];

    for (uint32_t i = 0; i < match->n; i++) {
        struct bx_str inner, value = match->v[i].value;
        const struct bx_field *f = find_field(s, match->v[i].key, &inner);
        const void *m = (const char *)obj + f->offset;

        if (inner.p != NULL ? !pair_is(m, inner, value) : !bx_str_eq(text_of(f, obj, text), value))
            return false;
    }
    return true;
}

/* ---- after ---- */

static const struct bx_field *key_field(const struct bx_schema *s, const char *key)
{
    uint32_t i = 0;

    while (strcmp(s->fields[i].name, key) != 0)
        i++;
    return &s->fields[i];
}

struct cursor {
    const struct bx_field *field; /* NULL: start at the beginning */
    struct bx_str text;           /* the key, and as a number, of the last item not wanted */
    uint64_t number;
};

static int open_cursor(struct cursor *cursor, struct api_call *c, const struct bx_schema *s,
                       struct bx_err *err)
{
    struct bx_str after = api_common(c)->after;
    char text[24], *end;

    *cursor = (struct cursor){.text = after};
    if (after.n == 0)
        return BX_OK;
    cursor->field = key_field(s, bx_methods[c->method]->key);
    if (cursor->field->type == BX_T_STR)
        return BX_OK;
    snprintf(text, sizeof text, "%.*s", (int)(after.n < 20 ? after.n : 20), after.p);
    cursor->number = strtoull(text, &end, 10);
    if (after.n <= 20 && *end == '\0' && text[0] >= '0' && text[0] <= '9')
        return BX_OK;
    bx_err_set(err, BX_INVALID, "after: must be a number, the %s of an item", cursor->field->name);
    bx_err_hint(err, "use the %s of the last item of the page before", cursor->field->name);
    return BX_INVALID;
}

static bool is_after(const struct cursor *cursor, const void *obj)
{
    struct bx_str key;
    uint32_t n;
    int order;

    if (cursor->field == NULL)
        return true;
    if (cursor->field->type != BX_T_STR)
        return number_of(cursor->field, obj) > cursor->number;
    key = *(const struct bx_str *)(const void *)((const char *)obj + cursor->field->offset);
    n = key.n < cursor->text.n ? key.n : cursor->text.n;
    order = n == 0 ? 0 : memcmp(key.p, cursor->text.p, n);
    return order > 0 || (order == 0 && key.n > cursor->text.n);
}

/* ---- the selected items ---- */

struct picked {
    const struct bx_items *all;
    uint32_t *which;
};

static const void *get_picked(void *ctx, uint32_t i)
{
    struct picked *p = ctx;

    return p->all->get(p->all->ctx, p->which[i]);
}

void api_reply_list(struct api_call *c, const struct bx_schema *s, const struct bx_items *items)
{
    const struct bx_common *common = api_common(c);
    struct picked picked = {.all = items};
    struct bx_items left = {0, true, get_picked, &picked};
    struct cursor cursor;
    struct bx_err err = {0};

    if (common->after.n == 0 && common->limit == 0 && common->match.n == 0) {
        api_reply_items(c, s, items);
        return;
    }
    if (api_match_check(s, &common->match, &err) != BX_OK ||
        open_cursor(&cursor, c, s, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    picked.which = api_alloc(c, items->n * sizeof *picked.which);
    for (uint32_t i = 0; i < items->n && (common->limit == 0 || left.n < common->limit); i++) {
        const void *obj = items->get(items->ctx, i);

        if (is_after(&cursor, obj) && api_matches(s, &common->match, obj))
            picked.which[left.n++] = i;
    }
    api_reply_items(c, s, &left);
}
