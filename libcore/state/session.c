#include "state/session.h"

#include "codec/flat.h"
#include "mem/alloc.h"

#include <assert.h>

struct bx_outcome_blob { /* the stored outcomes of one entry */
    uint64_t entry;
    uint32_t live;
};

struct kept {
    TAILQ_ENTRY(kept) link;
    uint64_t sequence, body_hash, hash;
    struct bx_outcome_blob *blob;
    uint32_t len;
    _Alignas(8) uint8_t record[];
};
TAILQ_HEAD(kept_list, kept);

struct bx_session {
    TAILQ_ENTRY(bx_session) link;
    uint8_t id[16];
    uint64_t floor, last_ms, principal_hash;
    uint32_t n;
    struct kept_list outcomes; /* by sequence */
};

static bool same_id(const void *item, const void *key)
{
    return memcmp(((const struct bx_session *)item)->id, key, 16) == 0;
}

static struct bx_session *find(const struct bx_sessions *ss, const uint8_t id[16])
{
    return bx_map_get(&ss->by_id, bx_hash(id, 16), same_id, id);
}

void bx_sessions_init(struct bx_sessions *ss, uint32_t max, uint64_t ttl_ms, uint64_t *digest)
{
    memset(ss, 0, sizeof *ss);
    TAILQ_INIT(&ss->by_use);
    ss->max = max;
    ss->ttl_ms = ttl_ms;
    ss->digest = digest;
}

/* ---- dropping ---- */

static void release_blob(struct bx_sessions *ss, struct bx_outcome_blob *b)
{
    if (--b->live > 0)
        return;
    if (ss->unused != NULL)
        ss->unused(ss->ctx, b->entry);
    if (ss->current == b)
        ss->current = NULL;
    ss->blobs--;
    bx_slab_free(&ss->slab, b, sizeof *b);
}

static void drop(struct bx_sessions *ss, struct bx_session *s, struct kept *k)
{
    TAILQ_REMOVE(&s->outcomes, k, link);
    s->n--;
    *ss->digest -= k->hash;
    release_blob(ss, k->blob);
    bx_slab_free(&ss->slab, k, sizeof *k + k->len);
}

static void drop_session(struct bx_sessions *ss, struct bx_session *s)
{
    struct kept *k;

    while ((k = TAILQ_FIRST(&s->outcomes)) != NULL)
        drop(ss, s, k);
    TAILQ_REMOVE(&ss->by_use, s, link);
    bx_map_remove(&ss->by_id, bx_hash(s->id, 16), s);
    ss->n--;
    bx_slab_free(&ss->slab, s, sizeof *s);
}

void bx_sessions_close(struct bx_sessions *ss)
{
    struct bx_session *s;

    ss->unused = NULL; /* stored outcomes are not deleted */
    while ((s = TAILQ_FIRST(&ss->by_use)) != NULL)
        drop_session(ss, s);
    bx_map_close(&ss->by_id);
    bx_slab_close(&ss->slab);
}

void bx_sessions_expire(struct bx_sessions *ss, uint64_t now_ms)
{
    struct bx_session *s;

    while ((s = TAILQ_FIRST(&ss->by_use)) != NULL && s->last_ms + ss->ttl_ms < now_ms)
        drop_session(ss, s);
}

/* ---- checking ---- */

static struct kept *kept_of(struct bx_session *s, uint64_t sequence)
{
    struct kept *k;

    TAILQ_FOREACH_REVERSE(k, &s->outcomes, kept_list, link)
    {
        if (k->sequence <= sequence)
            break;
    }
    return k != NULL && k->sequence == sequence ? k : NULL;
}

static int refuse(struct bx_err *err, int code, const char *what, const char *hint)
{
    bx_err_set(err, code, "%s", what);
    bx_err_hint(err, "%s", hint);
    return code;
}

/* True if there is space for another outcome, possibly after dropping those below the new floor. */
static bool has_room(const struct bx_session *s, const struct bx_cmd_header *head)
{
    uint64_t lowest = s->n == 0 ? 0 : TAILQ_FIRST(&s->outcomes)->sequence;

    return s->n < BX_SESSION_OUTCOMES_MAX || (lowest < head->floor && lowest < head->sequence);
}

