/* sched_score - what would stay free on each node of a run of nodes, computed side by side. */
#ifndef BX_SCHED_SCORE_H
#define BX_SCHED_SCORE_H

#include "state/sched.h"

#define BX_SCORE_MAX 1000000 /* scores are compared in millionths */

/* What multiplying by stands in for dividing by a node's total: 10^6 * 2^32 / total, or 0 for a
 * total that is none or above 2^32 - 1. */
uint64_t bx_sched_inverse(int64_t total);

/* rest[k], for the n nodes from `from` on: the smallest part of a resource that stays free when the
 * VM is there, in millionths, or -1 where a resource that is asked for is short. Neither state nor
 * pinning is looked at. */
void bx_sched_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    uint32_t from, uint32_t n, int32_t *rest);

#endif
