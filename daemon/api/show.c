#include "api/priv.h"

#include <stdio.h>
#include <string.h>

#define WHY_MAX 96

const char *api_node_name(const struct bx_view *v, uint64_t id)
{
    const struct bx_node_row *n = bx_view_node(v, id);

    return n == NULL ? NULL : n->name->s;
}

static struct bx_str node_of(const struct bx_view *v, uint64_t id)
{
    return bx_str(api_node_name(v, id));
}

static void show_phase(const struct bx_vm *vm, bool absent, uint64_t since_ms,
                       struct bx_vm_reply *out)
{
    bool backoff, unknown;

    out->phase = bx_shown_phase(vm->phase, vm->failures, absent);
    backoff = out->phase == BX_SHOWN_BACKOFF;
    unknown = out->phase == BX_SHOWN_UNKNOWN;
    out->failures = backoff ? vm->failures : 0;
    out->next_try_ms = backoff ? vm->next_try_ms : 0;
    out->last_phase = unknown ? vm->phase : 0;
    out->unknown_since_ms = unknown ? since_ms : 0;
}

void api_show_vm(const struct bx_view *v, const struct bx_vm *vm, struct bx_vm_reply *out)
{
    const struct bx_vm_config whole = bx_vm_whole_config(vm), *c = &whole;
    const struct bx_node_row *n = bx_view_node(v, vm->node);

    *out = (struct bx_vm_reply){
        .name = c->name,
        .tenant = c->tenant,
        .vcpus = c->vcpus,
        .memory_mib = c->memory_mib,
        .disk_gib = c->disk_gib,
        .desired = vm->desired,
        .node = bx_str(n == NULL ? NULL : n->name->s),
        .epoch = vm->epoch,
        .priority = c->priority,
        .labels = c->labels,
        .created_index = vm->created_index,
        .modified_index = vm->modified_index,
        .kernel = c->kernel,
        .initrd = c->initrd,
        .cmdline = c->cmdline,
        .strategy = c->strategy,
        .restart = c->restart,
        .on_lost = c->on_lost,
        .disk_ephemeral = c->disk_ephemeral,
        .created_ms = vm->created_ms,
        .modified_ms = vm->modified_ms,
        .message = vm->message,
        .score = vm->score,
        .metadata = c->metadata,
        .restarts = vm->restarts,
        .last_exit = vm->last_exit,
        .last_exited_ms = vm->last_exit_ms,
        .reserve = c->reserve,
        .reboots = vm->reboots,
        .last_reboot_ms = vm->last_reboot_ms,
    }; /* no address: guests have no network yet */
    memcpy(out->uuid, vm->uuid, sizeof out->uuid);
    if (n != NULL && n->info.state == BX_NODE_DOWN)
        show_phase(vm, true, n->state_ms, out);
    else
        show_phase(vm, false, 0, out);
}

void api_show_unknown(const struct bx_vm *vm, uint64_t since_ms, struct bx_vm_reply *out)
{
    if (out->phase != BX_SHOWN_UNKNOWN)
        show_phase(vm, true, since_ms, out);
}

void api_show_node(const struct bx_node_row *n, struct bx_node_reply *out)
{
    const struct bx_node_info *f = &n->info;

    *out = (struct bx_node_reply){
        .id = f->id,
        .name = {n->name->s, n->name->len},
        .address = f->address,
        .api = f->api,
        .state = f->state,
        .role = f->role,
        .capacity = {f->vcpus, f->memory_mib, f->disk_gib},
        .reserve = {f->reserve_vcpus, f->reserve_memory_mib, f->reserve_disk_gib},
        .allocated = {n->allocated_vcpus, n->allocated_memory_mib, n->allocated_disk_gib},
        .driver = f->driver,
        .datacenter = f->datacenter,
        .zone = f->zone,
        .rack = f->rack,
        .vms = n->vms,
        .created_index = n->created_index,
        .modified_index = n->modified_index,
        .state_since_ms = n->state_ms,
        .overcommit_vcpus_pct = f->overcommit_vcpus_pct,
        .overcommit_memory_pct = f->overcommit_memory_pct,
    };
}

