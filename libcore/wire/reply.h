/* reply - what the API answers, each described once: the table is its MessagePack form, its JSON
 * and its flat form.
 *
 * Texts and lists are views of what the answer was made from. A key may be added at the end, as
 * `later` and `omit`; none is renamed or moved. */
#ifndef BX_REPLY_H
#define BX_REPLY_H

#include "codec/schema.h"
#include "diag/metric.h"
#include "wire/tenant.h"

/* The kinds of flat replies, beyond BX_KIND_REPLY; a VM has BX_KIND_VM. Numbers are for ever. */
enum bx_reply {
    BX_REPLY_LINK = 1,
    BX_REPLY_WRITTEN,
    BX_REPLY_NODE,
    BX_REPLY_REMOVED,
    BX_REPLY_MEMBER,
    BX_REPLY_MEMBER_OF,
    BX_REPLY_TOKEN,
    BX_REPLY_STATUS,
    BX_REPLY_EVENT,
    BX_REPLY_DECISION,
    BX_REPLY_HELLO,
    BX_REPLY_LOGS,
    BX_REPLY_SQL,
    BX_REPLY_WATCH,
    BX_REPLY_ERROR,
    BX_REPLY_STALE,
    BX_REPLY_MEMORY,
    BX_REPLY_SITES,
    BX_REPLY_TENANT,
};

/* ---- VMs ---- */

struct bx_vm_reply {
    struct bx_str name;
    uint8_t uuid[16];
    struct bx_str tenant;
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint8_t desired, phase;
    struct bx_str node; /* by name; empty: not placed */
    uint64_t epoch;
    uint16_t priority;
    struct bx_pairs labels;
    uint64_t created_index, modified_index;
    struct bx_str address;
    struct bx_str kernel, initrd, cmdline;
    uint8_t strategy, restart, on_lost;
    bool disk_ephemeral;
    uint64_t created_ms, modified_ms;
    struct bx_str message;
    uint32_t score;
    struct bx_pairs metadata;
};
extern const struct bx_schema bx_vm_reply_schema;

struct bx_written_reply {
    struct bx_vm_reply vm; /* empty: it is gone already */
    bool existed;          /* it was there, or nothing had to be done */
    uint64_t revision;
};
extern const struct bx_schema bx_written_reply_schema;

#define BX_LOGS_TEXT_MAX (64u << 10)
struct bx_logs_reply {
    struct bx_str text; /* at most BX_LOGS_TEXT_MAX bytes */
    struct bx_str node; /* whose console it is */
};
extern const struct bx_schema bx_logs_reply_schema;

/* ---- placement ---- */

struct bx_candidate_reply {
    struct bx_str node;
    uint32_t score;
    struct bx_str rejected; /* why; empty: it fits */
};
struct bx_relaxation_reply {
    struct bx_str change; /* the reason to reject that it removes */
    struct bx_str node;   /* where the VM then fits */
    int64_t by;
};
struct bx_decision_reply {
    bool placed;
    struct bx_str node;
    uint32_t score, margin;
    bool recorded;              /* it was taken, and is not what would be now */
    struct bx_list candidates;  /* of struct bx_candidate_reply */
    struct bx_list relaxations; /* of struct bx_relaxation_reply */
};
extern const struct bx_schema bx_decision_reply_schema;

/* ---- nodes and the cluster ---- */

struct bx_resources {
    uint64_t vcpus, memory_mib, disk_gib;
};
struct bx_node_reply {
    uint64_t id;
    struct bx_str name, address, api;
    uint8_t state, role;
    struct bx_resources capacity, reserve, allocated;
    struct bx_str driver, datacenter, zone, rack;
    uint64_t vms;
    uint64_t created_index, modified_index;
};
extern const struct bx_schema bx_node_reply_schema;

struct bx_removed_reply {
    uint64_t node;
};
extern const struct bx_schema bx_removed_reply_schema;

struct bx_member_reply {
    uint64_t id;
    struct bx_str name; /* empty, as state: its row has not come yet */
    struct bx_str address;
    struct bx_str role; /* leader, voter or standby */
    struct bx_str state;
    struct bx_str status; /* bx_member_status */
    bool connected;
};
extern const struct bx_schema bx_member_reply_schema;

struct bx_member_of_reply {
    uint8_t cluster[16];
    uint64_t node;
};
extern const struct bx_schema bx_member_of_reply_schema;

struct bx_token_reply {
    struct bx_str token;
    uint64_t expires_ms;
};
extern const struct bx_schema bx_token_reply_schema;

/* What came over the link between nodes, and was not taken. */
struct bx_link_reply {
    uint64_t connections; /* now */
    uint64_t refused;     /* for what the hello said */
    uint64_t malformed;   /* closed for what came: no frame, too large, damaged, out of turn */
    uint64_t turned_away; /* a bound was reached, or this host is no member */
};
extern const struct bx_schema bx_link_reply_schema;
extern const struct bx_metric_set bx_link_metrics;

struct bx_status_reply {
    struct bx_str status; /* bx_daemon_status */
    uint64_t leader;      /* 0: none known */
    uint64_t term, commit_index, applied_index, revision;
    uint64_t digest;
    bool quorum;
    struct bx_list members; /* of struct bx_member_reply */
    struct bx_str cluster;  /* a uuid as text */
    struct bx_str name;
    uint64_t node, age_ms, vms, nodes, pending, snapshot_index, last_index;
    struct bx_link_reply link;
};
extern const struct bx_schema bx_status_reply_schema;

/* ---- the rest ---- */

extern const struct bx_schema bx_event_reply_schema; /* of struct bx_event (wire/event.h) */

struct bx_hello_reply {
    uint64_t version; /* BX_RPC_VERSION */
    struct bx_str server, name;
    uint64_t node; /* 0: this host belongs to no cluster */
    struct bx_str driver, accel;
    bool initialized;
    struct bx_strs codecs; /* in which lists may be asked for */
};
extern const struct bx_schema bx_hello_reply_schema;

struct bx_sql_reply {
    struct bx_str columns; /* a MessagePack array of texts */
    struct bx_str rows;    /* a MessagePack array of arrays */
};
extern const struct bx_schema bx_sql_reply_schema;

extern const struct bx_schema bx_watch_reply_schema; /* nothing */

struct bx_error_reply {
    int64_t code; /* exit code of the command line tool */
    struct bx_str name, message, hint;
    bool retryable;
    struct bx_str leader; /* its name; empty: none is known */
};
extern const struct bx_schema bx_error_reply_schema;

struct bx_stale_reply { /* the notification before an answer from local state */
    uint64_t age_ms, applied_index;
};
extern const struct bx_schema bx_stale_reply_schema;

/* ---- memory ---- */

#define BX_OWNER_REPLIES 9u /* enum bx_owner of mem/track.h */
struct bx_count_reply {
    uint64_t allocations, frees, bytes;
    int64_t live, live_bytes; /* in a scope more may have been freed than was allocated */
};
extern const struct bx_schema bx_count_reply_schema;
struct bx_owners_reply {
    struct bx_count_reply owners[BX_OWNER_REPLIES];
};
/* What mem.stats answers everywhere; one record for each source of the registry of metrics follows
 * (diag/metric.h), under the name of the source or of its set. */
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
/* Before `sites` there is a map `scopes`, of bx_scope_reply_schema by the scope's name. */
struct bx_sites_reply {
    struct bx_str scope; /* empty: since the process began */
    bool stacks;
    uint64_t peak_bytes;
    struct bx_owners_reply owners;
    struct bx_list sites; /* of struct bx_site_reply */
};
extern const struct bx_schema bx_sites_reply_schema;

#endif
