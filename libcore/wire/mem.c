#include "wire/mem.h"

const char *const bx_sites_action_names[] = {"report", "start", "finish", NULL};

/* ---- replies ---- */

#define COUNT(at)                                                                                  \
    {.name = "allocations",                                                                        \
     .type = BX_T_U64,                                                                             \
     .offset = (at) + offsetof(struct bx_count_reply, allocations)},                               \
        {.name = "frees",                                                                          \
         .type = BX_T_U64,                                                                         \
         .offset = (at) + offsetof(struct bx_count_reply, frees)},                                 \
        {.name = "bytes",                                                                          \
         .type = BX_T_U64,                                                                         \
         .offset = (at) + offsetof(struct bx_count_reply, bytes)},                                 \
        {.name = "live",                                                                           \
         .type = BX_T_I64,                                                                         \
         .offset = (at) + offsetof(struct bx_count_reply, live)},                                  \
    {                                                                                              \
        .name = "live_bytes", .type = BX_T_I64,                                                    \
        .offset = (at) + offsetof(struct bx_count_reply, live_bytes)                               \
    }
static const struct bx_field count_fields[] = {COUNT(0)};
const struct bx_schema bx_count_reply_schema = BX_SCHEMA("count", 0, bx_count_reply, count_fields);

#define OWNER(nam, i)                                                                              \
    {                                                                                              \
        .name = (nam), .type = BX_T_RECORD, .offset = (i) * sizeof(struct bx_count_reply),         \
        .sub = &bx_count_reply_schema                                                              \
    }
static const struct bx_field owners_fields[] = {
    OWNER("ours", 0),    OWNER("raft", 1),    OWNER("sqlite", 2),
    OWNER("msgpack", 3), OWNER("jansson", 4), OWNER("uv", 5),
    OWNER("libc", 6),    OWNER("other", 7),   OWNER("tracker", 8),
};
_Static_assert(sizeof owners_fields / sizeof owners_fields[0] == BX_OWNER_REPLIES, "every owner");
static const struct bx_schema owners_schema =
    BX_SCHEMA("owners", 0, bx_owners_reply, owners_fields);

static const struct bx_field memory_fields[] = {BX_FIELD(bx_memory_reply, tracking, BX_T_BOOL)};
const struct bx_schema bx_memory_reply_schema =
    BX_REPLY_SCHEMA("memory", MEMORY, bx_memory_reply, memory_fields);

static const struct bx_field site_fields[] = {
    BX_FIELD(bx_site_reply, site, BX_T_STR, .max = 255),
    BX_FIELD(bx_site_reply, owner, BX_T_STR, .max = 31),
    COUNT(offsetof(struct bx_site_reply, count)),
    BX_FIELD(bx_site_reply, frames, BX_T_STRS, .max = 64),
};
static const struct bx_schema site_schema = BX_SCHEMA("site", 0, bx_site_reply, site_fields);

static const struct bx_field scope_fields[] = {
    BX_FIELD(bx_scope_reply, entered, BX_T_U64),
    COUNT(offsetof(struct bx_scope_reply, count)),
};
const struct bx_schema bx_scope_reply_schema = BX_SCHEMA("scope", 0, bx_scope_reply, scope_fields);

static const struct bx_field sites_fields[] = {
    BX_FIELD(bx_sites_reply, scope, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_sites_reply, stacks, BX_T_BOOL),
    BX_FIELD(bx_sites_reply, peak_bytes, BX_T_U64),
    BX_FIELD(bx_sites_reply, owners, BX_T_RECORD, .sub = &owners_schema),
    BX_FIELD(bx_sites_reply, sites, BX_T_LIST, .sub = &site_schema, .max = 256),
};
const struct bx_schema bx_sites_reply_schema =
    BX_REPLY_SCHEMA("sites", SITES, bx_sites_reply, sites_fields);

/* ---- methods ---- */

static const struct bx_field stats_params_fields[] = {BX_PARAMS_TIMES};
static const struct bx_field sites_params_fields[] = {
    BX_FIELD(bx_sites_params, scope, BX_T_STR, .max = 255),
    BX_FIELD(bx_sites_params, action, BX_T_ENUM, .names = bx_sites_action_names), BX_PARAMS_TIMES};

BX_METHOD(MEM_STATS, mem_stats, bx_plain_params, stats_params_fields, memory, .name = "mem.stats",
          .verb = "GET", .path = "/v1/memory", .role = BX_RPC_ADMIN, .before_init = true,
          .about = "Memory statistics of the node that is asked.");
BX_METHOD(MEM_SITES, mem_sites, bx_sites_params, sites_params_fields, sites, .name = "mem.sites",
          .verb = "POST", .path = "/v1/memory/sites", .role = BX_RPC_ADMIN, .before_init = true,
          .about = "Allocations by call site, since the start of the process or of the scope; only "
                   "in builds that track allocations.");
