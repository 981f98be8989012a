/* kind_vm - the virtual machines: their rows and lookup.
 *
 * The key of the SQL table is the revision that created the VM, so rows are appended in sequence.
 * With the uuid or the name as the key, each insert and delete would touch a different page, which
 * at 100,000 VMs costs four times as much. The view ensures that uuids, and names within a tenant,
 * are unique, and the digest verifies it. */
#include "state/rows.h"

#include "codec/flat.h"

#include <stdio.h>

struct vm_record {
    uint8_t uuid[16];
    struct bx_vm_config config;
    uint8_t desired, phase;
    bool stop_force, restart_pending;
    uint32_t stop_timeout_s;
    uint64_t node, epoch, created_index, modified_index, created_ms, modified_ms;
    uint32_t score, margin;
    struct bx_str message;
    uint32_t restarts;
    uint64_t last_exit_ms;
    struct bx_str last_exit;
    uint32_t failures;
    uint64_t next_try_ms;
    uint32_t reboots;
    uint64_t last_reboot_ms;
    bool unbegun;
};

static const struct bx_field vm_fields[] = {
    BX_FIELD(vm_record, uuid, BX_T_UUID),
    BX_VM_CONFIG_FIELDS(offsetof(struct vm_record, config)),
    BX_FIELD(vm_record, desired, BX_T_ENUM, .names = bx_desired_names),
    BX_FIELD(vm_record, phase, BX_T_ENUM, .names = bx_phase_names),
    BX_FIELD(vm_record, stop_force, BX_T_BOOL),
    BX_FIELD(vm_record, restart_pending, BX_T_BOOL),
    BX_FIELD(vm_record, stop_timeout_s, BX_T_U32),
    /* The configuration also has a `node`, by name; this is the id. */
    {.name = "node_id", .type = BX_T_U64, .offset = offsetof(struct vm_record, node)},
    BX_FIELD(vm_record, epoch, BX_T_U64),
    BX_FIELD(vm_record, created_index, BX_T_U64),
    BX_FIELD(vm_record, modified_index, BX_T_U64),
    BX_FIELD(vm_record, created_ms, BX_T_U64),
    BX_FIELD(vm_record, modified_ms, BX_T_U64),
    BX_FIELD(vm_record, score, BX_T_U32),
    BX_FIELD(vm_record, margin, BX_T_U32),
    BX_FIELD(vm_record, message, BX_T_STR, .max = 512),
    BX_VM_CONFIG_LATER_FIELDS(offsetof(struct vm_record, config)),
    BX_FIELD(vm_record, restarts, BX_T_U32, .omit = true, .since = 2),
    BX_FIELD(vm_record, last_exit_ms, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(vm_record, last_exit, BX_T_STR, .max = 512, .omit = true, .since = 2),
    BX_FIELD(vm_record, failures, BX_T_U32, .omit = true, .since = 2),
    BX_FIELD(vm_record, next_try_ms, BX_T_U64, .omit = true, .since = 2),
    BX_VM_CONFIG_LAST_FIELDS(offsetof(struct vm_record, config)),
    BX_FIELD(vm_record, reboots, BX_T_U32, .omit = true, .since = 2),
    BX_FIELD(vm_record, last_reboot_ms, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(vm_record, unbegun, BX_T_BOOL, .omit = true, .since = 3),
};
static const struct bx_schema vm_schema = BX_SCHEMA("vm row", 200, vm_record, vm_fields);

static const struct bx_column vm_columns[] = {
    BX_COLUMN(uuid, UUID, bx_vm, uuid, .open = true),
    BX_COLUMN(name, INTERNED, bx_vm, name, .open = true),
    BX_COLUMN(tenant, INTERNED, bx_vm, tenant, .open = true),
    BX_COLUMN_VIA(vcpus, U32, bx_vm, config, bx_vm_config, vcpus, .open = true),
    BX_COLUMN_VIA(memory_mib, U64, bx_vm, config, bx_vm_config, memory_mib, .open = true),
    BX_COLUMN_VIA(disk_gib, U64, bx_vm, config, bx_vm_config, disk_gib, .open = true),
    BX_COLUMN(desired, ENUM, bx_vm, desired, .names = bx_desired_names, .open = true),
    BX_COLUMN(phase, ENUM, bx_vm, phase, .names = bx_phase_names, .open = true),
    BX_COLUMN(node, U64, bx_vm, node, .open = true),
    BX_COLUMN(epoch, U64, bx_vm, epoch, .open = true),
    BX_COLUMN_VIA(priority, U16, bx_vm, config, bx_vm_config, priority, .open = true),
    BX_COLUMN(created_index, U64, bx_vm, created_index, .key = true, .open = true),
    BX_COLUMN(modified_index, U64, bx_vm, modified_index, .open = true),
};

/* What the table does not have is read from the record. */
static const struct bx_shown_column vm_shown[] = {
    {"phase", "shown_phase(t.phase, t.data, t.node,"
              " (SELECT n.state FROM main.nodes n WHERE n.id = t.node))"},
    {"last_phase", "t.phase"},
    {"message", "vm_field(t.data, 'message')"},
    {"failures", "vm_field(t.data, 'failures')"},
    {"next_try_ms", "vm_field(t.data, 'next_try_ms')"},
    {"last_exit", "vm_field(t.data, 'last_exit')"},
    {"metadata", "vm_field(t.data, 'metadata')"},
    {NULL, NULL},
};

/* ---- rows ---- */

/* Copy a text of the draft to `at`; returns what is behind it. */
static char *keep_text(struct bx_str *text, char *at)
{
    if (text->n > 0)
        memcpy(at, text->p, text->n);
    text->p = at;
    return at + text->n;
}

/* Allocate header, object and texts, without the record. */
static struct bx_row *vm_block(struct bx_row_home *h, const struct bx_vm *d)
{
    size_t size = sizeof(struct bx_row) + sizeof(struct bx_vm) + d->message.n + d->last_exit.n;
    struct bx_row *r = bx_row_alloc(h, size);
    struct bx_vm *vm = (struct bx_vm *)(void *)(r + 1);

    *r = (struct bx_row){.table = BX_TABLE_VM, .size = (uint32_t)size};
    *vm = *d;
    keep_text(&vm->last_exit, keep_text(&vm->message, (char *)(vm + 1)));
    if (d->name != NULL) {
        bx_intern_ref(h->intern, d->name);
        bx_intern_ref(h->intern, d->tenant);
        bx_rc_ref(&h->configs, d->config);
    } else {
        vm->name = bx_row_name(h->intern, d->config->name);
        vm->tenant = bx_row_name(h->intern, d->config->tenant);
        vm->config = bx_row_config(h, d->config);
    }
    return r;
}

static struct bx_row *make(struct bx_row_home *h, const void *draft)
{
    const struct bx_vm *d = draft;
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
                            .message = d->message,
                            .restarts = d->restarts,
                            .last_exit_ms = d->last_exit_ms,
                            .last_exit = d->last_exit,
                            .failures = d->failures,
                            .next_try_ms = d->next_try_ms,
                            .reboots = d->reboots,
                            .last_reboot_ms = d->last_reboot_ms,
                            .unbegun = d->unbegun};
    struct bx_row *r = vm_block(h, d);

    memcpy(rec.uuid, d->uuid, 16);
    rec.config = bx_vm_whole_config(bx_row_as_vm(r));
    r->len = (uint32_t)bx_flat_size(&vm_schema, &rec);
    r->data = bx_row_alloc(h, r->len);
    bx_row_write(&vm_schema, &rec, r->data);
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
                        .message = rec->message,
                        .restarts = rec->restarts,
                        .last_exit_ms = rec->last_exit_ms,
                        .last_exit = rec->last_exit,
                        .failures = rec->failures,
                        .next_try_ms = rec->next_try_ms,
                        .reboots = rec->reboots,
                        .last_reboot_ms = rec->last_reboot_ms,
                        .unbegun = rec->unbegun};
    memcpy(d->uuid, rec->uuid, 16);
}

