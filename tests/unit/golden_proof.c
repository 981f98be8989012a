/* Records with certificates, secrets and the keys of nodes. */
#include "unit/golden.h"

#include "state/ca.h"
#include "state/kind.h"
#include "state/token.h"
#include "state/view.h"
#include "wire/command.h"
#include "wire/frame.h"

#define ID(x)                                                                                      \
    {                                                                                              \
        (x), 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,   \
            (x)                                                                                    \
    }
#define S(text)                                                                                    \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define BYTES_32 S("\x81\x02\x03\x04\x05\x06\x07 an odd 32 byte string...")
#define NODE                                                                                       \
    {                                                                                              \
        .id = 3, .name = S("gamma"), .address = S("10.0.0.3:7420"), .vcpus = 4,                    \
        .memory_mib = 1024, .role = BX_ROLE_STANDBY, .pin = BYTES_32                               \
    }

static const struct bx_node_info node = NODE;
static const struct bx_node_row row_node = {.info = NODE, .created_index = 4, .modified_index = 9};
static const struct bx_cmd_member_join member_join = {ID(0xd2), NODE};
static const struct bx_cmd_token_create token_create = {ID(0xd1), 3600000, true, BX_ROLE_STANDBY};
static const struct bx_token row_token = {ID(0xd1),      1700003600123, 17,
                                          1700003600000, S("uid:1000"), BX_ROLE_STANDBY};
static const struct bx_join join = {.secret_hash = ID(0xd2),
                                    .name = S("delta"),
                                    .address = S("10.0.0.4:7420"),
                                    .vcpus = 16,
                                    .memory_mib = 65536,
                                    .incarnation = ID(0xf3),
                                    .secret = BYTES_32,
                                    .csr = S("\x30\x81\x02 request")};
static const struct bx_joined joined = {.node = 4,
                                        .cluster = ID(0xc1),
                                        .history = ID(0xc2),
                                        .certificate = S("\x30\x82\x01 of the node"),
                                        .ca = S("\x30\x82\x02 of the CA"),
                                        .cluster_key = BYTES_32};

const struct bx_cmd_ca_rotate golden_ca_rotate = {2, S("\x30\x82\x03 of the new CA"),
                                                  S("sealed with the new key"), BYTES_32};
static const struct bx_ca row_ca = {
    2, S("\x30\x82\x03 of the new CA"), S("sealed with the new key"), 70, BYTES_32, true};
static const struct bx_node_info node_of_ca = {.id = 3,
                                               .name = S("gamma"),
                                               .address = S("10.0.0.3:7420"),
                                               .pin = BYTES_32,
                                               .public_key = BYTES_32,
                                               .ca_taken = 2,
                                               .ca_shown = 1};

void golden_proof_samples(void (*add)(const char *name, const struct bx_schema *schema,
                                      const void *object))
{
    add("node-pin", &bx_node_info_schema, &node);
    add("row-node-pin", bx_kind_node.schema, &row_node);
    add("member.join-pin", &bx_cmd_member_join_schema, &member_join);
    add("token.create-role", &bx_cmd_token_create_schema, &token_create);
    add("row-token-role", bx_kind_token.schema, &row_token);
    add("join-secret", &bx_join_schema, &join);
    add("joined-certificate", &bx_joined_schema, &joined);
    add("row-ca-new", bx_kind_ca.schema, &row_ca);
    add("node-ca", &bx_node_info_schema, &node_of_ca);
}
