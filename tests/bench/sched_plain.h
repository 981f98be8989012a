/* sched_plain - the decision of libcore's sched, one node after the other, dividing integers.
 *
 * The reference that the vectorised one is measured against, and must agree with bit for bit. */
#ifndef BENCH_SCHED_PLAIN_H
#define BENCH_SCHED_PLAIN_H

#include "state/sched.h"

int sched_plain_decide(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       struct bx_candidates *candidates, struct bx_decision *out);
/* The same as bx_sched_score. */
void sched_plain_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       uint32_t from, uint32_t n, int32_t *rest);

#endif
