/* conn - one client's connection: MessagePack-RPC messages on a stream. */
#ifndef API_CONN_H
#define API_CONN_H

#include "api/client.h"
#include "codec/pack.h"
#include "transport/listener.h"
#include "wire/proto.h"

#include <sys/queue.h>

#define API_CONNS_MAX 1024u
#define API_CALLS_PER_CONN 256u
#define API_UNPROVEN_MAX (64u << 10) /* bytes of the first message */
#define API_OUT_MAX (16u << 20)      /* bytes of queued answers */
#define API_OUT_BUFFERS 65536u       /* queued answers */
#define API_HALF_MS 10000u           /* until an incomplete message must be complete */
#define API_STALL_MS 60000u          /* without progress in sending */

struct api;

struct api_conn {
    TAILQ_ENTRY(api_conn) link;
    struct api *api;
    struct stream stream;
    struct api_client client;
    struct bx_pack_scan scan;
    struct bx_buf notices;    /* notifications not sent yet */
    uint64_t began;           /* boot time of the first byte of an incomplete message, 0: none */
    bool proven;              /* a local client, or one that has sent a valid request */
    bool ending, peer_closes; /* close once all is sent; peer_closes: and the peer has closed */
};
TAILQ_HEAD(api_conns, api_conn);

extern const struct stream_limits api_limits;
extern const struct stream_callbacks api_callbacks;

/* Close at once; pending answers are dropped. */
void api_conn_close(struct api_conn *c);
/* Close once what is queued is sent. */
void api_conn_end(struct api_conn *c);
/* Close it when a deadline has passed. */
void api_conn_expire(struct api_conn *c, uint64_t at);
/* A call has ended: resume reading if few enough are pending. */
void api_conn_resume(struct api_conn *c);
/* Takes ownership of b's memory. */
void api_conn_send(struct api_conn *c, struct bx_buf *b);

/* ---- listen.c ---- */

/* Listen on the unix socket and, unless it is empty, on the TCP address. BX_OK, or what
 * transport/listener.h says. */
int api_listen(struct api *a, const char *path, const char *address, struct bx_err *err);
void api_listen_close(struct api *a);
/* The connection is ready: identify the client, and refuse it beyond the maximum. */
void api_conn_welcome(struct api_conn *c);

#endif
