#include "node/peers.h"

#include "mem/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define JOIN_MAX 32u /* peers of the answer to a join */

/* ---- lists ---- */

static struct bx_peer *list_reserve(struct bx_peer_list *l, uint32_t n)
{
    bx_arena_reset(&l->arena);
    l->n = 0;
    l->v = bx_arena_alloc(&l->arena, n * sizeof *l->v);
    if (l->v == NULL)
        bx_oom(n * sizeof *l->v);
    return l->v;
}

static void list_add(struct bx_peer_list *l, uint64_t id, const char *address)
{
    const char *copy = bx_arena_strndup(&l->arena, address, strlen(address));

    if (copy == NULL)
        bx_oom(strlen(address));
    l->v[l->n++] = (struct bx_peer){id, copy};
}

static bool list_names(const struct bx_peer_list *l, uint64_t id)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->v[i].id == id)
            return true;
    }
    return false;
}

static bool list_equal(const struct bx_peer_list *a, const struct bx_peer_list *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->v[i].id != b->v[i].id || strcmp(a->v[i].address, b->v[i].address) != 0)
            return false;
    }
    return true;
}

/* ---- life ---- */

void bx_peers_init(struct bx_peers *p, uint64_t self)
{
    p->self = self;
    p->stale = true;
}

void bx_peers_close(struct bx_peers *p)
{
    for (uint32_t i = 0; i < BX_PEER_PROVISIONAL; i++)
        bx_arena_close(&p->said[i].arena);
    bx_arena_close(&p->list.arena);
    *p = (struct bx_peers){0};
}

/* ---- what the sources say ---- */

void bx_peers_set(struct bx_peers *p, enum bx_peer_source source, const struct bx_peer *v,
                  uint32_t n)
{
    struct bx_peer_list *l = &p->said[source];

    assert(source < BX_PEER_PROVISIONAL);
    list_reserve(l, n);
    for (uint32_t i = 0; i < n; i++)
        list_add(l, v[i].id, v[i].address);
    p->stale = true;
}

void bx_peers_set_join(struct bx_peers *p, const char *answer)
{
    struct bx_peer v[JOIN_MAX];
    char *text = bx_must_strdup(answer), *save = NULL, *id;
    uint32_t n = 0;

    for (id = strtok_r(text, " ", &save); id != NULL && n < JOIN_MAX;
         id = strtok_r(NULL, " ", &save)) {
        const char *address = strtok_r(NULL, " ", &save);

        if (address != NULL)
            v[n++] = (struct bx_peer){strtoull(id, NULL, 10), address};
    }
    bx_peers_set(p, BX_PEER_JOIN, v, n);
    bx_free(text);
}

void bx_peers_set_next_id(struct bx_peers *p, uint64_t next_id)
{
    p->next_id = next_id;
    p->stale = true;
}

static bool is_provisional(const struct bx_peers *p, uint64_t id)
{
    for (uint32_t i = 0; i < p->n_provisional; i++) {
        if (p->provisional[i] == id)
            return true;
    }
    return false;
}

static bool counts(const struct bx_peers *p, enum bx_peer_source source, uint64_t id)
{
    return source <= BX_PEER_SERVER || id >= p->next_id;
}

/* By another source than its connection. */
static bool is_named(const struct bx_peers *p, uint64_t id)
{
    for (enum bx_peer_source s = BX_PEER_ROW; s < BX_PEER_PROVISIONAL; s++) {
        if (counts(p, s, id) && list_names(&p->said[s], id))
            return true;
    }
    return false;
}

bool bx_peers_admits(const struct bx_peers *p, uint64_t id)
{
    if (id == p->self)
        return false;
    return is_named(p, id) || (counts(p, BX_PEER_PROVISIONAL, id) &&
                               (is_provisional(p, id) || p->n_provisional < BX_PROVISIONAL_MAX));
}

bool bx_peers_removed(const struct bx_peers *p, uint64_t id)
{
    return id != 0 && id < p->next_id && id != p->self && !is_named(p, id);
}

static void forget_provisional(struct bx_peers *p, uint64_t id)
{
    for (uint32_t i = 0; i < p->n_provisional; i++) {
        if (p->provisional[i] == id)
            p->provisional[i] = p->provisional[--p->n_provisional];
    }
}

void bx_peers_on_connection(struct bx_peers *p, uint64_t id, bool up)
{
    if (!up)
        forget_provisional(p, id);
    else if (bx_peers_admits(p, id) && !is_named(p, id) && !is_provisional(p, id))
        p->provisional[p->n_provisional++] = id;
    p->stale = true;
}

/* ---- the list ---- */

static void add_said(const struct bx_peers *p, enum bx_peer_source source, struct bx_peer_list *out)
{
    const struct bx_peer_list *said = &p->said[source];

    for (uint32_t i = 0; i < said->n; i++) {
        uint64_t id = said->v[i].id;

        if (id == p->self || !counts(p, source, id))
            continue;
        /* Rows come first and name each node once: there can be thousands of them. */
        if (source == BX_PEER_ROW || !list_names(out, id))
            list_add(out, id, said->v[i].address);
    }
}

/* A provisional peer that another source names is no longer one, and neither is a removed node. */
static void add_provisional(struct bx_peers *p, struct bx_peer_list *out)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < p->n_provisional; i++) {
        uint64_t id = p->provisional[i];

        if (!counts(p, BX_PEER_PROVISIONAL, id) || list_names(out, id))
            continue;
        p->provisional[kept++] = id;
        list_add(out, id, "");
    }
    p->n_provisional = kept;
}

bool bx_peers_update(struct bx_peers *p)
{
    struct bx_peer_list made = {0};
    uint32_t max = BX_PROVISIONAL_MAX;

    if (!p->stale)
        return false;
    for (uint32_t s = 0; s < BX_PEER_PROVISIONAL; s++)
        max += p->said[s].n;
    list_reserve(&made, max);
    for (enum bx_peer_source s = BX_PEER_ROW; s < BX_PEER_PROVISIONAL; s++)
        add_said(p, s, &made);
    add_provisional(p, &made);
    p->stale = false;
    if (list_equal(&made, &p->list)) {
        bx_arena_close(&made.arena);
        return false;
    }
    bx_arena_close(&p->list.arena);
    p->list = made;
    return true;
}
