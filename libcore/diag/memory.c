#include "diag/memory.h"

#include "codec/hybrid.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem/fifo.h"
#include "mem/intern.h"
#include "mem/pool.h"
#include "mem/rc.h"
#include "mem/slab.h"

#define SET(nam, strukt, fields, rows, lab)                                                        \
    {                                                                                              \
        .schema = &(const struct bx_schema)BX_SCHEMA(nam, 0, strukt, fields), .metrics = (rows),   \
        .label = (lab)                                                                             \
    }

/* ---- pool ---- */

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
const struct bx_metric_set bx_pool_metrics =
    SET("pool", bx_pool_stats, pool_fields, pool_rows, "pool");

/* ---- buffer ---- */

static const struct bx_field buf_fields[] = {
    BX_FIELD(bx_buf_stats, hits, BX_T_U64),       BX_FIELD(bx_buf_stats, misses, BX_T_U64),
    BX_FIELD(bx_buf_stats, direct, BX_T_U64),     BX_FIELD(bx_buf_stats, returned, BX_T_U64),
    BX_FIELD(bx_buf_stats, kept_bytes, BX_T_U64),
};
static const struct bx_metric buf_rows[] = {
    {"blixard_buffer_hits_total", NULL, BX_COUNTER, "blocks taken from the kept ones"},
    {"blixard_buffer_misses_total", NULL, BX_COUNTER,
     "blocks taken from the heap, because none was kept"},
    {"blixard_buffer_direct_total", NULL, BX_COUNTER, "blocks above 64 KiB, which are never kept"},
    {"blixard_buffer_returned_total", NULL, BX_COUNTER,
     "blocks released by another thread than the one that took them"},
    {"blixard_buffer_kept_bytes", "bytes", BX_GAUGE, "bytes kept by the loop's thread"},
};
BX_METRIC_EACH(buf_fields, buf_rows);
const struct bx_metric_set bx_buf_metrics = SET("buffer", bx_buf_stats, buf_fields, buf_rows, NULL);

/* ---- buffer class ---- */

static const struct bx_field buf_class_fields[] = {
    BX_FIELD(bx_buf_class_stats, available, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, in_use, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, high_water, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, created, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, hits, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, misses, BX_T_U64),
    BX_FIELD(bx_buf_class_stats, max, BX_T_U64),
};
static const struct bx_metric buf_class_rows[] = {
    {"blixard_buffer_class_available", NULL, BX_GAUGE, "blocks that the loop's thread keeps"},
    {"blixard_buffer_class_in_use", NULL, BX_GAUGE, "blocks in use"},
    {"blixard_buffer_class_high_water", NULL, BX_GAUGE,
     "sum of the maximum of blocks in use of each thread"},
    {"blixard_buffer_class_created_total", NULL, BX_COUNTER, "blocks created"},
    {"blixard_buffer_class_hits_total", NULL, BX_COUNTER, "blocks taken from the kept ones"},
    {"blixard_buffer_class_misses_total", NULL, BX_COUNTER,
     "blocks taken from the heap, because none was kept"},
    {"blixard_buffer_class_max", NULL, BX_GAUGE,
     "bound on the blocks that the loop's thread keeps"},
};
BX_METRIC_EACH(buf_class_fields, buf_class_rows);
const struct bx_metric_set bx_buf_class_metrics =
    SET("buffer_class", bx_buf_class_stats, buf_class_fields, buf_class_rows, "class");

/* ---- heap ---- */

static const struct bx_field alloc_fields[] = {
    BX_FIELD(bx_alloc_stats, allocations, BX_T_U64), BX_FIELD(bx_alloc_stats, frees, BX_T_U64),
    BX_FIELD(bx_alloc_stats, failures, BX_T_U64),    BX_FIELD(bx_alloc_stats, live, BX_T_U64),
    BX_FIELD(bx_alloc_stats, live_bytes, BX_T_U64),  BX_FIELD(bx_alloc_stats, peak_bytes, BX_T_U64),
};
static const struct bx_metric alloc_rows[] = {
    {"blixard_heap_allocations_total", NULL, BX_COUNTER, "blocks allocated"},
    {"blixard_heap_frees_total", NULL, BX_COUNTER, "blocks freed"},
    {"blixard_heap_failures_total", NULL, BX_COUNTER, "allocations that failed"},
    {"blixard_heap_live", NULL, BX_GAUGE, "blocks in use"},
    {"blixard_heap_live_bytes", "bytes", BX_GAUGE, "their size"},
    {"blixard_heap_peak_bytes", "bytes", BX_GAUGE, "maximum of bytes in use"},
};
BX_METRIC_EACH(alloc_fields, alloc_rows);
const struct bx_metric_set bx_alloc_metrics =
    SET("heap", bx_alloc_stats, alloc_fields, alloc_rows, NULL);

