/* Real guests: driver_qemu, blixard-vm and QEMU together, and each of the three killed or stopped.
 *
 * Every test has a private directory and counts as failed when a process of its own is left. */
#include "driver_qemu.h"

#include "vm_record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 20000

static const uint8_t vm1[16] = {1, [6] = 0x40, [8] = 0x80, [15] = 1};
static const char vm1_text[] = "01000000-0000-4000-8000-000000000001";

static char kernel[512], initrd[512], shim[512];

struct world {
    char dir[64], vms[80];
    uv_loop_t loop;
    struct bx_driver *d;
    bool failed, saw[5];
    enum bx_observed observed;
    uint64_t epoch;
    char message[256];
};

/* ---- a driver on a loop ---- */

static void observe(void *ctx, const struct bx_observation *o)
{
    struct world *w = ctx;

    assert_memory_equal(o->vm, vm1, 16);
    w->observed = o->observed;
    w->saw[o->observed] = true;
    w->failed = o->failed;
    w->epoch = o->epoch;
    snprintf(w->message, sizeof w->message, "%s", o->message);
}

static void note(void *ctx, int level, const char *text)
{
    (void)ctx;
    fprintf(stderr, "# log %d: %s\n", level, text);
}

static void driver_open(struct world *w)
{
    struct driver_qemu_options o = {.loop = &w->loop, .dir = w->vms, .shim = shim, .node = 1,
                                    .accel = "tcg", .log = note};
    struct bx_err err;

    uv_loop_init(&w->loop);
    if (driver_qemu_create(&w->d, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
    w->d->observe = observe;
    w->d->ctx = w;
}

static void driver_close(struct world *w)
{
    driver_qemu_destroy(w->d);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    w->d = NULL;
}

static void nothing(uv_timer_t *t)
{
    (void)t;
}

/* Turn the loop until the condition holds. */
static void until(struct world *w, bool (*is)(struct world *w), const char *what)
{
    uint64_t by = vm_now() + DEADLINE_MS;
    uv_timer_t wake;

    uv_timer_init(&w->loop, &wake);
    uv_timer_start(&wake, nothing, 5, 5);
    while (!is(w) && vm_now() < by)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (!is(w))
        fail_msg("not within %d ms: %s (observed %d, \"%s\")", DEADLINE_MS, what, w->observed,
                 w->message);
}

static bool is_running(struct world *w)
{
    return w->observed == BX_OBSERVED_RUNNING;
}

static bool is_exited(struct world *w)
{
    return w->observed == BX_OBSERVED_EXITED;
}

static bool guest_is_up(struct world *w)
{
    struct bx_buf b = {0};
    bool up = w->d->ops->console(w->d, vm1, 65536, &b, NULL) == BX_OK &&
              memmem(b.data, b.len, "blixard: guest is up", 20) != NULL;

    bx_buf_release(&b);
    return up;
}

static void start(struct world *w, uint64_t epoch, const char *cmdline)
{
    struct bx_vm_config c = {.name = bx_str("vmrun-test"), .vcpus = 1, .memory_mib = 96,
                             .kernel = bx_str(kernel), .initrd = bx_str(initrd),
                             .cmdline = bx_str(cmdline)};
    struct bx_run run = {.epoch = epoch, .node = 1, .config = &c};

    memcpy(run.vm, vm1, 16);
    w->observed = BX_OBSERVED_ABSENT;
    w->d->ops->start(w->d, &run);
    assert_int_equal(w->observed, BX_OBSERVED_ABSENT); /* never from inside the call */
}

static void read_record(struct world *w, struct vm_record *r)
{
    char path[160];
    struct bx_err err;
    int dir;

    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    dir = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(dir >= 0);
    if (vm_record_read(dir, VM_FILE_RECORD, r, &err) != BX_OK)
        fail_msg("%s", err.msg);
    close(dir);
    assert_int_equal(r->epoch, w->epoch);
    assert_int_equal(vm_start_time((int)r->pid), r->start);
}

static pid_t qemu_pid(struct world *w)
{
    struct vm_record r;

    read_record(w, &r);
    return (pid_t)r.pid;
}

/* The field PPid of /proc/PID/status. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[4096], *p;
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    p = strstr(text, "PPid:");
    assert_non_null(p);
    return (pid_t)strtol(p + 5, NULL, 10);
}

/* Gone, or a zombie that its parent has yet to reap. */
static bool dead(pid_t pid)
{
    char path[64], text[512], *p = NULL;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return true;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0) {
        text[n] = '\0';
        p = strrchr(text, ')');
    }
    return p == NULL || p[2] == 'Z' || p[2] == 'X';
}

static void wait_dead(pid_t pid)
{
    uint64_t by = vm_now() + DEADLINE_MS;

    while (!dead(pid) && vm_now() < by)
        poll(NULL, 0, 2);
    assert_true(dead(pid));
}

static bool vm_dir_exists(struct world *w)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    return access(path, F_OK) == 0;
}

