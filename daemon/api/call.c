/* api_call - one request from its bytes to its answer.
 *
 * The message is copied, so that the parameters, which are views into it, live as long as the call.
 * A call is ended exactly once, by api_reply or api_fail; when its connection went away meanwhile,
 * the answer is dropped. */
#include "api/priv.h"

#include "mem/alloc.h"
#include "wire/suggest.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define READS " consistency timeout_ms trace_id "
#define WRITES " request_id sequence floor timeout_ms trace_id "

static const struct {
    void (*run)(struct api_call *c);
    const char *allowed;
} methods[BX__METHODS] = {
    [BX_M_SYS_HELLO] = {api_hello, " version codecs "},
    [BX_M_VM_CREATE] = {api_vm_create,
                        " name tenant vcpus memory_mib disk_gib kernel initrd cmdline labels"
                        " priority strategy restart on_lost disk_ephemeral stopped node"
                        " if_not_exists dry_run consistency" WRITES},
    [BX_M_VM_LIST] = {api_vm_list, READS},
    [BX_M_VM_SHOW] = {api_vm_show, " vm" READS},
    [BX_M_VM_START] = {api_vm_desire, " vm" WRITES},
    [BX_M_VM_STOP] = {api_vm_desire, " vm timeout_s force" WRITES},
    [BX_M_VM_RESTART] = {api_vm_desire, " vm timeout_s force" WRITES},
    [BX_M_VM_DELETE] = {api_vm_delete, " vm" WRITES},
    [BX_M_VM_WAIT] = {api_vm_wait, " vm epoch until" READS},
    [BX_M_VM_LOGS] = {api_vm_logs, " vm bytes" READS},
    [BX_M_VM_EXPLAIN] = {api_vm_explain, " vm" READS},
    [BX_M_NODE_LIST] = {api_node_list, READS},
    [BX_M_NODE_SHOW] = {api_node_show, " node" READS},
    [BX_M_NODE_REMOVE] = {api_node_remove, " node confirm_dead" WRITES},
    [BX_M_CLUSTER_INIT] = {api_cluster_init, " name timeout_ms trace_id "},
    [BX_M_CLUSTER_JOIN] = {api_cluster_join, " token timeout_ms trace_id "},
    [BX_M_CLUSTER_TOKEN] = {api_cluster_token, " ttl_s" WRITES},
    [BX_M_CLUSTER_STATUS] = {api_cluster_status, READS},
    [BX_M_CLUSTER_MEMBERS] = {api_cluster_members, READS},
    [BX_M_EVENTS_LIST] = {api_events_list, " since limit" READS},
    [BX_M_EVENTS_WATCH] = {api_events_watch, " since "},
    [BX_M_MEM_STATS] = {api_mem_stats, " timeout_ms trace_id "},
    [BX_M_MEM_SITES] = {api_mem_sites, " scope action timeout_ms trace_id "},
    [BX_M_SQL] = {api_sql, " query" READS},
};

/* ---- the end ---- */

static void end(struct api_call *c)
{
    struct api *a = c->api;

    if (c->waiting)
        TAILQ_REMOVE(&a->waits, c, link);
    TAILQ_REMOVE(&a->calls, c, all);
    a->n_calls--;
    a->calls_bytes -= c->message.len;
    if (c->conn != NULL) {
        c->conn->calls--;
        api_conn_resume(c->conn);
    }
    bx_buf_release(&c->message);
    bx_free(c->token);
    bx_pool_release(&a->metadata, c->metadata);
    bx_pool_release(&a->configs, c->config);
    bx_pool_release(&a->pool, c);
}

/* Words repeat what the client sent, which may be anything: what is no text is shown as such. */
static void put_words(struct bx_buf *b, const char *key, const char *words)
{
    bool whole = bx_utf8_valid(words, strlen(words));
    char out[BX_ERR_MSG];
    size_t n = 0;

    for (; words[n] != '\0' && n < sizeof out; n++) {
        unsigned char c = (unsigned char)words[n];

        out[n] = c < ' ' || (c >= 0x80 && !whole) ? '?' : words[n];
    }
    bx_pw_str(b, key);
    bx_pw_strn(b, out, n);
}

void api_error_map(struct bx_buf *b, struct api *a, const struct bx_err *err)
{
    struct bx_node_status st;
    const char *leader = NULL;

    if (a->node != NULL) {
        bx_node_status(a->node, &st);
        leader = st.leader == 0 ? NULL : api_node_name(bx_node_view(a->node), st.leader);
    }
    bx_pw_map(b, 6);
    bx_pw_str(b, "code");
    bx_pw_i64(b, bx_code_exit(err->code));
    bx_pw_str(b, "name");
    bx_pw_str(b, bx_code_name(err->code));
    put_words(b, "message", err->msg);
    put_words(b, "hint", err->hint);
    bx_pw_str(b, "retryable");
    bx_pw_bool(b, bx_code_retryable(err->code));
    bx_pw_str(b, "leader");
    bx_pw_str(b, leader);
}