/* ---- intern ---- */

static const struct bx_field intern_fields[] = {
    BX_FIELD(bx_intern_stats, live, BX_T_U64),
    BX_FIELD(bx_intern_stats, live_bytes, BX_T_U64),
    BX_FIELD(bx_intern_stats, high_water, BX_T_U64),
    BX_FIELD(bx_intern_stats, hits, BX_T_U64),
    BX_FIELD(bx_intern_stats, misses, BX_T_U64),
    BX_FIELD(bx_intern_stats, refused, BX_T_U64),
    BX_FIELD(bx_intern_stats, copies, BX_T_U64),
    BX_FIELD(bx_intern_stats, max_strings, BX_T_U64),
    BX_FIELD(bx_intern_stats, max_bytes, BX_T_U64),
    BX_FIELD(bx_intern_stats, kept, BX_T_U64),
};
static const struct bx_metric intern_rows[] = {
    {"blixard_intern_live", NULL, BX_GAUGE, "strings in the table"},
    {"blixard_intern_live_bytes", "bytes", BX_GAUGE, "bytes of the strings in the table"},
    {"blixard_intern_high_water", NULL, BX_GAUGE, "maximum of strings"},
    {"blixard_intern_hits_total", NULL, BX_COUNTER, "look-ups of a string in the table"},
    {"blixard_intern_misses_total", NULL, BX_COUNTER, "strings added"},
    {"blixard_intern_refused_total", NULL, BX_COUNTER,
     "strings refused because the table was full"},
    {"blixard_intern_copies", NULL, BX_GAUGE,
     "private copies in use, made because the table was full"},
    {"blixard_intern_max_strings", NULL, BX_GAUGE, "bound on the strings"},
    {"blixard_intern_max_bytes", "bytes", BX_GAUGE, "bound on the bytes of strings"},
    {"blixard_intern_kept", NULL, BX_GAUGE, "strings that are never released"},
};
BX_METRIC_EACH(intern_fields, intern_rows);
const struct bx_metric_set bx_intern_metrics =
    SET("intern", bx_intern_stats, intern_fields, intern_rows, NULL);

/* ---- slab ---- */

static const struct bx_field slab_fields[] = {
    BX_FIELD(bx_slab_stats, live, BX_T_U64),
    BX_FIELD(bx_slab_stats, live_bytes, BX_T_U64),
    BX_FIELD(bx_slab_stats, slabs, BX_T_U64),
    BX_FIELD(bx_slab_stats, slab_bytes, BX_T_U64),
};
static const struct bx_metric slab_rows[] = {
    {"blixard_slab_live", NULL, BX_GAUGE, "blocks in use"},
    {"blixard_slab_live_bytes", "bytes", BX_GAUGE, "bytes in use, as requested"},
    {"blixard_slab_slabs", NULL, BX_GAUGE, "slabs allocated"},
    {"blixard_slab_slab_bytes", "bytes", BX_GAUGE, "their size"},
};
BX_METRIC_EACH(slab_fields, slab_rows);
const struct bx_metric_set bx_slab_metrics =
    SET("slab", bx_slab_stats, slab_fields, slab_rows, "slab");

/* ---- shared ---- */

static const struct bx_field rc_fields[] = {
    BX_FIELD(bx_rc_stats, values, BX_T_U64),     BX_FIELD(bx_rc_stats, refs, BX_T_U64),
    BX_FIELD(bx_rc_stats, high_water, BX_T_U64), BX_FIELD(bx_rc_stats, hits, BX_T_U64),
    BX_FIELD(bx_rc_stats, misses, BX_T_U64),     BX_FIELD(bx_rc_stats, apart, BX_T_U64),
    BX_FIELD(bx_rc_stats, max, BX_T_U64),
};
static const struct bx_metric rc_rows[] = {
    {"blixard_shared_values", NULL, BX_GAUGE, "live values"},
    {"blixard_shared_refs", NULL, BX_GAUGE, "references to them"},
    {"blixard_shared_high_water", NULL, BX_GAUGE, "maximum of live values"},
    {"blixard_shared_hits_total", NULL, BX_COUNTER, "look-ups that found a value"},
    {"blixard_shared_misses_total", NULL, BX_COUNTER, "values created"},
    {"blixard_shared_apart_total", NULL, BX_COUNTER,
     "values created beyond the bound, which are not shared"},
    {"blixard_shared_max", NULL, BX_GAUGE, "bound on the values that can be found"},
};
BX_METRIC_EACH(rc_fields, rc_rows);
const struct bx_metric_set bx_rc_metrics = SET("shared", bx_rc_stats, rc_fields, rc_rows, "cache");

