/* JSON with cJSON, where it is installed. */
#include "codec_json.h"

#include <cjson/cJSON.h>

static const char *terminated(struct bx_str s, char *out, size_t size)
{
    bench_must(s.n < size, "a text that long");
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return out;
}

static void *object(void)
{
    return cJSON_CreateObject();
}

static void *array(void)
{
    return cJSON_CreateArray();
}

static void *boolean(bool v)
{
    return cJSON_CreateBool(v);
}

static void *number(uint64_t v)
{
    return cJSON_CreateNumber((double)v);
}

static void *text(struct bx_str s)
{
    char copy[1024];

    return cJSON_CreateString(terminated(s, copy, sizeof copy));
}

static void set(void *map, struct bx_str key, void *v)
{
    char copy[256];

    cJSON_AddItemToObject(map, terminated(key, copy, sizeof copy), v);
}

static void push(void *list, void *v)
{
    cJSON_AddItemToArray(list, v);
}

static char *print(const void *v)
{
    return cJSON_PrintUnformatted(v);
}

static void free_text(char *s)
{
    cJSON_free(s);
}

static void *parse(const char *s, size_t n)
{
    return cJSON_ParseWithLength(s, n);
}

static void drop(void *v)
{
    cJSON_Delete(v);
}

static bool is_true(const void *v)
{
    return cJSON_IsTrue(v);
}

static uint64_t to_number(const void *v)
{
    return (uint64_t)((const cJSON *)v)->valuedouble;
}

static struct bx_str to_text(const void *v)
{
    return bx_str(((const cJSON *)v)->valuestring);
}

static uint32_t len(const void *v)
{
    return (uint32_t)cJSON_GetArraySize(v);
}

static void *get(const void *map, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(map, key);
}

/* The list is linked: by number it would be walked from its start. */
static void *item(void *list, uint32_t n, void *before)
{
    return before != NULL ? ((cJSON *)before)->next : cJSON_GetArrayItem(list, (int)n);
}

static void *first(void *map)
{
    return ((cJSON *)map)->child;
}

static void *next(void *map, void *member)
{
    (void)map;
    return ((cJSON *)member)->next;
}

static struct bx_str key(void *member)
{
    return bx_str(((cJSON *)member)->string);
}

static void *value(void *member)
{
    return member;
}

static const struct json_ops ops = {
    .name = "cJSON",
    .object = object,
    .array = array,
    .boolean = boolean,
    .number = number,
    .text = text,
    .set = set,
    .push = push,
    .print = print,
    .free_text = free_text,
    .parse = parse,
    .drop = drop,
    .is_true = is_true,
    .to_number = to_number,
    .to_text = to_text,
    .len = len,
    .get = get,
    .item = item,
    .first = first,
    .next = next,
    .key = key,
    .value = value,
};

/* ---- the form ---- */

static void *tree;

static void encode(struct document *d, struct bx_buf *out)
{
    json_encode(&ops, d, out);
}

static void decode(struct document *d, const struct bx_buf *in)
{
    json_decode(&ops, &tree, d, in);
}

static uint64_t one(struct document *d, const struct bx_buf *in)
{
    return json_one(&ops, d, in);
}

const struct form form_cjson = {"cJSON", encode, decode, one, NULL, NULL};
