/* party - whom connections and requests are counted for, and whose turn it is.
 *
 *   everybody --- a user of the unix socket --- a process of his
 *             \-- TCP --- an address
 *             \-- the other nodes
 *
 * Of what there is for everybody, a party may have half of what the others leave. So nobody is left
 * without because of another, and who is alone has plenty. The bound holds at each level, but not
 * for a user who is an administrator, and not for TCP as a whole: only their parts are bounded.
 *
 * A party exists as long as somebody holds it; everybody always exists. */
#ifndef API_PARTY_H
#define API_PARTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define API_PARTY_NAME 64u

struct api;

enum api_held {
    API_HELD_CONNS,
    API_HELD_STRANGERS, /* connections whose TLS handshake is not over */
    API_HELD_CALLS,
    API_HELD_CALL_BYTES, /* of their requests */
    API_HELD_RUNNING,    /* of the calls, those that wait neither for a VM nor for their turn */
    API_HELD_WAITS,
    API_HELD_QUERIES,
    API_HELD_UNSENT, /* bytes of answers */
    API__HELD
};

/* A place in the tree of those that have work: a party, or, at the ends, a client (work.c). */
struct api_turn {
    TAILQ_ENTRY(api_turn) link; /* among the parts of `parent`, while `queued` */
    TAILQ_HEAD(api_turns, api_turn) parts;
    struct api_turn *parent; /* while `queued`; NULL: everybody */
    int64_t credit_us;
    bool queued;
};

struct api_party {
    struct api_party *parent;  /* NULL: everybody */
    char name[API_PARTY_NAME]; /* for messages; unique */
    uint32_t refs;
    bool unbounded; /* see above */
    uint64_t n[API__HELD];
    struct api_turn turn;
    TAILQ_HEAD(, api_client) held; /* those that wait until fewer of its calls run */
    uint64_t searched;             /* boot time at which nobody was found that could give way */
};

/* The part of `parent` with this name. Must be dropped. */
struct api_party *api_party_hold(struct api *a, struct api_party *parent, const char *name);
void api_party_drop(struct api *a, struct api_party *p);
/* Count n more or less for p and all that it is a part of. */
void api_party_add(struct api_party *p, enum api_held what, uint64_t n);
void api_party_remove(struct api_party *p, enum api_held what, uint64_t n);
/* How much p may have, if there is `max` for everybody. */
uint64_t api_party_part(const struct api_party *p, enum api_held what, uint64_t max);
/* Whom one more for p would be too many for, if there are `max` for everybody; NULL: nobody. */
struct api_party *api_party_full(struct api_party *p, enum api_held what, uint64_t max);
/* The same among those that are bounded themselves, each of which may have `least` whatever others
 * have. */
struct api_party *api_party_over(struct api_party *p, enum api_held what, uint64_t max,
                                 uint64_t least);
/* Whether p gets no more answers that can wait, because too much is unsent. */
bool api_party_is_behind(struct api_party *p);
/* How many pending calls one of p's connections may have: an equal share of what p may have. */
uint32_t api_party_calls(const struct api_party *p);
/* Whether p is `whole` or a part of it. */
bool api_party_is_of(const struct api_party *p, const struct api_party *whole);
void api_parties_close(struct api *a);

#endif
