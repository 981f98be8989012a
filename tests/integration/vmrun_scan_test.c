/* What a driver finds when it opens: locks, damage, another boot, half a start; no guest runs. */
#include "lib/testlib.h"

#include "vmrun_world.h"

#include "vmdir/proto.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(a_vm_whose_lock_is_held_is_not_started)
{
    struct world *w = *state;
    struct listed l = {0};
    char path[160];
    struct bx_err err;
    int dir, lock;

    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(vm_lock_take(dir, &lock, &err), BX_OK);
    vmrun_start(w, 9, "");
    vmrun_until(w, vmrun_is_exited, "EXITED, refused");
    assert_true(w->failed);
    assert_string_equal(w->message, "an earlier run of this VM still holds its lock");
    vmrun_driver_close(w);

    /* A daemon that finds the lock held and no good record assumes nothing and touches nothing. */
    w->saw[BX_OBSERVED_EXITED] = false;
    w->observed = BX_OBSERVED_ABSENT;
    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_STOPPING);
    assert_int_equal(l.o.epoch, 0);
    w->d->ops->kill(w->d, vm1);
    w->d->ops->forget(w->d, vm1);
    assert_true(vmrun_vm_dir_exists(w));
    close(lock);
    vmrun_until(w, vmrun_is_exited, "EXITED once the lock is free");
    vmrun_forget(w);
    close(dir);
    vmrun_driver_close(w);
}

static void expect_listed(struct world *w, uint64_t epoch, const char *message)
{
    struct listed l = {0};

    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_EXITED);
    assert_true(l.o.failed);
    assert_int_equal(l.o.epoch, epoch);
    assert_string_equal(l.o.message, message);
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(a_run_before_the_last_boot_is_over)
{
    struct world *w = *state;
    struct vm_record r;
    struct bx_err err;
    int dir = vmrun_earlier_run(w, &r);

    r.boot[0] ^= 1;
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, &r, &err), BX_OK);
    close(dir);
    expect_listed(w, 21, "the host was rebooted");
}

TEST(a_damaged_record_is_listed_as_such)
{
    struct world *w = *state;
    struct vm_record r;
    int dir = vmrun_earlier_run(w, &r), fd = openat(dir, VM_FILE_RECORD, O_WRONLY);

    assert_int_equal(pwrite(fd, "x", 1, 40), 1);
    close(fd);
    close(dir);
    expect_listed(w, 0, "the record of the run is damaged");
}

/* A daemon killed while it prepared a start: nothing ran, nothing stays. */
TEST(a_start_that_was_not_finished_leaves_nothing)
{
    struct world *w = *state;
    struct listed l = {0};
    struct vm_record r;
    int dir = vmrun_earlier_run(w, &r);

    assert_int_equal(renameat(dir, VM_FILE_RECORD, dir, VM_FILE_SPEC), 0);
    close(dir);
    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 0);
    assert_false(vmrun_vm_dir_exists(w));
    vmrun_driver_close(w);
}

/* ---- a supervisor that runs another run than the recorded one ---- */

/* Its process: takes the lock, says through `ready` that it listens, and reports epoch 22. Its exit
 * status tells whether it got an order. */
static void be_another_run(int dir, int ready)
{
    struct vm_status status = {.epoch = 22, .state = BX_OBSERVED_RUNNING};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int lock, fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;
    char line[VM_LINE_MAX], order[8];
    struct bx_err err;
    ssize_t n;

    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" VM_FILE_SHIM_SOCKET, dir);
    memcpy(status.vm, vm1, 16);
    if (vm_lock_take(dir, &lock, &err) != BX_OK || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(fd, 1) != 0 || write(ready, "", 1) != 1)
        _exit(2);
    peer = accept(fd, NULL, NULL);
    n = (ssize_t)vm_status_write(&status, line);
    if (peer < 0 || write(peer, line, (size_t)n) != n)
        _exit(2);
    n = read(peer, order, sizeof order);
    _exit(n > 0 ? 1 : 0);
}

