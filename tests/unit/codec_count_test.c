/* What hybrid chooses, and what is counted of it. */
#include "codec_hybrid_help.h"

#include "codec/flat.h"

#include <pthread.h>

static struct bx_codec_stats count_of_use(enum bx_codec_use use)
{
    struct bx_codec_stats s;

    bx_codec_stats_of_use(use, &s);
    return s;
}

static uint64_t ticks;

static uint64_t tick(void)
{
    return ticks += 10;
}

TEST(the_best_common_form_is_taken_and_counted)
{
    static const struct {
        uint32_t peer;
        enum bx_codec used;
        uint64_t fallbacks[BX__CODECS];
    } cases[] = {
        {ALL, BX_CODEC_FLAT, {0}},
        {1u << BX_CODEC_FLAT, BX_CODEC_FLAT, {0}},
        {ALL & ~(1u << BX_CODEC_FLAT), BX_CODEC_MSGPACK, {[BX_CODEC_FLAT] = 1}},
        {1u << BX_CODEC_JSON, BX_CODEC_JSON, {[BX_CODEC_FLAT] = 1, [BX_CODEC_MSGPACK] = 1}},
    };
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items items = items_of(s, 1, false);

    bx_codec_set_clock(tick);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum bx_codec used;
        struct bx_buf b = {0};

        forget_counts();

        assert_int_equal(
            bx_hybrid_encode(cases[i].peer, BX_USE_REPLY, s->schema, &items, &b, &used, NULL),
            BX_OK);
        assert_int_equal(used, cases[i].used);
        for (unsigned c = 0; c < BX__CODECS; c++) {
            assert_int_equal(count_of(c).fallbacks, cases[i].fallbacks[c]);
            assert_int_equal(count_of(c).encoded, c == used);
        }
        assert_int_equal(count_of(used).bytes, b.len);
        assert_int_equal(count_of(used).plain_bytes, b.len);
        assert_int_equal(count_of(used).encode_ns, 10);
        assert_int_equal(count_of(used).encodes_timed, 1);
        assert_int_equal(count_of_use(BX_USE_REPLY).encoded, 1);
        assert_int_equal(count_of_use(BX_USE_REPLY).bytes, b.len);
        assert_int_equal(count_of_use(BX_USE_ROW).encoded, 0);
        bx_buf_release(&b);
    }
    bx_codec_set_clock(NULL);
}

TEST(one_call_in_so_many_is_timed)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items items = items_of(s, 1, false);
    struct bx_buf b = {0};
    enum bx_codec used;
    uint64_t before = ticks;

    forget_counts();
    bx_codec_set_clock(tick);
    for (unsigned i = 0; i < 3 * BX_CODEC_TIMED; i++) {
        b.len = 0;
        bx_hybrid_encode(ALL, BX_USE_ROW, s->schema, &items, &b, &used, NULL);
    }
    assert_int_equal(count_of(BX_CODEC_FLAT).encoded, 3 * BX_CODEC_TIMED);
    assert_int_equal(count_of(BX_CODEC_FLAT).encodes_timed, 3);
    assert_int_equal(count_of(BX_CODEC_FLAT).encode_ns, 30);
    assert_int_equal(ticks - before, 3 * 2 * 10); /* nobody else looked at the clock */
    bx_codec_set_clock(NULL);
    bx_hybrid_encode(ALL, BX_USE_ROW, s->schema, &items, &b, &used, NULL);
    assert_int_equal(count_of(BX_CODEC_FLAT).encodes_timed, 3);
    bx_buf_release(&b);
}

static void *count_on_a_thread(void *ctx)
{
    struct bx_codec_call call = bx_codec_encoding(BX_CODEC_LZ, BX_USE_SNAPSHOT);

    bx_codec_encoded(call, 10, 100);
    bx_codec_failed(call);
    bx_codec_counts_take(ctx);
    return NULL;
}

TEST(a_thread_hands_over_what_it_counted)
{
    struct bx_codec_counts counts;
    pthread_t thread;

    forget_counts();
    assert_int_equal(pthread_create(&thread, NULL, count_on_a_thread, &counts), 0);
    pthread_join(thread, NULL);
    assert_int_equal(count_of(BX_CODEC_LZ).encoded, 0);
    bx_codec_counts_add(&counts);
    bx_codec_counts_add(&counts);
    assert_int_equal(count_of(BX_CODEC_LZ).encoded, 2);
    assert_int_equal(count_of(BX_CODEC_LZ).plain_bytes, 200);
    assert_int_equal(count_of_use(BX_USE_SNAPSHOT).failed, 2);
    for (unsigned i = 0; i < BX__CODEC_USES; i++)
        assert_non_null(bx_codec_use_names[i]);
}

/* A peer that takes lz gets it when it is shorter; what does not become shorter goes flat. */
TEST(compression_is_taken_where_it_gains)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items one = items_of(s, 1, false), many = items_of(s, 50, true);
    struct bx_items none = items_of(s, 0, true);
    struct bx_buf b = {0};
    enum bx_codec used;

    forget_counts();
    assert_int_equal(
        bx_hybrid_encode(ALL | 1u << BX_CODEC_LZ, BX_USE_REPLY, s->schema, &many, &b, &used, NULL),
        BX_OK);
    assert_int_equal(used, BX_CODEC_LZ);
    assert_int_equal(count_of(BX_CODEC_LZ).bytes, b.len);
    assert_int_equal(count_of(BX_CODEC_LZ).plain_bytes, 50 * bx_flat_size(s->schema, s->object));
    assert_true(count_of(BX_CODEC_LZ).plain_bytes > 10 * b.len);
    assert_int_equal(count_of(BX_CODEC_LZ).fallbacks, 0);
    bx_buf_release(&b);

    assert_int_equal(
        bx_hybrid_encode(ALL | 1u << BX_CODEC_LZ, BX_USE_REPLY, s->schema, &none, &b, &used, NULL),
        BX_OK);
    assert_int_equal(used, BX_CODEC_FLAT);
    assert_int_equal(count_of(BX_CODEC_LZ).fallbacks, 1);
    assert_int_equal(count_of(BX_CODEC_LZ).failed, 0);
    assert_int_equal(
        bx_hybrid_encode(1u << BX_CODEC_LZ, BX_USE_REPLY, s->schema, &none, &b, &used, NULL),
        BX_UNSUPPORTED);
    assert_int_equal(bx_hybrid_encode(ALL, BX_USE_REPLY, s->schema, &one, &b, &used, NULL), BX_OK);
    assert_int_equal(count_of(BX_CODEC_LZ).fallbacks, 2); /* not of a peer that does not take it */
    bx_buf_release(&b);
}

/* A type that has no flat form goes as MessagePack to a peer that takes both. */
TEST(a_type_without_a_flat_form_falls_back)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_schema formless = *s->schema;
    struct bx_items items = items_of(s, 1, false);
    struct bx_buf b = {0};
    enum bx_codec used;

    forget_counts();
    formless.kind = 0;
    assert_int_equal(bx_hybrid_encode(ALL, BX_USE_REPLY, &formless, &items, &b, &used, NULL),
                     BX_OK);
    assert_int_equal(used, BX_CODEC_MSGPACK);
    assert_int_equal(count_of(BX_CODEC_FLAT).fallbacks, 1);
    assert_int_equal(count_of(BX_CODEC_FLAT).failed, 0);
    bx_buf_release(&b);
}

int main(void)
{
    return test_run(NULL, NULL);
}
