/* rpc - a client of the API for tests: blocking, or turning the loop that the server runs on.
 *
 * Everything fails the test when it takes longer than 20 seconds. Parameters are written as JSON.
 */
#ifndef BX_RPC_H
#define BX_RPC_H

#include "codec/pack.h"

struct rpc {
    int fd; /* -1: closed by the server */
    struct bx_buf in;
    size_t used; /* bytes of `in` that the last message took */
    struct bx_pack *pack;
    uint64_t id;        /* of the last request */
    char next[256];     /* where the last list that rpc_call got goes on; empty: it is complete */
    void (*pump)(void); /* called while nothing comes; NULL: the server is another process */
};

/* "IP:PORT", IPv4. */
struct sockaddr_in rpc_address(const char *text);

/* address: unix:PATH or IP:PORT. False when nobody listens. */
bool rpc_dial(struct rpc *c, const char *address, void (*pump)(void));
void rpc_close(struct rpc *c);
/* Append [0, id, method, [params]]. */
void rpc_request(struct bx_buf *b, uint64_t id, const char *method, const char *params);
/* False when the server has closed before it took everything. */
bool rpc_write(struct rpc *c, const void *p, size_t n);
/* As much as the socket takes at once. */
size_t rpc_write_some(struct rpc *c, const void *p, size_t n);
/* The next message, valid until the next read; NULL when the server has closed. */
bx_val rpc_read(struct rpc *c);
/* The server closes: throw away what it still sends. */
void rpc_read_to_end(struct rpc *c);
/* The answer [1, id, error, result] to one request; notifications before it are thrown away. */
bx_val rpc_call(struct rpc *c, const char *method, const char *params);
/* The result; an error fails the test. */
bx_val rpc_ok(struct rpc *c, const char *method, const char *params);
/* The error must have this code, and these words in message or hint. */
void rpc_fails(struct rpc *c, const char *method, const char *params, int code, const char *words);
/* The same of an answer that was read. */
void rpc_is_error(bx_val answer, int code, const char *words);
/* A member of a map that is there, and is a number. */
uint64_t rpc_number(bx_val map, const char *key);
/* Whether a member of a map is this string. */
bool rpc_says(bx_val map, const char *key, const char *want);

#endif
