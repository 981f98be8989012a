#include "state/rows.h"

#include "codec/flat.h"
#include "codec/head.h"
#include "mem/alloc.h"

#include <assert.h>

/* ---- VM ---- */

struct vm_record {
    uint8_t uuid[16];
    struct bx_vm_config config;
    uint8_t desired, phase;
    bool stop_force, restart_pending;
    uint32_t stop_timeout_s;
    uint64_t node, epoch, created_index, modified_index, created_ms, modified_ms;
    uint32_t score, margin;
    struct bx_str message;
};

static const struct bx_field vm_fields[] = {
    BX_FIELD(vm_record, uuid, BX_T_UUID),
    BX_VM_CONFIG_FIELDS(offsetof(struct vm_record, config)),
    BX_FIELD(vm_record, desired, BX_T_ENUM, .names = bx_desired_names),
    BX_FIELD(vm_record, phase, BX_T_ENUM, .names = bx_phase_names),
    BX_FIELD(vm_record, stop_force, BX_T_BOOL),
    BX_FIELD(vm_record, restart_pending, BX_T_BOOL),
    BX_FIELD(vm_record, stop_timeout_s, BX_T_U32),
    /* The config has a `node` too, by name: this is the id. */
    {.name = "node_id", .type = BX_T_U64, .offset = offsetof(struct vm_record, node)},
    BX_FIELD(vm_record, epoch, BX_T_U64),
    BX_FIELD(vm_record, created_index, BX_T_U64),
    BX_FIELD(vm_record, modified_index, BX_T_U64),
    BX_FIELD(vm_record, created_ms, BX_T_U64),
    BX_FIELD(vm_record, modified_ms, BX_T_U64),
    BX_FIELD(vm_record, score, BX_T_U32),
    BX_FIELD(vm_record, margin, BX_T_U32),
    BX_FIELD(vm_record, message, BX_T_STR, .max = 512),
};
static const struct bx_schema vm_schema = BX_SCHEMA("vm row", 200, vm_record, vm_fields);

/* ---- node, token, cluster ---- */

struct node_record {
    struct bx_node_info info;
    uint64_t created_index, modified_index;
};
static const struct bx_field node_fields[] = {
    BX_NODE_INFO_FIELDS(offsetof(struct node_record, info)),
    BX_FIELD(node_record, created_index, BX_T_U64),
    BX_FIELD(node_record, modified_index, BX_T_U64),
};
static const struct bx_schema node_schema = BX_SCHEMA("node row", 201, node_record, node_fields);

static const struct bx_field token_fields[] = {
    BX_FIELD(bx_token, secret_hash, BX_T_UUID),
    BX_FIELD(bx_token, expires_ms, BX_T_U64),
    BX_FIELD(bx_token, created_index, BX_T_U64),
};
static const struct bx_schema token_schema = BX_SCHEMA("token row", 202, bx_token, token_fields);

static const struct bx_field cluster_fields[] = {
    BX_FIELD(bx_cluster_row, id, BX_T_UUID),
    BX_FIELD(bx_cluster_row, history, BX_T_UUID),
    BX_FIELD(bx_cluster_row, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_cluster_row, next_node, BX_T_U64),
    BX_FIELD(bx_cluster_row, level, BX_T_U32),
    BX_FIELD(bx_cluster_row, created, BX_T_BOOL),
};
static const struct bx_schema cluster_schema =
    BX_SCHEMA("cluster row", 203, bx_cluster_row, cluster_fields);

/* ---- making ---- */

/* One block: the struct of `size` bytes, the record, then `extra` bytes for arrays. */
static struct bx_row *block(enum bx_table table, size_t size, size_t len, size_t extra)
{
    size_t at = (size + 15) & ~(size_t)15;
    struct bx_row *r = bx_must_calloc(1, at + len + extra);

    r->table = table;
    r->len = (uint32_t)len;
    r->data = (uint8_t *)r + at;
    return r;
}

