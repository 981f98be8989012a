/* diag - parameters and replies of diag.list, diag.show, diag.send and diag.delete. */
#ifndef BX_WIRE_DIAG_H
#define BX_WIRE_DIAG_H

#include "wire/params.h"

#define BX_DIAG_ITEMS 64u /* items of an envelope that are shown */
#define BX_DIAG_PAYLOAD                                                                            \
    (64u << 10) /* bytes of the payloads that are shown together                                   \
                 */

struct bx_diag_params {
    struct bx_common common;
    struct bx_str id; /* or a prefix */
};
struct bx_diag_delete_params {
    struct bx_common common;
    struct bx_str id; /* or a prefix */
    bool all;         /* in place of an id */
};

struct bx_diag_reply { /* an envelope of the spool */
    struct bx_str id, type;
    uint64_t time; /* wall time in ms */
    uint64_t bytes;
};
extern const struct bx_schema bx_diag_reply_schema;

struct bx_diag_item_reply {
    struct bx_str type, filename;
    uint64_t length, count;
    struct bx_str payload; /* its text; empty: an attachment, no text, or too long */
};
struct bx_diag_show_reply {
    struct bx_str id, type;
    uint64_t time, bytes;
    struct bx_str damage; /* empty: none was found */
    struct bx_list items; /* of struct bx_diag_item_reply */
};
extern const struct bx_schema bx_diag_show_reply_schema;

struct bx_diag_done_reply {
    uint64_t envelopes; /* deleted, or in the spool to be sent */
};
extern const struct bx_schema bx_diag_done_reply_schema;

#endif