static const char *awaited; /* in a line of the log */

static bool is_noted(struct world *w)
{
    (void)w;
    return test_rec_said(awaited);
}

/* A driver whose log is searched for this. */
static void open_and_await(struct world *w, const char *text)
{
    struct qemu_driver_options o = {.loop = &w->loop,
                                    .dir = w->vms,
                                    .shim = shim,
                                    .node = 1,
                                    .accel = "tcg",
                                    .boot_dirs = w->boot};
    struct bx_err err;

    awaited = text;
    test_rec_open("info");
    uv_loop_init(&w->loop);
    assert_int_equal(qemu_driver_create(&w->d, &o, &err), BX_OK);
}

TEST(another_run_than_the_recorded_one_gets_no_orders)
{
    struct world *w = *state;
    struct vm_record r;
    struct bx_err err;
    int dir = vmrun_earlier_run(w, &r), ready[2], status;
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0)
        be_another_run(dir, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    r.pid = (uint32_t)child;
    r.start = vm_start_time(child);
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, &r, &err), BX_OK);

    open_and_await(w, "another run");
    w->d->ops->stop(w->d, vm1, 1000); /* before it has said which run it is */
    vmrun_until(w, is_noted, "a line of the log about another run");
    w->d->ops->kill(w->d, vm1);
    vmrun_driver_close(w);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(ready[0]);
    close(ready[1]);
    close(dir);
    expect_listed(w, 21, "supervisor (blixard-vm) died");
}

/* QEMU owns the directory: what it has put in the place of the socket leads root nowhere. */
TEST(a_link_in_the_place_of_the_socket_is_not_followed)
{
    struct world *w = *state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct vm_record r;
    struct bx_err err;
    int dir = vmrun_earlier_run(w, &r), other = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0),
        lock;

    snprintf(a.sun_path, sizeof a.sun_path, "%s/other", w->boot);
    assert_int_equal(bind(other, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(other, 1), 0);
    r.pid = (uint32_t)getpid();
    r.start = vm_start_time(getpid());
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, &r, &err), BX_OK);
    assert_int_equal(vm_lock_take(dir, &lock, &err), BX_OK);
    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(hard ? linkat(AT_FDCWD, a.sun_path, dir, VM_FILE_SHIM_SOCKET, 0)
                              : symlinkat(a.sun_path, dir, VM_FILE_SHIM_SOCKET),
                         0);
        open_and_await(w, "is not that of its supervisor");
        vmrun_until(w, is_noted, "a line of the log about the socket");
        vmrun_driver_close(w);
        assert_int_equal(accept(other, NULL, NULL), -1);
        assert_int_equal(unlinkat(dir, VM_FILE_SHIM_SOCKET, 0), 0);
    }
    close(lock);
    close(dir);
    close(other);
    expect_listed(w, 21, "supervisor (blixard-vm) died");
}

