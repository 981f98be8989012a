#include "api/priv.h"

#include "mem/alloc.h"
#include "node/stats.h"
#include "rec/rec.h"
#include "sys/clock.h"
#include "pki/pki.h"
#include "wire/suggest.h"

#include <string.h>

#define API_METHOD_ROW(upper, lower) [BX_M_##upper] = &api_##lower,
const struct api_method *const api_methods[BX__METHODS] = {BX_METHODS(API_METHOD_ROW)};

/* ---- memory ---- */

void *api_alloc(struct api_call *c, size_t n)
{
    void *p = bx_arena_alloc(&c->arena, n);

    if (p == NULL)
        bx_oom(n);
    return memset(p, 0, n);
}

struct bx_str api_copy(struct api_call *c, struct bx_str s)
{
    char *p = bx_arena_strndup(&c->arena, s.p == NULL ? "" : s.p, s.n);

    if (p == NULL)
        bx_oom(s.n);
    return (struct bx_str){p, s.n};
}

/* Arenas keep a block for the next call; a few kept arenas are enough except in bursts. */
static void take_arena(struct api_call *c)
{
    if (c->api->n_arenas > 0)
        c->arena = c->api->arenas[--c->api->n_arenas];
}

static void give_arena(struct api_call *c)
{
    struct api *a = c->api;

    if (a->n_arenas == API_ARENAS) {
        bx_arena_close(&c->arena);
        return;
    }
    bx_arena_reset(&c->arena);
    a->arenas[a->n_arenas++] = c->arena;
}

/* ---- answering ---- */

static void end(struct api_call *c)
{
    struct api *a = c->api;

    /* A token is in it, or may be: no method was found yet. */
    if (c->method == BX_M_SYS_HELLO || c->method == BX_M_CLUSTER_JOIN || c->method == BX__METHODS)
        pki_wipe(c->message.data, c->message.len);
    api_wait_stop(c);
    api_call_rests(c, true);
    a->n_calls--;
    api_party_remove(c->party, API_HELD_CALLS, 1);
    api_party_remove(c->party, API_HELD_CALL_BYTES, c->message.len);
    api_party_drop(a, c->party);
    if (c->client != NULL) {
        TAILQ_REMOVE(&c->client->pending, c, own);
        c->client->calls--;
        c->client->ops->ended(c->client);
    }
    bx_buf_release(&c->message);
    bx_pool_release(&a->metadata, c->metadata);
    if (c->pooled)
        bx_pool_release(&a->configs, c->params);
    give_arena(c);
    bx_pool_release(&a->pool, c);
}

/* The log that is sent to another node must not be full of that. */
static bool is_upkeep(const struct api_call *c)
{
    return c->method != BX__METHODS && bx_methods[c->method]->upkeep;
}

static void record_end(const struct api_call *c, int code, const char *err)
{
    const char *method = c->method == BX__METHODS ? "" : bx_methods[c->method]->name;
    uint64_t before;

    if (is_upkeep(c))
        return;
    before = bx_rec_trace(bx_trace_of(c->trace));

    if (code == BX_OK)
        BX_DEBUG("api", "answered", "method", method, "id", c->id);
    else
        BX_DEBUG("api", "refused", "method", method, "id", c->id, "code", bx_code_name(code), "err",
                 err);
    bx_rec_trace(before);
}

/* Sending may close the connection, which must not end this call a second time. */
void api_reply_items(struct api_call *c, const struct bx_schema *s, const struct bx_items *items)
{
    api_wait_stop(c);
    record_end(c, BX_OK, "");
    diag_request_end(&c->diag, NULL);
    if (c->client != NULL)
        c->client->ops->reply(c->client, c, s, items);
    end(c);
}

