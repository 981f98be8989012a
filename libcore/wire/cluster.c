#include "wire/command.h"

/* ---- commands ---- */

static const struct bx_field cluster_create_fields[] = {
    BX_FIELD(bx_cmd_cluster_create, cluster, BX_T_UUID),
    BX_FIELD(bx_cmd_cluster_create, history, BX_T_UUID),
    BX_FIELD(bx_cmd_cluster_create, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_cluster_create, level, BX_T_U32, .omit = true, .since = 2),
    BX_FIELD(bx_cmd_cluster_create, ca_certificate, BX_T_BYTES, .max = BX_CA_CERTIFICATE_MAX,
             .omit = true, .since = 3),
    BX_FIELD(bx_cmd_cluster_create, ca_key, BX_T_BYTES, .max = BX_CA_KEY_MAX, .omit = true,
             .since = 3, .secret = true),
};
const struct bx_schema bx_cmd_cluster_create_schema = BX_SCHEMA(
    "cluster.create", BX_CMD_SCHEMA(CLUSTER_CREATE), bx_cmd_cluster_create, cluster_create_fields);

static const struct bx_field cluster_upgrade_fields[] = {
    BX_FIELD(bx_cmd_cluster_upgrade, level, BX_T_U32),
};
const struct bx_schema bx_cmd_cluster_upgrade_schema =
    BX_SCHEMA("cluster.upgrade", BX_CMD_SCHEMA(CLUSTER_UPGRADE), bx_cmd_cluster_upgrade,
              cluster_upgrade_fields);

static const struct bx_field token_create_fields[] = {
    BX_FIELD(bx_cmd_token_create, secret_hash, BX_T_UUID, .secret = true),
    BX_FIELD(bx_cmd_token_create, ttl_ms, BX_T_U64),
    BX_FIELD(bx_cmd_token_create, once, BX_T_BOOL, .omit = true, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_token_create, role, BX_T_ENUM, .names = bx_role_names, .omit = true,
             .since = 3),
};
const struct bx_schema bx_cmd_token_create_schema = BX_SCHEMA(
    "token.create", BX_CMD_SCHEMA(TOKEN_CREATE), bx_cmd_token_create, token_create_fields);

static const struct bx_field token_revoke_fields[] = {BX_FIELD(bx_cmd_token_revoke, id, BX_T_U64)};
const struct bx_schema bx_cmd_token_revoke_schema = BX_SCHEMA(
    "token.revoke", BX_CMD_SCHEMA(TOKEN_REVOKE), bx_cmd_token_revoke, token_revoke_fields);

/* ---- replies ---- */

#define F(member, typ, ...) BX_FIELD(bx_member_reply, member, typ, __VA_ARGS__)
static const struct bx_field member_fields[] = {
    F(id, BX_T_U64),
    F(name, BX_T_STR, .max = 255, .nil = true),
    F(address, BX_T_STR, .max = BX_ADDRESS_MAX),
    F(role, BX_T_STR, .max = 31),
    F(state, BX_T_STR, .max = 31, .nil = true),
    F(status, BX_T_STR, .max = 31),
    F(connected, BX_T_BOOL),
    F(space, BX_T_ENUM, .names = bx_disk_space_names, .omit = true, .since = 2),
};
#undef F
const struct bx_schema bx_member_reply_schema =
    BX_REPLY_SCHEMA("member", MEMBER, bx_member_reply, member_fields);

static const struct bx_field member_of_fields[] = {
    BX_FIELD(bx_member_of_reply, cluster, BX_T_UUID),
    BX_FIELD(bx_member_of_reply, node, BX_T_U64),
};
const struct bx_schema bx_member_of_reply_schema =
    BX_REPLY_SCHEMA("membership", MEMBER_OF, bx_member_of_reply, member_of_fields);

