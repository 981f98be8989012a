/* fsm_vm - the commands of clients about VMs; what nodes report is in fsm_vm_report.c. Each command
 * decides first and changes afterwards, so a refusal has something to roll back only if the command
 * changes several objects. */
#include "state/fsm_priv.h"

#include "codec/header.h"
#include "mem/alloc.h"
#include "mutant.h"

#include <stdio.h>

static struct bx_str tenant_of(const struct bx_vm *vm)
{
    return (struct bx_str){vm->tenant->s, vm->tenant->len};
}

static struct bx_str node_str(const struct bx_view *v, uint64_t id)
{
    return bx_str(bx_fsm_node_name(v, id));
}

/* ---- drafts ---- */

/* A version 4 UUID (RFC 4122) from the batch's seed, the command's place in the batch and the
 * number of events of the command so far: no two objects share all three. */
static void derive_uuid(const struct bx_fsm *f, const struct bx_call *c, uint8_t out[16])
{
    uint8_t in[24];
    uint64_t a, b;

    memcpy(in, c->batch->stamp.seed, 16);
    bx_put64(in + 16, c->place | (uint64_t)f->told.len << 48);
    a = bx_hash(in, sizeof in);
    in[20] = 1;
    b = bx_hash(in, sizeof in);
    bx_put64(out, a);
    bx_put64(out + 8, b);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

void bx_fsm_vm_put(struct bx_fsm *f, struct bx_call *c, struct bx_row *before, struct bx_vm *draft,
                   enum bx_event_type type, struct bx_str detail)
{
    struct bx_row *after;

    draft->modified_index = bx_call_revision(f);
    draft->modified_ms = f->view.time_ms;
    after = bx_row_make(&f->view.home, BX_TABLE_VM, draft);
    bx_fsm_change(f, before, after);
    bx_call_event_of(f, tenant_of(bx_row_as_vm(after)), type, bx_str(bx_row_as_vm(after)->name->s),
                     node_str(&f->view, draft->node), detail);
    memcpy(c->out->object, draft->uuid, 16);
    c->out->node = draft->node;
}

static void put(struct bx_fsm *f, struct bx_call *c, struct bx_row *before, struct bx_vm *draft,
                enum bx_event_type type)
{
    bx_fsm_vm_put(f, c, before, draft, type, bx_str(bx_phase_name(draft->phase)->s));
}

void bx_fsm_own_config(struct bx_vm *draft, struct bx_vm_config *config)
{
    *config = bx_vm_whole_config(draft);
    draft->config = config;
    draft->name = draft->tenant = NULL;
}

void bx_fsm_vm_order_start(struct bx_vm *d)
{
    d->epoch++;
    d->desired = BX_DESIRED_RUNNING;
    d->phase = BX_PHASE_CREATING;
    d->restart_pending = false;
    d->stop_force = false;
    d->message = bx_str("");
    d->failures = d->reboots = 0;
    d->next_try_ms = d->last_reboot_ms = 0;
    d->unbegun = false;
}

int bx_fsm_vm_unchanged(struct bx_call *c, const struct bx_vm *vm)
{
    c->out->existed = true;
    memcpy(c->out->object, vm->uuid, 16);
    c->out->node = vm->node;
    return BX_OK;
}

static int stopping(struct bx_call *c, const struct bx_vm *vm)
{
    bool gone = vm->desired == BX_DESIRED_DELETED;

    bx_err_set(c->err, BX_CONFLICT, "VM \"%s\" is %s", vm->name->s,
               gone ? "being deleted" : "stopping");
    bx_err_hint(c->err, "try again after it %s: blixardctl vm show %s",
                gone ? "is deleted" : "has stopped", vm->name->s);
    return BX_CONFLICT;
}

static int exists(struct bx_call *c, const struct bx_vm *vm, const char *hint)
{
    bx_err_set(c->err, BX_EXISTS, "a VM named \"%s\" exists", vm->name->s);
    bx_err_hint(c->err, "%s", hint);
    return BX_EXISTS;
}

/* ---- create ---- */

const struct bx_vm *bx_fsm_vm_named(const struct bx_fsm *f, struct bx_str tenant,
                                    struct bx_str name)
{
    if (bx_fsm_level(f) < 3 || BX_MUTATED(NAMES_CROSS_TENANTS))
        return bx_view_named(&f->view, BX_TABLE_VM, name);
    return bx_view_vm_named(&f->view, tenant, name);
}

static int taken(struct bx_call *c, const struct bx_vm *vm, bool fine)
{
    if (fine && vm->desired == BX_DESIRED_DELETED)
        return stopping(c, vm); /* it exists, but is being deleted */
    if (fine)
        return bx_fsm_vm_unchanged(c, vm);
    return exists(c, vm, "choose another name, or add --if-not-exists");
}

int bx_fsm_vm_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_vm_config *config = &c->body->vm_create.config;
    struct bx_vm d = {.config = config};
    const struct bx_vm *there;
    struct bx_decision decision;
    int rc = bx_vm_config_check(config, c->err);

    if (rc != BX_OK)
        return rc;
    there = bx_fsm_vm_named(f, config->tenant, config->name);
    if (there != NULL)
        return taken(c, there, c->body->vm_create.if_not_exists);
    if (bx_fsm_level(f) >= 2 || c->body->vm_create.admit)
        rc = bx_kinds_admit(&f->view, config, c->err);
    if (rc == BX_OK)
        rc = bx_fsm_place(f, config, &decision, c->err);
    if (rc != BX_OK)
        return rc;
    derive_uuid(f, c, d.uuid);
    d.node = decision.node;
    d.score = decision.score;
    d.margin = decision.margin;
    if (BX_MUTATED(HASH_ORDER) && d.margin == 0 && decision.n_best > 1)
        d.node = decision.best[f->next_decision % 2].node;
    d.created_index = bx_call_revision(f);
    d.created_ms = f->view.time_ms;
    if (config->stopped) {
        d.desired = BX_DESIRED_STOPPED;
        d.phase = BX_PHASE_STOPPED;
    } else {
        bx_fsm_vm_order_start(&d);
    }
    bx_fsm_remember(f, d.uuid, &decision);
    put(f, c, NULL, &d, BX_EVENT_VM_CREATED);
    return BX_OK;
}

