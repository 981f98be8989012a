/* heard - what each node has told the others to hold, and what they tell it when it is back.
 *
 * A data directory that is replaced by an older copy of itself looks as good as any: its log ends
 * earlier, and a node that goes on with it can vote against what it has acknowledged. Only others
 * can tell. So each node says once a second what it holds for good, in a STORED frame to every
 * peer:
 *
 *   term    its own, which was durable before it was used, and never goes back
 *   index   of the last entry that is durable here and committed: no leader of any term truncates
 * it
 *
 * Peers keep the highest of both in memory, and repeat them in the HELLO of the next connection. A
 * node that has less than that refuses to go on. Entries that are acknowledged and not yet
 * committed are not in it, because a later leader may truncate them.
 *
 * Nothing is known of what a node held before all of its peers were started last, and of its last
 * second; a node alone in its cluster has nobody to ask. Agents are not asked: they take no part in
 * Raft, and must not be able to end who does. */
#include "node/internal.h"

#include "mutant.h"

#define TELL_MS 1000u
#define LEVEL 2u /* of builds that know the frame */

static bool is_member(const struct bx_node *n, uint64_t id)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);

    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].id == id)
            return true;
    }
    return false;
}

/* ---- what others hold ---- */

/* Its place, a new one if need be: there is one of a node that is no member, which is forgotten. */
static struct bx_heard_of *place_of(struct bx_node *n, uint64_t id)
{
    struct bx_heard *h = &n->heard;

    for (uint32_t i = 0; i < h->n; i++) {
        if (h->of[i].id == id)
            return &h->of[i];
    }
    if (h->n < BX_HEARD_MAX)
        return &h->of[h->n++];
    for (uint32_t i = 0; i < h->n; i++) {
        if (!is_member(n, h->of[i].id))
            return &h->of[i];
    }
    return NULL;
}

void bx_heard_on_stored(struct bx_node *n, uint64_t from, const struct bx_stored *s)
{
    struct bx_heard_of *of = place_of(n, from);

    if (of == NULL || s->term > BX_TERM_MAX)
        return;
    if (of->id != from)
        *of = (struct bx_heard_of){.id = from};
    if (s->term > of->stored.term)
        of->stored.term = s->term;
    if (s->index > of->stored.index)
        of->stored.index = s->index;
    BX_DEBUG("node", "a node told what it holds", "node", from, "term", of->stored.term, "index",
             of->stored.index);
}

struct bx_stored bx_node_heard(const struct bx_node *n, uint64_t id)
{
    for (uint32_t i = 0; i < n->heard.n; i++) {
        if (n->heard.of[i].id == id)
            return n->heard.of[i].stored;
    }
    return (struct bx_stored){0};
}

/* ---- what this node holds ---- */

static struct bx_stored held(const struct bx_node *n)
{
    uint64_t durable = bx_wal_durable(n->wal), commit = bx_raft_commit(&n->raft);

    return (struct bx_stored){bx_raft_term(&n->raft), durable < commit ? durable : commit};
}

static void tell(struct bx_node *n, uint64_t to)
{
    struct bx_build build;

    if (to != n->id && !n->removed && n->o.link->ops->build(n->o.link, to, &build) &&
        build.level >= LEVEL)
        bx_node_send(n, to, BX_FRAME_STORED, &bx_stored_schema, &n->heard.told);
}

void bx_heard_on_peer(struct bx_node *n, uint64_t id)
{
    tell(n, id);
}

void bx_heard_tick(struct bx_node *n)
{
    struct bx_stored now = held(n);
    uint64_t ms = bx_node_now(n);

    if (ms - n->heard.told_ms < TELL_MS ||
        (now.term == n->heard.told.term && now.index == n->heard.told.index))
        return;
    n->heard.told = now;
    n->heard.told_ms = ms;
    for (uint32_t i = 0; i < n->peers.list.n; i++)
        tell(n, n->peers.list.v[i].id);
}

int bx_node_check_heard(const struct bx_node *n, uint64_t from, const struct bx_stored *heard,
                        struct bx_err *err)
{
    uint64_t term = bx_raft_term(&n->raft), last = bx_wal_last(n->wal);

    if ((heard->term <= term && heard->index <= last) || !bx_node_is_no_agent(n, from) ||
        BX_MUTATED(OLD_COPY_TAKEN))
        return BX_OK;
    bx_err_set(err, BX_CORRUPT,
               "%s is an older copy: it has term %llu and entry %llu, and this node had told node "
               "%llu to hold term %llu and entry %llu",
               n->o.disk->fs->dir, (unsigned long long)term, (unsigned long long)last,
               (unsigned long long)from, (unsigned long long)heard->term,
               (unsigned long long)heard->index);
    bx_err_hint(err,
                "put the newer directory back if there is one; if there is none, and a majority of "
                "the other voters is up: blixardd --data %s --forget-cluster, then join again",
                n->o.disk->fs->dir);
    return BX_CORRUPT;
}
