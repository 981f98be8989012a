/* kind - the table of replicated object kinds.
 *
 * Each kind is described once, by a struct bx_kind_desc in its own file (kind_NAME.c). The view,
 * the rows, the store, dumps, snapshots and SQL iterate over the table. A kind that is listed here
 * but not described, or described without one of the arguments of BX_KIND, does not compile.
 * docs/HACKING.md lists the steps to add a kind. */
#ifndef BX_STATE_KIND_H
#define BX_STATE_KIND_H

#include "codec/schema.h"
#include "err.h"
#include "mem/intern.h"

/* X(number, NAME, name). The number is part of dumps and never changes. Kinds are loaded, dumped
 * and restored in this order. */
#define BX_KINDS(X)                                                                                \
    X(0, CLUSTER, cluster)                                                                         \
    X(1, NODE, node)                                                                               \
    X(2, VM, vm)                                                                                   \
    X(3, TOKEN, token)                                                                             \
    X(4, TENANT, tenant)                                                                           \
    X(5, CA, ca)                                                                                   \
    X(6, USER, user)                                                                               \
    X(7, USER_TOKEN, user_token)

#define BX_KIND_NUMBER(number, upper, lower) BX_TABLE_##upper = (number),
enum bx_table { BX_KINDS(BX_KIND_NUMBER) BX__TABLES };

struct bx_row;
struct bx_row_home;
struct bx_view;
struct bx_vm_config;

/* ---- keys ---- */

enum bx_key {
    BX_KEY_NONE,  /* a single object, which always exists */
    BX_KEY_U64,   /* uint64_t */
    BX_KEY_BYTES, /* uint8_t[16] */
    BX_KEY_NAME,  /* struct bx_str */
};

/* ---- columns of the SQL table ---- */

enum bx_column_type {
    BX_COLUMN_ONE, /* the constant 1: the key of a table with one row */
    BX_COLUMN_U8,
    BX_COLUMN_U16,
    BX_COLUMN_U32,
    BX_COLUMN_U64,
    BX_COLUMN_ENUM,     /* uint8_t; stored as its text, from names */
    BX_COLUMN_UUID,     /* uint8_t[16]; as text in users' queries */
    BX_COLUMN_BYTES,    /* uint8_t[16] */
    BX_COLUMN_TEXT,     /* struct bx_str */
    BX_COLUMN_INTERNED, /* const struct bx_istr * */
    BX__COLUMNS
};

/* Each table also has a last column, `data`: the record. */
struct bx_column {
    const char *name;
    enum bx_column_type type;
    uint16_t offset;          /* in the object, or in what `via` points to */
    uint16_t via;             /* offset of a pointer in the object; 0: none */
    const char *const *names; /* of an enum */
    const char *constraint;   /* SQL text after the type, or NULL */
    bool key;                 /* the table's key: exactly one column has it */
    bool open;                /* readable by users' queries */
    bool location;            /* of those, by administrators of the cluster alone */
};
#define BX_COLUMNS_MAX 32u

#define BX_COLUMN(col, typ, strukt, member, ...)                                                   \
    {                                                                                              \
        .name = #col, .type = BX_COLUMN_##typ, .offset = offsetof(struct strukt, member),          \
        __VA_ARGS__                                                                                \
    }
/* A column of the struct that the object's pointer `ptr` refers to. */
#define BX_COLUMN_VIA(col, typ, strukt, ptr, target, member, ...)                                  \
    {                                                                                              \
        .name = #col, .type = BX_COLUMN_##typ, .offset = offsetof(struct target, member),          \
        .via = offsetof(struct strukt, ptr), __VA_ARGS__                                           \
    }

/* A column that users' queries see besides the open ones, or in the place of the one of its name:
 * SQL text over the table's row, which is `t`. KIND_field(t.data, 'x') is the field x of the
 * record; pairs are JSON. */
struct bx_shown_column {
    const char *name, *sql;
};

/* ---- the descriptor ---- */

struct bx_kind_desc {
    const char *name;
    const struct bx_schema *schema; /* of the record that is hashed, stored and dumped */
    uint32_t size;                  /* of the object: the struct that other modules read */
    enum bx_key key;
    uint16_t key_at; /* in the object */
    const char *sql; /* name of the table */
    const struct bx_column *columns;
    uint32_t n_columns;

    /* ---- optional members ---- */

    /* Sorted by key, so that iteration is in order and lookup is a binary search; for kinds with up
     * to some thousand objects. Otherwise hashed by key. */
    bool ordered;
    bool named; /* it has a name, an interned one, by which it is found */
    uint16_t name_at;
    /* An interned text, such as its tenant: names are unique among those that have the same one. 0:
     * they are unique among all. */
    uint16_t scope_at;
    bool listed_by_name;                 /* it has a scope, and names are also kept in order */
    const char *sql_suffix;              /* after the column list of CREATE TABLE */
    const struct bx_shown_column *shown; /* see above; the last one has no name */
    /* What queries of one tenant see: the rows that have its name in this column, or all of them.
     * Neither: there is no such table. */
    const char *tenant_column;
    bool all_tenants;

