/* kind_node - the nodes: their rows, lookup, and the columns that placement reads. */
#include "state/rows.h"

#include "mem/alloc.h"
#include "state/sched_score.h"

#include <assert.h>

static const struct bx_field node_fields[] = {
    BX_NODE_INFO_FIELDS(offsetof(struct bx_node_row, info)),
    BX_FIELD(bx_node_row, created_index, BX_T_U64),
    BX_FIELD(bx_node_row, modified_index, BX_T_U64),
    BX_FIELD(bx_node_row, state_ms, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(bx_node_row, low, BX_T_ENUM, .names = bx_disk_space_names, .omit = true, .since = 2),
    BX_NODE_INFO_LATER_FIELDS(offsetof(struct bx_node_row, info)),
};
static const struct bx_schema node_schema = BX_SCHEMA("node row", 201, bx_node_row, node_fields);

static const struct bx_column node_columns[] = {
    BX_COLUMN(id, U64, bx_node_row, info.id, .key = true, .open = true),
    BX_COLUMN(name, TEXT, bx_node_row, info.name, .constraint = "UNIQUE", .open = true),
    BX_COLUMN(address, TEXT, bx_node_row, info.address, .open = true, .location = true),
    BX_COLUMN(api, TEXT, bx_node_row, info.api, .open = true, .location = true),
    BX_COLUMN(state, ENUM, bx_node_row, info.state, .names = bx_node_state_names, .open = true),
    BX_COLUMN(role, ENUM, bx_node_row, info.role, .names = bx_role_names, .open = true),
    BX_COLUMN(driver, TEXT, bx_node_row, info.driver, .open = true),
    BX_COLUMN(vcpus, U32, bx_node_row, info.vcpus, .open = true),
    BX_COLUMN(memory_mib, U64, bx_node_row, info.memory_mib, .open = true),
    BX_COLUMN(disk_gib, U64, bx_node_row, info.disk_gib, .open = true),
};

/* ---- rows ---- */

static void finish(struct bx_row_home *h, void *object, const void *draft)
{
    struct bx_node_row *n = object;
    const struct bx_node_row *d = draft;

    n->name = bx_row_name(h->intern, n->info.name);
    if (d == NULL)
        return;
    /* Derived from the VMs; not part of the record. */
    n->allocated_vcpus = d->allocated_vcpus;
    n->allocated_memory_mib = d->allocated_memory_mib;
    n->allocated_disk_gib = d->allocated_disk_gib;
    n->vms = d->vms;
    n->phases = d->phases;
}

static void release(struct bx_row_home *h, struct bx_row *row)
{
    bx_intern_release(h->intern, bx_row_as_node(row)->name);
}

/* ---- columns ---- */

static void close_columns(struct bx_view *v)
{
    bx_free(v->id);
    bx_free(v->free_vcpus);
    bx_free(v->state);
    bx_free(v->inverse_vcpus);
}

/* One block holds the six numeric columns, another the three inverse columns. */
static void grow_columns(struct bx_view *v, uint32_t cap)
{
    int64_t *numbers = bx_must_calloc(6 * (size_t)cap, sizeof *numbers);

    close_columns(v);
    v->inverse_vcpus = bx_must_calloc(3 * (size_t)cap, sizeof *v->inverse_vcpus);
    v->inverse_memory = v->inverse_vcpus + cap;
    v->inverse_disk = v->inverse_vcpus + 2 * (size_t)cap;
    v->id = bx_must_calloc(cap, sizeof *v->id);
    v->state = bx_must_calloc(cap, sizeof *v->state);
    v->free_vcpus = numbers;
    v->free_memory = numbers + cap;
    v->free_disk = numbers + 2 * (size_t)cap;
    v->total_vcpus = numbers + 3 * (size_t)cap;
    v->total_memory = numbers + 4 * (size_t)cap;
    v->total_disk = numbers + 5 * (size_t)cap;
    v->cap_columns = cap;
}

/* Unsigned arithmetic, which may wrap: a damaged row can reach this code before the digest is
 * checked. */
static void set_columns(struct bx_view *v, uint32_t i)
{
    const struct bx_node_row *n = bx_view_node_at(v, i);
    const struct bx_node_info *f = &n->info;

    v->id[i] = f->id;
    v->state[i] = f->state == BX_NODE_UP && n->low != BX_SPACE_OK ? BX_COLUMN_LOW : f->state;
    v->total_vcpus[i] =
        (int64_t)((uint64_t)(f->vcpus - f->reserve_vcpus) * f->overcommit_vcpus_pct / 100);
    v->total_memory[i] =
        (int64_t)((f->memory_mib - f->reserve_memory_mib) * f->overcommit_memory_pct / 100);
    v->total_disk[i] = (int64_t)(f->disk_gib - f->reserve_disk_gib);
    v->inverse_vcpus[i] = bx_sched_inverse(v->total_vcpus[i]);
    v->inverse_memory[i] = bx_sched_inverse(v->total_memory[i]);
    v->inverse_disk[i] = bx_sched_inverse(v->total_disk[i]);
    v->free_vcpus[i] = (int64_t)((uint64_t)v->total_vcpus[i] - n->allocated_vcpus);
    v->free_memory[i] = (int64_t)((uint64_t)v->total_memory[i] - n->allocated_memory_mib);
    v->free_disk[i] = (int64_t)((uint64_t)v->total_disk[i] - n->allocated_disk_gib);
}

static void swapped(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    const struct bx_index *nodes = &v->kinds[BX_TABLE_NODE];

    if (old != NULL && with != NULL) {
        set_columns(v, bx_index_place(nodes, &bx_row_as_node(with)->info.id));
        return;
    }
    if (nodes->cap > v->cap_columns)
        grow_columns(v, nodes->cap);
    for (uint32_t i = 0; i < nodes->n; i++)
        set_columns(v, i);
}

static bool frees_room(uint32_t level)
{
    return level >= 2;
}

bool bx_view_takes_room(const struct bx_view *v, const struct bx_vm *vm)
{
    return bx_phase_active(vm->phase) || vm->config->reserve ||
           !frees_room(bx_row_as_cluster(bx_view_cluster_row(v))->level);
}

/* Add (sign 1) or subtract (-1) a VM's resources on its node. */
static void account(struct bx_view *v, const struct bx_vm *vm, int sign)
{
    const struct bx_index *nodes = &v->kinds[BX_TABLE_NODE];
    struct bx_row *r = bx_index_get(nodes, &vm->node);
    uint64_t times = (uint64_t)(int64_t)sign, taken = bx_view_takes_room(v, vm) ? times : 0;
    struct bx_node_row *n;

    if (r == NULL)
        return;
    n = (struct bx_node_row *)(void *)(r + 1);
    n->allocated_vcpus += taken * vm->config->vcpus;
    n->allocated_memory_mib += taken * vm->config->memory_mib;
    n->allocated_disk_gib += times * vm->config->disk_gib;
    n->vms += times;
    bx_phases_count(&n->phases, vm, sign);
    set_columns(v, bx_index_place(nodes, &vm->node));
}

static void watched(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    if (old != NULL)
        account(v, bx_row_as_vm(old), -1);
    if (with != NULL)
        account(v, bx_row_as_vm(with), 1);
}

/* The sums do not depend on the order of the VMs. */
void bx_view_level_changed(struct bx_view *v, uint32_t from, uint32_t to)
{
    const struct bx_vm *vm;
    size_t pos = 0;

    if (frees_room(from) == frees_room(to))
        return;
    for (uint32_t i = 0; i < bx_view_nodes(v); i++) {
        struct bx_node_row *n = (struct bx_node_row *)(void *)(uintptr_t)bx_view_node_at(v, i);

        n->allocated_vcpus = n->allocated_memory_mib = n->allocated_disk_gib = n->vms = 0;
        n->phases = (struct bx_phase_counts){{0}, {0}};
        set_columns(v, i);
    }
    while ((vm = bx_view_next(v, BX_TABLE_VM, &pos)) != NULL)
        account(v, vm, 1);
}

BX_KIND(node, bx_node_row, BX_KEY_U64, info.id, "nodes", .ordered = true, .named = true,
        .name_at = offsetof(struct bx_node_row, name), .finish = finish, .release = release,
        .swapped = swapped, .watches = BX_TABLE_VM, .watched = watched, .close = close_columns,
        .all_tenants = true);

/* ---- lookup ---- */

const struct bx_node_row *bx_view_node(const struct bx_view *v, uint64_t id)
{
    return bx_view_get(v, BX_TABLE_NODE, &id);
}

/* Parse a decimal id without leading zeros; returns 0, which is never an id, for anything else. */
static uint64_t parse_id(struct bx_str s)
{
    uint64_t id = 0;

    if (s.n == 0 || s.n > 19 || s.p[0] == '0')
        return 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        id = 10 * id + (uint64_t)(s.p[i] - '0');
    }
    return id;
}

