#include "state/session_priv.h"

#include "codec/flat.h"
#include "mem/alloc.h"
#include "mutant.h"
#include "state/rows.h"

#include <assert.h>

/* For each class: one session for so many held ones, and so many bytes for each. */
static const struct {
    uint32_t part, bytes_each;
} bounds[BX__SESSION_KINDS] = {
    [BX_SESSION_HELD] = {1, 512},
    [BX_SESSION_SPARE] = {8, 512},
    [BX_SESSION_NODE] = {16, 2048},
};
#define CLASS_MIN 4u /* but never less, */
#define BYTES_MIN (2u << 20)

static bool same_id(const void *item, const void *key)
{
    return memcmp(((const struct bx_session *)item)->id, key, 16) == 0;
}

static struct bx_session *find(const struct bx_sessions *ss, const uint8_t id[16])
{
    return bx_map_get(&ss->by_id, bx_hash(id, 16), same_id, id);
}

static void init_class(struct bx_session_class *c, uint32_t max, uint32_t bytes_each)
{
    TAILQ_INIT(&c->by_use);
    c->max = max;
    c->bytes_max = (uint64_t)max * bytes_each;
    if (c->bytes_max < BYTES_MIN)
        c->bytes_max = BYTES_MIN;
}

void bx_sessions_init(struct bx_sessions *ss, uint32_t max, uint64_t ttl_ms, uint64_t *digest)
{
    memset(ss, 0, sizeof *ss);
    for (int i = 0; i < BX__SESSION_KINDS; i++) {
        uint32_t n = max / bounds[i].part;

        init_class(&ss->classes[i], i != BX_SESSION_HELD && n < CLASS_MIN ? CLASS_MIN : n,
                   bounds[i].bytes_each);
    }
    TAILQ_INIT(&ss->stale);
    ss->ttl_ms = ttl_ms;
    ss->node_hash = bx_hash(BX_PRINCIPAL_NODE, sizeof BX_PRINCIPAL_NODE - 1);
    ss->digest = digest;
}

/* ---- dropping ---- */

/* Out of its session's outcomes; it is still in its blob. */
static void detach(struct bx_sessions *ss, struct bx_session *s, struct bx_kept *k)
{
    TAILQ_REMOVE(&s->outcomes, k, link);
    s->n--;
    bx_session_grow(ss, s, -(int64_t)k->counted);
    *ss->digest -= k->hash;
    ss->born_digest -= s->born == 0 ? 0 : k->hash;
}

/* Below the floor: what was kept later says so. */
static void drop_below(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_kept *low;

    while ((low = TAILQ_FIRST(&s->outcomes)) != NULL && low->sequence < s->floor) {
        detach(ss, s, low);
        TAILQ_INSERT_TAIL(&s->dropped, low, link);
        bx_kept_dropped(ss, low);
    }
}

static void drop_session(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_kept *k;

    while ((k = TAILQ_FIRST(&s->outcomes)) != NULL) {
        detach(ss, s, k);
        bx_kept_free(ss, k);
    }
    while ((k = TAILQ_FIRST(&s->dropped)) != NULL) {
        TAILQ_REMOVE(&s->dropped, k, link);
        bx_kept_free(ss, k);
    }
    bx_session_leave(ss, s);
    bx_map_remove(&ss->by_id, bx_hash(s->id, 16), s);
    bx_slab_free(&ss->slab, s, sizeof *s);
}

void bx_session_forget(struct bx_sessions *ss, struct bx_session *s)
{
    struct bx_kept *k;

    TAILQ_FOREACH(k, &s->outcomes, link)
    bx_outcome_blob_stale(ss, k->blob);
    TAILQ_FOREACH(k, &s->dropped, link)
    bx_outcome_blob_stale(ss, k->blob);
    drop_session(ss, s);
}

void bx_session_forget_outcome(struct bx_sessions *ss, struct bx_session *s, struct bx_kept *k)
{
    bx_outcome_blob_stale(ss, k->blob);
    detach(ss, s, k);
    bx_kept_free(ss, k);
}

/* When the beginning of a session is guessed, no gap between its outcomes may be a time to live. */
static void forget_older(struct bx_sessions *ss, struct bx_session *s, uint64_t now_ms)
{
    struct bx_kept *k, *next;

    if (s->born != 0)
        return;
    for (k = TAILQ_FIRST(&s->outcomes); k != NULL; k = next) {
        next = TAILQ_NEXT(k, link);
        if (k->blob->time_ms + ss->ttl_ms < now_ms)
            bx_session_forget_outcome(ss, s, k);
    }
}

