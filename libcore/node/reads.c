/* reads - linearizable reads by a shared barrier.
 *
 * Reads that arrive while a barrier is under way wait in `fresh` for the next one. On the leader a
 * barrier is an entry of its own: once this node has applied it, everything that was committed
 * before the reads arrived is applied here, and no newer leader can have committed anything before
 * they arrived. A follower asks the leader with READ, gets the barrier's index back once the leader
 * has applied it, and answers when it has applied that index itself. When leader or term change, it
 * asks again. */
#include "node/internal.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <string.h>

int bx_reads_init(struct bx_node *n)
{
    TAILQ_INIT(&n->reads.fresh);
    TAILQ_INIT(&n->reads.asked);
    n->o.clock->ops->random(n->o.clock, &n->reads.id, sizeof n->reads.id);
    return bx_pool_init(&n->reads.pool, "read", sizeof(struct bx_waiting_read), n->o.reads, NULL);
}

/* Answer a read that is in no list any more. err NULL: it may be read now. */
static void answer(struct bx_node *n, struct bx_waiting_read *r, const struct bx_err *err)
{
    n->reads.n--;
    if (r->from != 0) {
        struct bx_read ok = {.id = r->from_id, .index = err == NULL ? n->reads.index : 0};

        bx_node_send(n, r->from, BX_FRAME_READ_OK, &bx_read_schema, &ok);
    } else if (r->done_code != NULL) {
        r->done_code(r->ctx, err == NULL ? BX_OK : err->code);
    } else if (r->done != NULL) {
        r->done(r->ctx, err);
    }
    bx_pool_release(&n->reads.pool, r);
}

static void fail_all(struct bx_node *n, struct bx_waiting_reads *list, const struct bx_err *err)
{
    struct bx_waiting_read *r;

    while ((r = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, r, link);
        answer(n, r, err);
    }
}

void bx_reads_fail_all(struct bx_node *n, const struct bx_err *err)
{
    fail_all(n, &n->reads.fresh, err);
    fail_all(n, &n->reads.asked, err);
}

void bx_reads_close(struct bx_node *n)
{
    struct bx_err err;

    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    bx_reads_fail_all(n, &err);
    bx_pool_close(&n->reads.pool);
}

static struct bx_waiting_read *add(struct bx_node *n)
{
    struct bx_waiting_read *r;

    if (n->closing || n->reads.n >= BX_READS_MAX)
        return NULL;
    r = bx_pool_acquire(&n->reads.pool);
    if (r == NULL)
        return NULL;
    TAILQ_INSERT_TAIL(&n->reads.fresh, r, link);
    n->reads.n++;
    bx_node_wake(n);
    return r;
}

/* Without a quorum nothing that waits gets done, so that is why there is no room. */
static int refuse_more(const struct bx_node *n, struct bx_err *err)
{
    int rc = bx_node_lacks_members(n, "read", "", err) ? BX_NO_LEADER : BX_BUSY;

    if (rc == BX_BUSY)
        bx_err_set(err, rc, "too many pending reads (%u)", n->reads.n);
    bx_err_hint(err, "try again, or read with --consistency stale");
    return rc;
}

int bx_node_barrier(struct bx_node *n, uint64_t deadline,
                    void (*done)(void *ctx, const struct bx_err *err), void *ctx,
                    struct bx_err *err)
{
    struct bx_waiting_read *r = n->removed ? NULL : add(n);

    if (n->removed)
        return bx_removed_error(err);
    if (r == NULL)
        return refuse_more(n, err);
    r->deadline = deadline;
    r->done = done;
    r->ctx = ctx;
    return BX_OK;
}

void bx_reads_as_leader(struct bx_node *n, void (*done)(void *arg, int code), void *arg)
{
    struct bx_waiting_read *r = bx_raft_is_leader(&n->raft) ? add(n) : NULL;

    if (r == NULL) {
        done(arg, BX_NO_LEADER);
        return;
    }
    r->leader_term = bx_raft_term(&n->raft);
    r->deadline = UINT64_MAX;
    r->done_code = done;
    r->ctx = arg;
}

/* ---- asking ---- */

static uint64_t leading_term(const struct bx_node *n)
{
    return bx_raft_is_leader(&n->raft) ? bx_raft_term(&n->raft) : 0;
}

/* The leadership in which the read was to be answered is over. */
static bool is_void(const struct bx_node *n, const struct bx_waiting_read *r)
{
    return r->leader_term != 0 && r->leader_term != leading_term(n);
}

static void fail_void(struct bx_node *n, struct bx_waiting_reads *list)
{
    struct bx_waiting_read *r = TAILQ_FIRST(list), *next;
    struct bx_err err;

    bx_err_set(&err, BX_NO_LEADER, "this node is no longer leader");
    for (; r != NULL; r = next) {
        next = TAILQ_NEXT(r, link);
        if (!is_void(n, r))
            continue;
        TAILQ_REMOVE(list, r, link);
        answer(n, r, &err);
    }
}