int bx_view_find_node(const struct bx_view *v, struct bx_str ref, const struct bx_node_row **node,
                      struct bx_err *err)
{
    const struct bx_node_row *named = bx_view_named(v, BX_TABLE_NODE, ref);
    const struct bx_node_row *numbered = bx_view_node(v, parse_id(ref));

    /* A name may look like the id of another node; then the node with the lower id is returned. */
    *node = named == NULL || (numbered != NULL && numbered->info.id < named->info.id) ? numbered
                                                                                      : named;
    if (*node != NULL)
        return BX_OK;
    bx_err_set(err, BX_NOT_FOUND, "no node \"%.*s\"", (int)(ref.n > 80 ? 80 : ref.n), ref.p);
    bx_err_hint(err, "blixardctl node list shows the nodes");
    return BX_NOT_FOUND;
}

uint32_t bx_view_nodes(const struct bx_view *v)
{
    return v->kinds[BX_TABLE_NODE].n;
}

int bx_view_member_room(const struct bx_view *v, uint8_t role, struct bx_err *err)
{
    uint32_t members = 0;

    if (role == BX_ROLE_AGENT)
        return BX_OK;
    for (uint32_t i = 0; i < bx_view_nodes(v); i++)
        members += bx_view_node_at(v, i)->info.role != BX_ROLE_AGENT;
    if (members < BX_MEMBERS_MAX)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "at most %u voting nodes", BX_MEMBERS_MAX);
    bx_err_hint(err, "remove one first: blixardctl node remove NAME");
    return BX_BUSY;
}

const struct bx_node_row *bx_view_node_at(const struct bx_view *v, uint32_t i)
{
    assert(i < bx_view_nodes(v));
    return bx_row_as_node(bx_view_row_at(v, BX_TABLE_NODE, i));
}

void bx_view_columns(const struct bx_view *v, struct bx_node_columns *out)
{
    *out = (struct bx_node_columns){.n = bx_view_nodes(v),
                                    .id = v->id,
                                    .free_vcpus = v->free_vcpus,
                                    .free_memory_mib = v->free_memory,
                                    .free_disk_gib = v->free_disk,
                                    .total_vcpus = v->total_vcpus,
                                    .total_memory_mib = v->total_memory,
                                    .total_disk_gib = v->total_disk,
                                    .state = v->state,
                                    .inverse_vcpus = v->inverse_vcpus,
                                    .inverse_memory = v->inverse_memory,
                                    .inverse_disk = v->inverse_disk};
}
