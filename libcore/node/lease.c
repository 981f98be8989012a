/* The life of a grant:
 *
 *   node                                        leader
 *    | bx_lease_request(vm, epoch)                 |
 *    | tick: {seq, receiver, time} kept in `sent`  |
 *    |------------ HEARTBEAT seq, requests ------->| kept as the node's `fresh` heartbeat
 *    |                                             | no barrier under way: `fresh` becomes
 *    |                                             | `pending`, a barrier is submitted
 *    |                                             |   ... the barrier is committed and applied
 *    |                                             | requests are compared with the state
 *    |<----------- GRANT seq, revision, granted ---|
 *    | seq found in `sent`: each granted pair that |
 *    | is still requested is held until T1 after   |
 *    | the heartbeat was sent                      |
 *
 * Failures:
 *   the heartbeat, the barrier or the grant is lost, or the leader changes: the next heartbeat asks
 *     again, 2 s later, or at once when another leader is known
 *   the grant's revision is not applied here yet: tick calls `granted` again when it is
 *   the barrier takes long: the grant ends T1 after the heartbeat was sent all the same
 *   the leader is deposed: on_role discards the pending heartbeats, so that whatever becomes of the
 *     barrier there is nothing left to answer
 *   memory is out: the heartbeat lists no requests, or is not answered; the next one asks again
 *   the node's daemon was restarted: the grant names another incarnation and is ignored
 *
 * A leader is a node, too, and sends its heartbeats to itself. So send and barrier may call back
 * into this module before they return; state is settled before either is called. */
#include "node/lease_priv.h"

#include "mem/alloc.h"

#include <assert.h>

static_assert(BX_T1_MS + BX_KILL_MS < BX_T2_MS, "a VM is placed anew only after its run has ended");

uint64_t bx_lease_now(const struct bx_lease *l)
{
    return l->p.clock->ops->boot_ms(l->p.clock);
}

uint64_t bx_lease_revision(const struct bx_lease *l)
{
    struct bx_cluster_info info;

    bx_view_cluster(l->p.view(l->p.ctx), &info);
    return info.revision;
}

struct bx_lease *bx_lease_create(const struct bx_lease_ports *p)
{
    struct bx_lease *l = bx_calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    l->p = *p;
    bx_lease_node_init(l);
    bx_lease_leader_init(l);
    return l;
}

void bx_lease_destroy(struct bx_lease *l)
{
    if (l == NULL)
        return;
    bx_lease_leader_close(l);
    bx_lease_node_close(l);
    bx_free(l);
}

uint64_t bx_lease_tick(struct bx_lease *l)
{
    bx_lease_leader_tick(l);
    return bx_lease_node_tick(l);
}

void bx_lease_stats(const struct bx_lease *l, struct bx_lease_stats *out)
{
    *out = l->stats;
    out->requests = l->node.map.n;
}
