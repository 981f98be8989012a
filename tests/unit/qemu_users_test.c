/* The users that QEMU runs as. Only root can give directories away. */
#include "lib/testlib.h"

#include "qemu/user.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST 61200u

static char *top;
static struct qemu_users users;
static struct bx_err err;
static int dirs[4];

static int setup(void **state)
{
    char path[300];

    (void)state;
    top = test_make_dir();
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%d", top, i);
        assert_int_equal(mkdir(path, 0700), 0);
        dirs[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    assert_int_equal(qemu_users_open(&users, FIRST, FIRST + 2, &err), BX_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        close(dirs[i]);
    qemu_users_close(&users);
    test_remove_dir(top);
    return 0;
}

static uid_t owner(int i)
{
    struct stat st;

    assert_int_equal(fstat(dirs[i], &st), 0);
    assert_int_equal(st.st_gid, st.st_uid); /* the group has the same number */
    return st.st_uid;
}

static uid_t take(int i)
{
    uid_t uid = 1;

    if (qemu_users_take(&users, dirs[i], &uid, &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(owner(i), uid);
    return uid;
}

TEST(each_vm_has_a_user_of_its_own_and_keeps_it)
{
    assert_int_equal(take(0), FIRST);
    assert_int_equal(take(1), FIRST + 1);
    assert_int_equal(take(0), FIRST);
    assert_int_equal(take(2), FIRST + 2);
    assert_int_equal(take(1), FIRST + 1);
}

TEST(when_all_are_in_use_another_vm_is_refused)
{
    uid_t uid;

    for (int i = 0; i < 3; i++)
        take(i);
    assert_int_equal(qemu_users_take(&users, dirs[3], &uid, &err), BX_BUSY);
    assert_non_null(strstr(err.msg, "each of the 3 users of --qemu-user is used by a VM"));
    assert_int_equal(owner(3), 0);
    qemu_users_release(&users, dirs[1]);
    assert_int_equal(fchown(dirs[1], 0, 0), 0);
    assert_int_equal(take(3), FIRST + 1);
}

/* The directories say who has which, also to a later daemon. */
TEST(users_of_directories_that_are_found_are_in_use)
{
    take(0);
    take(1);
    qemu_users_close(&users);
    assert_int_equal(qemu_users_open(&users, FIRST, FIRST + 2, &err), BX_OK);
    for (int i = 0; i < 4; i++)
        qemu_users_note(&users, dirs[i]);
    assert_int_equal(take(2), FIRST + 2);
    assert_int_equal(take(0), FIRST);
    assert_int_equal(take(1), FIRST + 1);
}

TEST(an_owner_outside_of_the_range_is_replaced)
{
    assert_int_equal(fchown(dirs[0], FIRST + 3, FIRST + 3), 0);
    assert_int_equal(fchown(dirs[1], FIRST - 1, FIRST - 1), 0);
    qemu_users_note(&users, dirs[0]);
    qemu_users_note(&users, dirs[1]);
    assert_int_equal(take(0), FIRST);
    assert_int_equal(take(1), FIRST + 1);
}

TEST(without_a_range_nothing_is_given_away)
{
    uid_t uid = 7;

    qemu_users_close(&users);
    assert_int_equal(qemu_users_open(&users, 0, 0, &err), BX_OK);
    qemu_users_note(&users, dirs[0]);
    assert_int_equal(qemu_users_take(&users, dirs[0], &uid, &err), BX_OK);
    assert_int_equal(uid, 0);
    assert_int_equal(owner(0), 0);
    qemu_users_release(&users, dirs[0]);
}

TEST(a_range_must_be_one)
{
    struct qemu_users u;
    uid_t first, last;

    assert_int_equal(qemu_users_open(&u, 10, 9, &err), BX_INVALID);
    assert_int_equal(qemu_users_open(&u, 10, 10 + 65536, &err), BX_INVALID);
    assert_int_equal(qemu_users_open(&u, 10, 10 + 65535, &err), BX_OK);
    qemu_users_close(&u);
    assert_true(qemu_users_usual(&first, &last));
    assert_int_equal(qemu_users_open(&u, first, last, &err), BX_OK);
    qemu_users_close(&u);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(qemu_users_open(&u, 10, 20, &err), BX_DENIED);
    assert_int_equal(seteuid(0), 0);
}

int main(void)
{
    if (geteuid() != 0) {
        printf("1..0 # SKIP only root can run QEMU as other users\n");
        return 77;
    }
    return test_run(setup, teardown);
}
