/* api_help - what the tests of the API server share: it runs on the test's loop, as the daemon of a
 * host that belongs to no cluster. cluster.init is the test's: it answers when the test says so,
 * which makes it the request that is under way. */
#ifndef API_HELP_H
#define API_HELP_H

#include "lib/rpc.h"
#include "lib/testloop.h"

#include "api/api.h"

#define ADMIN_GID 4711 /* whose members are administrators */
#define OPERATOR_GID 4713

extern struct api_options options;  /* of the server */
extern struct bx_identity identity; /* of the host; none at first */
extern char *dir;                   /* removed in the end */
extern char socket_path[4096], unix_address[4200], tcp_address[64];
extern uint32_t n_inits, n_answered; /* of cluster.init; answered are the first ones */

/* A server for each test; in the end nothing may be left allocated. */
int api_test_setup(void **state);
int api_test_teardown(void **state);
/* In place of the server of the setup, one for so many connections. */
void api_test_setup_with(void **state, unsigned connections);
/* The same, but clients of TCP are strangers, and use TLS: */
void api_test_setup_untrusted(void **state);
void api_test_secure(struct tls_context *server);
/* How many clients over TCP were refused for this reason. */
uint64_t api_test_counted(const char *reason);
/* Turn the loop without waiting. */
void pump(void);
/* Answer cluster.init, until so many have been answered. */
void answer_inits(uint32_t until);
struct rpc dial_api(const char *address);
/* The server closes without another message. */
void ends(struct rpc *c);
/* The server must take it all. */
void write_all(struct rpc *c, const void *p, size_t n);

#endif
