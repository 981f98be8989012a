/* Commands and batches against command.h: their bytes, which are in logs and snapshots and may
 * never change, and that no damaged or invented bytes get past decoding. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "unit/command_samples.h"

#include <stdlib.h>
#include <string.h>

static const struct bx_cmd_header full_header = {.session = {0xa1, 0xa2},
                                                 .sequence = 258,
                                                 .floor = 257,
                                                 .deadline_ms = 1700000000000,
                                                 .trace = {0xb1},
                                                 .principal = {"alice", 5},
                                                 .tenant = {"default", 7}};

/* The only change to a command after it was encoded. */
TEST(a_deadline_is_set_in_place)
{
    struct bx_cmd_header header = full_header, read;
    union bx_cmd_body body;
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    size_t used;

    header.kind = BX_CMD_TOKEN_REVOKE;
    header.trace[15] = 7;
    assert_int_equal(bx_cmd_encode(&b, &header, &(struct bx_cmd_token_revoke){.id = 17}), BX_OK);
    assert_int_equal(bx_cmd_kind(b.data), BX_CMD_TOKEN_REVOKE);
    assert_true(bx_cmd_deadline(b.data) == full_header.deadline_ms);
    bx_cmd_set_deadline(b.data, 12345);
    assert_int_equal(bx_cmd_deadline(b.data), 12345);
    assert_true(bx_cmd_trace(b.data) == 7);
    assert_int_equal(bx_cmd_decode(b.data, b.len, &read, &body, &arena, &used, NULL), BX_OK);
    assert_int_equal(read.deadline_ms, 12345);
    assert_true(read.body_hash == header.body_hash && read.sequence == header.sequence);
    bx_arena_close(&arena);
    bx_buf_release(&b);
}

/* ---- golden bytes ---- */

static void is_hex(const char *what, const uint8_t *p, size_t n, const char *hex)
{
    char *text = malloc(2 * n + 1);

    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    if (n == 0 || strcmp(text, hex) != 0)
        fail_msg("%s is now\n%s\nThe log of every cluster has the old bytes.", what, text);
    free(text);
}

static void encode(struct bx_buf *b, size_t i, struct bx_cmd_header *header)
{
    header->kind = commands[i].kind;
    assert_int_equal(bx_cmd_encode(b, header, &commands[i].body), BX_OK);
    assert_int_equal(b->len % 8, 0);
}

TEST(bodies_have_their_golden_bytes)
{
    assert_int_equal(KINDS, BX__CMDS - 1);
    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header = full_header;
        struct bx_buf b = {0};
        size_t at;

        assert_int_equal(commands[i].kind, i + 1);
        encode(&b, i, &header);
        at = bx_flat_size(&bx_cmd_header_schema, &header);
        assert_int_equal(header.level, bx_cmd_level(commands[i].kind));
        assert_true(header.body_hash == bx_hash(b.data + at, b.len - at));
        is_hex(commands[i].name, b.data + at, b.len - at, commands[i].hex);
        bx_buf_release(&b);
    }
}

/* The header of token.create, then a whole batch with nothing but that in it. */
TEST(a_head_and_a_batch_have_their_golden_bytes)
{
    static const struct bx_stamp stamp = {1700000000000, 0x0a0b0c0d, {0x10, 0x20, 0x30}};
    struct bx_cmd_header header = full_header;
    struct bx_buf b = {0};

    encode(&b, 7, &header);
    is_hex(
        "the header of a command", b.data, bx_flat_size(&bx_cmd_header_schema, &header),
        "7800000064000c0008000000000000000100000000000000a1a2000000000000000000000000000002010000"
        "0000000001010000000000002cd3d953a71a876c0068e5cf8b010000b1000000000000000000000000000000"
        "68000000050000007000000007000000616c69636500000064656661756c7400");
    b.len = 0;
    assert_int_equal(bx_batch_begin(&b), BX_OK);
    bx_batch_seal(&b, 0, &stamp);
    is_hex(
        "an empty batch", b.data, b.len,
        "bd580201080000002000000094de42070068e5cf8b0100001020300000000000000000000000000000000000"
        "0d0c0b0a");
    bx_buf_release(&b);
}

