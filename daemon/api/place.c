/* place - which connections there may be.
 *
 * A connection has a place from when its client was identified until it is closed. TCP has no more
 * than its part of the places, the last ones are for root and the user of this process, and a party
 * has no more than its share (api/party.h).
 *
 * A connection without a place takes that of one that does nothing: of one that has asked nothing
 * within a second, or has not shown who it is, or else has been idle for a minute, the longest. If
 * its party is full, of one of that party; otherwise of any, but a client of TCP only of another
 * one. */
#include "api/priv.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define LOCAL_PART 4u     /* one in so many places is for the unix socket */
#define RESERVED_PART 16u /* one in so many is for administrators on it */
#define MUTE_MS 1000u
#define IDLE_MS 60000u
#define SEARCH_MS 100u

static bool is_local(const struct api_conn *c)
{
    return c->stream.ops == &stream_unix;
}

/* Clients get at most half of the file descriptors; log, state and peers need the rest. */
void api_places_init(struct api *a)
{
    struct rlimit files;

    a->conns_max = API_CONNS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < API_CONNS_MAX)
        a->conns_max = (uint32_t)files.rlim_cur / 2;
    snprintf(a->everybody.name, sizeof a->everybody.name, "everybody");
    TAILQ_INIT(&a->everybody.held);
    api_turn_init(&a->everybody.turn);
}

/* ---- parties ---- */

static struct api_party *party_of_process(struct api_conn *c, bool administrator)
{
    const struct stream_peer *peer = &c->stream.peer;
    struct api_party *user = api_party_hold(c->api, &c->api->everybody, peer->name), *process;
    char name[API_PARTY_NAME];

    user->unbounded = administrator;
    snprintf(name, sizeof name, "%.40s pid:%u", peer->name, (unsigned)peer->pid);
    process = api_party_hold(c->api, user, name);
    api_party_drop(c->api, user);
    return process;
}

/* An address is what comes before the port. */
struct api_party *api_party_of_address(struct api_conn *c)
{
    const char *name = c->stream.peer.name, *port = strrchr(name, ':');
    struct api_party *tcp = api_party_hold(c->api, &c->api->everybody, "TCP"), *address;
    char host[API_PARTY_NAME];

    tcp->unbounded = true;
    snprintf(host, sizeof host, "%.*s", port == NULL ? 0 : (int)(port - name), name);
    address = api_party_hold(c->api, tcp, host);
    api_party_drop(c->api, tcp);
    return address;
}

/* ---- who gives way ---- */

/* For how long it has done nothing, 0: it may stay. Those that never asked come first. */
static uint64_t idle_for(const struct api_conn *c, uint64_t now)
{
    uint64_t idle = now - c->used;

    if (!c->placed || c->ending || c->client.calls > 0 || c->client.watching ||
        c->stream.queued > 0)
        return 0;
    if (!c->asked || !api_conn_is_known(c))
        return idle < MUTE_MS ? 0 : UINT64_C(1) << 32 | idle;
    return idle < IDLE_MS || c->stream.in.len > 0 ? 0 : idle;
}

static void displace(struct api_conn *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_BUSY, "idle connection closed to make room for another one");
    bx_err_hint(&err, "connect again");
    api_place_free(c);
    c->client.ops->end(&c->client, &err);
}

/* Let one give way that belongs to `full`; if that is everybody, it must be of the same kind of
 * socket. After a search in vain there is none for a while. */
static bool make_room(const struct api_conn *who, struct api_party *full)
{
    uint64_t now = who->api->o.clock->ops->boot_ms(who->api->o.clock), longest = 0;
    struct api_conn *c, *found = NULL;
    bool all = full->parent == NULL;

    if (!all && full->searched != 0 && now - full->searched < SEARCH_MS)
        return false;
    TAILQ_FOREACH(c, &who->api->conns, link)
    {
        uint64_t idle = idle_for(c, now);

        if (idle > longest && api_party_is_of(c->client.party, full) &&
            (!all || is_local(who) || !is_local(c))) {
            found = c;
            longest = idle;
        }
    }
    full->searched = found == NULL ? now : 0;
    if (found != NULL)
        displace(found);
    return found != NULL;
}

/* ---- places ---- */

/* How many there may be, with this one. */
static uint32_t places_for(const struct api_conn *c, bool administrator)
{
    uint32_t max = c->api->conns_max;

    return administrator && is_local(c) ? max : max - max / RESERVED_PART;
}

static bool is_beyond(const struct api_conn *c, bool administrator)
{
    const struct api *a = c->api;

    return a->everybody.n[API_HELD_CONNS] >= places_for(c, administrator) ||
           (!is_local(c) &&
            c->client.party->parent->n[API_HELD_CONNS] >= a->conns_max - a->conns_max / LOCAL_PART);
}

static int refuse(struct bx_err *err, const struct api_party *whose)
{
    bx_err_set(err, BX_BUSY, "too many connections (%u of %s)", (unsigned)whose->n[API_HELD_CONNS],
               whose->name);
    bx_err_hint(err, "close some, or connect to another node");
    return BX_BUSY;
}

int api_place_take(struct api_conn *c, bool administrator, struct bx_err *err)
{
    struct api *a = c->api;
    struct api_party *full;
    int rc = BX_OK;

    if (is_local(c))
        c->client.party = party_of_process(c, administrator);
    else if (c->client.party == &a->everybody) /* without TLS */
        c->client.party = api_party_of_address(c);
    full = api_party_full(c->client.party, API_HELD_CONNS, a->conns_max);
    if (full != NULL && (full->parent == NULL || full->n[API_HELD_CONNS] == 0))
        full = &a->everybody; /* not because of its own */
    if (full != NULL && !make_room(c, full))
        rc = refuse(err, full);
    else if (full == NULL && is_beyond(c, administrator) && !make_room(c, &a->everybody))
        rc = refuse(err, &a->everybody);
    c->placed = rc == BX_OK;
    if (c->placed)
        api_party_add(c->client.party, API_HELD_CONNS, 1);
    return rc;
}

void api_place_free(struct api_conn *c)
{
    if (c->placed)
        api_party_remove(c->client.party, API_HELD_CONNS, 1);
    c->placed = false;
}
