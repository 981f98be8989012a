/* Random schemas and random objects of them: whatever a schema says, an object is the same after
 * each form, and damage to it is refused or harmless. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "codec/json.h"
#include "codec/pack.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

#define FIELDS 6u
#define SCHEMAS 12u /* of one round, nested ones and all */
#define ROUNDS 3000u
#define TEXT_MAX (1u << 20)

static const char *const names[FIELDS] = {"a", "b", "c", "d", "e", "f"};
static const char *const choices[] = {"none", "one", "two", NULL};

/* What a round makes; all is gone with the next one. */
static struct world {
    uint64_t seed;
    struct bx_schema schemas[SCHEMAS];
    struct bx_field fields[SCHEMAS][FIELDS];
    uint32_t n;
    struct bx_arena arena;
} w;

static uint64_t below(uint64_t n)
{
    return test_random(&w.seed) % n;
}

/* ---- schemas ---- */

static const struct bx_schema *make_schema(uint32_t depth);

static uint32_t make_field(struct bx_field *f, const char *name, uint32_t offset, uint32_t depth)
{
    uint32_t size = 16;

    *f = (struct bx_field){.name = name,
                           .type = (enum bx_type)below(BX_T_LIST + 1),
                           .offset = (uint16_t)offset,
                           .nil = below(4) == 0,
                           .omit = below(4) == 0};
    if (f->type >= BX_T_RECORD && (depth == 2 || w.n > SCHEMAS - 3))
        f->type = BX_T_STR;
    if (f->type == BX_T_ENUM)
        f->names = choices;
    if (f->type >= BX_T_RECORD)
        f->sub = make_schema(depth + 1);
    if (f->type == BX_T_RECORD)
        size = f->sub->size;
    return offset + size;
}

/* The last fields are later ones. */
static const struct bx_schema *make_schema(uint32_t depth)
{
    uint32_t at = w.n++, n = 1 + (uint32_t)below(FIELDS), first = 1 + (uint32_t)below(n);
    struct bx_schema *s = &w.schemas[at];
    uint32_t offset = 0;

    for (uint32_t i = 0; i < n; i++) {
        offset = make_field(&w.fields[at][i], names[i], offset, depth);
        w.fields[at][i].since = i >= first ? 2 : 0;
    }
    *s = (struct bx_schema){.name = "random",
                            .kind = (uint16_t)(depth == 0 ? 1 + below(100) : below(100)),
                            .size = offset,
                            .n = (uint16_t)n,
                            .fields = w.fields[at]};
    return s;
}

/* ---- objects ---- */

static const char *const texts[] = {"",
                                    "x",
                                    "web-1",
                                    "gr\xc3\xbcn",
                                    "12345678",
                                    "123456789",
                                    "a text of more than sixty-four bytes, so that it is copied at "
                                    "once and not in words"};
/* Of MessagePack: nil, a number, a text, an array, a map. */
static const struct bx_str values[] = {
    {NULL, 0}, {"\x07", 1}, {"\xa2hi", 3}, {"\x93\x01\xc2\xc0", 4}, {"\x81\xa1k\x91\x05", 5}};

static struct bx_str some_text(void)
{
    return bx_str(texts[below(sizeof texts / sizeof texts[0])]);
}

/* JSON holds numbers up to 2^63 - 1. */
static uint64_t some_number(void)
{
    return below(3) == 0 ? 0 : test_random(&w.seed) >> (1 + below(63));
}

static void *take(size_t n)
{
    void *p = bx_arena_alloc(&w.arena, n);

    assert_non_null(p);
    return p;
}

static void fill_strs(struct bx_strs *out)
{
    uint32_t n = (uint32_t)below(4);
    struct bx_str *v = take(n * sizeof *v);

    for (uint32_t i = 0; i < n; i++)
        v[i] = some_text();
    *out = (struct bx_strs){n == 0 ? NULL : v, n};
}

