/* absent - which members do not answer here, and what is said about it without a quorum. */
#include "node/internal.h"

#include <stdio.h>

static bool answers(const struct bx_node *n, uint64_t id)
{
    return id == n->id || n->o.link->ops->connected(n->o.link, id);
}

bool bx_node_has_quorum(const struct bx_node *n)
{
    if (n->removed)
        return false;
    if (bx_raft_is_leader(&n->raft))
        return true;
    return bx_raft_leader(&n->raft) != 0 &&
           bx_node_now(n) - n->raft.leader_contact_ms < 2 * n->o.election_ms;
}

bool bx_node_lost_sight(const struct bx_node *n, uint64_t id, uint64_t *since_ms)
{
    bool known;

    if (bx_node_has_quorum(n) || answers(n, id))
        return false;
    *since_ms = n->o.clock->ops->wall_ms(n->o.clock) - bx_node_age(n, &known);
    return true;
}

/* ---- the error ---- */

struct absent {
    const struct raft_server *v[BX_MEMBERS_MAX];
    uint32_t n;
    uint32_t voters, present; /* of all members; of the voters, those that answer */
};

static void find_absent(const struct bx_node *n, struct absent *a)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);

    *a = (struct absent){.n = 0};
    for (unsigned i = 0; i < c->n && i < BX_MEMBERS_MAX; i++) {
        const struct raft_server *s = &c->servers[i];
        bool voter = s->role == RAFT_VOTER, present = answers(n, s->id);

        a->voters += voter;
        a->present += voter && present;
        if (!present)
            a->v[a->n++] = s;
    }
}

bool bx_node_hears_majority(const struct bx_node *n)
{
    struct absent a;

    find_absent(n, &a);
    return 2 * a.present > a.voters;
}

/* "n2", "n2 and n3", "n2, n3 and n4". */
static void join_names(const struct bx_node *n, const struct absent *a, char *out, size_t size)
{
    size_t at = 0;

    for (uint32_t i = 0; i < a->n && at < size; i++) {
        const struct bx_node_row *row = bx_view_node(bx_node_view(n), a->v[i]->id);

        at += (size_t)snprintf(out + at, size - at, "%s%s",
                               i == 0         ? ""
                               : i + 1 < a->n ? ", "
                                              : " and ",
                               row == NULL ? a->v[i]->address : row->name->s);
    }
}

int bx_node_no_leader(const struct bx_node *n, const char *what, const char *rest,
                      struct bx_err *err)
{
    const char *semicolon = rest[0] == '\0' ? "" : "; ";
    char names[BX_ERR_MSG / 2] = "";
    struct absent a;

    find_absent(n, &a);
    join_names(n, &a, names, sizeof names);
    if (a.n == 0)
        return bx_err_set(err, BX_NO_LEADER, "no leader confirmed the %s in time%s%s", what,
                          semicolon, rest);
    if (2 * a.present <= a.voters)
        return bx_err_set(err, BX_NO_LEADER, "no quorum: %s %s not answer%s%s", names,
                          a.n == 1 ? "does" : "do", semicolon, rest);
    return bx_err_set(err, BX_NO_LEADER, "no leader confirmed the %s in time: %s %s not answer%s%s",
                      what, names, a.n == 1 ? "does" : "do", semicolon, rest);
}

bool bx_node_lacks_members(const struct bx_node *n, const char *what, const char *rest,
                           struct bx_err *err)
{
    struct absent a;

    find_absent(n, &a);
    if (n->removed || bx_node_has_quorum(n) || a.n == 0)
        return false;
    bx_node_no_leader(n, what, rest, err);
    return true;
}
