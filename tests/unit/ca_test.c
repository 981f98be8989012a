/* The cluster's CA, the keys of nodes and the roles of tokens in the state machine. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/ca.h"
#include "state/token.h"

#include <string.h>

#define HOUR 3600000u

static const char pin_a[BX_PIN + 1] = "aaaaaaaabbbbbbbbccccccccdddddddd";
static const char pin_b[BX_PIN + 1] = "aaaaaaaabbbbbbbbccccccccdddddddx";

static void create_cluster(uint32_t level)
{
    struct bx_cmd_cluster_create c = {.cluster = {1},
                                      .history = {2},
                                      .name = bx_str("lab"),
                                      .level = level,
                                      .ca_certificate = bx_str("certificate"),
                                      .ca_key = bx_str("sealed")};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
}

static void create_token(uint8_t secret, enum bx_role role)
{
    struct bx_cmd_token_create c = {{secret}, HOUR, true, (uint8_t)role};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &c), BX_OK);
}

static int join(uint8_t secret, enum bx_role role, struct bx_str pin)
{
    struct bx_cmd_member_join j = {.secret_hash = {secret},
                                   .node = {.name = bx_str("n2"),
                                            .address = bx_str("n2:1"),
                                            .driver = bx_str("sim"),
                                            .overcommit_vcpus_pct = 100,
                                            .overcommit_memory_pct = 100,
                                            .role = (uint8_t)role,
                                            .pin = pin}};

    return test_fsm_apply(&t, BX_CMD_MEMBER_JOIN, &j);
}

static const struct bx_node_info *node_2(void)
{
    return &bx_view_node(bx_fsm_view(t.fsm), 2)->info;
}

TEST(a_cluster_is_created_with_its_ca)
{
    const struct bx_ca *ca;

    assert_null(bx_view_ca(bx_fsm_view(t.fsm)));
    create_cluster(3);
    test_fsm_reopen(&t);
    ca = bx_view_ca(bx_fsm_view(t.fsm));
    assert_non_null(ca);
    assert_int_equal(ca->generation, 1);
    assert_true(bx_str_eq(ca->certificate, bx_str("certificate")));
    assert_true(bx_str_eq(ca->key, bx_str("sealed")));
}

TEST(a_host_joins_with_its_key_and_as_what_its_token_says)
{
    create_cluster(3);
    create_token(1, BX_ROLE_STANDBY);
    assert_int_equal(join(1, BX_ROLE_VOTER, (struct bx_str){pin_a, BX_PIN}), BX_OK);
    assert_int_equal(node_2()->role, BX_ROLE_STANDBY);
    test_fsm_reopen(&t);
    assert_true(bx_str_eq(node_2()->pin, (struct bx_str){pin_a, BX_PIN}));
}

TEST(at_level_2_a_host_says_itself_as_what_it_joins)
{
    create_cluster(2);
    create_token(1, BX_ROLE_VOTER);
    assert_int_equal(join(1, BX_ROLE_STANDBY, bx_str("")), BX_OK);
    assert_int_equal(node_2()->role, BX_ROLE_STANDBY);
}

TEST(what_is_no_hash_of_a_key_is_refused)
{
    create_cluster(3);
    create_token(1, BX_ROLE_VOTER);
    assert_int_equal(join(1, BX_ROLE_VOTER, bx_str("short")), BX_INVALID);
    assert_int_equal(join(1, BX_ROLE_VOTER, (struct bx_str){pin_a, BX_PIN}), BX_OK);
}

TEST(a_node_that_renews_its_key_says_so_and_keeps_its_role)
{
    struct bx_node_info info;

    create_cluster(3);
    create_token(1, BX_ROLE_STANDBY);
    assert_int_equal(join(1, BX_ROLE_VOTER, (struct bx_str){pin_a, BX_PIN}), BX_OK);
    info = *node_2();
    info.pin = (struct bx_str){pin_b, BX_PIN};
    info.role = BX_ROLE_VOTER;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &info), BX_OK);
    assert_false(t.last.existed);
    assert_true(bx_str_eq(node_2()->pin, (struct bx_str){pin_b, BX_PIN}));
    assert_int_equal(node_2()->role, BX_ROLE_STANDBY);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
