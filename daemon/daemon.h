/* daemon - one blixardd: what its parts share, and how it becomes a member of a cluster.
 *
 * A data directory without an identity belongs to no cluster: node is NULL, and only the API runs
 * and waits for daemon_init_cluster or daemon_join. Afterwards, and at each later start, node is
 * there until the process ends. Everything runs on the loop's thread. */
#ifndef DAEMON_H
#define DAEMON_H

#include "sys/loop.h"
#include "diag/metric.h"
#include "node/identity.h"
#include "node/node.h"
#include "options.h"
#include "sys/token.h"

struct api;
struct disk;
struct link;

/* The end of an init or a join, exactly once and never from inside the call that asked. NULL: done,
 * and d->node is there. */
typedef void (*daemon_done)(void *ctx, const struct bx_err *err);

/* How this host became a member, and that its row tells the truth (daemon_member.c). */
struct daemon_member {
    daemon_done done; /* of the init or join under way, or NULL */
    void *ctx;
    uint64_t give_up;   /* boot time when done is told that it takes too long */
    struct token token; /* of the join */
    uint32_t dialled;   /* addresses of it that were tried */
    bool proposed;      /* a registration waits for its outcome */
    uint64_t look_ms;   /* boot time to look at our own row again */
};

struct daemon {
    struct options options;
    struct loop loop; /* loop.uv is the uv_loop_t */
    struct bx_clock *clock;
    struct bx_fs *fs;         /* of the data directory */
    struct disk *disk;        /* the port is disk_port(disk) */
    struct link *link;        /* the port is link_port(link) */
    struct bx_driver *driver; /* another one once this host is a member */
    bool driver_is_sim;
    char accel[16];  /* "kvm", "tcg"; "none" with the sim driver */
    uint64_t sim_ms; /* boot time when the sim driver has something to do */
    struct api *api;
    struct bx_node *node;        /* NULL: no member of a cluster yet */
    struct bx_identity identity; /* node 0 then, but with the incarnation that it will have */
    uint8_t boot_id[16];
    char state_path[OPTIONS_PATH + 16]; /* of state.db, for bx_fsm_sql */
    char api_address[OPTIONS_TEXT]; /* HOST:PORT that members are told; empty: no TCP listener */
    int lock;                       /* descriptor of DATA/lock */
    struct daemon_member member;
    struct bx_metrics metrics; /* what every part counts */
};

/* ---- daemon.c: for main ---- */

/* Start everything with d->options, on a zeroed rest. After a failure the process must end: nothing
 * was begun that would have to be undone on disk. */
int daemon_open(struct daemon *d, struct bx_err *err);
/* Stop cleanly. */
void daemon_close(struct daemon *d);
/* There is an identity: be the node that it names. */
int daemon_open_node(struct daemon *d, struct bx_err *err);
uint64_t daemon_now(const struct daemon *d);

/* ---- daemon_metrics.c ---- */

/* Add the sources of memory, node and link to d->metrics. */
void daemon_metrics_open(struct daemon *d);

/* ---- daemon_driver.c ---- */

/* Choose the driver, say which one and why, and create it for d->identity.node; one that was there
 * before is let go. */
int daemon_open_driver(struct daemon *d, struct bx_err *err);
void daemon_close_driver(struct daemon *d);
/* A VM that was on this host is deleted: nothing of it stays. */
void daemon_remove_vm(struct daemon *d, const uint8_t vm[16]);

/* ---- daemon_member.c ---- */

/* Make a new cluster of which this host is node 1. done comes when its name and this node's row are
 * committed. BX_OK, BX_CONFLICT (a member already, or an init or join is under way), BX_INVALID
 * (the name), or what opening the node says. */
int daemon_init_cluster(struct daemon *d, const char *name, daemon_done done, void *ctx,
                        struct bx_err *err);
/* Ask the members named in the token, one after the other, to take this host in; done comes when it
 * has the cluster's state. Codes as above. */
int daemon_join(struct daemon *d, const char *token, daemon_done done, void *ctx,
                struct bx_err *err);
/* The process ends: tell whoever waits for an init or a join. */
void daemon_member_close(struct daemon *d);
/* A host that is no member asks through our link. */
void daemon_on_join(void *ctx, uint64_t handle, const struct bx_join *join);
/* What this host is and offers; views into *d. */
void daemon_self(struct daemon *d, struct bx_node_info *out);
/* Look whether the cluster knows us as we are, and propose what is missing; sets member.look_ms. */
void daemon_register(struct daemon *d);

#endif
