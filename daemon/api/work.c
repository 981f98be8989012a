/* work - whose requests are processed next.
 *
 * A client can send requests faster than they are processed, and there can be a thousand such
 * clients. What one of them asks must not make the others wait. So a turn of the loop works for a
 * bounded time. What is left waits while the loop rests for a moment: log, peers and the other
 * processes of this host have the processor then, too.
 *
 * Clients that have work are the ends of a tree of parties (party.h). The parts of a party take
 * turns: each works until its credit is spent. Credit is processor time, and each is given the same
 * in a round. So users, processes and connections have equal shares, however many there are of
 * others and however long their requests take. Who has credit left when it has work again comes
 * first, and is served while the loop rests: whoever asks little does not wait for those who ask
 * much.
 *
 * The work of a client is its calls that are ready, which are those whose barrier has passed and
 * lists, then the events that it watches, and then its input. Calls wait while too many bytes of
 * answers are unsent; input waits while too many calls of the party are running. */
#include "api/priv.h"

#include "rec/rec.h"
#include "sys/clock.h"

#include <assert.h>

#define TURN_US 1000
#define CREDIT_US 200
#define DEBT_US 20000 /* at most; a single call may take longer than its credit */
#define LIST_US 100   /* at least */
#define RUNNING_MAX 512u
#define REST_MS 1u

/* ---- the tree ---- */

void api_turn_init(struct api_turn *t)
{
    TAILQ_INIT(&t->parts);
    t->credit_us = CREDIT_US;
}

static void put(struct api_turn *t, struct api_turn *parent)
{
    t->parent = parent;
    t->queued = true;
    if (t->credit_us > 0)
        TAILQ_INSERT_HEAD(&parent->parts, t, link);
    else
        TAILQ_INSERT_TAIL(&parent->parts, t, link);
}

static void on_spin(uv_idle_t *spin)
{
    (void)spin; /* while it is active, the loop does not block */
}

void api_work_soon(struct api *a)
{
    uv_idle_start(&a->spin, on_spin);
}

static void queue(struct api_client *client)
{
    struct api_party *p = client->party;

    if (client->turn.queued)
        return;
    api_work_soon(client->api);
    put(&client->turn, &p->turn);
    for (; p->parent != NULL && !p->turn.queued; p = p->parent)
        put(&p->turn, &p->parent->turn);
}

static void dequeue(struct api_client *client)
{
    struct api_turn *t = &client->turn;

    while (t->queued && TAILQ_EMPTY(&t->parts)) {
        TAILQ_REMOVE(&t->parent->parts, t, link);
        t->queued = false;
        t = t->parent;
    }
}

/* The client whose turn it is; NULL: none has work, or, in this round, credit. */
static struct api_client *choose(struct api *a, bool new_round)
{
    struct api_turn *of = &a->everybody.turn, *t;

    while ((t = TAILQ_FIRST(&of->parts)) != NULL) {
        if (t->credit_us <= 0 && !new_round)
            return NULL;
        while (t->credit_us <= 0) {
            t->credit_us += CREDIT_US;
            TAILQ_REMOVE(&of->parts, t, link);
            TAILQ_INSERT_TAIL(&of->parts, t, link);
            t = TAILQ_FIRST(&of->parts);
        }
        of = t;
    }
    return of == &a->everybody.turn
               ? NULL
               : (struct api_client *)(void *)((char *)of - offsetof(struct api_client, turn));
}

/* Whether neither the client nor a party of its has spent what it is given in a round. */
static bool has_credit(const struct api_client *client)
{
    const struct api_party *p = client->party;

    while (p->parent != NULL && p->turn.credit_us > 0)
        p = p->parent;
    return p->parent == NULL && client->turn.credit_us > 0;
}

static void spend(struct api_turn *t, int64_t us)
{
    t->credit_us = t->credit_us - us < -DEBT_US ? -DEBT_US : t->credit_us - us;
}

/* ---- input that waits for running calls ---- */

/* A party may have one call in any case. */
static struct api_party *runs_too_many(struct api_party *p)
{
    struct api_party *full = api_party_full(p, API_HELD_RUNNING, RUNNING_MAX);

    return full == NULL || full->n[API_HELD_RUNNING] == 0 ? NULL : full;
}

static void hold(struct api_client *client, struct api_party *by)
{
    assert(client->held_by == NULL);
    TAILQ_INSERT_TAIL(&by->held, client, held);
    client->held_by = by;
    by->refs++;
}

static void release(struct api_client *client)
{
    struct api_party *by = client->held_by;

    if (by == NULL)
        return;
    TAILQ_REMOVE(&by->held, client, held);
    client->held_by = NULL;
    api_party_drop(client->api, by);
}

/* Fewer calls run: go on with the input of those that waited for it, all at once but not for each
 * call. */
static void go_on(struct api *a, struct api_party *p)
{
    for (; p != NULL; p = p->parent) {
        uint64_t n = p->n[API_HELD_RUNNING];
        struct api_client *client;

        if (TAILQ_EMPTY(&p->held) ||
            (n > 0 && n * 4 > api_party_part(p, API_HELD_RUNNING, RUNNING_MAX) * 3))
            continue;
        p->refs++; /* while it is left by those it held */
        while ((client = TAILQ_FIRST(&p->held)) != NULL) {
            release(client);
            api_work(client);
        }
        api_party_drop(a, p);
    }
}

