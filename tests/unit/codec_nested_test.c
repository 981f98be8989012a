/* Records inside of records, values, and fields that were added later: in the flat form and in
 * MessagePack. Damage and bounds are in codec_damage_test.c. */
#include "codec_tree_help.h"

#include "codec/header.h"
#include "codec/pack.h"

#define VALUE_SLOT 7 /* of tree.value: one a field before it */

#define VALUE_SLOT 7 /* of tree.value: one a field before it */

/* ---- flat ---- */

TEST(nested_records_are_read_back_flat)
{
    struct tree samples[] = {tree_sample(), tree_first_sample(), {.id = 0}}, back;
    struct bx_arena arena = {0};
    size_t size, used;

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t *bytes = flat_of(&tree_schema, &samples[i], &size);

        assert_int_equal(bx_flat_read(&tree_schema, bytes, size, &back, &arena, &used, NULL),
                         BX_OK);
        assert_int_equal(used, size);
        assert_true(tree_equal(&samples[i], &back));
        assert_int_equal(bx_flat_check(&tree_schema, bytes, size, &used, NULL), BX_OK);
        bx_free(bytes);
    }
    bx_arena_close(&arena);
}

TEST(a_record_without_later_fields_keeps_its_bytes)
{
    struct tree t = tree_first_sample(), back;
    struct bx_arena arena = {0};
    size_t n, m;
    uint8_t *now = flat_of(&tree_schema, &t, &n), *first = flat_of(&tree_first_schema, &t, &m);

    assert_int_equal(n, m);
    assert_memory_equal(now, first, n);
    bx_free(now);

    /* One in the middle is used: those before it are written, those behind it are not. */
    t.extra = 5;
    now = flat_of(&tree_schema, &t, &n);
    assert_int_equal(n, m + 4 * 8);
    assert_int_equal(bx_flat_read(&tree_schema, now, n, &back, &arena, NULL, NULL), BX_OK);
    assert_true(tree_equal(&t, &back));
    assert_int_equal(bx_flat_u64(&tree_schema, now, 10), 5);
    assert_int_equal(bx_flat_u64(&tree_schema, first, 10), 0);
    /* A build of the first release passes over it. */
    assert_int_equal(bx_flat_read(&tree_first_schema, now, n, &back, &arena, NULL, NULL), BX_OK);
    t.extra = 0;
    assert_true(tree_equal(&t, &back));
    bx_free(now);
    bx_free(first);
    bx_arena_close(&arena);
}

TEST(an_empty_later_field_at_the_end_is_refused)
{
    struct bx_schema all = tree_schema;
    struct bx_field fields[sizeof tree_fields / sizeof tree_fields[0]];
    struct tree t = tree_first_sample(), back;
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    size_t n;
    uint8_t *bytes;

    memcpy(fields, tree_fields, sizeof fields);
    for (size_t i = 0; i < all.n; i++)
        fields[i].since = 0; /* so that they are written all the same */
    all.fields = fields;
    bytes = flat_of(&all, &t, &n);
    assert_int_equal(bx_flat_read(&tree_schema, bytes, n, &back, &arena, NULL, &err), BX_MALFORMED);
    assert_string_equal(err.msg, "tree: empty field at the end is not omitted");
    assert_int_equal(bx_flat_check(&tree_schema, bytes, n, NULL, NULL), BX_MALFORMED);
    bx_free(bytes);
    bx_arena_close(&arena);
}

static const struct bx_field one_fields[] = {
    BX_FIELD(tree, trunk, BX_T_RECORD, .sub = &tree_branch_schema)};
static const struct bx_schema one_schema = BX_SCHEMA("one", 9, tree, one_fields);

TEST(an_empty_record_that_is_written_is_refused)
{
    _Alignas(8) uint8_t bytes[16 + 8 + 3 * 8] = {0};
    struct bx_arena arena = {0};
    struct tree t = {.id = 0};
    struct bx_err err = {0};

    assert_int_equal(bx_flat_size(&one_schema, &t), 16);
    bx_put64(bytes, sizeof bytes | (uint64_t)9 << 32 | (uint64_t)1 << 48);
    bx_put64(bytes + 8, 16 | (uint64_t)1 << 32);
    bx_put64(bytes + 16, (sizeof bytes - 16) | (uint64_t)3 << 48);
    assert_int_equal(bx_flat_read(&one_schema, bytes, sizeof bytes, &t, &arena, NULL, &err),
                     BX_MALFORMED);
    assert_string_equal(err.msg, "one.trunk: empty record is not omitted");
    bytes[32] = 1; /* its count */
    assert_int_equal(bx_flat_read(&one_schema, bytes, sizeof bytes, &t, &arena, NULL, NULL), BX_OK);
    assert_int_equal(t.trunk.count, 1);
    bx_arena_close(&arena);
}

