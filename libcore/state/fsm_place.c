/* fsm_place - placement in apply, in dry runs, and the recent decisions kept for explain. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"
#include "rec/rec.h"

const char *bx_fsm_node_name(const struct bx_view *v, uint64_t id)
{
    const struct bx_node_row *n = bx_view_node(v, id);

    return n == NULL ? "" : n->name->s;
}

static const char *node_name_of(const void *ctx, uint64_t id)
{
    return bx_fsm_node_name(ctx, id);
}

/* ---- placing ---- */

static int pinned_node(struct bx_fsm *f, const struct bx_vm_config *c, uint64_t *id,
                       struct bx_err *err)
{
    const struct bx_node_row *n;
    int rc;

    *id = 0;
    if (c->node.n == 0)
        return BX_OK;
    rc = bx_view_find_node(&f->view, c->node, &n, err);
    if (rc == BX_OK)
        *id = n->info.id;
    return rc;
}

static void hint_relaxation(struct bx_fsm *f, const struct bx_decision *d, struct bx_err *err)
{
    const struct bx_relaxation *r = &d->relaxations[0];
    bool disk = r->reject == BX_REJECT_DISK && bx_fsm_level(f) >= 2; /* a text that is hashed */

    if (d->n_relaxations == 0)
        bx_err_hint(err, "add a node, or bring one up: blixardctl node list");
    else if (r->reject == BX_REJECT_PINNED)
        bx_err_hint(err, "it would fit on %s: use that one for --node, or omit --node",
                    bx_fsm_node_name(&f->view, r->node));
    else if (r->reject == BX_REJECT_LOW)
        bx_err_hint(err, "it would fit on %s: free some space on its disk",
                    bx_fsm_node_name(&f->view, r->node));
    else if (r->reject == BX_REJECT_NOT_UP)
        bx_err_hint(err, "it would fit on %s, which is not up: blixardctl node list",
                    bx_fsm_node_name(&f->view, r->node));
    else
        bx_err_hint(err, "it would fit on %s with %lld%s less (%s); or %s something there",
                    bx_fsm_node_name(&f->view, r->node), (long long)r->by,
                    r->reject == BX_REJECT_VCPUS ? " vcpus" : bx_reject_unit(r->reject),
                    bx_reject_names[r->reject], disk ? "delete" : "stop or delete");
}

static int place(struct bx_fsm *f, const struct bx_vm_config *c, struct bx_candidates *candidates,
                 struct bx_decision *d, struct bx_err *err)
{
    struct bx_sched_request rq = {.vcpus = c->vcpus,
                                  .memory_mib = c->memory_mib,
                                  .disk_gib = c->disk_gib,
                                  .strategy = c->strategy};
    struct bx_node_columns columns;
    char why[BX_ERR_MSG - 64];
    int rc = pinned_node(f, c, &rq.node, err);

    if (rc != BX_OK)
        return rc;
    bx_view_columns(&f->view, &columns);
    rc = bx_sched_decide(&columns, &rq, candidates, d);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "out of memory");
    if (d->placed)
        return BX_OK;
    bx_sched_why(&columns, &rq, candidates, node_name_of, &f->view, why, sizeof why);
    bx_err_set(err, BX_UNPLACEABLE, "fits on no node: %s", why);
    hint_relaxation(f, d, err);
    return BX_UNPLACEABLE;
}

static void count(struct bx_placement_stats *s, const struct bx_decision *d)
{
    s->placed += d->placed;
    s->unplaced += !d->placed;
    for (size_t i = 0; i < BX__REJECTS; i++)
        s->nodes[i] += d->counts[i];
}

int bx_fsm_place(struct bx_fsm *f, const struct bx_vm_config *c, struct bx_decision *d,
                 struct bx_err *err)
{
    int rc = place(f, c, &f->candidates, d, err);

    if (rc == BX_NO_MEMORY)
        bx_oom(0);
    if (rc == BX_OK || rc == BX_UNPLACEABLE)
        count(&f->placements, d);
    if (rc == BX_OK)
        BX_DEBUG("sched", "placed", "vm", c->name, "node", d->node);
    else if (rc == BX_UNPLACEABLE)
        BX_DEBUG("sched", "fits on no node", "vm", c->name);
    return rc;
}

void bx_fsm_placement_stats(const struct bx_fsm *f, struct bx_placement_stats *out)
{
    *out = f->placements;
}

