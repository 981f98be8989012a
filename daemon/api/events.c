#include "api/priv.h"

#define LIMIT 1000u
#define LIMIT_MAX 10000u

/* ---- a page of events ---- */

struct page {
    struct bx_buf body;
    uint32_t n;
};

static void add(void *ctx, const struct bx_event *e)
{
    struct page *p = ctx;

    api_put_event(&p->body, e);
}

/* Events from before what is kept can not be shown, and silence would look like none. */
static int check_kept(struct bx_fsm *f, uint64_t since, struct bx_err *err)
{
    uint64_t oldest = bx_fsm_events_oldest(f);

    if (since == 0 || since + 1 >= oldest)
        return BX_OK;
    bx_err_set(err, BX_NOT_FOUND, "events before %llu are no longer kept",
               (unsigned long long)oldest);
    bx_err_hint(err, "ask with --since %llu", (unsigned long long)(oldest - 1));
    return BX_NOT_FOUND;
}

static void list(struct api_call *c)
{
    struct bx_fsm *f = bx_node_fsm(c->api->node);
    struct page p = {0};
    struct bx_buf b = {0};
    struct bx_err err;
    int rc = check_kept(f, c->p.since, &err);

    if (rc == BX_OK)
        rc =
            bx_fsm_events(f, c->p.since, c->p.limit == 0 ? LIMIT : c->p.limit, add, &p, &p.n, &err);
    if (rc != BX_OK) {
        api_fail(c, &err);
    } else {
        api_begin_result(c, &b);
        bx_pw_array(&b, p.n);
        bx_buf_append(&b, p.body.data, p.body.len);
        api_reply(c, &b);
    }
    bx_buf_release(&p.body);
}

void api_events_list(struct api_call *c)
{
    struct bx_err err;

    if (c->p.limit <= LIMIT_MAX) {
        api_read(c, list);
        return;
    }
    bx_err_set(&err, BX_INVALID, "limit: must be 1 to %u", LIMIT_MAX);
    bx_err_hint(&err, "go on from the last index with since");
    api_fail(c, &err);
}

/* ---- watching ----
 *
 * A watcher begins behind: it gets pages of what is kept, the next one when it has taken enough of
 * the last, until there is no more; from then on it gets events as they happen. One who takes them
 * too slowly is behind again, so that little is queued for anybody. Only who is so slow that what
 * it needs next is no longer kept is told so and closed. */

static void begin_notification(struct bx_buf *b, const char *method)
{
    bx_pw_array(b, 3);
    bx_pw_u64(b, 2);
    bx_pw_str(b, method);
    bx_pw_array(b, 1);
}

struct watch_page {
    struct bx_buf b;
    uint64_t last;
};

static void add_notification(void *ctx, const struct bx_event *e)
{
    struct watch_page *p = ctx;

    begin_notification(&p->b, "event");
    api_put_event(&p->b, e);
    p->last = e->index;
}

/* No more events: say why, and close. */
static void stop_watching(struct api_conn *c, const struct bx_err *err)
{
    struct bx_buf b = {0};

    c->watching = c->behind = false;
    begin_notification(&b, "error");
    api_error_map(&b, c->api, err);
    api_conn_end(c);
    api_conn_send(c, &b);
}

void api_watch_more(struct api_conn *c)
{
    while (c->behind && !c->stream.closing && c->stream.queued < API_WATCH_MAX / 2 &&
           c->api->node != NULL) {
        struct bx_fsm *f = bx_node_fsm(c->api->node);
        struct watch_page p = {.last = c->watch_at};
        struct bx_err err;
        uint32_t n;
        int rc = check_kept(f, c->watch_at, &err);

        if (rc == BX_OK)
            rc = bx_fsm_events(f, c->watch_at, API_WATCH_PAGE, add_notification, &p, &n, &err);
        if (rc != BX_OK) {
            bx_buf_release(&p.b);
            stop_watching(c, &err);
            return;
        }
        c->watch_at = p.last;
        c->behind = n == API_WATCH_PAGE;
        if (n > 0)
            api_conn_send(c, &p.b);
    }
}

void api_watch_event(struct api_conn *c, const struct bx_event *e)
{
    struct watch_page p = {0};

    if (c->behind || e->index <= c->watch_at)
        return;
    if (c->stream.queued > API_WATCH_MAX) {
        c->behind = true;
        return;
    }
    if (e->index != c->watch_at + 1) { /* a snapshot was installed, with the events between */
        c->behind = true;
        api_watch_more(c);
        return;
    }
    add_notification(&p, e);
    c->watch_at = e->index;
    api_conn_send(c, &p.b);
}

void api_events_watch(struct api_call *c)
{
    struct api_conn *conn = c->conn;
    struct bx_buf b = {0};
    struct bx_err err;

    if (check_kept(bx_node_fsm(c->api->node), c->p.since, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_begin_result(c, &b);
    bx_pw_map(&b, 0);
    conn->watching = conn->behind = true;
    conn->watch_at = c->p.since;
    api_reply(c, &b);
    api_watch_more(conn);
}
