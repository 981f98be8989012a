#include "api/logpage.h"

#include "mem/alloc.h"

#include <string.h>

static int compare(const struct logpage_key *a, const struct logpage_key *b)
{
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    return (int32_t)(a->seq - b->seq) < 0 ? -1 : a->seq != b->seq;
}

static void drop(struct logpage_event *e)
{
    if (e != NULL)
        bx_arena_close(&e->arena);
    bx_free(e);
}

bool logpage_is_behind(const struct logpage *p, const struct logpage_key *k)
{
    return !p->newest && logpage_is_full(p) && compare(k, &p->v[p->n - 1]->key) > 0;
}

bool logpage_has_place(const struct logpage *p, const struct logpage_key *k)
{
    if (p->newest)
        return !logpage_is_full(p) || compare(k, &p->v[0]->key) > 0;
    return compare(k, &p->after) > 0 && !logpage_is_behind(p, k);
}

static struct bx_str copy(struct bx_arena *a, struct bx_str s)
{
    return (struct bx_str){bx_arena_strndup(a, s.p, s.n), s.n};
}

/* NULL: no memory. */
static struct logpage_event *describe(const struct logpage_key *k, const struct bx_recevent *from,
                                      struct bx_str thread)
{
    struct logpage_event *e = bx_calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->key = *k;
    if (bx_log_event_describe(from, "", &e->arena, &e->r) == BX_OK) {
        e->r.target = copy(&e->arena, e->r.target);
        e->r.thread = copy(&e->arena, thread);
        if (e->r.target.p != NULL && e->r.thread.p != NULL)
            return e;
    }
    drop(e);
    return NULL;
}

/* Make room at `at` of the list, which is full or not; where it is then. */
static uint32_t make_room(struct logpage *p, uint32_t at)
{
    if (logpage_is_full(p) && p->newest) {
        drop(p->v[0]);
        memmove(p->v, p->v + 1, (at - 1) * sizeof *p->v);
        return at - 1;
    }
    if (logpage_is_full(p)) {
        drop(p->v[--p->n]);
        p->more = true;
    }
    memmove(p->v + at + 1, p->v + at, (p->n - at) * sizeof *p->v);
    p->n++;
    return at;
}

int logpage_offer(struct logpage *p, const struct logpage_key *k, const struct bx_recevent *e,
                  struct bx_str thread)
{
    struct logpage_event *made;
    uint32_t at = p->n;

    p->more |= logpage_is_behind(p, k);
    if (!logpage_has_place(p, k))
        return BX_OK;
    while (at > 0 && compare(&p->v[at - 1]->key, k) > 0)
        at--;
    if (at > 0 && compare(&p->v[at - 1]->key, k) == 0)
        return BX_OK; /* it is there already: from the ring, or from the file */
    made = describe(k, e, thread);
    if (made == NULL)
        return BX_NO_MEMORY;
    at = make_room(p, at);
    p->v[at] = made;
    return BX_OK;
}

void logpage_close(struct logpage *p)
{
    while (p->n > 0)
        drop(p->v[--p->n]);
}
