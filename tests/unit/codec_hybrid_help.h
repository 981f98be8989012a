/* codec_hybrid_help - what the tests of hybrid share: lists of one sample, and this thread's
 * counts. */
#ifndef CODEC_HYBRID_HELP_H
#define CODEC_HYBRID_HELP_H

#include "lib/testlib.h"

#include "codec/hybrid.h"
#include "unit/golden.h"

/* All but lz. */
#define ALL (1u << BX_CODEC_FLAT | 1u << BX_CODEC_MSGPACK | 1u << BX_CODEC_JSON)

/* What this thread counted since forget_counts. */
static inline struct bx_codec_stats count_of(enum bx_codec codec)
{
    struct bx_codec_stats s;

    bx_codec_stats_of(codec, &s);
    return s;
}

static inline void forget_counts(void)
{
    struct bx_codec_counts counts;

    bx_codec_counts_take(&counts);
}

static inline const void *same_each_time(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

static inline struct bx_items items_of(const struct golden_sample *s, uint32_t n, bool list)
{
    return (struct bx_items){n, list, same_each_time, (void *)(uintptr_t)s->object};
}

#endif
