/* promtext - a registry of metrics as text that Prometheus reads (format 0.0.4).
 *
 * Each metric has one HELP and one TYPE line, followed by its samples. Numbers are exact: a counter
 * of nanoseconds is written as seconds with nine digits after the point, without floating point.
 * The size depends on the registry alone and never on what is counted: names of VMs, tenants and
 * nodes are no labels. Called on the loop's thread, as all that reads the registry. */
#ifndef BX_PROMTEXT_H
#define BX_PROMTEXT_H

#include "diag/metric.h"
#include "mem/buf.h"

#define BX_PROMTEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Append the text. BX_OK or BX_NO_MEMORY, after which out must be released. */
int bx_promtext(const struct bx_metrics *m, struct bx_buf *out);
/* Append value / per as a decimal number; per is a power of ten. out->failed tells of a lack
 * of memory. */
void bx_promtext_number(struct bx_buf *out, uint64_t value, uint32_t per);

#endif
