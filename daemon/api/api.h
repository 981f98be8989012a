/* api - the server that operators and their tools talk to: MessagePack-RPC on a unix socket and on
 * TCP (libcore/wire/proto.h).
 *
 * Who comes over the unix socket is known by its credentials; on TCP, where only loopback addresses
 * are accepted until there are certificates, everybody is an administrator of this host.
 *
 * Bounds, each with an answer: a message of 1 MiB and 16 levels, 64 KiB before a connection has
 * made a sound request, 1,024 connections, 256 requests under way on one of them (more are not
 * read), 16 MiB of answers that a client does not take (it is closed, as is one that takes none for
 * a minute), ten seconds for half a message, 16,384 requests and 64 MiB of them on all
 * connections. */
#ifndef API_H
#define API_H

#include "config.h"
#include "diag/metric.h"
#include "err.h"
#include "mem/pool.h"
#include "node/identity.h"
#include "node/ports.h"
#include "wire/event.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <uv.h>

struct api;
struct bx_node;
struct bx_vm;

/* The end of an init or a join, exactly once and never from inside the call that asked. err NULL:
 * this host is a member, and api_set_node was called. */
typedef void (*api_done)(void *ctx, const struct bx_err *err);

/* What the server needs of its daemon. Texts, clock and identity outlive it. */
struct api_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    const struct bx_identity *identity; /* changes when this host becomes a member */
    const char *name;                   /* of this node */
    const char *socket;                 /* path to listen on */
    const char *address;                /* HOST:PORT to listen on, or empty: no TCP */
    const char *state_path;             /* of state.db */
    struct bx_metrics *metrics;         /* of the process: ours are added, and all are shown */
    struct bx_pool_size vm_configs, metadata;
    struct bx_pool_size calls, answers, connections;
#ifdef BX_TRACK_ALLOCATIONS
    struct bx_pool_size scopes;
#endif
    /* ---- calls out, all with ctx ---- */
    /* Make a new cluster of this name; join the one of this token. The text is valid during the
     * call. BX_OK, and done is called later; else an error, and done is not called. */
    int (*init)(void *ctx, const char *name, api_done done, void *done_ctx, struct bx_err *err);
    int (*join)(void *ctx, const char *token, api_done done, void *done_ctx, struct bx_err *err);
    void *ctx;
};

/* Listen on o->socket and, unless it is empty, on o->address. *o is copied. */
int api_create(struct api **api, const struct api_options *o, struct bx_err *err);
/* Close everything and run the loop until it is closed. Called after the node was closed, which
 * answers what waits for it, and api_set_node(a, NULL). NULL is allowed. */
void api_destroy(struct api *a);

/* This host's node; NULL: it belongs to no cluster. */
void api_set_node(struct api *a, struct bx_node *node);
/* What runs VMs here, and how: "kvm", "tcg", "none". Needed before the first request. */
void api_set_driver(struct api *a, struct bx_driver *driver, const char *accel);

/* From the node. */
void api_on_event(struct api *a, const struct bx_event *e);
void api_on_vm(struct api *a, const struct bx_vm *vm, bool gone);
void api_on_frame(struct api *a, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);

#endif
