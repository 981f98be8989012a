/* session_class - the classes of sessions, and the share of each principal. */
#include "state/session_priv.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <assert.h>

#define RESERVE 8u   /* one part of a class in so many is for those who have little: */
#define LITTLE 4096u /* no more than one in so many, and one */

/* ---- owners ---- */

static bool same_hash(const void *item, const void *key)
{
    return ((const struct bx_owner *)item)->hash == *(const uint64_t *)key;
}

static struct bx_owner *owner_of(const struct bx_sessions *ss, uint64_t hash)
{
    return bx_map_get(&ss->owners, hash, same_hash, &hash);
}

static struct bx_owner *hold_owner(struct bx_sessions *ss, uint64_t hash)
{
    struct bx_owner *o = owner_of(ss, hash);

    if (o != NULL)
        return o;
    o = bx_session_take(ss, sizeof *o);
    o->hash = hash;
    TAILQ_INIT(&o->spare);
    if (bx_map_add(&ss->owners, hash, o) != BX_OK)
        bx_oom(sizeof *o);
    return o;
}

static void release_owner(struct bx_sessions *ss, struct bx_owner *o)
{
    if (o->n[BX_SESSION_HELD] + o->n[BX_SESSION_SPARE] > 0)
        return;
    bx_map_remove(&ss->owners, o->hash, o);
    bx_slab_free(&ss->slab, o, sizeof *o);
}

/* ---- classes ---- */

bool bx_session_of_node(const struct bx_sessions *ss, uint64_t principal_hash)
{
    return principal_hash == ss->node_hash && !BX_MUTATED(REPORTS_SHARE_SESSIONS);
}

void bx_session_enter(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_session_class *c = &ss->classes[s->kind];

    TAILQ_INSERT_TAIL(&c->by_use, s, link);
    c->n++;
    c->bytes += s->bytes;
    if (s->kind == BX_SESSION_NODE)
        return;
    s->owner = hold_owner(ss, s->principal_hash);
    s->owner->n[s->kind]++;
    s->owner->bytes[s->kind] += s->bytes;
    if (s->kind == BX_SESSION_SPARE)
        TAILQ_INSERT_TAIL(&s->owner->spare, s, owned);
}

void bx_session_leave(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_session_class *c = &ss->classes[s->kind];

    TAILQ_REMOVE(&c->by_use, s, link);
    c->n--;
    c->bytes -= s->bytes;
    if (s->kind == BX_SESSION_NODE)
        return;
    s->owner->n[s->kind]--;
    s->owner->bytes[s->kind] -= s->bytes;
    if (s->kind == BX_SESSION_SPARE)
        TAILQ_REMOVE(&s->owner->spare, s, owned);
    release_owner(ss, s->owner);
    s->owner = NULL;
}

void bx_session_last(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_session_list *list = &ss->classes[s->kind].by_use;

    TAILQ_REMOVE(list, s, link);
    TAILQ_INSERT_TAIL(list, s, link);
    if (s->kind != BX_SESSION_SPARE)
        return;
    TAILQ_REMOVE(&s->owner->spare, s, owned);
    TAILQ_INSERT_TAIL(&s->owner->spare, s, owned);
}

void bx_session_grow(struct bx_sessions *ss, struct bx_session *s, int64_t bytes)
{
    s->bytes += (uint64_t)bytes;
    ss->classes[s->kind].bytes += (uint64_t)bytes;
    if (s->owner != NULL)
        s->owner->bytes[s->kind] += (uint64_t)bytes;
}

/* ---- shares ---- */

/* What one may have of a class of `max` in which there are `all`: half of what the others leave, so
 * that as much is free as it has itself. An eighth is for those who have next to nothing: a few
 * greedy ones can not take all. */
static uint64_t share(uint64_t max, uint64_t all, uint64_t own)
{
    uint64_t others = all - own, common = max - max / RESERVE, little = max / LITTLE + 1;
    uint64_t half = others >= common ? 0 : (common - others + 1) / 2;
    uint64_t free = others >= max ? 0 : max - others;

    if (half >= little)
        return half;
    return free < little ? free : little;
}

static int too_many(struct bx_err *err, const struct bx_cmd_header *head, uint64_t n)
{
    bx_err_set(err, BX_BUSY, "too many request ids of \"" BX_STR_FMT "\" are kept (%llu)",
               BX_STR_ARG(head->principal), (unsigned long long)n);
    bx_err_hint(err, "nothing was done; end ids with sys.done, number the requests of one id, or "
                     "try again later");
    return BX_BUSY;
}

static int too_large(struct bx_err *err, const struct bx_cmd_header *head, uint64_t bytes)
{
    bx_err_set(err, BX_BUSY,
               "%llu bytes of outcomes for \"" BX_STR_FMT "\" are kept, and no more can",
               (unsigned long long)bytes, BX_STR_ARG(head->principal));
    bx_err_hint(err, "nothing was done; raise the floor, the lowest sequence still waited for");
    return BX_BUSY;
}

static int too_many_in_one(struct bx_err *err)
{
    bx_err_set(err, BX_BUSY, "this session has too many outcomes");
    bx_err_hint(err, "raise the floor, the lowest sequence still waited for");
    return BX_BUSY;
}

