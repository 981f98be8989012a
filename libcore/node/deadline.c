/* deadline - leader time, as it is known here, and until when a command may enter the log.
 *
 * Leader time is the sum of what leaders measure between their batches (state/fsm.c); sessions
 * expire by it. A command leaves its node with a deadline in it: leader time now, and for how long
 * its caller waits. The leader takes none into a batch whose time is later. So a copy that lay
 * anywhere, for however long, can not be carried out after its caller has given up, and so not
 * after the outcome of another copy was dropped. Apply needs no check: a batch that has entered the
 * log stays at its time.
 *
 * A leader knows the time once it has applied an entry of its term: of all that was before, that
 * is, and its own batches it makes itself. Elsewhere the time is estimated, and never above what it
 * is: the newest batch that is applied, and for how long this leader has been heard of since then.
 * Where little is applied yet that would be far too early, so nothing is sent before all that was
 * committed at some time in this life is applied.
 *
 * Without batches that is not enough: who has started again, or not heard of the leader for a
 * while, does not know how long the leader has led since the newest one. What such a node relays
 * may come too late, by the leader's time. The leader then makes a batch, if need be one without
 * commands. It tells the time to whoever applies it, and that nothing of an earlier deadline will
 * be carried out any more: the node sends it again (bx_propose_on_time). */
#include "node/internal.h"

void bx_time_on_leader(struct bx_node *n)
{
    n->time.leader_since = bx_node_now(n);
    n->time.sealed = 0;
    n->time.known = false;
}

/* Before the first batch of a cluster there is no time, and no second one until it is applied. */
static bool leader_knows(struct bx_node *n)
{
    if (n->time.sealed != 0)
        return true;
    if (!bx_raft_caught_up(&n->raft))
        return false;
    n->time.sealed = bx_fsm_time(n->fsm);
    return n->time.sealed != 0 || bx_raft_uncommitted(&n->raft) == 0;
}

bool bx_time_known(struct bx_node *n)
{
    return bx_raft_is_leader(&n->raft) ? leader_knows(n) : bx_raft_fresh(&n->raft) != 0;
}

void bx_time_on_applied(struct bx_node *n)
{
    uint64_t applied = bx_fsm_time(n->fsm);

    if (!n->time.known && bx_time_known(n)) {
        n->time.known = true;
        bx_node_wake(n); /* what waited for it is sent */
    }
    if (applied == n->time.applied)
        return;
    n->time.applied = applied;
    n->time.applied_at = bx_node_now(n);
    bx_propose_on_time(n);
}

uint64_t bx_node_time(const struct bx_node *n)
{
    uint64_t since = n->time.leader_since, heard = n->raft.leader_contact_ms;

    if (bx_raft_is_leader(&n->raft))
        return n->time.sealed == 0 ? 0 : n->time.sealed + (bx_node_now(n) - n->propose.sealed_ms);
    if (n->time.applied == 0)
        return 0;
    if (since < n->time.applied_at)
        since = n->time.applied_at;
    return n->time.applied + (heard > since ? heard - since : 0);
}

/* A new leader does not know what has passed since the last entry of the one before. */
uint64_t bx_node_idle_ms(struct bx_node *n)
{
    uint64_t time = bx_node_time(n), applied = bx_fsm_time(n->fsm);

    if (time > n->time.latest)
        n->time.latest = time;
    return n->time.latest > applied ? n->time.latest - applied : 0;
}

uint64_t bx_node_token_left_ms(struct bx_node *n, const struct bx_token *t)
{
    uint64_t left = bx_token_left_ms(n->fsm, t), idle = t->ends_ms == 0 ? 0 : bx_node_idle_ms(n);

    return left > idle ? left - idle : 0;
}

void bx_time_on_sealed(struct bx_node *n, uint32_t elapsed_ms)
{
    if (n->time.sealed != 0)
        n->time.sealed += elapsed_ms;
}

uint64_t bx_time_deadline(const struct bx_node *n, uint64_t boot_ms)
{
    uint64_t time = bx_node_time(n), now = bx_node_now(n);
    uint64_t wait = boot_ms > now ? boot_ms - now : 0;

    return time == 0 ? 0 : time + (wait < BX_DEADLINE_MAX_MS ? wait : BX_DEADLINE_MAX_MS);
}
