/* Sending proposals: into batches on the leader, into relays elsewhere. */
#include "node/internal.h"

#include "mutant.h"
#include "rec/rec.h"

#include <string.h>

static const uint64_t batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, BX_BATCH_COMMANDS_MAX};
const struct bx_histogram_info bx_batch_histogram = {
    .metric = {"blixard_propose_batch_commands", NULL, BX_HISTOGRAM,
               "commands in each entry that this node submitted as leader"},
    .bounds = batch_bounds,
    .n = sizeof batch_bounds / sizeof batch_bounds[0],
};

void bx_node_batches(const struct bx_node *n, struct bx_histogram *out)
{
    *out = n->propose.batches;
}

/* Leader time may be known worse than before: an earlier copy may have the later deadline. */
static void note_deadline(struct bx_propose *pr, struct bx_proposal *p)
{
    uint64_t deadline = bx_cmd_deadline(p->command.data);

    if (deadline == 0)
        deadline = UINT64_MAX;
    if (deadline > p->until)
        p->until = deadline;
    if (deadline < pr->earliest)
        pr->earliest = deadline;
}

/* Where each request went: into an entry of this node's log, or else in a frame to the leader. */
static void record_way(const struct bx_proposals *taken, uint64_t index, uint64_t leader)
{
    uint64_t before = bx_rec_traced();
    const struct bx_proposal *p;

    TAILQ_FOREACH(p, taken, link)
    {
        const char *name = bx_cmd_name(bx_cmd_kind(p->command.data));
        uint64_t trace = bx_cmd_trace(p->command.data);

        if (trace == 0)
            continue;
        bx_rec_trace(trace);
        if (index != 0)
            BX_DEBUG("propose", "in an entry", "command", name, "index", index);
        else
            BX_DEBUG("propose", "relayed to the leader", "command", name, "leader", leader);
    }
    bx_rec_trace(before);
}

/* They are on their way: a relayed one is done here, the others wait for their outcome. */
static void mark_sent(struct bx_propose *pr, struct bx_proposals *taken, uint64_t now)
{
    struct bx_proposal *p;

    while ((p = TAILQ_FIRST(taken)) != NULL) {
        TAILQ_REMOVE(taken, p, link);
        if (p->foreign) {
            bx_propose_release(pr, p);
            continue;
        }
        p->sent_ms = now;
        p->is_sent = true;
        note_deadline(pr, p);
        TAILQ_INSERT_TAIL(&pr->sent, p, link);
    }
}

/* They could not be sent: back to the head of the queue, in their order. */
static void put_back(struct bx_propose *pr, struct bx_proposals *taken)
{
    TAILQ_CONCAT(taken, &pr->queued, link);
    TAILQ_CONCAT(&pr->queued, taken, link);
}

/* Its caller has given up: by this node's clock, or by that of leaders. */
static bool is_late(const struct bx_proposal *p, uint64_t now, uint64_t time)
{
    uint64_t deadline = p->foreign ? bx_cmd_deadline(p->command.data) : 0;

    if (!p->foreign)
        return p->deadline <= now;
    return deadline != 0 && time > deadline && !BX_MUTATED(DEADLINE_IGNORED);
}

/* The node that relayed it is wrong about the time, or its caller has given up. Unless a batch that
 * it has not applied yet tells it so, the next one does. */
static void drop_late(struct bx_node *n, struct bx_proposal *p)
{
    struct bx_propose *pr = &n->propose;

    if (bx_cmd_deadline(p->command.data) >= n->time.sealed && !BX_MUTATED(TIME_UNTOLD))
        pr->tell_time = true;
    TAILQ_REMOVE(&pr->queued, p, link);
    bx_propose_release(pr, p);
}

/* Take as many commands as fit behind what the batch holds already; how many. What is late is not
 * taken: a relayed one is dropped, the caller of another is told so before long. */