/* What is still kept when the request's floor has dropped what is below it. */
static bool keeps_others(const struct bx_session *s, const struct bx_cmd_header *head)
{
    uint64_t floor = head->floor < head->sequence ? head->floor : head->sequence;

    return s->n > 0 && TAILQ_LAST(&s->outcomes, bx_kept_list)->sequence >= floor;
}

/* True if there is space for another outcome, possibly after dropping those below the new floor. */
static bool has_room(const struct bx_session *s, const struct bx_cmd_header *head)
{
    uint64_t lowest = s->n == 0 ? 0 : TAILQ_FIRST(&s->outcomes)->sequence;

    return s->n < BX_SESSION_OUTCOMES_MAX || (lowest < head->floor && lowest < head->sequence);
}

/* A request may be carried out, so there must be room for a held session. One that is held already
 * and keeps a single outcome goes on whatever the others do. */
static int check_share(const struct bx_sessions *ss, const struct bx_session *s,
                       const struct bx_cmd_header *head, uint64_t principal_hash,
                       struct bx_err *err)
{
    static const struct bx_owner nothing;
    const struct bx_session_class *c = &ss->classes[BX_SESSION_HELD];
    const struct bx_owner *o = owner_of(ss, principal_hash);
    bool is_held = s != NULL && s->kind == BX_SESSION_HELD;
    uint64_t n, bytes, more = BX_OUTCOME_BYTES_MAX;

    o = o == NULL ? &nothing : o;
    n = o->n[BX_SESSION_HELD];
    bytes = o->bytes[BX_SESSION_HELD];
    if (!is_held && n + 1 > share(c->max, c->n, n))
        return too_many(err, head, n);
    if (is_held && !keeps_others(s, head))
        return BX_OK;
    more += s != NULL && !is_held ? s->bytes : 0;
    return bytes + more <= share(c->bytes_max, c->bytes, bytes) ? BX_OK
                                                                : too_large(err, head, bytes);
}

/* Feature level 1: one table. */
static int check_table(const struct bx_sessions *ss, struct bx_err *err)
{
    uint32_t n = 0;

    for (int i = 0; i < BX__SESSION_KINDS; i++)
        n += ss->classes[i].n;
    if (n < ss->classes[BX_SESSION_HELD].max)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "too many request ids are kept (%u)",
               ss->classes[BX_SESSION_HELD].max);
    bx_err_hint(err, "nothing was done; try again later");
    return BX_BUSY;
}

int bx_session_admit(struct bx_sessions *ss, const struct bx_session *s,
                     const struct bx_cmd_header *head, uint64_t principal_hash, struct bx_err *err)
{
    if (ss->shared && bx_session_of_node(ss, principal_hash))
        return BX_OK;
    if (s != NULL && !has_room(s, head))
        return too_many_in_one(err);
    if (ss->shared)
        return check_share(ss, s, head, principal_hash, err);
    return s != NULL ? BX_OK : check_table(ss, err);
}

/* ---- trimming ---- */

/* The lowest goes, but never the newest, which tells of the session what is known of it. */
static void shorten(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_kept *k = TAILQ_FIRST(&s->outcomes);

    bx_session_forget_outcome(ss, s, k != s->newest ? k : TAILQ_NEXT(k, link));
}

static bool node_beyond(const struct bx_sessions *ss, const struct bx_session *s)
{
    const struct bx_session_class *c = &ss->classes[BX_SESSION_NODE];

    return c->n > c->max || c->bytes > c->bytes_max || s->n > BX_SESSION_OUTCOMES_MAX;
}

static void trim_nodes(struct bx_sessions *ss, struct bx_session *s)
{
    while (node_beyond(ss, s)) {
        struct bx_session *oldest = TAILQ_FIRST(&ss->classes[BX_SESSION_NODE].by_use);

        if (oldest != s && s->n <= BX_SESSION_OUTCOMES_MAX)
            bx_session_forget(ss, oldest);
        else if (s->n > 1)
            shorten(ss, s);
        else
            return;
    }
}

static bool spare_beyond(const struct bx_sessions *ss, const struct bx_owner *o)
{
    const struct bx_session_class *c = &ss->classes[BX_SESSION_SPARE];
    uint64_t n = o->n[BX_SESSION_SPARE], bytes = o->bytes[BX_SESSION_SPARE];

    return n > share(c->max, c->n, n) || bytes > share(c->bytes_max, c->bytes, bytes);
}

/* The oldest of the same principal goes first. One that has a single outcome and whose principal
 * has no share left takes the place of the oldest of all. */
static void trim_spare(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_session_class *c = &ss->classes[BX_SESSION_SPARE];

    while (spare_beyond(ss, s->owner)) {
        struct bx_session *oldest = TAILQ_FIRST(&s->owner->spare);

        if (BX_MUTATED(REFUSALS_DISPLACE_OTHERS))
            oldest = TAILQ_FIRST(&c->by_use);
        if (oldest != s)
            bx_session_forget(ss, oldest);
        else if (s->n > 1)
            shorten(ss, s);
        else if (c->n > c->max || c->bytes > c->bytes_max)
            bx_session_forget(ss, TAILQ_FIRST(&c->by_use));
        else
            return;
    }
}

void bx_session_trim(struct bx_sessions *ss, struct bx_session *s)
{
    if (s->kind == BX_SESSION_NODE)
        trim_nodes(ss, s);
    else if (s->kind == BX_SESSION_SPARE)
        trim_spare(ss, s);
}
