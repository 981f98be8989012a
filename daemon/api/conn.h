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
#define API_UNPROVEN_MAX (64u << 10) /* bytes of a message until it is known whose it is */
#define API_READ_BYTES (16u << 10)
#define API_OUT_MAX (16u << 20) /* bytes of queued answers */
#define API_OUT_BUFFERS 65536u  /* queued answers */
#define API_HALF_MS 10000u      /* until an incomplete message must be complete */
#define API_HANDSHAKE_MS 5000u  /* until the TLS handshake is over */
#define API_STRANGERS_PART 2u   /* one in so many connections may be in it besides them */
#define API_MUTE_MS 10000u      /* until the first valid request of a client that is known */
#define API_STALL_MS 60000u     /* without progress in sending */

struct api;

struct api_conn {
    TAILQ_ENTRY(api_conn) link, stranger_link;
    bool stranger;   /* its TLS handshake is not over */
    bool waits;      /* nor has it begun */
    uint8_t refusal; /* enum api_refusal: why it is closed by us */
    bool unread;     /* there is input that was not looked at */
    bool blocked;    /* no request is taken until calls have ended or answers are sent */
    size_t seen;     /* bytes of input that were looked at and are no whole message */
    size_t unsent;   /* bytes of answers that its party holds for it */
    struct api *api;
    struct stream stream;
    struct api_client client;
    struct bx_pack_scan scan;
    struct bx_buf notices;    /* notifications not sent yet */
    uint64_t began;           /* boot time of the first byte of an incomplete message, 0: none */
    uint64_t used;            /* boot time at which it was accepted, or, if its client is known, has
                               * last sent a request */
    bool placed;              /* it has a place, and its party holds one more */
    bool asked;               /* it has sent a valid request */
    bool ending, peer_closes; /* close once all is sent; peer_closes: and the peer has closed */
};
TAILQ_HEAD(api_conns, api_conn);
TAILQ_HEAD(api_conns_new, api_conn);

extern const struct stream_limits api_limits;
extern const struct stream_callbacks api_callbacks;

/* Its client may do something here, and so has shown who it is: by credentials, or by a token. */
bool api_conn_is_known(const struct api_conn *c);
/* Close at once; pending answers are dropped. */
void api_conn_close(struct api_conn *c);
/* Close once what is queued is sent. */
void api_conn_end(struct api_conn *c);
/* Close it when a deadline has passed. */
void api_conn_expire(struct api_conn *c, uint64_t at);
/* Process at most `max` complete messages of the input, and return how many it were; *more: others
 * may follow. */
uint32_t api_conn_take(struct api_conn *c, uint32_t max, bool *more);
/* Takes ownership of b's memory. */
void api_conn_send(struct api_conn *c, struct bx_buf *b);

/* ---- input.c ---- */

/* Input has arrived. */
void api_input_arrived(struct api_conn *c);
/* A call has ended, or bytes were sent: go on with a connection that was blocked. */
void api_input_unblock(struct api_conn *c);
/* Answers were queued or sent: count their bytes. */
void api_input_count(struct api_conn *c);
bool api_input_has(const struct api_client *client);
void api_input_take(struct api_client *client);

/* ---- place.c ---- */

void api_places_init(struct api *a);
/* Give the connection a place and a party, or refuse with BX_BUSY. */
int api_place_take(struct api_conn *c, bool administrator, struct bx_err *err);
/* It needs its place no more. May be called again. */
void api_place_free(struct api_conn *c);
/* The party of a TCP client. Must be dropped. */
struct api_party *api_party_of_address(struct api_conn *c);

/* ---- secure.c ---- */

/* A connection over TCP was accepted, for TLS; others may be closed to make room for it. */
void api_stranger_arrived(struct api_conn *c);
/* Its handshake is over; it was closed; time has passed. */
void api_stranger_ready(struct api_conn *c);
void api_stranger_closed(struct api_conn *c, const char *why);
void api_stranger_expire(struct api_conn *c, uint64_t now);
/* Close a connection that can not be secured yet. */
void api_refuse_plain(struct api_conn *c);

/* ---- listen.c ---- */

/* Listen on the unix socket and, unless it is empty, on the TCP address. BX_OK, or what
 * transport/listener.h says. */
int api_listen(struct api *a, const char *path, const char *address, struct bx_err *err);
void api_listen_close(struct api *a);
/* The connection is ready: identify the client, and refuse it if there is no place for it. */
void api_conn_welcome(struct api_conn *c);

#endif
