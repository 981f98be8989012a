/* Records inside of records with every kind of damage, and the bounds of their depth and lists. */
#include "codec_tree_help.h"

#include "codec/header.h"
#include "codec/pack.h"

/* Touch every byte that the views name, so that the sanitizer sees a view out of bounds. */
static uint64_t touch(struct bx_str s)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s.n; i++)
        sum += (uint8_t)s.p[i];
    return sum;
}

static uint64_t touch_branch(const struct tree_branch *b)
{
    const struct tree_leaf *leaves = b->leaves.v;
    uint64_t sum = touch(b->name);

    assert_true(b->name.n <= 20 && b->leaves.n <= 4 && b->colour <= 2);
    for (uint32_t i = 0; i < b->leaves.n; i++)
        sum += touch(leaves[i].key);
    return sum;
}

static void touch_tree(const struct tree *t)
{
    const struct tree_branch *branches = t->branches.v;
    volatile uint64_t sum = touch(t->note) + touch(t->value) + touch(t->last.key) +
                            touch_branch(&t->trunk) + touch_branch(&t->spare);

    assert_true(t->branches.n <= 3);
    for (uint32_t i = 0; i < t->branches.n; i++)
        sum += touch_branch(&branches[i]);
    (void)sum;
}

/* Read a copy in a block of exactly n bytes. */
static int read_damaged(const uint8_t *src, size_t n, struct bx_arena *arena)
{
    uint8_t *bytes = bx_must_alloc(n), *again;
    struct bx_err err = {0};
    struct tree t, back;
    size_t size;
    int rc;

    memcpy(bytes, src, n);
    bx_arena_reset(arena);
    rc = bx_flat_read(&tree_schema, bytes, n, &t, arena, NULL, &err);
    assert_int_equal(bx_flat_check(&tree_schema, bytes, n, NULL, NULL), rc);
    if (rc == BX_OK) {
        touch_tree(&t);
        again = flat_of(&tree_schema, &t, &size);
        assert_int_equal(bx_flat_read(&tree_schema, again, size, &back, arena, NULL, NULL), BX_OK);
        assert_true(tree_equal(&t, &back));
        bx_free(again);
    } else {
        assert_true(rc == BX_MALFORMED || rc == BX_TOO_LARGE);
        assert_int_equal(err.code, rc);
        assert_memory_equal(err.msg, "tree", 4);
    }
    bx_free(bytes);
    return rc;
}

TEST(every_truncation_is_refused)
{
    struct tree t = tree_sample();
    struct bx_arena arena = {0};
    size_t size;
    uint8_t *bytes = flat_of(&tree_schema, &t, &size);

    for (size_t n = 0; n < size; n++)
        assert_int_equal(read_damaged(bytes, n, &arena), BX_MALFORMED);
    for (size_t n = size - 8; n > 8; n -= 8) { /* and with a size that fits the cut */
        bx_put32(bytes, (uint32_t)n);
        assert_int_equal(read_damaged(bytes, n, &arena), BX_MALFORMED);
    }
    bx_free(bytes);
    bx_arena_close(&arena);
}

TEST(every_changed_byte_is_refused_or_harmless)
{
    struct tree t = tree_sample();
    struct bx_arena arena = {0};
    size_t size, refused = 0;
    uint8_t *bytes = flat_of(&tree_schema, &t, &size);

    for (size_t at = 0; at < size; at++) {
        uint8_t was = bytes[at];

        for (int value = 0; value < 256; value++) {
            bytes[at] = (uint8_t)value;
            refused += read_damaged(bytes, size, &arena) != BX_OK;
        }
        bytes[at] = was;
    }
    assert_true(refused > size * 100);
    bx_free(bytes);
    bx_arena_close(&arena);
}

TEST(random_damage_is_refused_or_harmless)
{
    struct tree t = tree_sample();
    struct bx_arena arena = {0};
    uint64_t seed = 12;
    size_t size;
    uint8_t *bytes = flat_of(&tree_schema, &t, &size), *copy = bx_must_alloc(size);

    for (int round = 0; round < 20000; round++) {
        memcpy(copy, bytes, size);
        for (int i = 0; i < 3; i++) /* words, small values: plausible offsets and counts */
            bx_put32(copy + test_random(&seed) % (size / 4) * 4,
                     (uint32_t)(test_random(&seed) % size));
        read_damaged(copy, size, &arena);
    }
    bx_free(bytes);
    bx_free(copy);
    bx_arena_close(&arena);
}

