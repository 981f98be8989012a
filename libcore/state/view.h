/* view - the state in memory: what placement and listing need.
 *
 * Built from the tables at start and changed only by apply. Everybody else reads, on the loop's
 * thread, between turns; pointers are good until the next bx_fsm_apply. Rows are replaced, never
 * changed in place, which is what makes the undo journal and the write set one list. */
#ifndef BX_VIEW_H
#define BX_VIEW_H

#include "mem/intern.h"
#include "mem/map.h"
#include "mem/rc.h"
#include "model/node.h"
#include "model/vm.h"
#include "state/kind.h"
#include "wire/event.h"

struct bx_vm {
    uint8_t uuid[16];
    const struct bx_istr *name, *tenant;
    const struct bx_vm_config *config; /* shared by VMs that are alike: without name and tenant */
    uint8_t desired, phase;
    bool stop_force; /* of the stop under way */
    uint32_t stop_timeout_s;
    bool restart_pending; /* start again once it has stopped */
    uint64_t node;        /* id, 0: not placed */
    uint64_t epoch;       /* +1 with every start that is ordered */
    uint64_t created_index, modified_index;
    uint64_t created_ms, modified_ms;
    uint32_t score, margin; /* of the placement: 0 to 1000, and ahead of the second by */
    struct bx_str message;  /* why it is in this phase; may be empty */
};

/* What its creator said, name and tenant too; views into the row. */
static inline struct bx_vm_config bx_vm_whole_config(const struct bx_vm *vm)
{
    struct bx_vm_config c = *vm->config;

    c.name = (struct bx_str){vm->name->s, vm->name->len};
    c.tenant = (struct bx_str){vm->tenant->s, vm->tenant->len};
    return c;
}

struct bx_node_row {
    struct bx_node_info info; /* views into this row's own memory */
    const struct bx_istr *name;
    uint64_t allocated_vcpus, allocated_memory_mib, allocated_disk_gib;
    uint64_t vms;
    uint64_t created_index, modified_index;
};

/* Nodes as parallel arrays, in ascending order of id, for scoring. Free is capacity after reserve,
 * times overcommit, minus what is allocated; it can be negative after a node shrank. */
struct bx_node_columns {
    uint32_t n;
    const uint64_t *id;
    const int64_t *free_vcpus, *free_memory_mib, *free_disk_gib;
    const int64_t *total_vcpus, *total_memory_mib, *total_disk_gib;
    const uint8_t *state;
    /* bx_sched_inverse of each total; NULL: whoever scores divides by the totals */
    const uint64_t *inverse_vcpus, *inverse_memory, *inverse_disk;
};

struct bx_view;

/* ---- every kind ---- */

/* The object with this key, as its kind's enum bx_key says (a uint64_t, 16 bytes, a struct bx_str);
 * NULL: not there. */
const void *bx_view_get(const struct bx_view *v, enum bx_table table, const void *key);
/* Of a kind with a name index. */
const void *bx_view_named(const struct bx_view *v, enum bx_table table, struct bx_str name);
size_t bx_view_count(const struct bx_view *v, enum bx_table table);
/* Walk: *pos starts at 0; NULL at the end. In ascending order of key when the kind is ordered; else
 * in no order, and then never inside apply. */
const void *bx_view_next(const struct bx_view *v, enum bx_table table, size_t *pos);

/* ---- VMs, nodes, the cluster ---- */

const struct bx_vm *bx_view_vm(const struct bx_view *v, const uint8_t uuid[16]);
/* By name, by uuid, or by a prefix of the uuid of 4 digits or more that only one VM has.
 * BX_OK, BX_NOT_FOUND, or BX_CONFLICT when a prefix fits several; with hints. */
int bx_view_find_vm(const struct bx_view *v, struct bx_str ref, const struct bx_vm **vm,
                    struct bx_err *err);
const struct bx_node_row *bx_view_node(const struct bx_view *v, uint64_t id);
/* By name or decimal id. */
int bx_view_find_node(const struct bx_view *v, struct bx_str ref, const struct bx_node_row **node,
                      struct bx_err *err);
uint32_t bx_view_nodes(const struct bx_view *v);
const struct bx_node_row *bx_view_node_at(const struct bx_view *v, uint32_t i); /* order of id */
void bx_view_columns(const struct bx_view *v, struct bx_node_columns *out);

uint64_t bx_view_vms(const struct bx_view *v);
/* All VMs in ascending order of name, into an array of bx_view_vms pointers. */
void bx_view_sorted_vms(const struct bx_view *v, const struct bx_vm **out);
/* Walk the VMs of one node, in no particular order, never inside apply: *pos starts at 0. */
const struct bx_vm *bx_view_next_on_node(const struct bx_view *v, uint64_t node, size_t *pos);

struct bx_cluster_info {
    uint8_t id[16], history[16];
    struct bx_str name;
    bool created;
    uint64_t revision, digest;
    uint64_t time_ms; /* leader time of the newest batch */
    uint32_t level;
    uint64_t next_node; /* id of the next node that joins; 1 up to here are given */
};
void bx_view_cluster(const struct bx_view *v, struct bx_cluster_info *out);

/* What its memory is used for. */
struct bx_view_memory {
    struct bx_slab_stats rows;
    struct bx_rc_stats configs;
};
void bx_view_memory(const struct bx_view *v, struct bx_view_memory *out);

#endif
