#include "api/priv.h"

#include "state/tenant.h"
#include "wire/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define READ_MAX 1000u /* events read at a time while searching for matches */

/* Refuse to start before the oldest stored event: an empty answer would look as if nothing had
 * happened. */
static int check_kept(struct bx_fsm *f, uint64_t since, struct bx_err *err)
{
    uint64_t oldest = bx_fsm_events_oldest(f);

    if (since == 0 || since >= oldest || since + 1 == oldest)
        return BX_OK;
    bx_err_set(err, BX_NOT_FOUND, "events before %llu are no longer kept",
               (unsigned long long)oldest);
    bx_err_hint(err, "use --since %llu", (unsigned long long)(oldest - 1));
    return BX_NOT_FOUND;
}

/* ---- who sees what ---- */

struct sight {
    struct bx_str tenant; /* whose events are seen; empty: all */
    uint64_t since;       /* there may have been another tenant of this name before */
    bool users;           /* also those of its users, which are for administrators */
};

static struct sight see_all_of(struct bx_str tenant)
{
    return (struct sight){.tenant = tenant, .users = true};
}

/* What a caller of one tenant sees. */
static struct sight see_own(const struct bx_view *v, const char *tenant, enum bx_rpc_role role)
{
    struct sight sight = {.tenant = bx_str(tenant), .users = role == BX_RPC_ADMIN};
    struct bx_tenant t;

    if (strcmp(tenant, BX_TENANT_DEFAULT) != 0 &&
        bx_view_tenant(v, sight.tenant, &t, NULL) == BX_OK)
        sight.since = t.created_index;
    return sight;
}

static struct sight sight_of_call(const struct api_call *c)
{
    return c->tenant[0] == '\0' ? see_all_of(c->scope) : see_own(api_view(c), c->tenant, c->role);
}

static struct sight sight_of_watcher(const struct api_client *client)
{
    return client->tenant[0] == '\0'
               ? see_all_of(bx_str(client->watched))
               : see_own(bx_node_view(client->api->node), client->tenant, client->role);
}

static bool is_seen(const struct sight *sight, const struct bx_event *e)
{
    bool of_user = e->type >= BX_EVENT_USER_CREATED && e->type <= BX_EVENT_USER_TOKEN_DELETED;

    return sight->tenant.n == 0 || (bx_str_eq(e->tenant, sight->tenant) &&
                                    e->index >= sight->since && (!of_user || sight->users));
}

/* ---- events.list ---- */

struct found {
    struct api_call *call;
    struct sight sight;
    struct api_match match;
    struct api_page page;
    struct bx_event *list; /* has room for `room` events */
    uint32_t room;
    uint64_t last; /* index of the last event that was looked at */
    bool more;     /* another one follows it */
};

static void copy_event(struct api_call *c, const struct bx_event *e, struct bx_event *out)
{
    *out = *e;
    out->object = api_copy(c, e->object);
    out->node = api_copy(c, e->node);
    out->detail = api_copy(c, e->detail);
    out->tenant = api_copy(c, e->tenant);
}

