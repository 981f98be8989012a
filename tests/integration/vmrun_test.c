/* Real guests: driver_qemu, blixard-vm and QEMU together, and each of the three killed or stopped.
 *
 * Every test has a private directory and counts as failed when a process of its own is left. */
#include "lib/testlib.h"

#include "vmrun_world.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(a_guest_runs_and_stops_when_told)
{
    struct world *w = *state;
    pid_t pid, sh;

    vmrun_driver_open(w);
    vmrun_start(w, 7, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    assert_true(w->saw[BX_OBSERVED_STARTING]);
    pid = vmrun_qemu_pid(w);
    sh = vmrun_parent_of(pid);
    vmrun_until(w, vmrun_guest_is_up, "the guest's line on the console");
    w->d->ops->stop(w->d, vm1, 10000);
    vmrun_until(w, vmrun_is_exited, "EXITED after stop");
    assert_false(w->failed);
    assert_string_equal(w->message, "stopped");
    assert_int_equal(w->epoch, 7);
    assert_true(vmrun_dead(pid));
    vmrun_until(w, vmrun_guest_is_up, "the console after the end");
    vmrun_forget(w);
    vmrun_driver_close(w);
    vmrun_wait_dead(sh); /* the shim leaves right after it told */
}

TEST(a_missing_kernel_is_named)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};
    char path[96], words[128];
    struct bx_err err;

    snprintf(path, sizeof path, "%s/vmlinuz", w->boot);
    snprintf(words, sizeof words, "no such file: %s", path);
    c.kernel = bx_str(path);
    test_rec_open("info");
    vmrun_driver_open(w);
    memcpy(run.vm, vm1, 16);
    assert_int_equal(w->d->ops->start(w->d, &run, &err), BX_NOT_FOUND);
    assert_string_equal(err.msg, words);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_true(w->failed);
    assert_string_equal(w->message, words);
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(what_qemu_says_of_a_refused_kernel_is_told)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};
    char path[96];
    int fd;

    snprintf(path, sizeof path, "%s/no-kernel", w->boot);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "text", 4), 4);
    close(fd);
    c.kernel = bx_str(path);
    vmrun_driver_open(w);
    memcpy(run.vm, vm1, 16);
    w->d->ops->start(w->d, &run, NULL);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_true(w->failed);
    /* QEMU's own words reach the operator. */
    if (strncmp(w->message, "QEMU exited with status 1: qemu", 31) != 0)
        fail_msg("message: %s", w->message);
    assert_true(test_rec_said("warning qemu: QEMU said uuid=01000000-"));
    vmrun_forget(w);
    vmrun_driver_close(w);
    test_rec_close();
}

static bool has_rebooted(struct world *w)
{
    return w->reboots >= 1;
}

static bool has_rebooted_again(struct world *w)
{
    return w->reboots >= 2;
}

/* In the same QEMU: nobody has to permit that, and a daemon that was away hears of it. */
TEST(a_guest_that_reboots_stays_in_its_run)
{
    struct world *w = *state;
    struct listed l = {0};
    pid_t pid;

    vmrun_driver_open(w);
    vmrun_start(w, 2, "console=ttyS0 reboot=t panic=-1 quiet blixard.end=reboot");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    assert_int_equal(w->reboots, 0);
    pid = vmrun_qemu_pid(w);
    vmrun_until(w, has_rebooted, "the guest's first reboot");
    vmrun_driver_close(w);
    w->reboots = 0;
    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.o.observed, BX_OBSERVED_RUNNING);
    vmrun_until(w, has_rebooted, "the reboot before the daemon came");
    vmrun_until(w, has_rebooted_again, "another reboot");
    assert_int_equal(w->observed, BX_OBSERVED_RUNNING);
    assert_int_equal(w->epoch, 2);
    assert_int_equal(vmrun_qemu_pid(w), pid);
    assert_false(vmrun_dead(pid));
    w->d->ops->stop(w->d, vm1, 10000);
    vmrun_until(w, vmrun_is_exited, "EXITED after stop");
    assert_false(w->failed);
    assert_string_equal(w->message, "stopped");
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* One run to its end, by a kill, of which nothing is left but the console. */
static void run_once(struct world *w, uint64_t epoch)
{
    char cmdline[96];

    snprintf(cmdline, sizeof cmdline, "console=ttyS0 reboot=t panic=-1 quiet run=%u",
             (unsigned)epoch);
    vmrun_start(w, epoch, cmdline);
    vmrun_until(w, vmrun_guest_is_up, "the guest's line on the console");
    snprintf(cmdline, sizeof cmdline, "quiet run=%u", (unsigned)epoch);
    w->awaited = cmdline;
    vmrun_until(w, vmrun_awaited, "its command line on the console");
    w->d->ops->kill(w->d, vm1);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    w->d->ops->forget(w->d, vm1);
    assert_true(vmrun_console_says(w, 0, cmdline));
}

