/* api - the API server for operators and tools: MessagePack-RPC on a unix socket and on TCP
 * (libcore/wire/proto.h).
 *
 * Clients of the unix socket are identified by their credentials: root, the user of this process
 * and the members of one group are administrators, the members of another group are operators. All
 * others, and those of the TCP listener, may say hello alone, unless they prove with a token that
 * they are a user (auth.c); a token counts more than credentials. The TCP listener uses TLS 1.3
 * with what api_secure was given, and until then closes each connection at once. With tcp_trusted
 * it does without TLS, on a loopback address, and every client of it is an administrator.
 *
 * Limits. A message has at most 1 MiB and 16 levels, and the first one of a TCP connection 64 KiB;
 * larger ones are answered with an error. A connection has at most 256 pending requests, fewer when
 * there are many connections, and 256 KiB of unread answers; beyond that its requests are not read.
 * It is closed when it has read nothing for a minute, or for two seconds while the unread answers
 * of its party are beyond its share of 8 MiB, when a message is incomplete for ten seconds, or when
 * no valid request has come ten seconds after it was accepted.
 *
 * Half as many TLS handshakes as connections may be under way, half of these of one address, five
 * seconds each, and 500 a second are begun (secure.c). There are at most 1,024 connections, of
 * which a quarter is for the unix socket and a sixteenth for administrators on it; a connection
 * beyond that takes the place of an idle one, or is refused (place.c). There are at most 8,192
 * pending requests of together 64 MiB, and 4,096 of them may wait for a VM, 128 of a connection. Of
 * all these an address, a user and a process have at most half of what the others leave (party.h).
 */
#ifndef API_H
#define API_H

#include "config.h"
#include "diag/metric.h"
#include "err.h"
#include "mem/pool.h"
#include "node/identity.h"
#include "node/ports.h"
#include "wire/ca.h"
#include "wire/event.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct api;
struct audit;
struct diag;
struct bx_node;
struct bx_vm;
struct keys;
struct tls_context;

/* The result of an init or a join; called exactly once, and never before the function that started
 * it has returned. err NULL: this host is a member, and api_set_node was called. */
typedef void (*api_done)(void *ctx, const struct bx_err *err);

/* What the server needs from the daemon. Strings, clock, identity and keys must outlive it. */
struct api_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    const struct bx_identity *identity; /* changes when this host becomes a member */
    const struct keys *keys;            /* of this node; sign for users */
    const char *name;                   /* of this node */
    const char *socket;                 /* path to listen on */
    const char *address;                /* HOST:PORT to listen on; empty: no TCP */
    bool tcp_trusted;              /* without TLS, and every client of it is an administrator */
    gid_t admin_gid, operator_gid; /* groups of the unix socket's clients; 0: none */
    const char *state_path;        /* of state.db */
    struct diag *diag;             /* of requests and envelopes; NULL: none */
    const char *data;              /* the data directory */
    struct audit *audit;           /* of what is refused; NULL: it is not recorded */
    struct bx_metrics *metrics;    /* the process's registry; the API adds its own */
    struct bx_pool_size vm_configs, metadata;
    struct bx_pool_size calls, answers, connections;
#ifdef BX_TRACK_ALLOCATIONS
    struct bx_pool_size scopes;
#endif
    /* ---- callbacks, called with ctx ---- */
    /* Create a cluster of this name; join the cluster of this token. The string is valid during the
     * call. BX_OK: done will be called; otherwise it will not. */
    int (*init)(void *ctx, const char *name, api_done done, void *done_ctx, struct bx_err *err);
    int (*join)(void *ctx, const char *token, api_done done, void *done_ctx, struct bx_err *err);
    /* Make a new CA, and call take_body with the command, before it returns. BX_OK; otherwise
     * it was not called. */
    int (*make_ca)(void *ctx, void (*take_body)(void *to, const struct bx_cmd_ca_rotate *body),
                   void *to, struct bx_err *err);
    void *ctx;
};

/* Listen on o->socket and, unless it is empty, on o->address. Copies *o. */
int api_create(struct api **api, const struct api_options *o, struct bx_err *err);
/* Close all connections, and run the loop until they are closed. Must be called after the node was
 * closed, which ends the calls that wait for it, and after api_set_node(a, NULL). NULL is allowed.
 */
void api_destroy(struct api *a);

/* This host's node; NULL: it does not belong to a cluster, as its identity tells, or its node is
 * not open yet, or not any more. */
void api_set_node(struct api *a, struct bx_node *node);
/* From now on, connections over TCP use TLS with the certificate of this context, of which the API
 * takes a reference of its own. */
void api_secure(struct api *a, struct tls_context *server);
/* The VM driver, and its acceleration: "kvm", "tcg" or "none". Required before the first request.
 */
void api_set_driver(struct api *a, struct bx_driver *driver, const char *accel);

/* Called by the node's callbacks. */
void api_on_event(struct api *a, const struct bx_event *e);
void api_on_vm(struct api *a, const struct bx_vm *vm, bool gone);
void api_on_frame(struct api *a, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);

#endif