static void deliver(struct api_call *c, struct bx_buf *b)
{
    uint8_t id[8];

    if (c->from != 0) {
        bx_put64(id, c->id);
        if (!b->failed)
            bx_node_send_raw(c->api->node, c->from, BX_FRAME_ANSWER, id, 8, b->data, b->len);
        bx_buf_release(b);
    } else if (c->conn != NULL) {
        api_conn_send(c->conn, b);
    } else {
        bx_buf_release(b);
    }
}

void api_begin_result(struct api_call *c, struct bx_buf *b)
{
    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, c->id);
    bx_pw_nil(b);
}

/* Delivering may close the connection, which must not end the call as well. */
void api_reply(struct api_call *c, struct bx_buf *b)
{
    if (c->waiting)
        TAILQ_REMOVE(&c->api->waits, c, link);
    c->waiting = false;
    deliver(c, b);
    end(c);
}

void api_fail(struct api_call *c, const struct bx_err *err)
{
    struct bx_buf b = {0};

    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 1);
    bx_pw_u64(&b, c->id);
    api_error_map(&b, c->api, err);
    bx_pw_nil(&b);
    api_reply(c, &b);
}

void api_calls_orphan(struct api_conn *conn)
{
    struct api_call *c, *next;

    for (c = TAILQ_FIRST(&conn->api->calls); c != NULL; c = next) {
        next = TAILQ_NEXT(c, all);
        if (c->conn != conn)
            continue;
        c->conn = NULL;
        if (c->waiting)
            c->deadline = 0; /* it has no effect but its answer: the next tick ends it */
    }
}

/* ---- the beginning ---- */

static int check_role(struct api_call *c, struct bx_err *err)
{
    const struct bx_method_info *m = &bx_methods[c->method];

    if (c->conn != NULL && c->conn->role < m->role) {
        bx_err_set(err, BX_DENIED, "%s is not for %s", m->name, c->conn->principal);
        bx_err_hint(err, "use the account that runs blixardd, or root");
        return BX_DENIED;
    }
    if (c->from != 0 && c->method != BX_M_VM_LOGS)
        return bx_err_set(err, BX_DENIED, "%s is not for other nodes", m->name);
    if (c->api->node == NULL && !m->before_init) {
        bx_err_set(err, BX_CONFLICT, "this host belongs to no cluster yet");
        bx_err_hint(err, "blixardctl cluster init, or cluster join TOKEN");
        return BX_CONFLICT;
    }
    return BX_OK;
}

static int find_method(struct api_call *c, bx_val name, struct bx_err *err)
{
    const char *names[BX__METHODS], *near;
    struct bx_str s = {"", 0};

    bx_val_str(name, &s);
    c->method = bx_method_find(s.p, s.n);
    if (c->method != BX__METHODS)
        return BX_OK;
    bx_err_set(err, BX_UNSUPPORTED, "no method \"%.*s\"", (int)(s.n > 64 ? 64 : s.n), s.p);
    for (int m = 0; m < BX__METHODS; m++)
        names[m] = bx_methods[m].name;
    near = bx_suggest(s.p, s.n, names, BX__METHODS);
    if (near != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", near);
    else
        bx_err_hint(err, "this is blixardd %s; is the client newer?", PACKAGE_VERSION);
    return BX_UNSUPPORTED;
}

/* [0, id, method, [...]]; anything else is not for us to answer. */
static bool is_request(bx_val root, uint64_t *id)
{
    uint64_t type;

    return bx_val_len(root) == 4 && bx_val_type(root) == BX_V_ARRAY &&
           bx_val_u64(bx_val_at(root, 0), &type) && type == 0 &&
           bx_val_u64(bx_val_at(root, 1), id) && bx_val_type(bx_val_at(root, 2)) == BX_V_STR &&
           bx_val_type(bx_val_at(root, 3)) == BX_V_ARRAY;
}

static int check_room(struct api *a, struct bx_err *err)
{
    if (a->n_calls <= API_CALLS_MAX && a->calls_bytes <= API_CALLS_BYTES)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "%u requests are under way already", a->n_calls - 1);
    bx_err_hint(err, "try again; nothing was done");
    return BX_BUSY;
}

