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

/* The structs contain only counters. */
#define COUNTERS(strukt) (sizeof(strukt) / sizeof(uint64_t))
_Static_assert(sizeof(struct bx_codec_stats) % sizeof(uint64_t) == 0, "whole counters");

static void add(void *sum, const void *more, size_t n)
{
    const uint64_t *from = more;
    uint64_t *to = sum;

    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

void bx_codec_counts_take(struct bx_codec_counts *out)
{
    *out = counts;
    memset(&counts, 0, sizeof counts);
}

void bx_codec_counts_add(const struct bx_codec_counts *more)
{
    add(&counts, more, COUNTERS(counts));
}

void bx_codec_stats_of(enum bx_codec codec, struct bx_codec_stats *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned use = 0; use < BX__CODEC_USES; use++)
        add(out, &counts.cells[use][codec], COUNTERS(*out));
}

void bx_codec_stats_of_use(enum bx_codec_use use, struct bx_codec_stats *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned codec = 0; codec < BX__CODECS; codec++)
        add(out, &counts.cells[use][codec], COUNTERS(*out));
}

/* ---- counting ---- */

static uint64_t start(uint64_t done)
{
    return done % BX_CODEC_TIMED == 0 && clock_ns != NULL ? clock_ns() : 0;
}

struct bx_codec_call bx_codec_encoding(enum bx_codec codec, enum bx_codec_use use)
{
    struct bx_codec_stats *s = &counts.cells[use][codec];

    return (struct bx_codec_call){s, start(s->encoded)};
}

struct bx_codec_call bx_codec_decoding(enum bx_codec codec, enum bx_codec_use use)
{
    struct bx_codec_stats *s = &counts.cells[use][codec];

    return (struct bx_codec_call){s, start(s->decoded)};
}

void bx_codec_encoded(struct bx_codec_call c, size_t n, size_t plain)
{
    c.stats->encoded++;
    c.stats->bytes += n;
    c.stats->plain_bytes += plain;
    if (c.start == 0)
        return;
    c.stats->encode_ns += clock_ns() - c.start;
    c.stats->encodes_timed++;
}

void bx_codec_decoded(struct bx_codec_call c, size_t n, size_t plain)
{
    c.stats->decoded++;
    c.stats->bytes += n;
    c.stats->plain_bytes += plain;
    if (c.start == 0)
        return;
    c.stats->decode_ns += clock_ns() - c.start;
    c.stats->decodes_timed++;
}

void bx_codec_failed(struct bx_codec_call c)
{
    c.stats->failed++;
}

void bx_codec_fell_back(enum bx_codec codec, enum bx_codec_use use)
{
    counts.cells[use][codec].fallbacks++;
}
