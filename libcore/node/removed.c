/* removed - this node was removed from the cluster.
 *
 * It learns it from its own state (its id was assigned and has no row any more), or from a member
 * that refuses its hello for that reason. An id is never assigned twice, so this is final. The node
 * then takes no part any more: it neither votes nor asks for votes, sends nothing and answers no
 * request but those about itself and its last state. What runs on this host is left alone, because
 * only an operator knows whether it was started elsewhere meanwhile. */
#include "node/internal.h"

#include "mutant.h"

#include <stdio.h>
#include <string.h>

int bx_removed_error(struct bx_err *err)
{
    bx_err_set(err, BX_UNREACHABLE, "this node was removed from the cluster");
    bx_err_hint(err, "ask another node; to use this host again, run blixardd --data DIR "
                     "--forget-cluster and join");
    return BX_UNREACHABLE;
}

bool bx_removed_by_state(const struct bx_node *n)
{
    struct bx_cluster_info c;

    bx_view_cluster(bx_fsm_view(n->fsm), &c);
    return c.next_node > n->id && bx_view_node(bx_fsm_view(n->fsm), n->id) == NULL;
}

/* ---- what still runs ---- */

struct each_run {
    const struct bx_node *node;
    void (*fn)(void *ctx, const char *name);
    void *ctx;
};

static void name_run(void *ctx, const uint8_t uuid[16])
{
    const struct each_run *each = ctx;
    const struct bx_vm *vm = bx_view_vm(bx_fsm_view(each->node->fsm), uuid);
    char text[BX_UUID_TEXT];

    bx_uuid_format(uuid, text);
    each->fn(each->ctx, vm == NULL ? text : vm->name->s);
}

void bx_node_runs(const struct bx_node *n, void (*fn)(void *ctx, const char *name), void *ctx)
{
    struct each_run each = {n, fn, ctx};

    bx_reconcile_each_run(n->reconcile, name_run, &each);
}

struct names {
    char text[400];
    size_t at;
    uint32_t n;
    bool full; /* ends with "..." */
};

static void add_name(void *ctx, const char *name)
{
    struct names *names = ctx;
    size_t left = sizeof names->text - names->at;

    if (names->full)
        return;
    names->full = strlen(name) + sizeof ", ..." >= left;
    names->at += (size_t)snprintf(names->text + names->at, left, "%s%s",
                                  names->n++ == 0 ? "" : ", ", names->full ? "..." : name);
}

/* ---- taking no part ---- */

static void end(struct bx_node *n)
{
    struct names names = {.n = 0};
    struct bx_err err;

    n->removed = true;
    bx_removed_error(&err);
    bx_propose_fail_all(n, &err);
    bx_reads_fail_all(n, &err);
    n->o.link->ops->set_peers(n->o.link, NULL, 0);
    bx_node_runs(n, add_name, &names);
    if (names.n == 0)
        BX_WARNING("node", "this node was removed from the cluster");
    else
        BX_WARNING("node", "this node was removed from the cluster; VMs still run here", "vms",
                   names.text);
}

bool bx_removed_turn(struct bx_node *n)
{
    if (!n->removed && (n->told_removed || bx_removed_by_state(n)))
        end(n);
    return n->removed;
}

void bx_node_on_removed(struct bx_node *n)
{
    n->told_removed = !BX_MUTATED(REMOVED_UNHEARD);
    bx_node_wake(n);
}

bool bx_node_was_removed(const struct bx_node *n, uint64_t id)
{
    return id == n->id ? n->removed : bx_peers_removed(&n->peers, id);
}
