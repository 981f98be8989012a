/* api_mem - what the memory of this node's process is used for (R1.13).
 *
 * Answered by the node that is asked, from its own counters, without a barrier: it works without a
 * quorum, and on a host that belongs to no cluster yet. */
#include "api/priv.h"

#include "mem/alloc.h"
#include "mem/track.h"

#include <string.h>

static void number(struct bx_buf *b, const char *key, uint64_t n)
{
    bx_pw_str(b, key);
    bx_pw_u64(b, n);
}

static void put_pool(struct bx_buf *b, const struct bx_pool_stats *s)
{
    bx_pw_str(b, s->name);
    bx_pw_map(b, 9);
    number(b, "available", s->available);
    number(b, "in_use", s->in_use);
    number(b, "high_water", s->high_water);
    number(b, "created", s->created);
    number(b, "hits", s->hits);
    number(b, "misses", s->misses);
    number(b, "max", s->size.max);
    number(b, "min", s->size.min);
    number(b, "object_bytes", s->object_bytes);
}

static void put_buffer(struct bx_buf *b)
{
    struct bx_buf_stats s;

    bx_buf_stats(&s);
    bx_pw_str(b, "buffer");
    bx_pw_map(b, 5);
    number(b, "hits", s.hits);
    number(b, "misses", s.misses);
    number(b, "direct", s.direct);
    number(b, "returned", s.returned);
    number(b, "kept_bytes", s.kept_bytes);
}

static void put_heap(struct bx_buf *b)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    bx_pw_str(b, "heap");
    bx_pw_map(b, 6);
    number(b, "allocations", s.allocations);
    number(b, "frees", s.frees);
    number(b, "failures", s.failures);
    number(b, "live", s.live);
    number(b, "live_bytes", s.live_bytes);
    number(b, "peak_bytes", s.peak_bytes);
}

static void put_intern(struct bx_buf *b, const struct bx_intern_stats *s)
{
    bx_pw_str(b, "intern");
    bx_pw_map(b, 9);
    number(b, "live", s->live);
    number(b, "live_bytes", s->live_bytes);
    number(b, "high_water", s->high_water);
    number(b, "hits", s->hits);
    number(b, "misses", s->misses);
    number(b, "refused", s->refused);
    number(b, "copies", s->copies);
    number(b, "max_strings", s->max_strings);
    number(b, "max_bytes", s->max_bytes);
}

/* What answers were made in: vm.list goes through here. */
static void put_codecs(struct bx_buf *b, const struct bx_hybrid *h)
{
    bx_pw_str(b, "codecs");
    bx_pw_map(b, BX_CODEC_JSON);
    for (unsigned id = BX_CODEC_FLAT; id <= BX_CODEC_JSON; id++) {
        const struct bx_codec_stats *s = &h->stats[id];

        bx_pw_str(b, bx_codec_ops(id)->name);
        bx_pw_map(b, 7);
        number(b, "encoded", s->encoded);
        number(b, "decoded", s->decoded);
        number(b, "failed", s->failed);
        number(b, "fallbacks", s->fallbacks);
        number(b, "bytes", s->bytes);
        number(b, "encode_ns", s->encode_ns);
        number(b, "decode_ns", s->decode_ns);
    }
}

static void put_state(struct bx_buf *b, const struct bx_view_memory *m)
{
    bx_pw_str(b, "row");
    bx_pw_map(b, 4);
    number(b, "live", m->rows.live);
    number(b, "live_bytes", m->rows.live_bytes);
    number(b, "slabs", m->rows.slabs);
    number(b, "slab_bytes", m->rows.slab_bytes);
    bx_pw_str(b, "shared_config");
    bx_pw_map(b, 5);
    number(b, "values", m->configs.values);
    number(b, "refs", m->configs.refs);
    number(b, "hits", m->configs.hits);
    number(b, "misses", m->configs.misses);
    number(b, "apart", m->configs.apart);
}

/* Before this host is a member there is nothing to count: the keys are there all the same. */
static void put_node(struct bx_buf *b, const struct api *a)
{
    struct bx_node_memory m = {.proposals = {.name = "proposal", .size = a->o.proposals},
                               .reads = {.name = "read"}};

    if (a->node != NULL)
        bx_node_memory(a->node, &m);
    put_pool(b, &m.proposals);
    put_pool(b, &m.reads);
    put_intern(b, &m.intern);
    put_state(b, &m.state);
}

#ifdef BX_TRACK_ALLOCATIONS
#define TRACKED (BX__OWNERS + 1)
#define SITES 64u

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
    struct bx_pool_stats scopes;
    struct bx_track_report r;

    bx_track_scope_stats(&scopes);
    put_pool(b, &scopes);
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

static void reply_sites(struct api_call *c, const char *scope, const struct bx_track_report *r)
{
    struct bx_track_site top[SITES];
    uint32_t n = bx_track_top(scope, top, SITES);
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 5);
    bx_pw_str(&b, "scope");
    bx_pw_str(&b, scope);
    bx_pw_str(&b, "stacks");
    bx_pw_bool(&b, r->stacks);
    number(&b, "peak_bytes", r->peak_bytes);
    bx_pw_str(&b, "owners");
    bx_pw_map(&b, BX__OWNERS);
    put_owners(&b, r);
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
    const struct api *a = c->api;
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 14 + TRACKED);
    bx_pw_str(&b, "tracking");
    bx_pw_bool(&b, TRACKED > 0);
    put_node(&b, a);
    put_pool(&b, &a->configs.stats);
    put_pool(&b, &a->metadata.stats);
    put_pool(&b, &a->pool.stats);
    put_pool(&b, &a->streams.buffers.stats);
    put_pool(&b, &a->connections.stats);
    put_buffer(&b);
    put_heap(&b);
    put_codecs(&b, &a->hybrid);
    put_tracked(&b);
    api_reply(c, &b);
}

void api_mem_sites(struct api_call *c)
{
    struct bx_err err = {0};

    if (tracked(c, &err) != BX_OK)
        api_fail(c, &err);
}
