/* Who may use the unix socket of the API server, by its credentials. Only root can be somebody
 * else.
 */
#include "api_help.h"

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* As uid 65534 in these groups, n of them. */
static struct rpc dial_as_user(const gid_t *groups, size_t n)
{
    struct rpc c;

    assert_int_equal(chmod(dir, 0711), 0);
    assert_int_equal(setgroups(n, groups), 0);
    assert_int_equal(setegid(65533), 0);
    assert_int_equal(seteuid(65534), 0);
    c = dial_api(unix_address);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
    assert_int_equal(setgroups(0, NULL), 0);
    return c;
}

TEST(a_member_of_the_first_group_is_an_administrator)
{
    static const gid_t groups[] = {7, ADMIN_GID};
    struct rpc c = dial_as_user(groups, 2);

    rpc_fails(&c, "cluster.init", "{\"name\": \"taken\"}", BX_CONFLICT, "member already");
    rpc_close(&c);
}

TEST(a_member_of_the_second_group_is_an_operator)
{
    static const gid_t groups[] = {OPERATOR_GID, 8};
    struct rpc c = dial_as_user(groups, 2);

    rpc_ok(&c, "sys.hello", "{}");
    rpc_fails(&c, "cluster.init", "{}", BX_DENIED, "permission denied: cluster.init (uid 65534)");
    rpc_fails(&c, "vm.delete", "{\"vm\": \"a\"}", BX_CONFLICT, "not belong to a cluster");
    rpc_close(&c);
}

/* It may say hello, but only with a token, of which there is none on a host without a cluster. */
TEST(a_user_of_neither_group_is_refused)
{
    static const gid_t groups[] = {OPERATOR_GID + 1, ADMIN_GID - 1};
    struct rpc c;

    for (size_t n = 0; n <= 2; n++) {
        c = dial_as_user(groups, n);
        rpc_fails(&c, "sys.hello", "{}", BX_DENIED, "permission denied (uid 65534)");
        rpc_fails(&c, "cluster.status", "{}", BX_DENIED, "permission denied (uid 65534)");
        rpc_fails(&c, "cluster.init", "{}", BX_DENIED, "permission denied (uid 65534)");
        rpc_fails(&c, "sys.hello", "{\"token\": \"blx_x\"}", BX_CONFLICT, "members of a cluster");
        rpc_close(&c);
    }
    c = dial_api(unix_address);
    rpc_ok(&c, "sys.hello", "{}");
    rpc_close(&c);
}

int main(void)
{
    if (geteuid() != 0) {
        printf("1..0 # SKIP only root can be somebody else\n");
        return 77;
    }
    return test_run(api_test_setup, api_test_teardown);
}
