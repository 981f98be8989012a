/* client - who calls, whatever it calls over.
 *
 * A transport embeds a client in its connection and fills it in; the rest of the API knows no more
 * of it than this. MessagePack-RPC over a connection (rpc.c) and the relay between nodes (relay.c)
 * are such transports.
 *
 * A client lives as long as it has calls under way, or until api_client_gone was called for it. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "codec/codec.h"
#include "err.h"
#include "wire/proto.h"

#include <sys/queue.h>

struct api;
struct api_call;
struct api_client;

struct api_client_ops {
    /* The answer to a call: one object or a list of what the schema describes; items NULL: nil.
     * Objects are valid during the call. May find the client gone: it may be closed from here. */
    void (*reply)(struct api_client *client, const struct api_call *c, const struct bx_schema *s,
                  const struct bx_items *items);
    void (*fail)(struct api_client *client, const struct api_call *c, const struct bx_err *err);
    /* A call has ended, and client->calls is one less. */
    void (*ended)(struct api_client *client);
    /* Queue a notification, and send what is queued. Both NULL: this client can get none. */
    void (*notify)(struct api_client *client, const char *name, const struct bx_schema *s,
                   const void *obj);
    void (*flush)(struct api_client *client);
    size_t (*queued)(const struct api_client *client); /* bytes it has not taken yet */
    /* Tell it the error, and close it when that is sent. */
    void (*end)(struct api_client *client, const struct bx_err *err);
};

struct api_client {
    const struct api_client_ops *ops;
    struct api *api;
    char principal[32]; /* NUL-terminated */
    enum bx_rpc_role role;
    bool is_node;    /* another node, which may call only what is relayed */
    uint32_t codecs; /* 1 << enum bx_codec: what it takes lists in */
    uint32_t calls;  /* under way */
    TAILQ_ENTRY(api_client) watcher;
    uint64_t watch_at;     /* last event that was sent */
    bool watching, behind; /* gets events; behind: from what is kept, page by page */
};
TAILQ_HEAD(api_clients, api_client);

/* It gets no more answers and no more events. */
void api_client_gone(struct api_client *client);

#endif