static void forget(struct world *w)
{
    w->d->ops->forget(w->d, vm1);
    assert_false(vm_dir_exists(w));
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    snprintf(w->dir, sizeof w->dir, "/tmp/vmrun-test-XXXXXX");
    if (mkdtemp(w->dir) == NULL)
        return -1;
    snprintf(w->vms, sizeof w->vms, "%s/vms", w->dir);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char path[128];
    int rc;

    snprintf(path, sizeof path, "%s/accel", w->dir);
    unlink(path);
    rc = rmdir(w->vms) != 0 || rmdir(w->dir) != 0 ? -1 : 0; /* only when all was forgotten */
    free(w);
    return rc;
}

/* ---- the tests ---- */

static void test_start_and_stop(void **state)
{
    struct world *w = *state;
    pid_t pid, sh;

    driver_open(w);
    start(w, 7, "");
    until(w, is_running, "RUNNING");
    assert_true(w->saw[BX_OBSERVED_STARTING]);
    pid = qemu_pid(w);
    sh = parent_of(pid);
    until(w, guest_is_up, "the guest's line on the console");
    w->d->ops->stop(w->d, vm1, 10000);
    until(w, is_exited, "EXITED after stop");
    assert_false(w->failed);
    assert_string_equal(w->message, "stopped");
    assert_int_equal(w->epoch, 7);
    assert_true(dead(pid));
    until(w, guest_is_up, "the console after the end");
    forget(w);
    driver_close(w);
    wait_dead(sh); /* the shim leaves right after it told */
}

static void test_bad_kernel_is_told(void **state)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96,
                             .kernel = bx_str("/nowhere/vmlinuz")};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};

    driver_open(w);
    memcpy(run.vm, vm1, 16);
    w->d->ops->start(w->d, &run);
    until(w, is_exited, "EXITED");
    assert_true(w->failed);
    assert_string_equal(w->message, "no such file: /nowhere/vmlinuz");
    forget(w);
    driver_close(w);
}

static void test_qemu_refuses(void **state)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96,
                             .kernel = bx_str("/etc/hostname")};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};

    driver_open(w);
    memcpy(run.vm, vm1, 16);
    w->d->ops->start(w->d, &run);
    until(w, is_exited, "EXITED");
    assert_true(w->failed);
    /* QEMU's own words reach the operator. */
    if (strncmp(w->message, "exit 1: qemu", 12) != 0)
        fail_msg("message: %s", w->message);
    forget(w);
    driver_close(w);
}

static void test_guest_reset_is_a_failure(void **state)
{
    struct world *w = *state;

    driver_open(w);
    start(w, 2, "console=ttyS0 reboot=t panic=-1 quiet blixard.end=reboot");
    until(w, is_exited, "EXITED by the guest's reset");
    assert_true(w->failed);
    assert_string_equal(w->message, "the guest reset itself");
    forget(w);
    driver_close(w);
}

struct listed {
    unsigned n;
    struct bx_observation o;
};

static void list(void *ctx, const struct bx_observation *o)
{
    struct listed *l = ctx;

    l->n++;
    l->o = *o;
}

static bool adopted_speaks(struct world *w)
{
    return w->saw[BX_OBSERVED_STOPPING] || w->observed == BX_OBSERVED_EXITED;
}

