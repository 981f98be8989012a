/* mem - the memory statistics of this process.
 *
 * Answered from the process's own counters, without a barrier: works without a quorum, and on a
 * host that does not belong to a cluster. */
#include "api/priv.h"

#include "diag/memory.h"
#include "log/wal.h"
#include "mem/track.h"
#include "wire/mem.h"

#include <string.h>

/* ---- a reply whose schema is built at run time, from the registry of metrics ---- */

#define FIELDS_MAX (1u + BX_METRICS_MAX + BX_OWNER_REPLIES)
#define BYTES_MAX (64u + BX_METRICS_MAX * BX_METRICS_BYTES + sizeof(struct bx_owners_reply))
_Static_assert(BYTES_MAX <= UINT16_MAX, "offsets of fields have 16 bits");

struct reply {
    struct bx_field fields[FIELDS_MAX];
    uint16_t n;
    size_t used; /* of object */
    _Alignas(8) uint8_t object[BYTES_MAX];
};

/* Add a field for a record, and return where its value is to be written. */
static void *add_record(struct reply *r, const char *name, const struct bx_schema *s)
{
    size_t at = r->used;

    r->fields[r->n++] =
        (struct bx_field){.name = name, .type = BX_T_RECORD, .offset = (uint16_t)at, .sub = s};
    r->used += (s->size + 7) & ~(size_t)7;
    return r->object + at;
}

static struct bx_schema schema_of(const struct reply *r)
{
    return (struct bx_schema){.name = "memory",
                              .kind = BX_KIND_REPLY + BX_REPLY_MEMORY,
                              .size = (uint32_t)r->used,
                              .n = r->n,
                              .fields = r->fields};
}

static void begin(struct reply *r, bool tracking)
{
    r->n = 1;
    r->fields[0] = bx_memory_reply_schema.fields[0];
    ((struct bx_memory_reply *)(void *)r->object)->tracking = tracking;
    r->used = 8;
}

/* ---- metrics ---- */

/* The sets shown, in order. A source is shown under its label, or else under the name of its set;
 * the sources of a set with a group, in a map of that name. */
static const struct shown {
    const struct bx_metric_set *set;
    const char *group;
} shown[] = {
    {&bx_pool_metrics, NULL},
    {&bx_intern_metrics, NULL},
    {&bx_slab_metrics, NULL},
    {&bx_rc_metrics, NULL},
    {&bx_buf_metrics, NULL},
    {&bx_buf_class_metrics, "buffer_class"},
    {&bx_alloc_metrics, NULL},
    {&bx_codec_metrics, "codecs"},
    {&bx_codec_use_metrics, "codec_uses"},
    {&bx_fifo_metrics, NULL},
    {&bx_wal_metrics, NULL},
    {&bx_session_metrics, NULL},
};
#define SHOWN (sizeof shown / sizeof shown[0])

static void add_sources(struct reply *r, const struct bx_metrics *m,
                        const struct bx_metric_set *set)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const struct bx_metric_source *s = &m->v[i];

        if (s->set == set)
            bx_metric_read(
                s, add_record(r, s->value != NULL ? s->value : set->schema->name, set->schema));
    }
}

/* Add the records of a group as a map; its schema lives as long as the call. */
static bool add_group(struct api_call *c, struct reply *r, const char *name,
                      const struct reply *group)
{
    struct bx_schema *s = bx_arena_alloc(&c->arena, sizeof *s);

    if (s == NULL)
        return false;
    *s = schema_of(group);
    memcpy(add_record(r, name, s), group->object, group->used);
    return true;
}

static struct reply *create_reply(struct api_call *c)
{
    struct reply *r = bx_arena_alloc(&c->arena, sizeof *r);

    if (r != NULL) {
        r->n = 0;
        r->used = 0;
    }
    return r;
}

/* False: out of memory. */
static bool add_sources_of_group(struct api_call *c, struct reply *r, const struct shown *what)
{
    struct reply *group = create_reply(c);

    if (group == NULL)
        return false;
    add_sources(group, c->api->o.metrics, what->set);
    return add_group(c, r, what->group, group);
}

#ifdef BX_TRACK_ALLOCATIONS
#define TRACKING true
#define SITES 64u
#define FRAME_TEXT 128u
#define CODES 32u /* scopes in the code */
_Static_assert(BX__OWNERS == BX_OWNER_REPLIES, "every owner is shown");

static struct bx_count_reply count_of(const struct bx_track_count *c)
{
    return (struct bx_count_reply){.allocations = c->allocations,
                                   .frees = c->frees,
                                   .bytes = c->bytes,
                                   .live = (int64_t)(c->allocations - c->frees),
                                   .live_bytes = (int64_t)(c->bytes - c->freed_bytes)};
}

static void show_owners(const struct bx_track_report *report, struct bx_owners_reply *out)
{
    for (int i = 0; i < BX__OWNERS; i++)
        out->owners[i] = count_of(&report->owners[i]);
}

static void add_tracked(struct reply *r)
{
    struct bx_track_report report;

    bx_track_report(NULL, &report);
    for (int i = 0; i < BX__OWNERS; i++)
        *(struct bx_count_reply *)add_record(r, bx_owner_names[i], &bx_count_reply_schema) =
            count_of(&report.owners[i]);
}

static struct bx_strs frames_of(struct api_call *c, const struct bx_track_site *s)
{
    struct bx_str *list = api_alloc(c, s->n_frames * sizeof *list);
    char text[FRAME_TEXT];