/* Read the record into obj, views and all; pairs go behind the record. */
static bool views(const struct bx_schema *s, struct bx_row *r, void *obj, struct bx_pairs *pairs)
{
    struct bx_arena arena = {0};
    int rc = bx_flat_read(s, r->data, r->len, obj, &arena, NULL, NULL);

    if (rc == BX_NO_MEMORY)
        bx_oom(r->len); /* a sound record must not pass for a damaged one */
    if (rc == BX_OK && pairs != NULL && pairs->n > 0) {
        struct bx_pair *own = (struct bx_pair *)(void *)(r->data + r->len);

        memcpy(own, pairs->v, pairs->n * sizeof *own);
        pairs->v = own;
    }
    bx_arena_close(&arena);
    return rc == BX_OK;
}

static const struct bx_istr *name_of(struct bx_intern *in, struct bx_str s)
{
    const struct bx_istr *i = bx_intern_get(in, s.p, s.n);

    /* The table's bounds are above what the state's own bounds admit. */
    if (i == NULL)
        bx_oom(s.n);
    return i;
}

static bool finish_vm(struct bx_intern *in, struct bx_row *r)
{
    struct bx_vm *vm = &((struct bx_vm_block *)(void *)r)->vm;
    struct vm_record rec = {0};

    if (!views(&vm_schema, r, &rec, &rec.config.labels))
        return false;
    memcpy(vm->uuid, rec.uuid, 16);
    vm->config = rec.config;
    vm->desired = rec.desired;
    vm->phase = rec.phase;
    vm->stop_force = rec.stop_force;
    vm->stop_timeout_s = rec.stop_timeout_s;
    vm->restart_pending = rec.restart_pending;
    vm->node = rec.node;
    vm->epoch = rec.epoch;
    vm->created_index = rec.created_index;
    vm->modified_index = rec.modified_index;
    vm->created_ms = rec.created_ms;
    vm->modified_ms = rec.modified_ms;
    vm->score = rec.score;
    vm->margin = rec.margin;
    vm->message = rec.message;
    vm->name = name_of(in, rec.config.name);
    vm->tenant = name_of(in, rec.config.tenant);
    return true;
}

static bool finish_node(struct bx_intern *in, struct bx_row *r)
{
    struct bx_node_row *n = &((struct bx_node_block *)(void *)r)->node;
    struct node_record rec = {0};

    if (!views(&node_schema, r, &rec, NULL))
        return false;
    n->info = rec.info;
    n->created_index = rec.created_index;
    n->modified_index = rec.modified_index;
    n->name = name_of(in, rec.info.name);
    return true;
}

static bool finish(struct bx_intern *in, struct bx_row *r)
{
    r->hash = bx_hash(r->data, r->len);
    switch (r->table) {
    case BX_TABLE_VM:
        return finish_vm(in, r);
    case BX_TABLE_NODE:
        return finish_node(in, r);
    case BX_TABLE_TOKEN:
        return views(&token_schema, r, &((struct bx_token_block *)(void *)r)->token, NULL);
    case BX_TABLE_CLUSTER:
        return views(&cluster_schema, r, &((struct bx_cluster_block *)(void *)r)->cluster, NULL);
    case BX__TABLES:
        break;
    }
    return false;
}

static struct bx_row *make(struct bx_intern *in, enum bx_table table, size_t size,
                           const struct bx_schema *s, const void *record, size_t extra)
{
    struct bx_row *r = block(table, size, bx_flat_size(s, record), extra);
    bool ok;

    bx_flat_write(s, record, r->data);
    ok = finish(in, r);
    assert(ok); /* what was just written reads */
    (void)ok;
    return r;
}

