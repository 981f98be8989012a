/* crumb - breadcrumbs: what led to an event, the newest ones of a scope.
 *
 * A list has at most `max` of them and drops the oldest; many added at once drop as many in one
 * step. Times, levels and lengths lie in a ring, the texts in one buffer. As with a bag (bag.h), a
 * list is shared by reference, copied when it is written, and comes from a store of its thread. Not
 * thread-safe. */
#ifndef BX_CRUMB_H
#define BX_CRUMB_H

#include "codec/schema.h"
#include "diag/weight.h"
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
    bool fixed; /* category and message live for ever: they are not copied */
};

struct bx_crumb_slot {
    uint64_t time_ns;
    const char *category, *message; /* NULL: in text */
    uint32_t at; /* in text: category, message, then lengths and bytes of each pair */
    uint16_t category_n, message_n;
    uint8_t level, n;
};

struct bx_crumbs {
    uint32_t refs, cap, first, n; /* cap: a power of two */
    struct bx_crumb_slot *slots;
    struct bx_buf text;
    size_t weighed; /* bytes that the store's weight has of it */
};

struct bx_crumb_store {
    struct bx_pool_stats stats; /* of lists; hits: taken from those kept */
    uint32_t max;               /* crumbs of a list */
    uint64_t added, evicted, cut;
    struct bx_weight weight; /* of all its lists, kept ones included */
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

static inline struct bx_crumb_slot *bx_crumbs_slot(const struct bx_crumbs *c, uint32_t i)
{
    return &c->slots[(c->first + i) & (c->cap - 1)];
}

/* Whether the list is the caller's alone and has room for one more with that much text; the oldest
 * one goes if it must. */
static inline bool bx_crumbs_make_room(struct bx_crumb_store *s, struct bx_crumbs *c, size_t text)
{
    if (c == NULL || c->refs != 1 || text > c->text.cap - c->text.len)
        return false;
    if (c->n == s->max) {
        c->first = (c->first + 1) & (c->cap - 1);
        c->n--;
        s->evicted++;
    }
    return c->n < c->cap;
}

/* The usual cases, without the struct: one whose texts live for ever, one whose texts are copied.
 * False, with nothing done, unless there is room. */
static inline bool bx_crumbs_note(struct bx_crumb_store *s, struct bx_crumbs *c, uint64_t time_ns,
                                  enum bx_severity level, struct bx_str category,
                                  struct bx_str message)
{
    struct bx_crumb_slot *to;

    if (!bx_crumbs_make_room(s, c, 0))
        return false;
    to = bx_crumbs_slot(c, c->n++);
    to->time_ns = time_ns;
    to->category = category.p;
    to->message = message.p;
    to->at = (uint32_t)c->text.len;
    to->category_n = (uint16_t)category.n;
    to->message_n = (uint16_t)message.n;
    to->level = (uint8_t)level;
    to->n = 0;
    s->added++;
    return true;
}
bool bx_crumbs_copy(struct bx_crumb_store *s, struct bx_crumbs *c, uint64_t time_ns,
                    enum bx_severity level, struct bx_str category, struct bx_str message);

static inline uint32_t bx_crumbs_n(const struct bx_crumbs *c)
{
    return c == NULL ? 0 : c->n;
}
/* Number i, from the oldest; its data is written to pairs. */
struct bx_crumb bx_crumbs_get(const struct bx_crumbs *c, uint32_t i,
                              struct bx_pair pairs[BX_CRUMB_PAIRS]);

#endif
