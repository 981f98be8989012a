#include "codec/count.h"

const char *const bx_codec_use_names[BX__CODEC_USES] = {
    [BX_USE_ENTRY] = "entry",       [BX_USE_FRAME] = "frame",     [BX_USE_ROW] = "row",
    [BX_USE_SNAPSHOT] = "snapshot", [BX_USE_REQUEST] = "request", [BX_USE_REPLY] = "reply",
    [BX_USE_OTHER] = "other",
};

static uint64_t (*clock_ns)(void);
static _Thread_local struct bx_codec_counts counts;

void bx_codec_set_clock(uint64_t (*now_ns)(void))
{
    clock_ns = now_ns;
}

const struct bx_codec_counts *bx_codec_counts(void)
{
    return &counts;
}

void bx_codec_counts_take(struct bx_codec_counts *out)
{
    *out = counts;
    memset(&counts, 0, sizeof counts);
}

/* Both structs are counters, and nothing else. */
_Static_assert(sizeof(struct bx_codec_counts) % sizeof(uint64_t) == 0, "whole counters");

void bx_codec_counts_add(const struct bx_codec_counts *more)
{
    const uint64_t *from = (const uint64_t *)more;
    uint64_t *to = (uint64_t *)&counts;

    for (size_t i = 0; i < sizeof counts / sizeof *to; i++)
        to[i] += from[i];
}

static struct bx_codec_call begin(enum bx_codec codec, enum bx_codec_use use, uint64_t done)
{
    bool timed = done % BX_CODEC_TIMED == 0 && clock_ns != NULL;

    return (struct bx_codec_call){codec, use, timed ? clock_ns() : 0};
}

struct bx_codec_call bx_codec_encoding(enum bx_codec codec, enum bx_codec_use use)
{
    return begin(codec, use, counts.uses[use].encoded);
}

struct bx_codec_call bx_codec_decoding(enum bx_codec codec, enum bx_codec_use use)
{
    return begin(codec, use, counts.uses[use].decoded);
}

static void add_encoded(struct bx_codec_stats *s, size_t n, size_t plain, uint64_t ns)
{
    s->encoded++;
    s->bytes += n;
    s->plain_bytes += plain;
    s->encode_ns += ns;
    s->encodes_timed += ns > 0;
}

static void add_decoded(struct bx_codec_stats *s, size_t n, size_t plain, uint64_t ns)
{
    s->decoded++;
    s->bytes += n;
    s->plain_bytes += plain;
    s->decode_ns += ns;
    s->decodes_timed += ns > 0;
}

/* At least 1, so that a call that was timed is known by it. */
static uint64_t spent(const struct bx_codec_call *c)
{
    uint64_t ns = c->start == 0 ? 0 : clock_ns() - c->start;

    return c->start != 0 && ns == 0 ? 1 : ns;
}

void bx_codec_encoded(const struct bx_codec_call *c, size_t n, size_t plain)
{
    uint64_t ns = spent(c);

    add_encoded(&counts.codecs[c->codec], n, plain, ns);
    add_encoded(&counts.uses[c->use], n, plain, ns);
}

void bx_codec_decoded(const struct bx_codec_call *c, size_t n, size_t plain)
{
    uint64_t ns = spent(c);

    add_decoded(&counts.codecs[c->codec], n, plain, ns);
    add_decoded(&counts.uses[c->use], n, plain, ns);
}

void bx_codec_failed(const struct bx_codec_call *c)
{
    counts.codecs[c->codec].failed++;
    counts.uses[c->use].failed++;
}

void bx_codec_fell_back(enum bx_codec codec, enum bx_codec_use use)
{
    counts.codecs[codec].fallbacks++;
    counts.uses[use].fallbacks++;
}
