/* party - whom connections and requests are counted for.
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

#define API_PARTY_NAME 64u

struct api;

enum api_held { API_HELD_CONNS, API_HELD_CALLS, API_HELD_WAITS, API__HELD };

struct api_party {
    struct api_party *parent;  /* NULL: everybody */
    char name[API_PARTY_NAME]; /* for messages; unique */
    uint32_t refs;
    bool unbounded; /* see above */
    uint32_t n[API__HELD];
};

/* The part of `parent` with this name. Must be dropped. */
struct api_party *api_party_hold(struct api *a, struct api_party *parent, const char *name);
void api_party_drop(struct api *a, struct api_party *p);
/* Count one more or less for p and all that it is a part of. */
void api_party_add(struct api_party *p, enum api_held what);
void api_party_remove(struct api_party *p, enum api_held what);
/* Whom one more for p would be too many for, if there are `max` for everybody; NULL: nobody. */
const struct api_party *api_party_full(const struct api_party *p, enum api_held what, uint32_t max);
/* How many pending calls one of p's connections may have: an equal share of what p may have. */
uint32_t api_party_calls(const struct api_party *p);
/* Whether p is `whole` or a part of it. */
bool api_party_is_of(const struct api_party *p, const struct api_party *whole);
void api_parties_close(struct api *a);

#endif
