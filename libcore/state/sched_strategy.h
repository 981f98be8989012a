/* sched_strategy - the strategies of placement, one row each: which nodes are considered, and how
 * those that fit are ranked. For sched alone. */
#ifndef BX_SCHED_STRATEGY_H
#define BX_SCHED_STRATEGY_H

#include "state/sched.h"

struct bx_sched_strategy {
    bool pinned; /* filter: only the node that the request names is considered */
    /* score[k], for the n nodes from `from` on: 0 to BX_SCORE_MAX (sched_score.h), the highest
     * wins; negative exactly where a resource that is asked for is short. Pure, and integers alone:
     * every replica computes the same. Called with up to some hundred nodes at a time; neither
     * state nor pinning is to be looked at. */
    void (*score)(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  uint32_t from, uint32_t n, int32_t *score);
};

/* strategy: enum bx_strategy. */
const struct bx_sched_strategy *bx_sched_strategy(uint8_t strategy);

#endif
