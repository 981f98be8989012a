/* codec and hybrid: every sample in every form, alone and as a list; what is chosen, what is
 * counted, what is refused; and many threads at once. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "codec/hybrid.h"
#include "mem/alloc.h"
#include "unit/golden.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_MAX 4096
/* All but lz. */
#define ALL (1u << BX_CODEC_FLAT | 1u << BX_CODEC_MSGPACK | 1u << BX_CODEC_JSON)

/* What this thread counted since forget_counts. */
static struct bx_codec_stats count_of(enum bx_codec codec)
{
    struct bx_codec_stats s;

    bx_codec_stats_of(codec, &s);
    return s;
}

static struct bx_codec_stats count_of_use(enum bx_codec_use use)
{
    struct bx_codec_stats s;

    bx_codec_stats_of_use(use, &s);
    return s;
}

static void forget_counts(void)
{
    struct bx_codec_counts counts;

    bx_codec_counts_take(&counts);
}

static const void *same_each_time(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

static struct bx_items items_of(const struct golden_sample *s, uint32_t n, bool list)
{
    return (struct bx_items){n, list, same_each_time, (void *)(uintptr_t)s->object};
}

/* What was taken must be the sample again: its flat form says so. */
struct taken {
    const struct golden_sample *sample;
    uint32_t n, wrong;
    _Alignas(16) uint8_t object[OBJECT_MAX];
};

static void take(void *ctx, const void *obj)
{
    struct taken *t = ctx;
    const struct bx_schema *s = t->sample->schema;
    size_t size = bx_flat_size(s, obj), want = bx_flat_size(s, t->sample->object);
    uint8_t *a = bx_must_alloc(size), *b = bx_must_alloc(want);

    bx_flat_write(s, obj, a);
    bx_flat_write(s, t->sample->object, b);
    t->wrong += size != want || memcmp(a, b, size) != 0;
    t->n++;
    bx_free(a);
    bx_free(b);
}

static struct bx_taker taker_of(struct taken *t, const struct golden_sample *s)
{
    memset(t, 0, sizeof *t);
    t->sample = s;
    return (struct bx_taker){t->object, NULL, take, t};
}

/* JSON reads whole numbers up to 2^63 - 1: the sample with all types has a larger one. */
static bool fits(const struct golden_sample *s, enum bx_codec codec)
{
    return codec != BX_CODEC_JSON || strcmp(s->name, "record") != 0;
}

static uint32_t round_trip(const struct golden_sample *s, enum bx_codec codec, uint32_t n,
                           bool list)
{
    struct bx_items items = items_of(s, n, list);
    struct bx_decoder d = {.pack = NULL};
    struct bx_buf b = {0};
    struct taken t;
    struct bx_taker taker = taker_of(&t, s);
    uint32_t wrong;

    wrong = bx_hybrid_write(1u << codec, BX_USE_REPLY, BX_KIND_VM, s->schema, &items, &b, NULL) !=
            BX_OK;
    wrong += b.data[3] != codec;
    wrong += bx_hybrid_read(&d, BX_USE_OTHER, BX_KIND_VM, s->schema, b.data, b.len, &taker, NULL) !=
             BX_OK;
    wrong += t.n != n || t.wrong > 0;
    bx_decoder_close(&d);
    bx_buf_release(&b);
    return wrong;
}

TEST(every_type_in_every_form)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);

    for (size_t i = 0; i < n; i++) {
        for (enum bx_codec c = BX_CODEC_FLAT; c <= BX_CODEC_JSON; c++) {
            if (!fits(&s[i], c))
                continue;
            assert_int_equal(round_trip(&s[i], c, 1, false), 0);
            assert_int_equal(round_trip(&s[i], c, 0, true), 0);
            assert_int_equal(round_trip(&s[i], c, 1, true), 0);
            assert_int_equal(round_trip(&s[i], c, 300, true), 0);
        }
        assert_int_equal(round_trip(&s[i], BX_CODEC_LZ, 300, true), 0);
    }
    for (enum bx_codec c = BX_CODEC_FLAT; c < BX__CODECS; c++)
        assert_int_equal(round_trip(&s[1], c, 30000, true), 0); /* some 10 MB */
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

/* A record of so many bytes is never allocated for: it is refused by what it claims. */
TEST(a_claim_beyond_the_cap_is_refused)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_decoder d = {.pack = NULL};
    const struct bx_codec_ops *lz = bx_codec_ops(BX_CODEC_LZ);
    struct bx_buf b = {0};
    struct bx_err err = {0};
    struct taken t;
    struct bx_taker taker = taker_of(&t, s);
    uint8_t *p = bx_buf_extend(&b, 2 << 20);

    memset(p, 0, 2 << 20);
    bx_put32(p, BX_CODEC_MAX + 8);
    test_fail_allocations(true);
    assert_int_equal(lz->decode(&d, s->schema, b.data, b.len, &taker, &err), BX_MALFORMED);
    test_fail_allocations(false);
    assert_int_equal(err.code, BX_MALFORMED);
    assert_int_equal(t.n, 0);
    assert_int_equal(lz->plain(b.data, b.len), BX_CODEC_MAX + 8);
    assert_int_equal(lz->plain(b.data, 4), 0);
    bx_buf_release(&b);
    bx_decoder_close(&d);
}

