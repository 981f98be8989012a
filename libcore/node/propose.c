/* propose - the way of every command into the log, up to its outcome.
 *
 * A proposal is queued until a leader is known. On the leader it goes into the next batch, on a
 * follower into the next RELAY; either way it is then `sent` and waits for its outcome, which comes
 * when this node applies the entry. When leader or term change, what was sent may or may not be
 * committed: it is queued again and sent under the same ids, and the state machine answers a repeat
 * with the first outcome. Only the deadline ends the waiting; a command that is
 * under way then may still be carried out for as long as deadline.c says. */
#include "node/internal.h"

#include "mem/alloc.h"
#include "mem/track.h"
#include "mutant.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct key {
    const uint8_t *session;
    uint64_t sequence;
};

static bool same(const void *item, const void *key)
{
    const struct bx_proposal *p = item;
    const struct key *k = key;

    return p->sequence == k->sequence && memcmp(p->session, k->session, 16) == 0;
}

static uint64_t hash_of(const uint8_t session[16], uint64_t sequence)
{
    uint8_t bytes[24];

    memcpy(bytes, session, 16);
    bx_put64(bytes + 16, sequence);
    return bx_hash(bytes, sizeof bytes);
}

static struct bx_proposal *find(struct bx_propose *pr, const uint8_t session[16], uint64_t sequence)
{
    struct key k = {session, sequence};

    return bx_map_get(&pr->waiting, hash_of(session, sequence), same, &k);
}

static void fini(void *object)
{
    bx_buf_release(&((struct bx_proposal *)object)->command);
}

int bx_propose_init(struct bx_node *n)
{
    struct bx_propose *pr = &n->propose;

    TAILQ_INIT(&pr->queued);
    TAILQ_INIT(&pr->sent);
    TAILQ_INIT(&pr->own);
    pr->earliest = UINT64_MAX;
    bx_own_init(n);
    bx_ends_init(n);
    n->o.clock->ops->random(n->o.clock, pr->session, sizeof pr->session);
    return bx_pool_init(&pr->pool, "proposal", sizeof(struct bx_proposal), n->o.proposals, fini);
}

void bx_propose_release(struct bx_propose *pr, struct bx_proposal *p)
{
    pr->bytes -= p->command.len;
    if (!p->foreign)
        bx_map_remove(&pr->waiting, hash_of(p->session, p->sequence), p);
    if (p->is_own)
        TAILQ_REMOVE(&pr->own, p, own);
    pr->n--;
    bx_pool_release(&pr->pool, p);
}

static void fail_all(struct bx_propose *pr, struct bx_proposals *list, const struct bx_err *err)
{
    struct bx_proposal *p;

    while ((p = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, p, link);
        pr->counts.failed += !p->foreign;
        if (p->done != NULL)
            p->done(p->ctx, NULL, err);
        bx_propose_release(pr, p);
    }
}

void bx_propose_fail_all(struct bx_node *n, const struct bx_err *err)
{
    fail_all(&n->propose, &n->propose.queued, err);
    fail_all(&n->propose, &n->propose.sent, err);
}

void bx_propose_close(struct bx_node *n)
{
    struct bx_err err;

    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping; the request may still be carried out");
    bx_err_hint(&err, "repeat it with the same request id on another node");
    bx_propose_fail_all(n, &err);
    bx_map_close(&n->propose.waiting);
    bx_ends_close(n);
    bx_buf_release(&n->propose.batch);
    bx_pool_close(&n->propose.pool);
}

/* ---- in ---- */

/* An eighth more for the nodes' own commands, which must not wait for clients. */
static bool has_room(const struct bx_propose *pr, bool node)
{
    return pr->n < BX_PENDING_MAX + (node ? BX_PENDING_MAX / 8 : 0) &&
           pr->bytes < BX_PENDING_BYTES_MAX + (node ? BX_PENDING_BYTES_MAX / 8 : 0);
}

static void enqueue(struct bx_propose *pr, struct bx_proposal *p)
{
    TAILQ_INSERT_TAIL(&pr->queued, p, link);
    pr->n++;
    pr->bytes += p->command.len;
}

static int refuse_early(const struct bx_node *n, struct bx_err *err)
{
    if (!bx_node_lacks_members(n, "request", "nothing was done", err))
        bx_err_set(err, BX_NO_LEADER,
                   "this node has not received the cluster's state yet; nothing was done");
    bx_err_hint(err, "try again, or ask another node; see blixardctl cluster status");
    return BX_NO_LEADER;
}

