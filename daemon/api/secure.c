/* secure - clients over TCP until their TLS handshake is over: who may begin one, and why it fails.
 *
 *   accepted --has a turn--> handshake --> ready: a client (listen.c)
 *         \---- makes room -----/-- fails, or takes too long --> closed and counted by the reason
 *
 * A handshake costs the loop more than most requests do, and who can reach the port can begin any
 * number of them. So they are begun at a bounded rate, first those of addresses that have few; a
 * connection that waits holds neither a place nor what OpenSSL needs. How many there may be is
 * bounded for an address and for all: one more takes the place of the oldest one of its address, or
 * of the address that has the most. So an address is slowed down by others little, and by itself as
 * it deserves. */
#include "api/priv.h"

#include "rec/rec.h"
#include "transport/tls.h"

#define OF_ONE_PART 2u     /* one in so many of them, from one address */
#define HANDSHAKE_US 2000u /* one is begun in this time, which is several times what it takes */
#define AT_ONCE_US 50000u  /* after a pause, as many as in this time at once */
#define WAIT_MS 2u

static const char *const names[] = {
    [API_REFUSED_OTHER] = "failed",
    [API_REFUSED_NO_CERTIFICATE] = "not_a_member",
    [API_REFUSED_CROWDED] = "crowded",
    [API_REFUSED_TIMEOUT] = "timeout",
    [API_REFUSED_NOT_TLS] = "not_tls",
    [API_REFUSED_VERSION] = "version",
    [API_REFUSED_CERTIFICATE] = "certificate",
    [API_REFUSED_PROTOCOL] = "protocol",
    [API_REFUSED_BY_CLIENT] = "by_client",
    [API_REFUSED_CLOSED] = "closed",
};
_Static_assert(sizeof names / sizeof names[0] == API__REFUSALS, "a reason has no name");

/* ---- refusals ---- */

struct refusals {
    uint64_t refused;
};
#define REFUSALS(X, at) X(at, COUNT, refused, "clients over TCP without a TLS connection")
BX_METRIC_SET(refusal_metrics, "api_tls", refusals, REFUSALS, "reason");

static enum api_refusal refusal_of(const struct stream *s)
{
    static const enum api_refusal of[] = {[TLS_FAULT_OTHER] = API_REFUSED_OTHER,
                                          [TLS_FAULT_NOT_TLS] = API_REFUSED_NOT_TLS,
                                          [TLS_FAULT_VERSION] = API_REFUSED_VERSION,
                                          [TLS_FAULT_CERTIFICATE] = API_REFUSED_CERTIFICATE,
                                          [TLS_FAULT_PROTOCOL] = API_REFUSED_PROTOCOL,
                                          [TLS_FAULT_REFUSED] = API_REFUSED_BY_CLIENT,
                                          [TLS_FAULT_CLOSED] = API_REFUSED_CLOSED};

    return of[tls_fault(s)];
}

static void refused(const struct api_conn *c, enum api_refusal reason, const char *why)
{
    struct api *a = c->api;
    struct api_refused *r = &a->secure.refused[reason];
    uint64_t untold;

    r->n++;
    if (reason == API_REFUSED_CERTIFICATE) /* the others prove nothing, or have other errors */
        api_audit_stranger(c, why);
    if (rate_may(&r->bound, a->o.clock->ops->boot_ms(a->o.clock), 1, &untold))
        BX_WARNING("api", "refused a client", "reason", names[reason], "client",
                   c->stream.peer.name, "why", why, "refused", r->n, "untold", untold);
}

static void close_as(struct api_conn *c, enum api_refusal reason, const char *why)
{
    c->refusal = reason;
    stream_close(&c->stream, why);
}

/* ---- how many ---- */

static uint32_t strangers_max(const struct api *a)
{
    return a->conns_max / API_STRANGERS_PART;
}

static uint64_t of_address(const struct api_conn *c)
{
    return c->client.party->n[API_HELD_STRANGERS];
}

/* The oldest one of this address but not `who`. */
static struct api_conn *oldest(const struct api_party *address, const struct api_conn *who)
{
    struct api_conn *c;

    TAILQ_FOREACH(c, &who->api->secure.strangers, stranger_link)
    {
        if (c != who && c->client.party == address)
            break;
    }
    return c;
}

static const struct api_party *crowded(const struct api *a)
{
    const struct api_conn *c, *found = TAILQ_FIRST(&a->secure.strangers);

    TAILQ_FOREACH(c, &a->secure.strangers, stranger_link)
    {
        if (of_address(c) > of_address(found))
            found = c;
    }
    return found->client.party;
}

