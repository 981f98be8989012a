/* vm - commands, parameters and replies for VMs. */
#ifndef BX_WIRE_VM_H
#define BX_WIRE_VM_H

#include "model/vm.h"
#include "wire/params.h"

/* ---- commands ---- */

struct bx_cmd_vm_create {
    struct bx_vm_config config;
    bool if_not_exists;
    bool admit; /* call the kinds' admit hooks below level 2, too; nothing sets it any more */
};
struct bx_cmd_vm_desire {
    struct bx_str vm;   /* as the client named it: name, uuid or unique prefix of a uuid */
    uint8_t uuid[16];   /* what it meant when it was proposed, see state/reference.h */
    uint8_t desired;    /* running or stopped */
    bool restart;       /* running: stop first if it runs */
    bool force;         /* stopped: do not ask the guest to shut down */
    uint32_t timeout_s; /* stopped: how long the guest may take; 0: 60 */
    bool keep_disk;     /* running: refuse to start with an empty disk instead of its own; false in
                         * entries of builds that did so */
};
struct bx_cmd_vm_delete {
    struct bx_str vm; /* as in bx_cmd_vm_desire */
    uint8_t uuid[16];
};
struct bx_cmd_vm_rename {
    struct bx_str vm; /* as in bx_cmd_vm_desire */
    uint8_t uuid[16];
    struct bx_str name; /* the new name */
};
struct bx_cmd_vm_report {
    uint8_t vm[16];
    uint64_t node, epoch;
    uint8_t phase;         /* what the node observed */
    struct bx_str message; /* the reason, for people; may be empty */
    /* With the end of a run that nobody asked for: */
    uint32_t failures; /* so many in a row, this one included; 0: it does not count */
    uint32_t pause_ms; /* the node starts it again no sooner */
    uint32_t reboots;  /* resets by the guest, of this run so far */
    bool unbegun;      /* the run ended before its guest ran */
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
struct bx_vm_params { /* of all methods for one VM; each uses some of them */
    struct bx_common common;
    struct bx_str vm; /* name, uuid or the beginning of one */
    bool force;
    uint32_t timeout_s;
    uint64_t epoch, bytes;
    uint8_t until;      /* enum bx_until */
    struct bx_str name; /* the new name */
    bool discard_disk;
    uint32_t previous; /* of logs: so many runs before the newest one */
    bool follow;       /* of logs: with the place of an answer, what follows it... */
    uint64_t run, file, offset;
};

/* ---- replies ---- */

/* What lists, SQL and metrics show: the phases of a row, and two that no row has: a VM that was
 * running, or was about to, on a node of which nothing is known; and one that is creating again
 * because its runs end unasked, after a pause that grows. */
#define BX_SHOWN_UNKNOWN BX__PHASES
#define BX_SHOWN_BACKOFF (BX__PHASES + 1)
#define BX__SHOWN (BX__PHASES + 2)
extern const char *const bx_shown_phase_names[];
/* What is shown for a row with this enum bx_phase and so many failures in a row. absent: nothing is
 * known of its node, which is down or out of sight. */
uint8_t bx_shown_phase(uint8_t phase, uint32_t failures, bool absent);

struct bx_vm_reply {
    struct bx_str name;
    uint8_t uuid[16];
    struct bx_str tenant;
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint8_t desired, phase; /* phase: of bx_shown_phase_names */
    struct bx_str node;     /* name; empty: not placed */
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
    uint64_t unknown_since_ms; /* with phase unknown; 0: since when is not known */
    uint8_t last_phase;        /* of the row, with phase unknown */
    uint32_t restarts;         /* by the restart policy, since a command started it */
    struct bx_str last_exit;   /* how its last run ended; empty: none has */
    uint64_t last_exited_ms;
    uint32_t failures;       /* with phase backoff: runs in a row that ended unasked, */
    uint64_t next_try_ms;    /* and when the node starts it again, by the leader's wall time */
    bool reserve;            /* as in bx_vm_config */
    uint32_t reboots;        /* resets by the guest, of its last run, */
    uint64_t last_reboot_ms; /* and when the last of them was reported */
};
extern const struct bx_schema bx_vm_reply_schema;

struct bx_written_reply {
    struct bx_vm_reply vm; /* empty: already deleted */
    bool existed;          /* it existed already, or nothing had to be done */
    uint64_t revision;
    struct bx_str trace_id; /* of the request: 32 hex digits */
};
extern const struct bx_schema bx_written_reply_schema;

#define BX_LOGS_TEXT_MAX (64u << 10)
struct bx_logs_reply {
    struct bx_str text; /* at most BX_LOGS_TEXT_MAX bytes */
    struct bx_str node; /* where the VM is */
    /* With `follow` only: */
    uint64_t epoch, file, offset; /* the run, and the place after the text; file 0: none yet */
    bool ended;                   /* the run has, and nothing follows the text */
    bool skipped;                 /* what followed the place that was given is no longer kept */
};
extern const struct bx_schema bx_logs_reply_schema;

struct bx_candidate_reply {
    struct bx_str node;
    uint32_t score;
    struct bx_str rejected; /* the reason; empty: it fits */
};
struct bx_relaxation_reply {
    struct bx_str change; /* the reason for rejection that it removes */
    struct bx_str node;   /* where the VM then fits */
    int64_t by;
};
struct bx_decision_reply {
    bool placed;
    struct bx_str node;
    uint32_t score, margin;
    bool recorded;              /* taken in the past; false: what would be decided now */
    struct bx_list candidates;  /* of struct bx_candidate_reply */
    struct bx_list relaxations; /* of struct bx_relaxation_reply */
};
extern const struct bx_schema bx_decision_reply_schema;

#endif
