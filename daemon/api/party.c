#include "api/priv.h"

#include "mem/alloc.h"

#include <string.h>

static bool has_name(const void *item, const void *key)
{
    return strcmp(((const struct api_party *)item)->name, key) == 0;
}

struct api_party *api_party_hold(struct api *a, struct api_party *parent, const char *name)
{
    uint64_t hash = bx_hash(name, strlen(name));
    struct api_party *p = bx_map_get(&a->parties, hash, has_name, name);

    if (p == NULL) {
        p = bx_must_calloc(1, sizeof *p);
        snprintf(p->name, sizeof p->name, "%s", name);
        TAILQ_INIT(&p->held);
        api_turn_init(&p->turn);
        p->parent = parent;
        parent->refs++;
        if (bx_map_add(&a->parties, hash, p) != BX_OK)
            bx_oom(sizeof *p);
    }
    p->refs++;
    return p;
}

void api_party_drop(struct api *a, struct api_party *p)
{
    while (p->parent != NULL && --p->refs == 0) {
        struct api_party *parent = p->parent;

        bx_map_remove(&a->parties, bx_hash(p->name, strlen(p->name)), p);
        bx_free(p);
        p = parent;
    }
}

void api_party_add(struct api_party *p, enum api_held what, uint64_t n)
{
    for (; p != NULL; p = p->parent)
        p->n[what] += n;
}

void api_party_remove(struct api_party *p, enum api_held what, uint64_t n)
{
    for (; p != NULL; p = p->parent)
        p->n[what] -= n;
}

uint64_t api_party_part(const struct api_party *p, enum api_held what, uint64_t max)
{
    const struct api_party *all = p;
    uint64_t others;

    while (all->parent != NULL)
        all = all->parent;
    others = all->n[what] - p->n[what];
    return p->unbounded || p == all ? max : others >= max ? 0 : (max - others + 1) / 2;
}

struct api_party *api_party_full(struct api_party *p, enum api_held what, uint64_t max)
{
    for (; p != NULL; p = p->parent) {
        if (p->n[what] >= api_party_part(p, what, max))
            return p;
    }
    return NULL;
}

/* Everybody, TCP and the user of an administrator are bounded by their parts. */
struct api_party *api_party_over(struct api_party *p, enum api_held what, uint64_t max,
                                 uint64_t least)
{
    for (; p != NULL; p = p->parent) {
        uint64_t part = api_party_part(p, what, max);

        if (p->parent != NULL && !p->unbounded && p->n[what] >= (part < least ? least : part))
            return p;
    }
    return NULL;
}

bool api_party_is_behind(struct api_party *p)
{
    return api_party_over(p, API_HELD_UNSENT, API_UNSENT_MAX, API_UNSENT_LEAST) != NULL;
}

uint32_t api_party_calls(const struct api_party *p)
{
    uint64_t each = API_CALLS_PER_CONN;

    for (; p != NULL; p = p->parent) {
        uint64_t n = api_party_part(p, API_HELD_CALLS, API_CALLS_MAX) / (p->n[API_HELD_CONNS] + 1);

        each = n < each ? n : each;
    }
    return each == 0 ? 1 : (uint32_t)each;
}

bool api_party_is_of(const struct api_party *p, const struct api_party *whole)
{
    while (p != NULL && p != whole)
        p = p->parent;
    return p != NULL;
}

void api_parties_close(struct api *a)
{
    bx_map_close(&a->parties);
}
