/* blixardd --forget-cluster: what it removes, what it keeps, and when it refuses. */
#include "lib/testlib.h"

#include "forget.h"
#include "mem/alloc.h"
#include "sys/sim_runs.h"
#include "vmdir/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VM_A "a1112233-4455-4677-8899-aabbccddeea1"
#define VM_B "b1112233-4455-4677-8899-aabbccddeeb1"

static char *dir;
static struct bx_err err;
static struct forgotten kept;

static const char *path_of(const char *name)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void make(const char *name)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    fputs(name, f);
    fclose(f);
}

static void make_dir(const char *name)
{
    assert_int_equal(mkdir(path_of(name), 0700), 0);
}

static bool is_there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static const char *const of_the_cluster[] = {"identity",
                                             "identity.tmp",
                                             "vote",
                                             "trust",
                                             "wal-0000000000000001",
                                             "wal.tmp",
                                             "spare-0000000000000002",
                                             "mark",
                                             "snapshot.tmp",
                                             "snapshot-00000000000000ff",
                                             "state.db-wal",
                                             "state.db-shm",
                                             "state.db"};
static const char *const to_keep[] = {"vms/" VM_A "/disk.raw",
                                      "vms/" VM_B "/console.log",
                                      "images/x",
                                      "boot/vmlinuz",
                                      "sim-runs",
                                      "notes.txt",
                                      "walrus"};

static int setup(void **state)
{
    (void)state;
    dir = test_make_dir();
    make_dir("vms");
    make_dir("vms/" VM_A);
    make_dir("vms/" VM_B);
    make_dir("images");
    make_dir("boot");
    for (size_t i = 0; i < sizeof of_the_cluster / sizeof of_the_cluster[0]; i++)
        make(of_the_cluster[i]);
    for (size_t i = 0; i < sizeof to_keep / sizeof to_keep[0]; i++)
        make(to_keep[i]);
    memset(&err, 0, sizeof err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}

static int forget(bool force)
{
    return forget_cluster(dir, force, &kept, &err);
}

static void nothing_is_gone(void)
{
    for (size_t i = 0; i < sizeof of_the_cluster / sizeof of_the_cluster[0]; i++)
        assert_true(is_there(of_the_cluster[i]));
}

static void all_is_forgotten(void)
{
    for (size_t i = 0; i < sizeof of_the_cluster / sizeof of_the_cluster[0]; i++) {
        if (is_there(of_the_cluster[i]))
            fail_msg("%s is still there", of_the_cluster[i]);
    }
    for (size_t i = 0; i < sizeof to_keep / sizeof to_keep[0]; i++) {
        if (!is_there(to_keep[i]))
            fail_msg("%s is gone", to_keep[i]);
    }
}

TEST(what_is_of_the_cluster_goes_and_the_rest_stays)
{
    assert_int_equal(forget(false), BX_OK);
    all_is_forgotten();
    assert_true(kept.forgot);
    assert_int_equal(kept.vms, 2);
    assert_int_equal(kept.disks, 1);
    assert_true(is_there("vms/" VM_A "/" VM_FILE_KEPT) && is_there("vms/" VM_B "/" VM_FILE_KEPT));
    assert_int_equal(forget(false), BX_OK);
    assert_false(kept.forgot);
    all_is_forgotten();
}

TEST(a_daemon_that_runs_is_in_the_way)
{
    int fd = open(path_of("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(forget(true), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "in use by another blixardd"));
    nothing_is_gone();
    close(fd);
    assert_int_equal(forget(false), BX_OK);
}

TEST(a_vm_that_runs_is_in_the_way)
{
    int at = open(path_of("vms/" VM_B), O_RDONLY | O_DIRECTORY | O_CLOEXEC), lock;

    assert_int_equal(vm_lock_take(at, &lock, &err), BX_OK);
    assert_int_equal(forget(false), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "still runs: " VM_B));
    assert_non_null(strstr(err.hint, "--force"));
    nothing_is_gone();
    assert_false(is_there("vms/" VM_B "/" VM_FILE_KEPT));
    assert_int_equal(forget(true), BX_OK);
    all_is_forgotten();
    assert_true(is_there("vms/" VM_B "/" VM_FILE_KEPT));
    close(lock);
    close(at);
}

static void note_sim_run(bool this_boot, bool running)
{
    uint8_t record[16 + 32] = {0};
    struct bx_err ignored;
    FILE *f = fopen(path_of("sim-runs"), "w");

    assert_int_equal(vm_boot_id(record, &ignored), BX_OK);
    record[0] ^= !this_boot;
    assert_true(bx_uuid_parse(VM_A, BX_UUID_TEXT - 1, record + 16));
    record[16 + 24] = running;
    assert_int_equal(fwrite(record, sizeof record, 1, f), 1);
    fclose(f);
}

TEST(a_simulated_vm_that_runs_is_in_the_way_too)
{
    note_sim_run(true, true);
    assert_int_equal(forget(false), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "still runs: " VM_A));
    nothing_is_gone();
    note_sim_run(true, false);
    assert_int_equal(forget(false), BX_OK);
    assert_true(kept.forgot);
}

TEST(one_of_an_earlier_boot_does_not_run)
{
    note_sim_run(false, true);
    assert_int_equal(forget(false), BX_OK);
    assert_true(kept.forgot);
}

/* What can not be looked at may run. */
TEST(a_vm_of_which_nothing_can_be_told_is_in_the_way)
{
    make_dir("vms/" VM_A "/lock");
    assert_int_equal(forget(false), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "1 VM may still run: " VM_A));
    nothing_is_gone();
    assert_int_equal(rmdir(path_of("vms/" VM_A "/lock")), 0);
    assert_int_equal(symlink("nowhere", path_of("vms/c1112233-4455-4677-8899-aabbccddeec1")), 0);
    assert_int_equal(forget(false), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "may still run: c1112233"));
    nothing_is_gone();
    assert_int_equal(forget(true), BX_OK);
    all_is_forgotten();
}

TEST(a_record_of_simulated_vms_that_can_not_be_read_is_in_the_way)
{
    assert_int_equal(unlink(path_of("sim-runs")), 0);
    make_dir("sim-runs");
    assert_int_equal(forget(false), BX_IO);
    assert_non_null(strstr(err.msg, "sim-runs"));
    assert_non_null(strstr(err.hint, "--force"));
    nothing_is_gone();
    assert_int_equal(forget(true), BX_OK);
    all_is_forgotten();
}

/* A directory without identity but with a log is refused by the daemon until this is repeated. */
TEST(the_identity_goes_first_and_the_mark_last)
{
    assert_int_equal(unlink(path_of("vote")), 0);
    make_dir("vote"); /* can not be unlinked */
    assert_int_equal(forget(false), BX_IO);
    assert_non_null(strstr(err.msg, "vote"));
    assert_false(is_there("identity"));
    assert_true(is_there("mark"));
    assert_int_equal(rmdir(path_of("vote")), 0);
    assert_int_equal(forget(false), BX_OK);
    assert_true(kept.forgot);
    all_is_forgotten();
}

TEST(a_directory_that_is_none_is_not_created)
{
    char other[4200];

    snprintf(other, sizeof other, "%s/typo", dir);
    assert_int_equal(forget_cluster(other, false, &kept, &err), BX_NOT_FOUND);
    assert_false(is_there("typo"));
}

int main(void)
{
    return test_run(setup, teardown);
}
