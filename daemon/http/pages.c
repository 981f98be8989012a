/* pages - metrics, health and service discovery. */
#include "http/priv.h"

#include "config.h"
#include "diag/promtext.h"

#ifdef BX_METRICS
void http_metrics(struct http *h, struct http_answer *a)
{
    if (h->o.metrics == NULL)
        http_refuse(a, 404, "this server was given no metrics");
    else
        (void)bx_promtext(h->o.metrics, &a->body); /* as a->body.failed tells */
}
#else
void http_metrics(struct http *h, struct http_answer *a)
{
    (void)h;
    http_refuse(a, 404, "this build has no metrics");
}
#endif

void http_livez(struct http *h, struct http_answer *a)
{
    (void)h;
    http_put(&a->body, "{\"status\":\"ok\"}\n");
}

/* ---- readiness ---- */

#define REASONS_MAX 4u

static uint32_t add(const char **reasons, uint32_t n, bool holds, const char *reason)
{
    if (holds)
        reasons[n++] = reason;
    return n;
}

/* Why requests of clients would not be served here. */
static uint32_t why_not_ready(const struct bx_node *node, const char *reasons[REASONS_MAX])
{
    struct bx_node_status st;
    uint32_t n = 0;

    if (node == NULL)
        return add(reasons, 0, true, "this host is not a member of a cluster");
    bx_node_status(node, &st);
    if (st.removed)
        return add(reasons, 0, true, "this node was removed from the cluster");
    if (st.leader == 0)
        n = add(reasons, n, true, "no leader is known");
    else
        n = add(reasons, n, !st.quorum, "the leader was not heard for two election timeouts");
    n = add(reasons, n, !st.age_known, "the state was not confirmed by a leader yet");
    return add(reasons, n, bx_node_space(node, st.id) == BX_SPACE_FULL, "the disk is full");
}

void http_readyz(struct http *h, struct http_answer *a)
{
    const char *reasons[REASONS_MAX];
    uint32_t n = why_not_ready(h->node, reasons);

    a->status = n == 0 ? 200 : 503;
    http_putf(&a->body, "{\"status\":\"%s\",\"reasons\":[", n == 0 ? "ready" : "not ready");
    for (uint32_t i = 0; i < n; i++) {
        http_put(&a->body, i == 0 ? "" : ",");
        http_put_string(&a->body, reasons[i]);
    }
    http_put(&a->body, "]}\n");
}

/* ---- service discovery ---- */

/* Of nodes that have an HTTP server. A node that is down stays a target: that it does not answer is
 * what its monitoring is to find out. */
void http_sd(struct http *h, struct http_answer *a)
{
    const struct bx_view *v = h->node == NULL ? NULL : bx_node_view(h->node);
    uint32_t n = v == NULL ? 0 : bx_view_nodes(v);
    const char *before = "[";

    for (uint32_t i = 0; i < n; i++) {
        const struct bx_node_info *info = &bx_view_node_at(v, i)->info;

        if (info->http.n == 0)
            continue;
        http_putf(&a->body, "%s{\"targets\":[\"" BX_STR_FMT "\"],\"labels\":{", before,
                  BX_STR_ARG(info->http));
        http_putf(&a->body, "\"__meta_blixard_node\":\"%llu\"}}", (unsigned long long)info->id);
        before = ",";
    }
    http_put(&a->body, before[0] == '[' ? "[]\n" : "]\n");
}
