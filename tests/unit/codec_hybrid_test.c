/* codec and hybrid: every sample in every form, alone and as a list; what is refused; and many
 * threads at once. */
#include "codec_hybrid_help.h"

#include "codec/flat.h"
#include "mem/alloc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_MAX 4096

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