static uint32_t fill(struct bx_node *n, struct bx_proposals *taken)
{
    uint64_t now = bx_node_now(n), time = bx_node_time(n);
    struct bx_propose *pr = &n->propose;
    struct bx_buf *b = &pr->batch;
    struct bx_proposal *p = TAILQ_FIRST(&pr->queued), *next;
    uint32_t count = 0;

    TAILQ_INIT(taken);
    for (; p != NULL && count < BX_BATCH_COMMANDS_MAX; p = next) {
        bool late = is_late(p, now, time);

        next = TAILQ_NEXT(p, link);
        if (late) {
            if (p->foreign)
                drop_late(n, p);
            continue;
        }
        if (count > 0 && b->len + p->command.len > BX_BATCH_BYTES_MAX)
            break;
        if (!p->foreign)
            bx_cmd_set_deadline(p->command.data, bx_time_deadline(n, p->deadline));
        if (bx_buf_append(b, p->command.data, p->command.len) != BX_OK)
            break;
        TAILQ_REMOVE(&pr->queued, p, link);
        TAILQ_INSERT_TAIL(taken, p, link);
        count++;
    }
    return count;
}

static void requeue(struct bx_propose *pr, struct bx_proposal *p, bool copied)
{
    TAILQ_REMOVE(&pr->sent, p, link);
    p->is_sent = false;
    p->copied = copied;
    TAILQ_INSERT_HEAD(&pr->queued, p, link);
    if (BX_MUTATED(RESEND_NEW_ID))
        bx_put64(p->command.data + 40, p->sequence + ((uint64_t)++pr->sequence << 32));
}

void bx_propose_requeue(struct bx_propose *pr)
{
    struct bx_proposal *p;

    while ((p = TAILQ_LAST(&pr->sent, bx_proposals)) != NULL)
        requeue(pr, p, true);
    pr->resend = false;
    pr->earliest = UINT64_MAX;
}

/* Before level 2 leaders look at no deadline. */
bool bx_propose_settled(const struct bx_node *n, const struct bx_proposal *p)
{
    return (!p->is_sent && !p->copied) || (bx_fsm_time(n->fsm) > p->until && bx_node_level(n) > 1);
}

/* Its caller still waits, or it would be gone: this node thought that it was earlier than it is. */
void bx_propose_on_time(struct bx_node *n)
{
    struct bx_propose *pr = &n->propose;
    struct bx_proposal *p, *before;
    uint64_t time = bx_fsm_time(n->fsm);

    if (time <= pr->earliest)
        return;
    pr->earliest = UINT64_MAX;
    for (p = TAILQ_LAST(&pr->sent, bx_proposals); p != NULL; p = before) {
        uint64_t deadline = bx_cmd_deadline(p->command.data);

        before = TAILQ_PREV(p, bx_proposals, link);
        if (deadline != 0 && deadline < time)
            requeue(pr, p, !bx_propose_settled(n, p));
        else if (deadline != 0 && deadline < pr->earliest)
            pr->earliest = deadline;
    }
    bx_node_wake(n);
}

/* What this node wanted to say as leader is not for another leader, and what it was relayed as
 * leader is sent again by who waits for it. */
static void drop_unrelayed(struct bx_propose *pr)
{
    struct bx_proposal *p = TAILQ_FIRST(&pr->queued), *next;
    struct bx_err err;

    bx_err_set(&err, BX_NO_LEADER, "this node is no longer leader");
    for (; p != NULL; p = next) {
        next = TAILQ_NEXT(p, link);
        if (!p->foreign && bx_may_be_relayed(bx_cmd_kind(p->command.data)))
            continue;
        TAILQ_REMOVE(&pr->queued, p, link);
        pr->counts.failed += !p->foreign;
        if (p->done != NULL)
            p->done(p->ctx, NULL, &err);
        bx_propose_release(pr, p);
    }
}

/* Entries of one term are committed in order, and those of the next term were made later. So the
 * times that leaders measure add up to no more than the time that has passed. */
static struct bx_stamp stamp_now(struct bx_node *n)
{
    struct bx_clock *c = n->o.clock;
    uint64_t elapsed = bx_node_now(n) - n->propose.sealed_ms;
    struct bx_stamp stamp = {.wall_ms = c->ops->wall_ms(c),
                             .elapsed_ms = elapsed > UINT32_MAX ? UINT32_MAX : (uint32_t)elapsed};

