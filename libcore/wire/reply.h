/* reply - replies common to all methods: errors, and the notifications before a stale answer and
 * before a page of a list.
 *
 * The replies of a noun are in wire/NOUN.h. One table of fields defines the MessagePack, JSON and
 * flat forms of each. Strings and lists point into the data that the reply was made from. Fields
 * are never renamed or moved; a new one is appended, as with `since` and `omit`. */
#ifndef BX_REPLY_H
#define BX_REPLY_H

#include "codec/schema.h"

struct bx_error_reply {
    int64_t code; /* exit code of the command line tool */
    struct bx_str name, message, hint;
    bool retryable;
    struct bx_str leader; /* name; empty: none is known */
};
extern const struct bx_schema bx_error_reply_schema;

struct bx_stale_reply { /* the notification before an answer from local state */
    uint64_t age_ms, applied_index;
};
extern const struct bx_schema bx_stale_reply_schema;

struct bx_page_reply {   /* the notification before a page that is not the last one */
    uint64_t id;         /* of the request */
    struct bx_str after; /* the parameter of the next page; of events, `since` */
};
extern const struct bx_schema bx_page_reply_schema;

#endif