TEST(the_consoles_of_the_last_runs_are_kept)
{
    struct world *w = *state;
    struct bx_buf b = {0};
    struct bx_err err = {0};

    vmrun_driver_open(w);
    assert_int_equal(w->d->ops->console(w->d, vm1, 0, 10, NULL, &b, &err), BX_NOT_FOUND);
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        run_once(w, epoch);
    vmrun_driver_close(w);
    vmrun_driver_open(w); /* also by a daemon that has not seen them */
    assert_true(vmrun_console_says(w, 1, "run=4"));
    assert_true(vmrun_console_says(w, 2, "run=3"));
    assert_true(vmrun_console_says(w, 3, "run=2"));
    assert_int_equal(w->d->ops->console(w->d, vm1, 4, 10, NULL, &b, &err), BX_NOT_FOUND);
    assert_non_null(strstr(err.msg, "no console"));
    w->d->ops->remove(w->d, vm1); /* the VM is deleted */
    assert_false(vmrun_vm_dir_exists(w));
    assert_int_equal(w->d->ops->console(w->d, vm1, 0, 10, NULL, &b, &err), BX_NOT_FOUND);
    bx_buf_release(&b);
    vmrun_driver_close(w);
}

/* A start that fails has no console, and takes none away. */
TEST(a_start_that_fails_keeps_the_consoles)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96};
    struct bx_run run = {.epoch = 2, .node = 1, .config = &c};
    char path[96];

    snprintf(path, sizeof path, "%s/none", w->boot);
    c.kernel = bx_str(path);
    vmrun_driver_open(w);
    run_once(w, 1);
    memcpy(run.vm, vm1, 16);
    for (int i = 0; i < 5; i++) {
        w->observed = BX_OBSERVED_ABSENT;
        w->d->ops->start(w->d, &run, NULL);
        vmrun_until(w, vmrun_is_exited, "EXITED");
        w->d->ops->forget(w->d, vm1);
    }
    assert_true(vmrun_console_says(w, 0, "run=1"));
    w->d->ops->remove(w->d, vm1);
    vmrun_driver_close(w);
}

static bool adopted_speaks(struct world *w)
{
    return w->saw[BX_OBSERVED_STOPPING] || w->observed == BX_OBSERVED_EXITED;
}

/* The daemon is killed while a VM runs: QEMU goes on, the next daemon finds it under the same
 * pid. */
