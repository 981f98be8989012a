/* member against node.h: in which order the leader makes members of the nodes that its rows name.
 */
#include "lib/testlib.h"

#include "lib/testcluster.h"

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

int main(void)
{
    return test_run(NULL, NULL);
}
