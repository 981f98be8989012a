/* log_merge - the events of several nodes in one order.
 *
 * Events of one node stay in their order. Those of several are in the order of time; or, for the
 * events of one request, in that of revisions, because the clocks of nodes differ: the revision of
 * an event is what its field of that name tells, or else what an event before it on the same node
 * told; then by time. */
#ifndef CLI_LOG_MERGE_H
#define CLI_LOG_MERGE_H

#include "codec/pack.h"

#define LOG_PAGES 64u /* more than the rings of a node hold */

/* The answers of one node: arrays of events, as log.query gives them. */
struct log_stream {
    bx_val pages[LOG_PAGES];
    uint32_t n;
    uint32_t page, at; /* of the next event */
    uint64_t revision; /* the last one that an event told */
};

/* Whether all events of the stream were taken. */
bool log_merge_is_over(struct log_stream *s);
/* Take the event that comes first; *from is its stream. NULL: there are no more. */
bx_val log_merge_next(struct log_stream *const *v, uint32_t n, bool by_revision, uint32_t *from);

#endif
