/* session_end - sessions whose clients have their answers: collected, and ended by one command.
 *
 * A session may be ended only when no copy of its requests can be under way, which would be carried
 * out again. Requests that were answered here are remembered for a while, with whether each was
 * sent just once; a client that asked other nodes, too, does not end its session. One of whose
 * requests waits here for its answer keeps it, whatever its client says. What is not remembered any
 * more keeps its outcomes for their hour. */
#include "node/internal.h"

#include "mem/alloc.h"

#define ANSWERED_MAX 16384u
#define COLLECT_MS 500u

struct bx_answered {
    TAILQ_ENTRY(bx_answered) link; /* in `answered`, oldest first, or in `ended` */
    struct bx_session_end end;
    bool copied; /* a request was sent twice, or given up with its copy under way */
    bool ended;
};

static bool same(const void *item, const void *key)
{
    return memcmp(((const struct bx_answered *)item)->end.session, key, 16) == 0;
}

static struct bx_answered *find(const struct bx_ends *e, const uint8_t session[16])
{
    return bx_map_get(&e->by_session, bx_hash(session, 16), same, session);
}

static void drop(struct bx_ends *e, struct bx_answered *a)
{
    TAILQ_REMOVE(a->ended ? &e->ended : &e->answered, a, link);
    bx_map_remove(&e->by_session, bx_hash(a->end.session, 16), a);
    bx_slab_free(&e->slab, a, sizeof *a);
}

void bx_ends_init(struct bx_node *n)
{
    TAILQ_INIT(&n->ends.answered);
    TAILQ_INIT(&n->ends.ended);
}

void bx_ends_close(struct bx_node *n)
{
    struct bx_ends *e = &n->ends;
    struct bx_answered *a;

    while ((a = TAILQ_FIRST(&e->answered)) != NULL)
        drop(e, a);
    while ((a = TAILQ_FIRST(&e->ended)) != NULL)
        drop(e, a);
    bx_map_close(&e->by_session);
    bx_slab_close(&e->slab);
}

/* Without memory it is not remembered, and keeps its hour. */
static struct bx_answered *add(struct bx_ends *e, const uint8_t session[16])
{
    struct bx_answered *a;

    if (e->by_session.n >= ANSWERED_MAX) {
        if (TAILQ_EMPTY(&e->answered))
            return NULL;
        drop(e, TAILQ_FIRST(&e->answered));
    }
    a = bx_slab_calloc(&e->slab, sizeof *a);
    if (a == NULL)
        return NULL;
    memcpy(a->end.session, session, 16);
    if (bx_map_add(&e->by_session, bx_hash(session, 16), a) != BX_OK) {
        bx_slab_free(&e->slab, a, sizeof *a);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&e->answered, a, link);
    return a;
}

void bx_ends_note(struct bx_node *n, const uint8_t session[16], uint64_t principal_hash,
                  bool copied)
{
    struct bx_answered *a = find(&n->ends, session);

    if (a == NULL)
        a = add(&n->ends, session);
    if (a == NULL)
        return;
    a->end.principal_hash = principal_hash;
    a->copied = a->copied || copied;
}

bool bx_node_end_session(struct bx_node *n, const uint8_t session[16], struct bx_str principal)
{
    struct bx_ends *e = &n->ends;
    struct bx_answered *a = find(e, session);

    if (a == NULL || a->copied || a->end.principal_hash != bx_hash(principal.p, principal.n))
        return false;
    if (a->ended)
        return true;
    if (TAILQ_EMPTY(&e->ended))
        e->due = bx_node_now(n) + COLLECT_MS;
    TAILQ_REMOVE(&e->answered, a, link);
    TAILQ_INSERT_TAIL(&e->ended, a, link);
    a->ended = true;
    e->n++;
    return true;
}

/* Below its level nothing is ended. */
static void propose(struct bx_node *n, const struct bx_session_end *ends, uint32_t count)
{
    struct bx_cmd_session_end body = {{ends, count}};

    if (bx_node_level(n) >= bx_cmd_level(BX_CMD_SESSION_END))
        bx_propose_internal(n, BX_CMD_SESSION_END, &body);
}

static void keep(struct bx_ends *e, struct bx_answered *a)
{
    TAILQ_REMOVE(&e->ended, a, link);
    TAILQ_INSERT_TAIL(&e->answered, a, link);
    a->ended = false;
    e->n--;
}

/* Copies of requests that wait may be under way. */
static void keep_waiting(struct bx_ends *e, const struct bx_proposals *list)
{
    const struct bx_proposal *p;
    struct bx_answered *a;

    TAILQ_FOREACH(p, list, link)
    {
        a = p->foreign || p->is_own ? NULL : find(e, p->session);
        if (a != NULL && a->ended)
            keep(e, a);
    }
}

/* Since it was ended, another of its requests was answered, or given up. */
static void keep_copied(struct bx_ends *e)
{
    struct bx_answered *a = TAILQ_FIRST(&e->ended), *next;

    for (; a != NULL; a = next) {
        next = TAILQ_NEXT(a, link);
        if (a->copied)
            keep(e, a);
    }
}

void bx_ends_tick(struct bx_node *n)
{
    struct bx_ends *e = &n->ends;
    struct bx_session_end ends[BX_SESSION_ENDS_MAX];
    struct bx_answered *a;

    if (TAILQ_EMPTY(&e->ended) || (bx_node_now(n) < e->due && e->n < BX_SESSION_ENDS_MAX / 2))
        return;
    keep_waiting(e, &n->propose.queued);
    keep_waiting(e, &n->propose.sent);
    keep_copied(e);
    while (!TAILQ_EMPTY(&e->ended)) {
        uint32_t count = 0;

        while (count < BX_SESSION_ENDS_MAX && (a = TAILQ_FIRST(&e->ended)) != NULL) {
            ends[count++] = a->end;
            drop(e, a);
        }
        propose(n, ends, count);
    }
    e->n = 0;
}