static const struct bx_field token_fields[] = {
    BX_FIELD(bx_token_reply, token, BX_T_STR, .max = 8192, .omit = true, .secret = true),
    BX_FIELD(bx_token_reply, expires_ms, BX_T_U64),
    BX_FIELD(bx_token_reply, id, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(bx_token_reply, addresses, BX_T_STRS, .max = BX_JOIN_ADDRESSES_MAX, .omit = true,
             .since = 3),
    BX_FIELD(bx_token_reply, ca, BX_T_STR, .max = 64, .omit = true, .since = 3),
    BX_FIELD(bx_token_reply, role, BX_T_ENUM, .names = bx_role_names, .omit = true, .since = 3),
};
const struct bx_schema bx_token_reply_schema =
    BX_REPLY_SCHEMA("token", TOKEN, bx_token_reply, token_fields);

static const struct bx_field token_info_fields[] = {
    BX_FIELD(bx_token_info_reply, id, BX_T_U64),
    BX_FIELD(bx_token_info_reply, expires_ms, BX_T_U64),
    BX_FIELD(bx_token_info_reply, creator, BX_T_STR, .max = 255, .nil = true),
};
const struct bx_schema bx_token_info_reply_schema =
    BX_REPLY_SCHEMA("token-info", TOKEN_INFO, bx_token_info_reply, token_info_fields);

static const struct bx_field ca_reply_fields[] = {
    BX_FIELD(bx_ca_reply, certificates, BX_T_STR),
};
const struct bx_schema bx_ca_reply_schema = BX_REPLY_SCHEMA("ca", CA, bx_ca_reply, ca_reply_fields);

#define F(member, typ, ...) BX_FIELD(bx_upgrade_member_reply, member, typ, __VA_ARGS__)
static const struct bx_field upgrade_member_fields[] = {
    F(id, BX_T_U64),
    F(name, BX_T_STR, .max = 255, .nil = true),
    F(version, BX_T_STR, .max = 31, .nil = true),
    F(level, BX_T_U32),
};
#undef F
const struct bx_schema bx_upgrade_member_reply_schema =
    BX_REPLY_SCHEMA("build", UPGRADE_MEMBER, bx_upgrade_member_reply, upgrade_member_fields);

#define F(member, typ, ...) BX_FIELD(bx_upgrade_reply, member, typ, __VA_ARGS__)
static const struct bx_field upgrade_fields[] = {
    F(level, BX_T_U32),
    F(target, BX_T_U32),
    F(ready, BX_T_BOOL),
    F(reason, BX_T_STR, .max = BX_ERR_MSG, .nil = true),
    F(members, BX_T_LIST, .sub = &bx_upgrade_member_reply_schema, .max = BX_MEMBERS_MAX),
};
#undef F
const struct bx_schema bx_upgrade_reply_schema =
    BX_REPLY_SCHEMA("upgrade", UPGRADE, bx_upgrade_reply, upgrade_fields);

#define LINK_COUNTS(X, at)                                                                         \
    X(at, LEVEL, connections, "connections between nodes")                                         \
    X(at, COUNT, refused, "connections refused: no proof, no hello in time, or not let in")        \
    X(at, COUNT, malformed, "connections closed for malformed frames")                             \
    X(at, COUNT, turned_away,                                                                      \
      "connections refused at a maximum, or because this host is not a member")
static const struct bx_field link_fields[] = {LINK_COUNTS(BX_METRIC_FIELD, bx_link_reply)};
const struct bx_schema bx_link_reply_schema =
    BX_REPLY_SCHEMA("link", LINK, bx_link_reply, link_fields);
static const struct bx_metric link_rows[] = {LINK_COUNTS(BX_METRIC_ROW, "link")};
const struct bx_metric_set bx_link_metrics = {&bx_link_reply_schema, link_rows, NULL};

#define F(member, typ, ...) BX_FIELD(bx_status_reply, member, typ, __VA_ARGS__)
static const struct bx_field status_fields[] = {
    F(status, BX_T_STR, .max = 31),
    F(leader, BX_T_U64, .nil = true),
    F(term, BX_T_U64),
    F(commit_index, BX_T_U64),
    F(applied_index, BX_T_U64),
    F(revision, BX_T_U64),
    F(digest, BX_T_HEX64),
    F(quorum, BX_T_BOOL),
    F(members, BX_T_LIST, .sub = &bx_member_reply_schema, .max = BX_MEMBERS_MAX),
    F(cluster, BX_T_STR, .max = BX_UUID_TEXT - 1),
    F(name, BX_T_STR, .max = 255),
    F(node, BX_T_U64),
    F(age_ms, BX_T_U64),
    F(vms, BX_T_U64),
    F(nodes, BX_T_U64),
    F(pending, BX_T_U64),
    F(snapshot_index, BX_T_U64),
    F(last_index, BX_T_U64),
    F(link, BX_T_RECORD, .sub = &bx_link_reply_schema),
    F(still_running, BX_T_STRS, .max = BX_RUNS_SHOWN, .since = 2, .omit = true),
};
#undef F
const struct bx_schema bx_status_reply_schema =
    BX_REPLY_SCHEMA("status", STATUS, bx_status_reply, status_fields);

/* ---- methods ---- */

static const struct bx_field init_fields[] = {BX_FIELD(bx_init_params, name, BX_T_STR, .max = 255),
                                              BX_PARAMS_TIMES};
static const struct bx_field join_fields[] = {
    BX_FIELD(bx_join_params, token, BX_T_STR, .max = BX_TOKEN_MAX, .secret = true),
    BX_PARAMS_TIMES};
static const struct bx_field token_params_fields[] = {
    BX_FIELD(bx_token_params, ttl_s, BX_T_U64), BX_PARAMS_WRITES,
    BX_FIELD(bx_token_params, role, BX_T_ENUM, .names = bx_role_names, .omit = true, .since = 3),
    BX_FIELD(bx_token_params, secret_hash, BX_T_STR, .max = 64, .omit = true, .since = 3,
             .secret = true)};
static const struct bx_field token_list_fields[] = {BX_PARAMS_LISTS};
static const struct bx_field token_revoke_params_fields[] = {
    BX_FIELD(bx_token_params, id, BX_T_U64), BX_PARAMS_WRITES};
static const struct bx_field status_params_fields[] = {BX_PARAMS_READS};
static const struct bx_field ca_params_fields[] = {BX_PARAMS_READS};
static const struct bx_field upgrade_status_params_fields[] = {BX_PARAMS_READS};
static const struct bx_field upgrade_params_fields[] = {BX_PARAMS_WRITES};
static const struct bx_field members_params_fields[] = {BX_PARAMS_LISTS};

BX_METHOD(CLUSTER_INIT, cluster_init, bx_init_params, init_fields, member_of,
          .name = "cluster.init", .verb = "POST", .path = "/v1/cluster", .role = BX_RPC_ADMIN,
          .mutates = true, .before_init = true,
          .about = "Create a cluster with this host as its first node.");
BX_METHOD(CLUSTER_JOIN, cluster_join, bx_join_params, join_fields, member_of,
          .name = "cluster.join", .verb = "POST", .path = "/v1/cluster/join", .role = BX_RPC_ADMIN,
          .mutates = true, .before_init = true,
          .about = "Join this host to the cluster that created the token.");
BX_METHOD(CLUSTER_TOKEN, cluster_token, bx_token_params, token_params_fields, token,
          .name = "cluster.token_create", .verb = "POST", .path = "/v1/cluster/tokens",
          .role = BX_RPC_ADMIN, .mutates = true,
          .about = "Create a token with which one host can join within `ttl_s` seconds (default "
                   "3600), as a voter or a standby. The client makes its secret, 32 random bytes, "
                   "and keeps it: `secret_hash` is the SHA-256 in hex. The token is `blxj1.` and, "
                   "in base64url, a flat record of the secret and what is answered here "
                   "(FORMATS.md). Without `secret_hash` the request is refused, but below feature "
                   "level 3, where the daemon makes the token and answers with its text.");
BX_METHOD(CLUSTER_TOKEN_LIST, cluster_token_list, bx_plain_params, token_list_fields, token_info,
          .name = "cluster.token_list", .verb = "GET", .path = "/v1/cluster/tokens",
          .role = BX_RPC_ADMIN, .key = "id",
          .about = "The tokens with which hosts can still join, by id, without their secrets.");
BX_METHOD(CLUSTER_TOKEN_REVOKE, cluster_token_revoke, bx_token_params, token_revoke_params_fields,
          token_info, .name = "cluster.token_revoke", .verb = "DELETE",
          .path = "/v1/cluster/tokens/{id}", .role = BX_RPC_ADMIN, .mutates = true,
          .about = "Revoke a token: no host can join with it any more. Of the answer, only the id "
                   "is set.");
BX_METHOD(CLUSTER_STATUS, cluster_status, bx_plain_params, status_params_fields, status,
          .name = "cluster.status", .verb = "GET", .path = "/v1/cluster", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_SHARED,
          .about = "The status of the cluster as this member knows it; needs no quorum.");
BX_METHOD(CLUSTER_MEMBERS, cluster_members, bx_plain_params, members_params_fields, member,
          .name = "cluster.members", .verb = "GET", .path = "/v1/cluster/members",
          .role = BX_RPC_VIEWER, .scope = BX_SCOPE_SHARED, .key = "id",
          .about = "The members of the Raft configuration, as this member knows them.");
BX_METHOD(CLUSTER_CA, cluster_ca, bx_plain_params, ca_params_fields, ca, .name = "cluster.ca",
          .verb = "GET", .path = "/v1/cluster/ca", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_SHARED,
          .about = "The certificates of the CAs by which clients and nodes recognize the nodes of "
                   "this cluster, in PEM form, one after the other.");
BX_METHOD(CLUSTER_UPGRADE_STATUS, cluster_upgrade_status, bx_plain_params,
          upgrade_status_params_fields, upgrade, .name = "cluster.upgrade_status", .verb = "GET",
          .path = "/v1/cluster/upgrade", .role = BX_RPC_VIEWER,
          .about = "The cluster's feature level, what each member reads, and whether it can be "
                   "raised.");
BX_METHOD(CLUSTER_UPGRADE_FINALIZE, cluster_upgrade_finalize, bx_plain_params,
          upgrade_params_fields, upgrade, .name = "cluster.upgrade_finalize", .verb = "POST",
          .path = "/v1/cluster/upgrade", .role = BX_RPC_ADMIN, .mutates = true,
          .about = "Raise the cluster's feature level to that of the node asked. Afterwards no "
                   "member can go back to an older build.");
