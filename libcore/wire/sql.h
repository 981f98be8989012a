/* sql - parameters and reply of the method for users' queries. */
#ifndef BX_WIRE_SQL_H
#define BX_WIRE_SQL_H

#include "wire/params.h"

#define BX_QUERY_MAX 65535u

struct bx_sql_params {
    struct bx_common common;
    struct bx_str query;
};

struct bx_sql_reply {
    struct bx_str columns; /* a MessagePack array of strings */
    struct bx_str rows;    /* a MessagePack array of arrays */
};
extern const struct bx_schema bx_sql_reply_schema;

#endif
