/* sql - SELECT over the state, run on libuv's thread pool with its own database connection.
 *
 * A query reads one version of the state, and SQLite's log keeps all that came after it. So few run
 * at a time, each for a bounded time, and while that log is full no new ones, and none that takes
 * long. */
#include "api/priv.h"

#include "sys/pool.h"

#include "wire/sql.h"

struct api_sql {
    uv_work_t work;
    struct api_call *call;
    uint64_t began;
    struct bx_sql_absent absent;
    struct bx_buf out;
    struct bx_err err;
    int rc;
};

static int end(void *ctx)
{
    const struct api_sql *s = ctx;
    struct bx_clock *clock = s->call->api->o.clock;
    uint64_t ms = clock->ops->boot_ms(clock) - s->began;

    if (ms > API_SQL_HURRY_MS && atomic_load(&s->call->api->sql_hurry))
        return BX_BUSY;
    return ms > API_SQL_MS ? BX_TIMEOUT : BX_OK;
}

static void work(uv_work_t *w)
{
    struct api_sql *s = w->data;
    const struct bx_sql_params *p = s->call->params;
    struct bx_sql_options o = {.end = end,
                               .ctx = s,
                               .max_bytes = API_SQL_BYTES,
                               .absent = s->absent,
                               .limited = !api_is_admin(s->call) || s->call->scope.n > 0,
                               .tenant = s->call->scope};

    pool_yield_to_loop();
    s->rc = bx_fsm_sql(s->call->api->o.state_path, p->query, &o, &s->out, &s->err);
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

    api_party_remove(s->call->party, API_HELD_QUERIES, 1);
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

void api_sql_tick(struct api *a)
{
    atomic_store(&a->sql_hurry, a->node != NULL && bx_node_state_log_full(a->node));
}

static bool full(struct api_call *c)
{
    const struct api_party *p = api_party_full(c->party, API_HELD_QUERIES, API_SQL_MAX);
    struct bx_err err;

    api_sql_tick(c->api);
    if (atomic_load(&c->api->sql_hurry)) {
        bx_err_set(&err, BX_BUSY, "the state changes too fast to run queries");
        bx_err_hint(&err, "try again in a second; lists are not affected");
    } else if (p != NULL) {
        bx_err_set(&err, BX_BUSY, "too many running queries (%u of %s)",
                   (unsigned)p->n[API_HELD_QUERIES], p->name);
        bx_err_hint(&err, "try again later");
    } else {
        return false;
    }
    api_fail(c, &err);
    return true;
}

/* The nodes that this one has lost sight of, in the order of their ids. */
static struct bx_sql_absent find_absent(struct api_call *c)
{
    const struct bx_node *n = c->api->node;
    const struct bx_view *v = bx_node_view(n);
    struct bx_sql_absent absent = {NULL, 0};
    uint64_t *ids = NULL, since;

    for (uint32_t i = 0; i < bx_view_nodes(v); i++) {
        uint64_t id = bx_view_node_at(v, i)->info.id;

        if (!bx_node_lost_sight(n, id, &since))
            continue;
        if (ids == NULL)
            ids = api_alloc(c, bx_view_nodes(v) * sizeof *ids);
        ids[absent.n++] = id;
    }
    absent.ids = ids;
    return absent;
}

static void begin(struct api_call *c)
{
    struct bx_clock *clock = c->api->o.clock;
    struct api_sql *s;
    struct bx_err err;

    if (api_check_scope(c, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    if (full(c)) /* again: other calls may have started after the same barrier */
        return;
    s = api_alloc(c, sizeof *s);
    s->call = c;
    s->began = clock->ops->boot_ms(clock);
    s->absent = find_absent(c);
    s->work.data = s;
    api_party_add(c->party, API_HELD_QUERIES, 1);
    uv_queue_work(c->api->loop, &s->work, work, done);
}

static void query(struct api_call *c)
{
    if (!full(c))
        api_read(c, begin);
}

/* ---- the methods ---- */

const struct api_method api_sql = {.run = query};
