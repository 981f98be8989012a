/* sys - the hello of a client and of the daemon. */
#ifndef BX_WIRE_SYS_H
#define BX_WIRE_SYS_H

#include "wire/params.h"

struct bx_hello_params {
    struct bx_common common;
    uint64_t version;
    struct bx_strs codecs;
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

#endif