/* Without a quorum nothing that waits gets done, so that is why there is no room. */
static int refuse_more(const struct bx_node *n, struct bx_err *err)
{
    if (bx_node_lacks_members(n, "request", "nothing was done", err)) {
        bx_err_hint(err, "try again when there is a quorum; see blixardctl cluster status");
        return BX_NO_LEADER;
    }
    bx_err_set(err, BX_BUSY, "too many pending requests (%u, %zu bytes)", n->propose.n,
               n->propose.bytes);
    bx_err_hint(err, "try again; nothing was done");
    return BX_BUSY;
}

static int admit(struct bx_node *n, const struct bx_submit *s, bool own, struct bx_err *err)
{
    if (n->closing)
        return bx_err_set(err, BX_SHUTDOWN, "the daemon is stopping");
    if (n->removed)
        return bx_removed_error(err);
    if (!bx_level_known(n))
        return refuse_early(n, err);
    if (!has_room(&n->propose, bx_str_eq(s->principal, bx_str(BX_PRINCIPAL_NODE))))
        return refuse_more(n, err);
    if (!own && find(&n->propose, s->session, s->sequence) != NULL) {
        bx_err_set(err, BX_BUSY, "a request with this id is already pending");
        bx_err_hint(err, "wait for its answer, or use another --request-id");
        return BX_BUSY;
    }
    return bx_ballast_admit(n, s, err);
}

/* A session belongs to one principal, and several act through this node: each has a session derived
 * from the node's. They share the sequence, whose floor then holds for all of them. */
static void own_session(const struct bx_propose *pr, struct bx_str principal, uint8_t out[16])
{
    uint8_t hash[8];

    memcpy(out, pr->session, 16);
    bx_put64(hash, bx_hash(principal.p, principal.n));
    for (size_t i = 0; i < sizeof hash; i++)
        out[i] ^= hash[i];
}

static void address(struct bx_propose *pr, const struct bx_submit *s, struct bx_proposal *p,
                    struct bx_cmd_header *head)
{
    if (p->is_own) {
        const struct bx_proposal *oldest = TAILQ_FIRST(&pr->own);

        own_session(pr, s->principal, p->session);
        p->sequence = ++pr->sequence;
        head->floor = oldest == NULL ? p->sequence : oldest->sequence;
    } else {
        memcpy(p->session, s->session, 16);
        p->sequence = s->sequence;
        head->floor = s->floor;
    }
    memcpy(head->session, p->session, 16);
    head->sequence = p->sequence;
}

/* Below the level that knows it, a command has no source. */
static void locate(const struct bx_node *n, const struct bx_submit *s, struct bx_cmd_header *head,
                   char text[BX_SOURCE_MAX])
{
    head->source = s->source;
    if (s->source.n == 0) {
        snprintf(text, BX_SOURCE_MAX, "node %llu", (unsigned long long)n->o.identity.node);
        head->source = bx_str(text);
    }
    bx_record_lower(&bx_cmd_header_schema, head, bx_node_level(n));
}

static void record_proposal(const struct bx_submit *s, const struct bx_proposal *p)
{
    uint64_t before = bx_rec_trace(bx_trace_of(s->trace));

    BX_DEBUG("propose", "proposed", "command", bx_cmd_name(s->kind), "session", bx_uuid(p->session),
             "sequence", p->sequence);
    bx_rec_trace(before);
}

