/* reply - what the API answers to any method: an error, and the notification before a stale answer.
 *
 * The replies of a noun stand in wire/NOUN.h. Each is described once: the table is its MessagePack
 * form, its JSON and its flat form. Texts and lists are views of what the answer was made from. A
 * key may be added at the end, as `later` and `omit`; none is renamed or moved. */
#ifndef BX_REPLY_H
#define BX_REPLY_H

#include "codec/schema.h"

struct bx_error_reply {
    int64_t code; /* exit code of the command line tool */
    struct bx_str name, message, hint;
    bool retryable;
    struct bx_str leader; /* its name; empty: none is known */
};
extern const struct bx_schema bx_error_reply_schema;

struct bx_stale_reply { /* the notification before an answer from local state */
    uint64_t age_ms, applied_index;
};
extern const struct bx_schema bx_stale_reply_schema;

#endif
