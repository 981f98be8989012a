/* audit - what clients were refused, for the record of this node (sys/audit.h); and audit.list.
 *
 * Events are read by the loop, a bounded number for each answer. Refusals are read from the files,
 * in a job of the thread pool. */
#include "api/priv.h"

#include "mem/alloc.h"
#include "sys/audit.h"
#include "sys/pool.h"
#include "wire/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKED_AT_MAX 4096u /* events for one answer */

/* ---- refusals ---- */

/* The parameters that tell what a request is about. */
static const char *const names[] = {"vm", "user", "name", "node", "tenant"};
#define NAMES (sizeof names / sizeof names[0])

struct bx_str api_audit_object(bx_val params)
{
    struct bx_str object = {"", 0};

    for (size_t i = 0; i < NAMES && object.n == 0; i++)
        bx_val_str(bx_val_get(params, names[i]), &object);
    return object;
}

static struct bx_str object_of(const struct api_call *c)
{
    const struct bx_schema *s = c->params == NULL ? NULL : bx_methods[c->method]->params;

    for (size_t i = 0; s != NULL && i < NAMES; i++) {
        for (uint32_t k = 0; k < s->n; k++) {
            const struct bx_field *f = &s->fields[k];
            const struct bx_str *v = (const void *)((const char *)c->params + f->offset);

            if (f->type == BX_T_STR && strcmp(f->name, names[i]) == 0 && v->n > 0)
                return *v;
        }
    }
    return c->object;
}

/* Whoever may not do something, and changes that can not be made. What is only not possible now is
 * tried again, and no refusal. */
static bool is_refusal(const struct api_call *c, int code)
{
    if (c->method == BX__METHODS || bx_methods[c->method]->upkeep)
        return false;
    switch (code) {
    case BX_DENIED:
        return true;
    case BX_INVALID:
    case BX_NOT_FOUND:
    case BX_EXISTS:
    case BX_CONFLICT:
    case BX_UNPLACEABLE:
    case BX_TOO_LARGE:
    case BX_UNSUPPORTED:
        return bx_methods[c->method]->mutates && c->from == 0;
    default:
        return false;
    }
}

/* Of whom nothing is known there is only an address. */
static bool is_stranger(const struct api_call *c)
{
    return c->client != NULL && c->client->role == BX_RPC_ANY && !c->client->is_local;
}

void api_audit_refused(const struct api_call *c, const struct bx_err *err)
{
    struct bx_refusal r = {.source = bx_str(c->source)};
    bool stranger = is_stranger(c);

    if (!is_refusal(c, err->code))
        return;
    r.principal = bx_str(stranger ? "" : c->principal);
    r.method = bx_str(bx_methods[c->method]->name);
    r.object = object_of(c);
    r.code = bx_str(bx_code_name(err->code));
    r.message = bx_str(err->msg);
    memcpy(r.trace, c->trace, sizeof r.trace);
    audit_refused(c->api->o.audit, &r, stranger);
}

void api_audit_stranger(const struct api_conn *c, const char *why)
{
    const char *name = c->stream.peer.name, *port = strrchr(name, ':');
    struct bx_refusal r = {.source = {name, port == NULL ? 0 : (uint32_t)(port - name)},
                           .method = bx_str("tls"),
                           .code = bx_str(bx_code_name(BX_DENIED)),
                           .message = bx_str(why)};

    audit_refused(c->api->o.audit, &r, true);
}

/* ---- a page ---- */

struct page {
    struct api_call *call;
    const struct bx_audit_params *p;
    struct bx_audit_reply *records;
    uint32_t n, limit, seen;
    size_t bytes;
    uint64_t last; /* the last one that was looked at */
    bool more;
    struct bx_audit_list_reply reply;
};

static bool begin_page(struct api_call *c, struct page *p, struct bx_err *err)
{
    char text[24], *end;

    *p = (struct page){.call = c, .p = c->params, .limit = api_common(c)->limit};
    if (p->limit == 0 || p->limit > BX_AUDIT_RECORDS_MAX)
        p->limit = BX_AUDIT_RECORDS_MAX;
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(api_common(c)->after));
    p->last = strtoull(text, &end, 10);
    if (*end != '\0' || text[0] == '-') {
        bx_err_set(err, BX_INVALID, "after: not a number");
        return false;
    }
    p->records = api_alloc(c, p->limit * sizeof *p->records);
    return true;
}

static bool is_full(struct page *p)
{
    if (p->n == p->limit || p->bytes >= BX_AUDIT_BYTES || p->seen >= LOOKED_AT_MAX)
        p->more = true;
    return p->more;
}

static bool is_wanted(const struct page *p, const struct bx_audit_reply *r)
{
    return (p->p->who.n == 0 || bx_str_eq(p->p->who, r->who)) &&
           (p->p->object.n == 0 || bx_str_eq(p->p->object, r->object)) &&
           r->time >= p->p->since_ms && (p->p->until_ms == 0 || r->time < p->p->until_ms);
}

/* Keep a record that was described, with copies of its texts. */
static void keep(struct page *p, const struct bx_audit_reply *r)
{
    struct bx_audit_reply *out = &p->records[p->n];
    struct api_call *c = p->call;

    if (!is_wanted(p, r))
        return;
    *out = *r;
    out->who = api_copy(c, r->who);
    out->from = api_copy(c, r->from);
    out->what = api_copy(c, r->what);
    out->object = api_copy(c, r->object);
    out->node = api_copy(c, r->node);
    out->tenant = api_copy(c, r->tenant);
    out->outcome = api_copy(c, r->outcome);
    out->message = api_copy(c, r->message);
    p->bytes += sizeof *out + r->who.n + r->object.n + r->message.n;
    p->n++;
}

