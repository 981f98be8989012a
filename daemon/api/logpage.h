/* logpage - the events of one answer of log.query, in order, none of them twice.
 *
 * An event is known by its time, its thread and its number in that; or by its place in the log of
 * another node, see logfiles.c. A page is the first events behind a place, or the last ones; what
 * is offered may come in any order. */
#ifndef API_LOGPAGE_H
#define API_LOGPAGE_H

#include "wire/logquery.h"

struct logpage_key {
    uint64_t time_ns;
    uint32_t seq;
    uint16_t thread;
};

/* An event of the page. */
struct logpage_event {
    struct logpage_key key;
    struct bx_log_event_reply r;
    struct bx_arena arena; /* of its texts */
};

struct logpage {
    bool newest, more;        /* the last events, and no place; there are others behind these */
    struct logpage_key after; /* the place */
    uint32_t limit, n;        /* limit: up to BX_LOG_EVENTS_MAX */
    struct logpage_event *v[BX_LOG_EVENTS_MAX]; /* in order */
};

static inline bool logpage_is_full(const struct logpage *p)
{
    return p->n == p->limit;
}
/* Whether an event of this place is behind those of a full page. */
bool logpage_is_behind(const struct logpage *p, const struct logpage_key *k);
/* Whether an event of this place can be in the page. */
bool logpage_has_place(const struct logpage *p, const struct logpage_key *k);
/* An event that is wanted. BX_OK, BX_NO_MEMORY. */
int logpage_offer(struct logpage *p, const struct logpage_key *k, const struct bx_recevent *e,
                  struct bx_str thread);
void logpage_close(struct logpage *p);

#endif
