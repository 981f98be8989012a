#include "state/rows.h"

#include "codec/flat.h"
#include "codec/header.h"
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
    bx_row_configs_init(h);
}

void bx_row_home_close(struct bx_row_home *h)
{
    bx_arena_close(&h->arena);
    bx_rc_close(&h->configs);
    bx_slab_close(&h->slab);
}

static void *take(struct bx_row_home *h, size_t n)
{
    void *p = bx_slab_alloc(&h->slab, n);

    if (p == NULL)
        bx_oom(n);
    return p;
}

/* One block: the struct of `size` bytes, then the record of len. */
static struct bx_row *block(struct bx_row_home *h, enum bx_table table, size_t size, size_t len)
{
    size_t at = (size + 15) & ~(size_t)15;
    struct bx_row *r = take(h, at + len);

    memset(r, 0, at);
    r->table = table;
    r->size = (uint32_t)(at + len);
    r->len = (uint32_t)len;
    r->data = (uint8_t *)r + at;
    return r;
}

/* Read a record into obj, views and all; lists come from the arena. */
static bool views(struct bx_row_home *h, const struct bx_schema *s, const uint8_t *p, size_t n,
                  void *obj)
{
    int rc = bx_flat_read(s, p, n, obj, &h->arena, NULL, NULL);

    if (rc == BX_NO_MEMORY)
        bx_oom(n); /* a sound record must not pass for a damaged one */
    return rc == BX_OK;
}

const struct bx_istr *bx_row_name(struct bx_intern *in, struct bx_str s)
{
    const struct bx_istr *i = bx_intern_hold(in, s.p, s.n);

    if (i == NULL)
        bx_oom(s.n);
    return i;
}

static bool finish_node(struct bx_row_home *h, struct bx_row *r)
{
    struct bx_node_row *n = &((struct bx_node_block *)(void *)r)->node;
    struct node_record rec = {0};

    if (!views(h, &node_schema, r->data, r->len, &rec))
        return false;
    n->info = rec.info;
    n->created_index = rec.created_index;
    n->modified_index = rec.modified_index;
    n->name = bx_row_name(h->intern, rec.info.name);
    return true;
}

/* Of every table but that of the VMs: none of their records has a list. */
static bool finish(struct bx_row_home *h, struct bx_row *r)
{
    r->hash = bx_hash(r->data, r->len);
    switch (r->table) {
    case BX_TABLE_NODE:
        return finish_node(h, r);
    case BX_TABLE_TOKEN:
        return views(h, &token_schema, r->data, r->len,
                     &((struct bx_token_block *)(void *)r)->token);
    case BX_TABLE_CLUSTER:
        return views(h, &cluster_schema, r->data, r->len,
                     &((struct bx_cluster_block *)(void *)r)->cluster);
    case BX_TABLE_VM:
    case BX__TABLES:
        break;
    }
    return false;
}

static struct bx_row *make(struct bx_row_home *h, enum bx_table table, size_t size,
                           const struct bx_schema *s, const void *record)
{
    struct bx_row *r = block(h, table, size, bx_flat_size(s, record));
    bool ok;

    bx_flat_write(s, record, r->data);
    ok = finish(h, r);
    assert(ok); /* what was just written reads */
    (void)ok;
    return r;
}

/* ---- a VM's ---- */

/* The row without its record: struct and message. */
static struct bx_row *vm_block(struct bx_row_home *h, const struct bx_vm *d)
{
    size_t size = sizeof(struct bx_vm_block) + d->message.n;
    struct bx_vm_block *b = take(h, size);
    char *message = (char *)(b + 1);

    *b = (struct bx_vm_block){.row = {.table = BX_TABLE_VM, .size = (uint32_t)size}, .vm = *d};
    if (d->message.n > 0)
        memcpy(message, d->message.p, d->message.n);
    b->vm.message.p = message;
    if (d->name != NULL) {
        bx_intern_ref(d->name);
        bx_intern_ref(d->tenant);
        bx_rc_ref(&h->configs, d->config);
    } else {
        b->vm.name = bx_row_name(h->intern, d->config->name);
        b->vm.tenant = bx_row_name(h->intern, d->config->tenant);
        b->vm.config = bx_row_config(h, d->config);
    }
    return &b->row;
}

