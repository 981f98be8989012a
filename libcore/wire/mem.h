/* mem - parameters and replies of mem.stats and mem.sites. */
#ifndef BX_WIRE_MEM_H
#define BX_WIRE_MEM_H

#include "wire/params.h"

enum bx_sites_action { BX_SITES_REPORT, BX_SITES_START, BX_SITES_FINISH };
/* NULL-terminated, in the order of the enum. */
extern const char *const bx_sites_action_names[];

struct bx_sites_params {
    struct bx_common common;
    struct bx_str scope;
    uint8_t action; /* enum bx_sites_action */
};

#define BX_OWNER_REPLIES 9u /* enum bx_owner of mem/track.h */
struct bx_count_reply {
    uint64_t allocations, frees, bytes;
    int64_t live, live_bytes; /* negative in a scope that freed more than it allocated */
};
extern const struct bx_schema bx_count_reply_schema;
struct bx_owners_reply {
    struct bx_count_reply owners[BX_OWNER_REPLIES];
};
/* The static part of the reply of mem.stats. A record for each source of the registry of metrics
 * (diag/metric.h) follows, under the name of the source or of its set. */
struct bx_memory_reply {
    bool tracking;
};
extern const struct bx_schema bx_memory_reply_schema;

struct bx_site_reply {
    struct bx_str site, owner;
    struct bx_count_reply count;
    struct bx_strs frames;
};
struct bx_scope_reply {
    uint64_t entered;
    struct bx_count_reply count;
};
extern const struct bx_schema bx_scope_reply_schema;
/* On the wire, `sites` is preceded by a map `scopes`: bx_scope_reply_schema by the scope's name. */
struct bx_sites_reply {
    struct bx_str scope; /* empty: since the process started */
    bool stacks;
    uint64_t peak_bytes;
    struct bx_owners_reply owners;
    struct bx_list sites; /* of struct bx_site_reply */
};
extern const struct bx_schema bx_sites_reply_schema;

#endif
