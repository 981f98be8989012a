/* input - how much of a connection's input is processed and read.
 *
 * When is decided in work.c. A connection is blocked while too many of its calls are pending or too
 * many bytes of its answers are unsent: its input stays where it is, and so, beyond the kernel's
 * buffers, does the client. The number of calls that it may have pending is its share of all there
 * may be, so that none is refused because of others. */
#include "api/priv.h"

#define MESSAGES_AT_ONCE 8u
#define UNSENT_MAX (256u << 10) /* of one connection */

static struct api_conn *conn_of(const struct api_client *client)
{
    return (struct api_conn *)(uintptr_t)((const char *)client - offsetof(struct api_conn, client));
}

static bool over(const struct api_conn *c, uint32_t calls, size_t unsent)
{
    size_t queued = c->stream.queued;

    return c->client.calls >= calls || queued > unsent ||
           (queued > 0 && api_party_is_behind(c->client.party));
}

/* ---- processing ---- */

static void after(struct api_conn *c, bool more)
{
    if (c->stream.closing || c->ending)
        return;
    c->blocked = over(c, api_party_calls(c->client.party), UNSENT_MAX);
    c->unread = more;
    if (c->blocked) {
        stream_pause(&c->stream);
    } else if (!more) {
        c->seen = c->stream.in.len;
        stream_resume(&c->stream);
    }
}

bool api_input_has(const struct api_client *client)
{
    const struct api_conn *c = conn_of(client);

    return c->unread && !c->blocked && !c->stream.closing && !c->ending;
}

void api_input_take(struct api_client *client)
{
    struct api_conn *c = conn_of(client);
    uint32_t room = api_party_calls(client->party);
    bool more;

    room = client->calls >= room ? 0 : room - client->calls;
    c->unread = false;
    api_conn_take(c, room < MESSAGES_AT_ONCE ? room : MESSAGES_AT_ONCE, &more);
    after(c, more);
}

/* ---- arrivals ---- */

/* A client may close after its last request: what it sent is processed before that is noticed (see
 * `holds` in conn.c). */
void api_input_arrived(struct api_conn *c)
{
    if (!c->blocked && c->stream.in.len <= c->seen)
        return; /* as it was left when it was looked at */
    if (c->blocked || c->stream.in.len - c->seen > API_READ_BYTES)
        stream_pause(&c->stream);
    if (c->blocked || c->unread)
        return;
    c->unread = true;
    if (c->client.calls > 0)
        api_work(&c->client);
    else
        api_work_at_once(&c->client);
}

void api_input_unblock(struct api_conn *c)
{
    if (c->stream.closing)
        return;
    if (c->blocked && !over(c, api_party_calls(c->client.party) / 2 + 1, UNSENT_MAX / 2)) {
        c->blocked = false;
        c->seen = 0;
        c->unread = c->stream.in.len > 0;
        if (!c->unread)
            stream_resume(&c->stream);
    }
    api_work(&c->client);
}

void api_input_count(struct api_conn *c)
{
    if (c->stream.queued > c->unsent)
        api_party_add(c->client.party, API_HELD_UNSENT, c->stream.queued - c->unsent);
    else
        api_party_remove(c->client.party, API_HELD_UNSENT, c->unsent - c->stream.queued);
    c->unsent = c->stream.queued;
}
