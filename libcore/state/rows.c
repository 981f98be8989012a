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

void bx_row_home_init(struct bx_row_home *h, struct bx_intern *in)
{
    *h = (struct bx_row_home){.intern = in};
}

void bx_row_home_close(struct bx_row_home *h)
{
    bx_arena_close(&h->arena);
    bx_slab_close(&h->slab);
}

/* One block: the struct of `size` bytes, the record, then `extra` bytes for arrays. */
static struct bx_row *block(struct bx_row_home *h, enum bx_table table, size_t size, size_t len,
                            size_t extra)
{
    size_t at = (size + 15) & ~(size_t)15, all = at + len + extra;
    struct bx_row *r = bx_slab_alloc(&h->slab, all);

    if (r == NULL)
        bx_oom(all);
    memset(r, 0, at);
    r->table = table;
    r->size = (uint32_t)all;
    r->len = (uint32_t)len;
    r->data = (uint8_t *)r + at;
    return r;
}

/* Read the record into obj, views and all; pairs go behind the record. */
static bool views(struct bx_row_home *h, const struct bx_schema *s, struct bx_row *r, void *obj,
                  struct bx_pairs *pairs)
{
    int rc = bx_flat_read(s, r->data, r->len, obj, &h->arena, NULL, NULL);

    if (rc == BX_NO_MEMORY)
        bx_oom(r->len); /* a sound record must not pass for a damaged one */
    if (rc == BX_OK && pairs != NULL && pairs->n > 0) {
        struct bx_pair *own = (struct bx_pair *)(void *)(r->data + r->len);

        memcpy(own, pairs->v, pairs->n * sizeof *own);
        pairs->v = own;
    }
    bx_arena_reset(&h->arena);
    return rc == BX_OK;
}

static const struct bx_istr *name_of(struct bx_intern *in, struct bx_str s)
{
    const struct bx_istr *i = bx_intern_hold(in, s.p, s.n);

    if (i == NULL)
        bx_oom(s.n);
    return i;
}

static bool finish_vm(struct bx_row_home *h, struct bx_row *r)
{
    struct bx_vm *vm = &((struct bx_vm_block *)(void *)r)->vm;
    struct vm_record rec = {0};

    if (!views(h, &vm_schema, r, &rec, &rec.config.labels))
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
    vm->name = name_of(h->intern, rec.config.name);
    vm->tenant = name_of(h->intern, rec.config.tenant);
    return true;
}

static bool finish_node(struct bx_row_home *h, struct bx_row *r)
{
    struct bx_node_row *n = &((struct bx_node_block *)(void *)r)->node;
    struct node_record rec = {0};

    if (!views(h, &node_schema, r, &rec, NULL))
        return false;
    n->info = rec.info;
    n->created_index = rec.created_index;
    n->modified_index = rec.modified_index;
    n->name = name_of(h->intern, rec.info.name);
    return true;
}

static bool finish(struct bx_row_home *h, struct bx_row *r)
{
    r->hash = bx_hash(r->data, r->len);
    switch (r->table) {
    case BX_TABLE_VM:
        return finish_vm(h, r);
    case BX_TABLE_NODE:
        return finish_node(h, r);
    case BX_TABLE_TOKEN:
        return views(h, &token_schema, r, &((struct bx_token_block *)(void *)r)->token, NULL);
    case BX_TABLE_CLUSTER:
        return views(h, &cluster_schema, r, &((struct bx_cluster_block *)(void *)r)->cluster, NULL);
    case BX__TABLES:
        break;
    }
    return false;
}

static struct bx_row *make(struct bx_row_home *h, enum bx_table table, size_t size,
                           const struct bx_schema *s, const void *record, size_t extra)
{
    struct bx_row *r = block(h, table, size, bx_flat_size(s, record), extra);
    bool ok;

    bx_flat_write(s, record, r->data);
    ok = finish(h, r);
    assert(ok); /* what was just written reads */
    (void)ok;
    return r;
}

struct bx_row *bx_row_vm(struct bx_row_home *h, const struct bx_vm *d)
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
    return make(h, BX_TABLE_VM, sizeof(struct bx_vm_block), &vm_schema, &rec,
                d->config.labels.n * sizeof(struct bx_pair));
}

struct bx_row *bx_row_node(struct bx_row_home *h, const struct bx_node_row *d)
{
    struct node_record rec = {d->info, d->created_index, d->modified_index};
    struct bx_row *r = make(h, BX_TABLE_NODE, sizeof(struct bx_node_block), &node_schema, &rec, 0);
    struct bx_node_row *n = &((struct bx_node_block *)(void *)r)->node;

    /* Derived from the VMs, not part of the record. */
    n->allocated_vcpus = d->allocated_vcpus;
    n->allocated_memory_mib = d->allocated_memory_mib;
    n->allocated_disk_gib = d->allocated_disk_gib;
    n->vms = d->vms;
    return r;
}

struct bx_row *bx_row_token(struct bx_row_home *h, const struct bx_token *d)
{
    return make(h, BX_TABLE_TOKEN, sizeof(struct bx_token_block), &token_schema, d, 0);
}

struct bx_row *bx_row_cluster(struct bx_row_home *h, const struct bx_cluster_row *d)
{
    return make(h, BX_TABLE_CLUSTER, sizeof(struct bx_cluster_block), &cluster_schema, d, 0);
}

/* How many labels a VM's record has: a row has room for these and no more. False when it does not
 * read. */
static bool count_labels(struct bx_row_home *h, const uint8_t *p, size_t n, size_t *labels)
{
    uint8_t *aligned = bx_arena_alloc(&h->arena, n);
    struct vm_record rec = {0};
    int rc = BX_NO_MEMORY;

    if (aligned != NULL) {
        memcpy(aligned, p, n);
        rc = bx_flat_read(&vm_schema, aligned, n, &rec, &h->arena, NULL, NULL);
    }
    if (rc == BX_NO_MEMORY)
        bx_oom(n);
    *labels = rec.config.labels.n;
    bx_arena_reset(&h->arena);
    return rc == BX_OK;
}

struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n)
{
    static const size_t sizes[BX__TABLES] = {
        [BX_TABLE_CLUSTER] = sizeof(struct bx_cluster_block),
        [BX_TABLE_NODE] = sizeof(struct bx_node_block),
        [BX_TABLE_VM] = sizeof(struct bx_vm_block),
        [BX_TABLE_TOKEN] = sizeof(struct bx_token_block),
    };
    size_t labels = 0;
    struct bx_row *r;

    if (table >= BX__TABLES || n == 0 || n > BX_COMMAND_RECORD_MAX)
        return NULL;
    if (table == BX_TABLE_VM && !count_labels(h, p, n, &labels))
        return NULL;
    r = block(h, table, sizes[table], n, labels * sizeof(struct bx_pair));
    memcpy(r->data, p, n);
    if (finish(h, r))
        return r;
    bx_slab_free(&h->slab, r, r->size);
    return NULL;
}

void bx_row_free(struct bx_row_home *h, struct bx_row *row)
{
    if (row == NULL)
        return;
    if (row->table == BX_TABLE_VM) {
        bx_intern_release(h->intern, bx_row_as_vm(row)->name);
        bx_intern_release(h->intern, bx_row_as_vm(row)->tenant);
    } else if (row->table == BX_TABLE_NODE) {
        bx_intern_release(h->intern, bx_row_as_node(row)->name);
    }
    bx_slab_free(&h->slab, row, row->size);
}