/* The disk, if there is one, is there already. */
static bool has_room(struct bx_fsm *f, const struct bx_vm *vm, char *why, size_t size)
{
    struct bx_sched_request rq = {.vcpus = vm->config->vcpus, .memory_mib = vm->config->memory_mib};
    struct bx_node_columns columns;

    bx_view_columns(&f->view, &columns);
    return bx_sched_has_room(&columns, vm->node, &rq, bx_fsm_node_name(&f->view, vm->node), why,
                             size);
}

/* As placement sees it: a node whose disk is low on space takes nobody, if there is another one. */
static bool takes(const struct bx_fsm *f, uint64_t node)
{
    const struct bx_node_row *row = bx_view_node(&f->view, node);

    return row->info.state == BX_NODE_UP && row->low == BX_SPACE_OK;
}

int bx_fsm_place_to_start(struct bx_fsm *f, const struct bx_vm *vm, struct bx_decision *d,
                          struct bx_err *err)
{
    char why[BX_ERR_MSG - 96];
    bool room = has_room(f, vm, why, sizeof why);
    int rc = BX_UNPLACEABLE;

    memset(d, 0, sizeof *d);
    if (room && (takes(f, vm->node) || bx_vm_has_data(vm)))
        return BX_OK;
    if (!bx_vm_has_data(vm))
        rc = bx_fsm_place(f, vm->config, d, err);
    if (rc == BX_UNPLACEABLE && room)
        return BX_OK; /* it waits for its node */
    if (!bx_vm_has_data(vm))
        return rc;
    bx_err_set(err, BX_UNPLACEABLE, "VM \"%s\" cannot start where its disk is: %s", vm->name->s,
               why);
    bx_err_hint(err, "stop something there: blixardctl vm list --node %s --phase running",
                bx_fsm_node_name(&f->view, vm->node));
    return BX_UNPLACEABLE;
}

void bx_fsm_remember(struct bx_fsm *f, const uint8_t vm[16], const struct bx_decision *d)
{
    struct bx_kept_decision *k = &f->decisions[f->next_decision++ % BX_DECISIONS_KEPT];
    uint32_t n = (uint32_t)f->candidates.len;

    if (n > k->cap || k->candidates == NULL) {
        bx_free(k->candidates);
        k->candidates = bx_alloc(n * sizeof *k->candidates);
        k->cap = k->candidates == NULL ? 0 : n;
    }
    k->n = n < k->cap ? n : k->cap;
    if (k->n > 0)
        memcpy(k->candidates, f->candidates.items, k->n * sizeof *k->candidates);
    memcpy(k->vm, vm, 16);
    k->decision = *d;
}

/* ---- explaining ---- */

int bx_fsm_explain(struct bx_fsm *f, const struct bx_vm *vm, struct bx_candidates *c,
                   struct bx_decision *d, bool *recorded)
{
    struct bx_node_columns columns;
    struct bx_sched_request rq = {.vcpus = vm->config->vcpus,
                                  .memory_mib = vm->config->memory_mib,
                                  .disk_gib = vm->config->disk_gib,
                                  .strategy = vm->config->strategy};
    int rc;

    bx_candidates_clear(c);
    for (uint32_t i = 0; i < BX_DECISIONS_KEPT; i++) {
        const struct bx_kept_decision *k =
            &f->decisions[(f->next_decision - 1 - i) % BX_DECISIONS_KEPT]; /* the newest first */

        if (k->candidates == NULL || memcmp(k->vm, vm->uuid, 16) != 0)
            continue;
        *recorded = true;
        *d = k->decision;
        for (uint32_t j = 0; j < k->n; j++) {
            rc = bx_candidates_push(c, k->candidates[j]);
            if (rc != BX_OK)
                return rc;
        }
        return BX_OK;
    }
    *recorded = false;
    rc = pinned_node(f, vm->config, &rq.node, NULL);
    if (rc != BX_OK && rc != BX_NOT_FOUND)
        return rc;
    bx_view_columns(&f->view, &columns);
    return bx_sched_decide(&columns, &rq, c, d);
}

int bx_fsm_dry_run(struct bx_fsm *f, const struct bx_vm_config *config, struct bx_candidates *c,
                   struct bx_decision *d, struct bx_err *err)
{
    int rc = bx_vm_config_check(config, err);

    memset(d, 0, sizeof *d);
    if (rc != BX_OK)
        return rc;
    if (bx_fsm_vm_named(f, config->tenant, config->name) != NULL) {
        bx_err_set(err, BX_EXISTS, "a VM named \"" BX_STR_FMT "\" exists",
                   BX_STR_ARG(config->name));
        bx_err_hint(err, "choose another name");
        return BX_EXISTS;
    }
    rc = bx_kinds_admit(&f->view, config, err);
    return rc == BX_OK ? place(f, config, c, d, err) : rc;
}