    /* For kinds whose record differs from the object. make builds the row of a draft; load builds
     * it from a stored record, or returns NULL if the record is invalid. */
    struct bx_row *(*make)(struct bx_row_home *h, const void *draft);
    struct bx_row *(*load)(struct bx_row_home *h, const uint8_t *p, size_t n);
    /* Called after the record was read into the object, to compute derived members. draft NULL: it
     * was loaded. */
    void (*finish)(struct bx_row_home *h, void *object, const void *draft);
    /* The row is about to be freed: give back what the object holds. */
    void (*release)(struct bx_row_home *h, struct bx_row *row);
    /* The row was stored: its record is not needed any more. */
    void (*settle)(struct bx_row_home *h, struct bx_row *row);
    /* `with` took the place of `old` in the view; either may be NULL. */
    void (*swapped)(struct bx_view *v, const struct bx_row *old, const struct bx_row *with);
    /* The same for rows of the kind `watches`: what of this kind is derived from those. */
    enum bx_table watches;
    void (*watched)(struct bx_view *v, const struct bx_row *old, const struct bx_row *with);
    /* May a VM of this configuration be created, as far as this kind has a say? BX_OK, or a refusal
     * with words. Asked before the VM is placed. It runs inside apply: it reads the view alone. */
    int (*admit)(const struct bx_view *v, const struct bx_vm_config *config, struct bx_err *err);
    /* Free what the kind keeps in v->derived, or in members of its own. Its rows are still there.
     */
    void (*close)(struct bx_view *v);
};

/* Defines bx_kind_LOWER from LOWER_schema and LOWER_columns of the same file. key_member is the
 * member that is the key; of a kind without, any. */
#define BX_KIND(lower, strukt, key_type, key_member, table, ...)                                   \
    _Static_assert(sizeof lower##_columns / sizeof lower##_columns[0] < BX_COLUMNS_MAX,            \
                   "the table of " #lower " has room for its columns");                            \
    const struct bx_kind_desc bx_kind_##lower = {.name = #lower,                                   \
                                                 .schema = &lower##_schema,                        \
                                                 .size = sizeof(struct strukt),                    \
                                                 .key = (key_type),                                \
                                                 .key_at = offsetof(struct strukt, key_member),    \
                                                 .sql = (table),                                   \
                                                 .columns = lower##_columns,                       \
                                                 .n_columns = sizeof lower##_columns /             \
                                                              sizeof lower##_columns[0],           \
                                                 __VA_ARGS__}

#define BX_KIND_EXTERN(number, upper, lower) extern const struct bx_kind_desc bx_kind_##lower;
BX_KINDS(BX_KIND_EXTERN)

/* By number; complete. */
extern const struct bx_kind_desc *const bx_kinds[BX__TABLES];

/* What the kinds that have `admit` say, in the order of the table: BX_OK, or the first refusal. */
int bx_kinds_admit(const struct bx_view *v, const struct bx_vm_config *config, struct bx_err *err);

/* ---- an object's key and name ---- */

/* Ascending; a key as bx_view_get takes it: a pointer to what the enum says. */
int bx_kind_compare(const struct bx_kind_desc *k, const void *a, const void *b);
uint64_t bx_kind_hash(const struct bx_kind_desc *k, const void *key);
/* The hash of a BX_KEY_BYTES ends in the key's first bits, so that keys that begin alike are found
 * by bx_map_each_like; they are random (uuids), and so spread well. */
#define BX_KIND_PREFIX_BITS 16u
static inline uint64_t bx_kind_prefix(const uint8_t key[2])
{
    return (uint64_t)key[0] << 8 | key[1];
}
static inline const void *bx_kind_key(const struct bx_kind_desc *k, const void *object)
{
    return (const char *)object + k->key_at;
}
/* The column that is the key of its SQL table. */
const struct bx_column *bx_kind_key_column(const struct bx_kind_desc *k);
/* Of a kind that has a name, and one with a scope. */
static inline const struct bx_istr *bx_kind_name(const struct bx_kind_desc *k, const void *object)
{
    return *(const struct bx_istr *const *)(const void *)((const char *)object + k->name_at);
}
static inline const struct bx_istr *bx_kind_scope(const struct bx_kind_desc *k, const void *object)
{
    return *(const struct bx_istr *const *)(const void *)((const char *)object + k->scope_at);
}

#endif