    for (uint32_t i = 0; i < s->n_frames; i++) {
        bx_track_frame_text(s->frames[i], text, sizeof text);
        list[i] = api_copy(c, bx_str(text));
    }
    return (struct bx_strs){list, s->n_frames};
}

/* The scopes in the code are known only at run time; the map of them comes before the last of the
 * static fields. */
static void compose_sites(struct api_call *c, const struct bx_sites_reply *from)
{
    const struct bx_schema *always = &bx_sites_reply_schema;
    struct bx_track_code_count *scopes = api_alloc(c, CODES * sizeof *scopes);
    struct reply *r = api_alloc(c, sizeof *r), *group = api_alloc(c, sizeof *group);
    uint32_t n = bx_track_codes(scopes, CODES);
    struct bx_schema s;

    memcpy(r->object, from, sizeof *from);
    r->used = (sizeof *from + 7) & ~(size_t)7;
    for (uint16_t i = 0; i + 1 < always->n; i++)
        r->fields[r->n++] = always->fields[i];
    for (uint32_t i = 0; i < n; i++) {
        struct bx_scope_reply *to = add_record(group, scopes[i].name, &bx_scope_reply_schema);

        *to = (struct bx_scope_reply){scopes[i].entered, count_of(&scopes[i].count)};
    }
    add_group(c, r, "scopes", group);
    r->fields[r->n++] = always->fields[always->n - 1];
    s = schema_of(r);
    api_reply(c, &s, r->object);
}

static void reply_sites(struct api_call *c, const char *scope, const struct bx_track_report *report)
{
    struct bx_track_site *top = api_alloc(c, SITES * sizeof *top);
    struct bx_site_reply *list = api_alloc(c, SITES * sizeof *list);
    uint32_t n = bx_track_top(scope, top, SITES);
    struct bx_sites_reply r = {.scope = bx_str(scope),
                               .stacks = report->stacks,
                               .peak_bytes = report->peak_bytes,
                               .sites = {list, n}};

    show_owners(report, &r.owners);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct bx_site_reply){.site = bx_str(top[i].name),
                                         .owner = bx_str(bx_owner_names[top[i].owner]),
                                         .count = count_of(&top[i].count),
                                         .frames = frames_of(c, &top[i])};
    compose_sites(c, &r);
}

static int scope_error(int rc, const char *scope, struct bx_err *err)
{
    if (rc == BX_CONFLICT)
        bx_err_set(err, rc, "scope \"%s\" is already started", scope);
    else if (rc == BX_BUSY)
        bx_err_set(err, rc, "too many scopes (%u)", BX_TRACK_SCOPES);
    else if (rc == BX_NO_MEMORY)
        bx_err_set(err, rc, "out of memory");
    else if (rc == BX_NOT_FOUND)
        bx_err_set(err, rc, "scope \"%s\" is not started", scope);
    else
        bx_err_set(err, rc, "scope: must be 1 to %u bytes", BX_TRACK_NAME - 1);
    bx_err_hint(err, "blixardctl mem sites --scope NAME --start starts one, --finish ends it");
    return rc;
}

/* Report before finishing a scope: its counts go with it. */
static int sites(struct api_call *c, struct bx_err *err)
{
    const struct bx_sites_params *p = c->params;
    bool finish = p->action == BX_SITES_FINISH;
    char scope[BX_TRACK_NAME] = "";
    struct bx_track_report report;
    int rc = BX_OK;

    if (p->scope.n >= sizeof scope)
        return scope_error(BX_INVALID, "", err);
    if (p->scope.n > 0)
        memcpy(scope, p->scope.p, p->scope.n);
    if (p->action == BX_SITES_START)
        rc = bx_track_start(scope);
    if (rc == BX_OK)
        rc = bx_track_report(scope[0] == '\0' && !finish ? NULL : scope, &report);
    if (rc != BX_OK)
        return scope_error(rc, scope, err);
    reply_sites(c, scope[0] == '\0' ? NULL : scope, &report);
    if (finish)
        bx_track_finish(scope);
    return BX_OK;
}

#else
#define TRACKING false

static void add_tracked(struct reply *r)
{
    (void)r;
}

static int sites(struct api_call *c, struct bx_err *err)
{
    (void)c;
    bx_err_set(err, BX_UNSUPPORTED, "this blixardd does not track its allocations");
    bx_err_hint(err, "build it with ./configure --enable-allocation-tracking");
    return BX_UNSUPPORTED;
}

#endif

static bool add_all(struct api_call *c, struct reply *r)
{
    bool whole = true;

    begin(r, TRACKING);
    for (size_t i = 0; whole && i < SHOWN; i++) {
        if (shown[i].group != NULL)
            whole = add_sources_of_group(c, r, &shown[i]);
        else
            add_sources(r, c->api->o.metrics, shown[i].set);
    }
    add_tracked(r);
    return whole;
}

static void mem_stats(struct api_call *c)
{
    struct reply *r = create_reply(c);
    struct bx_schema s;
    struct bx_err err;

    if (r == NULL || !add_all(c, r)) {
        bx_err_set(&err, BX_NO_MEMORY, "out of memory");
        api_fail(c, &err);
        return;
    }
    s = schema_of(r);
    api_reply(c, &s, r->object);
}

static void mem_sites(struct api_call *c)
{
    struct bx_err err = {0};

    if (sites(c, &err) != BX_OK)
        api_fail(c, &err);
}

/* ---- the methods ---- */

const struct api_method api_mem_stats = {.run = mem_stats};
const struct api_method api_mem_sites = {.run = mem_sites};