void api_call_rests(struct api_call *c, bool rests)
{
    if (c->rests == rests)
        return;
    c->rests = rests;
    if (!rests) {
        api_party_add(c->party, API_HELD_RUNNING, 1);
        return;
    }
    api_party_remove(c->party, API_HELD_RUNNING, 1);
    go_on(c->api, c->party);
}

/* ---- ready calls ---- */

static bool has_room(const struct api_client *client, const struct api_call *c)
{
    return client->ops->queued == NULL || (client->ops->queued(client) < API_PAGES_QUEUED &&
                                           (!c->list || !api_party_is_behind(client->party)));
}

static bool is_ready(const struct api_client *client)
{
    const struct api_call *c = TAILQ_FIRST(&client->ready);

    return c != NULL && has_room(client, c);
}

static void run(struct api_call *c)
{
    struct bx_err err;
    uint64_t before;

    if (!api_auth_holds(c, &err)) {
        api_fail(c, &err);
        return;
    }
    if (c->api->node != NULL) {
        before = bx_rec_trace(bx_trace_of(c->trace));
        c->then(c);
        bx_rec_trace(before);
        return;
    }
    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    api_fail(c, &err);
}

/* Without a client a call has no effect but its write. */
static void run_alone(struct api_call *c)
{
    struct bx_err err;

    if (!c->list) {
        run(c);
        return;
    }
    bx_err_set(&err, BX_SHUTDOWN, "the client has disconnected");
    api_fail(c, &err);
}

void api_call_ready(struct api_call *c)
{
    if (c->client == NULL) {
        run_alone(c);
        return;
    }
    c->queue = &c->client->ready;
    api_call_rests(c, true);
    TAILQ_INSERT_TAIL(c->queue, c, link);
    api_work(c->client);
}

/* ---- the work ---- */

/* Whether it has input that may be processed. */
static bool has_input(const struct api_client *client)
{
    return client->held_by == NULL && client->ops->has_input != NULL &&
           client->ops->has_input(client);
}

void api_work(struct api_client *client)
{
    if (is_ready(client) || api_watch_is_due(client) || has_input(client))
        queue(client);
    else
        dequeue(client);
}

static void take_or_hold(struct api_client *client)
{
    struct api_party *full = runs_too_many(client->party);

    if (full != NULL)
        hold(client, full);
    else
        client->ops->take_input(client);
}

/* Process a little of what a client has; returns the time it took. It may have nothing any more:
 * what it was queued for waits again when the answers to others have taken the room. The client may
 * be gone after. */
static int64_t work(struct api_client *client)
{
    struct api_call *c = is_ready(client) ? TAILQ_FIRST(&client->ready) : NULL;
    struct api_party *party = client->party;
    uint64_t began = clock_thread_us();
    int64_t us, least = c != NULL && c->list ? LIST_US : 1;

    party->refs++;
    if (c != NULL) {
        api_wait_stop(c);
        run(c);
    } else if (api_watch_is_due(client)) {
        api_watch_more(client);
    } else if (has_input(client)) {
        take_or_hold(client);
    }
    us = (int64_t)(clock_thread_us() - began);
    us = us < least ? least : us;
    spend(&client->turn, us);
    for (struct api_party *p = party; p != NULL; p = p->parent)
        spend(&p->turn, us);
    api_party_drop(client->api, party);
    api_work(client);
    return us;
}

void api_work_at_once(struct api_client *client)
{
    if (client->api->worked_us < TURN_US && has_credit(client) && !is_ready(client) &&
        runs_too_many(client->party) == NULL)
        client->api->worked_us += work(client);
    else
        api_work(client);
}

static void on_rested(uv_timer_t *rest)
{
    struct api *a = rest->data;

    a->resting = false;
    api_work_soon(a);
}

/* Whether the next turn of the loop comes at once, after a rest, or when something happens. */
static void next_turn(struct api *a)
{
    bool left = !TAILQ_EMPTY(&a->everybody.turn.parts) || a->unix_later || a->tcp_later;

    if (left && !a->resting && a->worked_us >= TURN_US) {
        a->resting = true;
        uv_timer_start(&a->rest, on_rested, REST_MS, 0);
    }
    if (left && !a->resting)
        api_work_soon(a);
    else
        uv_idle_stop(&a->spin);
}

static void on_check(uv_check_t *check)
{
    struct api *a = check->data;
    struct api_client *client;

    api_listen_more(a);
    while (a->worked_us < TURN_US && (client = choose(a, !a->resting)) != NULL)
        a->worked_us += work(client);
    next_turn(a);
    a->worked_us = 0;
}

void api_work_gone(struct api_client *client)
{
    struct api_call *c;

    while ((c = TAILQ_FIRST(&client->ready)) != NULL) {
        api_wait_stop(c);
        TAILQ_REMOVE(&client->pending, c, own);
        c->client = NULL;
        run_alone(c);
    }
    release(client);
    dequeue(client);
}

void api_work_init(struct api *a)
{
    uv_check_init(a->loop, &a->check);
    uv_idle_init(a->loop, &a->spin);
    uv_timer_init(a->loop, &a->rest);
    a->check.data = a->spin.data = a->rest.data = a;
    uv_check_start(&a->check, on_check);
}
