/* codec_json - a reference form: JSON by a library, built from and read into the same structs as
 * ours, by the same tables of fields.
 *
 * A library is a table of operations, which json_encode, json_decode and json_one below take. They
 * are inlined where the table is constant, so that the library is called directly and the
 * measurement has no calls through pointers. A value is a void pointer of the library's own type.
 */
#ifndef BENCH_CODEC_JSON_H
#define BENCH_CODEC_JSON_H

#include "codec_forms.h"

#include "bench.h"

struct json_ops {
    const char *name;
    void *(*object)(void);
    void *(*array)(void);
    void *(*boolean)(bool v);
    void *(*number)(uint64_t v);
    void *(*text)(struct bx_str s);
    void (*set)(void *object, struct bx_str key, void *v); /* takes v over, as push does */
    void (*push)(void *array, void *v);
    char *(*print)(const void *v); /* compact, NUL-terminated */
    void (*free_text)(char *text);
    void *(*parse)(const char *text, size_t n); /* NULL: refused */
    void (*drop)(void *v);                      /* with all that is in it; takes NULL */
    bool (*is_true)(const void *v);
    uint64_t (*to_number)(const void *v);
    struct bx_str (*to_text)(const void *v); /* a view, NUL-terminated */
    uint32_t (*len)(const void *container);
    void *(*get)(const void *object, const char *key); /* NULL: not there */
    /* The n-th; before: the one in front of it, or NULL. */
    void *(*item)(void *array, uint32_t n, void *before);
    /* A walk through an object, in its order; NULL: the end. */
    void *(*first)(void *object);
    void *(*next)(void *object, void *member);
    struct bx_str (*key)(void *member);
    void *(*value)(void *member);
};

#define INLINED __attribute__((always_inline)) static inline

/* ---- writing ---- */

INLINED void *json_build_pairs(const struct json_ops *j, const struct bx_pairs *p)
{
    void *map = j->object();

    for (uint32_t i = 0; i < p->n; i++)
        j->set(map, p->v[i].key, j->text(p->v[i].value));
    return map;
}

INLINED void *json_build_uuid(const struct json_ops *j, const uint8_t id[16])
{
    static const uint8_t zero[16];
    char out[BX_UUID_TEXT];

    if (memcmp(id, zero, 16) == 0)
        return NULL; /* absent */
    bx_uuid_format(id, out);
    return j->text(bx_str(out));
}

INLINED void *json_build_value(const struct json_ops *j, const struct bx_field *f, const void *m)
{
    switch (f->type) {
    case BX_T_BOOL:
        return j->boolean(*(const bool *)m);
    case BX_T_U8:
        return j->number(*(const uint8_t *)m);
    case BX_T_U16:
        return j->number(*(const uint16_t *)m);
    case BX_T_U32:
        return j->number(*(const uint32_t *)m);
    case BX_T_U64:
        return j->number(*(const uint64_t *)m);
    case BX_T_ENUM:
        return j->text(bx_str(f->names[*(const uint8_t *)m]));
    case BX_T_UUID:
        return json_build_uuid(j, m);
    case BX_T_STR:
        return j->text(*(const struct bx_str *)m);
    case BX_T_PAIRS:
        return json_build_pairs(j, m);
    default:
        bench_die("a field that no configuration has");
    }
}

INLINED void *json_build(const struct json_ops *j, const struct bx_schema *s, const void *obj)
{
    void *map = j->object();

    for (uint32_t i = 0; i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];
        void *v = f->omit && bx_field_empty(f, obj)
                      ? NULL
                      : json_build_value(j, f, (const char *)obj + f->offset);

        if (v != NULL)
            j->set(map, bx_str(f->name), v);
    }
    return map;
}