TEST(without_a_common_form_it_says_so)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items items = items_of(s, 1, false);
    struct bx_buf b = {0};
    struct bx_err err;

    bx_buf_append(&b, "before", 6);
    assert_int_equal(bx_hybrid_write(0, BX_USE_REPLY, BX_KIND_VM, s->schema, &items, &b, &err),
                     BX_UNSUPPORTED);
    assert_int_equal(err.code, BX_UNSUPPORTED);
    assert_int_equal(b.len, 6);
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

static int read_bytes(const struct golden_sample *s, const void *p, size_t n)
{
    struct bx_decoder d = {.pack = NULL};
    struct taken t;
    struct bx_taker taker = taker_of(&t, s);
    int rc = bx_hybrid_read(&d, BX_USE_OTHER, BX_KIND_VM, s->schema, p, n, &taker, NULL);

    bx_decoder_close(&d);
    if (rc == BX_OK)
        assert_true(t.wrong == 0);
    return rc;
}

TEST(json_without_a_head_is_read)
{
    static const char text[] = " \n{\"id\": 81985529216486895, \"index\": 4711}";
    struct golden_sample s = {"", NULL, NULL};
    size_t n;
    const struct golden_sample *all = golden_samples(&n);
    uint64_t want[2] = {81985529216486895, 4711};

    forget_counts();
    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i].name, "read") == 0)
            s = all[i];
    }
    s.object = want;
    assert_int_equal(read_bytes(&s, text, sizeof text - 1), BX_OK);
    assert_int_equal(count_of(BX_CODEC_JSON).decoded, 1);
    assert_int_equal(read_bytes(&s, text, sizeof text - 2), BX_MALFORMED);
    assert_int_equal(count_of(BX_CODEC_JSON).failed, 1);
}

TEST(what_has_no_head_is_refused)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items items = items_of(s, 1, false);
    struct bx_buf b = {0};

    assert_int_equal(read_bytes(s, "", 0), BX_MALFORMED);
    assert_int_equal(read_bytes(s, "\x80", 1), BX_MALFORMED); /* an empty map, without a header */
    assert_int_equal(
        bx_hybrid_write(ALL, BX_USE_REPLY, BX_KIND_VM + 1, s->schema, &items, &b, NULL), BX_OK);
    assert_int_equal(read_bytes(s, b.data, b.len), BX_MALFORMED); /* of another kind */
    bx_header_seal(b.data, BX_KIND_VM, 1, 77, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(read_bytes(s, b.data, b.len), BX_UNSUPPORTED); /* a codec of the future */
    bx_header_seal(b.data, BX_KIND_VM, 2, BX_CODEC_FLAT, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(read_bytes(s, b.data, b.len), BX_UNSUPPORTED); /* and a version */
    bx_header_seal(b.data, BX_KIND_VM, 1, BX_CODEC_FLAT, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(read_bytes(s, b.data, b.len), BX_OK);
    b.data[b.len - 1] ^= 1;
    assert_int_equal(read_bytes(s, b.data, b.len), BX_CORRUPT);
    bx_buf_release(&b);
}

/* Inside of an answer a record may begin anywhere. */
TEST(a_flat_list_is_read_from_any_place)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n) + 1;
    struct bx_items items = items_of(s, 5, true);
    struct bx_schema formless = *s->schema;
    struct bx_decoder d = {.pack = NULL};

    for (size_t shift = 0; shift < 9; shift++) {
        struct bx_buf b = {0};
        struct taken t;
        struct bx_taker taker = taker_of(&t, s);
        const struct bx_codec_ops *flat = bx_codec_ops(BX_CODEC_FLAT);

        bx_buf_append(&b, "123456789", shift);
        assert_int_equal(flat->encode(&b, s->schema, &items, NULL), BX_OK);
        assert_int_equal(flat->decode(&d, s->schema, b.data + shift, b.len - shift, &taker, NULL),
                         BX_OK);
        assert_int_equal(t.n, 5);
        assert_int_equal(t.wrong, 0);
        formless.kind = 0;
        assert_int_equal(flat->decode(&d, &formless, b.data, 0, &taker, NULL), BX_UNSUPPORTED);
        bx_buf_release(&b);
    }
    bx_decoder_close(&d);
}

