/* api_mem - what the memory of this node's process is used for.
 *
 * Answered by the node that is asked, from its own counters, without a barrier: it works without a
 * quorum, and on a host that belongs to no cluster yet. */
#include "api/priv.h"

#include "diag/memory.h"
#include "log/wal.h"
#include "mem/track.h"

#include <string.h>

/* What is shown of what the process counts, in this order: a source under its label, or under the
 * name of the set; those of a set with a group in a map of that name. */
static const struct shown {
    const struct bx_metric_set *set;
    const char *group;
} shown[] = {
    {&bx_pool_metrics, NULL},  {&bx_intern_metrics, NULL},
    {&bx_slab_metrics, NULL},  {&bx_rc_metrics, NULL},
    {&bx_buf_metrics, NULL},   {&bx_buf_class_metrics, "buffer_class"},
    {&bx_alloc_metrics, NULL}, {&bx_codec_metrics, "codecs"},
    {&bx_fifo_metrics, NULL},  {&bx_wal_metrics, NULL},
};
#define SHOWN (sizeof shown / sizeof shown[0])

static uint32_t sources_of(const struct bx_metrics *m, const struct bx_metric_set *set)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->n; i++)
        n += m->v[i].set == set;
    return n;
}

static void put_source(struct bx_buf *b, const struct bx_metric_source *s)
{
    uint64_t read[BX_METRICS_BYTES / sizeof(uint64_t)];

    bx_metric_read(s, read);
    bx_pw_str(b, s->value != NULL ? s->value : s->set->schema->name);
    bx_pw_map(b, s->set->schema->n);
    bx_pack_write(b, s->set->schema, read);
}

/* How many keys put_metrics writes. */
static uint32_t count_metrics(const struct bx_metrics *m)
{
    uint32_t n = 0;

    for (size_t i = 0; i < SHOWN; i++)
        n += shown[i].group != NULL ? 1 : sources_of(m, shown[i].set);
    return n;
}

static void put_metrics(struct bx_buf *b, const struct bx_metrics *m)
{
    for (size_t i = 0; i < SHOWN; i++) {
        if (shown[i].group != NULL) {
            bx_pw_str(b, shown[i].group);
            bx_pw_map(b, sources_of(m, shown[i].set));
        }
        for (uint32_t at = 0; at < m->n; at++) {
            if (m->v[at].set == shown[i].set)
                put_source(b, &m->v[at]);
        }
    }
}

#ifdef BX_TRACK_ALLOCATIONS
#define TRACKED BX__OWNERS
#define SITES 64u
#define CODES 32u /* scopes of the code */

static void number(struct bx_buf *b, const char *key, uint64_t n)
{
    bx_pw_str(b, key);
    bx_pw_u64(b, n);
}

static void put_count(struct bx_buf *b, const struct bx_track_count *c)
{
    number(b, "allocations", c->allocations);
    number(b, "frees", c->frees);
    number(b, "bytes", c->bytes);
    bx_pw_str(b, "live"); /* in a scope more may have been freed than was allocated */
    bx_pw_i64(b, (int64_t)(c->allocations - c->frees));
    bx_pw_str(b, "live_bytes");
    bx_pw_i64(b, (int64_t)(c->bytes - c->freed_bytes));
}

static void put_owners(struct bx_buf *b, const struct bx_track_report *r)
{
    for (int i = 0; i < BX__OWNERS; i++) {
        bx_pw_str(b, bx_owner_names[i]);
        bx_pw_map(b, 5);
        put_count(b, &r->owners[i]);
    }
}

static void put_tracked(struct bx_buf *b)
{
    struct bx_track_report r;

    bx_track_report(NULL, &r);
    put_owners(b, &r);
}

static void put_site(struct bx_buf *b, const struct bx_track_site *s)
{
    bx_pw_map(b, 8);
    bx_pw_str(b, "site");
    bx_pw_str(b, s->name);
    bx_pw_str(b, "owner");
    bx_pw_str(b, bx_owner_names[s->owner]);
    put_count(b, &s->count);
    bx_pw_str(b, "frames");
    bx_pw_array(b, s->n_frames);
    for (uint32_t i = 0; i < s->n_frames; i++) {
        char text[128];

        bx_track_frame_text(s->frames[i], text, sizeof text);
        bx_pw_str(b, text);
    }
}

