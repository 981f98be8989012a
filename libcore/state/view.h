/* view - the state in memory, for placement, lookup and lists.
 *
 * Built from the tables at start and changed only by apply. All others read it on the loop's
 * thread, between turns; pointers are valid until the next bx_fsm_apply. Rows are never modified,
 * only replaced, so one list serves as undo journal and write set. */
#ifndef BX_VIEW_H
#define BX_VIEW_H

#include "mem/intern.h"
#include "mem/rc.h"
#include "model/node.h"
#include "model/vm.h"
#include "state/index.h"
#include "state/kind.h"
#include "wire/event.h"
#include "wire/vm.h"

struct bx_vm {
    uint8_t uuid[16];
    const struct bx_istr *name, *tenant;
    const struct bx_vm_config *config; /* shared between VMs; without name and tenant */
    uint8_t desired, phase;
    bool stop_force; /* the current stop is forced */
    uint32_t stop_timeout_s;
    bool restart_pending; /* start again once it has stopped */
    uint64_t node;        /* id, 0: not placed */
    uint64_t epoch;       /* +1 with every ordered start */
    uint64_t created_index, modified_index;
    uint64_t created_ms, modified_ms;
    uint32_t score, margin; /* of the placement: 0 to 1000, and the lead over the second */
    struct bx_str message;  /* reason for the phase; may be empty */
    /* ---- runs that ended, from feature level 2 on ---- */
    uint32_t restarts;       /* by the restart policy, since a command started it */
    uint64_t last_exit_ms;   /* leader time when a run ended last; 0: none has */
    struct bx_str last_exit; /* how it ended */
    uint32_t failures;       /* runs in a row that ended unasked, as its node counted them */
    uint64_t next_try_ms;    /* with failures, until it runs: when the node starts it again */
    uint32_t reboots;        /* resets by the guest, of its last run */
    uint64_t last_reboot_ms; /* leader time when the last of them was reported */
    bool unbegun;            /* with failures: the last run ended before its guest ran (level 3) */
};

/* The configuration as given at creation, including name and tenant; views into the row. */
static inline struct bx_vm_config bx_vm_whole_config(const struct bx_vm *vm)
{
    struct bx_vm_config c = *vm->config;

    c.name = (struct bx_str){vm->name->s, vm->name->len};
    c.tenant = (struct bx_str){vm->tenant->s, vm->tenant->len};
    return c;
}

/* VMs by the phase that is shown of them (wire/vm.h): while their nodes are there, and while
 * nothing is known of these. */
struct bx_phase_counts {
    uint32_t present[BX__SHOWN], absent[BX__SHOWN];
};

struct bx_node_row {
    struct bx_node_info info; /* views into this row's own memory */
    const struct bx_istr *name;
    uint64_t allocated_vcpus, allocated_memory_mib; /* of the VMs that take room */
    uint64_t allocated_disk_gib;                    /* of all */
    uint64_t vms;
    struct bx_phase_counts phases; /* of its VMs */
    uint64_t created_index, modified_index;
    uint64_t state_ms; /* leader time when the state changed last; 0: not known */
    uint8_t low;       /* of its disk, as it told the leader: enum bx_disk_space */
};

/* Nodes as parallel arrays, sorted by id, for scoring. Free is (capacity - reserve) * overcommit -
 * allocated; it can be negative after a node shrank. */
#define BX_COLUMN_LOW 255u
struct bx_node_columns {
    uint32_t n;
    const uint64_t *id;
    const int64_t *free_vcpus, *free_memory_mib, *free_disk_gib;
    const int64_t *total_vcpus, *total_memory_mib, *total_disk_gib;
    const uint8_t *state; /* enum bx_node_state, or BX_COLUMN_LOW: up, but its disk is not ok */
    /* bx_sched_inverse of each total; NULL: scoring divides by the totals */
    const uint64_t *inverse_vcpus, *inverse_memory, *inverse_disk;
};

struct bx_view;

/* ---- every kind ---- */

/* The object with this key, whose type is given by the kind's enum bx_key (a uint64_t, 16 bytes, a
 * struct bx_str); NULL if there is none. */
const void *bx_view_get(const struct bx_view *v, enum bx_table table, const void *key);
/* The object with this name, for a kind with names; of VMs, that of the first tenant which has one.
 */
const void *bx_view_named(const struct bx_view *v, enum bx_table table, struct bx_str name);
size_t bx_view_count(const struct bx_view *v, enum bx_table table);
/* Iterate: *pos starts at 0; NULL at the end. An ordered kind is sorted by key; other kinds have no
 * order and must not be iterated inside apply. */
