/* sql - SELECT over the state, run on libuv's thread pool with its own database connection. */
#include "api/priv.h"

#include "wire/sql.h"

struct api_sql {
    uv_work_t work;
    struct api_call *call;
    uint64_t until;
    struct bx_buf out;
    struct bx_err err;
    int rc;
};

static bool expired(void *ctx)
{
    const struct api_sql *s = ctx;
    struct bx_clock *clock = s->call->api->o.clock;

    return clock->ops->boot_ms(clock) > s->until;
}

static void work(uv_work_t *w)
{
    struct api_sql *s = w->data;
    const struct bx_sql_params *p = s->call->params;
    struct bx_sql_limits limits = {expired, s, API_SQL_BYTES};

    s->rc = bx_fsm_sql(s->call->api->o.state_path, p->query, &limits, &s->out, &s->err);
}

/* Find the two lists in the result, {columns: [...], rows: [...]}. */
static struct bx_sql_reply split(const struct bx_buf *b)
{
    size_t columns = 1 + sizeof "columns", rows;
    struct bx_pack_scan scan;

    bx_pack_scan_init(&scan);
    bx_pack_scan(&scan, b->data + columns, b->len - columns, b->len);
    rows = columns + scan.at + sizeof "rows";
    return (struct bx_sql_reply){.columns = {(const char *)b->data + columns, (uint32_t)scan.at},
                                 .rows = {(const char *)b->data + rows, (uint32_t)(b->len - rows)}};
}

static void done(uv_work_t *w, int status)
{
    struct api_sql *s = w->data;
    struct bx_buf out = {0};

    s->call->api->sql_running--;
    if (status != 0)
        s->rc = bx_err_set(&s->err, BX_SHUTDOWN, "the daemon is stopping");
    if (s->rc == BX_INVALID && s->err.hint[0] == '\0')
        bx_err_hint(&s->err, "pass one query, for example SELECT name, phase FROM vms");
    bx_buf_move(&out, &s->out);
    if (s->rc != BX_OK) {
        api_fail(s->call, &s->err);
    } else {
        struct bx_sql_reply r = split(&out);

        api_reply(s->call, &bx_sql_reply_schema, &r);
    }
    bx_buf_release(&out);
}

static bool full(struct api_call *c)
{
    struct bx_err err;

    if (c->api->sql_running < API_SQL_MAX)
        return false;
    bx_err_set(&err, BX_BUSY, "too many running queries (%u)", API_SQL_MAX);
    bx_err_hint(&err, "try again when one has ended");
    api_fail(c, &err);
    return true;
}

static void begin(struct api_call *c)
{
    struct bx_clock *clock = c->api->o.clock;
    struct api_sql *s;

    if (full(c)) /* again: other calls may have started after the same barrier */
        return;
    s = api_alloc(c, sizeof *s);
    s->call = c;
    s->until = clock->ops->boot_ms(clock) + API_SQL_MS;
    s->work.data = s;
    c->api->sql_running++;
    uv_queue_work(c->api->loop, &s->work, work, done);
}

static void query(struct api_call *c)
{
    if (!full(c))
        api_read(c, begin);
}

/* ---- the methods ---- */

const struct api_method api_sql = {.run = query};
