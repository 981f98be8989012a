/* client - requests to the API over a unix socket or TLS; blocking, with a deadline.
 *
 * Addresses are tried in turn. An attempt that may succeed later (nobody listens, no leader, busy)
 * is repeated until the deadline; all attempts of a write carry the same request id, so it is
 * carried out once. With several addresses a server that does not answer gets a share of the time.
 * If some server was reached, its error is reported; otherwise every address is named. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "codec/pack.h"
#include "connect.h"
#include "err.h"
#include "params.h"

#include <signal.h>

#define CLIENT_ADDRESSES_MAX 32u
#define CLIENT_ANSWER_MAX (256u << 20)

struct client {
    char *addresses[CLIENT_ADDRESSES_MAX];
    unsigned n, current;
    struct connection conn;
    struct client_tls *tls; /* for TCP addresses; NULL: without. The caller's. */
    uint64_t next_id;
    struct bx_buf in; /* the answer, and what came after it */
    size_t used;      /* bytes of `in` that the last message took */
    struct bx_pack *pack;
    char token[64];  /* that proves who the user is, on each connection; empty: none */
    char trace[33];  /* goes with each request: 32 hex digits */
    uint64_t traced; /* what events have of it */
    bool verbose;
    bool once;      /* one attempt on the current connection or address, with all of the time */
    bool unknown;   /* a request of the last call was sent and not answered */
    unsigned sent;  /* how often the request of the last call was sent */
    char next[256]; /* `after` of the next page of the last list; empty: it is complete */
    /* Called for notifications that arrive before an answer; may be NULL. */
    void (*notify)(void *ctx, struct bx_str method, bx_val value);
    void *ctx;
};

extern volatile sig_atomic_t client_interrupted; /* set by SIGINT; ends every wait */

uint64_t client_now(void); /* milliseconds, monotonic */
/* `addresses` is a list with commas. BX_OK, or BX_INVALID with a hint when one is not an address; c
 * is to be closed either way. */
int client_init(struct client *c, const char *addresses, struct bx_err *err);
void client_close(struct client *c);
/* Call a method until it is answered or timeout_ms have passed. BX_OK and *result, which is valid
 * until the next call, or the error of the server, BX_UNREACHABLE or BX_INTERRUPTED. */
int client_call(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bx_val *result, struct bx_err *err);
/* Whether the method changes the cluster. */
bool client_mutates(const char *method);
/* Send a request on the open connection, if there is one. Its answer is not read, so nothing can be
 * called on this connection afterwards. */
void client_post(struct client *c, const char *method, const struct params *p);
/* Call a method that lists for each of its pages, adding `after` to the parameters, until the list
 * is complete or page() returns false. timeout_ms applies to each page; items are valid during the
 * call of page(). BX_OK, or an error like client_call, possibly after some pages. */
int client_list(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bool (*page)(void *ctx, bx_val items), void *ctx, struct bx_err *err);
/* Wait for notifications on the open connection until it ends. Never BX_OK. */
int client_listen(struct client *c, struct bx_err *err);
/* Use the next address from the next call on; pauses briefly. */
void client_next_address(struct client *c);

#endif
