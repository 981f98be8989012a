/* client - a client of the API, independent of the transport.
 *
 * A transport embeds a client in its connection and fills it in; the rest of the API uses only this
 * interface. MessagePack-RPC over a connection (rpc.c) and the relay between nodes (relay.c) are
 * transports.
 *
 * A client must outlive its pending calls, unless api_client_gone is called for it. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "codec/codec.h"
#include "err.h"
#include "wire/proto.h"

#include <sys/queue.h>

#define API_PRINCIPAL_MAX 32u

struct api;
struct api_call;
struct api_client;
struct api_party;

TAILQ_HEAD(api_calls, api_call);

struct api_client_ops {
    /* Answer a call with an object or a list of objects of this schema; items NULL: nil. Objects
     * are valid during the call. May close the client. */
    void (*reply)(struct api_client *client, const struct api_call *c, const struct bx_schema *s,
                  const struct bx_items *items);
    void (*fail)(struct api_client *client, const struct api_call *c, const struct bx_err *err);
    /* A call has ended; client->calls is already decremented. */
    void (*ended)(struct api_client *client);
    /* Queue a notification; send what is queued. Both NULL: the transport has no notifications. */
    void (*notify)(struct api_client *client, const char *name, const struct bx_schema *s,
                   const void *obj);
    void (*flush)(struct api_client *client);
    /* Bytes not sent yet; NULL: the transport queues none. */
    size_t (*queued)(const struct api_client *client);
    /* Send the error, then close the connection. */
    void (*end)(struct api_client *client, const struct bx_err *err);
};

struct api_client {
    const struct api_client_ops *ops;
    struct api *api;
    char principal[API_PRINCIPAL_MAX]; /* NUL-terminated */
    struct api_party *party;           /* at first everybody; the client must not outlive it */
    enum bx_rpc_role role;
    bool is_node;           /* another node, which may call only what is relayed */
    uint32_t codecs;        /* accepted for lists: bits 1 << enum bx_codec */
    uint32_t calls;         /* pending */
    uint32_t waits;         /* of them, those that wait for a VM */
    struct api_calls pages; /* calls of lists that are not answered yet, the next one first */
    TAILQ_ENTRY(api_client) lister; /* in api->listers, while `listing` */
    bool listing;                   /* has pages to get, and room for them */
    TAILQ_ENTRY(api_client) watcher;
    uint64_t watch_at;     /* index of the last event sent */
    bool watching, behind; /* behind: stored events are sent first, page by page */
};
TAILQ_HEAD(api_clients, api_client);

/* Initialize a client; its transport sets principal, party and role. */
void api_client_init(struct api_client *client, struct api *a, const struct api_client_ops *ops);
/* The client has disconnected: drop its answers and stop its watch. */
void api_client_gone(struct api_client *client);

#endif
