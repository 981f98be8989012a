#include "state/rows.h"

#include "mem/alloc.h"
#include "state/sched_score.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t uuid_hash(const uint8_t uuid[16])
{
    return bx_hash(uuid, 16);
}

static bool uuid_eq(const void *item, const void *key)
{
    return memcmp(bx_row_as_vm(item)->uuid, key, 16) == 0;
}

static bool name_eq(const void *item, const void *key)
{
    const struct bx_istr *name = bx_row_as_vm(item)->name;
    const struct bx_str *want = key;

    return name->len == want->n && memcmp(name->s, want->p, want->n) == 0;
}

/* ---- life ---- */

int bx_view_init(struct bx_view *v, struct bx_intern *in)
{
    struct bx_cluster_row none = {.next_node = 1, .level = 1};

    memset(v, 0, sizeof *v);
    bx_row_home_init(&v->home, in);
    v->cluster = bx_row_cluster(&v->home, &none);
    v->digest = v->cluster->hash;
    return BX_OK;
}

void bx_view_close(struct bx_view *v)
{
    struct bx_row *r;
    size_t pos = 0;

    while ((r = bx_map_next(&v->by_uuid, &pos)) != NULL)
        bx_row_free(&v->home, r);
    bx_map_close(&v->by_uuid);
    bx_map_close(&v->by_name);
    for (uint32_t i = 0; i < v->n_nodes; i++)
        bx_row_free(&v->home, v->nodes[i]);
    for (uint32_t i = 0; i < v->n_tokens; i++)
        bx_row_free(&v->home, v->tokens[i]);
    bx_row_free(&v->home, v->cluster);
    bx_row_home_close(&v->home);
    bx_free(v->nodes);
    bx_free(v->tokens);
    bx_free(v->id);
    bx_free(v->inverse_vcpus);
    bx_free(v->free_vcpus);
    bx_free(v->state);
    memset(v, 0, sizeof *v);
}

/* ---- columns ---- */

/* One block holds the six number columns, and one the three of inverses. */
static void grow_columns(struct bx_view *v)
{
    uint32_t cap = v->cap_nodes;
    int64_t *numbers = bx_must_calloc(6 * (size_t)cap, sizeof *numbers);

    bx_free(v->id);
    bx_free(v->free_vcpus);
    bx_free(v->state);
    bx_free(v->inverse_vcpus);
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
}