/* ---- fifo ---- */

static const struct bx_field fifo_fields[] = {
    BX_FIELD(bx_fifo_stats, live, BX_T_U64),        BX_FIELD(bx_fifo_stats, in_use, BX_T_U64),
    BX_FIELD(bx_fifo_stats, available, BX_T_U64),   BX_FIELD(bx_fifo_stats, high_water, BX_T_U64),
    BX_FIELD(bx_fifo_stats, created, BX_T_U64),     BX_FIELD(bx_fifo_stats, hits, BX_T_U64),
    BX_FIELD(bx_fifo_stats, misses, BX_T_U64),      BX_FIELD(bx_fifo_stats, max, BX_T_U64),
    BX_FIELD(bx_fifo_stats, chunk_bytes, BX_T_U64),
};
static const struct bx_metric fifo_rows[] = {
    {"blixard_fifo_live", NULL, BX_GAUGE, "blocks in use"},
    {"blixard_fifo_in_use", NULL, BX_GAUGE, "chunks with blocks in use"},
    {"blixard_fifo_available", NULL, BX_GAUGE, "chunks kept for reuse"},
    {"blixard_fifo_high_water", NULL, BX_GAUGE, "maximum of chunks in use"},
    {"blixard_fifo_created_total", NULL, BX_COUNTER, "chunks made"},
    {"blixard_fifo_hits_total", NULL, BX_COUNTER, "chunks reused"},
    {"blixard_fifo_misses_total", NULL, BX_COUNTER,
     "chunks taken from the heap, because none was kept"},
    {"blixard_fifo_max", NULL, BX_GAUGE, "bound on the chunks kept"},
    {"blixard_fifo_chunk_bytes", "bytes", BX_GAUGE, "size of one chunk"},
};
BX_METRIC_EACH(fifo_fields, fifo_rows);
const struct bx_metric_set bx_fifo_metrics =
    SET("fifo", bx_fifo_stats, fifo_fields, fifo_rows, "cache");

/* ---- codec ---- */

static const struct bx_field codec_fields[] = {
    BX_FIELD(bx_codec_stats, encoded, BX_T_U64),
    BX_FIELD(bx_codec_stats, decoded, BX_T_U64),
    BX_FIELD(bx_codec_stats, failed, BX_T_U64),
    BX_FIELD(bx_codec_stats, fallbacks, BX_T_U64),
    BX_FIELD(bx_codec_stats, bytes, BX_T_U64),
    BX_FIELD(bx_codec_stats, encode_ns, BX_T_U64),
    BX_FIELD(bx_codec_stats, decode_ns, BX_T_U64),
    BX_FIELD(bx_codec_stats, plain_bytes, BX_T_U64),
    BX_FIELD(bx_codec_stats, encodes_timed, BX_T_U64),
    BX_FIELD(bx_codec_stats, decodes_timed, BX_T_U64),
};

/* The same metrics by codec and by use: two sets with different names. */
#define CODEC_ROWS(set)                                                                            \
    {                                                                                              \
        {set "_encoded_total", NULL, BX_COUNTER, "objects and lists encoded"},                     \
            {set "_decoded_total", NULL, BX_COUNTER, "objects and lists decoded"},                 \
            {set "_failed_total", NULL, BX_COUNTER,                                                \
             "objects and lists that failed to encode or decode"},                                 \
            {set "_fallbacks_total", NULL, BX_COUNTER, "fallbacks to another codec"},              \
            {set "_bytes_total", "bytes", BX_COUNTER, "bytes encoded and decoded"},                \
            {set "_encode_seconds_total", "ns", BX_COUNTER, "time of the timed encoding calls"},   \
            {set "_decode_seconds_total", "ns", BX_COUNTER, "time of the timed decoding calls"},   \
            {set "_plain_bytes_total", "bytes", BX_COUNTER,                                        \
             "bytes before compression and after decompression"},                                  \
            {set "_encodes_timed_total", NULL, BX_COUNTER, "timed encoding calls"},                \
            {set "_decodes_timed_total", NULL, BX_COUNTER, "timed decoding calls"},                \
    }
static const struct bx_metric codec_rows[] = CODEC_ROWS("blixard_codec");
static const struct bx_metric codec_use_rows[] = CODEC_ROWS("blixard_codec_use");
BX_METRIC_EACH(codec_fields, codec_rows);
BX_METRIC_EACH(codec_fields, codec_use_rows);
const struct bx_metric_set bx_codec_metrics =
    SET("codec", bx_codec_stats, codec_fields, codec_rows, "codec");
const struct bx_metric_set bx_codec_use_metrics =
    SET("codec_use", bx_codec_stats, codec_fields, codec_use_rows, "use");

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
