/* http - the HTTP server of blixardd: metrics, health, service discovery and the dashboard.
 *
 *   GET /metrics    the registry as text for Prometheus
 *   GET /livez      200 while the loop runs
 *   GET /readyz     200 when this node can serve requests, else 503 with the reasons
 *   GET /v1/sd      the nodes, as Prometheus' HTTP service discovery reads them
 *   GET /v1/live    server-sent events, one a second: the registry, the members, recent events
 *   GET /           the page that shows them, and its files
 *
 * Until there are users and TLS, it is for loopback alone and tells aggregates: no name of a VM, a
 * tenant or a user. Requests whose Host is not one of loopback are refused, so that a page of
 * another site can not read anything by a name that it makes resolve to 127.0.0.1.
 *
 * A connection is a stream of daemon/transport. Its bytes are passed to and from libmicrohttpd over
 * a socket pair (conn.c, server.c), which parses requests and writes answers and knows neither
 * listeners nor TLS here. Bounds, and what happens beyond them:
 *
 *   HTTP_CONNECTIONS connections, HTTP_PER_ADDRESS of an address     503, and closed
 *   HTTP_REFUSALS connections that are being told so                  closed at once
 *   HTTP_FEEDS listeners of /v1/live                                  503
 *   HTTP_HEAD_BYTES for a request line and header                     414 or 431, and closed
 *   a body                                                            413, and closed
 *   HTTP_HEAD_MS from the first byte of a request to its last         closed
 *   HTTP_IDLE_MS without a request                                    closed
 *   HTTP_STALL_MS without a byte of an answer being taken             closed
 *
 * Everything runs on the loop's thread. */
#ifndef HTTP_H
#define HTTP_H

#include "diag/metric.h"
#include "node/node.h"

#include <uv.h>

#define HTTP_CONNECTIONS 128u
#define HTTP_PER_ADDRESS 64u
#define HTTP_REFUSALS 16u
#define HTTP_FEEDS 16u
#define HTTP_HEAD_BYTES (16u << 10)
#define HTTP_HEAD_MS 10000u
#define HTTP_IDLE_MS 60000u
#define HTTP_STALL_MS 20000u
#define HTTP_TOLD_MAX                                                                              \
    16u /* requests whose refusal is logged in a minute; of others at level debug */

struct http;

struct http_stats {
    uint64_t connections, feeds; /* now */
    uint64_t requests;           /* answered */
    uint64_t refused;            /* of these, with 400 or above; without what the library refuses */
    uint64_t turned_away;        /* connections, beyond the bounds */
};
extern const struct bx_metric_set http_stats_metrics;
void http_stats(const struct http *h, struct http_stats *out);

struct http_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    const char *address;              /* HOST:PORT */
    const struct bx_metrics *metrics; /* NULL: /metrics and /v1/live are 404 */
};

/* Listen. The options are copied, what they point to is borrowed. BX_OK, BX_INVALID or BX_IO (the
 * address), or BX_NO_MEMORY. */
int http_create(struct http **h, const struct http_options *o, struct bx_err *err);
/* Close all connections and run the loop until they are gone. NULL is allowed. */
void http_destroy(struct http *h);
/* NULL: not a member of a cluster, or not any more. */
void http_set_node(struct http *h, struct bx_node *node);
/* Something has happened in the cluster: kept for the dashboard, without the names in it. NULL is
 * allowed. */
void http_on_event(struct http *h, const struct bx_event *e);

#endif