static void fill_pairs(struct bx_pairs *out)
{
    uint32_t n = (uint32_t)below(4);
    struct bx_pair *v = take(n * sizeof *v);

    for (uint32_t i = 0; i < n; i++)
        v[i] = (struct bx_pair){bx_str(names[i]), some_text()};
    *out = (struct bx_pairs){n == 0 ? NULL : v, n};
}

static void fill(const struct bx_schema *s, void *obj);

static void fill_list(const struct bx_schema *s, struct bx_list *out)
{
    uint32_t n = (uint32_t)below(4);
    char *v = take((size_t)n * s->size);

    for (uint32_t i = 0; i < n; i++)
        fill(s, v + (size_t)i * s->size);
    *out = (struct bx_list){n == 0 ? NULL : v, n};
}

static void fill_bytes(const struct bx_field *f, void *m)
{
    struct bx_str bytes = {"\0\xff\n\x80", (uint32_t)below(5)};

    switch (f->type) {
    case BX_T_STR:
        *(struct bx_str *)m = some_text();
        break;
    case BX_T_BYTES:
        *(struct bx_str *)m = bytes;
        break;
    case BX_T_VALUE:
        *(struct bx_str *)m = values[below(sizeof values / sizeof values[0])];
        break;
    case BX_T_STRS:
        fill_strs(m);
        break;
    case BX_T_PAIRS:
        fill_pairs(m);
        break;
    case BX_T_LIST:
        fill_list(f->sub, m);
        break;
    default:
        fill(f->sub, m);
    }
}

static void fill_number(const struct bx_field *f, void *m)
{
    uint64_t v = some_number();

    switch (f->type) {
    case BX_T_BOOL:
        *(bool *)m = v & 1;
        break;
    case BX_T_ENUM:
        *(uint8_t *)m = (uint8_t)(v % 3);
        break;
    case BX_T_UUID:
        memset(m, 0, 16);
        memcpy(m, &v, sizeof v);
        break;
    case BX_T_I64:
        *(int64_t *)m = below(2) == 0 ? (int64_t)v : -(int64_t)v;
        break;
    default: /* wider than the member: what does not belong to it is never read */
        memcpy(m, &v, sizeof v);
    }
}

static void fill(const struct bx_schema *s, void *obj)
{
    memset(obj, 0, s->size);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];
        void *m = (char *)obj + f->offset;

        if (below(4) == 0)
            continue; /* empty */
        if (f->type >= BX_T_STR)
            fill_bytes(f, m);
        else
            fill_number(f, m);
    }
}

/* ---- what must hold ---- */

static void to_flat(const struct bx_schema *s, const void *obj, struct bx_buf *out)
{
    size_t size = bx_flat_size(s, obj);

    out->len = 0;
    assert_int_equal(bx_flat_write(s, obj, bx_buf_extend(out, size)), size);
}

static void assert_flat_is(const struct bx_schema *s, const void *obj, const struct bx_buf *want)
{
    struct bx_buf b = {0};

    to_flat(s, obj, &b);
    assert_int_equal(b.len, want->len);
    assert_memory_equal(b.data, want->data, b.len);
    bx_buf_release(&b);
}

static void flat_gives_the_object_back(const struct bx_schema *s, const struct bx_buf *flat)
{
    void *back = take(s->size);
    size_t used;

    assert_int_equal(bx_flat_read(s, flat->data, flat->len, back, &w.arena, &used, NULL), BX_OK);
    assert_int_equal(used, flat->len);
    assert_int_equal(bx_flat_check(s, flat->data, flat->len, &used, NULL), BX_OK);
    assert_flat_is(s, back, flat);
}

