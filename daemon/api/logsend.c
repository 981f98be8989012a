/* logsend - the logs that this node sends to others, and those that others send to it.
 *
 * A sink of the kind "node" makes parts of its log (sys/sink_node.h). A client of this node's own
 * calls log.append for each, so it goes the way of every call that another node answers: with a
 * time by which it has to, and errors that name what is missing. One part of a sink is on its way
 * at a time.
 *
 * What arrives is written by a job in the pool, in the name of the node that has sent it. Of one
 * node one part is written at a time, and of all no more than API_RECEIVING_MAX. What is refused is
 * counted by its reason, and told once a minute for each. */
#include "api/priv.h"

#include "rec/rec.h"
#include "sys/crash.h"
#include "sys/pool.h"
#include "sys/received.h"
#include "sys/sink_node.h"
#include "wire/recorder.h"

#include <string.h>

/* ---- sending ---- */

static void on_kept(struct api_client *client, const struct api_call *c, const struct bx_schema *s,
                    const struct bx_items *items)
{
    const struct bx_log_append_reply *r = items->get(items->ctx, 0);

    (void)client, (void)s;
    sink_node_kept((uint32_t)c->id, r->bytes);
}

static void on_failed(struct api_client *client, const struct api_call *c, const struct bx_err *err)
{
    (void)client;
    BX_DEBUG("log", "a part was not sent", "err", err->msg);
    sink_node_failed((uint32_t)c->id, err->code);
}

static void ended(struct api_client *client)
{
    (void)client;
}

void api_logsend_init(struct api *a)
{
    static const struct api_client_ops ops = {.reply = on_kept, .fail = on_failed, .ended = ended};

    api_client_init(&a->sender, a, &ops);
    a->sender.role = BX_RPC_ADMIN;
    a->sender.is_node = true;
    memcpy(a->sender.principal, BX_PRINCIPAL_NODE, sizeof BX_PRINCIPAL_NODE);
}

static void send_part(struct api *a, uint32_t sink, const struct sink_part *part)
{
    const struct bx_schema *s = bx_method_log_append.params;
    struct bx_log_append_params p;
    struct bx_buf b = {0};
    struct api_call *c;

    bx_params_init(BX_M_LOG_APPEND, &p);
    p.node = bx_str(part->node);
    p.begun = part->begun;
    p.offset = part->offset;
    p.items = (struct bx_str){(const char *)part->p, (uint32_t)part->n};
    bx_pw_map(&b, bx_pack_fields(s, &p));
    bx_pack_write(&b, s, &p);
    c = b.failed ? NULL : api_call_create(a, &a->sender, b.data, b.len);
    bx_buf_release(&b);
    if (c == NULL) {
        sink_node_failed(sink, BX_NO_MEMORY);
        return;
    }
    c->id = sink;
    api_call_run(c, bx_str(bx_method_log_append.name),
                 bx_pack_parse(a->pack, c->message.data, c->message.len, BX_RPC_FRAME_MAX, NULL));
}

void api_logsend_tick(struct api *a)
{
    struct sink_part part;

    for (uint32_t i = 0; i < sink_nodes(); i++)
        if (sink_node_take(i, &part))
            send_part(a, i, &part);
}

/* ---- receiving ---- */

struct job {
    uv_work_t work;
    struct api_call *call;
    uint64_t *place; /* in api->receiving */
    struct bx_err err;
    int rc;
    uint64_t kept;
};

static void work(uv_work_t *w)
{
    struct job *j = w->data;
    const struct bx_log_append_params *p = j->call->params;

    pool_yield_to_loop();
    j->rc = received_append(crash_directory(), j->call->from, p->begun, p->offset, p->items.p,
                            p->items.n, &j->kept, &j->err);
}

static void done(uv_work_t *w, int status)
{
    struct job *j = w->data;
    struct bx_log_append_reply r = {j->kept};

    *j->place = 0;
    if (status != 0)
        j->rc = bx_err_set(&j->err, BX_SHUTDOWN, "the daemon is stopping");
    if (j->rc == BX_OK)
        api_reply(j->call, &bx_log_append_reply_schema, &r);
    else
        api_fail(j->call, &j->err);
}

/* Where a part of this node is written; NULL: one is already, or too many of others. */
static uint64_t *free_place(struct api *a, uint64_t node)
{
    uint64_t *found = NULL;

    for (uint32_t i = 0; i < API_RECEIVING_MAX; i++) {
        if (a->receiving[i] == node)
            return NULL;
        if (a->receiving[i] == 0)
            found = &a->receiving[i];
    }
    return found;
}

bool api_is_receiving(const struct api *a)
{
    for (uint32_t i = 0; i < API_RECEIVING_MAX; i++)
        if (a->receiving[i] != 0)
            return true;
    return false;
}

/* Such calls are no requests (dispatch.c), so nothing else tells of them. */
void api_logsend_refused(struct api *a, uint64_t from, const struct bx_err *err)
{
    struct api_refused *r = &a->parts_refused[err->code];
    uint64_t untold;

    r->n++;
    if (rate_may(&r->bound, a->o.clock->ops->boot_ms(a->o.clock), 1, &untold))
        BX_WARNING("log", "parts of the log of another node were refused", "node", from, "code",
                   bx_code_name(err->code), "err", err->msg, "parts", untold + 1, "total", r->n);
}

static void receive(struct api_call *c)
{
    struct job *j = api_alloc(c, sizeof *j);

    j->call = c;
    j->place = free_place(c->api, c->from);
    j->work.data = j;
    if (j->place == NULL) {
        bx_err_set(&j->err, BX_BUSY, "other parts of logs are being written");
        api_fail(c, &j->err);
    } else if (bx_node_space(c->api->node, c->api->o.identity->node) != BX_SPACE_OK) {
        bx_err_set(&j->err, BX_NO_SPACE, "the disk is low on space");
        api_fail(c, &j->err);
    } else if (crash_directory() < 0) {
        bx_err_set(&j->err, BX_IO, "there is no directory for logs");
        api_fail(c, &j->err);
    } else {
        *j->place = c->from;
        uv_queue_work(c->api->loop, &j->work, work, done);
    }
}

/* The name that a part is kept under is that of the connection it came by, so that no node can
 * write to the log of another one; and no user to any. */
static void log_append(struct api_call *c)
{
    const struct bx_log_append_params *p = c->params;
    struct bx_err err;

    if (c->from != 0) {
        receive(c);
    } else if (!c->client->is_node) {
        bx_err_set(&err, BX_DENIED, "permission denied: only nodes call log.append");
        bx_err_hint(&err, "blixardd --log-sink node:NAME sends a log to a node");
        api_fail(c, &err);
    } else if (!api_relay_named(c, p->node)) {
        bx_err_set(&err, BX_INVALID, "a node keeps its own log by --log-sink file");
        api_fail(c, &err);
    }
}

/* ---- the methods ---- */

const struct api_method api_log_append = {.run = log_append, .expired = api_relay_over};