/* ---- start, stop, restart ---- */

/* A disk is on the node alone where the VM ran. Without a disk, with one that is empty at each
 * start, and before its first start, a VM loses nothing by being placed elsewhere. */
static int disk_is_lost(const struct bx_vm *vm, struct bx_err *err)
{
    if (!bx_vm_has_data(vm))
        return BX_OK;
    bx_err_set(err, BX_CONFLICT, "the disk of VM \"%s\" is lost: its node was removed",
               vm->name->s);
    bx_err_hint(err, "to start it with an empty disk: blixardctl vm start %s --discard-disk",
                vm->name->s);
    return BX_CONFLICT;
}

static void put_on(struct bx_fsm *f, struct bx_vm *d, const struct bx_decision *decision)
{
    d->node = decision->node;
    d->score = decision->score;
    d->margin = decision->margin;
    bx_fsm_remember(f, d->uuid, decision);
}

/* Its node was removed: place it again. */
static int place_again(struct bx_fsm *f, struct bx_call *c, struct bx_vm *d)
{
    struct bx_decision decision;
    int rc = c->body->vm_desire.keep_disk ? disk_is_lost(d, c->err) : BX_OK;

    if (rc == BX_OK)
        rc = bx_fsm_place(f, d->config, &decision, c->err);
    if (rc == BX_OK)
        put_on(f, d, &decision);
    return rc;
}

/* A VM that rests has given its vcpus and memory back, and others may have taken them. */
static int take_room(struct bx_fsm *f, struct bx_call *c, struct bx_vm *d)
{
    struct bx_decision decision;
    int rc;

    if (d->node == 0)
        return place_again(f, c, d);
    if (bx_view_takes_room(&f->view, d) || BX_MUTATED(ROOM_IGNORED))
        return BX_OK;
    rc = bx_fsm_place_to_start(f, d, &decision, c->err);
    if (rc == BX_OK && decision.placed)
        put_on(f, d, &decision);
    return rc;
}

static int start(struct bx_fsm *f, struct bx_call *c, struct bx_row *row, struct bx_vm *d)
{
    int rc;

    if (d->desired == BX_DESIRED_RUNNING && d->phase != BX_PHASE_FAILED)
        return bx_fsm_vm_unchanged(c, d);
    if (d->phase == BX_PHASE_STOPPING)
        return stopping(c, d);
    rc = take_room(f, c, d);
    if (rc != BX_OK)
        return rc;
    d->restarts = 0;
    bx_fsm_vm_order_start(d);
    put(f, c, row, d, BX_EVENT_VM_DESIRED);
    return BX_OK;
}

static int stop(struct bx_fsm *f, struct bx_call *c, struct bx_row *row, struct bx_vm *d)
{
    const struct bx_cmd_vm_desire *b = &c->body->vm_desire;

    /* A second stop may change a graceful stop into a forced one. */
    if (d->desired == BX_DESIRED_STOPPED && d->phase != BX_PHASE_FAILED &&
        (!b->force || d->stop_force || !bx_phase_active(d->phase)))
        return bx_fsm_vm_unchanged(c, d);
    d->desired = BX_DESIRED_STOPPED;
    d->phase = bx_phase_active(d->phase) ? BX_PHASE_STOPPING : BX_PHASE_STOPPED;
    d->stop_force = b->force;
    d->stop_timeout_s = b->timeout_s;
    d->restart_pending = false;
    put(f, c, row, d, BX_EVENT_VM_DESIRED);
    return BX_OK;
}