TEST(a_message_names_the_way_to_the_field)
{
    struct tree t = {.branches = {tree_branches, 1}}, back;
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    size_t size;
    uint8_t *bytes = flat_of(&tree_schema, &t, &size);

    bytes[size - 8] = 0x80; /* the first byte of the key of the last leaf */
    assert_int_equal(bx_flat_read(&tree_schema, bytes, size, &back, &arena, NULL, &err),
                     BX_MALFORMED);
    assert_string_equal(err.msg, "tree.branches: branch.leaves: leaf.key: not UTF-8");
    bx_free(bytes);
    bx_arena_close(&arena);
}

/* ---- values ---- */

static int read_flat_value(const char *value, uint32_t n)
{
    struct tree t = {.value = {value, n}}, back;
    struct bx_schema s = tree_first_schema;
    struct bx_field fields[sizeof tree_first_fields / sizeof tree_first_fields[0]];
    struct bx_arena arena = {0};
    size_t size;
    uint8_t *bytes;
    int rc;

    memcpy(fields, tree_first_fields, sizeof fields);
    fields[VALUE_SLOT - 1].type = BX_T_BYTES; /* the writer would not write it */
    s.fields = fields;
    bytes = flat_of(&s, &t, &size);
    rc = bx_flat_read(&tree_first_schema, bytes, size, &back, &arena, NULL, NULL);
    assert_true(rc != BX_OK || bx_str_eq(back.value, t.value));
    bx_free(bytes);
    bx_arena_close(&arena);
    return rc;
}

TEST(a_value_is_one_well_formed_value)
{
    assert_int_equal(read_flat_value("", 0), BX_OK);
    assert_int_equal(read_flat_value("\xc0", 1), BX_OK);
    assert_int_equal(read_flat_value("\x91\x91\x91\x90", 4), BX_OK);
    assert_int_equal(read_flat_value("\x91\x91\x91\x91\x90", 5), BX_MALFORMED); /* too deep */
    assert_int_equal(read_flat_value("\x91", 1), BX_MALFORMED);                 /* cut off */
    assert_int_equal(read_flat_value("\xc0\xc0", 2), BX_MALFORMED);             /* two of them */
    assert_int_equal(read_flat_value("\xc1", 1), BX_MALFORMED);
    assert_int_equal(read_flat_value("\xdd\xff\xff\xff\xff", 5), BX_MALFORMED);
}

/* ---- MessagePack ---- */

static int unpack(struct bx_buf *b, struct tree *t, struct bx_arena *arena, struct bx_err *err)
{
    struct bx_pack *p = bx_pack_create();
    int rc =
        bx_pack_read(&tree_schema, bx_pack_parse(p, b->data, b->len, 4096, NULL), t, arena, err);

    bx_pack_destroy(p);
    return rc;
}

static void pack(struct bx_buf *b, const struct tree *t)
{
    assert_int_equal(bx_pw_map(b, bx_pack_fields(&tree_schema, t)), BX_OK);
    assert_int_equal(bx_pack_write(b, &tree_schema, t), BX_OK);
}

TEST(nested_records_are_read_back_packed)
{
    struct tree samples[] = {tree_sample(), tree_first_sample(), {.id = 0}};
    struct bx_arena arena = {0};

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct tree back = {.id = 0};
        struct bx_buf b = {0};

        pack(&b, &samples[i]);
        assert_int_equal(unpack(&b, &back, &arena, NULL), BX_OK);
        assert_true(tree_equal(&samples[i], &back));
        bx_buf_release(&b);
    }
    bx_arena_close(&arena);
}