void api_see_vm(const struct bx_node *node, const struct bx_vm *vm, struct bx_vm_reply *out)
{
    uint64_t since;

    api_show_vm(bx_node_view(node), vm, out);
    if (vm->node != 0 && bx_node_lost_sight(node, vm->node, &since))
        api_show_unknown(vm, since, out);
}

void api_see_node(const struct bx_node *node, const struct bx_node_row *n,
                  struct bx_node_reply *out)
{
    uint64_t since;

    api_show_node(n, out);
    out->space = (uint8_t)bx_node_space(node, n->info.id);
    if (n->info.state == BX_NODE_DOWN || !bx_node_lost_sight(node, n->info.id, &since))
        return;
    out->state = BX_SHOWN_UNREACHABLE;
    out->state_since_ms = since;
}

/* ---- decisions ---- */

/* "; it has 16 x 4.00": what the node has of the resource that is short; disk is not overcommitted.
 */
static void describe_capacity(const struct bx_view *v, const struct bx_candidate *from, char *out,
                              size_t size)
{
    const struct bx_node_row *n = bx_view_node(v, from->node);
    bool vcpus = from->reject == BX_REJECT_VCPUS;
    uint64_t has;
    uint32_t pct;

    out[0] = '\0';
    if (n == NULL || (!vcpus && from->reject != BX_REJECT_MEMORY))
        return;
    has = vcpus ? n->info.vcpus - n->info.reserve_vcpus
                : n->info.memory_mib - n->info.reserve_memory_mib;
    pct = vcpus ? n->info.overcommit_vcpus_pct : n->info.overcommit_memory_pct;
    snprintf(out, size, "; it has %llu%s x %u.%02u", (unsigned long long)has,
             bx_reject_unit(from->reject), pct / 100, pct % 100);
}

static struct bx_str why_rejected(struct api_call *c, const struct bx_view *v,
                                  const struct bx_candidate *from)
{
    char text[WHY_MAX + 64], capacity[64];

    if (from->reject == BX_FITS)
        return (struct bx_str){NULL, 0};
    if (from->missing <= 0)
        return bx_str(bx_reject_names[from->reject]);
    describe_capacity(v, from, capacity, sizeof capacity);
    snprintf(text, sizeof text, "%s (%lld%s missing%s)", bx_reject_names[from->reject],
             (long long)from->missing, bx_reject_unit(from->reject), capacity);
    return api_copy(c, bx_str(text));
}

static struct bx_list show_candidates(struct api_call *c, const struct bx_view *v,
                                      const struct bx_candidates *cs)
{
    struct bx_candidate_reply *list = api_alloc(c, cs->len * sizeof *list);

    for (size_t i = 0; i < cs->len; i++) {
        const struct bx_candidate *from = &cs->items[i];

        list[i] = (struct bx_candidate_reply){.node = node_of(v, from->node),
                                              .score = from->score,
                                              .rejected = why_rejected(c, v, from)};
    }
    return (struct bx_list){list, (uint32_t)cs->len};
}

static struct bx_list show_relaxations(struct api_call *c, const struct bx_view *v,
                                       const struct bx_decision *d)
{
    struct bx_relaxation_reply *list = api_alloc(c, d->n_relaxations * sizeof *list);

    for (uint32_t i = 0; i < d->n_relaxations; i++) {
        const struct bx_relaxation *from = &d->relaxations[i];

        list[i] = (struct bx_relaxation_reply){.change = bx_str(bx_reject_names[from->reject]),
                                               .node = node_of(v, from->node),
                                               .by = from->by};
    }
    return (struct bx_list){list, d->n_relaxations};
}

void api_show_decision(struct api_call *c, const struct bx_view *v, const struct bx_decision *d,
                       const struct bx_candidates *cs, bool recorded, struct bx_decision_reply *out)
{
    *out = (struct bx_decision_reply){.placed = d->placed,
                                      .score = d->score,
                                      .margin = d->margin,
                                      .recorded = recorded,
                                      .candidates = show_candidates(c, v, cs),
                                      .relaxations = show_relaxations(c, v, d)};
    if (d->placed)
        out->node = node_of(v, d->node);
}
