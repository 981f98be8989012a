/* client - a client of the API, independent of the transport.
 *
 * A transport embeds a client in its connection and fills it in; the rest of the API uses only this
 * interface. MessagePack-RPC over a connection (rpc.c) and the relay between nodes (relay.c) are
 * transports.
 *
 * A client must outlive its pending calls, unless api_client_gone is called for it. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include "api/party.h"
#include "codec/codec.h"
#include "err.h"
#include "wire/proto.h"

#include <sys/queue.h>

#define API_PRINCIPAL_MAX 72u /* user: and a name */
#define API_TENANT_MAX 64u

struct api;
struct api_call;
struct api_client;

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
    /* Whether it has sent what may be processed now; process a little of it. Both NULL: the
     * transport runs calls as they arrive. */
    bool (*has_input)(const struct api_client *client);
    void (*take_input)(struct api_client *client);
    /* Send the error, then close the connection. */
    void (*end)(struct api_client *client, const struct bx_err *err);
};

struct api_client {
    const struct api_client_ops *ops;
    struct api *api;
    char principal[API_PRINCIPAL_MAX]; /* NUL-terminated */
    struct api_party *party;           /* at first everybody; the client must not outlive it */
    enum bx_rpc_role role;
    char tenant[API_TENANT_MAX]; /* the only one that its role is for; empty: all of them */
    bool is_local;               /* of the unix socket */
    bool by_token;               /* it is the user of this token or certificate (auth.c): */
    bool by_certificate;         /* the latter */
    uint8_t token[32];           /* the hash of its secret, or of its public key */
    bool is_node;                /* another node, which may call only what is relayed */
    uint32_t codecs;             /* accepted for lists: bits 1 << enum bx_codec */
    struct api_calls pending;
    uint32_t calls;         /* of them */
    uint32_t waits;         /* of them, those that wait for a VM */
    struct api_calls ready; /* of them, those whose barrier has passed, the next one first */
    struct api_turn turn;
    struct api_party *held_by; /* it is in this party's `held`; NULL: in none */
    TAILQ_ENTRY(api_client) held;
    TAILQ_ENTRY(api_client) watcher;
    uint64_t watch_at;            /* index of the last event sent, or passed over */
    char watched[API_TENANT_MAX]; /* the only tenant whose events it wants; empty: all */
    bool watching, behind;        /* behind: stored events are sent first, page by page */
};
TAILQ_HEAD(api_clients, api_client);

/* Initialize a client; its transport sets principal, party and role. */
void api_client_init(struct api_client *client, struct api *a, const struct api_client_ops *ops);
/* The client has disconnected: drop its answers and stop its watch. */
void api_client_gone(struct api_client *client);

#endif