struct bx_row *bx_row_vm(struct bx_intern *in, const struct bx_vm *d)
{
    struct vm_record rec = {.config = d->config,
                            .desired = d->desired,
                            .phase = d->phase,
                            .stop_force = d->stop_force,
                            .restart_pending = d->restart_pending,
                            .stop_timeout_s = d->stop_timeout_s,
                            .node = d->node,
                            .epoch = d->epoch,
                            .created_index = d->created_index,
                            .modified_index = d->modified_index,
                            .created_ms = d->created_ms,
                            .modified_ms = d->modified_ms,
                            .score = d->score,
                            .margin = d->margin,
                            .message = d->message};

    memcpy(rec.uuid, d->uuid, 16);
    return make(in, BX_TABLE_VM, sizeof(struct bx_vm_block), &vm_schema, &rec,
                d->config.labels.n * sizeof(struct bx_pair));
}

struct bx_row *bx_row_node(struct bx_intern *in, const struct bx_node_row *d)
{
    struct node_record rec = {d->info, d->created_index, d->modified_index};
    struct bx_row *r = make(in, BX_TABLE_NODE, sizeof(struct bx_node_block), &node_schema, &rec, 0);
    struct bx_node_row *n = &((struct bx_node_block *)(void *)r)->node;

    /* Derived from the VMs, not part of the record. */
    n->allocated_vcpus = d->allocated_vcpus;
    n->allocated_memory_mib = d->allocated_memory_mib;
    n->allocated_disk_gib = d->allocated_disk_gib;
    n->vms = d->vms;
    return r;
}

struct bx_row *bx_row_token(const struct bx_token *d)
{
    return make(NULL, BX_TABLE_TOKEN, sizeof(struct bx_token_block), &token_schema, d, 0);
}

struct bx_row *bx_row_cluster(const struct bx_cluster_row *d)
{
    return make(NULL, BX_TABLE_CLUSTER, sizeof(struct bx_cluster_block), &cluster_schema, d, 0);
}

/* What the pairs of a loaded record take; most have none. */
static size_t label_bytes(const struct bx_row *r)
{
    struct vm_record rec = {0};
    struct bx_arena arena = {0};
    int rc = bx_flat_read(&vm_schema, r->data, r->len, &rec, &arena, NULL, NULL);

    if (rc == BX_NO_MEMORY)
        bx_oom(r->len);
    bx_arena_close(&arena);
    return rc == BX_OK ? rec.config.labels.n * sizeof(struct bx_pair) : 0;
}

static struct bx_row *with_room(struct bx_row *r, size_t extra)
{
    size_t at = (size_t)(r->data - (uint8_t *)r);

    if (extra == 0)
        return r;
    r = bx_must_realloc(r, at + r->len + extra);
    r->data = (uint8_t *)r + at;
    return r;
}

struct bx_row *bx_row_load(struct bx_intern *in, enum bx_table table, const uint8_t *p, size_t n)
{
    static const size_t sizes[BX__TABLES] = {
        [BX_TABLE_CLUSTER] = sizeof(struct bx_cluster_block),
        [BX_TABLE_NODE] = sizeof(struct bx_node_block),
        [BX_TABLE_VM] = sizeof(struct bx_vm_block),
        [BX_TABLE_TOKEN] = sizeof(struct bx_token_block),
    };
    struct bx_row *r;

    if (table >= BX__TABLES || n == 0 || n > BX_COMMAND_RECORD_MAX)
        return NULL;
    r = block(table, sizes[table], n, 0);
    memcpy(r->data, p, n);
    if (table == BX_TABLE_VM)
        r = with_room(r, label_bytes(r));
    if (finish(in, r))
        return r;
    bx_free(r);
    return NULL;
}

void bx_row_free(struct bx_intern *in, struct bx_row *row)
{
    if (row == NULL)
        return;
    if (row->table == BX_TABLE_VM) {
        bx_intern_release(in, bx_row_as_vm(row)->name);
        bx_intern_release(in, bx_row_as_vm(row)->tenant);
    } else if (row->table == BX_TABLE_NODE) {
        bx_intern_release(in, bx_row_as_node(row)->name);
    }
    bx_free(row);
}
