#include "diag/memory.h"

#include "codec/hybrid.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem/fifo.h"
#include "mem/intern.h"
#include "mem/pool.h"
#include "mem/rc.h"
#include "mem/slab.h"

/* ---- pool: by hand, as two members are in a struct of their own ---- */

static const struct bx_field pool_fields[] = {
    BX_FIELD(bx_pool_stats, available, BX_T_U32),
    BX_FIELD(bx_pool_stats, in_use, BX_T_U32),
    BX_FIELD(bx_pool_stats, high_water, BX_T_U32),
    BX_FIELD(bx_pool_stats, created, BX_T_U64),
    BX_FIELD(bx_pool_stats, hits, BX_T_U64),
    BX_FIELD(bx_pool_stats, misses, BX_T_U64),
    {.name = "max", .type = BX_T_U32, .offset = offsetof(struct bx_pool_stats, size.max)},
    {.name = "min", .type = BX_T_U32, .offset = offsetof(struct bx_pool_stats, size.min)},
    BX_FIELD(bx_pool_stats, object_bytes, BX_T_U64),
};
static const struct bx_metric pool_rows[] = {
    {"blixard_pool_available", NULL, BX_GAUGE, "objects kept for reuse"},
    {"blixard_pool_in_use", NULL, BX_GAUGE, "objects in use"},
    {"blixard_pool_high_water", NULL, BX_GAUGE, "maximum of objects in use"},
    {"blixard_pool_created_total", NULL, BX_COUNTER, "objects created"},
    {"blixard_pool_hits_total", NULL, BX_COUNTER, "acquired from the objects kept for reuse"},
    {"blixard_pool_misses_total", NULL, BX_COUNTER,
     "acquired from the heap, because none was kept"},
    {"blixard_pool_max", NULL, BX_GAUGE, "bound on the objects kept"},
    {"blixard_pool_min", NULL, BX_GAUGE, "objects allocated ahead"},
    {"blixard_pool_object_bytes", "bytes", BX_GAUGE, "size of one object"},
};
BX_METRIC_EACH(pool_fields, pool_rows);
static const struct bx_schema pool_schema = BX_SCHEMA("pool", 0, bx_pool_stats, pool_fields);
const struct bx_metric_set bx_pool_metrics = {&pool_schema, pool_rows, "pool"};

/* ---- buffer ---- */

#define BUF(X, at)                                                                                 \
    X(at, COUNT, hits, "blocks taken from the kept ones")                                          \
    X(at, COUNT, misses, "blocks taken from the heap, because none was kept")                      \
    X(at, COUNT, direct, "blocks above 64 KiB, which are never kept")                              \
    X(at, COUNT, returned, "blocks released by another thread than the one that took them")        \
    X(at, BYTES, kept_bytes, "bytes kept by the loop's thread")
BX_METRIC_SET(bx_buf_metrics, "buffer", bx_buf_stats, BUF, NULL);

/* ---- buffer class ---- */

#define BUF_CLASS(X, at)                                                                           \
    X(at, LEVEL, available, "blocks that the loop's thread keeps")                                 \
    X(at, LEVEL, in_use, "blocks in use")                                                          \
    X(at, LEVEL, high_water, "sum of the maximum of blocks in use of each thread")                 \
    X(at, COUNT, created, "blocks created")                                                        \
    X(at, COUNT, hits, "blocks taken from the kept ones")                                          \
    X(at, COUNT, misses, "blocks taken from the heap, because none was kept")                      \
    X(at, LEVEL, max, "bound on the blocks that the loop's thread keeps")
BX_METRIC_SET(bx_buf_class_metrics, "buffer_class", bx_buf_class_stats, BUF_CLASS, "class");

/* ---- heap ---- */

#define ALLOC(X, at)                                                                               \
    X(at, COUNT, allocations, "blocks allocated")                                                  \
    X(at, COUNT, frees, "blocks freed")                                                            \
    X(at, COUNT, failures, "allocations that failed")                                              \
    X(at, LEVEL, live, "blocks in use")                                                            \
    X(at, BYTES, live_bytes, "their size")                                                         \
    X(at, BYTES, peak_bytes, "maximum of bytes in use")
BX_METRIC_SET(bx_alloc_metrics, "heap", bx_alloc_stats, ALLOC, NULL);

/* ---- intern ---- */

#define INTERN(X, at)                                                                              \
    X(at, LEVEL, live, "strings in the table")                                                     \
    X(at, BYTES, live_bytes, "bytes of the strings in the table")                                  \
    X(at, LEVEL, high_water, "maximum of strings")                                                 \
    X(at, COUNT, hits, "look-ups of a string in the table")                                        \
    X(at, COUNT, misses, "strings added")                                                          \
    X(at, COUNT, refused, "strings refused because the table was full")                            \
    X(at, LEVEL, copies, "private copies in use, made because the table was full")                 \
    X(at, LEVEL, max_strings, "bound on the strings")                                              \
    X(at, BYTES, max_bytes, "bound on the bytes of strings")                                       \
    X(at, LEVEL, kept, "strings that are never released")
BX_METRIC_SET(bx_intern_metrics, "intern", bx_intern_stats, INTERN, NULL);

/* ---- slab ---- */

