#include "api_priv.h"

#include <string.h>

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
    p->n++;
}

/* Events from before what is kept can not be shown, and silence would look like none. */
static int read_page(struct api_call *c, uint64_t since, uint32_t max, struct page *p,
                     struct bx_err *err)
{
    struct bx_fsm *f = bx_node_fsm(c->api->d->node);
    uint64_t oldest = bx_fsm_events_oldest(f);
    uint32_t n;

    if (since > 0 && since + 1 < oldest) {
        bx_err_set(err, BX_NOT_FOUND, "events before %llu are no longer kept",
                   (unsigned long long)oldest);
        bx_err_hint(err, "ask with --since %llu", (unsigned long long)(oldest - 1));
        return BX_NOT_FOUND;
    }
    return bx_fsm_events(f, since, max, add, p, &n, err);
}

static void list(struct api_call *c)
{
    uint32_t max = c->p.limit == 0 || c->p.limit > LIMIT_MAX ? LIMIT : c->p.limit;
    struct page p = {0};
    struct bx_buf b = {0};
    struct bx_err err;

    if (read_page(c, c->p.since, max, &p, &err) != BX_OK) {
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
    api_read(c, list);
}

/* ---- watching ---- */

static void notify(void *ctx, const struct bx_event *e)
{
    struct api_call *c = ctx;
    struct bx_buf b = {0};

    if (c->conn == NULL)
        return;
    bx_pw_array(&b, 3);
    bx_pw_u64(&b, 2);
    bx_pw_str(&b, "event");
    bx_pw_array(&b, 1);
    api_put_event(&b, e);
    api_conn_send(c->conn, &b);
}

/* What is stored is exactly what was handed out until now, and what comes is handed out from here
 * on: between the two there is no gap. */
void api_events_watch(struct api_call *c)
{
    struct bx_fsm *f = bx_node_fsm(c->api->d->node);
    uint64_t oldest = bx_fsm_events_oldest(f);
    struct bx_buf b = {0};
    struct bx_err err;
    uint32_t n;

    if (c->p.since > 0 && c->p.since + 1 < oldest) {
        bx_err_set(&err, BX_NOT_FOUND, "events before %llu are no longer kept",
                   (unsigned long long)oldest);
        bx_err_hint(&err, "watch with --since %llu", (unsigned long long)(oldest - 1));
        api_fail(c, &err);
        return;
    }
    if (c->conn != NULL)
        c->conn->watching = true;
    if (bx_fsm_events(f, c->p.since, UINT32_MAX, notify, c, &n, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_begin_result(c, &b);
    bx_pw_map(&b, 0);
    api_reply(c, &b);
}
