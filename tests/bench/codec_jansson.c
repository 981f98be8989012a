/* JSON with jansson. It gets the C library's heap, which is faster than the counted one that
 * libcore's JSON gives it. */
#include "codec_json.h"

#include <jansson.h>
#include <stdlib.h>

static void *object(void)
{
    return json_object();
}

static void *array(void)
{
    return json_array();
}

static void *boolean(bool v)
{
    return json_boolean(v);
}

static void *number(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static void *text(struct bx_str s)
{
    return json_stringn_nocheck(s.p == NULL ? "" : s.p, s.n);
}

static void set(void *map, struct bx_str key, void *v)
{
    json_object_setn_new_nocheck(map, key.p, key.n, v);
}

static void push(void *list, void *v)
{
    json_array_append_new(list, v);
}

static char *print(const void *v)
{
    return json_dumps(v, JSON_COMPACT);
}

static void free_text(char *s)
{
    free(s);
}

static void *parse(const char *s, size_t n)
{
    return json_loadb(s, n, 0, NULL);
}

static void drop(void *v)
{
    json_decref(v);
}

static bool is_true(const void *v)
{
    return json_is_true((const json_t *)v);
}

static uint64_t to_number(const void *v)
{
    return (uint64_t)json_integer_value(v);
}

static struct bx_str to_text(const void *v)
{
    return (struct bx_str){json_string_value(v), (uint32_t)json_string_length(v)};
}

static uint32_t len(const void *v)
{
    return (uint32_t)(json_is_array((const json_t *)v) ? json_array_size(v) : json_object_size(v));
}

static void *get(const void *map, const char *key)
{
    return json_object_get(map, key);
}

static void *item(void *list, uint32_t n, void *before)
{
    (void)before;
    return json_array_get(list, n);
}

static void *first(void *map)
{
    return json_object_iter(map);
}

static void *next(void *map, void *member)
{
    return json_object_iter_next(map, member);
}

static struct bx_str key(void *member)
{
    return (struct bx_str){json_object_iter_key(member),
                           (uint32_t)json_object_iter_key_len(member)};
}

static void *value(void *member)
{
    return json_object_iter_value(member);
}

static const struct json_ops ops = {
    .name = "jansson",
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

static json_malloc_t kept_malloc;
static json_free_t kept_free;
static void *tree;

static void begin(void)
{
    json_get_alloc_funcs(&kept_malloc, &kept_free);
    json_set_alloc_funcs(malloc, free);
}

static void end(void)
{
    json_set_alloc_funcs(kept_malloc, kept_free);
}

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

const struct form form_jansson = {"jansson", encode, decode, one, begin, end};