#define SLAB(X, at)                                                                                \
    X(at, LEVEL, live, "blocks in use")                                                            \
    X(at, BYTES, live_bytes, "bytes in use, as requested")                                         \
    X(at, LEVEL, slabs, "slabs allocated")                                                         \
    X(at, BYTES, slab_bytes, "their size")
BX_METRIC_SET(bx_slab_metrics, "slab", bx_slab_stats, SLAB, "slab");

/* ---- shared ---- */

#define RC(X, at)                                                                                  \
    X(at, LEVEL, values, "live values")                                                            \
    X(at, LEVEL, refs, "references to them")                                                       \
    X(at, LEVEL, high_water, "maximum of live values")                                             \
    X(at, COUNT, hits, "look-ups that found a value")                                              \
    X(at, COUNT, misses, "values created")                                                         \
    X(at, COUNT, apart, "values created beyond the bound, which are not shared")                   \
    X(at, LEVEL, max, "bound on the values that can be found")
BX_METRIC_SET(bx_rc_metrics, "shared", bx_rc_stats, RC, "cache");

/* ---- fifo ---- */

#define FIFO(X, at)                                                                                \
    X(at, LEVEL, live, "blocks in use")                                                            \
    X(at, LEVEL, in_use, "chunks with blocks in use")                                              \
    X(at, LEVEL, available, "chunks kept for reuse")                                               \
    X(at, LEVEL, high_water, "maximum of chunks in use")                                           \
    X(at, COUNT, created, "chunks made")                                                           \
    X(at, COUNT, hits, "chunks reused")                                                            \
    X(at, COUNT, misses, "chunks taken from the heap, because none was kept")                      \
    X(at, LEVEL, max, "bound on the chunks kept")                                                  \
    X(at, BYTES, chunk_bytes, "size of one chunk")
BX_METRIC_SET(bx_fifo_metrics, "fifo", bx_fifo_stats, FIFO, "cache");

/* ---- codec ---- */

/* By codec, and by what it is used for. */
#define CODEC(X, at)                                                                               \
    X(at, COUNT, encoded, "objects and lists encoded")                                             \
    X(at, COUNT, decoded, "objects and lists decoded")                                             \
    X(at, COUNT, failed, "objects and lists that failed to encode or decode")                      \
    X(at, COUNT, fallbacks, "fallbacks to another codec")                                          \
    X(at, BYTES_TOTAL, bytes, "bytes encoded and decoded")                                         \
    X(at, NS_TOTAL, encode, "time of the timed encoding calls")                                    \
    X(at, NS_TOTAL, decode, "time of the timed decoding calls")                                    \
    X(at, BYTES_TOTAL, plain_bytes, "bytes before compression and after decompression")            \
    X(at, COUNT, encodes_timed, "timed encoding calls")                                            \
    X(at, COUNT, decodes_timed, "timed decoding calls")
BX_METRIC_SET(bx_codec_metrics, "codec", bx_codec_stats, CODEC, "codec");
BX_METRIC_SET(bx_codec_use_metrics, "codec_use", bx_codec_stats, CODEC, "use");

/* ---- sources that exist once per process ---- */

static void read_alloc(const void *ctx, void *out)
{
    (void)ctx;
    bx_alloc_stats(out);
}

static void read_buf(const void *ctx, void *out)
{
    (void)ctx;
    bx_buf_stats(out);
}

static void read_class(const void *ctx, void *out)
{
    bx_buf_class_stats((uint32_t)((const char *const *)ctx - bx_buf_class_names), out);
}

/* The context of a source: its index here. */
static const char codec_places[BX__CODECS], use_places[BX__CODEC_USES];

static void read_codec(const void *ctx, void *out)
{
    bx_codec_stats_of((enum bx_codec)((const char *)ctx - codec_places), out);
}

static void read_codec_use(const void *ctx, void *out)
{
    bx_codec_stats_of_use((enum bx_codec_use)((const char *)ctx - use_places), out);
}

static int add_codecs(struct bx_metrics *m)
{
    struct bx_metric_source codec = {.set = &bx_codec_metrics, .read = read_codec};
    struct bx_metric_source use = {.set = &bx_codec_use_metrics, .read = read_codec_use};
    int rc = BX_OK;

    for (unsigned i = 1; rc == BX_OK && i < BX__CODECS; i++) {
        codec.value = bx_codec_ops(i)->name;
        codec.ctx = &codec_places[i];
        rc = bx_metrics_add(m, &codec);
    }
    for (unsigned i = 0; rc == BX_OK && i < BX__CODEC_USES; i++) {
        use.value = bx_codec_use_names[i];
        use.ctx = &use_places[i];
        rc = bx_metrics_add(m, &use);
    }
    return rc;
}

int bx_memory_metrics(struct bx_metrics *m)
{
    int rc =
        bx_metrics_add(m, &(struct bx_metric_source){.set = &bx_alloc_metrics, .read = read_alloc});

    if (rc == BX_OK)
        rc =
            bx_metrics_add(m, &(struct bx_metric_source){.set = &bx_buf_metrics, .read = read_buf});
    for (uint32_t i = 0; rc == BX_OK && i < BX_BUF_CLASSES; i++) {
        const char *const *name = &bx_buf_class_names[i];

        rc = bx_metrics_add(
            m, &(struct bx_metric_source){
                   .set = &bx_buf_class_metrics, .value = *name, .read = read_class, .ctx = name});
    }
    return rc == BX_OK ? add_codecs(m) : rc;
}