    c->ops->random(c, stamp.seed, sizeof stamp.seed);
    return stamp;
}

static bool submit_batch(struct bx_node *n)
{
    struct bx_buf *b = &n->propose.batch;
    struct bx_proposals taken;
    struct bx_stamp stamp;
    uint64_t index;
    uint32_t count;

    b->len = 0;
    if (bx_batch_begin(b) != BX_OK)
        return false;
    count = fill(n, &taken);
    if (count == 0 && !n->propose.tell_time)
        return false;
    stamp = stamp_now(n);
    bx_batch_seal(b, count, &stamp);
    if (bx_raft_submit_taken(&n->raft, RAFT_COMMAND, b, &index) != BX_OK) {
        put_back(&n->propose, &taken); /* not leader any more, or a transfer is under way */
        return false;
    }
    n->propose.tell_time = false;
    n->propose.sealed_ms += stamp.elapsed_ms;
    bx_time_on_sealed(n, stamp.elapsed_ms);
    bx_node_on_sealed(n, index);
    BX_DEBUG("propose", "submitted a batch", "index", index, "commands", count);
    record_way(&taken, index, 0);
    bx_histogram_add(&n->propose.batches, &bx_batch_histogram, count);
    mark_sent(&n->propose, &taken, bx_node_now(n));
    return true;
}

static void relay(struct bx_node *n, uint64_t leader)
{
    struct bx_propose *pr = &n->propose;

    while (!TAILQ_EMPTY(&pr->queued) && n->o.link->ops->connected(n->o.link, leader)) {
        struct bx_buf *frame = &pr->batch;
        struct bx_proposals taken;
        uint32_t count;

        frame->len = 0;
        if (bx_frame_begin(frame) != BX_OK || bx_buf_extend(frame, BX_RELAY_HEAD) == NULL)
            break;
        count = fill(n, &taken);
        if (count == 0)
            break;
        bx_put64(frame->data + BX_HEADER_SIZE, count);
        bx_frame_end(frame, BX_FRAME_RELAY);
        if (!n->o.link->ops->send(n->o.link, leader, frame)) {
            put_back(pr, &taken); /* the link's queue is full: the next turn tries again */
            return;
        }
        record_way(&taken, 0, leader);
        mark_sent(pr, &taken, bx_node_now(n));
    }
}

/* The next batch fills while others are in flight, or while this node's own disk is behind: the
 * others may commit without it, and its log must not queue what they do. */
static bool may_submit(const struct bx_node *n)
{
    return bx_raft_uncommitted(&n->raft) < BX_INFLIGHT_BATCHES &&
           (bx_wal_queued(n->wal) <= n->o.log_queue_bytes / 4 || BX_MUTATED(LOG_OVERRUN));
}

static bool has_work(const struct bx_propose *pr)
{
    return !TAILQ_EMPTY(&pr->queued) || pr->tell_time;
}

void bx_propose_turn(struct bx_node *n)
{
    struct bx_propose *pr = &n->propose;
    uint64_t leader = bx_raft_leader(&n->raft), term = bx_raft_term(&n->raft);

    if (leader != pr->sent_to || term != pr->sent_term) {
        uint64_t before = pr->sent_to;

        bx_propose_requeue(pr);
        n->leader_changes += leader != 0;
        memset(pr->sealed, 0, sizeof pr->sealed);
        pr->sent_to = leader;
        pr->sent_term = term;
        pr->tell_time = false;
        pr->sealed_ms = bx_node_now(n);
        bx_time_on_leader(n);
        if (leader == n->id)
            bx_member_on_elected(n, before);
        else if (leader != 0)
            drop_unrelayed(pr);
    } else if (pr->resend) {
        bx_propose_requeue(pr);
    }
    if (!has_work(pr) || leader == 0 || !bx_time_known(n))
        return;
    if (leader != n->id) {
        relay(n, leader);
        return;
    }
    while (has_work(pr) && may_submit(n) && bx_time_known(n)) {
        if (!submit_batch(n))
            break;
    }
}