INLINED void json_encode(const struct json_ops *j, struct document *d, struct bx_buf *out)
{
    void *list = j->array();
    char *text;

    for (unsigned i = 0; i < d->n; i++) {
        void *body = json_build(j, d->body, document_body(d, d->bodies, i));

        if (d->head != NULL) {
            void *item = j->array();

            j->push(item, json_build(j, d->head, &d->heads[i]));
            j->push(item, body);
            body = item;
        }
        j->push(list, body);
    }
    text = j->print(list);
    out->len = 0;
    bench_must(text != NULL && bx_buf_append(out, text, strlen(text)) == BX_OK, j->name);
    j->free_text(text);
    j->drop(list);
}

/* ---- reading ---- */

INLINED void json_take_pairs(const struct json_ops *j, void *v, struct bx_pairs *out,
                             struct bx_arena *arena)
{
    struct bx_pair *list = bx_arena_alloc(arena, j->len(v) * sizeof *list);
    uint32_t n = 0;

    for (void *at = j->first(v); at != NULL; at = j->next(v, at))
        list[n++] = (struct bx_pair){j->key(at), j->to_text(j->value(at))};
    *out = (struct bx_pairs){n == 0 ? NULL : list, n};
}

static inline uint8_t json_number_of(const char *const *names, const char *name)
{
    uint8_t i = 0;

    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

INLINED void json_take_value(const struct json_ops *j, const struct bx_field *f, void *v, void *m,
                             struct bx_arena *arena)
{
    switch (f->type) {
    case BX_T_BOOL:
        *(bool *)m = j->is_true(v);
        break;
    case BX_T_U8:
        *(uint8_t *)m = (uint8_t)j->to_number(v);
        break;
    case BX_T_U16:
        *(uint16_t *)m = (uint16_t)j->to_number(v);
        break;
    case BX_T_U32:
        *(uint32_t *)m = (uint32_t)j->to_number(v);
        break;
    case BX_T_ENUM:
        *(uint8_t *)m = json_number_of(f->names, j->to_text(v).p);
        break;
    case BX_T_UUID:
        bx_uuid_parse(j->to_text(v).p, j->to_text(v).n, m);
        break;
    case BX_T_STR:
        *(struct bx_str *)m = j->to_text(v);
        break;
    case BX_T_PAIRS:
        json_take_pairs(j, v, m, arena);
        break;
    default:
        *(uint64_t *)m = j->to_number(v);
    }
}

INLINED void json_take(const struct json_ops *j, const struct bx_schema *s, void *map, void *obj,
                       struct bx_arena *arena)
{
    memset(obj, 0, s->size);
    for (uint32_t i = 0; i < s->n; i++) {
        void *v = j->get(map, s->fields[i].name);

        if (v != NULL)
            json_take_value(j, &s->fields[i], v, (char *)obj + s->fields[i].offset, arena);
    }
}

INLINED void *json_parse(const struct json_ops *j, const struct document *d,
                         const struct bx_buf *in)
{
    void *list = j->parse((const char *)in->data, in->len);

    bench_must(list != NULL && j->len(list) == d->n, j->name);
    return list;
}

/* What is read points into the tree: it lives until the next one is read. */
INLINED void json_decode(const struct json_ops *j, void **tree, struct document *d,
                         const struct bx_buf *in)
{
    void *at = NULL;

    j->drop(*tree);
    *tree = json_parse(j, d, in);
    bx_arena_reset(&d->arena);
    for (unsigned i = 0; i < d->n; i++) {
        void *item = at = j->item(*tree, i, at);

        if (d->head != NULL) {
            void *head = j->item(item, 0, NULL);

            json_take(j, d->head, head, &d->read_heads[i], &d->arena);
            item = j->item(item, 1, head);
        }
        json_take(j, d->body, item, document_body(d, d->read_bodies, i), &d->arena);
    }
}

INLINED uint64_t json_one(const struct json_ops *j, struct document *d, const struct bx_buf *in)
{
    void *list = json_parse(j, d, in), *item = j->item(list, d->n - 1, NULL);
    uint64_t vcpus;

    if (d->head != NULL)
        item = j->item(item, 1, NULL);
    vcpus = j->to_number(j->get(item, "vcpus"));
    j->drop(list);
    return vcpus;
}

#endif
