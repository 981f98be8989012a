/* sched_score - computes what would stay free on each of a range of nodes, several at a time. */
#ifndef BX_SCHED_SCORE_H
#define BX_SCHED_SCORE_H

#include "state/sched.h"

#define BX_SCORE_MAX 1000000 /* scores are compared in millionths */

/* The factor that replaces division by a node's total: 10^6 * 2^32 / total, or 0 for a total that
 * is not positive or above 2^32 - 1. */
uint64_t bx_sched_inverse(int64_t total);

/* rest[k], for the n nodes starting at `from`: the smallest fraction of a resource that stays free
 * with the VM placed there, in millionths, or -1 if a requested resource is insufficient. Ignores
 * node state and pinning. */
void bx_sched_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    uint32_t from, uint32_t n, int32_t *rest);

#endif