/* Nor does it keep the directory of a VM that was deleted, and so its user. */
TEST(what_qemu_has_left_goes_with_its_vm)
{
    struct world *w = *state;
    char path[160];
    int dir, fd;

    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fd = openat(dir, "stray", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(mkdirat(dir, "below", 0700), 0);
    assert_int_equal(symlinkat("/etc/passwd", dir, "link"), 0);
    w->d->ops->remove(w->d, vm1);
    assert_false(vmrun_vm_dir_exists(w));
    close(dir);
    vmrun_driver_close(w);
}

static void count_stored(void *ctx, const uint8_t vm[16])
{
    assert_memory_equal(vm, vm1, 16);
    ++*(unsigned *)ctx;
}

static unsigned stored(struct world *w)
{
    unsigned n = 0;

    w->d->ops->each_stored(w->d, count_stored, &n);
    return n;
}

static void touch(int dir, const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

/* blixardd --forget-cluster marks it: no cluster that the host joins has its VM. */
TEST(a_disk_that_is_marked_is_kept)
{
    struct world *w = *state;
    char path[160];
    int dir;

    (void)mkdir(w->vms, 0700);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    touch(dir, VM_FILE_DISK);
    touch(dir, VM_FILE_KEPT);
    vmrun_driver_open(w);
    assert_int_equal(stored(w), 0);
    w->d->ops->remove(w->d, vm1);
    assert_int_equal(faccessat(dir, VM_FILE_DISK, F_OK, 0), 0);
    assert_int_equal(unlinkat(dir, VM_FILE_KEPT, 0), 0);
    assert_int_equal(stored(w), 1);
    w->d->ops->remove(w->d, vm1);
    assert_false(vmrun_vm_dir_exists(w));
    close(dir);
    vmrun_driver_close(w);
}

/* There is nothing in it to keep. */
TEST(a_mark_without_a_disk_goes)
{
    struct world *w = *state;
    char path[160];
    int dir;

    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    touch(dir, VM_FILE_KEPT);
    w->d->ops->remove(w->d, vm1);
    assert_false(vmrun_vm_dir_exists(w));
    close(dir);
    vmrun_driver_close(w);
}

TEST(a_directory_that_can_not_be_removed_is_told)
{
    struct world *w = *state;
    char path[160];
    int dir;

    open_and_await(w, "remove it by hand");
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(dir, "a", 0700), 0);
    assert_int_equal(mkdirat(dir, "a/b", 0700), 0);
    w->d->ops->remove(w->d, vm1);
    assert_true(is_noted(w));
    assert_true(vmrun_vm_dir_exists(w));
    assert_int_equal(unlinkat(dir, "a/b", AT_REMOVEDIR), 0);
    w->d->ops->remove(w->d, vm1);
    assert_false(vmrun_vm_dir_exists(w));
    close(dir);
    vmrun_driver_close(w);
}

/* The accelerator is probed once a boot, and not believed after the next. */
TEST(the_accelerator_is_probed_once_a_boot)
{
    struct world *w = *state;
    struct qemu_driver_options o = {
        .loop = &w->loop, .dir = w->vms, .shim = shim, .node = 1, .boot_dirs = w->boot};
    char path[96], text[256] = {0};
    const char *first;
    struct bx_err err;
    bool kvm;
    int fd;

    uv_loop_init(&w->loop);
    snprintf(path, sizeof path, "%s/accel", w->dir);
    assert_int_equal(qemu_driver_create(&w->d, &o, &err), BX_OK);
    kvm = strcmp(qemu_driver_accel(w->d), "kvm") == 0;
    first = kvm ? "kvm" : "tcg";
    assert_string_equal(qemu_driver_accel(w->d), first);
    qemu_driver_destroy(w->d);
    fd = open(path, O_RDWR);
    assert_true(read(fd, text, sizeof text - 1) > 40);
    assert_memory_equal(text + 37, first, 3);
    /* What stands there is believed ... */
    assert_int_equal(pwrite(fd, kvm ? "tcg" : "kvm", 3, 37), 3);
    assert_int_equal(qemu_driver_create(&w->d, &o, &err), BX_OK);
    assert_string_equal(qemu_driver_accel(w->d), kvm ? "tcg" : "kvm");
    qemu_driver_destroy(w->d);
    /* ... but not from another boot. */
    assert_int_equal(pwrite(fd, text[0] == '0' ? "1" : "0", 1, 0), 1);
    assert_int_equal(qemu_driver_create(&w->d, &o, &err), BX_OK);
    assert_string_equal(qemu_driver_accel(w->d), first);
    close(fd);
    vmrun_driver_close(w);
}

int main(void)
{
    int rc = vmrun_begin(false);

    return rc != 0 ? rc : test_run(vmrun_setup, vmrun_teardown);
}