/* Without signs until the end: a damaged row gets here before the digest tells, and may wrap. */
static void set_columns(struct bx_view *v, uint32_t i)
{
    const struct bx_node_row *n = bx_row_as_node(v->nodes[i]);
    const struct bx_node_info *f = &n->info;

    v->id[i] = f->id;
    v->state[i] = f->state;
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

/* ---- finding ---- */

static uint32_t node_place(const struct bx_view *v, uint64_t id)
{
    uint32_t lo = 0, hi = v->n_nodes;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (bx_row_as_node(v->nodes[mid])->info.id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct bx_row *bx_view_node_row(const struct bx_view *v, uint64_t id)
{
    uint32_t i = node_place(v, id);

    return i < v->n_nodes && bx_row_as_node(v->nodes[i])->info.id == id ? v->nodes[i] : NULL;
}

const struct bx_node_row *bx_view_node(const struct bx_view *v, uint64_t id)
{
    const struct bx_row *r = bx_view_node_row(v, id);

    return r == NULL ? NULL : bx_row_as_node(r);
}

struct bx_row *bx_view_vm_row(const struct bx_view *v, const uint8_t uuid[16])
{
    return bx_map_get(&v->by_uuid, uuid_hash(uuid), uuid_eq, uuid);
}

const struct bx_vm *bx_view_vm(const struct bx_view *v, const uint8_t uuid[16])
{
    const struct bx_row *r = bx_view_vm_row(v, uuid);

    return r == NULL ? NULL : bx_row_as_vm(r);
}

const struct bx_vm *bx_view_vm_named(const struct bx_view *v, struct bx_str name)
{
    const struct bx_row *r = bx_map_get(&v->by_name, bx_hash(name.p, name.n), name_eq, &name);

    return r == NULL ? NULL : bx_row_as_vm(r);
}

struct bx_row *bx_view_token(const struct bx_view *v, const uint8_t hash[16])
{
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        if (memcmp(bx_row_as_token(v->tokens[i])->secret_hash, hash, 16) == 0)
            return v->tokens[i];
    }
    return NULL;
}

/* ---- changing ---- */

static void insert_at(struct bx_row **rows, uint32_t n, uint32_t i, struct bx_row *r)
{
    memmove(&rows[i + 1], &rows[i], (n - i) * sizeof *rows);
    rows[i] = r;
}

static void remove_at(struct bx_row **rows, uint32_t n, uint32_t i)
{
    memmove(&rows[i], &rows[i + 1], (n - i - 1) * sizeof *rows);
}

static void swap_node(struct bx_view *v, struct bx_row *old, struct bx_row *with)
{
    uint32_t i = node_place(v, bx_row_as_node(old != NULL ? old : with)->info.id);

    if (old != NULL && with != NULL) {
        v->nodes[i] = with;
        set_columns(v, i);
        return;
    }
    if (old == NULL) {
        if (v->n_nodes == v->cap_nodes) {
            v->cap_nodes = v->cap_nodes + v->cap_nodes / 4 + 8;
            v->nodes = bx_must_realloc(v->nodes, v->cap_nodes * sizeof *v->nodes);
            grow_columns(v);
        }
        insert_at(v->nodes, v->n_nodes++, i, with);
    } else {
        remove_at(v->nodes, v->n_nodes--, i);
    }
    for (i = 0; i < v->n_nodes; i++)
        set_columns(v, i);
}

static void swap_token(struct bx_view *v, struct bx_row *old, struct bx_row *with)
{
    uint32_t i = 0;

    while (i < v->n_tokens && v->tokens[i] != old)
        i++;
    if (old != NULL && with != NULL) {
        v->tokens[i] = with;
    } else if (old != NULL) {
        remove_at(v->tokens, v->n_tokens--, i);
    } else {
        if (v->n_tokens == v->cap_tokens) {
            v->cap_tokens += v->cap_tokens / 4 + 8;
            v->tokens = bx_must_realloc(v->tokens, v->cap_tokens * sizeof *v->tokens);
        }
        v->tokens[v->n_tokens++] = with;
    }
}

/* What a VM takes on its node, added (sign 1) or given back (-1). */
static void account(struct bx_view *v, const struct bx_vm *vm, int sign)
{
    struct bx_row *r = bx_view_node_row(v, vm->node);
    uint64_t times = (uint64_t)(int64_t)sign;
    struct bx_node_row *n;

    if (r == NULL)
        return;
    n = &((struct bx_node_block *)(void *)r)->node;
    n->allocated_vcpus += times * vm->config->vcpus;
    n->allocated_memory_mib += times * vm->config->memory_mib;
    n->allocated_disk_gib += times * vm->config->disk_gib;
    n->vms += times;
    set_columns(v, node_place(v, vm->node));
}

static void must(int rc)
{
    if (rc != BX_OK)
        bx_oom(0);
}

static void swap_vm(struct bx_view *v, struct bx_row *old, struct bx_row *with)
{
    const struct bx_vm *a = old == NULL ? NULL : bx_row_as_vm(old);
    const struct bx_vm *b = with == NULL ? NULL : bx_row_as_vm(with);

    if (a != NULL)
        account(v, a, -1);
    if (b != NULL)
        account(v, b, 1);
    if (a != NULL && b != NULL) {
        bx_map_replace(&v->by_uuid, uuid_hash(a->uuid), old, with);
        bx_map_replace(&v->by_name, a->name->hash, old, with);
    } else if (a != NULL) {
        bx_map_remove(&v->by_uuid, uuid_hash(a->uuid), old);
        bx_map_remove(&v->by_name, a->name->hash, old);
    } else {
        must(bx_map_add(&v->by_uuid, uuid_hash(b->uuid), with));
        must(bx_map_add(&v->by_name, b->name->hash, with));
    }
}

void bx_view_swap(struct bx_view *v, struct bx_row *old, struct bx_row *with)
{
    enum bx_table table = (old != NULL ? old : with)->table;

    v->digest -= old == NULL ? 0 : old->hash;
    v->digest += with == NULL ? 0 : with->hash;
    switch (table) {
    case BX_TABLE_CLUSTER:
        v->cluster = with;
        break;
    case BX_TABLE_NODE:
        swap_node(v, old, with);
        break;
    case BX_TABLE_VM:
        swap_vm(v, old, with);
        break;
    case BX_TABLE_TOKEN:
        swap_token(v, old, with);
        break;
    case BX__TABLES:
        break;
    }
}

/* ---- what others ask ---- */

/* The beginning of a uuid's text, dashes where they stand. */
struct prefix {
    uint32_t n; /* digits */
    uint8_t digits[32];
};

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_prefix(struct bx_str ref, struct prefix *p)
{
    p->n = 0;
    if (ref.n < 4 || ref.n >= BX_UUID_TEXT)
        return false;
    for (uint32_t i = 0; i < ref.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = nibble(ref.p[i]);

        if (dash ? ref.p[i] != '-' : digit < 0)
            return false;
        if (!dash)
            p->digits[p->n++] = (uint8_t)digit;
    }
    return true;
}

static bool has_prefix(const uint8_t uuid[16], const struct prefix *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if ((i % 2 == 0 ? uuid[i / 2] >> 4 : uuid[i / 2] & 15) != p->digits[i])
            return false;
    }
    return true;
}

/* The result does not depend on the order of the walk: only "exactly one" is an answer. */
static const struct bx_vm *by_prefix(const struct bx_view *v, const struct prefix *p,
                                     uint32_t *found)
{
    const struct bx_vm *hit = NULL;
    const struct bx_row *r;
    size_t pos = 0;

    *found = 0;
    while ((r = bx_map_next(&v->by_uuid, &pos)) != NULL) {
        if (has_prefix(bx_row_as_vm(r)->uuid, p)) {
            hit = bx_row_as_vm(r);
            ++*found;
        }
    }
    return hit;
}

int bx_view_find_vm(const struct bx_view *v, struct bx_str ref, const struct bx_vm **vm,
                    struct bx_err *err)
{
    struct prefix prefix;
    uint8_t uuid[16];
    uint32_t found = 0;

    *vm = bx_view_vm_named(v, ref);
    if (*vm == NULL && bx_uuid_parse(ref.p, ref.n, uuid))
        *vm = bx_view_vm(v, uuid);
    else if (*vm == NULL && parse_prefix(ref, &prefix))
        *vm = by_prefix(v, &prefix, &found);
    if (*vm != NULL && found <= 1)
        return BX_OK;
    if (found > 1) {
        bx_err_set(err, BX_CONFLICT, "\"" BX_STR_FMT "\" fits the uuid of %u VMs", BX_STR_ARG(ref),
                   found);
        bx_err_hint(err, "give more digits, or the name");
        return BX_CONFLICT;
    }
    bx_err_set(err, BX_NOT_FOUND, "no VM \"%.*s\"", (int)(ref.n > 80 ? 80 : ref.n), ref.p);
    bx_err_hint(err, "blixardctl vm list shows what there is");
    return BX_NOT_FOUND;
}

int bx_view_find_node(const struct bx_view *v, struct bx_str ref, const struct bx_node_row **node,
                      struct bx_err *err)
{
    char text[24];

    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const struct bx_node_row *n = bx_row_as_node(v->nodes[i]);

        snprintf(text, sizeof text, "%llu", (unsigned long long)n->info.id);
        if (bx_str_eq(n->info.name, ref) || bx_str_eq(bx_str(text), ref)) {
            *node = n;
            return BX_OK;
        }
    }
    *node = NULL;
    bx_err_set(err, BX_NOT_FOUND, "no node \"%.*s\"", (int)(ref.n > 80 ? 80 : ref.n), ref.p);
    bx_err_hint(err, "blixardctl node list shows what there is");
    return BX_NOT_FOUND;
}

