#include "state/sched_strategy.h"

#include "state/sched_score.h"

#include <assert.h>

static void score_least_available(const struct bx_node_columns *nodes,
                                  const struct bx_sched_request *rq, uint32_t from, uint32_t n,
                                  int32_t *score)
{
    bx_sched_score(nodes, rq, from, n, score);
    for (uint32_t k = 0; k < n; k++)
        score[k] = score[k] < 0 ? -1 : BX_SCORE_MAX - score[k];
}

static const struct bx_sched_strategy strategies[] = {
    [BX_STRATEGY_MOST_AVAILABLE] = {.score = bx_sched_score},
    [BX_STRATEGY_LEAST_AVAILABLE] = {.score = score_least_available},
    [BX_STRATEGY_MANUAL] = {.pinned = true, .score = bx_sched_score},
};
_Static_assert(sizeof strategies / sizeof strategies[0] == BX__STRATEGIES, "a row a strategy");

const struct bx_sched_strategy *bx_sched_strategy(uint8_t strategy)
{
    assert(strategy < BX__STRATEGIES && strategies[strategy].score != NULL);
    return &strategies[strategy];
}
