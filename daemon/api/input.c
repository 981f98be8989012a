/* input - whose requests are processed next.
 *
 * A client can send requests faster than they are processed, and there can be a thousand such
 * clients. What one of them asks must not make the others wait. So input is not processed where it
 * arrives: its connection joins a queue, and each turn of the loop processes some requests, a few
 * of each connection in turn.
 *
 *   fresh    no call of the connection was pending: its requests are processed as they arrive,
 * unless the turn has processed enough; then it is the first of the next turn backlog  it has sent
 * more than it has got answers for; served while few calls are running
 *
 * A connection is blocked while too many of its calls are pending or too many bytes of its answers
 * are unsent: its input stays where it is, and so, beyond the kernel's buffers, does the client.
 * The number of calls that it may have pending is its share of all there may be, so that none is
 * refused because of others. */
#include "api/priv.h"

#define MESSAGES_A_TURN 256u
#define MESSAGES_AT_ONCE 16u
#define RUNNING_MAX 256u        /* calls, beyond which the backlog waits */
#define UNSENT_MAX (256u << 10) /* of one connection */
#define READ_AHEAD (64u << 10)  /* bytes of input, beyond which reading waits */

static struct api_conns *queue_of(struct api_conn *c)
{
    return c->input == API_INPUT_FRESH ? &c->api->fresh : &c->api->backlog;
}

static void leave(struct api_conn *c)
{
    if (c->input != API_INPUT_NONE)
        TAILQ_REMOVE(queue_of(c), c, turn);
    c->input = API_INPUT_NONE;
}

static void join(struct api_conn *c, enum api_input queue)
{
    c->input = queue;
    TAILQ_INSERT_TAIL(queue_of(c), c, turn);
}

/* ---- bounds ---- */

static bool over(const struct api_conn *c, uint32_t calls, size_t unsent)
{
    size_t queued = c->stream.queued;

    return c->client.calls >= calls || queued > unsent ||
           (queued > 0 && c->stream.group->queued > API_UNSENT_MAX);
}

/* ---- turns ---- */

static void after_turn(struct api_conn *c, bool more)
{
    if (c->stream.closing || c->ending)
        return;
    c->blocked = over(c, api_party_calls(c->client.party), UNSENT_MAX);
    if (c->blocked) {
        stream_pause(&c->stream);
    } else if (more) {
        join(c, API_INPUT_BACKLOG);
    } else {
        c->seen = c->stream.in.len;
        stream_resume(&c->stream);
    }
}

static uint32_t serve(struct api_conn *c)
{
    uint32_t room = api_party_calls(c->client.party), n;
    bool more;

    leave(c);
    room = c->client.calls >= room ? 0 : room - c->client.calls;
    n = api_conn_take(c, room < MESSAGES_AT_ONCE ? room : MESSAGES_AT_ONCE, &more);
    after_turn(c, more);
    return n + 1; /* so that turns without a whole message end, too */
}

static bool backlog_may_run(const struct api *a)
{
    return !TAILQ_EMPTY(&a->backlog) && a->n_calls - a->n_queued < RUNNING_MAX;
}

static void on_spin(uv_idle_t *spin)
{
    (void)spin; /* while it is active, the loop does not block */
}

static void spin_if_due(struct api *a)
{
    if (!TAILQ_EMPTY(&a->fresh) || backlog_may_run(a))
        uv_idle_start(&a->spin, on_spin);
    else
        uv_idle_stop(&a->spin);
}

static void on_check(uv_check_t *check)
{
    struct api *a = check->data;
    uint32_t n = a->taken;

    a->taken = 0;
    while (n < MESSAGES_A_TURN && !TAILQ_EMPTY(&a->fresh))
        n += serve(TAILQ_FIRST(&a->fresh));
    while (n < MESSAGES_A_TURN && backlog_may_run(a))
        n += serve(TAILQ_FIRST(&a->backlog));
    spin_if_due(a);
}

/* ---- arrivals ---- */

void api_input_arrived(struct api_conn *c)
{
    if (!c->blocked && c->stream.in.len <= c->seen)
        return; /* as it was left when it was looked at */
    if (c->blocked || c->stream.in.len - c->seen > READ_AHEAD)
        stream_pause(&c->stream);
    if (c->blocked || c->input != API_INPUT_NONE)
        return;
    if (c->client.calls > 0) {
        join(c, API_INPUT_BACKLOG);
    } else if (c->api->taken < MESSAGES_A_TURN) {
        c->api->taken += serve(c);
        spin_if_due(c->api);
    } else {
        join(c, API_INPUT_FRESH);
    }
}

void api_input_unblock(struct api_conn *c)
{
    if (c->blocked && !c->stream.closing &&
        !over(c, api_party_calls(c->client.party) / 2 + 1, UNSENT_MAX / 2)) {
        c->blocked = false;
        c->seen = 0;
        if (c->stream.in.len > 0)
            join(c, API_INPUT_BACKLOG);
        else
            stream_resume(&c->stream);
    }
    spin_if_due(c->api);
}

void api_input_gone(struct api_conn *c)
{
    leave(c);
}

/* ---- create and destroy ---- */

void api_input_init(struct api *a)
{
    TAILQ_INIT(&a->fresh);
    TAILQ_INIT(&a->backlog);
    uv_check_init(a->loop, &a->check);
    uv_idle_init(a->loop, &a->spin);
    a->check.data = a->spin.data = a;
    uv_check_start(&a->check, on_check);
}
