/* rows - the replicated rows and the list of changes; shared by the files of the state machine.
 *
 * A row is one block of memory: the head, the object that others read (struct bx_vm, struct
 * bx_node_row ...), and the canonical flat record that the object's views point into. The record is
 * what is hashed, stored and dumped. A VM's record stands apart and goes once it is stored; the row
 * has what it says, the configuration shared with the VMs that are alike. Rows are never changed,
 * only replaced, so a change is the pair (old, new): undone by putting the old one back, written by
 * storing the new one. */
#ifndef BX_ROWS_H
#define BX_ROWS_H

#include "mem/arena.h"
#include "mem/rc.h"
#include "mem/slab.h"
#include "state/index.h"
#include "state/kind.h"
#include "state/view.h"

#define BX_COMMAND_RECORD_MAX (512u << 10) /* bytes of a stored record */

struct bx_row { /* stands before every object */
    enum bx_table table;
    uint32_t len;  /* of the record */
    uint64_t hash; /* of the record */
    uint8_t *data; /* the record, 8-aligned; NULL: it was settled */
    uint32_t size; /* of the block */
    uint32_t slot; /* 1 + place in the turn's write set, 0: not in it */
};
_Static_assert(sizeof(struct bx_row) % _Alignof(uint64_t) == 0, "the object behind is aligned");

static inline const void *bx_row_object(const struct bx_row *row)
{
    return row + 1;
}

struct bx_token {
    uint8_t secret_hash[16];
    uint64_t expires_ms;
    uint64_t created_index;
};

/* The one object of the cluster itself. What moves with every entry is kept beside it (bx_meta). */
struct bx_cluster_row {
    uint8_t id[16], history[16];
    struct bx_str name;
    uint64_t next_node;
    uint32_t level;
    bool created;
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
/* How many configurations can be found again and so be shared; 0: 65,536. Before the first row. */
void bx_row_configs_bound(struct bx_row_home *h, uint64_t max);
/* Every row must have been freed. */
void bx_row_home_close(struct bx_row_home *h);

/* Make a row from a draft: an object of this kind whose views may point anywhere; names are
 * interned. A draft of a VM that is copied from a row shares what that one has; a new one has no
 * name, and its config is the caller's, with name and tenant. Never NULL: memory that is out ends
 * the process, which in apply loses nothing. */
struct bx_row *bx_row_make(struct bx_row_home *h, enum bx_table table, const void *draft);
/* From a stored record. NULL when it does not read. */
struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n);
/* It is stored: the record may not be needed any more. */
void bx_row_settle(struct bx_row_home *h, struct bx_row *row);
/* NULL is allowed. */
void bx_row_free(struct bx_row_home *h, struct bx_row *row);

/* ---- for the files that describe a kind ---- */

/* A block of n bytes; never NULL. */
void *bx_row_alloc(struct bx_row_home *h, size_t n);
/* Read a record into obj, whose views then point into the record; lists come from h->arena. */
bool bx_row_read(struct bx_row_home *h, const struct bx_schema *s, const uint8_t *p, size_t n,
                 void *obj);
/* Write an object's record, bx_flat_size bytes, and count it. */
void bx_row_write(const struct bx_schema *s, const void *obj, uint8_t *dst);
/* Interned, or a private copy when the table is full; never NULL. */
const struct bx_istr *bx_row_name(struct bx_intern *in, struct bx_str s);
void bx_row_configs_init(struct bx_row_home *h);
/* The shared one that is alike, with a reference for the caller. Takes from h->arena. */
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
static inline const struct bx_cluster_row *bx_row_as_cluster(const struct bx_row *r)
{
    return bx_row_object(r);
}

/* ---- changing the view ---- */

struct bx_view {
    struct bx_row_home home;
    struct bx_index kinds[BX__TABLES];
    void *derived[BX__TABLES]; /* the kind's own */
    uint64_t revision, digest, time_ms;
    /* ---- columns of the nodes, in the order of their ids ---- */
    uint32_t cap_columns;
    uint64_t *id;
    int64_t *free_vcpus, *free_memory, *free_disk, *total_vcpus, *total_memory, *total_disk;
    uint8_t *state;
    uint64_t *inverse_vcpus, *inverse_memory, *inverse_disk;
};

int bx_view_init(struct bx_view *v, struct bx_intern *in);
void bx_view_close(struct bx_view *v);
/* Put `with` in the place of `old`; either may be NULL. The digest follows; nothing is freed. */
void bx_view_swap(struct bx_view *v, struct bx_row *old, struct bx_row *with);
/* Add a row that was stored or dumped. A row of a kind of which there is always one takes the place
 * of that one, which is freed. */
void bx_view_add(struct bx_view *v, struct bx_row *row);

/* The row of an object; NULL: not there. key: as the kind's enum bx_key says. */
struct bx_row *bx_view_row(const struct bx_view *v, enum bx_table table, const void *key);
/* True when an object has the key or the name that this row's has. */
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