/* Keep the record as it was stored, even if this version would write it differently: the digest
 * covers its bytes. */
static struct bx_row *load(struct bx_row_home *h, const uint8_t *p, size_t n)
{
    uint8_t *record = bx_row_alloc(h, n);
    struct vm_record rec = {0};
    struct bx_row *r = NULL;
    struct bx_vm d;

    memcpy(record, p, n);
    if (bx_row_read(h, &vm_schema, record, n, &rec)) {
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

static void settle(struct bx_row_home *h, struct bx_row *row)
{
    bx_slab_free(&h->slab, row->data, row->len);
    row->data = NULL;
}

static void release(struct bx_row_home *h, struct bx_row *row)
{
    bx_intern_release(h->intern, bx_row_as_vm(row)->name);
    bx_intern_release(h->intern, bx_row_as_vm(row)->tenant);
    bx_rc_release(&h->configs, bx_row_as_vm(row)->config);
    settle(h, row);
}

void bx_phases_count(struct bx_phase_counts *counts, const struct bx_vm *vm, int sign)
{
    counts->present[bx_shown_phase(vm->phase, vm->failures, false)] += (uint32_t)sign;
    counts->absent[bx_shown_phase(vm->phase, vm->failures, true)] += (uint32_t)sign;
}

static void swapped(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    if (old != NULL)
        bx_phases_count(&v->phases, bx_row_as_vm(old), -1);
    if (with != NULL)
        bx_phases_count(&v->phases, bx_row_as_vm(with), 1);
}

const struct bx_phase_counts *bx_view_phases(const struct bx_view *v)
{
    return &v->phases;
}

BX_KIND(vm, bx_vm, BX_KEY_BYTES, uuid, "vms", .named = true,
        .name_at = offsetof(struct bx_vm, name), .scope_at = offsetof(struct bx_vm, tenant),
        .listed_by_name = true, .make = make, .load = load, .release = release, .settle = settle,
        .swapped = swapped, .shown = vm_shown, .tenant_column = "tenant");

/* ---- lookup ---- */

const struct bx_vm *bx_view_vm(const struct bx_view *v, const uint8_t uuid[16])
{
    return bx_view_get(v, BX_TABLE_VM, uuid);
}

bool bx_vm_has_data(const struct bx_vm *vm)
{
    return vm->config->disk_gib > 0 && !vm->config->disk_ephemeral && vm->epoch > 0;
}

/* A prefix of a uuid's text, with dashes in their places. */
struct prefix {
    uint32_t n; /* digits, at least 4 */
    uint8_t bytes[16];
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
    *p = (struct prefix){.n = 0};
    if (ref.n < 4 || ref.n >= BX_UUID_TEXT)
        return false;
    for (uint32_t i = 0; i < ref.n; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = nibble(ref.p[i]);

        if (dash ? ref.p[i] != '-' : digit < 0)
            return false;
        if (!dash) {
            p->bytes[p->n / 2] |= (uint8_t)(p->n % 2 == 0 ? digit << 4 : digit);
            p->n++;
        }
    }
    return true;
}

static bool has_prefix(const uint8_t uuid[16], const struct prefix *p)
{
    uint32_t whole = p->n / 2;

    return memcmp(uuid, p->bytes, whole) == 0 &&
           (p->n % 2 == 0 || (uuid[whole] >> 4) == (p->bytes[whole] >> 4));
}

bool bx_vm_uuid_begins(const struct bx_vm *vm, struct bx_str ref)
{
    struct prefix p;

    return parse_prefix(ref, &p) && has_prefix(vm->uuid, &p);
}

struct matches {
    const struct prefix *prefix;
    struct bx_str tenant;
    const struct bx_vm *vm;
    uint32_t n;
};

static void match(void *ctx, void *row)
{
    const struct bx_vm *vm = bx_row_as_vm(row);
    struct matches *m = ctx;

    if (!has_prefix(vm->uuid, m->prefix) || !bx_vm_is_of(vm, m->tenant))
        return;
    m->vm = vm;
    m->n++;
}

/* The result does not depend on the order in the map, because a match must be unique. */
static int by_prefix(const struct bx_view *v, struct bx_str tenant, struct bx_str ref,
                     const struct bx_vm **vm, struct bx_err *err)
{
    struct prefix p;
    struct matches m = {.prefix = &p, .tenant = tenant};

    if (parse_prefix(ref, &p))
        bx_map_each_like(&v->kinds[BX_TABLE_VM].by_key, bx_kind_prefix(p.bytes),
                         BX_KIND_PREFIX_BITS, match, &m);
    *vm = m.vm;
    if (m.n == 1)
        return BX_OK;
    if (m.n > 1) {
        bx_err_set(err, BX_CONFLICT, "\"" BX_STR_FMT "\" matches the uuids of %u VMs",
                   BX_STR_ARG(ref), m.n);
        bx_err_hint(err, "use more digits, or the name");
        return BX_CONFLICT;
    }
    bx_err_set(err, BX_NOT_FOUND, "no VM \"%.*s\"", (int)(ref.n > 80 ? 80 : ref.n), ref.p);
    bx_err_hint(err, "blixardctl vm list shows the VMs");
    return BX_NOT_FOUND;
}

#define TENANTS_TOLD 4u

/* Several tenants have a VM of this name. */
static int ambiguous(const struct bx_view *v, struct bx_str name, struct bx_err *err)
{
    const struct bx_index *x = &v->kinds[BX_TABLE_VM];
    struct bx_index_place at = bx_index_after_one(x, name, bx_str(""));
    char tenants[TENANTS_TOLD * (BX_NAME_MAX + 2) + 1] = "";
    const struct bx_row *row;
    uint32_t n = 0;
    size_t len = 0;

    for (; (row = bx_index_step(x, &at)) != NULL; n++) {
        const struct bx_vm *vm = bx_row_as_vm(row);

        if (!bx_str_eq((struct bx_str){vm->name->s, vm->name->len}, name))
            break;
        if (n < TENANTS_TOLD && len < sizeof tenants)
            len += (size_t)snprintf(tenants + len, sizeof tenants - len, "%s%s", n == 0 ? "" : ", ",
                                    vm->tenant->s);
    }
    bx_err_set(err, BX_CONFLICT, "%u tenants have a VM named \"" BX_STR_FMT "\"", n,
               BX_STR_ARG(name));
    bx_err_hint(err, "pass --tenant: %s%s", tenants, n > TENANTS_TOLD ? ", ..." : "");
    return BX_CONFLICT;
}

bool bx_view_shares_name(const struct bx_view *v, const struct bx_vm *vm)
{
    const struct bx_index *x = &v->kinds[BX_TABLE_VM];
    struct bx_str name = {vm->name->s, vm->name->len};
    struct bx_index_place at =
        bx_index_after_one(x, name, (struct bx_str){vm->tenant->s, vm->tenant->len});
    const struct bx_row *next = bx_index_step(x, &at);

    return next != NULL && bx_str_eq(name, (struct bx_str){bx_row_as_vm(next)->name->s,
                                                           bx_row_as_vm(next)->name->len});
}

int bx_view_find_vm_of(const struct bx_view *v, struct bx_str tenant, struct bx_str ref,
                       const struct bx_vm **vm, struct bx_err *err)
{
    uint8_t uuid[16];

    *vm = bx_uuid_parse(ref.p, ref.n, uuid) ? bx_view_vm(v, uuid) : NULL;
    if (*vm != NULL && bx_vm_is_of(*vm, tenant))
        return BX_OK;
    *vm = tenant.n > 0 ? bx_view_vm_named(v, tenant, ref) : bx_view_named(v, BX_TABLE_VM, ref);
    if (*vm == NULL)
        return by_prefix(v, tenant, ref, vm, err);
    return tenant.n == 0 && bx_view_shares_name(v, *vm) ? ambiguous(v, ref, err) : BX_OK;
}

const struct bx_vm *bx_view_vm_named(const struct bx_view *v, struct bx_str tenant,
                                     struct bx_str name)
{
    const struct bx_row *row = bx_index_named_in(&v->kinds[BX_TABLE_VM], tenant, name);

    return row == NULL ? NULL : bx_row_as_vm(row);
}

struct bx_index_place bx_view_vms_after(const struct bx_view *v, struct bx_str tenant,
                                        struct bx_str name, struct bx_str among)
{
    const struct bx_index *x = &v->kinds[BX_TABLE_VM];

    if (tenant.n > 0)
        return bx_index_after_in(x, tenant, name);
    if (among.n > 0)
        return bx_index_after_one(x, name, among);
    return bx_index_after(x, name.n == 0 ? NULL : &name);
}

const struct bx_vm *bx_view_vms_step(const struct bx_view *v, struct bx_str tenant,
                                     struct bx_index_place *at)
{
    const struct bx_index *x = &v->kinds[BX_TABLE_VM];
    const struct bx_row *row =
        tenant.n > 0 ? bx_index_step_in(x, tenant, at) : bx_index_step(x, at);

    return row == NULL ? NULL : bx_row_as_vm(row);
}

uint64_t bx_view_vms(const struct bx_view *v)
{
    return bx_view_count(v, BX_TABLE_VM);
}

const struct bx_vm *bx_view_next_on_node(const struct bx_view *v, uint64_t node, size_t *pos)
{
    const struct bx_vm *vm;

    do
        vm = bx_view_next(v, BX_TABLE_VM, pos);
    while (vm != NULL && vm->node != node);
    return vm;
}
