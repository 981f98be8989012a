/* vm - the commands about VMs, what the methods take, and what is answered. */
#ifndef BX_WIRE_VM_H
#define BX_WIRE_VM_H

#include "model/vm.h"
#include "wire/params.h"

/* ---- commands ---- */

struct bx_cmd_vm_create {
    struct bx_vm_config config;
    bool if_not_exists;
    bool admit; /* the kinds that have a say are asked; in logs of builds without tenants, false */
};
struct bx_cmd_vm_desire {
    struct bx_str vm;   /* name, uuid or unique prefix of a uuid (4 digits at least) */
    uint8_t desired;    /* running or stopped */
    bool restart;       /* running: stop first if it runs */
    bool force;         /* stopped: do not ask the guest */
    uint32_t timeout_s; /* stopped: how long the guest may take, 0: 60 */
};
struct bx_cmd_vm_delete {
    struct bx_str vm;
};
struct bx_cmd_vm_rename {
    struct bx_str vm;   /* as of vm_desire */
    struct bx_str name; /* that it is to have */
};
struct bx_cmd_vm_report {
    uint8_t vm[16];
    uint64_t node, epoch;
    uint8_t phase;         /* what the node observed */
    struct bx_str message; /* why, for people; may be empty */
};

/* ---- parameters ---- */

enum bx_until { BX_UNTIL_RUNNING, BX_UNTIL_STOPPED, BX_UNTIL_DELETED };
/* NULL-terminated, in the order of the enum. */
extern const char *const bx_until_names[];

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

/* ---- replies ---- */

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

#endif
