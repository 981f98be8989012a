/* fsm_orphan - what becomes of the VMs of a node that is removed. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_uuid(const void *a, const void *b)
{
    const struct bx_vm *const *x = a, *const *y = b;

    return memcmp((*x)->uuid, (*y)->uuid, 16);
}

/* A VM pinned to the removed node loses its pin, because the node will not return. */
static void orphan(struct bx_fsm *f, const struct bx_vm *vm, const char *why)
{
    struct bx_vm_config config;
    struct bx_vm d = *vm;

    bx_fsm_own_config(&d, &config);
    config.node = bx_str("");
    if (config.strategy == BX_STRATEGY_MANUAL)
        config.strategy = BX_STRATEGY_MOST_AVAILABLE;
    d.node = 0;
    d.restart_pending = d.stop_force = false;
    d.phase = vm->desired == BX_DESIRED_STOPPED ? BX_PHASE_STOPPED : BX_PHASE_FAILED;
    d.message = bx_str(why);
    d.modified_index = bx_call_revision(f);
    d.modified_ms = f->view.time_ms;
    bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_VM, vm->uuid),
                  bx_row_make(&f->view.home, BX_TABLE_VM, &d));
}

void bx_fsm_vms_orphan(struct bx_fsm *f, const struct bx_node_row *node)
{
    const struct bx_vm **vms = bx_must_calloc(node->vms + 1, sizeof(struct bx_vm *)), *vm;
    char why[BX_NAME_MAX + 64];
    size_t n = 0, pos = 0;

    snprintf(why, sizeof why, "node %s was removed", node->name->s);
    while ((vm = bx_view_next_on_node(&f->view, node->info.id, &pos)) != NULL)
        vms[n++] = vm;
    /* Sort by uuid: the order of the map is not the same on every node. */
    qsort(vms, n, sizeof(struct bx_vm *), by_uuid);
    for (size_t i = 0; i < n; i++) {
        if (vms[i]->desired == BX_DESIRED_DELETED)
            bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_VM, vms[i]->uuid), NULL);
        else
            orphan(f, vms[i], why);
    }
    bx_free(vms);
}
