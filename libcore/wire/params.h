/* params - the parameters of the API's methods: a struct and a schema for each, and how they are
 * read.
 *
 * Every struct begins with struct bx_common; which of its members a method takes is told by the
 * method's schema. Texts are views into the request, lists come from the arena. */
#ifndef BX_PARAMS_H
#define BX_PARAMS_H

#include "codec/pack.h"
#include "wire/command.h"
#include "wire/proto.h"

#define BX_TIMEOUT_DEFAULT_MS 10000u
#define BX_TIMEOUT_MAX_MS 600000u
#define BX_QUERY_MAX 65535u
#define BX_TOKEN_MAX 8192u
#define BX_MATCH_MAX 16u

enum bx_consistency { BX_LINEARIZABLE, BX_STALE };
enum bx_until { BX_UNTIL_RUNNING, BX_UNTIL_STOPPED, BX_UNTIL_DELETED };
enum bx_sites_action { BX_SITES_REPORT, BX_SITES_START, BX_SITES_FINISH };
/* NULL-terminated, in the order of the enums. */
extern const char *const bx_consistency_names[];
extern const char *const bx_until_names[];
extern const char *const bx_sites_action_names[];

struct bx_common {
    uint8_t consistency; /* enum bx_consistency */
    uint32_t timeout_ms;
    struct bx_str trace_id, request_id; /* empty, or 32 hex digits */
    uint64_t sequence, floor;           /* 0: not given */
    struct bx_str after;                /* of lists */
    uint32_t limit;
    struct bx_pairs match;
};

struct bx_plain_params { /* of methods that need no more */
    struct bx_common common;
};
struct bx_hello_params {
    struct bx_common common;
    uint64_t version;
    struct bx_strs codecs;
};
struct bx_vm_create_params {
    struct bx_common common;
    struct bx_cmd_vm_create body;
    bool dry_run;
};
struct bx_vm_params { /* of all methods for one VM; each takes some of them */
    struct bx_common common;
    struct bx_str vm; /* name, uuid or the beginning of one */
    bool force;
    uint32_t timeout_s;
    uint64_t epoch, bytes;
    uint8_t until;      /* enum bx_until */
    struct bx_str name; /* that it is to have */
};
struct bx_node_params {
    struct bx_common common;
    struct bx_str node; /* name or id */
    bool confirm_dead;
};
struct bx_tenant_params {
    struct bx_common common;
    struct bx_str tenant;
    struct bx_quota quota; /* UINT64_MAX: not given */
};
void bx_tenant_defaults(void *params);
struct bx_init_params {
    struct bx_common common;
    struct bx_str name;
};
struct bx_join_params {
    struct bx_common common;
    struct bx_str token;
};
struct bx_token_params {
    struct bx_common common;
    uint64_t ttl_s;
};
struct bx_events_params {
    struct bx_common common;
    uint64_t since;
};
struct bx_sql_params {
    struct bx_common common;
    struct bx_str query;
};
struct bx_sites_params {
    struct bx_common common;
    struct bx_str scope;
    uint8_t action; /* enum bx_sites_action */
};

/* One for each method. */
extern const struct bx_schema bx_param_schemas[BX__METHODS];

/* The largest of the structs above. */
#define BX_PARAMS_SIZE_MAX sizeof(struct bx_vm_create_params)

/* What a call without parameters asks; params has bx_methods[m].params->size bytes. */
void bx_params_init(enum bx_method m, void *params);
/* Read the one map of a request into params, which bx_params_init filled. An unknown key is refused
 * with a suggestion. BX_OK, BX_INVALID with a hint, or BX_NO_MEMORY. */
int bx_params_read(enum bx_method m, bx_val map, void *params, struct bx_arena *arena,
                   struct bx_err *err);
/* Sixteen bytes of 32 hex digits; false when s is anything else. */
bool bx_hex16(struct bx_str s, uint8_t out[16]);

#endif
