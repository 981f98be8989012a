/* client - requests to the API over a unix socket or TCP; blocking, with a deadline.
 *
 * Addresses are tried in turn. What can be tried again (nobody listens, no leader, busy) is, until
 * the deadline; writes carry one request id all the time, so nothing is ever done twice. With
 * several addresses a server that does not answer gets its share of the time and no more. When in
 * the end some server was reached, its words are the error; else every address is named. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "codec/pack.h"
#include "err.h"

#include <signal.h>

#define CLIENT_ADDRESSES_MAX 32u
#define CLIENT_ANSWER_MAX (256u << 20)

struct client {
    char *addresses[CLIENT_ADDRESSES_MAX];
    unsigned n, current;
    int fd; /* -1: not connected */
    uint64_t next_id;
    struct bx_buf in; /* the answer, and what came after it */
    size_t used;      /* bytes of `in` that the last message took */
    struct bx_pack *pack;
    bool verbose;
    bool once;    /* one try on the current connection or address, with all the time */
    bool unknown; /* a request of this call was sent and never answered */
    /* Notifications that come while an answer is waited for; may be NULL. */
    void (*notify)(void *ctx, struct bx_str method, bx_val value);
    void *ctx;
};

/* Parameters under construction. */
struct params {
    struct bx_buf b;
    uint32_t n;
};
void params_str(struct params *p, const char *key, const char *value);
void params_u64(struct params *p, const char *key, uint64_t value);
void params_bool(struct params *p, const char *key, bool value);
void params_close(struct params *p);

extern volatile sig_atomic_t client_interrupted; /* Ctrl-C was pressed */

uint64_t client_now(void); /* milliseconds, monotonic */
int client_init(struct client *c, const char *addresses, struct bx_err *err);
void client_close(struct client *c);
/* Call until it is answered, or timeout_ms have passed. *result is valid until the next call. */
int client_call(struct client *c, const char *method, const struct params *p, uint64_t timeout_ms,
                bx_val *result, struct bx_err *err);
/* Wait for notifications on the connection that is open, until it ends. */
int client_listen(struct client *c, struct bx_err *err);
/* The next address, after a short pause, from the next call on. */
void client_next_address(struct client *c);

#endif