TEST(what_is_empty_is_nil_or_left_out_as_the_schema_says)
{
    struct tree t = {.trunk = {.count = 1}};
    struct bx_pack *p = bx_pack_create();
    struct bx_buf b = {0};
    bx_val v, trunk;

    pack(&b, &t);
    v = bx_pack_parse(p, b.data, b.len, 4096, NULL);
    trunk = bx_val_get(v, "trunk");
    assert_int_equal(bx_val_type(bx_val_get(v, "leader")), BX_V_NIL);
    assert_int_equal(bx_val_type(bx_val_get(v, "spare")), BX_V_NIL);
    assert_int_equal(bx_val_type(bx_val_get(v, "value")), BX_V_NIL);
    assert_int_equal(bx_val_type(bx_val_get(v, "hidden")), BX_V_NONE);
    assert_int_equal(bx_val_type(bx_val_get(v, "owner")), BX_V_NONE);
    assert_int_equal(bx_val_type(bx_val_get(v, "id")), BX_V_INT);
    assert_int_equal(bx_val_type(bx_val_get(v, "branches")), BX_V_ARRAY);
    assert_int_equal(bx_val_type(bx_val_get(v, "last")), BX_V_MAP);
    assert_int_equal(bx_val_type(bx_val_get(trunk, "name")), BX_V_NIL);
    assert_int_equal(bx_val_len(trunk), 4);
    bx_buf_release(&b);
    bx_pack_destroy(p);
}

TEST(packed_records_refuse_with_the_way_in_the_message)
{
    static const struct {
        const char *message;
        size_t n;
        const char *says;
    } cases[] = {
#define CASE(bytes, says) {bytes, sizeof bytes - 1, says}
        CASE("\x81\xa5trunk\x01", "trunk: must be a map"),
        CASE("\x81\xa5trunk\x81\xa1x\x01", "trunk: x: unknown field"),
        CASE("\x81\xa5trunk\x81\xa6leaves\x80", "trunk: leaves: must be a list of maps"),
        CASE("\x81\xa5trunk\x81\xa6leaves\x91\x01", "trunk: leaves: item 1: must be a map"),
        CASE("\x81\xa5trunk\x81\xa6leaves\x92\x80\x81\xa6weight\xa0",
             "trunk: leaves: item 2: weight: must be a whole number from -9223372036854775808 to "
             "9223372036854775807"),
        CASE("\x81\xa8"
             "branches\x94\x80\x80\x80\x80",
             "branches: more than 3 items"),
        CASE("\x81\xa5value\x91\x91\x91\x91\x90", "value: deeper than 4 levels"),
        CASE("\x81\xa5value\xd9\x29"
             "01234567890123456789012345678901234567890",
             "value: longer than 40 bytes"),
#undef CASE
    };
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tree t = {.id = 0};
        struct bx_err err = {0};
        bx_val v = bx_pack_parse(p, cases[i].message, cases[i].n, 1000, &err);

        assert_non_null(v);
        assert_int_equal(bx_pack_read(&tree_schema, v, &t, &arena, &err), BX_INVALID);
        assert_string_equal(err.msg, cases[i].says);
    }
    bx_arena_close(&arena);
    bx_pack_destroy(p);
}

/* ---- memory that runs out ---- */

static void use_both(void *ctx)
{
    struct tree t = tree_sample(), back;
    const struct bx_buf *flat = ctx;
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    struct bx_pack *p = bx_pack_create();
    struct bx_err err = {0};
    bx_val v = NULL;
    int rc;

    rc = bx_flat_read(&tree_schema, flat->data, flat->len, &back, &arena, NULL, &err);
    assert_true(rc == BX_OK || (rc == BX_NO_MEMORY && err.code == rc));
    if (p != NULL && bx_pw_map(&b, bx_pack_fields(&tree_schema, &t)) == BX_OK &&
        bx_pack_write(&b, &tree_schema, &t) == BX_OK)
        v = bx_pack_parse(p, b.data, b.len, 4096, NULL);
    if (v != NULL) {
        rc = bx_pack_read(&tree_schema, v, &back, &arena, &err);
        assert_true(rc == BX_OK || (rc == BX_NO_MEMORY && err.code == rc));
    }
    bx_buf_release(&b);
    bx_arena_close(&arena);
    bx_pack_destroy(p);
    bx_buf_thread_close();
}

TEST(memory_that_runs_out_is_told)
{
    struct tree t = tree_sample();
    struct bx_buf flat = {0};
    size_t size = bx_flat_size(&tree_schema, &t);

    bx_flat_write(&tree_schema, &t, bx_buf_extend(&flat, size));
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use_both, &flat) >= 4);
    bx_buf_release(&flat);
    bx_buf_thread_close();
}

int main(void)
{
    return test_run(NULL, NULL);
}
