/* stranger - connections whose peer has not said who it is.
 *
 * Somebody who opens many of them must not keep out members, nor hosts that want to join: he takes
 * the places of his own address first. */
#include "link/conn.h"

#include <string.h>

static bool is_stranger(const struct link_conn *c)
{
    return c->accepted && !c->up && !c->stream.closing;
}

/* ---- addresses: HOST:PORT, compared without the port ---- */

static bool is_same_host(const char *a, const char *b)
{
    const char *port = strrchr(a, ':'), *other = strrchr(b, ':');

    return port != NULL && other != NULL && port - a == other - b &&
           memcmp(a, b, (size_t)(port - a)) == 0;
}

static bool is_of_member(const struct link *l, const char *address)
{
    for (uint32_t i = 0; i < l->n_peers; i++) {
        if (is_same_host(l->peers[i].address, address))
            return true;
    }
    return false;
}

static uint32_t count_like(const struct link_conn *like)
{
    const struct link_conn *c;
    uint32_t n = 0;

    TAILQ_FOREACH(c, &like->owner->conns, link)
    {
        n += is_stranger(c) && is_same_host(c->stream.peer.name, like->stream.peer.name);
    }
    return n;
}

/* ---- who gives way ---- */

/* Make room by closing the oldest stranger from the address of `like` but not `who`. A few that
 * wait for the answer to their JOIN stay as long as others do not; without a quorum all JOINs wait,
 * with and without a token. */
static bool displace(struct link_conn *who, const struct link_conn *like)
{
    struct link_conn *c, *asked = NULL, *other = NULL;
    uint32_t n_asked = 0;

    TAILQ_FOREACH_REVERSE(c, &who->owner->conns, link_conns, link) /* the oldest last */
    {
        if (c == who || !is_stranger(c) ||
            !is_same_host(c->stream.peer.name, like->stream.peer.name))
            continue;
        n_asked += c->asked;
        *(c->asked ? &asked : &other) = c;
    }
    c = n_asked > LINK_ASKED_KEPT || other == NULL ? asked : other;
    if (c == NULL)
        return false;
    who->owner->stats.turned_away++;
    link_conn_close(c, "displaced by a newer connection");
    return true;
}

/* The places for members' addresses are none of those that all may take. */
static const struct link_conn *of_most(const struct link *l, bool of_member)
{
    const struct link_conn *c, *found = NULL;
    uint32_t most = 0;

    TAILQ_FOREACH(c, &l->conns, link)
    {
        uint32_t n = is_stranger(c) && (of_member || !c->of_member) ? count_like(c) : 0;

        if (n > most) {
            most = n;
            found = c;
        }
    }
    return found;
}

/* ---- who waits ---- */

static void begin(struct link_conn *c)
{
    c->owner->begun++;
    c->waits = false;
    stream_read(&c->stream);
}

void link_stranger_begin(struct link_conn *c)
{
    struct link *l = c->owner;

    if (c->stream.ready || c->of_member || l->begun++ < LINK_HANDSHAKES_MAX)
        return; /* it reads already */
    c->waits = true;
    uv_read_stop(&c->stream.h.stream);
}

/* The oldest one of the address that has the fewest. */
static struct link_conn *next_to_begin(struct link *l)
{
    struct link_conn *c, *found = NULL;
    uint32_t fewest = UINT32_MAX;

    TAILQ_FOREACH(c, &l->conns, link)
    {
        uint32_t n = c->waits && is_stranger(c) ? count_like(c) : UINT32_MAX;

        if (n < fewest) {
            fewest = n;
            found = c;
        }
    }
    return found;
}

void link_strangers_go_on(struct link *l)
{
    struct link_conn *c;

    l->begun = 0;
    while (l->begun < LINK_HANDSHAKES_MAX && (c = next_to_begin(l)) != NULL)
        begin(c);
}

bool link_stranger_fits(struct link_conn *who)
{
    uint32_t all = 0, open = 0, accepted = 0;
    struct link *l = who->owner;
    const struct link_conn *c;

    who->of_member = is_of_member(l, who->stream.peer.name);
    TAILQ_FOREACH(c, &l->conns, link)
    {
        accepted += c->accepted;
        all += is_stranger(c);
        open += is_stranger(c) && !c->of_member;
    }
    if (accepted > LINK_ACCEPTED_MAX)
        return false;
    if (count_like(who) > LINK_STRANGERS_OF_ONE)
        return displace(who, who);
    if (all > LINK_STRANGERS_MAX ||
        (!who->of_member && open > LINK_STRANGERS_MAX - LINK_STRANGERS_KEPT))
        return displace(who, of_most(l, who->of_member));
    return true;
}
