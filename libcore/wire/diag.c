#include "wire/diag.h"

static const struct bx_field diag_fields[] = {
    BX_FIELD(bx_diag_reply, id, BX_T_STR, .max = 64),
    BX_FIELD(bx_diag_reply, type, BX_T_STR, .max = 64),
    BX_FIELD(bx_diag_reply, time, BX_T_U64),
    BX_FIELD(bx_diag_reply, bytes, BX_T_U64),
};
const struct bx_schema bx_diag_reply_schema =
    BX_REPLY_SCHEMA("envelope", DIAG, bx_diag_reply, diag_fields);

static const struct bx_field item_fields[] = {
    BX_FIELD(bx_diag_item_reply, type, BX_T_STR, .max = 64),
    BX_FIELD(bx_diag_item_reply, filename, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_diag_item_reply, length, BX_T_U64),
    BX_FIELD(bx_diag_item_reply, count, BX_T_U64),
    BX_FIELD(bx_diag_item_reply, payload, BX_T_STR, .max = BX_DIAG_PAYLOAD, .nil = true),
};
static const struct bx_schema item_schema = BX_SCHEMA("item", 0, bx_diag_item_reply, item_fields);

static const struct bx_field show_fields[] = {
    BX_FIELD(bx_diag_show_reply, id, BX_T_STR, .max = 64),
    BX_FIELD(bx_diag_show_reply, type, BX_T_STR, .max = 64),
    BX_FIELD(bx_diag_show_reply, time, BX_T_U64),
    BX_FIELD(bx_diag_show_reply, bytes, BX_T_U64),
    BX_FIELD(bx_diag_show_reply, damage, BX_T_STR, .max = 1024, .nil = true),
    BX_FIELD(bx_diag_show_reply, items, BX_T_LIST, .sub = &item_schema, .max = BX_DIAG_ITEMS),
};
const struct bx_schema bx_diag_show_reply_schema =
    BX_REPLY_SCHEMA("envelope_items", DIAG_SHOW, bx_diag_show_reply, show_fields);

static const struct bx_field done_fields[] = {
    BX_FIELD(bx_diag_done_reply, envelopes, BX_T_U64),
};
const struct bx_schema bx_diag_done_reply_schema =
    BX_REPLY_SCHEMA("envelopes", DIAG_DONE, bx_diag_done_reply, done_fields);

static const struct bx_field params_fields[] = {BX_FIELD(bx_diag_params, id, BX_T_STR, .max = 64),
                                                BX_PARAMS_TIMES};
static const struct bx_field delete_fields[] = {
    BX_FIELD(bx_diag_delete_params, id, BX_T_STR, .max = 64), BX_PARAMS_TIMES,
    BX_FIELD(bx_diag_delete_params, all, BX_T_BOOL, .omit = true, .since = 2)};
static const struct bx_field plain_fields[] = {BX_PARAMS_TIMES};

BX_METHOD(DIAG_LIST, diag_list, bx_plain_params, plain_fields, diag, .name = "diag.list",
          .verb = "GET", .path = "/v1/diag", .role = BX_RPC_ADMIN, .before_init = true,
          .about = "The envelopes in the spool of the node that is asked, the oldest first.");
BX_METHOD(DIAG_SHOW, diag_show, bx_diag_params, params_fields, diag_show, .name = "diag.show",
          .verb = "GET", .path = "/v1/diag/{id}", .role = BX_RPC_ADMIN, .before_init = true,
          .about = "One envelope with its items; payloads that are text are shown, as they are.");
BX_METHOD(DIAG_SEND, diag_send, bx_plain_params, plain_fields, diag_done, .name = "diag.send",
          .verb = "POST", .path = "/v1/diag/send", .role = BX_RPC_ADMIN, .before_init = true,
          .about = "Send what is in the spool now, without regard to pauses and limits. The answer "
                   "does not wait for that.");
BX_METHOD(DIAG_DELETE, diag_delete, bx_diag_delete_params, delete_fields, diag_done,
          .name = "diag.delete", .verb = "DELETE", .path = "/v1/diag/{id}", .role = BX_RPC_ADMIN,
          .before_init = true, .about = "Delete one envelope, or all of them.");