/* ---- there and back ---- */

static int decode(const uint8_t *p, size_t n, struct bx_cmd_header *header, union bx_cmd_body *body,
                  struct bx_arena *arena, size_t *used)
{
    struct bx_err err = {0};
    int rc;

    bx_arena_reset(arena);
    rc = bx_cmd_decode(p, n, header, body, arena, used, &err);
    if (rc != BX_OK)
        assert_true(err.code == rc && err.msg[0] != '\0');
    return rc;
}

/* Every field comes back: what was decoded encodes to the same bytes. */
TEST(what_was_decoded_encodes_to_the_same_bytes)
{
    struct bx_arena arena = {0};

    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header = full_header, back;
        struct bx_buf b = {0}, again = {0};
        union bx_cmd_body body;
        size_t used;

        encode(&b, i, &header);
        assert_int_equal(bx_buf_append(&b, "more of it", 10), BX_OK);
        assert_int_equal(decode(b.data, b.len, &back, &body, &arena, &used), BX_OK);
        assert_int_equal(used, b.len - 10);
        assert_int_equal(back.kind, commands[i].kind);
        assert_int_equal(back.sequence, 258);
        assert_int_equal(back.floor, 257);
        assert_true(bx_str_eq(back.principal, bx_str("alice")));
        assert_int_equal(bx_cmd_encode(&again, &back, &body), BX_OK);
        assert_int_equal(again.len, used);
        assert_memory_equal(again.data, b.data, used);
        bx_buf_release(&b);
        bx_buf_release(&again);
    }
    bx_arena_close(&arena);
}

TEST(commands_have_their_names)
{
    for (size_t i = 0; i < KINDS; i++)
        assert_string_equal(bx_cmd_name(commands[i].kind), commands[i].name);
    assert_null(bx_cmd_name(0));
    assert_null(bx_cmd_name(BX__CMDS));
    assert_null(bx_cmd_schema(UINT16_MAX));
}

TEST(a_command_beyond_the_bound_is_refused)
{
    struct bx_pair many[64];
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_cmd_header header = {.kind = BX_CMD_VM_CREATE};
    struct bx_buf b = {0};
    char *text = calloc(1, 65536);
    char keys[64][3];

    memset(text, 'x', 65535);
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("a");
    for (uint32_t i = 0; i < 64; i++) {
        snprintf(keys[i], sizeof keys[i], "%02u", i);
        many[i] = (struct bx_pair){{keys[i], 2}, {text, i < 5 ? 50000 : 1}};
    }
    c.config.labels = (struct bx_pairs){many, 64};
    assert_int_equal(bx_buf_append(&b, "12345678", 8), BX_OK);
    assert_int_equal(bx_cmd_encode(&b, &header, &c), BX_OK);
    many[5].value.n = 20000;
    assert_int_equal(b.len > 250000, 1);
    b.len = 8;
    assert_int_equal(bx_cmd_encode(&b, &header, &c), BX_TOO_LARGE);
    assert_int_equal(b.len, 8);
    free(text);
    bx_buf_release(&b);
}

/* ---- damage ---- */

/* What was let through is whole and within bounds: every byte of it is read, and it is the one way
 * to write this body. */
static void is_sound(const uint8_t *p, size_t n, struct bx_cmd_header *header,
                     const union bx_cmd_body *body)
{
    size_t at = bx_flat_size(&bx_cmd_header_schema, header);
    struct bx_buf again = {0};

    if (header->kind == BX_CMD_VM_CREATE)
        bx_vm_config_check(&body->vm_create.config, NULL);
    assert_int_equal(bx_cmd_encode(&again, header, body), BX_OK);
    assert_int_equal(again.len, n);
    assert_memory_equal(again.data + at, p + at, n - at);
    bx_buf_release(&again);
}

/* A copy of exactly n bytes on the heap, so that the sanitizer sees one byte too far. */
static int decode_exact(const uint8_t *p, size_t n, struct bx_arena *arena)
{
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    struct bx_cmd_header header;
    union bx_cmd_body body;
    size_t used;
    int rc;

    memcpy(copy, p, n);
    rc = decode(copy, n, &header, &body, arena, &used);
    if (rc == BX_OK)
        is_sound(copy, used, &header, &body);
    free(copy);
    return rc;
}

