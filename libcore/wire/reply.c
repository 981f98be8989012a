#include "wire/reply.h"

#include "err.h"
#include "wire/params.h"

#define F(member, typ, ...) BX_FIELD(bx_error_reply, member, typ, __VA_ARGS__)
static const struct bx_field error_fields[] = {
    F(code, BX_T_I64),
    F(name, BX_T_STR, .max = 63),
    F(message, BX_T_STR, .max = BX_ERR_MSG),
    F(hint, BX_T_STR, .max = BX_ERR_HINT),
    F(retryable, BX_T_BOOL),
    F(leader, BX_T_STR, .max = 255, .nil = true),
};
#undef F
const struct bx_schema bx_error_reply_schema =
    BX_REPLY_SCHEMA("error", ERROR, bx_error_reply, error_fields);

static const struct bx_field stale_fields[] = {
    BX_FIELD(bx_stale_reply, age_ms, BX_T_U64),
    BX_FIELD(bx_stale_reply, applied_index, BX_T_U64),
};
const struct bx_schema bx_stale_reply_schema =
    BX_REPLY_SCHEMA("stale", STALE, bx_stale_reply, stale_fields);

static const struct bx_field page_fields[] = {
    BX_FIELD(bx_page_reply, id, BX_T_U64),
    BX_FIELD(bx_page_reply, after, BX_T_STR, .max = 255),
};
const struct bx_schema bx_page_reply_schema =
    BX_REPLY_SCHEMA("page", PAGE, bx_page_reply, page_fields);
