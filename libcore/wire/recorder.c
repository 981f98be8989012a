#include "wire/recorder.h"

static const struct bx_field snapshot_fields[] = {
    BX_FIELD(bx_log_snapshot_reply, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_log_snapshot_reply, file, BX_T_STR, .max = BX_RECORDER_NAME_MAX),
    BX_FIELD(bx_log_snapshot_reply, bytes, BX_T_U64),
    BX_FIELD(bx_log_snapshot_reply, events, BX_T_U64),
};
const struct bx_schema bx_log_snapshot_reply_schema =
    BX_REPLY_SCHEMA("log-snapshot", LOG_SNAPSHOT, bx_log_snapshot_reply, snapshot_fields);

static const struct bx_field read_fields[] = {
    BX_FIELD(bx_log_read_reply, data, BX_T_BYTES, .max = BX_RECORDER_DATA_MAX),
    BX_FIELD(bx_log_read_reply, bytes, BX_T_U64),
};
const struct bx_schema bx_log_read_reply_schema =
    BX_REPLY_SCHEMA("log-read", LOG_READ, bx_log_read_reply, read_fields);

static const struct bx_field append_fields[] = {
    BX_FIELD(bx_log_append_reply, bytes, BX_T_U64),
};
const struct bx_schema bx_log_append_reply_schema =
    BX_REPLY_SCHEMA("log-append", LOG_APPEND, bx_log_append_reply, append_fields);

static const struct bx_field snapshot_params_fields[] = {
    BX_FIELD(bx_recorder_params, node, BX_T_STR, .max = 255), BX_PARAMS_TIMES,
    BX_FIELD(bx_recorder_params, archive, BX_T_BOOL, .omit = true, .since = 2)};

BX_METHOD(
    LOG_SNAPSHOT, log_snapshot, bx_recorder_params, snapshot_params_fields, log_snapshot,
    .name = "log.snapshot", .verb = "POST", .path = "/v1/log/snapshot", .role = BX_RPC_ADMIN,
    .before_init = true, .relayed = true,
    .about = "Write what the recorder of a node holds to a file in `DATA/recorder`, of which "
             "the newest 16 are kept; with `archive`, better compressed. The answer comes when the "
             "file is synced.");

static const struct bx_field read_params_fields[] = {
    BX_FIELD(bx_recorder_params, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_recorder_params, file, BX_T_STR, .max = BX_RECORDER_NAME_MAX),
    BX_FIELD(bx_recorder_params, offset, BX_T_U64), BX_PARAMS_TIMES};

BX_METHOD(
    LOG_READ, log_read, bx_recorder_params, read_params_fields, log_read, .name = "log.read",
    .verb = "GET", .path = "/v1/log/files/{file}", .role = BX_RPC_ADMIN, .before_init = true,
    .relayed = true,
    .about = "Bytes of a file in a node's `DATA/recorder`, from `offset` on, 64 KiB at most.");

static const struct bx_field append_params_fields[] = {
    BX_FIELD(bx_log_append_params, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_log_append_params, begun, BX_T_U64),
    BX_FIELD(bx_log_append_params, offset, BX_T_U64),
    BX_FIELD(bx_log_append_params, items, BX_T_BYTES, .max = BX_RECORDER_DATA_MAX),
    BX_PARAMS_TIMES};

BX_METHOD(LOG_APPEND, log_append, bx_log_append_params, append_params_fields, log_append,
          .name = "log.append", .verb = "POST", .path = "/v1/log/append", .role = BX_RPC_ADMIN,
          .relayed = true, .upkeep = true,
          .about =
              "Of nodes alone: a part of the sender's log, a file of the recorder, for `node` "
              "to keep. `begun` is the log's name, `offset` where the part belongs. The answer "
              "tells how many bytes are kept of this log; if not so many as were sent until "
              "now, the sender begins another one.");
