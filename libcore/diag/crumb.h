/* crumb - breadcrumbs: what led to an event, the newest ones of a scope.
 *
 * A list has at most `max` of them and drops the oldest; many added at once drop as many in one
 * step. Times, levels and lengths lie in a ring, the texts in one buffer. As with a bag (bag.h), a
 * list is shared by reference, copied when it is written, and comes from a store of its thread. Not
 * thread-safe. */
#ifndef BX_CRUMB_H
#define BX_CRUMB_H

#include "codec/schema.h"
#include "mem/buf.h"
#include "mem/pool.h"

#define BX_CRUMBS 100u        /* the most in a list, unless told otherwise */
#define BX_CRUMBS_INITIAL 16u /* crumbs without growing */
#define BX_CRUMBS_KEPT 128u   /* a list that has room for more is freed, not kept */
#define BX_CRUMBS_POOLED 8u   /* lists that a store keeps, unless told otherwise */
#define BX_CRUMBS_BOUND 4096u /* the most that `max` can be */
#define BX_CRUMB_TEXT 1024u   /* bytes of a text; what is longer is cut */
#define BX_CRUMB_PAIRS 8u     /* of data; more are left out and counted */

/* In the order of severity, as the envelope format names them. */
enum bx_severity {
    BX_SEVERITY_DEBUG,
    BX_SEVERITY_INFO,
    BX_SEVERITY_WARNING,
    BX_SEVERITY_ERROR,
    BX_SEVERITY_FATAL,
    BX__SEVERITIES
};
extern const struct bx_str bx_severities[BX__SEVERITIES];

/* One on its way into a list, or out of it; texts are views. */
struct bx_crumb {
    uint64_t time_ns; /* since 1970 */
    enum bx_severity level;
    struct bx_str category, message; /* "api", "proposed" */
    const struct bx_pair *data;
    uint32_t n;
};

struct bx_crumb_slot {
    uint64_t time_ns;
    uint32_t at; /* in text: category, message, then lengths and bytes of each pair */
    uint16_t category_n, message_n, size;
    uint8_t level, n;
};

struct bx_crumbs {
    uint32_t refs, cap, first, n; /* cap: a power of two */
    struct bx_crumb_slot *slots;
    struct bx_buf text;
};

struct bx_crumb_store {
    struct bx_pool_stats stats; /* of lists; hits: taken from those kept */
    uint32_t max;               /* crumbs of a list */
    uint64_t added, evicted, cut;
    struct bx_crumbs **free;
};

/* max 0: BX_CRUMBS; kept 0: BX_CRUMBS_POOLED. BX_OK, BX_NO_MEMORY. */
int bx_crumb_store_init(struct bx_crumb_store *s, uint32_t max, uint32_t kept);
void bx_crumb_store_close(struct bx_crumb_store *s);

struct bx_crumbs *bx_crumbs_ref(struct bx_crumbs *c);
/* NULL is allowed. */
void bx_crumbs_give(struct bx_crumb_store *s, struct bx_crumbs *c);
/* Add n of them, the oldest first; *c, which may be NULL, is replaced by a copy first if others
 * hold it. BX_OK; BX_NO_MEMORY: none was added. */
int bx_crumbs_add(struct bx_crumb_store *s, struct bx_crumbs **c, const struct bx_crumb *crumbs,
                  uint32_t n);

static inline uint32_t bx_crumbs_n(const struct bx_crumbs *c)
{
    return c == NULL ? 0 : c->n;
}
/* Number i, from the oldest; its data is written to pairs. */
struct bx_crumb bx_crumbs_get(const struct bx_crumbs *c, uint32_t i,
                              struct bx_pair pairs[BX_CRUMB_PAIRS]);

#endif
