#include "wire/sql.h"

static const struct bx_field params_fields[] = {
    BX_FIELD(bx_sql_params, query, BX_T_STR, .max = BX_QUERY_MAX), BX_PARAMS_READS,
    BX_PARAMS_TENANT};

static const struct bx_field reply_fields[] = {
    BX_FIELD(bx_sql_reply, columns, BX_T_VALUE, .max = 1u << 20),
    BX_FIELD(bx_sql_reply, rows, BX_T_VALUE, .max = 16u << 20),
};
const struct bx_schema bx_sql_reply_schema =
    BX_REPLY_SCHEMA("result", SQL, bx_sql_reply, reply_fields);

BX_METHOD(SQL, sql, bx_sql_params, params_fields, sql, .name = "sql.query", .verb = "POST",
          .path = "/v1/sql", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .about = "Run one SELECT over the views of the object kinds, such as vms and nodes.");