void bx_sessions_share(struct bx_sessions *ss, uint64_t now_ms)
{
    struct bx_session *s;

    for (int i = 0; i < BX__SESSION_KINDS; i++) {
        TAILQ_FOREACH(s, &ss->classes[i].by_use, link)
        forget_older(ss, s, now_ms);
    }
}

void bx_sessions_close(struct bx_sessions *ss)
{
    struct bx_session *s;

    ss->unused = NULL; /* stored outcomes are not deleted */
    for (int i = 0; i < BX__SESSION_KINDS; i++) {
        while ((s = TAILQ_FIRST(&ss->classes[i].by_use)) != NULL)
            drop_session(ss, s);
    }
    bx_map_close(&ss->by_id);
    bx_map_close(&ss->owners);
    bx_slab_close(&ss->slab);
}

/* Their rows keep them until nothing else is in there: loading them drops them by their time. */
void bx_sessions_expire(struct bx_sessions *ss, uint64_t now_ms)
{
    struct bx_session *s;

    for (int i = 0; i < BX__SESSION_KINDS; i++) {
        struct bx_session_list *list = &ss->classes[i].by_use;

        while ((s = TAILQ_FIRST(list)) != NULL && s->last_ms + ss->ttl_ms < now_ms)
            drop_session(ss, s);
    }
}

/* ---- checking ---- */

static struct bx_kept *kept_of(struct bx_session *s, uint64_t sequence)
{
    struct bx_kept *k;

    TAILQ_FOREACH_REVERSE(k, &s->outcomes, bx_kept_list, link)
    {
        if (k->sequence <= sequence)
            break;
    }
    return k != NULL && k->sequence == sequence ? k : NULL;
}

static int refuse(struct bx_err *err, const char *what, const char *hint)
{
    bx_err_set(err, BX_CONFLICT, "%s", what);
    bx_err_hint(err, "%s", hint);
    return BX_CONFLICT;
}

int bx_sessions_check(struct bx_sessions *ss, const struct bx_cmd_header *head,
                      uint64_t principal_hash, struct bx_outcome *repeat, bool *repeated,
                      struct bx_err *err)
{
    struct bx_session *s = find(ss, head->session);
    struct bx_kept *k;

    *repeated = false;
    if (s == NULL)
        return bx_session_admit(ss, NULL, head, principal_hash, err);
    if (s->principal_hash != principal_hash)
        return refuse(err, "this request id belongs to another user", "use another --request-id");
    if (head->sequence < s->floor)
        return refuse(err, "this request was answered, and its outcome was dropped",
                      "use a new --request-id for a new request");
    k = kept_of(s, head->sequence);
    if (k == NULL)
        return bx_session_admit(ss, s, head, principal_hash, err);
    if (k->body_hash != head->body_hash)
        return refuse(err, "this request id was already used for another request",
                      "use another --request-id");
    *repeated = true;
    /* An outcome has no arrays, so no arena is needed. */
    return bx_flat_read(&bx_outcome_schema, k->record, k->len, repeat, NULL, NULL, err);
}

bool bx_sessions_kept(const struct bx_sessions *ss, const uint8_t session[16], uint64_t sequence,
                      struct bx_outcome *o)
{
    struct bx_session *s = find(ss, session);
    const struct bx_kept *k = s == NULL ? NULL : kept_of(s, sequence);

    return k != NULL &&
           bx_flat_read(&bx_outcome_schema, k->record, k->len, o, NULL, NULL, NULL) == BX_OK;
}

/* ---- keeping ---- */

static struct bx_session *add_session(struct bx_sessions *ss, const struct bx_outcome *o)
{
    struct bx_session *s = bx_session_take(ss, sizeof *s);

    memcpy(s->id, o->session, 16);
    s->principal_hash = o->principal_hash;
    s->born = o->born;
    s->kind = bx_session_of_node(ss, o->principal_hash) ? BX_SESSION_NODE
              : o->spare                                ? BX_SESSION_SPARE
                                                        : BX_SESSION_HELD;
    TAILQ_INIT(&s->outcomes);
    TAILQ_INIT(&s->dropped);
    bx_session_enter(ss, s);
    if (bx_map_add(&ss->by_id, bx_hash(s->id, 16), s) != BX_OK)
        bx_oom(sizeof *s);
    return s;
}

