/* The reference: JSON with jansson, built from and read into the same structs, by the same tables
 * of fields. jansson gets the C library's heap, which is faster than the counted one that libcore's
 * JSON gives it. */
#include "codec_forms.h"

#include "bench.h"

#include <jansson.h>
#include <stdlib.h>

static json_malloc_t kept_malloc;
static json_free_t kept_free;

static void begin(void)
{
    json_get_alloc_funcs(&kept_malloc, &kept_free);
    json_set_alloc_funcs(malloc, free);
}

static void end(void)
{
    json_set_alloc_funcs(kept_malloc, kept_free);
}

/* ---- writing ---- */

static json_t *text(struct bx_str s)
{
    return json_stringn_nocheck(s.p == NULL ? "" : s.p, s.n);
}

static json_t *uuid(const uint8_t id[16])
{
    static const uint8_t zero[16];
    char out[BX_UUID_TEXT];

    if (memcmp(id, zero, 16) == 0)
        return NULL; /* absent */
    bx_uuid_format(id, out);
    return json_string_nocheck(out);
}

static json_t *pairs(const struct bx_pairs *p)
{
    json_t *map = json_object();

    for (uint32_t i = 0; i < p->n; i++)
        json_object_setn_new_nocheck(map, p->v[i].key.p, p->v[i].key.n, text(p->v[i].value));
    return map;
}

static json_t *build_value(const struct bx_field *f, const void *m)
{
    switch (f->type) {
    case BX_T_BOOL:
        return json_boolean(*(const bool *)m);
    case BX_T_U8:
        return json_integer(*(const uint8_t *)m);
    case BX_T_U16:
        return json_integer(*(const uint16_t *)m);
    case BX_T_U32:
        return json_integer(*(const uint32_t *)m);
    case BX_T_U64:
        return json_integer((json_int_t) * (const uint64_t *)m);
    case BX_T_ENUM:
        return json_string_nocheck(f->names[*(const uint8_t *)m]);
    case BX_T_UUID:
        return uuid(m);
    case BX_T_STR:
        return text(*(const struct bx_str *)m);
    case BX_T_PAIRS:
        return pairs(m);
    default:
        break;
    }
    bench_die("a field that no configuration has");
}

static json_t *build(const struct bx_schema *s, const void *obj)
{
    json_t *map = json_object();

    for (uint32_t i = 0; i < s->n; i++) {
        json_t *v = build_value(&s->fields[i], (const char *)obj + s->fields[i].offset);

        if (v != NULL)
            json_object_set_new_nocheck(map, s->fields[i].name, v);
    }
    return map;
}

static void encode(struct document *d, struct bx_buf *out)
{
    json_t *list = json_array();
    char *json;

    for (unsigned i = 0; i < d->n; i++) {
        json_t *body = build(d->body, document_body(d, d->bodies, i));

        if (d->head != NULL) {
            json_t *item = json_array();

            json_array_append_new(item, build(d->head, &d->heads[i]));
            json_array_append_new(item, body);
            body = item;
        }
        json_array_append_new(list, body);
    }
    json = json_dumps(list, JSON_COMPACT);
    out->len = 0;
    bench_must(json != NULL && bx_buf_append(out, json, strlen(json)) == BX_OK, "jansson");
    free(json);
    json_decref(list);
}

/* ---- reading ---- */

static struct bx_str view(const json_t *v)
{
    return (struct bx_str){json_string_value(v), (uint32_t)json_string_length(v)};
}

static uint8_t number_of(const char *const *names, const char *name)
{
    uint8_t i = 0;

    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

static void take_pairs(json_t *v, struct bx_pairs *out, struct bx_arena *arena)
{
    struct bx_pair *list = bx_arena_alloc(arena, json_object_size(v) * sizeof *list);
    uint32_t n = 0;

    for (void *at = json_object_iter(v); at != NULL; at = json_object_iter_next(v, at))
        list[n++] =
            (struct bx_pair){{json_object_iter_key(at), (uint32_t)json_object_iter_key_len(at)},
                             view(json_object_iter_value(at))};
    *out = (struct bx_pairs){n == 0 ? NULL : list, n};
}

static void take_value(const struct bx_field *f, json_t *v, void *m, struct bx_arena *arena)
{
    switch (f->type) {
    case BX_T_BOOL:
        *(bool *)m = json_is_true(v);
        break;
    case BX_T_U8:
        *(uint8_t *)m = (uint8_t)json_integer_value(v);
        break;
    case BX_T_U16:
        *(uint16_t *)m = (uint16_t)json_integer_value(v);
        break;
    case BX_T_U32:
        *(uint32_t *)m = (uint32_t)json_integer_value(v);
        break;
    case BX_T_ENUM:
        *(uint8_t *)m = number_of(f->names, json_string_value(v));
        break;
    case BX_T_UUID:
        bx_uuid_parse(json_string_value(v), json_string_length(v), m);
        break;
    case BX_T_STR:
        *(struct bx_str *)m = view(v);
        break;
    case BX_T_PAIRS:
        take_pairs(v, m, arena);
        break;
    default:
        *(uint64_t *)m = (uint64_t)json_integer_value(v);
    }
}

static void take(const struct bx_schema *s, json_t *map, void *obj, struct bx_arena *arena)
{
    memset(obj, 0, s->size);
    for (uint32_t i = 0; i < s->n; i++) {
        json_t *v = json_object_get(map, s->fields[i].name);

        if (v != NULL)
            take_value(&s->fields[i], v, (char *)obj + s->fields[i].offset, arena);
    }
}

static json_t *parse(const struct document *d, const struct bx_buf *in)
{
    json_t *list = json_loadb((const char *)in->data, in->len, 0, NULL);

    bench_must(list != NULL && json_array_size(list) == d->n, "jansson");
    return list;
}

/* What is read points into the tree: it lives until the next one is read. */
static json_t *tree;

static void decode(struct document *d, const struct bx_buf *in)
{
    json_decref(tree);
    tree = parse(d, in);
    bx_arena_reset(&d->arena);
    for (unsigned i = 0; i < d->n; i++) {
        json_t *item = json_array_get(tree, i);

        if (d->head != NULL) {
            take(d->head, json_array_get(item, 0), &d->read_heads[i], &d->arena);
            item = json_array_get(item, 1);
        }
        take(d->body, item, document_body(d, d->read_bodies, i), &d->arena);
    }
}

static uint64_t one(struct document *d, const struct bx_buf *in)
{
    json_t *list = parse(d, in), *item = json_array_get(list, d->n - 1);
    uint64_t vcpus;

    if (d->head != NULL)
        item = json_array_get(item, 1);
    vcpus = (uint64_t)json_integer_value(json_object_get(item, "vcpus"));
    json_decref(list);
    return vcpus;
}

const struct form form_jansson = {"jansson", encode, decode, one, begin, end};