TEST(what_json_leaves_out_is_as_it_was)
{
    static const char text[] = "{\"index\": 7}";
    static const uint64_t initial[2] = {5, 6}, want[2] = {5, 7};
    struct bx_decoder d = {.pack = NULL};
    struct golden_sample s = {"", NULL, want};
    struct taken t;
    struct bx_taker taker;
    size_t n;
    const struct golden_sample *all = golden_samples(&n);

    for (size_t i = 0; i < n; i++)
        s.schema = strcmp(all[i].name, "read") == 0 ? all[i].schema : s.schema;
    taker = taker_of(&t, &s);
    taker.initial = initial;
    assert_int_equal(bx_hybrid_read(&d, BX_USE_OTHER, BX_KIND_VM, s.schema, (const uint8_t *)text,
                                    sizeof text - 1, &taker, NULL),
                     BX_OK);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.wrong, 0);
    bx_decoder_close(&d);
}

TEST(content_types_name_the_codecs)
{
    assert_string_equal(bx_codec_ops(BX_CODEC_JSON)->content_type, "application/json");
    for (unsigned id = 1; id < BX__CODECS; id++) {
        const struct bx_codec_ops *codec = bx_codec_ops(id);

        assert_int_equal(codec->id, id);
        assert_ptr_equal(bx_codec_named(bx_str(codec->name)), codec);
    }
    assert_null(bx_codec_named(bx_str("yaml")));
    assert_null(bx_codec_ops(0));
    assert_null(bx_codec_ops(BX__CODECS));
}

/* ---- memory that runs out ---- */

static void count(void *ctx, const void *obj)
{
    (void)obj;
    ++*(uint32_t *)ctx;
}

static void use_all(void *ctx)
{
    const struct golden_sample *s = ctx;
    struct bx_items items = items_of(s, 3, true);

    for (enum bx_codec c = BX_CODEC_FLAT; c < BX__CODECS; c++) {
        _Alignas(16) uint8_t object[OBJECT_MAX];
        struct bx_decoder d = {.pack = NULL};
        struct bx_buf b = {0};
        uint32_t n = 0;
        struct bx_taker taker = {object, NULL, count, &n};
        int rc = bx_hybrid_write(1u << c, BX_USE_REPLY, BX_KIND_VM, s->schema, &items, &b, NULL);

        assert_true(rc == BX_NO_MEMORY ? b.len == 0 : rc == BX_OK);
        if (rc == BX_OK)
            rc = bx_hybrid_read(&d, BX_USE_OTHER, BX_KIND_VM, s->schema, b.data, b.len, &taker,
                                NULL);
        assert_true(rc == BX_NO_MEMORY || n == 3);
        bx_decoder_close(&d);
        bx_buf_release(&b);
    }
    bx_buf_thread_close();
}

TEST(failing_allocations_leave_nothing)
{
    size_t n;
    struct golden_sample *sample = (struct golden_sample *)(uintptr_t)(golden_samples(&n) + 1);

    bx_buf_thread_close(); /* what earlier tests left there would be counted */
    assert_true(test_fail_each_allocation(use_all, sample) > 0);
}

/* ---- threads ---- */

#define THREADS 8
#define ROUNDS 400u

static void *work(void *ctx)
{
    uint64_t seed = (uintptr_t)ctx;
    size_t n;
    const struct golden_sample *s = golden_samples(&n);
    uintptr_t wrong = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        const struct golden_sample *one = &s[test_random(&seed) % n];
        enum bx_codec c = BX_CODEC_FLAT + (unsigned)(test_random(&seed) % 4);
        uint32_t items = (uint32_t)(test_random(&seed) % 20) + (c == BX_CODEC_LZ ? 20 : 0);

        if (fits(one, c))
            wrong += round_trip(one, c, items, true);
    }
    bx_buf_thread_close();
    return (void *)wrong;
}

/* Nothing is shared but const tables: threads need no lock, and disturb nobody. */
TEST(many_threads_at_once)
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
}

/* ---- soak ---- */

/* What is encoded again and again takes no more memory than at first: BLIXARD_SOAK times 400
 * objects and lists; some 300,000 of that take an hour. */
TEST(nothing_grows)
{
    const char *soak = getenv("BLIXARD_SOAK");
    uint64_t rounds = soak == NULL ? 5 : strtoull(soak, NULL, 10);
    struct bx_alloc_stats before, after;

    work((void *)(uintptr_t)77);
    bx_alloc_stats(&before);
    for (uint64_t i = 0; i < rounds; i++)
        assert_null(work((void *)(uintptr_t)(i + 100)));
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

int main(void)
{
    size_t n;

    golden_samples(&n); /* before there are threads */
    return test_run(NULL, NULL);
}