TEST(damaged_commands_are_refused)
{
    struct bx_arena arena = {0};

    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header = full_header;
        struct bx_buf b = {0};
        size_t at;

        encode(&b, i, &header);
        at = bx_flat_size(&bx_cmd_header_schema, &header);
        for (size_t n = 0; n < b.len; n++)
            assert_int_equal(decode_exact(b.data, n, &arena), BX_MALFORMED);
        for (size_t bit = 0; bit < 8 * b.len; bit++) {
            int rc;

            b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rc = decode_exact(b.data, b.len, &arena);
            b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (bit / 8 >= at && rc == BX_OK)
                fail_msg("%s: bit %zu of the body is not missed", commands[i].name, bit - 8 * at);
        }
        bx_buf_release(&b);
    }
    bx_arena_close(&arena);
}

/* The hash of a body does not say that it is sound: give each damaged body the right one. */
TEST(a_hostile_body_with_a_right_hash_does_no_harm)
{
    struct bx_arena arena = {0};

    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header = full_header;
        struct bx_buf b = {0};
        size_t at;

        encode(&b, i, &header);
        at = bx_flat_size(&bx_cmd_header_schema, &header);
        for (size_t bit = 8 * at; bit < 8 * b.len; bit++) {
            b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            header.body_hash = bx_hash(b.data + at, b.len - at);
            bx_flat_write(&bx_cmd_header_schema, &header, b.data);
            decode_exact(b.data, b.len, &arena);
            b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        bx_buf_release(&b);
    }
    bx_arena_close(&arena);
}

/* ---- batches ---- */

static void make_batch(struct bx_buf *b)
{
    static const struct bx_stamp stamp = {12345, 678, {1, 2, 3, 4}};

    assert_int_equal(bx_batch_begin(b), BX_OK);
    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header = full_header;

        encode(b, i, &header);
    }
    bx_batch_seal(b, KINDS, &stamp);
}

TEST(a_batch_holds_its_commands_in_order)
{
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    struct bx_batch batch;
    size_t at = 0;

    make_batch(&b);
    assert_int_equal(bx_batch_open(b.data, b.len, &batch, NULL), BX_OK);
    assert_int_equal(batch.stamp.wall_ms, 12345);
    assert_int_equal(batch.stamp.elapsed_ms, 678);
    assert_true(batch.measured);
    assert_int_equal(batch.stamp.seed[3], 4);
    assert_int_equal(batch.commands, KINDS);
    for (size_t i = 0; i < KINDS; i++) {
        struct bx_cmd_header header;
        union bx_cmd_body body;
        size_t used;

        assert_int_equal(decode(batch.p + at, batch.len - at, &header, &body, &arena, &used),
                         BX_OK);
        assert_int_equal(header.kind, commands[i].kind);
        at += used;
    }
    assert_int_equal(at, batch.len);
    bx_buf_release(&b);
    bx_arena_close(&arena);
}

/* ---- memory ---- */

static void use_all(void *ctx)
{
    struct bx_buf b = {0};

    (void)ctx;
    if (bx_batch_begin(&b) == BX_OK) {
        for (size_t i = 0; i < KINDS; i++) {
            struct bx_cmd_header header = full_header, back;
            struct bx_arena arena = {0};
            union bx_cmd_body body;
            size_t at = b.len, used;
            int rc;

            header.kind = commands[i].kind;
            rc = bx_cmd_encode(&b, &header, &commands[i].body);
            if (rc != BX_OK) {
                assert_int_equal(rc, BX_NO_MEMORY);
                assert_int_equal(b.len, at);
                continue;
            }
            rc = bx_cmd_decode(b.data + at, b.len - at, &back, &body, &arena, &used, NULL);
            assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
            bx_arena_close(&arena);
        }
    }
    bx_buf_release(&b);
    bx_buf_thread_close();
}

TEST(a_failed_allocation_is_told_and_leaves_nothing)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use_all, NULL) > 0);
}

int main(void)
{
    return test_run(NULL, NULL);
}