uint32_t bx_view_nodes(const struct bx_view *v)
{
    return v->n_nodes;
}

const struct bx_node_row *bx_view_node_at(const struct bx_view *v, uint32_t i)
{
    assert(i < v->n_nodes);
    return bx_row_as_node(v->nodes[i]);
}

void bx_view_columns(const struct bx_view *v, struct bx_node_columns *out)
{
    *out = (struct bx_node_columns){.n = v->n_nodes,
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

uint64_t bx_view_vms(const struct bx_view *v)
{
    return v->by_uuid.n;
}

static int by_name(const void *a, const void *b)
{
    const struct bx_vm *const *x = a, *const *y = b;

    return strcmp((*x)->name->s, (*y)->name->s);
}

void bx_view_sorted_vms(const struct bx_view *v, const struct bx_vm **out)
{
    const struct bx_row *r;
    size_t pos = 0, n = 0;

    while ((r = bx_map_next(&v->by_uuid, &pos)) != NULL)
        out[n++] = bx_row_as_vm(r);
    qsort(out, n, sizeof *out, by_name);
}

const struct bx_vm *bx_view_next_on_node(const struct bx_view *v, uint64_t node, size_t *pos)
{
    const struct bx_row *r;

    while ((r = bx_map_next(&v->by_uuid, pos)) != NULL) {
        if (bx_row_as_vm(r)->node == node)
            return bx_row_as_vm(r);
    }
    return NULL;
}

void bx_view_cluster(const struct bx_view *v, struct bx_cluster_info *out)
{
    const struct bx_cluster_row *c = bx_row_as_cluster(v->cluster);

    memset(out, 0, sizeof *out);
    memcpy(out->id, c->id, 16);
    memcpy(out->history, c->history, 16);
    out->name = c->name;
    out->created = c->created;
    out->level = c->level;
    out->next_node = c->next_node;
    out->revision = v->revision;
    out->digest = v->digest;
    out->time_ms = v->time_ms;
}

void bx_view_memory(const struct bx_view *v, struct bx_view_memory *out)
{
    out->rows = v->home.slab.stats;
    out->configs = v->home.configs.stats;
}