/* ---- bounds ---- */

struct chain {
    uint8_t n;
    struct bx_list next;
};
static const struct bx_schema chain_schema;
static const struct bx_field chain_fields[] = {
    BX_FIELD(chain, n, BX_T_U8),
    BX_FIELD(chain, next, BX_T_LIST, .sub = &chain_schema, .max = 2),
};
static const struct bx_schema chain_schema = BX_SCHEMA("chain", 11, chain, chain_fields);

/* Records of one slot for the number and one for the list, from the outermost on. */
static size_t flat_chain(uint8_t *out, uint32_t depth)
{
    size_t size = (size_t)(depth + 1) * 24;

    for (size_t at = 0; at < size; at += 24) {
        bx_put64(out + at, (size - at) | (uint64_t)11 << 32 | (uint64_t)2 << 48);
        bx_put64(out + at + 8, 1);
        bx_put64(out + at + 16, at + 24 == size ? 0 : 24 | (uint64_t)1 << 32);
    }
    return size;
}

TEST(flat_records_have_a_bounded_depth)
{
    _Alignas(8) uint8_t bytes[24 * (BX_RECORD_DEPTH + 2)];
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    struct chain c;
    size_t n = flat_chain(bytes, BX_RECORD_DEPTH);

    assert_int_equal(bx_flat_read(&chain_schema, bytes, n, &c, &arena, NULL, NULL), BX_OK);
    assert_int_equal(bx_flat_size(&chain_schema, &c), n);
    n = flat_chain(bytes, BX_RECORD_DEPTH + 1);
    assert_int_equal(bx_flat_read(&chain_schema, bytes, n, &c, &arena, NULL, &err), BX_TOO_LARGE);
    assert_non_null(strstr(err.msg, "nested too deeply"));
    assert_int_equal(bx_flat_check(&chain_schema, bytes, n, NULL, NULL), BX_TOO_LARGE);
    bx_arena_close(&arena);
}

TEST(packed_records_have_a_bounded_depth)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};

    for (uint32_t depth = BX_RECORD_DEPTH; depth <= BX_RECORD_DEPTH + 1; depth++) {
        struct bx_buf b = {0};
        struct bx_err err = {0};
        struct chain c = {0};
        int want = depth == BX_RECORD_DEPTH ? BX_OK : BX_INVALID;

        for (uint32_t i = 0; i < depth; i++)
            bx_buf_append(&b, "\x81\xa4next\x91", 7);
        bx_buf_append(&b, "\x80", 1);
        assert_int_equal(bx_pack_read(&chain_schema, bx_pack_parse(p, b.data, b.len, 1000, NULL),
                                      &c, &arena, &err),
                         want);
        assert_true(want == BX_OK || strstr(err.msg, "deeper than 4 records") != NULL);
        bx_buf_release(&b);
    }
    bx_arena_close(&arena);
    bx_pack_destroy(p);
}

static const struct bx_field roomy_fields[] = {
    BX_FIELD(chain, n, BX_T_U8),
    BX_FIELD(chain, next, BX_T_LIST, .sub = &chain_schema, .max = 3),
};
static const struct bx_schema roomy = BX_SCHEMA("chain", 11, chain, roomy_fields);

TEST(a_list_has_no_more_items_than_its_maximum)
{
    static const struct chain items[3];
    struct chain c = {1, {items, 3}}, back;
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    size_t n;
    uint8_t *bytes = flat_of(&roomy, &c, &n);

    assert_int_equal(bx_flat_read(&roomy, bytes, n, &back, &arena, NULL, NULL), BX_OK);
    assert_int_equal(back.next.n, 3);
    assert_int_equal(bx_flat_read(&chain_schema, bytes, n, &back, &arena, NULL, &err),
                     BX_TOO_LARGE);
    assert_string_equal(err.msg, "chain.next: exceeds the field's maximum");
    bx_put32(bytes + 16 + 4, UINT32_MAX); /* nothing is allocated for a count that can not be */
    assert_int_equal(bx_flat_read(&roomy, bytes, n, &back, &arena, NULL, NULL), BX_TOO_LARGE);
    bx_free(bytes);
    bx_arena_close(&arena);
}

int main(void)
{
    return test_run(NULL, NULL);
}