static void put_scopes(struct bx_buf *b)
{
    struct bx_track_code_count scopes[CODES];
    uint32_t n = bx_track_codes(scopes, CODES);

    bx_pw_str(b, "scopes");
    bx_pw_map(b, n);
    for (uint32_t i = 0; i < n; i++) {
        bx_pw_str(b, scopes[i].name);
        bx_pw_map(b, 6);
        number(b, "entered", scopes[i].entered);
        put_count(b, &scopes[i].count);
    }
}

static void reply_sites(struct api_call *c, const char *scope, const struct bx_track_report *r)
{
    struct bx_track_site top[SITES];
    uint32_t n = bx_track_top(scope, top, SITES);
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 6);
    bx_pw_str(&b, "scope");
    bx_pw_str(&b, scope);
    bx_pw_str(&b, "stacks");
    bx_pw_bool(&b, r->stacks);
    number(&b, "peak_bytes", r->peak_bytes);
    bx_pw_str(&b, "owners");
    bx_pw_map(&b, BX__OWNERS);
    put_owners(&b, r);
    put_scopes(&b);
    bx_pw_str(&b, "sites");
    bx_pw_array(&b, n);
    for (uint32_t i = 0; i < n; i++)
        put_site(&b, &top[i]);
    api_reply(c, &b);
}

static int scope_error(int rc, const char *scope, struct bx_err *err)
{
    if (rc == BX_CONFLICT)
        bx_err_set(err, rc, "scope \"%s\" runs already", scope);
    else if (rc == BX_BUSY)
        bx_err_set(err, rc, "%u scopes run already", BX_TRACK_SCOPES);
    else if (rc == BX_NO_MEMORY)
        bx_err_set(err, rc, "no memory for a scope");
    else if (rc == BX_NOT_FOUND)
        bx_err_set(err, rc, "no scope \"%s\" runs", scope);
    else
        bx_err_set(err, rc, "scope: must be 1 to %u bytes", BX_TRACK_NAME - 1);
    bx_err_hint(err, "blixardctl mem sites --scope NAME --start begins one, --finish ends it");
    return rc;
}

/* The report comes before the end of a scope that is finished. */
static int tracked(struct api_call *c, struct bx_err *err)
{
    bool start = bx_str_eq(c->p.action, bx_str("start"));
    bool finish = bx_str_eq(c->p.action, bx_str("finish"));
    char scope[BX_TRACK_NAME] = "";
    struct bx_track_report r;
    int rc = BX_OK;

    if ((c->p.action.n > 0 && !start && !finish) || c->p.scope.n >= sizeof scope)
        return scope_error(BX_INVALID, "", err);
    if (c->p.scope.n > 0)
        memcpy(scope, c->p.scope.p, c->p.scope.n);
    if (start)
        rc = bx_track_start(scope);
    if (rc == BX_OK)
        rc = bx_track_report(c->p.scope.n == 0 && !finish ? NULL : scope, &r);
    if (rc != BX_OK)
        return scope_error(rc, scope, err);
    reply_sites(c, c->p.scope.n == 0 ? NULL : scope, &r);
    if (finish)
        bx_track_finish(scope);
    return BX_OK;
}

#else
#define TRACKED 0

static void put_tracked(struct bx_buf *b)
{
    (void)b;
}

static int tracked(struct api_call *c, struct bx_err *err)
{
    (void)c;
    bx_err_set(err, BX_UNSUPPORTED, "this blixardd does not track its allocations");
    bx_err_hint(err, "build it with ./configure --enable-allocation-tracking");
    return BX_UNSUPPORTED;
}

#endif

void api_mem_stats(struct api_call *c)
{
    const struct bx_metrics *m = c->api->o.metrics;
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 1 + count_metrics(m) + TRACKED);
    bx_pw_str(&b, "tracking");
    bx_pw_bool(&b, TRACKED > 0);
    put_metrics(&b, m);
    put_tracked(&b);
    api_reply(c, &b);
}

void api_mem_sites(struct api_call *c)
{
    struct bx_err err = {0};

    if (tracked(c, &err) != BX_OK)
        api_fail(c, &err);
}