/* The daemon is killed while a VM runs: QEMU goes on, the next daemon finds it under the same pid. */
static void test_daemon_killed(void **state)
{
    struct world *w = *state;
    struct listed l = {0};
    pid_t child, pid;
    int to[2], status;

    assert_int_equal(pipe(to), 0);
    child = fork();
    if (child == 0) {
        driver_open(w);
        start(w, 11, "");
        until(w, is_running, "RUNNING");
        pid = qemu_pid(w);
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
    assert_false(dead(pid));

    driver_open(w);
    w->d->ops->each(w->d, list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_RUNNING);
    assert_int_equal(l.o.epoch, 11);
    w->epoch = 11;
    assert_int_equal(qemu_pid(w), pid);
    until(w, guest_is_up, "the console of an adopted VM");
    w->d->ops->stop(w->d, vm1, 10000);
    until(w, adopted_speaks, "the adopted shim's answer");
    until(w, is_exited, "EXITED");
    assert_false(w->failed);
    assert_true(dead(pid));
    forget(w);
    driver_close(w);
}

static void test_qemu_dies(void **state)
{
    struct world *w = *state;
    struct listed l = {0};
    uint64_t began;
    pid_t pid, sh;

    driver_open(w);
    start(w, 3, "");
    until(w, is_running, "RUNNING");
    pid = qemu_pid(w);
    began = vm_now();
    kill(pid, SIGSEGV);
    until(w, is_exited, "EXITED after SIGSEGV");
    assert_true(vm_now() - began < 1000);
    assert_true(w->failed);
    assert_non_null(strstr(w->message, "killed by signal 11"));
    forget(w);

    /* What ended while no daemon looked is found afterwards. */
    start(w, 4, "");
    until(w, is_running, "RUNNING again");
    pid = qemu_pid(w);
    sh = parent_of(pid);
    driver_close(w);
    kill(pid, SIGKILL);
    wait_dead(sh);
    driver_open(w);
    w->d->ops->each(w->d, list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_EXITED);
    assert_int_equal(l.o.epoch, 4);
    assert_true(l.o.failed);
    assert_non_null(strstr(l.o.message, "killed by signal 9"));
    forget(w);
    driver_close(w);
}

static void test_qemu_stopped(void **state)
{
    struct world *w = *state;
    uint64_t began;
    pid_t pid;

    driver_open(w);
    start(w, 5, "");
    until(w, is_running, "RUNNING");
    pid = qemu_pid(w);
    kill(pid, SIGSTOP);
    began = vm_now();
    w->d->ops->stop(w->d, vm1, 500);
    until(w, is_exited, "EXITED although QEMU is stopped");
    assert_true(vm_now() - began >= 500 && vm_now() - began < 2000);
    assert_non_null(strstr(w->message, "killed: it did not stop within 500 ms"));
    assert_true(dead(pid));
    forget(w);
    driver_close(w);
}

static void test_shim_killed(void **state)
{
    struct world *w = *state;
    pid_t pid;

    driver_open(w);
    start(w, 6, "");
    until(w, is_running, "RUNNING");
    pid = qemu_pid(w);
    kill(parent_of(pid), SIGKILL);
    until(w, is_exited, "EXITED after the shim died");
    assert_true(w->failed);
    assert_string_equal(w->message, "lost with its shim, which died");
    assert_true(dead(pid)); /* the lock was free, so it must be */
    forget(w);
    driver_close(w);
}

/* A shim that is stopped does not hold up the loop, and dies for a kill all the same. */
static void test_shim_stopped(void **state)
{
    struct world *w = *state;
    uint64_t began;
    pid_t pid;

    driver_open(w);
    start(w, 8, "");
    until(w, is_running, "RUNNING");
    pid = qemu_pid(w);
    kill(parent_of(pid), SIGSTOP);
    began = vm_now();
    w->d->ops->kill(w->d, vm1);
    assert_true(vm_now() - began < 100);
    until(w, is_exited, "EXITED although the shim is stopped");
    assert_true(dead(pid));
    forget(w);
    driver_close(w);
}

static void test_held_lock(void **state)
{
    struct world *w = *state;
    struct listed l = {0};
    char path[160];
    struct bx_err err;
    int dir, lock;

    driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(vm_lock_take(dir, &lock, &err), BX_OK);
    start(w, 9, "");
    until(w, is_exited, "EXITED, refused");
    assert_true(w->failed);
    assert_string_equal(w->message, "an earlier run of this VM still holds its lock");
    driver_close(w);

    /* A daemon that finds the lock held and no good record assumes nothing and touches nothing. */
    w->saw[BX_OBSERVED_EXITED] = false;
    w->observed = BX_OBSERVED_ABSENT;
    driver_open(w);
    w->d->ops->each(w->d, list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_STOPPING);
    assert_int_equal(l.o.epoch, 0);
    w->d->ops->kill(w->d, vm1);
    w->d->ops->forget(w->d, vm1);
    assert_true(vm_dir_exists(w));
    close(lock);
    until(w, is_exited, "EXITED once the lock is free");
    forget(w);
    close(dir);
    driver_close(w);
}

/* Without a kernel it runs and says that nothing boots; the disk outlives the run. */
static void test_no_kernel_and_a_disk(void **state)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("bare"), .vcpus = 1, .memory_mib = 64, .disk_gib = 1};
    struct bx_run run = {.epoch = 12, .node = 1, .config = &c};
    char path[160];
    struct stat st;

    driver_open(w);
    memcpy(run.vm, vm1, 16);
    w->d->ops->start(w->d, &run);
    until(w, is_running, "RUNNING");
    assert_non_null(strstr(w->message, "no kernel given"));
    w->d->ops->kill(w->d, vm1);
    until(w, is_exited, "EXITED");
    assert_false(w->failed);
    assert_string_equal(w->message, "killed as asked");
    w->d->ops->forget(w->d, vm1);
    snprintf(path, sizeof path, "%s/%s/" VM_FILE_DISK, w->vms, vm1_text);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size == 1 << 30 && st.st_blocks < 100);
    unlink(path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0); /* nothing else was left */
    driver_close(w);
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

    driver_open(w);
    w->d->ops->each(w->d, list, &l);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.o.observed, BX_OBSERVED_EXITED);
    assert_true(l.o.failed);
    assert_int_equal(l.o.epoch, epoch);
    assert_string_equal(l.o.message, message);
    forget(w);
    driver_close(w);
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
    driver_open(w);
    w->d->ops->each(w->d, list, &l);
    assert_int_equal(l.n, 0);
    assert_false(vm_dir_exists(w));
    driver_close(w);
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
    driver_close(w);
}

