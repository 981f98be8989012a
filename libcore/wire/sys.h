/* sys - what a client and the daemon tell each other of themselves: who they are, and that an
 * answer has arrived. */
#ifndef BX_WIRE_SYS_H
#define BX_WIRE_SYS_H

#include "wire/params.h"

/* ---- commands ---- */

#define BX_SESSION_ENDS_MAX 1024u /* in one command */

struct bx_session_end {
    uint8_t session[16];
    uint64_t principal_hash; /* of its owner */
};
struct bx_cmd_session_end {  /* nobody will repeat a request of these sessions */
    struct bx_list sessions; /* of struct bx_session_end */
};

/* ---- parameters and replies ---- */

struct bx_hello_params {
    struct bx_common common;
    uint64_t version;
    struct bx_strs codecs;
    struct bx_str token; /* of a user; empty: none */
};

struct bx_hello_reply {
    uint64_t version; /* BX_RPC_VERSION */
    struct bx_str server, name;
    uint64_t node; /* 0: this host does not belong to a cluster */
    struct bx_str driver, accel;
    bool initialized;
    struct bx_strs codecs; /* supported for lists */
};
extern const struct bx_schema bx_hello_reply_schema;

struct bx_done_reply {
    bool released; /* false: the outcomes are kept for their hour */
};
extern const struct bx_schema bx_done_reply_schema;

#endif