const void *bx_view_next(const struct bx_view *v, enum bx_table table, size_t *pos);
/* Iterate in the order of lists, starting anywhere: see bx_index_after. */
struct bx_index_place bx_view_after(const struct bx_view *v, enum bx_table table, const void *key);
const void *bx_view_step(const struct bx_view *v, enum bx_table table, struct bx_index_place *at);

/* ---- VMs, nodes, the cluster ---- */

const struct bx_vm *bx_view_vm(const struct bx_view *v, const uint8_t uuid[16]);
/* Whether it takes vcpus and memory of its node: a process may exist for it, or they are reserved.
 * Below feature level 2 every VM does. */
bool bx_view_takes_room(const struct bx_view *v, const struct bx_vm *vm);
/* Whether it has a disk with data, which is on its node alone. */
bool bx_vm_has_data(const struct bx_vm *vm);
/* Find a VM by uuid, name, or a unique prefix of the uuid of at least 4 digits, in this order:
 * among those of a tenant, for which there are no others; empty: among all. BX_OK, BX_NOT_FOUND, or
 * BX_CONFLICT if several tenants have the name, or a prefix matches several; with hints. */
int bx_view_find_vm_of(const struct bx_view *v, struct bx_str tenant, struct bx_str ref,
                       const struct bx_vm **vm, struct bx_err *err);
static inline int bx_view_find_vm(const struct bx_view *v, struct bx_str ref,
                                  const struct bx_vm **vm, struct bx_err *err)
{
    return bx_view_find_vm_of(v, (struct bx_str){"", 0}, ref, vm, err);
}
/* The VM of this name in this tenant; NULL if there is none. */
const struct bx_vm *bx_view_vm_named(const struct bx_view *v, struct bx_str tenant,
                                     struct bx_str name);
/* Iterate over the VMs of a tenant in the order of their names, or, if it is empty, over those of
 * all in the order of names and then of tenants. Start after this name, and if there is no tenant,
 * after that name in `among`, or after all VMs of that name if this is empty, too. */
struct bx_index_place bx_view_vms_after(const struct bx_view *v, struct bx_str tenant,
                                        struct bx_str name, struct bx_str among);
const struct bx_vm *bx_view_vms_step(const struct bx_view *v, struct bx_str tenant,
                                     struct bx_index_place *at);
/* Whether the VM after it in the order of names has the same one. */
bool bx_view_shares_name(const struct bx_view *v, const struct bx_vm *vm);
static inline bool bx_vm_is_of(const struct bx_vm *vm, struct bx_str tenant)
{
    return tenant.n == 0 || bx_str_eq((struct bx_str){vm->tenant->s, vm->tenant->len}, tenant);
}
/* ref is the whole uuid of this VM, or a prefix as above. */
bool bx_vm_uuid_begins(const struct bx_vm *vm, struct bx_str ref);
const struct bx_node_row *bx_view_node(const struct bx_view *v, uint64_t id);
/* Find a node by name or decimal id. */
int bx_view_find_node(const struct bx_view *v, struct bx_str ref, const struct bx_node_row **node,
                      struct bx_err *err);
uint32_t bx_view_nodes(const struct bx_view *v);
/* May one more node of this role join? At most BX_MEMBERS_MAX hold the log. BX_OK, or BX_BUSY. */
int bx_view_member_room(const struct bx_view *v, uint8_t role, struct bx_err *err);
const struct bx_node_row *bx_view_node_at(const struct bx_view *v, uint32_t i); /* order of id */
void bx_view_columns(const struct bx_view *v, struct bx_node_columns *out);

uint64_t bx_view_vms(const struct bx_view *v);
/* By phase, without looking at them. */
const struct bx_phase_counts *bx_view_phases(const struct bx_view *v);
/* Iterate over the VMs of one node, in no particular order, never inside apply: *pos starts at 0.
 */
const struct bx_vm *bx_view_next_on_node(const struct bx_view *v, uint64_t node, size_t *pos);

struct bx_cluster_info {
    uint8_t id[16], history[16];
    struct bx_str name;
    bool created;
    uint64_t revision, digest;
    uint64_t time_ms; /* leader time of the newest batch */
    uint32_t level;
    uint64_t next_node; /* id of the next node that joins; all lower ids are assigned */
};
void bx_view_cluster(const struct bx_view *v, struct bx_cluster_info *out);

/* Memory use of the view. */
struct bx_view_memory {
    struct bx_slab_stats rows;
    struct bx_rc_stats configs;
};
void bx_view_memory(const struct bx_view *v, struct bx_view_memory *out);

#endif