/* ---- */

static bool find_guest(const char *src)
{
    char command[1200], line[512];
    FILE *f;

    /* One cache for all builds of one user; the script keeps what is there. */
    snprintf(command, sizeof command, "'%s/contrib/make-test-guest.sh' \"${TMPDIR:-/tmp}/blixard-"
             "test-guest-%u\" 2>/dev/null", src, (unsigned)getuid());
    f = popen(command, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "KERNEL=", 7) == 0)
            snprintf(kernel, sizeof kernel, "%s", line + 7);
        if (strncmp(line, "INITRD=", 7) == 0)
            snprintf(initrd, sizeof initrd, "%s", line + 7);
    }
    return pclose(f) == 0 && kernel[0] != '\0' && initrd[0] != '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_and_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_kernel_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_qemu_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_guest_reset_is_a_failure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_daemon_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_qemu_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_qemu_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shim_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shim_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_held_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_kernel_and_a_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_rebooted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_while_starting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_accelerator, setup, teardown),
    };
    const char *src = getenv("BLIXARD_SRC"), *build = getenv("BLIXARD_BUILD");
    char why[256];

    if (!driver_qemu_usable(NULL, why, sizeof why)) {
        printf("1..0 # SKIP %s\n", why);
        return 77;
    }
    if (!find_guest(src == NULL ? "." : src)) {
        printf("1..0 # SKIP no test guest: contrib/make-test-guest.sh says why\n");
        return 77;
    }
    snprintf(shim, sizeof shim, "%s/blixard-vm", build == NULL ? "." : build);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
