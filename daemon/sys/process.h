/* process - what the kernel counts for this process, and which build it is, as metrics. */
#ifndef PROCESS_H
#define PROCESS_H

#include "diag/metric.h"

struct process_stats {
    uint64_t resident_bytes; /* of physical memory, beside what the heap says is live */
    uint64_t cpu_ms;         /* of all threads, user and system */
    uint64_t open_files, max_files;
};
extern const struct bx_metric_set process_metrics;
/* Members that the kernel does not tell are 0. */
void process_stats(struct process_stats *out);

struct build_stats {
    uint32_t info; /* 1 */
};
extern const struct bx_metric_set build_metrics; /* by "version" */

#endif
