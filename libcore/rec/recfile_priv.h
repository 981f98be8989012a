/* recfile_priv - what writer and reader of a file of events share. */
#ifndef BX_RECFILE_PRIV_H
#define BX_RECFILE_PRIV_H

#include "codec/header.h"
#include "rec/recfile.h"

#define BX_RECFILE_PREFIX 8u
#define BX_RECFILE_ROOM (BX_RECFILE_BUF - BX_HEADER_SIZE - BX_RECFILE_PREFIX)

struct bx_recfile_site {
    uint32_t id, line;
    uint8_t level;
    bool text; /* its only field is the message */
    struct bx_str target, message, file;
    struct bx_strs keys;
    struct bx_str types; /* enum bx_arg_type, one byte for each key */
};
extern const struct bx_schema bx_recfile_site_schema;

#endif
