/* daemon - one blixardd: the state shared by its parts, and joining a cluster.
 *
 * A data directory without an identity belongs to no cluster: node is NULL, and only the API runs,
 * waiting for daemon_init_cluster or daemon_join. After that, and at each later start, node is set
 * until the process ends. Everything runs on the loop's thread. */
#ifndef DAEMON_H
#define DAEMON_H

#include "sys/loop.h"
#include "diag/metric.h"
#include "node/identity.h"
#include "node/node.h"
#include "node/stats.h"
#include "options.h"
#include "sys/keys.h"
#include "wire/jointoken.h"

struct api;
struct diag;
struct disk;
struct http;
struct link;
struct tls_context;

/* Called exactly once at the end of an init or a join, never inside the call that started it. err
 * NULL: success, and d->node is set. */
typedef void (*daemon_done)(void *ctx, const struct bx_err *err);

/* The state of joining, and of keeping this host's row up to date (daemon_member.c). */
struct daemon_member {
    daemon_done done; /* of the active init or join, or NULL */
    void *ctx;
    uint64_t give_up;            /* boot time of the timeout of the init or join */
    struct bx_join_token token;  /* token of the join... */
    struct bx_arena arena;       /* ...and its memory */
    struct bx_buf csr;           /* signing request of the join; empty: without certificates */
    struct tls_context *tls;     /* with which it is told; NULL: without TLS */
    uint8_t keyed[16];           /* the incarnation for which this node's key was made */
    uint32_t dialled;            /* number of its addresses tried */
    uint64_t renew_ms;           /* boot time of the next attempt to renew the certificate */
    bool ca_changed;             /* what is in DATA/keys is not what connections use yet */
    uint64_t ca_ms;              /* of the next attempt to follow the replacement of the CA */
    uint64_t ca_taken, ca_shown; /* what the row is to tell of the CAs; 0: not known yet */
    uint8_t pin[PKI_SHA256];     /* of this node's key */
    uint8_t public_key[PKI_SPKI];
    bool proposed;    /* a registration is pending */
    uint64_t look_ms; /* boot time of the next check of this host's row */
};

/* What a metric's source is told: which member of a group it is. */
struct daemon_place {
    const struct daemon *d;
    uint32_t which;
};
#define DAEMON_PLACES (BX__SHOWN + BX__REJECTS + 2u + BX__LATENCIES)

/* What is looked at now and then (daemon_watch.c). */
struct daemon_watch {
    uv_timer_t timer;
    bool open;
    bool quorum;          /* there was one */
    uint64_t slow;        /* turns so far that applied entries for too long */
    uint64_t periodic_ms; /* when the next snapshot of the recorder is due; 0: not known */
    uint64_t periodic_began_ms;
};

struct daemon {
    struct options options;
    struct loop loop; /* loop.uv is the uv_loop_t */
    struct bx_clock *clock;
    struct bx_fs *fs;         /* of the data directory */
    struct disk *disk;        /* the port is disk_port(disk) */
    struct link *link;        /* the port is link_port(link) */
    struct bx_driver *driver; /* replaced once this host is a member */
    bool driver_is_sim;
    char accel[16];      /* "kvm", "tcg"; "none" with the sim driver */
    uint64_t sim_ms;     /* boot time of the sim driver's next action */
    struct diag *diag;   /* NULL: off */
    struct audit *audit; /* what is refused */
    struct api *api;
    struct http *http;           /* NULL: there is none */
    struct bx_node *node;        /* NULL: not a member of a cluster yet */
    struct keys keys;            /* what this node proves itself with */
    struct bx_identity identity; /* node 0 before that, with its future incarnation */
    uint8_t boot_id[16];
    char state_path[OPTIONS_PATH + 16]; /* of state.db, for bx_fsm_sql */
    char api_address[OPTIONS_TEXT];     /* HOST:PORT published to members; empty: no TCP listener */
    int lock;                           /* descriptor of DATA/lock */
    struct daemon_member member;
    struct daemon_watch watch;
    struct bx_metrics metrics; /* the metrics of all parts */
    struct daemon_place places[DAEMON_PLACES];
};

/* ---- daemon.c: for main ---- */

/* Start all parts with d->options; the rest of *d is zeroed. On failure the process must end;
 * nothing on disk needs to be rolled back. */
