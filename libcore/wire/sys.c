#include "wire/command.h"

/* ---- commands ---- */

static const struct bx_field end_fields[] = {
    BX_FIELD(bx_session_end, session, BX_T_UUID),
    BX_FIELD(bx_session_end, principal_hash, BX_T_U64),
};
static const struct bx_schema end_schema = BX_SCHEMA("end", 0, bx_session_end, end_fields);

static const struct bx_field session_end_fields[] = {
    BX_FIELD(bx_cmd_session_end, sessions, BX_T_LIST, .sub = &end_schema,
             .max = BX_SESSION_ENDS_MAX),
};
const struct bx_schema bx_cmd_session_end_schema =
    BX_SCHEMA("session.end", BX_CMD_SCHEMA(SESSION_END), bx_cmd_session_end, session_end_fields);

/* ---- sys.hello ---- */

static const struct bx_field params_fields[] = {
    BX_FIELD(bx_hello_params, version, BX_T_U64),
    BX_FIELD(bx_hello_params, codecs, BX_T_STRS, .max = 8),
    BX_FIELD(bx_hello_params, token, BX_T_STR, .max = 255, .omit = true, .since = 3,
             .secret = true),
};

#define F(member, typ, ...) BX_FIELD(bx_hello_reply, member, typ, __VA_ARGS__)
static const struct bx_field reply_fields[] = {
    F(version, BX_T_U64),      F(server, BX_T_STR, .max = 63), F(name, BX_T_STR, .max = 255),
    F(node, BX_T_U64),         F(driver, BX_T_STR, .max = 63), F(accel, BX_T_STR, .max = 63),
    F(initialized, BX_T_BOOL), F(codecs, BX_T_STRS, .max = 8),
};
#undef F
const struct bx_schema bx_hello_reply_schema =
    BX_REPLY_SCHEMA("hello", HELLO, bx_hello_reply, reply_fields);

BX_METHOD(
    SYS_HELLO, sys_hello, bx_hello_params, params_fields, hello, .name = "sys.hello", .verb = "GET",
    .path = "/v1/hello", .role = BX_RPC_ANY, .scope = BX_SCOPE_SHARED, .before_init = true,
    .about = "Identify the server. `codecs` names the codecs that the client accepts for "
             "lists; with `flat`, a list is sent as bytes: a header, then flat records. With the "
             "`token` of a user the connection acts as that user, whatever it was before. A "
             "client of which nothing is known is told versions, name and codecs alone.");

/* ---- sys.done ---- */

static const struct bx_field done_params_fields[] = {
    BX_COMMON_FIELD(request_id, BX_T_STR, .max = BX_ID_TEXT), BX_PARAMS_TIMES};

static const struct bx_field done_fields[] = {BX_FIELD(bx_done_reply, released, BX_T_BOOL)};
const struct bx_schema bx_done_reply_schema =
    BX_REPLY_SCHEMA("done", DONE, bx_done_reply, done_fields);

BX_METHOD(SYS_DONE, sys_done, bx_plain_params, done_params_fields, done, .name = "sys.done",
          .verb = "DELETE", .path = "/v1/requests/{request_id}", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_SHARED,
          .about = "All answers to the requests of this id have arrived, and the id will not be "
                   "used again, so their outcomes need not be kept. Send it to the node that "
                   "answered, and not after a request was sent more than once. Otherwise the "
                   "outcomes are kept for an hour.");
