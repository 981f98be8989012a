/* pages - the queue of pages of lists.
 *
 * A page takes up to some milliseconds, and hundreds of calls can be released by one barrier. So
 * these calls wait in a queue of their client, and each turn of the loop answers a few of them, for
 * one client after the other. A client with too many unsent bytes gets its next page when they are
 * sent. */
#include "api/priv.h"

/* ---- clients ---- */

static bool has_room(const struct api_client *client)
{
    return client->ops->queued == NULL || (client->ops->queued(client) < API_PAGES_QUEUED &&
                                           client->api->streams.queued < API_UNSENT_MAX);
}

static void stop_listing(struct api_client *client)
{
    if (client->listing)
        TAILQ_REMOVE(&client->api->listers, client, lister);
    client->listing = false;
}

/* Move the client to the end of the listers, if it has pages to get and room for them. */
static void list_again(struct api_client *client)
{
    stop_listing(client);
    if (TAILQ_EMPTY(&client->pages) || !has_room(client))
        return;
    client->listing = true;
    TAILQ_INSERT_TAIL(&client->api->listers, client, lister);
}

/* ---- the turns ---- */

static void make_page(struct api_client *client)
{
    struct api_call *c = TAILQ_FIRST(&client->pages);
    struct bx_err err;

    TAILQ_REMOVE(&client->pages, c, link);
    c->queue = NULL;
    client->api->n_queued--;
    list_again(client); /* before the answer, which may close the client */
    if (client->api->node != NULL) {
        c->page(c);
        return;
    }
    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    api_fail(c, &err);
}

static void on_idle(uv_idle_t *idle)
{
    struct api *a = idle->data;

    for (uint32_t i = 0; i < API_PAGES_A_TURN && !TAILQ_EMPTY(&a->listers); i++) {
        struct api_client *client = TAILQ_FIRST(&a->listers);

        if (has_room(client))
            make_page(client);
        else
            stop_listing(client); /* until api_pages_resume */
    }
    if (TAILQ_EMPTY(&a->listers))
        uv_idle_stop(idle);
}

void api_pages_init(struct api *a)
{
    TAILQ_INIT(&a->listers);
    uv_idle_init(a->loop, &a->idle);
    a->idle.data = a;
}

/* ---- calls ---- */

static void queue_page(struct api_call *c)
{
    struct api_client *client = c->client;
    struct bx_err err;

    if (client == NULL) {
        bx_err_set(&err, BX_SHUTDOWN, "the client has disconnected");
        api_fail(c, &err);
        return;
    }
    c->queue = &client->pages;
    client->api->n_queued++;
    TAILQ_INSERT_TAIL(c->queue, c, link);
    if (!client->listing)
        api_pages_resume(client);
}

void api_list(struct api_call *c, void (*page)(struct api_call *c))
{
    c->page = page;
    api_read(c, queue_page);
}

void api_pages_resume(struct api_client *client)
{
    if (client->listing)
        return;
    list_again(client);
    if (client->listing)
        uv_idle_start(&client->api->idle, on_idle);
}

void api_pages_drop(struct api_client *client)
{
    struct bx_err err;

    stop_listing(client);
    bx_err_set(&err, BX_SHUTDOWN, "the client has disconnected");
    while (!TAILQ_EMPTY(&client->pages)) {
        struct api_call *c = TAILQ_FIRST(&client->pages);

        c->client = NULL;
        api_fail(c, &err);
    }
}