int daemon_open(struct daemon *d, struct bx_err *err);
/* Stop cleanly. */
void daemon_close(struct daemon *d);
/* Open the node of the stored identity. */
int daemon_open_node(struct daemon *d, struct bx_err *err);
uint64_t daemon_now(const struct daemon *d);
/* The highest feature level that this node reads. */
uint32_t daemon_level(const struct daemon *d);

/* ---- daemon_metrics.c ---- */

/* Add the sources of memory, node and link to d->metrics. */
void daemon_metrics_open(struct daemon *d);

/* ---- daemon_watch.c ---- */

/* Write snapshots of the recorder when there is trouble, or the loop stands still, and every so
 * often if that was asked for. */
void daemon_watch_open(struct daemon *d);
void daemon_watch_close(struct daemon *d);

/* ---- daemon_diag.c ---- */

/* Begin to keep errors and crashes, unless that is off; d->loop is open. */
int daemon_open_diag(struct daemon *d, struct bx_err *err);
void daemon_close_diag(struct daemon *d);

/* ---- daemon_driver.c ---- */

/* Choose the driver, log the choice and the reason, and create it for d->identity.node. Closes an
 * existing driver. */
int daemon_open_driver(struct daemon *d, struct bx_err *err);
void daemon_close_driver(struct daemon *d);

/* ---- daemon_member.c ---- */

/* Create a cluster with this host as node 1. done is called when its name and this node's row are
 * committed. BX_OK, BX_CONFLICT (already a member, or an init or join is active), BX_INVALID (the
 * name), or an error of opening the node. */
int daemon_init_cluster(struct daemon *d, const char *name, daemon_done done, void *ctx,
                        struct bx_err *err);
/* An init or a join begins: BX_CONFLICT if this host is a member, or one is active. */
int daemon_member_begin(struct daemon *d, daemon_done done, void *ctx, struct bx_err *err);
/* It ends; nothing if there is none. */
void daemon_member_end(struct daemon *d, const struct bx_err *err);
/* Save the identity and open the node. If saving fails, this host is not a member. */
int daemon_become(struct daemon *d, const struct bx_identity *id, struct bx_err *err);
/* The process ends: fail an active init or join. */
void daemon_member_close(struct daemon *d);
/* Describe this host; views into *d. */
void daemon_self(struct daemon *d, struct bx_node_info *out);
/* Compare this host with its row in the cluster, and propose what is missing; sets member.look_ms.
 */
void daemon_register(struct daemon *d);
/* A node keeps its name: BX_CONFLICT if its row has another one than --name. */
int daemon_check_name(const struct daemon *d, struct bx_err *err);

/* ---- daemon_secure.c ---- */

/* Let link and API use TLS with the certificate of this identity, unless the options say not to.
 * BX_OK; BX_UNSUPPORTED: there is none; BX_CORRUPT: it is of another one; or as tls_context_create.
 */
int daemon_secure(struct daemon *d, const struct bx_identity *id, struct bx_err *err);
/* For the link, see link/link.h. */
bool daemon_has_key(void *ctx, uint64_t id, const uint8_t pin[BX_PIN]);
bool daemon_is_known(void *ctx, uint64_t id);
/* Renew the certificate when two thirds of its life have passed, or this node has other addresses.
 */
void daemon_renew(struct daemon *d);
/* Make d->member.tls for the token of the join; it stays NULL without TLS. */
int daemon_join_context(struct daemon *d, struct bx_err *err);

/* ---- daemon_audit.c ---- */

/* For the link, see link/link.h. */
void daemon_on_refused(void *ctx, struct bx_str host, const char *why);

/* ---- daemon_ca.c ---- */

/* Do what is this node's part in replacing the CA; its row is there. */
void daemon_ca(struct daemon *d);
/* An event of the state: there may be something to do. */
void daemon_on_event(struct daemon *d, const struct bx_event *e);
/* For the API: make a new CA, and call take_body with the command. BX_OK, or as keys_make_ca, and
 * then it was not called. */
int daemon_make_ca(void *ctx, void (*take_body)(void *to, const struct bx_cmd_ca_rotate *body),
                   void *to, struct bx_err *err);

/* ---- daemon_join.c ---- */

/* Ask the members named in the token, one after the other, to admit this host; done is called when
 * it has the cluster's state. Codes as above. */
int daemon_join(struct daemon *d, const char *token, daemon_done done, void *ctx,
                struct bx_err *err);
/* Handle a JOIN that arrived on the link. */
void daemon_on_join(void *ctx, uint64_t handle, const struct bx_join *join);
/* Forget the token and the signing request. */
void daemon_join_close(struct daemon *d);

#endif
