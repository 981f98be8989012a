#include "api/priv.h"

#include "wire/events.h"

#define LIMIT 1000u
#define LIMIT_MAX 10000u
#define PAGE 1000u /* events read at a time while searching for matches */

/* Refuse to start before the oldest stored event: an empty answer would look as if nothing had
 * happened. */
static int check_kept(struct bx_fsm *f, uint64_t since, struct bx_err *err)
{
    uint64_t oldest = bx_fsm_events_oldest(f);

    if (since == 0 || since >= oldest || since + 1 == oldest)
        return BX_OK;
    bx_err_set(err, BX_NOT_FOUND, "events before %llu are no longer kept",
               (unsigned long long)oldest);
    bx_err_hint(err, "ask with --since %llu", (unsigned long long)(oldest - 1));
    return BX_NOT_FOUND;
}

/* ---- events.list ---- */

struct found {
    struct api_call *call;
    struct bx_event *list; /* has room for `room` events */
    uint32_t n, room, limit;
    uint64_t last;
};

static void copy_event(struct api_call *c, const struct bx_event *e, struct bx_event *out)
{
    *out = *e;
    out->object = api_copy(c, e->object);
    out->node = api_copy(c, e->node);
    out->detail = api_copy(c, e->detail);
}

static void take(void *ctx, const struct bx_event *e)
{
    struct found *f = ctx;

    f->last = e->index;
    if (f->n == f->limit || !api_matches(&bx_event_reply_schema, &api_common(f->call)->match, e))
        return;
    if (f->n == f->room) {
        uint32_t room = f->room == 0 ? 16 : f->room * 2;
        struct bx_event *list = api_alloc(f->call, room * sizeof *list);

        for (uint32_t i = 0; i < f->n; i++)
            list[i] = f->list[i];
        f->list = list;
        f->room = room;
    }
    copy_event(f->call, e, &f->list[f->n++]);
}

static int find(struct bx_fsm *fsm, struct found *f, struct bx_err *err)
{
    bool all = api_common(f->call)->match.n == 0;
    uint32_t page, n;
    int rc;

    do {
        page = all ? f->limit : PAGE;
        n = 0;
        rc = bx_fsm_events(fsm, f->last, page, take, f, &n, err);
    } while (rc == BX_OK && n == page && f->n < f->limit);
    return rc;
}

static const void *nth(void *ctx, uint32_t i)
{
    const struct found *f = ctx;

    return &f->list[i];
}

static void list(struct api_call *c)
{
    const struct bx_events_params *p = c->params;
    struct bx_fsm *fsm = bx_node_fsm(c->api->node);
    struct found f = {
        .call = c, .limit = p->common.limit == 0 ? LIMIT : p->common.limit, .last = p->since};
    struct bx_items items;
    struct bx_err err = {0};
    int rc = check_kept(fsm, p->since, &err);

    if (rc == BX_OK)
        rc = find(fsm, &f, &err);
    if (rc != BX_OK) {
        api_fail(c, &err);
        return;
    }
    items = (struct bx_items){f.n, true, nth, &f};
    api_reply_items(c, &bx_event_reply_schema, &items);
}

static void events_list(struct api_call *c)
{
    const struct bx_common *common = api_common(c);
    struct bx_err err;

    if (common->limit > LIMIT_MAX) {
        bx_err_set(&err, BX_INVALID, "limit: must be 1 to %u", LIMIT_MAX);
        bx_err_hint(&err, "continue with since set to the last index");
        api_fail(c, &err);
    } else if (api_match_check(&bx_event_reply_schema, &common->match, &err) != BX_OK) {
        api_fail(c, &err);
    } else {
        api_read(c, list);
    }
}

/* ---- watching ----
 *
 * A watcher starts behind: it is sent stored events, a page at a time, each as its queue drains.
 * Once it has caught up, it is sent events as they happen. A watcher that reads too slowly is
 * behind again, which bounds its queue. When the next event it needs is no longer stored, it gets
 * an error and its connection is closed. */

void api_watch_stop(struct api_client *client)
{
    if (client->watching)
        TAILQ_REMOVE(&client->api->watchers, client, watcher);
    client->watching = client->behind = false;
}

static void add(void *ctx, const struct bx_event *e)
{
    struct api_client *client = ctx;

    client->ops->notify(client, "event", &bx_event_reply_schema, e);
    client->watch_at = e->index;
}

/* End the watch with an error, and close the connection. */
static void stop(struct api_client *client, const struct bx_err *err)
{
    api_watch_stop(client);
    client->ops->end(client, err);
}

void api_watch_more(struct api_client *client)
{
    while (client->behind && client->ops->queued(client) < API_WATCH_MAX / 2 &&
           client->api->node != NULL) {
        struct bx_fsm *f = bx_node_fsm(client->api->node);
        struct bx_err err;
        uint32_t n = 0;
        int rc = check_kept(f, client->watch_at, &err);

        if (rc == BX_OK)
            rc = bx_fsm_events(f, client->watch_at, API_WATCH_PAGE, add, client, &n, &err);
        if (rc != BX_OK) {
            stop(client, &err);
            return;
        }
        client->behind = n == API_WATCH_PAGE;
        client->ops->flush(client);
    }
}

void api_watch_event(struct api_client *client, const struct bx_event *e)
{
    if (client->behind || e->index <= client->watch_at)
        return;
    if (client->ops->queued(client) > API_WATCH_MAX) {
        client->behind = true;
        return;
    }
    if (e->index != client->watch_at + 1) { /* a snapshot with the events between was installed */
        client->behind = true;
        api_watch_more(client);
        return;
    }
    add(client, e);
    client->ops->flush(client);
}

static void events_watch(struct api_call *c)
{
    const struct bx_events_params *p = c->params;
    struct api_client *client = c->client;
    struct bx_err err;

    if (check_kept(bx_node_fsm(c->api->node), p->since, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    if (!client->watching)
        TAILQ_INSERT_TAIL(&c->api->watchers, client, watcher);
    client->watching = client->behind = true;
    client->watch_at = p->since;
    api_reply(c, &bx_watch_reply_schema, p);
    api_watch_more(client);
}

/* ---- the methods ---- */

const struct api_method api_events_list = {.run = events_list};
const struct api_method api_events_watch = {.run = events_watch};