static int restart(struct bx_fsm *f, struct bx_call *c, struct bx_row *row, struct bx_vm *d)
{
    if (!bx_phase_active(d->phase))
        return start(f, c, row, d);
    if (d->restart_pending)
        return bx_fsm_vm_unchanged(c, d);
    d->desired = BX_DESIRED_RUNNING;
    d->phase = BX_PHASE_STOPPING;
    d->restart_pending = true;
    d->stop_force = c->body->vm_desire.force;
    d->stop_timeout_s = c->body->vm_desire.timeout_s;
    put(f, c, row, d, BX_EVENT_VM_DESIRED);
    return BX_OK;
}

int bx_fsm_vm_desire(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_vm_desire *b = &c->body->vm_desire;
    const struct bx_vm *vm;
    struct bx_row *row;
    struct bx_vm d;
    int rc = bx_fsm_vm_of(f, c, b->vm, b->uuid, &vm);

    if (rc != BX_OK)
        return rc;
    if (vm->desired == BX_DESIRED_DELETED)
        return stopping(c, vm);
    row = bx_view_row(&f->view, BX_TABLE_VM, vm->uuid);
    d = *vm;
    if (b->desired == BX_DESIRED_STOPPED)
        return stop(f, c, row, &d);
    if (b->desired == BX_DESIRED_RUNNING)
        return b->restart ? restart(f, c, row, &d) : start(f, c, row, &d);
    return bx_err_set(c->err, BX_INVALID, "a VM is deleted by another command");
}

/* ---- delete ---- */

void bx_fsm_vm_remove(struct bx_fsm *f, struct bx_call *c, struct bx_row *row)
{
    const struct bx_vm *vm = bx_row_as_vm(row);

    bx_call_event_of(f, tenant_of(vm), BX_EVENT_VM_DELETED, bx_str(vm->name->s),
                     node_str(&f->view, vm->node), bx_str(""));
    memcpy(c->out->object, vm->uuid, 16);
    c->out->node = vm->node;
    bx_fsm_change(f, row, NULL);
}

int bx_fsm_vm_delete(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_vm_delete *b = &c->body->vm_delete;
    const struct bx_vm *vm;
    struct bx_row *row;
    struct bx_vm d;
    int rc = bx_fsm_vm_of(f, c, b->vm, b->uuid, &vm);

    if (rc != BX_OK)
        return rc;
    if (vm->desired == BX_DESIRED_DELETED)
        return bx_fsm_vm_unchanged(c, vm);
    row = bx_view_row(&f->view, BX_TABLE_VM, vm->uuid);
    if (!bx_phase_active(vm->phase)) {
        bx_fsm_vm_remove(f, c, row);
        return BX_OK;
    }
    d = *vm;
    d.desired = BX_DESIRED_DELETED;
    d.phase = BX_PHASE_STOPPING;
    d.restart_pending = false;
    put(f, c, row, &d, BX_EVENT_VM_DESIRED);
    return BX_OK;
}

/* ---- rename ---- */

static void give_name(struct bx_fsm *f, struct bx_call *c, const struct bx_vm *vm,
                      struct bx_str name)
{
    struct bx_vm_config config;
    struct bx_vm d = *vm;

    bx_fsm_own_config(&d, &config);
    config.name = name;
    bx_fsm_vm_put(f, c, bx_view_row(&f->view, BX_TABLE_VM, vm->uuid), &d, BX_EVENT_VM_RENAMED,
                  bx_str(vm->name->s));
}

int bx_fsm_vm_rename(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_vm_rename *b = &c->body->vm_rename;
    const struct bx_vm *vm, *there;
    int rc = bx_name_check(b->name, "name", c->err);

    if (rc == BX_OK)
        rc = bx_fsm_vm_of(f, c, b->vm, b->uuid, &vm);
    if (rc != BX_OK)
        return rc;
    if (vm->desired == BX_DESIRED_DELETED)
        return stopping(c, vm);
    there = bx_fsm_vm_named(f, tenant_of(vm), b->name);
    if (there == vm)
        return bx_fsm_vm_unchanged(c, vm);
    if (there != NULL)
        return exists(c, there, "choose another name: blixardctl vm list shows those in use");
    give_name(f, c, vm, b->name);
    return BX_OK;
}
