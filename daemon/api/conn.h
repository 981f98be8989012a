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
#define API_OUT_MAX (16u << 20)      /* bytes of answers that are not taken */
#define API_OUT_BUFFERS 65536u       /* and how many of them */
#define API_HALF_MS 10000u           /* for the rest of a message that began */
#define API_STALL_MS 60000u          /* without taking any answer */

struct api;

struct api_conn {
    TAILQ_ENTRY(api_conn) link;
    struct api *api;
    struct stream stream;
    struct api_client client;
    struct bx_pack_scan scan;
    struct bx_buf notices;    /* notifications that are not sent yet */
    uint64_t began;           /* boot time of the first byte of a half message, 0: none */
    bool proven;              /* known, or made a sound request */
    bool ending, peer_closes; /* close when all is sent; peer_closes: and the peer has closed */
};
TAILQ_HEAD(api_conns, api_conn);

extern const struct stream_limits api_limits;
extern const struct stream_callbacks api_callbacks;

/* At once; nobody gets the answers that are under way. */
void api_conn_close(struct api_conn *c);
/* When what is queued is sent. */
void api_conn_end(struct api_conn *c);
/* Close it when a deadline has passed. */
void api_conn_expire(struct api_conn *c, uint64_t at);
/* Fewer calls are under way: read again. */
void api_conn_resume(struct api_conn *c);
/* Takes b's memory over. */
void api_conn_send(struct api_conn *c, struct bx_buf *b);

/* ---- listen.c ---- */

/* Listen on the unix socket and, unless it is empty, on the TCP address. BX_OK, or what
 * transport/listener.h says. */
int api_listen(struct api *a, const char *path, const char *address, struct bx_err *err);
void api_listen_close(struct api *a);
/* The connection is ready: who is it, and is there room for it? */
void api_conn_welcome(struct api_conn *c);

#endif