static void make_room(struct api_conn *who)
{
    const struct api *a = who->api;
    const struct api_party *full = NULL;
    struct api_conn *c;

    if (of_address(who) > strangers_max(a) / OF_ONE_PART)
        full = who->client.party;
    else if (a->everybody.n[API_HELD_STRANGERS] > strangers_max(a))
        full = crowded(a);
    c = full == NULL ? NULL : oldest(full, who);
    if (c != NULL)
        close_as(c, API_REFUSED_CROWDED, "displaced by a newer connection");
}

/* ---- when ---- */

static uint64_t now_us(const struct api *a)
{
    return a->o.clock->ops->boot_ms(a->o.clock) * 1000;
}

/* The one that waits, of the address that has the fewest: the newest. When an address has more than
 * can be begun, the oldest would be displaced before their turn comes, and nobody be served. */
static struct api_conn *next(const struct api *a)
{
    struct api_conn *c, *found = NULL;

    TAILQ_FOREACH(c, &a->secure.strangers, stranger_link)
    {
        if (c->waits && (found == NULL || of_address(c) <= of_address(found)))
            found = c;
    }
    return found;
}

static void on_timer(uv_timer_t *timer);

/* Begin as many as may. */
static void go_on(struct api *a)
{
    struct api_secure *s = &a->secure;
    uint64_t now = now_us(a);
    struct api_conn *c = next(a);

    if (s->next_us + AT_ONCE_US < now)
        s->next_us = now - AT_ONCE_US;
    for (; c != NULL && s->next_us <= now; c = next(a)) {
        c->waits = false;
        s->next_us += HANDSHAKE_US;
        stream_read(&c->stream);
    }
    if (c == NULL)
        uv_timer_stop(&s->timer);
    else if (!uv_is_active((uv_handle_t *)&s->timer))
        uv_timer_start(&s->timer, on_timer, WAIT_MS, WAIT_MS);
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

/* ---- strangers ---- */

void api_stranger_arrived(struct api_conn *c)
{
    struct api *a = c->api;

    c->client.party = api_party_of_address(c);
    api_party_add(c->client.party, API_HELD_STRANGERS, 1);
    TAILQ_INSERT_TAIL(&a->secure.strangers, c, stranger_link);
    c->stranger = c->waits = true;
    uv_read_stop(&c->stream.h.stream);
    make_room(c);
    go_on(a);
}

static void forget(struct api_conn *c)
{
    TAILQ_REMOVE(&c->api->secure.strangers, c, stranger_link);
    api_party_remove(c->client.party, API_HELD_STRANGERS, 1);
    c->stranger = c->waits = false;
}

void api_stranger_ready(struct api_conn *c)
{
    if (c->stranger)
        forget(c);
}

void api_stranger_closed(struct api_conn *c, const char *why)
{
    if (!c->stranger)
        return;
    forget(c);
    refused(c, c->refusal != API_REFUSED_OTHER ? c->refusal : refusal_of(&c->stream), why);
}

void api_stranger_expire(struct api_conn *c, uint64_t now)
{
    if (now - c->used > API_HANDSHAKE_MS)
        close_as(c, API_REFUSED_TIMEOUT, "handshake timed out");
}

void api_refuse_plain(struct api_conn *c)
{
    static const char why[] = "this host is not a member of a cluster and has no certificate yet";

    refused(c, API_REFUSED_NO_CERTIFICATE, why);
    stream_close(&c->stream, why);
}

/* ---- create and destroy ---- */

void api_secure(struct api *a, struct tls_context *server)
{
    struct api_conn *c, *next;

    tls_context_release(a->secure.context);
    a->secure.context = tls_context_ref(server);
    for (c = TAILQ_FIRST(&a->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->stream.peer.certificate != NULL &&
            !tls_context_trusts(server, c->stream.peer.certificate->ca))
            api_conn_close(c);
    }
}

void api_secure_init(struct api *a)
{
    TAILQ_INIT(&a->secure.strangers);
    uv_timer_init(a->loop, &a->secure.timer);
    a->secure.timer.data = a;
}

int api_secure_add_metrics(struct api *a)
{
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < API__REFUSALS; i++)
        rc = bx_metrics_add(a->o.metrics,
                            &(struct bx_metric_source){.set = &refusal_metrics,
                                                       .value = names[i],
                                                       .ctx = &a->secure.refused[i].n});
    return rc;
}

void api_secure_remove_metrics(struct api *a)
{
    for (uint32_t i = 0; i < API__REFUSALS; i++)
        bx_metrics_remove(a->o.metrics, &a->secure.refused[i].n);
}
