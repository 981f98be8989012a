/* params - the parameters of the API's methods: the common ones, the macros that describe a method,
 * and the decoder.
 *
 * Every struct of parameters begins with struct bx_common; the method's schema lists the members
 * that the method accepts. Strings point into the request, lists are allocated from the arena. */
#ifndef BX_PARAMS_H
#define BX_PARAMS_H

#include "codec/header.h"
#include "codec/pack.h"
#include "wire/proto.h"

#define BX_TIMEOUT_DEFAULT_MS 10000u
#define BX_TIMEOUT_MAX_MS 600000u
#define BX_MATCH_MAX 16u
#define BX_ID_TEXT 32u

enum bx_consistency { BX_LINEARIZABLE, BX_STALE };
/* NULL-terminated, in the order of the enum. */
extern const char *const bx_consistency_names[];

struct bx_common {
    uint8_t consistency; /* enum bx_consistency */
    uint32_t timeout_ms;
    struct bx_str trace_id, request_id; /* empty, or 32 hex digits */
    uint64_t sequence, floor;           /* 0: not given */
    struct bx_str after;                /* of lists */
    uint32_t limit;
    struct bx_pairs match;
    struct bx_str tenant; /* of methods about VMs; empty: not given */
};

struct bx_plain_params { /* of methods with common parameters only */
    struct bx_common common;
};

/* Maximum size of a struct of parameters. */
#define BX_PARAMS_SIZE_MAX 1024u

/* For whom a node asks another one: the second element of the parameters of a QUERY. */
struct bx_caller {
    struct bx_str principal;
    uint8_t role; /* enum bx_rpc_role */
    struct bx_str tenant;
};
extern const struct bx_schema bx_caller_schema;

/* ---- the description of a method ---- */

/* A field of struct bx_common, which is at offset 0 of every struct of parameters. */
#define BX_COMMON_FIELD(member, typ, ...) BX_FIELD(bx_common, member, typ, __VA_ARGS__)
#define BX_PARAMS_TIMES                                                                            \
    BX_COMMON_FIELD(timeout_ms, BX_T_U32), BX_COMMON_FIELD(trace_id, BX_T_STR, .max = BX_ID_TEXT)
#define BX_PARAMS_READS                                                                            \
    BX_COMMON_FIELD(consistency, BX_T_ENUM, .names = bx_consistency_names), BX_PARAMS_TIMES
#define BX_PARAMS_WRITES                                                                           \
    BX_COMMON_FIELD(request_id, BX_T_STR, .max = BX_ID_TEXT), BX_COMMON_FIELD(sequence, BX_T_U64), \
        BX_COMMON_FIELD(floor, BX_T_U64), BX_PARAMS_TIMES
#define BX_PARAMS_MATCHES                                                                          \
    BX_COMMON_FIELD(limit, BX_T_U32), BX_COMMON_FIELD(match, BX_T_PAIRS, .max = BX_MATCH_MAX)
/* The last field. It is omitted when it is empty, so that earlier builds are sent none. */
#define BX_PARAMS_TENANT BX_COMMON_FIELD(tenant, BX_T_STR, .max = 255, .since = 3, .omit = true)
#define BX_PARAMS_LISTS                                                                            \
    BX_COMMON_FIELD(after, BX_T_STR, .max = 255), BX_PARAMS_MATCHES, BX_PARAMS_READS

/* Define bx_method_LOWER. Its parameters are the fields `tab` of struct `strukt`; its reply, or an
 * item of the reply, is of bx_ANSWER_reply_schema. Members of struct bx_method_info follow. */
#define BX_METHOD(upper, lower, strukt, tab, answer, ...)                                          \
    _Static_assert(sizeof(struct strukt) <= BX_PARAMS_SIZE_MAX, #strukt " is within the bound");   \
    static const struct bx_schema lower##_params =                                                 \
        BX_SCHEMA("parameters", BX_KIND_PARAMS + BX_M_##upper, strukt, tab);                       \
    const struct bx_method_info bx_method_##lower = {                                              \
        .params = &lower##_params, .reply = &bx_##answer##_reply_schema, __VA_ARGS__}
/* The schema of a reply that has a number. */
#define BX_REPLY_SCHEMA(name, KIND, strukt, tab)                                                   \
    BX_SCHEMA(name, BX_KIND_REPLY + BX_REPLY_##KIND, strukt, tab)

/* ---- reading ---- */

/* Set all parameters to their defaults; params has bx_methods[m]->params->size bytes. */
void bx_params_init(enum bx_method m, void *params);
/* Decode the map of a request into params, which bx_params_init has filled. BX_OK, BX_INVALID with
 * a hint (a suggestion for an unknown key), or BX_NO_MEMORY. */
int bx_params_read(enum bx_method m, bx_val map, void *params, struct bx_arena *arena,
                   struct bx_err *err);
/* Decode 32 hex digits; false if s is anything else. */
bool bx_hex16(struct bx_str s, uint8_t out[16]);
/* 64 of them. */
bool bx_hex32(struct bx_str s, uint8_t out[32]);

#endif
