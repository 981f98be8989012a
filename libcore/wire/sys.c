#include "wire/sys.h"

static const struct bx_field params_fields[] = {
    BX_FIELD(bx_hello_params, version, BX_T_U64),
    BX_FIELD(bx_hello_params, codecs, BX_T_STRS, .max = 8),
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

BX_METHOD(SYS_HELLO, sys_hello, bx_hello_params, params_fields, hello, .name = "sys.hello",
          .verb = "GET", .path = "/v1/hello", .role = BX_RPC_ANY, .before_init = true,
          .about = "Identify the server. `codecs` names the codecs that the client accepts for "
                   "lists; with `flat`, a list is sent as bytes: a header, then flat records.");