TEST(a_vm_outlives_its_daemon)
{
    struct world *w = *state;
    struct listed l = {0};
    pid_t child, pid;
    int to[2], status;

    assert_int_equal(pipe(to), 0);
    child = fork();
    if (child == 0) {
        vmrun_driver_open(w);
        vmrun_start(w, 11, "");
        vmrun_until(w, vmrun_is_running, "RUNNING");
        pid = vmrun_qemu_pid(w);
        if (write(to[1], &pid, sizeof pid) != (ssize_t)sizeof pid)
            _exit(1);
        for (;;)
            pause();
    }
    close(to[1]);
    assert_int_equal(read(to[0], &pid, sizeof pid), (int)sizeof pid);
    close(to[0]);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_false(vmrun_dead(pid));

    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_RUNNING);
    assert_int_equal(l.o.epoch, 11);
    w->epoch = 11;
    assert_int_equal(vmrun_qemu_pid(w), pid);
    vmrun_until(w, vmrun_guest_is_up, "the console of an adopted VM");
    w->d->ops->stop(w->d, vm1, 10000);
    vmrun_until(w, adopted_speaks, "the adopted shim's answer");
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_false(w->failed);
    assert_true(vmrun_dead(pid));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(a_vm_whose_qemu_dies_is_reported)
{
    struct world *w = *state;
    struct listed l = {0};
    uint64_t began;
    pid_t pid, sh;

    vmrun_driver_open(w);
    vmrun_start(w, 3, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    pid = vmrun_qemu_pid(w);
    began = vm_now();
    kill(pid, SIGSEGV);
    vmrun_until(w, vmrun_is_exited, "EXITED after SIGSEGV");
    assert_true(vm_now() - began < 1000);
    assert_true(w->failed);
    assert_non_null(strstr(w->message, "killed by signal 11"));
    vmrun_forget(w);

    /* What ended while no daemon looked is found afterwards. */
    vmrun_start(w, 4, "");
    vmrun_until(w, vmrun_is_running, "RUNNING again");
    pid = vmrun_qemu_pid(w);
    sh = vmrun_parent_of(pid);
    vmrun_driver_close(w);
    kill(pid, SIGKILL);
    vmrun_wait_dead(sh);
    vmrun_driver_open(w);
    w->d->ops->each(w->d, vmrun_list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_EXITED);
    assert_int_equal(l.o.epoch, 4);
    assert_true(l.o.failed);
    assert_non_null(strstr(l.o.message, "killed by signal 9"));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* Of its own accord QEMU ends in order then. */
TEST(a_qemu_that_is_ended_by_somebody_else_has_failed)
{
    struct world *w = *state;

    vmrun_driver_open(w);
    vmrun_start(w, 3, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    kill(vmrun_qemu_pid(w), SIGTERM);
    vmrun_until(w, vmrun_is_exited, "EXITED after SIGTERM");
    assert_true(w->failed);
    assert_memory_equal(w->message, "QEMU exited unexpectedly (status 0)", 35);
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(a_qemu_that_hangs_is_killed_after_the_patience)
{
    struct world *w = *state;
    uint64_t began;
    pid_t pid;

    vmrun_driver_open(w);
    vmrun_start(w, 5, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    pid = vmrun_qemu_pid(w);
    kill(pid, SIGSTOP);
    began = vm_now();
    w->d->ops->stop(w->d, vm1, 500);
    vmrun_until(w, vmrun_is_exited, "EXITED although QEMU is stopped");
    assert_true(vm_now() - began >= 500 && vm_now() - began < 2000);
    assert_non_null(strstr(w->message, "killed: it did not stop within 500 ms"));
    assert_true(vmrun_dead(pid));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(a_vm_whose_shim_dies_has_failed)
{
    struct world *w = *state;
    pid_t pid;

    vmrun_driver_open(w);
    vmrun_start(w, 6, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    pid = vmrun_qemu_pid(w);
    kill(vmrun_parent_of(pid), SIGKILL);
    vmrun_until(w, vmrun_is_exited, "EXITED after the shim died");
    assert_true(w->failed);
    assert_string_equal(w->message, "supervisor (blixard-vm) died");
    vmrun_wait_dead(pid); /* a process lets go of its lock shortly before it counts as dead */
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* A shim that is stopped does not hold up the loop, and dies for a kill all the same. */
TEST(a_shim_that_hangs_holds_up_nobody_and_can_be_killed)
{
    struct world *w = *state;
    uint64_t began;
    pid_t pid;

    vmrun_driver_open(w);
    vmrun_start(w, 8, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    pid = vmrun_qemu_pid(w);
    kill(vmrun_parent_of(pid), SIGSTOP);
    began = vm_now();
    w->d->ops->kill(w->d, vm1);
    assert_true(vm_now() - began < 100);
    vmrun_until(w, vmrun_is_exited, "EXITED although the shim is stopped");
    vmrun_wait_dead(pid);
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* Without a kernel it runs and says that nothing boots; the disk outlives the run. */
static bool disk_is_gone(struct world *w)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s.deleted", w->vms, vm1_text);
    return access(path, F_OK) != 0;
}

/* What a daemon that died left of a removal goes at the next start. */
static void rest_goes(struct world *w)
{
    char path[160];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s.deleted", w->vms, vm1_text);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    vmrun_driver_open(w);
    vmrun_until(w, disk_is_gone, "what was left of the disk is removed");
    vmrun_driver_close(w);
}

TEST(a_vm_without_a_kernel_runs_and_leaves_no_disk)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("bare"), .vcpus = 1, .memory_mib = 64, .disk_gib = 1};
    struct bx_run run = {.epoch = 12, .node = 1, .config = &c};
    char path[160];
    struct stat st;

    vmrun_driver_open(w);
    memcpy(run.vm, vm1, 16);
    w->d->ops->start(w->d, &run, NULL);
    vmrun_until(w, vmrun_is_running, "RUNNING");
    assert_non_null(strstr(w->message, "no kernel given"));
    w->d->ops->remove(w->d, vm1); /* QEMU has it open: it stays */
    w->d->ops->kill(w->d, vm1);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_false(w->failed);
    assert_string_equal(w->message, "killed on request");
    w->d->ops->forget(w->d, vm1);
    snprintf(path, sizeof path, "%s/%s/" VM_FILE_DISK, w->vms, vm1_text);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size == 1 << 30 && st.st_blocks < 100);
    w->d->ops->remove(w->d, vm1);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &st), -1); /* and nothing else was left */
    vmrun_until(w, disk_is_gone, "the disk is removed");
    vmrun_driver_close(w);
    rest_goes(w);
}

int main(void)
{
    int rc = vmrun_begin(true);

    return rc != 0 ? rc : test_run(vmrun_setup, vmrun_teardown);
}
