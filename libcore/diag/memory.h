/* memory - the metrics of the allocators in mem/ and of the codecs (diag/metric.h).
 *
 * The structs are the modules' own statistics; mem/ is a layer below the registry and does not use
 * it. */
#ifndef BX_MEMORY_H
#define BX_MEMORY_H

#include "diag/metric.h"

extern const struct bx_metric_set bx_pool_metrics;      /* struct bx_pool_stats, by "pool" */
extern const struct bx_metric_set bx_buf_metrics;       /* struct bx_buf_stats */
extern const struct bx_metric_set bx_buf_class_metrics; /* struct bx_buf_class_stats, by "class" */
extern const struct bx_metric_set bx_alloc_metrics;     /* struct bx_alloc_stats */
extern const struct bx_metric_set bx_intern_metrics;    /* struct bx_intern_stats */
extern const struct bx_metric_set bx_slab_metrics;      /* struct bx_slab_stats, by "slab" */
extern const struct bx_metric_set bx_rc_metrics;        /* struct bx_rc_stats, by "cache" */
extern const struct bx_metric_set bx_fifo_metrics;      /* struct bx_fifo_stats, by "cache" */
extern const struct bx_metric_set bx_codec_metrics;     /* struct bx_codec_stats, by "codec" */
extern const struct bx_metric_set bx_codec_use_metrics; /* the same, by "use" */

/* Register the sources that exist once per process: the heap, the buffers and their classes, and
 * the codec counts of the calling thread. Codes as for bx_metrics_add. */
int bx_memory_metrics(struct bx_metrics *m);

#endif