int bx_sessions_check(struct bx_sessions *ss, const struct bx_cmd_header *head,
                      uint64_t principal_hash, struct bx_outcome *repeat, bool *repeated,
                      struct bx_err *err)
{
    struct bx_session *s = find(ss, head->session);
    struct kept *k;

    *repeated = false;
    if (s == NULL)
        return ss->n < ss->max ? BX_OK
                               : refuse(err, BX_BUSY, "the table of request ids is full",
                                        "nothing was done; try again later");
    if (s->principal_hash != principal_hash)
        return refuse(err, BX_CONFLICT, "this request id belongs to another user",
                      "use another --request-id");
    if (head->sequence < s->floor)
        return refuse(err, BX_CONFLICT, "this request was answered, and its outcome was dropped",
                      "use a new --request-id for a new request");
    k = kept_of(s, head->sequence);
    if (k == NULL)
        return has_room(s, head) ? BX_OK
                                 : refuse(err, BX_BUSY, "this session has too many outcomes",
                                          "raise the floor, the lowest sequence still waited for");
    if (k->body_hash != head->body_hash)
        return refuse(err, BX_CONFLICT, "this request id was already used for another request",
                      "use another --request-id");
    *repeated = true;
    /* An outcome has no arrays, so no arena is needed. */
    return bx_flat_read(&bx_outcome_schema, k->record, k->len, repeat, NULL, NULL, err);
}

/* ---- keeping ---- */

static void *take(struct bx_sessions *ss, size_t n)
{
    void *p = bx_slab_calloc(&ss->slab, n);

    if (p == NULL)
        bx_oom(n);
    return p;
}

static struct bx_session *add_session(struct bx_sessions *ss, const struct bx_outcome *o)
{
    struct bx_session *s = take(ss, sizeof *s);

    memcpy(s->id, o->session, 16);
    s->principal_hash = o->principal_hash;
    TAILQ_INIT(&s->outcomes);
    TAILQ_INSERT_TAIL(&ss->by_use, s, link);
    if (bx_map_add(&ss->by_id, bx_hash(s->id, 16), s) != BX_OK)
        bx_oom(sizeof *s);
    ss->n++;
    return s;
}

static void insert(struct bx_session *s, struct kept *k)
{
    struct kept *before = TAILQ_LAST(&s->outcomes, kept_list);

    while (before != NULL && before->sequence > k->sequence)
        before = TAILQ_PREV(before, kept_list, link);
    if (before == NULL)
        TAILQ_INSERT_HEAD(&s->outcomes, k, link);
    else
        TAILQ_INSERT_AFTER(&s->outcomes, before, k, link);
    s->n++;
}

void bx_sessions_keep(struct bx_sessions *ss, uint64_t entry, uint64_t now_ms,
                      const struct bx_outcome *o, const uint8_t *record, size_t len)
{
    struct bx_session *s = find(ss, o->session);
    struct kept *k = take(ss, sizeof *k + len), *low;

    if (s == NULL)
        s = add_session(ss, o);
    if (ss->current == NULL || ss->current->entry != entry) {
        ss->current = take(ss, sizeof *ss->current);
        ss->current->entry = entry;
        ss->blobs++;
    }
    *k = (struct kept){.sequence = o->sequence,
                       .body_hash = o->body_hash,
                       .hash = bx_hash(record, len),
                       .blob = ss->current,
                       .len = (uint32_t)len};
    memcpy(k->record, record, len);
    k->blob->live++;
    *ss->digest += k->hash;
    insert(s, k);
    if (o->floor > s->floor)
        s->floor = o->floor < o->sequence ? o->floor : o->sequence;
    while ((low = TAILQ_FIRST(&s->outcomes)) != NULL && low->sequence < s->floor)
        drop(ss, s, low);
    s->last_ms = now_ms;
    TAILQ_REMOVE(&ss->by_use, s, link);
    TAILQ_INSERT_TAIL(&ss->by_use, s, link);
}