static void insert(struct bx_session *s, struct bx_kept *k)
{
    struct bx_kept *before = TAILQ_LAST(&s->outcomes, bx_kept_list);

    while (before != NULL && before->sequence > k->sequence)
        before = TAILQ_PREV(before, bx_kept_list, link);
    if (before == NULL)
        TAILQ_INSERT_HEAD(&s->outcomes, k, link);
    else
        TAILQ_INSERT_AFTER(&s->outcomes, before, k, link);
    s->n++;
    s->newest = k;
}

/* The session was used: it is the last of its class, which may be another one now. */
static void touch(struct bx_sessions *ss, struct bx_session *s, const struct bx_outcome *o,
                  uint64_t now_ms)
{
    s->last_ms = now_ms;
    if (s->kind == BX_SESSION_SPARE && !o->spare) {
        bx_session_leave(ss, s);
        s->kind = BX_SESSION_HELD;
        bx_session_enter(ss, s);
    } else {
        bx_session_last(ss, s);
    }
}

static uint64_t floor_after(const struct bx_session *s, const struct bx_outcome *o)
{
    uint64_t floor = o->floor < o->sequence ? o->floor : o->sequence;

    return s != NULL && s->floor > floor ? s->floor : floor;
}

/* k has its record. */
static struct bx_session *keep(struct bx_sessions *ss, struct bx_kept *k, uint64_t entry,
                               uint64_t now_ms, const struct bx_outcome *o)
{
    struct bx_session *s = find(ss, o->session);

    if (s == NULL)
        s = add_session(ss, o);
    k->session = s;
    k->sequence = o->sequence;
    k->body_hash = o->body_hash;
    k->hash = bx_hash(k->record, k->len);
    k->blob = bx_outcome_blob_of(ss, entry, now_ms);
    k->counted = o->code == BX_OK ? k->len : BX_REFUSAL_BYTES;
    k->blob->bytes += k->counted;
    TAILQ_INSERT_TAIL(&k->blob->outcomes, k, place);
    *ss->digest += k->hash;
    ss->born_digest += s->born == 0 ? 0 : k->hash;
    insert(s, k);
    bx_session_grow(ss, s, (int64_t)k->counted);
    s->floor = floor_after(s, o);
    drop_below(ss, s);
    touch(ss, s, o, now_ms);
    return s;
}

/* What is loaded of the session had expired before this outcome was kept, under the same id. */
static bool began_anew(const struct bx_sessions *ss, const struct bx_session *s,
                       const struct bx_outcome *o, uint64_t time_ms)
{
    if ((s->born == 0 && o->born == 0) || BX_MUTATED(SESSIONS_BY_ROW_TIME))
        return s->last_ms + ss->ttl_ms < time_ms;
    return s->born != o->born;
}

void bx_sessions_load(struct bx_sessions *ss, uint64_t entry, uint64_t time_ms,
                      const struct bx_outcome *o, const uint8_t *record, size_t len)
{
    struct bx_session *s = find(ss, o->session);
    struct bx_kept *k = bx_kept_take(ss, len);

    if (s != NULL && began_anew(ss, s, o, time_ms))
        drop_session(ss, s);
    memcpy(k->record, record, len);
    keep(ss, k, entry, time_ms, o);
}

/* The newest outcome tells of the session what others told that may be forgotten before it. */
void bx_sessions_keep(struct bx_sessions *ss, uint64_t entry, uint64_t now_ms, struct bx_outcome *o)
{
    struct bx_session *s = find(ss, o->session);
    struct bx_kept *k;

    o->spare = ss->shared && o->code != BX_OK && (s == NULL || s->kind == BX_SESSION_SPARE);
    if (ss->shared) {
        o->floor = floor_after(s, o);
        o->born = s == NULL ? entry : s->born;
    }
    k = bx_kept_take(ss, bx_flat_size(&bx_outcome_schema, o));
    bx_row_write(&bx_outcome_schema, o, k->record);
    s = keep(ss, k, entry, now_ms, o);
    bx_outcome_blob_stale(ss, k->blob);
    if (!ss->shared)
        return;
    forget_older(ss, s, now_ms);
    bx_session_trim(ss, s);
}

/* ---- ending ---- */

void bx_sessions_end(struct bx_sessions *ss, const uint8_t session[16], uint64_t principal_hash)
{
    struct bx_session *s = find(ss, session);

    if (s != NULL && s->principal_hash == principal_hash && s->kind != BX_SESSION_NODE)
        bx_session_forget(ss, s);
}
