/* linear - is there an order of the requests that explains every answer?
 *
 * Linearizability (Herlihy and Wing, 1990) of one VM name at a time, which is enough for all of
 * them: it is local. The search is Wing and Gong's ("Testing and verifying concurrent objects",
 * 1993) in the order of time: after each answer it keeps every (set of requests that took effect,
 * state) that can be so far, each once (Lowe, "Testing for linearizability", 2017). An answer that
 * no such pair explains is the fault.
 *
 * Four things keep it small. A request that would change nothing takes effect as soon as it can:
 * whatever order explains the history without that, another one does with it. And what happens
 * unseen to clients is no branch, but part of the state (model.h). What was never answered has
 * taken effect in time or never does: it has a deadline, after which no leader appends it, and a
 * change that was asked for after that and was acknowledged lies behind it in the log. And of two
 * pairs with the same state, one that needed fewer requests without an answer is enough. */
#ifndef LINEAR_H
#define LINEAR_H

#include "sim/history.h"

#define LINEAR_ORDERS_MAX (1u << 20) /* pairs kept at a time */
#define LINEAR_OPEN_MAX 128u         /* requests on one name that can take effect at a time */
#define LINEAR_ALIKE_MAX 8u       /* of those, alike and without an answer; more are passed over */
#define LINEAR_LAPSE_US 30000000u /* after a request was given up: well above its deadline */

enum linear_verdict { LINEAR_GOOD, LINEAR_BAD, LINEAR_TOO_WIDE };

/* Look at the ops on `name`; what one host answered alone is left out. LINEAR_BAD: *at is the first
 * op, in the order of answers, that nothing explains. LINEAR_TOO_WIDE: a bound above was met, and
 * nothing is known. */
enum linear_verdict linear_check(const struct sim_history *h, unsigned name, size_t *at);

#endif
