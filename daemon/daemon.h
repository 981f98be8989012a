/* daemon - one blixardd: what its parts share, and how it becomes a member of a cluster.
 *
 * A data directory without an identity belongs to no cluster: node is NULL, and only the API runs
 * and waits for daemon_init_cluster or daemon_join. Afterwards, and at each later start, node is
 * there until the process ends. Everything runs on the loop's thread. */
#ifndef DAEMON_H
#define DAEMON_H

#include "options.h"
#include "loop.h"
#include "node/identity.h"
#include "node/node.h"
#include "token.h"

struct api;
struct disk;
struct join;
struct link;

/* The end of an init or a join, exactly once and never from inside the call that asked. NULL: done,
 * and d->node is there. */
typedef void (*daemon_done)(void *ctx, const struct bx_err *err);

struct daemon {
    struct options options;
    struct loop loop;              /* loop.uv is the uv_loop_t */
    struct bx_clock *clock;
    struct bx_fs *fs;              /* of the data directory */
    struct disk *disk;             /* the port is disk_port(disk) */
    struct link *link;             /* the port is link_port(link) */
    struct bx_driver *driver;
    bool driver_is_sim;
    char accel[16];                /* "kvm", "tcg"; "none" with the sim driver */
    struct api *api;
    struct bx_node *node;          /* NULL: no member of a cluster yet */
    struct bx_identity identity;   /* node 0 then */
    uint8_t boot_id[16];
    char state_path[OPTIONS_PATH + 16]; /* of state.db, for bx_fsm_sql */
    char api_address[OPTIONS_TEXT]; /* HOST:PORT that members are told; empty: no TCP listener. The
                                    * API puts the port that it got here when it was asked for 0. */
    int lock;                      /* descriptor of DATA/lock */

    /* ---- daemon_member.c ---- */
    struct join *join;             /* under way; NULL: none */
    daemon_done joined;            /* waiting for the cluster's first rows */
    void *joined_ctx;
    bool putting;                  /* a registration waits for its outcome */
    uint64_t register_ms;          /* boot time to look at our own row again */
};

/* Make a new cluster of which this host is node 1. done comes when its name and this node's row are
 * committed. BX_OK, BX_CONFLICT (a member already, or an init or join is under way), BX_INVALID (the
 * name), or what opening the node says. */
int daemon_init_cluster(struct daemon *d, const char *name, daemon_done done, void *ctx,
                        struct bx_err *err);
/* Ask the members named in the token, one after the other, to take this host in. Codes as above. */
int daemon_join(struct daemon *d, const char *token, daemon_done done, void *ctx,
                struct bx_err *err);

#endif