static void add_room(struct found *f)
{
    uint32_t n = f->room;
    struct bx_event *list;

    f->room = n == 0 ? 16 : n * 2;
    list = api_alloc(f->call, f->room * sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = f->list[i];
    f->list = list;
}

static void take(void *ctx, const struct bx_event *e)
{
    struct found *f = ctx;
    uint32_t at = f->page.n;

    if (api_page_is_full(&f->page)) {
        f->more = true;
        return;
    }
    f->last = e->index;
    f->page.work++;
    if (!is_seen(&f->sight, e) || !api_page_take(&f->page, &bx_event_reply_schema, e, &f->match))
        return;
    if (at == f->room)
        add_room(f);
    copy_event(f->call, e, &f->list[at]);
}

/* Read until the page is full and another event was seen, or there are no more. */
static int find(struct bx_fsm *fsm, struct found *f, struct bx_err *err)
{
    uint32_t ask, n;
    int rc;

    do {
        ask = f->match.n == 0 && f->sight.tenant.n == 0 ? f->page.limit - f->page.n + 1 : READ_MAX;
        n = 0;
        rc = bx_fsm_events(fsm, f->last, ask, take, f, &n, err);
    } while (rc == BX_OK && n == ask && !f->more);
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
    struct found f = {.call = c, .sight = sight_of_call(c), .last = p->since};
    struct bx_items items = {0, true, nth, &f};
    struct bx_err err = {0};
    char text[24];
    int rc = api_match_open(&f.match, &bx_event_reply_schema, &p->common.match, &err);

    api_page_open(&f.page, c);
    if (rc == BX_OK)
        rc = api_check_scope(c, &err);
    if (rc == BX_OK)
        rc = check_kept(fsm, p->since, &err);
    if (rc == BX_OK)
        rc = find(fsm, &f, &err);
    if (rc != BX_OK) {
        api_fail(c, &err);
        return;
    }
    if (f.more) {
        snprintf(text, sizeof text, "%" PRIu64, f.last);
        api_page_continues(c, bx_str(text));
    }
    items.n = f.page.n;
    api_reply_items(c, &bx_event_reply_schema, &items);
}

static void events_list(struct api_call *c)
{
    api_list(c, list);
}

/* ---- watching ----
 *
 * A watcher starts behind: it is sent stored events, a page at a time, each when its queue has
 * drained and it is its turn (work.c).
 * Once it has caught up, it is sent events as they happen. A watcher that reads too slowly is
 * behind again, which bounds its queue. When the next event it needs is no longer stored, it gets
 * an error and its connection is closed. */

void api_watch_stop(struct api_client *client)
{
    if (client->watching)
        TAILQ_REMOVE(&client->api->watchers, client, watcher);
    client->watching = client->behind = false;
}

struct adding {
    struct api_client *client;
    struct sight sight;
};

static void add(void *ctx, const struct bx_event *e)
{
    const struct adding *to = ctx;

    if (is_seen(&to->sight, e))
        to->client->ops->notify(to->client, "event", &bx_event_reply_schema, e);
    to->client->watch_at = e->index;
}

/* End the watch with an error, and close the connection. */
static void stop(struct api_client *client, const struct bx_err *err)
{
    api_watch_stop(client);
    client->ops->end(client, err);
}

bool api_watch_is_due(const struct api_client *client)
{
    return client->behind && client->ops->queued(client) < API_WATCH_MAX / 2 &&
           client->api->node != NULL;
}

void api_watch_more(struct api_client *client)
{
    struct bx_fsm *f = bx_node_fsm(client->api->node);
    struct adding adding = {client, sight_of_watcher(client)};
    struct bx_err err;
    uint32_t n = 0;
    int rc = check_kept(f, client->watch_at, &err);

    if (rc == BX_OK)
        rc = bx_fsm_events(f, client->watch_at, API_WATCH_PAGE, add, &adding, &n, &err);
    if (rc != BX_OK) {
        stop(client, &err);
        return;
    }
    client->behind = n == API_WATCH_PAGE;
    client->ops->flush(client);
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
        api_work(client);
        return;
    }
    add(&(struct adding){client, sight_of_watcher(client)}, e);
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
    if (c->scope.n >= sizeof client->watched) {
        bx_err_set(&err, BX_NOT_FOUND, "no tenant has a name of %u bytes", c->scope.n);
        api_fail(c, &err);
        return;
    }
    snprintf(client->watched, sizeof client->watched, BX_STR_FMT, BX_STR_ARG(c->scope));
    if (!client->watching)
        TAILQ_INSERT_TAIL(&c->api->watchers, client, watcher);
    client->watching = client->behind = true;
    client->watch_at = p->since;
    api_reply(c, &bx_watch_reply_schema, p);
    api_work(client);
}

/* ---- the methods ---- */

const struct api_method api_events_list = {.run = events_list};
const struct api_method api_events_watch = {.run = events_watch};