static void run(struct api_call *c, bx_val root)
{
    struct api *a = c->api;
    bx_val params = bx_val_at(root, 3), map = bx_val_len(params) == 1 ? bx_val_at(params, 0) : NULL;
    struct bx_err err = {0};
    int rc;

    rc = check_room(a, &err);
    if (rc == BX_OK)
        rc = find_method(c, bx_val_at(root, 2), &err);
    if (rc == BX_OK)
        rc = check_role(c, &err);
    if (rc == BX_OK)
        rc = api_params_read(c, map, methods[c->method].allowed, &err);
    if (rc != BX_OK) {
        if (err.hint[0] == '\0' && c->method != BX__METHODS)
            bx_err_hint(&err, "%s takes:%s", bx_methods[c->method].name,
                        methods[c->method].allowed);
        api_fail(c, &err);
    } else {
        c->deadline = a->o.clock->ops->boot_ms(a->o.clock) + c->p.timeout_ms;
        methods[c->method].run(c);
    }
    bx_arena_reset(&a->arena);
}

/* The values live until the next message is read, the views that are made of them as long as the
 * call. */
static struct api_call *create(struct api *a, const uint8_t *p, size_t len, bx_val *root)
{
    struct api_call *c = bx_pool_acquire(&a->pool);

    if (c == NULL)
        return NULL;
    c->api = a;
    TAILQ_INSERT_TAIL(&a->calls, c, all);
    a->n_calls++;
    *root = NULL;
    if (bx_buf_append(&c->message, p, len) == BX_OK)
        *root = bx_pack_parse(a->pack, c->message.data, len, BX_RPC_FRAME_MAX, NULL);
    a->calls_bytes += c->message.len;
    if (!is_request(*root, &c->id)) {
        end(c);
        return NULL;
    }
    return c;
}

bool api_call_begin(struct api_conn *conn, const uint8_t *p, size_t len)
{
    bx_val root;
    struct api_call *c = create(conn->api, p, len, &root);

    if (c == NULL)
        return false;
    conn->proven = true;
    conn->calls++;
    c->conn = conn;
    run(c, root);
    return true;
}

void api_call_query(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t len)
{
    bx_val root;
    struct api_call *c = create(a, p, len, &root);

    if (c == NULL)
        return;
    c->from = from;
    c->id = id;
    run(c, root);
}

/* ---- reads ---- */

static void tell_stale(struct api_call *c)
{
    struct bx_node_status st;
    struct bx_buf b = {0};

    if (c->conn == NULL)
        return;
    bx_node_status(c->api->node, &st);
    bx_pw_array(&b, 3);
    bx_pw_u64(&b, 2);
    bx_pw_str(&b, "stale");
    bx_pw_array(&b, 1);
    bx_pw_map(&b, 2);
    bx_pw_str(&b, "age_ms");
    bx_pw_u64(&b, st.age_ms);
    bx_pw_str(&b, "applied_index");
    bx_pw_u64(&b, st.applied_index);
    api_conn_send(c->conn, &b);
}

static void on_barrier(void *ctx, const struct bx_err *err)
{
    struct api_call *c = ctx;

    if (err != NULL)
        api_fail(c, err);
    else
        c->then(c);
}

void api_read(struct api_call *c, void (*then)(struct api_call *c))
{
    struct bx_err err;

    if (bx_str_eq(c->p.consistency, bx_str("stale"))) {
        tell_stale(c);
        then(c);
        return;
    }
    c->then = then;
    if (bx_node_barrier(c->api->node, c->deadline, on_barrier, c, &err) != BX_OK)
        api_fail(c, &err);
}

/* ---- writes ---- */

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct api_call *c = ctx;
    struct bx_err words;

    if (o != NULL && o->code == BX_OK) {
        if (c->token != NULL)
            api_token_written(c);
        else if (c->method == BX_M_NODE_REMOVE)
            api_node_removed(c, o);
        else
            api_vm_written(c, o);
        return;
    }
    if (o != NULL) {
        bx_err_set(&words, o->code, BX_STR_FMT, BX_STR_ARG(o->message));
        bx_err_hint(&words, BX_STR_FMT, BX_STR_ARG(o->hint));
        err = &words;
    }
    api_fail(c, err);
}

void api_write(struct api_call *c, uint16_t kind, const void *body)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .deadline = c->deadline,
                          .done = on_outcome,
                          .ctx = c,
                          .tenant = bx_str("default")};
    struct bx_err err;

    if (c->config != NULL)
        s.tenant = c->config->tenant;
    s.principal = bx_str(c->conn == NULL ? "node" : c->conn->principal);
    if (c->p.request_id.n > 0) {
        api_hex16(c->p.request_id, s.session);
        s.sequence = c->p.sequence == 0 ? 1 : c->p.sequence;
        s.floor = c->p.floor == 0 ? s.sequence : c->p.floor;
    }
    if (c->p.trace_id.n > 0)
        api_hex16(c->p.trace_id, s.trace);
    else
        c->api->o.clock->ops->random(c->api->o.clock, s.trace, 16);
    if (bx_node_submit(c->api->node, &s, &err) != BX_OK)
        api_fail(c, &err);
}