int bx_node_submit(struct bx_node *n, const struct bx_submit *s, struct bx_err *err)
{
    static const uint8_t none[16];
    struct bx_propose *pr = &n->propose;
    struct bx_cmd_header head = {.kind = s->kind, .principal = s->principal, .tenant = s->tenant};
    bool own = memcmp(s->session, none, 16) == 0;
    _Alignas(16) uint8_t copy[BX_BODY_MAX];
    char source[BX_SOURCE_MAX];
    struct bx_proposal *p;
    const void *body;
    int rc = admit(n, s, own, err);

    BX_TRACK_SCOPE("propose");
    pr->counts.turned_away += rc != BX_OK;
    if (rc != BX_OK)
        return rc;
    body = bx_level_lower(n, s, copy, err);
    if (body == NULL)
        return err == NULL ? BX_UNSUPPORTED : err->code;
    p = bx_pool_acquire(&pr->pool);
    if (p == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    p->is_own = own;
    p->done = s->done;
    p->ctx = s->ctx;
    p->deadline = s->deadline;
    address(pr, s, p, &head);
    memcpy(head.trace, s->trace, 16);
    locate(n, s, &head, source);
    if (s->kind == BX_CMD_CLUSTER_UPGRADE) /* whoever can not follow stops at this entry */
        head.level = (uint16_t)((const struct bx_cmd_cluster_upgrade *)body)->level;
    rc = bx_cmd_encode(&p->command, &head, body);
    p->body_hash = bx_cmd_identity(&head, body);
    p->principal_hash = bx_hash(s->principal.p, s->principal.n);
    if (rc == BX_OK)
        rc = bx_map_add(&pr->waiting, hash_of(p->session, p->sequence), p);
    if (rc != BX_OK) {
        bx_pool_release(&pr->pool, p);
        return bx_err_set(err, rc, "cannot queue the request: %s", bx_code_name(rc));
    }
    if (own)
        TAILQ_INSERT_TAIL(&pr->own, p, own);
    p->began_ns = bx_node_ns(n);
    pr->counts.submitted++;
    record_proposal(s, p);
    enqueue(pr, p);
    bx_node_wake(n);
    return BX_OK;
}

bool bx_propose_relayed(struct bx_node *n, const uint8_t *command, size_t len)
{
    struct bx_propose *pr = &n->propose;
    struct bx_proposal *p = has_room(pr, true) ? bx_pool_acquire(&pr->pool) : NULL;

    if (p == NULL)
        return false;
    if (bx_buf_append(&p->command, command, len) != BX_OK) {
        bx_pool_release(&pr->pool, p);
        return false;
    }
    p->foreign = true;
    enqueue(pr, p);
    return true;
}

/* ---- answers ---- */

void bx_propose_on_outcome(struct bx_node *n, const struct bx_outcome *o)
{
    struct bx_propose *pr = &n->propose;
    struct bx_proposal *p = find(pr, o->session, o->sequence);

    /* A node that is behind applies old requests under this id: theirs is not the outcome of
     * another request under it, or of another principal's. */
    if (p == NULL || p->body_hash != o->body_hash || p->principal_hash != o->principal_hash)
        return;
    /* An outcome can arrive while it is queued again: the first sending was committed. */
    TAILQ_REMOVE(p->is_sent ? &pr->sent : &pr->queued, p, link);
    if (!p->is_own)
        bx_ends_note(n, p->session, p->principal_hash, p->copied);
    bx_node_took(n, BX_LATENCY_PROPOSAL, p->began_ns);
    pr->counts.succeeded += o->code == BX_OK;
    pr->counts.refused += o->code != BX_OK;
    if (p->done != NULL)
        p->done(p->ctx, o, NULL);
    bx_propose_release(pr, p);
}

static void tell_late(struct bx_node *n, const struct bx_proposal *p)
{
    bool settled = bx_propose_settled(n, p);
    struct bx_err err;

    /* A leader that has just gone is known for a while. */
    if (settled && bx_node_has_quorum(n) && bx_node_hears_majority(n))
        bx_err_set(&err, BX_TIMEOUT, "the request was not carried out in time; nothing was done");
    else
        bx_node_no_leader(n, "request",
                          settled ? "nothing was done" : "the request may still be carried out",
                          &err);
    bx_err_hint(&err, "repeat it with the same request id; see blixardctl cluster status");
    p->done(p->ctx, NULL, &err);
}

static void expire_list(struct bx_node *n, struct bx_proposals *list, uint64_t now)
{
    struct bx_proposal *p = TAILQ_FIRST(list), *next;

    for (; p != NULL; p = next) {
        next = TAILQ_NEXT(p, link);
        if (p->foreign || p->deadline > now)
            continue;
        TAILQ_REMOVE(list, p, link);
        if (!p->is_own && (p->is_sent || p->copied))
            bx_ends_note(n, p->session, p->principal_hash, true);
        n->propose.counts.failed++;
        if (p->done != NULL)
            tell_late(n, p);
        bx_propose_release(&n->propose, p);
    }
}

void bx_propose_expire(struct bx_node *n)
{
    struct bx_propose *pr = &n->propose;
    uint64_t now = bx_node_now(n);
    const struct bx_proposal *oldest = TAILQ_FIRST(&pr->sent);

    if (pr->n == 0)
        return;
    expire_list(n, &pr->queued, now);
    expire_list(n, &pr->sent, now);
    if (oldest != NULL && oldest == TAILQ_FIRST(&pr->sent) && oldest->sent_ms + BX_RESEND_MS <= now)
        bx_propose_requeue(pr);
    bx_node_wake(n);
}
