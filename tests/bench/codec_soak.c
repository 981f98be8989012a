/* codec_soak - every sample through every codec, over and over: usage: codec_soak SECONDS [SEED].
 *
 * Each round encodes up to 300 objects of a sample and decodes them. The flat form of what comes
 * back must be that of the sample, and once everything was done at its largest the process must
 * not grow. */
#include "lib/rng.h"
#include "unit/golden.h"

#include "codec/codec.h"
#include "codec/flat.h"
#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OBJECT_MAX 1024
#define OBJECTS_MAX 300u
#define WARM_ROUNDS 2u           /* of everything at its largest, before memory is looked at */
#define GROWTH_MAX (1024 * 1024) /* bytes: what malloc may move about */

struct round {
    const struct golden_sample *sample;
    const struct bx_codec_ops *codec;
    struct bx_buf flat; /* the sample's flat form, and that of what was decoded */
    struct bx_buf back;
    uint32_t taken, wrong;
    _Alignas(16) uint8_t object[OBJECT_MAX];
};

static uint64_t resident(void)
{
    unsigned long all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%lu %lu", &all, &pages) != 2)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const void *same_each_time(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

static void flat_form(const struct bx_schema *s, const void *object, struct bx_buf *out)
{
    size_t n = bx_flat_size(s, object);

    out->len = 0;
    if (bx_buf_reserve(out, n) != BX_OK)
        abort();
    bx_flat_write(s, object, out->data);
    out->len = n;
}

static void take(void *ctx, const void *object)
{
    struct round *r = ctx;

    flat_form(r->sample->schema, object, &r->back);
    r->wrong += r->back.len != r->flat.len || memcmp(r->back.data, r->flat.data, r->flat.len) != 0;
    r->taken++;
}

/* False: what came back is not what was encoded. */
static bool go_round(struct round *r, struct bx_decoder *d, struct bx_buf *b, uint32_t n)
{
    const struct bx_schema *s = r->sample->schema;
    struct bx_items items = {n, true, same_each_time, (void *)(uintptr_t)r->sample->object};
    struct bx_taker taker = {r->object, NULL, take, r};
    int rc;

    b->len = 0;
    r->taken = r->wrong = 0;
    memset(r->object, 0, sizeof r->object);
    flat_form(s, r->sample->object, &r->flat);
    rc = r->codec->encode(b, s, &items, NULL);
    /* LZ may make it no shorter; JSON has no number as large as the sample with all types. */
    if (rc == BX_UNSUPPORTED)
        return true;
    if (r->codec->id == BX_CODEC_JSON && strcmp(r->sample->name, "record") == 0)
        return rc == BX_OK;
    return rc == BX_OK && r->codec->decode(d, s, b->data, b->len, &taker, NULL) == BX_OK &&
           r->taken == n && r->wrong == 0;
}

struct soak {
    struct round round;
    struct bx_decoder decoder;
    struct bx_buf encoded;
    uint64_t rounds, objects, warm, most; /* warm, most: bytes resident */
    uint64_t seed;
};

/* False, and told: what came back is wrong. */
static bool go(struct soak *k, const struct golden_sample *s, unsigned codec, uint32_t n)
{
    k->round.sample = s;
    k->round.codec = bx_codec_ops(codec);
    if (k->round.codec == NULL || s->schema->size > OBJECT_MAX)
        return true;
    k->rounds++;
    k->objects += n;
    if (go_round(&k->round, &k->decoder, &k->encoded, n))
        return true;
    printf("codecs: FAILED: %u of %s as %s\n", n, s->name, k->round.codec->name);
    return false;
}

static bool warm_up(struct soak *k)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);

    for (unsigned round = 0; round < WARM_ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            for (unsigned codec = 0; codec < BX__CODECS; codec++)
                if (!go(k, &s[i], codec, OBJECTS_MAX))
                    return false;
    k->warm = k->most = resident();
    return true;
}

static bool soak(struct soak *k, double until)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);

    while (seconds() < until) {
        const struct golden_sample *one = &s[rng_below(&k->seed, n)];
        unsigned codec = (unsigned)rng_below(&k->seed, BX__CODECS);

        if (!go(k, one, codec, (uint32_t)rng_below(&k->seed, OBJECTS_MAX + 1)))
            return false;
        if (k->rounds % 256 == 0 && resident() > k->most)
            k->most = resident();
    }
    if (k->most <= k->warm + GROWTH_MAX)
        return true;
    printf("codecs: FAILED: the process grows\n");
    return false;
}

int main(int argc, char **argv)
{
    static struct soak k;
    bool good;

    if (argc < 2) {
        fprintf(stderr, "usage: codec_soak SECONDS [SEED]\n");
        return 2;
    }
    k.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    good = warm_up(&k) && soak(&k, seconds() + strtod(argv[1], NULL));
    printf("codecs: %llu rounds, %llu objects; %llu KiB resident at first, %llu at most\n",
           (unsigned long long)k.rounds, (unsigned long long)k.objects,
           (unsigned long long)k.warm / 1024, (unsigned long long)k.most / 1024);
    bx_decoder_close(&k.decoder);
    bx_buf_release(&k.encoded);
    bx_buf_release(&k.round.flat);
    bx_buf_release(&k.round.back);
    return good ? 0 : 1;
}