static void reply(struct page *p)
{
    struct bx_audit_list_reply *r = &p->reply;
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, p->last);
    r->node = bx_str(p->call->api->o.name);
    r->records = (struct bx_list){p->records, p->n};
    r->after = bx_str(text);
    r->more = p->more;
    api_reply(p->call, &bx_audit_list_reply_schema, r);
}

/* ---- events ---- */

static void take_event(void *ctx, const struct bx_event *e)
{
    struct page *p = ctx;
    struct bx_audit_reply r;

    if (is_full(p))
        return;
    p->seen++;
    p->last = e->index;
    bx_audit_of_event(e, &p->call->arena, &r);
    keep(p, &r);
}

static void list_events(struct api_call *c)
{
    struct bx_fsm *f = bx_node_fsm(c->api->node);
    struct bx_cluster_info info;
    struct bx_err err = {0};
    struct page p;
    uint32_t n;

    if (!begin_page(c, &p, &err) ||
        bx_fsm_events(f, p.last, LOOKED_AT_MAX + 1, take_event, &p, &n, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    bx_view_cluster(api_view(c), &info);
    p.reply.head = info.revision;
    p.reply.oldest = bx_fsm_events_oldest(f);
    if (info.level >= BX_CHAIN_LEVEL)
        p.reply.hash = bx_audit_hex(bx_fsm_chain(f), &c->arena);
    reply(&p);
}

/* ---- refusals ---- */

struct reading {
    uv_work_t work;
    struct api_call *call;
    struct audit_head head; /* when the reading began: the files have at least this */
    struct audit_files files;
    struct bx_err err;
    int rc;
};

static void note_damage(struct page *p, uint64_t file, const struct bx_refusals *r)
{
    char *text = (char *)(uintptr_t)p->reply.damage.p;

    if (text == NULL)
        text = api_alloc(p->call, BX_AUDIT_DAMAGE_MAX + 1);
    p->reply.damage.n +=
        (uint32_t)snprintf(text + p->reply.damage.n, BX_AUDIT_DAMAGE_MAX + 1 - p->reply.damage.n,
                           "%srefusals-%" PRIu64 ".bxa: bytes %zu to %zu",
                           p->reply.damage.n > 0 ? ", " : "", file, r->at, r->at + r->size - 1);
    p->reply.damage.p = text;
    if (p->reply.damage.n > BX_AUDIT_DAMAGE_MAX)
        p->reply.damage.n = BX_AUDIT_DAMAGE_MAX;
}

/* The records of a file behind p->last; damage is told with the first answer, whatever it has. */
static void read_file(struct page *p, uint64_t file, const struct bx_buf *bytes, uint64_t after)
{
    struct bx_refusals r = {.p = bytes->data, .n = bytes->len};
    enum bx_refusals_found found;
    struct bx_audit_reply record;

    while ((found = bx_refusals_next(&r)) != BX_REFUSALS_END) {
        if (found == BX_REFUSALS_DAMAGE && after == 0)
            note_damage(p, file, &r);
        if (found != BX_REFUSALS_RECORD)
            continue;
        if (p->reply.oldest == 0)
            p->reply.oldest = r.record.number;
        if (r.record.number <= after || is_full(p))
            continue;
        p->seen++;
        p->last = r.record.number;
        bx_audit_of_refusal(&r.record, &p->call->arena, &record);
        keep(p, &record);
    }
    bx_refusals_close(&r);
}

static void answer(struct reading *r)
{
    struct page p;
    uint64_t after;

    if (r->rc == BX_OK && !begin_page(r->call, &p, &r->err))
        r->rc = r->err.code;
    if (r->rc != BX_OK) {
        api_fail(r->call, &r->err);
        return;
    }
    after = p.last;
    p.reply.head = r->head.number;
    p.reply.hash = bx_audit_hex(r->head.hash, &r->call->arena);
    for (size_t i = 0; i < 2; i++)
        read_file(&p, r->files.number[i], &r->files.file[i], after);
    reply(&p);
}

static void on_work(uv_work_t *work)
{
    struct reading *r = work->data;

    pool_yield_to_loop();
    r->rc = audit_read(r->call->api->o.data, &r->files, &r->err);
}

static void on_done(uv_work_t *work, int status)
{
    struct reading *r = work->data;
    struct audit_files files = r->files;

    api_party_remove(r->call->party, API_HELD_QUERIES, 1);
    if (status != 0)
        r->rc = bx_err_set(&r->err, BX_SHUTDOWN, "the daemon is stopping");
    answer(r); /* which frees r */
    audit_files_close(&files);
}

static void list_refusals(struct api_call *c)
{
    struct reading *r = api_alloc(c, sizeof *r);
    struct bx_err err;

    if (c->api->o.audit == NULL ||
        api_party_full(c->party, API_HELD_QUERIES, API_SQL_MAX) != NULL) {
        bx_err_set(&err, BX_BUSY, "too many queries are running");
        bx_err_hint(&err, "try again later");
        api_fail(c, &err);
        return;
    }
    r->call = c;
    r->head = audit_head(c->api->o.audit);
    r->work.data = r;
    api_party_add(c->party, API_HELD_QUERIES, 1);
    uv_queue_work(c->api->loop, &r->work, on_work, on_done);
}

/* ---- the method ---- */

static void audit_list(struct api_call *c)
{
    const struct bx_audit_params *p = c->params;
    struct bx_err err;

    if (api_relay_named(c, p->node))
        return;
    if (p->refused) {
        list_refusals(c);
    } else if (c->api->node != NULL) {
        api_read(c, list_events);
    } else {
        bx_err_set(&err, BX_CONFLICT, "this host does not belong to a cluster");
        api_fail(c, &err);
    }
}

const struct api_method api_audit_list = {.run = audit_list, .expired = api_relay_over};
