/* api_sql - SELECT over the state, on a thread of libuv's pool and a connection of its own. */
#include "api/priv.h"

#include "mem/alloc.h"

struct api_sql {
    uv_work_t work;
    struct api *api;
    struct api_call *call;
    struct bx_clock *clock;
    uint64_t until;
    struct bx_buf out;
    struct bx_err err;
    int rc;
};

static bool expired(void *ctx)
{
    const struct api_sql *s = ctx;

    return s->clock->ops->boot_ms(s->clock) > s->until;
}

static void work(uv_work_t *w)
{
    struct api_sql *s = w->data;
    struct bx_sql_limits limits = {expired, s, API_SQL_BYTES};

    s->rc = bx_fsm_sql(s->api->o.state_path, s->call->p.query, &limits, &s->out, &s->err);
}

static void done(uv_work_t *w, int status)
{
    struct api_sql *s = w->data;
    struct bx_buf b = {0};

    s->api->sql_running--;
    if (status != 0)
        s->rc = bx_err_set(&s->err, BX_SHUTDOWN, "the daemon is stopping");
    if (s->rc == BX_INVALID && s->err.hint[0] == '\0')
        bx_err_hint(&s->err, "give one query, for example SELECT name, phase FROM vms");
    if (s->rc != BX_OK) {
        api_fail(s->call, &s->err);
    } else {
        api_begin_result(s->call, &b);
        bx_buf_append(&b, s->out.data, s->out.len);
        api_reply(s->call, &b);
    }
    bx_buf_release(&s->out);
    bx_free(s);
}

static bool full(struct api_call *c)
{
    struct bx_err err;

    if (c->api->sql_running < API_SQL_MAX)
        return false;
    bx_err_set(&err, BX_BUSY, "%u queries run already", API_SQL_MAX);
    bx_err_hint(&err, "try again when one has ended");
    api_fail(c, &err);
    return true;
}

static void begin(struct api_call *c)
{
    struct api_sql *s;

    if (full(c)) /* others that waited for the same barrier were first */
        return;
    s = bx_must_calloc(1, sizeof *s);
    s->api = c->api;
    s->call = c;
    s->clock = c->api->o.clock;
    s->until = s->clock->ops->boot_ms(s->clock) + API_SQL_MS;
    s->work.data = s;
    c->api->sql_running++;
    uv_queue_work(c->api->loop, &s->work, work, done);
}

void api_sql(struct api_call *c)
{
    if (!full(c))
        api_read(c, begin);
}
