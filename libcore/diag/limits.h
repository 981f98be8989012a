/* limits - what a service accepts at the moment, by category of data, from the headers of its
 * answers.
 *
 *     X-Sentry-Rate-Limits: 60:error;transaction:key, 2700::organization
 *     Retry-After: 120
 *
 * Each limit is seconds, categories (none: all of them), and words that do not matter here. */
#ifndef BX_LIMITS_H
#define BX_LIMITS_H

#include "diag/envelope.h"

/* X(NAME, name): in the order of the names that client reports use. INTERNAL is never limited. */
#define BX_CATEGORIES(X)                                                                           \
    X(DEFAULT, "default")                                                                          \
    X(ERROR, "error")                                                                              \
    X(TRANSACTION, "transaction")                                                                  \
    X(MONITOR, "monitor")                                                                          \
    X(SESSION, "session")                                                                          \
    X(ATTACHMENT, "attachment")                                                                    \
    X(LOG_ITEM, "log_item")                                                                        \
    X(INTERNAL, "internal")
#define X(id, text) BX_CATEGORY_##id,
enum bx_category { BX_CATEGORIES(X) BX__CATEGORIES };
#undef X
extern const struct bx_str bx_category_names[BX__CATEGORIES];
enum bx_category bx_category_of(enum bx_item_type type);

#define BX_LIMITS_DEFAULT_S 60u      /* of a refusal that does not say how long */
#define BX_LIMITS_MAX_S (24u * 3600) /* what is longer is taken for this */

struct bx_limits {
    uint64_t until_s[BX__CATEGORIES]; /* wall time; 0: never limited */
};

/* The value of X-Sentry-Rate-Limits. What it has no form for is skipped. */
void bx_limits_read(struct bx_limits *l, struct bx_str value, uint64_t now_s);
/* The value of Retry-After: seconds, or a date, for all categories; anything else counts as
 * BX_LIMITS_DEFAULT_S. */
void bx_limits_retry_after(struct bx_limits *l, struct bx_str value, uint64_t now_s);
/* Seconds until such data may be sent; 0: now. */
uint64_t bx_limits_wait(const struct bx_limits *l, enum bx_category c, uint64_t now_s);

#endif
