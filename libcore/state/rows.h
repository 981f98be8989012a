/* rows - the replicated rows and the view's internals, shared by the files of the state machine.
 *
 * A row is one block of memory: a header, the object that other modules read (struct bx_vm, struct
 * bx_node_row ...), and the canonical flat record that the object's views point into. The record is
 * what is hashed, stored and dumped. A VM's record is a separate block that is freed once it is
 * stored; the VM shares its configuration with VMs that have an equal one. Rows are never modified,
 * only replaced, so a change is a pair (old, new): it is undone by restoring the old row and
 * written by storing the new one. */
#ifndef BX_ROWS_H
#define BX_ROWS_H

#include "mem/arena.h"
#include "mem/rc.h"
#include "mem/slab.h"
#include "state/ca.h"
#include "state/index.h"
#include "state/kind.h"
#include "state/token.h"
#include "state/view.h"

#define BX_COMMAND_RECORD_MAX (512u << 10) /* bytes of a stored record */

struct bx_row { /* precedes every object */
    enum bx_table table;
    uint32_t len;  /* of the record */
    uint64_t hash; /* of the record */
    uint8_t *data; /* the record, 8-aligned; NULL after bx_row_settle */
    uint32_t size; /* of the block */
    uint32_t slot; /* 1 + position in the turn's write set; 0: not in it */
};
_Static_assert(sizeof(struct bx_row) % _Alignof(uint64_t) == 0, "the object behind is aligned");

static inline const void *bx_row_object(const struct bx_row *row)
{
    return row + 1;
}

/* The single object of the cluster. Values that change with every entry are stored separately
 * (bx_meta). */
struct bx_cluster_row {
    uint8_t id[16], history[16];
    struct bx_str name;
    uint64_t next_node;
    uint32_t level;
    bool created;
};

/* The memory of rows. It comes from slabs, because a VM's row is replaced with every change. */
struct bx_row_home {
    struct bx_intern *intern;
    struct bx_slab slab;
    struct bx_rc_cache configs;
    struct bx_arena arena; /* temporary, while a row is made */
};

void bx_row_home_init(struct bx_row_home *h, struct bx_intern *in);
/* Bound on shared configurations; 0: 65,536. Call it before the first row is made. */
void bx_row_configs_bound(struct bx_row_home *h, uint64_t max);
/* Every row must have been freed. */
void bx_row_home_close(struct bx_row_home *h);

/* Make a row from a draft: an object of this kind whose views may point anywhere; names are
 * interned. A draft of a VM that is a copy of an existing one shares its name and configuration;
 * for a new VM, name is NULL and config belongs to the caller and includes name and tenant. Never
 * NULL: out of memory ends the process, which is safe in apply. */
struct bx_row *bx_row_make(struct bx_row_home *h, enum bx_table table, const void *draft);
/* Make a row from a stored record. NULL if the record is invalid. */
struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n);
/* Call this once the row is stored: frees the record if the kind does not need it any more. */
void bx_row_settle(struct bx_row_home *h, struct bx_row *row);
/* NULL is allowed. */
void bx_row_free(struct bx_row_home *h, struct bx_row *row);

/* ---- for the kind_*.c files ---- */

/* A block of n bytes; never NULL. */
void *bx_row_alloc(struct bx_row_home *h, size_t n);
/* Read a record into obj, whose views then point into the record; lists come from h->arena. */
bool bx_row_read(struct bx_row_home *h, const struct bx_schema *s, const uint8_t *p, size_t n,
                 void *obj);
/* Write an object's record, bx_flat_size bytes, and count it in the codec statistics. */
void bx_row_write(const struct bx_schema *s, const void *obj, uint8_t *dst);
/* Interned, or a private copy when the table is full; never NULL. */
const struct bx_istr *bx_row_name(struct bx_intern *in, struct bx_str s);
void bx_row_configs_init(struct bx_row_home *h);
/* The shared configuration equal to c, with a reference for the caller. Allocates from h->arena. */
const struct bx_vm_config *bx_row_config(struct bx_row_home *h, const struct bx_vm_config *c);

static inline const struct bx_vm *bx_row_as_vm(const struct bx_row *r)
{
    return bx_row_object(r);
}
static inline const struct bx_node_row *bx_row_as_node(const struct bx_row *r)
{
    return bx_row_object(r);
}
static inline const struct bx_token *bx_row_as_token(const struct bx_row *r)
{
    return bx_row_object(r);
}
static inline const struct bx_ca *bx_row_as_ca(const struct bx_row *r)
{
    return bx_row_object(r);
}
static inline const struct bx_cluster_row *bx_row_as_cluster(const struct bx_row *r)
{
    return bx_row_object(r);
}

/* ---- changing the view ---- */

struct bx_view {
    struct bx_row_home home;
    struct bx_index kinds[BX__TABLES];
    void *derived[BX__TABLES]; /* private data of the kind */
    uint64_t revision, digest, time_ms;
    struct bx_phase_counts phases; /* of all VMs */
    /* ---- columns of the nodes, in the order of their ids ---- */
    uint32_t cap_columns;
    uint64_t *id;
    int64_t *free_vcpus, *free_memory, *free_disk, *total_vcpus, *total_memory, *total_disk;
    uint8_t *state;
    uint64_t *inverse_vcpus, *inverse_memory, *inverse_disk;
};

int bx_view_init(struct bx_view *v, struct bx_intern *in);
void bx_view_close(struct bx_view *v);
/* Replace `old` by `with`; either may be NULL. Updates the digest; frees nothing. */
void bx_view_swap(struct bx_view *v, struct bx_row *old, struct bx_row *with);
/* Add (sign 1) or subtract (-1) a VM. */
void bx_phases_count(struct bx_phase_counts *counts, const struct bx_vm *vm, int sign);
/* The cluster's feature level has changed: count what the nodes hold by its rule. */
void bx_view_level_changed(struct bx_view *v, uint32_t from, uint32_t to);
/* Add a row that was loaded or restored. For a kind with a single object, it replaces the existing
 * row, which is freed. */
void bx_view_add(struct bx_view *v, struct bx_row *row);

/* The row of an object; NULL if there is none. The type of key is given by the kind's enum bx_key.
 */
struct bx_row *bx_view_row(const struct bx_view *v, enum bx_table table, const void *key);
/* True if an object has the key or the name of this row. */
bool bx_view_holds(const struct bx_view *v, const struct bx_row *row);
static inline struct bx_row *bx_view_row_at(const struct bx_view *v, enum bx_table ordered,
                                            uint32_t i)
{
    return v->kinds[ordered].rows[i];
}
static inline struct bx_row *bx_view_cluster_row(const struct bx_view *v)
{
    return bx_view_row_at(v, BX_TABLE_CLUSTER, 0);
}

#endif
