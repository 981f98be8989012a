/* api_node_help - what the tests of calls against a running node share: a client of the test's own
 * asks the API of the only member of a cluster. */
#ifndef API_NODE_HELP_H
#define API_NODE_HELP_H

#include "api/priv.h"
#include "lib/testcluster.h"

extern struct test_cluster w;
extern struct bx_node *node; /* its only member */
extern uv_loop_t loop;
extern struct api *api;
extern struct api_client client;                 /* an administrator */
extern const struct api_client_ops api_node_ops; /* for clients of the test's own */
extern struct bx_err error;                      /* the last one since a call began */
extern uint32_t n_answers;                       /* of all clients */

int api_node_setup(void **state);
int api_node_teardown(void **state);

/* The code of the answer, which comes at once. */
int call(const char *method, const char *params);
/* The parameters are released. */
int call_packed(const char *method, struct bx_buf *params);
/* Begin a call, which may be answered later. */
void begin_as(struct api_client *from, const char *method, const char *params);

/* A command that succeeds. */
void submit(uint16_t kind, const void *body);
/* One more node, an agent. */
void add_node(uint64_t id);

#endif
