/* live - server-sent events for the dashboard.
 *
 * Every second each listener gets one event `state`: the values of all metrics, the members of the
 * cluster, and what has happened since the second before. The text is made once, and only when
 * somebody listens. A listener that has not read the last one misses this one, and a new one may be
 * told of an event twice: its revision tells. */
#include "http/priv.h"

#include "config.h"
#include "diag/promtext.h"
#include "mem/alloc.h"
#include "wire/event.h"

/* ---- what is told ---- */

#ifdef BX_METRICS
struct values {
    struct bx_buf *out;
    const char *separator;
};

static void put_key(struct values *v, const struct bx_metric_sample *s)
{
    http_put(v->out, v->separator);
    v->separator = ",";
    http_put(v->out, "\"");
    http_put(v->out, s->metric->name);
    if (s->label != NULL)
        http_putf(v->out, "{%s}", s->value);
    http_put(v->out, "\":");
}

/* A counter or gauge is a number; a histogram [sum, [bound, count]...], where the counts add up and
 * the last bound is null. */
static void put_value(void *ctx, const struct bx_metric_sample *s)
{
    uint32_t scale = bx_metric_scale(s->metric);
    struct values *v = ctx;
    uint64_t count = 0;

    put_key(v, s);
    if (s->histogram == NULL) {
        bx_promtext_number(v->out, s->number, scale);
        return;
    }
    http_put(v->out, "[");
    bx_promtext_number(v->out, s->histogram->sum, scale);
    for (uint32_t i = 0; i <= s->info->n; i++) {
        http_put(v->out, ",[");
        if (i < s->info->n)
            bx_promtext_number(v->out, s->info->bounds[i], scale);
        else
            http_put(v->out, "null");
        count += s->histogram->counts[i];
        http_putf(v->out, ",%llu]", (unsigned long long)count);
    }
    http_put(v->out, "]");
}

static void put_values(const struct http *h, struct bx_buf *b)
{
    struct values v = {b, ""};

    bx_metrics_each(h->o.metrics, put_value, &v);
}
#else
static void put_values(const struct http *h, struct bx_buf *b)
{
    (void)h, (void)b;
}
#endif

static void put_members(const struct bx_node *node, struct bx_buf *b)
{
    struct bx_node_status st;

    bx_node_status(node, &st);
    http_putf(b, "\"node\":%llu,\"leader\":%llu,\"members\":[", (unsigned long long)st.id,
              (unsigned long long)st.leader);
    for (uint32_t i = 0; i < st.n_members; i++) {
        const struct bx_member *m = &st.members[i];
        const struct bx_node_row *row = bx_view_node(bx_node_view(node), m->id);

        http_putf(b, "%s{\"id\":%llu,\"role\":\"%s\",\"connected\":%s", i == 0 ? "" : ",",
                  (unsigned long long)m->id,
                  m->id == st.leader ? "leader"
                  : m->voter         ? "voter"
                                     : "standby",
                  m->connected ? "true" : "false");
        if (row != NULL)
            http_putf(b, ",\"state\":\"%s\",\"vms\":%llu", bx_node_state_names[row->info.state],
                      (unsigned long long)row->vms);
        http_put(b, "}");
    }
    http_put(b, "],");
}

/* Those from number `from` on that are still kept. */
static void put_events(const struct http *h, struct bx_buf *b, uint64_t from)
{
    uint64_t kept = h->n_events > HTTP_EVENTS ? h->n_events - HTTP_EVENTS : 0;

    http_put(b, "\"events\":[");
    for (uint64_t i = from > kept ? from : kept; i < h->n_events; i++) {
        const struct http_event *e = &h->events[i % HTTP_EVENTS];

        http_putf(b, "%s{\"revision\":%llu,\"time\":%llu,\"type\":\"%s\"}",
                  i == (from > kept ? from : kept) ? "" : ",", (unsigned long long)e->revision,
                  (unsigned long long)e->wall_ms, e->type);
    }
    http_put(b, "]");
}

static void put_state(struct http *h, struct bx_buf *b, uint64_t from)
{
    http_putf(b, "event: state\ndata: {\"time\":%llu,", (unsigned long long)http_now(h));
    if (h->node != NULL)
        put_members(h->node, b);
    put_events(h, b, from);
    http_put(b, ",\"metrics\":{");
    put_values(h, b);
    http_put(b, "}}\n\n");
}

void http_on_event(struct http *h, const struct bx_event *e)
{
    if (h != NULL)
        h->events[h->n_events++ % HTTP_EVENTS] =
            (struct http_event){e->index, e->time, bx_event_names[e->type]};
}

/* ---- listeners ---- */

void http_live(struct http *h, struct http_answer *a)
{
    if (h->o.metrics == NULL)
        http_refuse(a, 404, "this build has no metrics");
    else
        a->feed = true;
}

struct http_feed *http_feed_open(struct http *h)
{
    struct http_feed *f;

    if (h->n_feeds == HTTP_FEEDS)
        return NULL;
    f = bx_must_calloc(1, sizeof *f);
    f->http = h;
    h->n_feeds++;
    TAILQ_INSERT_TAIL(&h->feeds, f, link);
    put_state(h, &f->out, 0);
    return f;
}

void http_feed_close(struct http_feed *f)
{
    TAILQ_REMOVE(&f->http->feeds, f, link);
    f->http->n_feeds--;
    bx_buf_release(&f->out);
    bx_free(f);
}

void http_live_tick(struct http *h)
{
    struct bx_buf text = {0};
    struct http_feed *f, *next;

    if (!TAILQ_EMPTY(&h->feeds))
        put_state(h, &text, h->told_events);
    h->told_events = h->n_events;
    for (f = TAILQ_FIRST(&h->feeds); f != NULL; f = next) {
        next = TAILQ_NEXT(f, link);
        if (f->out.len == 0 && !text.failed)
            (void)bx_buf_append(&f->out, text.data, text.len); /* no memory: it misses this one */
        if (f->out.failed)
            bx_buf_release(&f->out);
        if (f->out.len > 0)
            http_server_wake(f);
    }
    bx_buf_release(&text);
}
