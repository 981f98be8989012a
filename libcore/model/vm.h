/* vm - a virtual machine: its configuration, desired state and phases. */
#ifndef BX_VM_H
#define BX_VM_H

#include "codec/schema.h"
#include "err.h"
#include "mem/intern.h"

#define BX_NAME_MAX 63
#define BX_VCPUS_MAX 512u
#define BX_MEMORY_MIB_MAX (64u << 20) /* 64 TiB */
#define BX_DISK_GIB_MAX (1u << 20)    /* 1 PiB */
#define BX_LABELS_MAX 64u
#define BX_LABEL_KEY_MAX 63u
#define BX_LABEL_VALUE_MAX 255u
#define BX_METADATA_MAX 64u
#define BX_METADATA_VALUE_MAX 1024u
#define BX_METADATA_BYTES (16u << 10) /* of all keys and values */
#define BX_PATH_LEN_MAX 4096u
#define BX_CMDLINE_MAX 2048u
#define BX_PRIORITY_MAX 1000u
#define BX_PRIORITY_DEFAULT 500u

enum bx_desired { BX_DESIRED_RUNNING, BX_DESIRED_STOPPED, BX_DESIRED_DELETED };

enum bx_phase {
    BX_PHASE_PENDING,
    BX_PHASE_CREATING,
    BX_PHASE_STARTING,
    BX_PHASE_RUNNING,
    BX_PHASE_STOPPING,
    BX_PHASE_STOPPED,
    BX_PHASE_FAILED,
    BX_PHASE_MIGRATING,
    BX_PHASE_LOST,
    BX__PHASES
};

enum bx_restart { BX_RESTART_NEVER, BX_RESTART_ON_FAILURE, BX_RESTART_ALWAYS };
enum bx_on_lost { BX_ON_LOST_STAY, BX_ON_LOST_RESTART };
enum bx_strategy { /* described in state/sched_strategy.c */
                   BX_STRATEGY_MOST_AVAILABLE,
                   BX_STRATEGY_LEAST_AVAILABLE,
                   BX_STRATEGY_MANUAL,
                   BX__STRATEGIES
};

/* Names for the schemas; NULL-terminated, in the order of the enums. */
extern const char *const bx_desired_names[];
extern const char *const bx_phase_names[];
extern const char *const bx_restart_names[];
extern const char *const bx_on_lost_names[];
extern const char *const bx_strategy_names[];

/* A VM's configuration, given at creation. Paths name files on the node that runs the VM. */
struct bx_vm_config {
    struct bx_str name; /* DNS label, 1 to 63 characters, unique in the cluster */
    struct bx_str tenant;
    uint32_t vcpus;
    uint64_t memory_mib;
    uint64_t disk_gib;
    struct bx_str kernel, initrd, cmdline; /* direct boot */
    struct bx_pairs labels;
    uint16_t priority;
    uint8_t strategy; /* enum bx_strategy */
    uint8_t restart;  /* enum bx_restart */
    uint8_t on_lost;  /* enum bx_on_lost */
    bool disk_ephemeral;
    bool stopped;             /* created with --no-start */
    struct bx_str node;       /* pinned to the node of this name; empty: anywhere */
    struct bx_pairs metadata; /* for users; stored and shown, not interpreted */
    bool reserve;             /* vcpus and memory stay its own while it rests */
};
extern const struct bx_schema bx_vm_config_schema;

/* Its fields, for a record that holds a configuration at offset `at`. */
#define BX_VM_CONFIG_FIELD(at, member, typ, ...)                                                   \
    {                                                                                              \
        .name = #member, .type = (typ),                                                            \
        .offset = (uint16_t)((at) + offsetof(struct bx_vm_config, member)), __VA_ARGS__            \
    }
#define BX_VM_CONFIG_FIELDS(at)                                                                    \
    BX_VM_CONFIG_FIELD(at, name, BX_T_STR, .max = 255),                                            \
        BX_VM_CONFIG_FIELD(at, tenant, BX_T_STR, .max = 255),                                      \
        BX_VM_CONFIG_FIELD(at, vcpus, BX_T_U32), BX_VM_CONFIG_FIELD(at, memory_mib, BX_T_U64),     \
        BX_VM_CONFIG_FIELD(at, disk_gib, BX_T_U64),                                                \
        BX_VM_CONFIG_FIELD(at, kernel, BX_T_STR, .max = BX_PATH_LEN_MAX),                          \
        BX_VM_CONFIG_FIELD(at, initrd, BX_T_STR, .max = BX_PATH_LEN_MAX),                          \
        BX_VM_CONFIG_FIELD(at, cmdline, BX_T_STR, .max = BX_CMDLINE_MAX),                          \
        BX_VM_CONFIG_FIELD(at, labels, BX_T_PAIRS, .max = BX_LABELS_MAX),                          \
        BX_VM_CONFIG_FIELD(at, priority, BX_T_U16),                                                \
        BX_VM_CONFIG_FIELD(at, strategy, BX_T_ENUM, .names = bx_strategy_names),                   \
        BX_VM_CONFIG_FIELD(at, restart, BX_T_ENUM, .names = bx_restart_names),                     \
        BX_VM_CONFIG_FIELD(at, on_lost, BX_T_ENUM, .names = bx_on_lost_names),                     \
        BX_VM_CONFIG_FIELD(at, disk_ephemeral, BX_T_BOOL),                                         \
        BX_VM_CONFIG_FIELD(at, stopped, BX_T_BOOL),                                                \
        BX_VM_CONFIG_FIELD(at, node, BX_T_STR, .max = 255)
/* Fields that were added later, at the end of such a record. */
#define BX_VM_CONFIG_LATER_FIELDS(at)                                                              \
    BX_VM_CONFIG_FIELD(at, metadata, BX_T_PAIRS, .max = BX_METADATA_MAX, .since = 2, .omit = true)
/* And after them; each record keeps its order. */
#define BX_VM_CONFIG_LAST_FIELDS(at)                                                               \
    BX_VM_CONFIG_FIELD(at, reserve, BX_T_BOOL, .since = 2, .omit = true)

/* Set the defaults of all fields but the name. */
void bx_vm_config_init(struct bx_vm_config *c);
/* Check every value against its bound; BX_INVALID with a message that names the field as the
 * command line does, and a hint. */
int bx_vm_config_check(const struct bx_vm_config *c, struct bx_err *err);
/* Refuse valid settings that are not implemented, so that users do not rely on them. */
int bx_vm_config_supported(const struct bx_vm_config *c, struct bx_err *err);
/* Check a DNS label: 1 to 63 of a-z, 0-9 and '-', with '-' neither first nor last. `what` begins
 * the message. */
int bx_name_check(struct bx_str name, const char *what, struct bx_err *err);

/* The name of a phase, as the interned status constant. */
const struct bx_istr *bx_phase_name(enum bx_phase p);
/* True if the table of phase transitions allows this one. Other reports are refused. */
bool bx_phase_may(enum bx_phase from, enum bx_phase to);
/* True if a process may exist for a VM in this phase. */
bool bx_phase_active(enum bx_phase p);

#endif
