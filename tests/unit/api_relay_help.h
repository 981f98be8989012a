/* api_relay_help - what the tests of calls between nodes share: the only member of the cluster of
 * api_node_help has a link of the test's own, which is the other nodes. */
#ifndef API_RELAY_HELP_H
#define API_RELAY_HELP_H

#include "api_node_help.h"

/* The last frame that the node has sent with a number. */
struct relay_sent {
    uint32_t n; /* so many so far */
    uint64_t to, number;
    enum bx_frame kind;
    struct bx_buf message; /* what follows the number */
};
extern struct relay_sent relay_sent;
extern bool relay_connected; /* whether the link takes frames */

/* After api_node_setup. */
void relay_link_open(void);
void relay_link_close(void);
/* Another node answers the last query: with an error, or with an object. */
void relay_refuse(uint64_t from, uint64_t query, int code);
void relay_answer(uint64_t from, uint64_t query, const struct bx_schema *s, const void *obj);
/* Another node asks, with this number: a call of the method, for itself or for somebody. */
void relay_ask(uint64_t from, uint64_t number, enum bx_method method, const void *params);
void relay_ask_for(uint64_t from, uint64_t number, enum bx_method method, const void *params,
                   const struct bx_caller *as);

#endif