struct bx_row *bx_row_vm(struct bx_row_home *h, const struct bx_vm *d)
{
    struct vm_record rec = {.desired = d->desired,
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
    struct bx_row *r = vm_block(h, d);

    memcpy(rec.uuid, d->uuid, 16);
    rec.config = bx_vm_whole_config(bx_row_as_vm(r));
    r->len = (uint32_t)bx_flat_size(&vm_schema, &rec);
    r->data = take(h, r->len);
    bx_flat_write(&vm_schema, &rec, r->data);
    r->hash = bx_hash(r->data, r->len);
    bx_arena_reset(&h->arena);
    return r;
}

static void draft_of(const struct vm_record *rec, struct bx_vm *d)
{
    *d = (struct bx_vm){.config = &rec->config,
                        .desired = rec->desired,
                        .phase = rec->phase,
                        .stop_force = rec->stop_force,
                        .restart_pending = rec->restart_pending,
                        .stop_timeout_s = rec->stop_timeout_s,
                        .node = rec->node,
                        .epoch = rec->epoch,
                        .created_index = rec->created_index,
                        .modified_index = rec->modified_index,
                        .created_ms = rec->created_ms,
                        .modified_ms = rec->modified_ms,
                        .score = rec->score,
                        .margin = rec->margin,
                        .message = rec->message};
    memcpy(d->uuid, rec->uuid, 16);
}

/* The record stays as it was stored, whatever this version would write: its bytes are in the
 * digest. */
static struct bx_row *load_vm(struct bx_row_home *h, const uint8_t *p, size_t n)
{
    uint8_t *record = take(h, n);
    struct vm_record rec = {0};
    struct bx_row *r = NULL;
    struct bx_vm d;

    memcpy(record, p, n);
    if (views(h, &vm_schema, record, n, &rec)) {
        draft_of(&rec, &d);
        r = vm_block(h, &d);
        r->data = record;
        r->len = (uint32_t)n;
        r->hash = bx_hash(record, n);
    } else {
        bx_slab_free(&h->slab, record, n);
    }
    bx_arena_reset(&h->arena);
    return r;
}

void bx_row_settle(struct bx_row_home *h, struct bx_row *row)
{
    if (row->table != BX_TABLE_VM)
        return;
    bx_slab_free(&h->slab, row->data, row->len);
    row->data = NULL;
}

/* ---- the others ---- */

struct bx_row *bx_row_node(struct bx_row_home *h, const struct bx_node_row *d)
{
    struct node_record rec = {d->info, d->created_index, d->modified_index};
    struct bx_row *r = make(h, BX_TABLE_NODE, sizeof(struct bx_node_block), &node_schema, &rec);
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
    return make(h, BX_TABLE_TOKEN, sizeof(struct bx_token_block), &token_schema, d);
}

struct bx_row *bx_row_cluster(struct bx_row_home *h, const struct bx_cluster_row *d)
{
    return make(h, BX_TABLE_CLUSTER, sizeof(struct bx_cluster_block), &cluster_schema, d);
}

struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n)
{
    static const size_t sizes[BX__TABLES] = {
        [BX_TABLE_CLUSTER] = sizeof(struct bx_cluster_block),
        [BX_TABLE_NODE] = sizeof(struct bx_node_block),
        [BX_TABLE_TOKEN] = sizeof(struct bx_token_block),
    };
    struct bx_row *r;

    if (table >= BX__TABLES || n == 0 || n > BX_COMMAND_RECORD_MAX)
        return NULL;
    if (table == BX_TABLE_VM)
        return load_vm(h, p, n);
    r = block(h, table, sizes[table], n);
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
        bx_rc_release(&h->configs, bx_row_as_vm(row)->config);
        bx_row_settle(h, row);
    } else if (row->table == BX_TABLE_NODE) {
        bx_intern_release(h->intern, bx_row_as_node(row)->name);
    }
    bx_slab_free(&h->slab, row, row->size);
}
