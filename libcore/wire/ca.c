#include "wire/command.h"

#include "codec/header.h"

#include <string.h>

/* ---- the command ---- */

#define F(member, typ, ...)                                                                        \
    BX_FIELD(bx_cmd_ca_rotate, member, typ, .omit = true, .since = 3, .droppable = true,           \
             __VA_ARGS__)
static const struct bx_field rotate_fields[] = {
    BX_FIELD(bx_cmd_ca_rotate, generation, BX_T_U64, .omit = true, .since = 3, .droppable = true),
    F(certificate, BX_T_BYTES, .max = BX_CA_CERTIFICATE_MAX),
    F(key, BX_T_BYTES, .max = BX_CA_KEY_MAX, .secret = true),
    F(shares, BX_T_BYTES, .max = BX_CA_SHARES_MAX, .secret = true),
};
#undef F
const struct bx_schema bx_cmd_ca_rotate_schema =
    BX_SCHEMA("ca.rotate", BX_CMD_SCHEMA(CA_ROTATE), bx_cmd_ca_rotate, rotate_fields);

void bx_ca_share_put(uint8_t dst[BX_CA_SHARE_ITEM], uint64_t node,
                     const uint8_t sealed[BX_CA_SHARE])
{
    bx_put64(dst, node);
    memcpy(dst + 8, sealed, BX_CA_SHARE);
}

bool bx_ca_share_of(struct bx_str shares, uint64_t node, struct bx_str *sealed)
{
    for (uint32_t at = 0; at + BX_CA_SHARE_ITEM <= shares.n; at += BX_CA_SHARE_ITEM) {
        if (bx_get64((const uint8_t *)shares.p + at) != node)
            continue;
        *sealed = (struct bx_str){shares.p + at + 8, BX_CA_SHARE};
        return true;
    }
    return false;
}

/* ---- replies ---- */

const char *const bx_ca_state_names[] = {"signs", "spreads", "ends", NULL};

static const struct bx_field ca_fields[] = {
    BX_FIELD(bx_ca_info_reply, generation, BX_T_U64),
    BX_FIELD(bx_ca_info_reply, fingerprint, BX_T_STR, .max = 64),
    BX_FIELD(bx_ca_info_reply, subject, BX_T_STR, .max = 255),
    BX_FIELD(bx_ca_info_reply, from_ms, BX_T_U64),
    BX_FIELD(bx_ca_info_reply, until_ms, BX_T_U64),
    BX_FIELD(bx_ca_info_reply, state, BX_T_ENUM, .names = bx_ca_state_names),
};
const struct bx_schema bx_ca_info_reply_schema =
    BX_REPLY_SCHEMA("ca-info", CA_INFO, bx_ca_info_reply, ca_fields);

static const struct bx_field node_fields[] = {
    BX_FIELD(bx_ca_node_reply, id, BX_T_U64),
    BX_FIELD(bx_ca_node_reply, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_ca_node_reply, taken, BX_T_U64),
    BX_FIELD(bx_ca_node_reply, shown, BX_T_U64),
    BX_FIELD(bx_ca_node_reply, waits, BX_T_BOOL),
};
const struct bx_schema bx_ca_node_reply_schema =
    BX_REPLY_SCHEMA("ca-node", CA_NODE, bx_ca_node_reply, node_fields);

static const struct bx_field status_fields[] = {
    BX_FIELD(bx_ca_status_reply, rotating, BX_T_BOOL),
    BX_FIELD(bx_ca_status_reply, waits_for, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_ca_status_reply, tokens, BX_T_U64),
    BX_FIELD(bx_ca_status_reply, certificates, BX_T_U64),
    BX_FIELD(bx_ca_status_reply, cas, BX_T_LIST, .sub = &bx_ca_info_reply_schema,
             .max = BX_CAS_SHOWN),
    BX_FIELD(bx_ca_status_reply, nodes, BX_T_LIST, .sub = &bx_ca_node_reply_schema,
             .max = BX_NODES_MAX),
};
const struct bx_schema bx_ca_status_reply_schema =
    BX_REPLY_SCHEMA("ca-status", CA_STATUS, bx_ca_status_reply, status_fields);

/* ---- methods ---- */

static const struct bx_field rotate_params_fields[] = {BX_PARAMS_WRITES};
static const struct bx_field status_params_fields[] = {BX_PARAMS_READS};

BX_METHOD(CLUSTER_CA_ROTATE, cluster_ca_rotate, bx_plain_params, rotate_params_fields, ca_status,
          .name = "cluster.ca_rotate", .verb = "POST", .path = "/v1/cluster/ca",
          .role = BX_RPC_ADMIN, .mutates = true,
          .about =
              "Replace the CA of the cluster and the key of the cluster by new ones. The nodes "
              "carry it out: each takes the new CA, then each shows a certificate of it, then "
              "the old CA is dropped. The answer is the beginning; cluster.ca_status tells how "
              "far it is.");
BX_METHOD(CLUSTER_CA_STATUS, cluster_ca_status, bx_plain_params, status_params_fields, ca_status,
          .name = "cluster.ca_status", .verb = "GET", .path = "/v1/cluster/ca/status",
          .role = BX_RPC_VIEWER,
          .about = "The CAs that are trusted, and which one each node has a certificate of. A CA "
                   "`spreads` until all nodes have taken it, then it `signs`, and the one before "
                   "`ends` when all nodes show certificates of the new one.");
