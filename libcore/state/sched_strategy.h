/* sched_strategy - the placement strategies, one row each: which nodes are considered, and how
 * those that fit are ranked. Only for sched. */
#ifndef BX_SCHED_STRATEGY_H
#define BX_SCHED_STRATEGY_H

#include "state/sched.h"

struct bx_sched_strategy {
    bool pinned; /* filter: only the node that the request names is considered */
    /* score[k], for the n nodes starting at `from`: 0 to BX_SCORE_MAX (sched_score.h), the highest
     * wins; negative exactly if a requested resource is insufficient. Pure integer arithmetic:
     * every replica computes the same. Called for up to a few hundred nodes at a time; must ignore
     * node state and pinning. */
    void (*score)(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  uint32_t from, uint32_t n, int32_t *score);
};

/* strategy: enum bx_strategy. */
const struct bx_sched_strategy *bx_sched_strategy(uint8_t strategy);

#endif
