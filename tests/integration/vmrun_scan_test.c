/* What a driver finds when it opens: locks, damage, another boot, half a start; no guest runs. */
#include "vmrun_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_held_lock(void **state)
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

/* Make the directory of an earlier run by hand, with a record (and maybe an outcome) in it. */
static int earlier_run(struct world *w, struct vm_record *r)
{
    char path[160];
    struct bx_err err;
    int dir;

    (void)mkdir(w->vms, 0700);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *r = (struct vm_record){.node = 1, .epoch = 21, .pid = 1};
    memcpy(r->vm, vm1, 16);
    assert_int_equal(vm_boot_id(r->boot, &err), BX_OK);
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, r, &err), BX_OK);
    return dir;
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

static void test_host_rebooted(void **state)
{
    struct world *w = *state;
    struct vm_record r;
    struct bx_err err;
    int dir = earlier_run(w, &r);

    r.boot[0] ^= 1;
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, &r, &err), BX_OK);
    close(dir);
    expect_listed(w, 21, "lost: the host rebooted");
}

static void test_damaged_record(void **state)
{
    struct world *w = *state;
    struct vm_record r;
    int dir = earlier_run(w, &r), fd = openat(dir, VM_FILE_RECORD, O_WRONLY);

    assert_int_equal(pwrite(fd, "x", 1, 40), 1);
    close(fd);
    close(dir);
    expect_listed(w, 0, "its record is damaged");
}

/* A daemon killed while it prepared a start: nothing ran, nothing stays. */
static void test_killed_while_starting(void **state)
{
    struct world *w = *state;
    struct listed l = {0};
    struct vm_record r;
    int dir = earlier_run(w, &r);

    assert_int_equal(renameat(dir, VM_FILE_RECORD, dir, VM_FILE_SPEC), 0);
    close(dir);
    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 0);
    assert_false(vmrun_vm_dir_exists(w));
    vmrun_driver_close(w);
}

/* The accelerator is probed once a boot, and not believed after the next. */
static void test_accelerator(void **state)
{
    struct world *w = *state;
    struct driver_qemu_options o = {.loop = &w->loop, .dir = w->vms, .shim = shim, .node = 1};
    char path[96], text[256] = {0};
    const char *first;
    struct bx_err err;
    bool kvm;
    int fd;

    uv_loop_init(&w->loop);
    snprintf(path, sizeof path, "%s/accel", w->dir);
    assert_int_equal(driver_qemu_create(&w->d, &o, &err), BX_OK);
    kvm = strcmp(driver_qemu_accel(w->d), "kvm") == 0;
    first = kvm ? "kvm" : "tcg";
    assert_string_equal(driver_qemu_accel(w->d), first);
    driver_qemu_destroy(w->d);
    fd = open(path, O_RDWR);
    assert_true(read(fd, text, sizeof text - 1) > 40);
    assert_memory_equal(text + 37, first, 3);
    /* What stands there is believed ... */
    assert_int_equal(pwrite(fd, kvm ? "tcg" : "kvm", 3, 37), 3);
    assert_int_equal(driver_qemu_create(&w->d, &o, &err), BX_OK);
    assert_string_equal(driver_qemu_accel(w->d), kvm ? "tcg" : "kvm");
    driver_qemu_destroy(w->d);
    /* ... but not from another boot. */
    assert_int_equal(pwrite(fd, text[0] == '0' ? "1" : "0", 1, 0), 1);
    assert_int_equal(driver_qemu_create(&w->d, &o, &err), BX_OK);
    assert_string_equal(driver_qemu_accel(w->d), first);
    close(fd);
    vmrun_driver_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_held_lock, vmrun_setup, vmrun_teardown),
        cmocka_unit_test_setup_teardown(test_host_rebooted, vmrun_setup, vmrun_teardown),
        cmocka_unit_test_setup_teardown(test_damaged_record, vmrun_setup, vmrun_teardown),
        cmocka_unit_test_setup_teardown(test_killed_while_starting, vmrun_setup, vmrun_teardown),
        cmocka_unit_test_setup_teardown(test_accelerator, vmrun_setup, vmrun_teardown),
    };
    int rc = vmrun_begin(false);

    return rc != 0 ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
