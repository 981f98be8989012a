/* cluster - commands, parameters and replies for the cluster, its members and its tokens. */
#ifndef BX_WIRE_CLUSTER_H
#define BX_WIRE_CLUSTER_H

#include "diag/metric.h"
#include "wire/ca.h"
#include "wire/jointoken.h"
#include "wire/params.h"

/* ---- commands ---- */

struct bx_cmd_cluster_create {
    uint8_t cluster[16], history[16];
    struct bx_str name;
    uint32_t level;                       /* of the new cluster; 0: the first */
    struct bx_str ca_certificate, ca_key; /* of its first CA (state/ca.h); empty: it has none */
};
struct bx_cmd_cluster_upgrade {
    uint32_t level; /* to raise the cluster's feature level to */
};
struct bx_cmd_token_create {
    uint8_t secret_hash[16]; /* first half of the secret's SHA-256; the secret is never stored */
    uint64_t ttl_ms;
    /* It admits one host, and expires by the time that leaders measure. False, in entries of builds
     * before: it admits any number, and expires by wall time. */
    bool once;
    uint8_t role; /* enum bx_role of the host that it admits */
};
struct bx_cmd_token_revoke {
    uint64_t id;
};

/* ---- parameters ---- */

#define BX_TOKEN_MAX 8192u

struct bx_init_params {
    struct bx_common common;
    struct bx_str name;
};
struct bx_join_params {
    struct bx_common common;
    struct bx_str token;
};
struct bx_token_params { /* of all methods about tokens; each takes one of them */
    struct bx_common common;
    uint64_t ttl_s;
    uint64_t id;
    uint8_t role;              /* enum bx_role of the host that it admits; not agent yet */
    struct bx_str secret_hash; /* 64 hex digits: the SHA-256 of the secret that the client has made.
                                  Below feature level 3 the daemon makes the token. */
};

/* ---- replies ---- */

struct bx_member_reply {
    uint64_t id;
    struct bx_str name; /* empty, like state, until the node's row is replicated here */
    struct bx_str address;
    struct bx_str role;   /* leader, voter or standby */
    struct bx_str state;  /* of its row; "unreachable" where that is "up", but it does not answer */
    struct bx_str status; /* bx_member_status, or "unreachable": not connected */
    bool connected;
    uint8_t space; /* as in bx_node_reply, as far as it is known here */
};
extern const struct bx_schema bx_member_reply_schema;

struct bx_member_of_reply {
    uint8_t cluster[16];
    uint64_t node;
};
extern const struct bx_schema bx_member_of_reply_schema;

struct bx_token_reply {
    struct bx_str token; /* the text, below feature level 3; else empty */
    uint64_t expires_ms; /* the wall time of the node asked, plus what is left of it */
    uint64_t id;         /* with which it is listed and revoked */
    /* ---- from feature level 3 on: what the client makes the text of (wire/jointoken.h) ---- */
    struct bx_strs addresses;
    struct bx_str ca; /* fingerprint, 64 hex digits; empty: the cluster has no certificates */
    uint8_t role;
};
extern const struct bx_schema bx_token_reply_schema;

struct bx_token_info_reply { /* what is known of a token but its secret */
    uint64_t id, expires_ms;
    struct bx_str creator; /* who created it; empty: a build that did not note it */
};
extern const struct bx_schema bx_token_info_reply_schema;

struct bx_ca_reply {
    struct bx_str certificates; /* PEM, one after the other */
};
extern const struct bx_schema bx_ca_reply_schema;

struct bx_upgrade_member_reply {
    uint64_t id;
    struct bx_str name;
    struct bx_str version; /* of its build; empty, as level 0: it does not answer */
    uint32_t level;        /* highest feature level that it reads */
};
extern const struct bx_schema bx_upgrade_member_reply_schema;

struct bx_upgrade_reply {
    uint32_t level, target; /* the cluster's feature level, and that of the node asked */
    bool ready;             /* finalize would raise it now */
    struct bx_str reason;   /* why not; empty also when there is nothing to do */
    struct bx_list members; /* of struct bx_upgrade_member_reply */
};
extern const struct bx_schema bx_upgrade_reply_schema;

/* Connections of the link between nodes. */
struct bx_link_reply {
    uint64_t connections; /* open now */
    uint64_t refused;     /* because of the hello */
    uint64_t malformed;   /* closed for a frame that was malformed, too large or unexpected */
    uint64_t turned_away; /* refused at a maximum, or because this host is not a member */
};
extern const struct bx_schema bx_link_reply_schema;
extern const struct bx_metric_set bx_link_metrics;

#define BX_RUNS_SHOWN 1024u

struct bx_status_reply {
    struct bx_str status; /* bx_daemon_status, or "removed": from the cluster */
    uint64_t leader;      /* 0: none known */
    uint64_t term, commit_index, applied_index, revision;
    uint64_t digest;
    bool quorum;
    struct bx_list members; /* of struct bx_member_reply */
    struct bx_str cluster;  /* a uuid as text */
    struct bx_str name;
    uint64_t node, age_ms, vms, nodes, pending, snapshot_index, last_index;
    struct bx_link_reply link;
    struct bx_strs still_running; /* of a removed node: names of the VMs that run on it */
};
extern const struct bx_schema bx_status_reply_schema;

#endif
