/* member against node.h: in which order the leader makes members of the nodes that its rows name.
 */
#include "lib/testlib.h"

#include "lib/testcluster.h"

#include <string.h>

static struct test_cluster w;

enum role { NONE, STANDBY, VOTER };

/* What the newest configuration of the leader says. */
static enum role role_of(uint64_t id)
{
    struct bx_node_status s = test_member_status(test_member(&w, 1));

    for (uint32_t i = 0; i < s.n_members; i++) {
        if (s.members[i].id == id)
            return s.members[i].voter ? VOTER : STANDBY;
    }
    return NONE;
}

static void wait_for(uint64_t id, enum role role)
{
    for (uint32_t i = 0; role_of(id) != role; i++) {
        assert_true(i < 1000);
        test_cluster_run(&w, 20);
    }
}

TEST(a_standby_that_is_away_holds_up_nobody)
{
    struct test_member *away;

    test_cluster_open(&w, 1);
    away = test_cluster_add(&w);
    wait_for(2, STANDBY);
    test_member_isolate(away, true);
    (void)test_cluster_add(&w);
    wait_for(3, VOTER);
    assert_int_equal(role_of(2), STANDBY);
    test_member_isolate(away, false);
    wait_for(2, VOTER);
    test_cluster_close(&w);
}

TEST(all_are_standby_before_the_first_is_promoted)
{
    test_cluster_open(&w, 1);
    test_member_isolate(test_cluster_add(&w), true);
    test_member_isolate(test_cluster_add(&w), true);
    test_cluster_run(&w, 1000);
    assert_int_equal(role_of(2), NONE);
    test_member_isolate(test_member(&w, 2), false);
    test_member_isolate(test_member(&w, 3), false);
    wait_for(3, STANDBY);
    assert_int_equal(role_of(2), STANDBY);
    wait_for(2, VOTER);
    wait_for(3, VOTER);
    test_cluster_close(&w);
}

/* All members have this address of one of them in the newest configuration, in which it votes. */
static bool all_have(uint64_t id, const char *address)
{
    for (uint64_t i = 1; i <= w.n; i++) {
        struct bx_node_status s = test_member_status(test_member(&w, i));
        bool found = false;

        for (uint32_t k = 0; k < s.n_members; k++)
            found = found || (s.members[k].id == id && s.members[k].voter &&
                              strcmp(s.members[k].address, address) == 0);
        if (!found)
            return false;
    }
    return true;
}

static void wait_for_address(uint64_t id, const char *address)
{
    for (uint32_t i = 0; !all_have(id, address); i++) {
        assert_true(i < 200);
        test_cluster_run(&w, 20);
    }
}

static void move(uint64_t id, uint32_t port)
{
    struct test_member *m = test_member(&w, id);

    m->port = port;
    if (!test_member_leads(m)) {
        test_member_stop(m);
        test_member_start(m);
    }
    test_member_register(m);
}

TEST(a_member_that_has_another_address_gets_it_in_the_configuration)
{
    test_cluster_open(&w, 3);
    move(3, 8003);
    wait_for_address(3, "127.0.0.1:8003");
    move(1, 8001);
    wait_for_address(1, "127.0.0.1:8001");
    assert_true(test_member_leads(test_member(&w, 1)));
    test_cluster_close(&w);
}

TEST(an_address_that_another_member_had_is_taken_when_it_is_free)
{
    test_cluster_open(&w, 3);
    test_member(&w, 2)->port = 8002;
    test_member_register(test_member(&w, 2));
    move(3, 7002);
    wait_for_address(2, "127.0.0.1:8002");
    wait_for_address(3, "127.0.0.1:7002");
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