static const void *only_one(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

void api_reply(struct api_call *c, const struct bx_schema *s, const void *obj)
{
    struct bx_items one = {1, false, only_one, (void *)(uintptr_t)obj};

    api_reply_items(c, s, obj == NULL ? NULL : &one);
}

void api_fail(struct api_call *c, const struct bx_err *err)
{
    api_wait_stop(c);
    record_end(c, err->code, err->msg);
    api_audit_refused(c, err);
    diag_request_end(&c->diag, err);
    if (c->client != NULL)
        c->client->ops->fail(c->client, c, err);
    end(c);
}

void api_notify(struct api_client *client, const char *name, const struct bx_schema *s,
                const void *obj)
{
    if (client == NULL || client->ops->notify == NULL)
        return;
    client->ops->notify(client, name, s, obj);
    client->ops->flush(client);
}

void api_client_init(struct api_client *client, struct api *a, const struct api_client_ops *ops)
{
    *client = (struct api_client){
        .ops = ops, .api = a, .party = &a->everybody, .codecs = 1u << BX_CODEC_MSGPACK};
    TAILQ_INIT(&client->pending);
    TAILQ_INIT(&client->ready);
    api_turn_init(&client->turn);
}

void api_client_gone(struct api_client *client)
{
    struct api_call *c;

    api_watch_stop(client);
    api_work_gone(client);
    while ((c = TAILQ_FIRST(&client->pending)) != NULL) {
        TAILQ_REMOVE(&client->pending, c, own);
        c->client = NULL;
        if (c->queue != NULL)
            c->deadline =
                0; /* a waiting call has no effect but its answer: end it at the next tick */
    }
}

/* ---- requests ---- */

struct api_call *api_call_create(struct api *a, struct api_client *client, const uint8_t *p,
                                 size_t n)
{
    struct api_call *c = bx_pool_acquire(&a->pool);

    if (c == NULL)
        return NULL;
    if (bx_buf_append(&c->message, p, n) != BX_OK) {
        bx_pool_release(&a->pool, c);
        return NULL;
    }
    c->api = a;
    c->client = client;
    memcpy(c->principal, client->principal, sizeof c->principal);
    snprintf(c->source, sizeof c->source, "%s", client->is_local ? "unix" : client->party->name);
    c->party = client->party;
    c->party->refs++;
    api_party_add(c->party, API_HELD_CALLS, 1);
    api_party_add(c->party, API_HELD_CALL_BYTES, n);
    api_party_add(c->party, API_HELD_RUNNING, 1);
    c->method = BX__METHODS;
    take_arena(c);
    TAILQ_INSERT_TAIL(&client->pending, c, own);
    a->n_calls++;
    client->calls++;
    return c;
}

void api_call_drop(struct api_call *c)
{
    TAILQ_REMOVE(&c->client->pending, c, own);
    c->client->calls--;
    c->client = NULL;
    end(c);
}

/* The call is counted already. */
static int check_room(const struct api_call *c, struct bx_err *err)
{
    const struct api_party *full =
        api_party_over(c->party, API_HELD_CALL_BYTES, API_CALLS_BYTES, API_CALLS_LEAST);
    bool many = c->api->n_calls > API_CALLS_MAX;

    if ((many || full != NULL) && c->api->node != NULL &&
        bx_node_lacks_members(c->api->node, "request", "nothing was done", err)) {
        bx_err_hint(err, "try again when there is a quorum; see blixardctl cluster status");
        return BX_NO_LEADER;
    }
    if (many)
        bx_err_set(err, BX_BUSY, "too many pending requests (%u)", c->api->n_calls - 1);
    else if (full != NULL)
        bx_err_set(err, BX_BUSY, "too many bytes of pending requests (%u KiB of %s)",
                   (unsigned)(full->n[API_HELD_CALL_BYTES] >> 10), full->name);
    else
        return BX_OK;
    bx_err_hint(err, "try again; the request had no effect");
    return BX_BUSY;
}

static int find_method(struct api_call *c, struct bx_str name, struct bx_err *err)
{
    const char *names[BX__METHODS], *word;

    c->method = bx_method_find(name.p, name.n);
    if (c->method != BX__METHODS) {
        if (!is_upkeep(c))
            diag_request_begin(c->api->o.diag, &c->diag, bx_methods[c->method]->name, c->principal);
        return BX_OK;
    }
    bx_err_set(err, BX_UNSUPPORTED, "unknown method \"%.*s\"", (int)(name.n > 64 ? 64 : name.n),
               name.p);
    for (int m = 0; m < BX__METHODS; m++)
        names[m] = bx_methods[m]->name;
    word = bx_suggest(name.p, name.n, names, BX__METHODS);
    if (word != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", word);
    else
        bx_err_hint(err, "this is blixardd %s; the client may be newer", PACKAGE_VERSION);
    return BX_UNSUPPORTED;
}

static int check_may(struct api_call *c, struct bx_err *err)
{
    const struct bx_method_info *m = bx_methods[c->method];
    int rc = api_auth_check(c, err);

    if (rc != BX_OK)
        return rc;
    if (c->api->node == NULL && !m->before_init && c->api->o.identity->node != 0)
        return bx_err_set(err, BX_SHUTDOWN, "the daemon is starting or stopping");
    if (c->api->node == NULL && !m->before_init) {
        bx_err_set(err, BX_CONFLICT, "this host does not belong to a cluster");
        bx_err_hint(err, "blixardctl cluster init, or cluster join TOKEN");
        return BX_CONFLICT;
    }
    return BX_OK;
}

/* Most VMs have no metadata, so the array for the maximum is pooled, not part of the parameters. */
static int keep_metadata(struct api_call *c, struct bx_err *err)
{
    struct bx_pairs *pairs = &((struct bx_vm_create_params *)c->params)->body.config.metadata;

    if (pairs->n == 0)
        return BX_OK;
    c->metadata = bx_pool_acquire(&c->api->metadata);
    if (c->metadata == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    memcpy(c->metadata->pairs, pairs->v, pairs->n * sizeof *pairs->v);
    pairs->v = c->metadata->pairs;
    return BX_OK;
}

/* A VM configuration is decoded into a pooled object, from which the command is encoded. */
static int read_params(struct api_call *c, bx_val params, struct bx_err *err)
{
    struct bx_codec_call call = bx_codec_decoding(BX_CODEC_MSGPACK, BX_USE_REQUEST);
    int rc;

    c->pooled = api_methods[c->method]->config;
    c->params = c->pooled ? bx_pool_acquire(&c->api->configs)
                          : bx_arena_alloc(&c->arena, bx_methods[c->method]->params->size);
    if (c->params == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    bx_params_init(c->method, c->params);
    if (c->pooled && c->tenant[0] != '\0')
        ((struct bx_vm_create_params *)c->params)->body.config.tenant = bx_str(c->tenant);
    rc = bx_params_read(c->method, params, c->params, &c->arena, err);
    if (rc == BX_OK)
        bx_codec_decoded(call, c->message.len, c->message.len);
    else
        bx_codec_failed(call);
    return rc == BX_OK && c->pooled ? keep_metadata(c, err) : rc;
}

/* Its own, or a new one for what changes something. */
static void take_trace(struct api_call *c)
{
    struct bx_str id = api_common(c)->trace_id;

    if (id.n > 0)
        bx_hex16(id, c->trace);
    else if (bx_methods[c->method]->mutates)
        c->api->o.clock->ops->random(c->api->o.clock, c->trace, sizeof c->trace);
}

struct bx_str api_trace_text(const struct api_call *c, char text[BX_ID_TEXT + 1])
{
    for (unsigned i = 0; i < 16; i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", c->trace[i]);
    return bx_str(text);
}

void api_call_run(struct api_call *c, struct bx_str method, bx_val params)
{
    struct bx_clock *clock = c->api->o.clock;
    struct bx_err err = {0};
    uint64_t before;
    int rc = check_room(c, &err);

    if (rc == BX_OK)
        rc = find_method(c, method, &err);
    if (rc == BX_OK)
        rc = check_may(c, &err);
    if (rc == BX_OK)
        rc = read_params(c, params, &err);
    if (rc == BX_OK)
        rc = api_take_scope(c, &err);
    if (rc != BX_OK) {
        c->object = api_audit_object(params);
        api_fail(c, &err);
        return;
    }
    diag_request_step(&c->diag, DIAG_DECODED);
    c->deadline = clock->ops->boot_ms(clock) + api_common(c)->timeout_ms;
    take_trace(c);
    diag_request_trace(&c->diag, c->trace);
    before = bx_rec_trace(bx_trace_of(c->trace));
    if (!is_upkeep(c))
        BX_DEBUG("api", "called", "method", bx_methods[c->method]->name, "principal", c->principal,
                 "id", c->id);
    api_methods[c->method]->run(c);
    bx_rec_trace(before);
}

/* ---- reads ---- */

static void tell_stale(struct api_call *c)
{
    struct bx_node_status st;
    struct bx_stale_reply note;

    bx_node_status(c->api->node, &st);
    note = (struct bx_stale_reply){st.age_ms, st.applied_index};
    api_notify(c->client, "stale", &bx_stale_reply_schema, &note);
}

static void on_barrier(void *ctx, const struct bx_err *err)
{
    struct api_call *c = ctx;

    if (err != NULL) {
        api_fail(c, err);
        return;
    }
    diag_request_step(&c->diag, DIAG_CONFIRMED);
    api_call_ready(c);
}

static void begin_read(struct api_call *c)
{
    struct bx_err err;

    if (bx_node_barrier(c->api->node, c->deadline, on_barrier, c, &err) != BX_OK)
        api_fail(c, &err);
}

void api_read(struct api_call *c, void (*then)(struct api_call *c))
{
    c->then = then;
    if (api_common(c)->consistency != BX_STALE) {
        begin_read(c);
        return;
    }
    tell_stale(c);
    then(c);
}

void api_list(struct api_call *c, void (*then)(struct api_call *c))
{
    c->then = then;
    c->list = true;
    if (api_common(c)->consistency != BX_STALE) {
        begin_read(c);
        return;
    }
    tell_stale(c);
    api_call_ready(c);
}

/* ---- writes ---- */

/* The node measures with the steady clock. */
static void note_applied(struct api_call *c)
{
#ifdef BX_DIAGNOSTICS
    uint64_t committed = bx_node_committed_ns(c->api->node), now = uv_hrtime();

    if (committed != 0 && committed <= now)
        diag_request_step_at(&c->diag, DIAG_COMMITTED, clock_wall_ns() - (now - committed));
#endif
    diag_request_step(&c->diag, DIAG_APPLIED);
}

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct api_call *c = ctx;
    struct bx_err words;

    if (o != NULL)
        note_applied(c);
    if (o != NULL && o->code == BX_OK) {
        api_methods[c->method]->written(c, o);
        return;
    }
    if (o != NULL && api_write_again(c, o))
        return;
    if (o != NULL) {
        bx_err_set(&words, o->code, BX_STR_FMT, BX_STR_ARG(o->message));
        bx_err_hint(&words, BX_STR_FMT, BX_STR_ARG(o->hint));
        err = &words;
    }
    api_fail(c, err);
}

void api_request_number(const struct api_call *c, uint8_t session[16], uint64_t *sequence)
{
    const struct bx_common *p = c->params;

    if (p->request_id.n == 0)
        return;
    bx_hex16(p->request_id, session);
    *sequence = p->sequence == 0 ? 1 : p->sequence;
}

void api_write(struct api_call *c, uint16_t kind, const void *body, struct bx_str tenant)
{
    const struct bx_common *p = api_common(c);
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str(c->principal),
                          .tenant = tenant,
                          .source = bx_str(c->source),
                          .deadline = c->deadline,
                          .done = on_outcome,
                          .ctx = c};
    struct bx_err err;

    api_request_number(c, s.session, &s.sequence);
    s.floor = p->floor == 0 ? s.sequence : p->floor;
    memcpy(s.trace, c->trace, 16);
    diag_request_trace(&c->diag, s.trace);
    if (bx_node_submit(c->api->node, &s, &err) != BX_OK)
        api_fail(c, &err);
    else
        diag_request_step(&c->diag, DIAG_PROPOSED);
}