static void packed_forms_give_the_object_back(const struct bx_schema *s, const void *obj,
                                              const struct bx_buf *flat)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_buf b = {0}, json = {0}, again = {0};
    void *back = memset(take(s->size), 0, s->size);
    struct bx_err err = {0};

    assert_int_equal(bx_pw_map(&b, bx_pack_fields(s, obj)), BX_OK);
    assert_int_equal(bx_pack_write(&b, s, obj), BX_OK);
    if (bx_pack_read(s, bx_pack_parse(p, b.data, b.len, TEXT_MAX, NULL), back, &w.arena, &err) !=
        BX_OK)
        fail_msg("%s", err.msg);
    assert_flat_is(s, back, flat);

    assert_int_equal(bx_json_write(&json, bx_pack_parse(p, b.data, b.len, TEXT_MAX, NULL), 0),
                     BX_OK);
    assert_int_equal(bx_json_read(&again, (const char *)json.data, json.len, TEXT_MAX, NULL),
                     BX_OK);
    memset(back, 0, s->size);
    if (bx_pack_read(s, bx_pack_parse(p, again.data, again.len, TEXT_MAX, NULL), back, &w.arena,
                     &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_flat_is(s, back, flat);
    bx_buf_release(&b);
    bx_buf_release(&json);
    bx_buf_release(&again);
    bx_pack_destroy(p);
}

/* An object that uses no later field is written as the first release wrote it. */
static void later_fields_change_nothing_before_they_are_used(const struct bx_schema *s,
                                                             const void *obj)
{
    struct bx_schema first = *s;
    struct bx_buf b = {0};
    void *old = memcpy(take(s->size), obj, s->size);

    while (first.n > 0 && s->fields[first.n - 1].since > 1)
        first.n--;
    if (first.n < s->n)
        memset((char *)old + s->fields[first.n].offset, 0, s->size - s->fields[first.n].offset);
    to_flat(&first, old, &b);
    assert_flat_is(s, old, &b);
    bx_buf_release(&b);
}

/* A block of exactly the bytes there are, so that a step beyond it is seen. */
static void damage_is_refused_or_harmless(const struct bx_schema *s, const struct bx_buf *flat)
{
    void *obj = take(s->size);

    for (unsigned i = 0; i < 20; i++) {
        size_t n = below(4) == 0 ? below(flat->len + 1) : flat->len, used;
        uint8_t *copy = bx_must_alloc(n);
        int rc;

        memcpy(copy, flat->data, n);
        for (uint64_t k = below(4); n >= 4 && k > 0; k--)
            bx_put32(copy + below(n / 4) * 4, (uint32_t)below(below(2) == 0 ? 4 : 2 * flat->len));
        rc = bx_flat_read(s, copy, n, obj, &w.arena, &used, NULL);
        assert_int_equal(bx_flat_check(s, copy, n, NULL, NULL), rc);
        if (rc == BX_OK) { /* what was accepted can be written, and is read again */
            struct bx_buf b = {0};

            to_flat(s, obj, &b);
            flat_gives_the_object_back(s, &b);
            bx_buf_release(&b);
        }
        bx_free(copy);
    }
}

TEST(objects_of_any_schema_keep_their_values)
{
    uint64_t nested = 0, used_later = 0;

    w.seed = 2026;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const struct bx_schema *s;
        struct bx_buf flat = {0};
        void *obj;

        w.n = 0;
        bx_arena_reset(&w.arena);
        s = make_schema(0);
        obj = take(s->size);
        fill(s, obj);
        to_flat(s, obj, &flat);
        flat_gives_the_object_back(s, &flat);
        packed_forms_give_the_object_back(s, obj, &flat);
        later_fields_change_nothing_before_they_are_used(s, obj);
        damage_is_refused_or_harmless(s, &flat);
        nested += w.n > 1;
        used_later += s->fields[s->n - 1].since > 1;
        bx_buf_release(&flat);
    }
    assert_true(nested > ROUNDS / 4 && used_later > ROUNDS / 4); /* or it tests little */
    bx_arena_close(&w.arena);
    bx_buf_thread_close();
}

int main(void)
{
    return test_run(NULL, NULL);
}
