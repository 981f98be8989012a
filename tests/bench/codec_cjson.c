/* The other reference, where it is installed: JSON with cJSON, from and into the same structs. */
#include "codec_forms.h"

#include "bench.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

/* ---- writing ---- */

static char *terminated(struct bx_str s, char *out, size_t size)
{
    bench_must(s.n < size, "a text that long");
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return out;
}

static cJSON *text(struct bx_str s)
{
    char copy[1024];

    return cJSON_CreateString(terminated(s, copy, sizeof copy));
}

static cJSON *uuid(const uint8_t id[16])
{
    static const uint8_t zero[16];
    char out[BX_UUID_TEXT];

    if (memcmp(id, zero, 16) == 0)
        return NULL; /* absent */
    bx_uuid_format(id, out);
    return cJSON_CreateString(out);
}

static cJSON *pairs(const struct bx_pairs *p)
{
    cJSON *map = cJSON_CreateObject();
    char key[256];

    for (uint32_t i = 0; i < p->n; i++)
        cJSON_AddItemToObject(map, terminated(p->v[i].key, key, sizeof key), text(p->v[i].value));
    return map;
}

static cJSON *build_value(const struct bx_field *f, const void *m)
{
    switch (f->type) {
    case BX_T_BOOL:
        return cJSON_CreateBool(*(const bool *)m);
    case BX_T_U8:
        return cJSON_CreateNumber(*(const uint8_t *)m);
    case BX_T_U16:
        return cJSON_CreateNumber(*(const uint16_t *)m);
    case BX_T_U32:
        return cJSON_CreateNumber(*(const uint32_t *)m);
    case BX_T_U64:
        return cJSON_CreateNumber((double)*(const uint64_t *)m);
    case BX_T_ENUM:
        return cJSON_CreateString(f->names[*(const uint8_t *)m]);
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

static cJSON *build(const struct bx_schema *s, const void *obj)
{
    cJSON *map = cJSON_CreateObject();

    for (uint32_t i = 0; i < s->n; i++) {
        cJSON *v = build_value(&s->fields[i], (const char *)obj + s->fields[i].offset);

        if (v != NULL)
            cJSON_AddItemToObject(map, s->fields[i].name, v);
    }
    return map;
}

static void encode(struct document *d, struct bx_buf *out)
{
    cJSON *list = cJSON_CreateArray();
    char *json;

    for (unsigned i = 0; i < d->n; i++) {
        cJSON *body = build(d->body, document_body(d, d->bodies, i));

        if (d->head != NULL) {
            cJSON *item = cJSON_CreateArray();

            cJSON_AddItemToArray(item, build(d->head, &d->heads[i]));
            cJSON_AddItemToArray(item, body);
            body = item;
        }
        cJSON_AddItemToArray(list, body);
    }
    json = cJSON_PrintUnformatted(list);
    out->len = 0;
    bench_must(json != NULL && bx_buf_append(out, json, strlen(json)) == BX_OK, "cJSON");
    cJSON_free(json);
    cJSON_Delete(list);
}

/* ---- reading ---- */

static struct bx_str view(const cJSON *v)
{
    return bx_str(v->valuestring);
}

static uint8_t number_of(const char *const *names, const char *name)
{
    uint8_t i = 0;

    while (strcmp(names[i], name) != 0)
        i++;
    return i;
}

static void take_pairs(const cJSON *v, struct bx_pairs *out, struct bx_arena *arena)
{
    struct bx_pair *list = bx_arena_alloc(arena, (size_t)cJSON_GetArraySize(v) * sizeof *list);
    uint32_t n = 0;

    for (const cJSON *at = v->child; at != NULL; at = at->next)
        list[n++] = (struct bx_pair){bx_str(at->string), view(at)};
    *out = (struct bx_pairs){n == 0 ? NULL : list, n};
}

static void take_value(const struct bx_field *f, const cJSON *v, void *m, struct bx_arena *arena)
{
    switch (f->type) {
    case BX_T_BOOL:
        *(bool *)m = cJSON_IsTrue(v);
        break;
    case BX_T_U8:
        *(uint8_t *)m = (uint8_t)v->valuedouble;
        break;
    case BX_T_U16:
        *(uint16_t *)m = (uint16_t)v->valuedouble;
        break;
    case BX_T_U32:
        *(uint32_t *)m = (uint32_t)v->valuedouble;
        break;
    case BX_T_ENUM:
        *(uint8_t *)m = number_of(f->names, v->valuestring);
        break;
    case BX_T_UUID:
        bx_uuid_parse(v->valuestring, strlen(v->valuestring), m);
        break;
    case BX_T_STR:
        *(struct bx_str *)m = view(v);
        break;
    case BX_T_PAIRS:
        take_pairs(v, m, arena);
        break;
    default:
        *(uint64_t *)m = (uint64_t)v->valuedouble;
    }
}

static void take(const struct bx_schema *s, const cJSON *map, void *obj, struct bx_arena *arena)
{
    memset(obj, 0, s->size);
    for (uint32_t i = 0; i < s->n; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(map, s->fields[i].name);

        if (v != NULL)
            take_value(&s->fields[i], v, (char *)obj + s->fields[i].offset, arena);
    }
}

static cJSON *parse(const struct bx_buf *in)
{
    cJSON *list = cJSON_ParseWithLength((const char *)in->data, in->len);

    bench_must(list != NULL, "cJSON");
    return list;
}

/* What is read points into the tree: it lives until the next one is read. */
static cJSON *tree;

static void decode(struct document *d, const struct bx_buf *in)
{
    const cJSON *item;
    unsigned i = 0;

    cJSON_Delete(tree);
    tree = parse(in);
    bx_arena_reset(&d->arena);
    for (item = tree->child; item != NULL; item = item->next, i++) {
        const cJSON *body = item;

        bench_must(i < d->n, "cJSON");
        if (d->head != NULL) {
            take(d->head, item->child, &d->read_heads[i], &d->arena);
            body = item->child->next;
        }
        take(d->body, body, document_body(d, d->read_bodies, i), &d->arena);
    }
}

static uint64_t one(struct document *d, const struct bx_buf *in)
{
    cJSON *list = parse(in), *item = cJSON_GetArrayItem(list, (int)d->n - 1);
    uint64_t vcpus;

    if (d->head != NULL)
        item = item->child->next;
    vcpus = (uint64_t)cJSON_GetObjectItemCaseSensitive(item, "vcpus")->valuedouble;
    cJSON_Delete(list);
    return vcpus;
}

const struct form form_cjson = {"cJSON", encode, decode, one, NULL, NULL};
