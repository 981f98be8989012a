/* recorder - parameters and replies of the methods for files of the recorder. */
#ifndef BX_WIRE_RECORDER_H
#define BX_WIRE_RECORDER_H

#include "wire/params.h"

#define BX_RECORDER_NAME_MAX 63u
#define BX_RECORDER_DATA_MAX (64u << 10)

struct bx_recorder_params {
    struct bx_common common;
    struct bx_str node; /* empty: the one that is asked */
    struct bx_str file; /* of log.read */
    uint64_t offset;
    bool archive; /* of log.snapshot */
};

struct bx_log_snapshot_reply {
    struct bx_str node, file; /* its name in DATA/recorder */
    uint64_t bytes, events;
};
extern const struct bx_schema bx_log_snapshot_reply_schema;

struct bx_log_read_reply {
    struct bx_str data; /* from the offset on, up to BX_RECORDER_DATA_MAX bytes; empty at the end */
    uint64_t bytes;     /* of the whole file */
};
extern const struct bx_schema bx_log_read_reply_schema;

struct bx_log_append_params {
    struct bx_common common;
    struct bx_str node; /* that is to keep it */
    uint64_t begun,
        offset;          /* when the log was begun, in nanoseconds; where the part belongs in it */
    struct bx_str items; /* whole items (rec/recfile.h), up to BX_RECORDER_DATA_MAX bytes */
};
struct bx_log_append_reply {
    uint64_t bytes; /* that are kept of the log, from its beginning */
};
extern const struct bx_schema bx_log_append_reply_schema;

#endif
