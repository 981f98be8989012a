/* rows - the replicated rows and the list of changes; shared by the files of the state machine.
 *
 * A row is one block of memory: the struct that others read, with views into the canonical flat
 * record that follows it. The record is what is hashed, stored and dumped. A VM's record stands
 * apart and goes once it is stored; the row has what it says, the configuration shared with the VMs
 * that are alike. Rows are never changed, only replaced, so a change is the pair (old, new): undone
 * by putting the old one back, written by storing the new one. */
#ifndef BX_ROWS_H
#define BX_ROWS_H

#include "mem/arena.h"
#include "mem/rc.h"
#include "mem/slab.h"
#include "state/view.h"

#define BX_COMMAND_RECORD_MAX (512u << 10) /* bytes of a stored record */

enum bx_table { BX_TABLE_CLUSTER, BX_TABLE_NODE, BX_TABLE_VM, BX_TABLE_TOKEN, BX__TABLES };

struct bx_row { /* stands before every row's struct */
    enum bx_table table;
    uint32_t len;  /* of the record */
    uint64_t hash; /* of the record */
    uint8_t *data; /* the record, 8-aligned; NULL: a VM's that was settled */
    uint32_t size; /* of the block */
    uint32_t slot; /* 1 + place in the turn's write set, 0: not in it */
};

struct bx_vm_block {
    struct bx_row row;
    struct bx_vm vm;
};
struct bx_node_block {
    struct bx_row row;
    struct bx_node_row node;
};

struct bx_token {
    uint8_t secret_hash[16];
    uint64_t expires_ms;
    uint64_t created_index;
};
struct bx_token_block {
    struct bx_row row;
    struct bx_token token;
};

/* The one row of the cluster itself. What moves with every entry is kept beside it (bx_meta). */
struct bx_cluster_row {
    uint8_t id[16], history[16];
    struct bx_str name;
    uint64_t next_node;
    uint32_t level;
    bool created;
};
struct bx_cluster_block {
    struct bx_row row;
    struct bx_cluster_row cluster;
};

/* Where rows live: their memory comes from slabs, because a VM's row is replaced with every
 * change. */
struct bx_row_home {
    struct bx_intern *intern;
    struct bx_slab slab;
    struct bx_rc_cache configs;
    struct bx_arena arena; /* while one is made */
};

void bx_row_home_init(struct bx_row_home *h, struct bx_intern *in);
/* Every row must have been freed. */
void bx_row_home_close(struct bx_row_home *h);

/* Make a row from a draft whose views may point anywhere; names are interned. A draft of a VM that
 * is copied from a row shares what that one has; a new one has no name, and its config is the
 * caller's, with name and tenant. Never NULL: memory that is out ends the process, which in apply
 * loses nothing. */
struct bx_row *bx_row_vm(struct bx_row_home *h, const struct bx_vm *draft);
struct bx_row *bx_row_node(struct bx_row_home *h, const struct bx_node_row *draft);
struct bx_row *bx_row_token(struct bx_row_home *h, const struct bx_token *draft);
struct bx_row *bx_row_cluster(struct bx_row_home *h, const struct bx_cluster_row *draft);
/* From a stored record. NULL when it does not read. */
struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n);
/* It is stored: the record is not needed any more. */
void bx_row_settle(struct bx_row_home *h, struct bx_row *row);
void bx_row_free(struct bx_row_home *h, struct bx_row *row);

/* ---- rows.c and config.c, for each other ---- */
/* Interned, or a private copy when the table is full; never NULL. */
const struct bx_istr *bx_row_name(struct bx_intern *in, struct bx_str s);
void bx_row_configs_init(struct bx_row_home *h);
/* The shared one that is alike, with a reference for the caller. Takes from h->arena. */
const struct bx_vm_config *bx_row_config(struct bx_row_home *h, const struct bx_vm_config *c);

static inline const struct bx_vm *bx_row_as_vm(const struct bx_row *r)
{
    return &((const struct bx_vm_block *)(const void *)r)->vm;
}
static inline const struct bx_node_row *bx_row_as_node(const struct bx_row *r)
{
    return &((const struct bx_node_block *)(const void *)r)->node;
}
static inline const struct bx_token *bx_row_as_token(const struct bx_row *r)
{
    return &((const struct bx_token_block *)(const void *)r)->token;
}
static inline const struct bx_cluster_row *bx_row_as_cluster(const struct bx_row *r)
{
    return &((const struct bx_cluster_block *)(const void *)r)->cluster;
}

/* ---- view.c: changing the view ---- */

struct bx_view {
    struct bx_row_home home;
    struct bx_map by_uuid, by_name; /* VM blocks */
    struct bx_row **nodes;          /* by id */
    uint32_t n_nodes, cap_nodes;
    struct bx_row **tokens; /* by hash */
    uint32_t n_tokens, cap_tokens;
    struct bx_row *cluster; /* never NULL */
    uint64_t revision, digest, time_ms;
    /* columns, in the order of nodes */
    uint64_t *id;
    int64_t *free_vcpus, *free_memory, *free_disk, *total_vcpus, *total_memory, *total_disk;
    uint8_t *state;
    uint64_t *inverse_vcpus, *inverse_memory, *inverse_disk;
};

int bx_view_init(struct bx_view *v, struct bx_intern *in);
void bx_view_close(struct bx_view *v);
/* Put `with` in the place of `old`; either may be NULL. The digest follows; nothing is freed. */
void bx_view_swap(struct bx_view *v, struct bx_row *old, struct bx_row *with);
struct bx_row *bx_view_token(const struct bx_view *v, const uint8_t hash[16]);
struct bx_row *bx_view_vm_row(const struct bx_view *v, const uint8_t uuid[16]);
struct bx_row *bx_view_node_row(const struct bx_view *v, uint64_t id);
const struct bx_vm *bx_view_vm_named(const struct bx_view *v, struct bx_str name);

#endif