/* The barrier under way does not count any more. Its reads come before those that arrived since. */
static void ask_again(struct bx_node *n)
{
    struct bx_reads *rs = &n->reads;

    TAILQ_CONCAT(&rs->asked, &rs->fresh, link);
    TAILQ_CONCAT(&rs->fresh, &rs->asked, link);
    rs->index = 0;
}

static void move_to_asked(struct bx_node *n, uint64_t leader, uint64_t index)
{
    struct bx_reads *rs = &n->reads;

    TAILQ_CONCAT(&rs->asked, &rs->fresh, link);
    rs->index = index;
    rs->asked_ms = bx_node_now(n);
    rs->asked_of = leader;
    rs->asked_term = bx_raft_term(&n->raft);
}

static void ask(struct bx_node *n, uint64_t leader)
{
    static const uint8_t nothing[8];
    uint64_t index = 0;

    if (leader == n->id && BX_MUTATED(STALE_READ)) {
        index = bx_fsm_applied(n->fsm);
    } else if (leader == n->id) {
        if (bx_raft_submit(&n->raft, RAFT_BARRIER, nothing, sizeof nothing, &index) != BX_OK)
            return;
    } else {
        struct bx_read m = {.id = ++n->reads.id};

        if (!n->o.link->ops->connected(n->o.link, leader))
            return;
        bx_node_send(n, leader, BX_FRAME_READ, &bx_read_schema, &m);
    }
    move_to_asked(n, leader, index);
}

void bx_reads_turn(struct bx_node *n)
{
    uint64_t leader = bx_raft_leader(&n->raft);
    struct bx_reads *rs = &n->reads;

    if (rs->leading_term != leading_term(n)) {
        rs->leading_term = leading_term(n);
        fail_void(n, &rs->asked);
        fail_void(n, &rs->fresh);
    }
    if (!TAILQ_EMPTY(&rs->asked) &&
        (leader != rs->asked_of || bx_raft_term(&n->raft) != rs->asked_term))
        ask_again(n);
    if (leader != 0 && TAILQ_EMPTY(&rs->asked) && !TAILQ_EMPTY(&rs->fresh))
        ask(n, leader);
}

/* ---- answering ---- */

void bx_reads_answer(struct bx_node *n)
{
    struct bx_reads *rs = &n->reads;
    struct bx_waiting_reads ready;
    struct bx_waiting_read *r;

    if (TAILQ_EMPTY(&rs->asked) || rs->index == 0 || bx_fsm_applied(n->fsm) < rs->index)
        return;
    if (bx_raft_term(&n->raft) != rs->asked_term)
        return; /* that index may be of another entry now: the next turn asks again */
    fail_void(n, &rs->asked);
    TAILQ_INIT(&ready);
    TAILQ_CONCAT(&ready, &rs->asked, link);
    while ((r = TAILQ_FIRST(&ready)) != NULL) {
        TAILQ_REMOVE(&ready, r, link);
        answer(n, r, NULL);
    }
    bx_node_wake(n);
}

void bx_reads_on_read(struct bx_node *n, uint64_t from, const struct bx_read *m)
{
    struct bx_waiting_read *r = bx_raft_is_leader(&n->raft) ? add(n) : NULL;

    if (r == NULL) {
        struct bx_read no = {.id = m->id, .index = 0};

        bx_node_send(n, from, BX_FRAME_READ_OK, &bx_read_schema, &no);
        return;
    }
    r->from = from;
    r->from_id = m->id;
    r->leader_term = bx_raft_term(&n->raft);
    r->deadline = UINT64_MAX;
}

void bx_reads_on_ok(struct bx_node *n, uint64_t from, const struct bx_read *m)
{
    struct bx_reads *rs = &n->reads;

    if (from != rs->asked_of || m->id != rs->id || m->index == 0 || TAILQ_EMPTY(&rs->asked))
        return; /* after a refusal it asks again in BX_READ_AGAIN_MS */
    rs->index = m->index;
    bx_node_wake(n);
}

static void expire_list(struct bx_node *n, struct bx_waiting_reads *list, uint64_t now)
{
    struct bx_waiting_read *r = TAILQ_FIRST(list), *next;
    struct bx_err err;

    bx_node_no_leader(n, "read", "", &err);
    bx_err_hint(&err, "try again, or read with --consistency stale");
    for (; r != NULL; r = next) {
        next = TAILQ_NEXT(r, link);
        if (r->deadline > now)
            continue;
        TAILQ_REMOVE(list, r, link);
        answer(n, r, &err);
    }
}

void bx_reads_expire(struct bx_node *n)
{
    uint64_t now = bx_node_now(n);

    if (n->reads.n == 0)
        return;
    expire_list(n, &n->reads.fresh, now);
    expire_list(n, &n->reads.asked, now);
    if (!TAILQ_EMPTY(&n->reads.asked) && n->reads.index == 0 &&
        n->reads.asked_ms + BX_READ_AGAIN_MS <= now)
        ask_again(n);
    bx_node_wake(n);
}
