/* Real guests: what of the host reaches QEMU, and what does not. */
#include "lib/testlib.h"

#include "vmrun_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what a user may name ---- */

static void start_with(struct world *w, const char *path)
{
    struct bx_vm_config c = {
        .name = bx_str("x"), .vcpus = 1, .memory_mib = 96, .kernel = bx_str(path)};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};

    memcpy(run.vm, vm1, 16);
    w->observed = BX_OBSERVED_ABSENT;
    w->d->ops->start(w->d, &run);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_true(w->failed);
    vmrun_forget(w);
}

TEST(a_kernel_is_taken_from_the_boot_directories_only)
{
    struct world *w = *state;
    char path[96];

    vmrun_driver_open(w);
    start_with(w, "/etc/shadow");
    assert_non_null(strstr(w->message, "/etc/shadow is not in a boot directory of this node"));
    assert_non_null(strstr(w->message, "set --boot-dir"));
    snprintf(path, sizeof path, "%s/link", w->boot);
    assert_int_equal(symlink("/etc/shadow", path), 0);
    start_with(w, path);
    assert_non_null(strstr(w->message, "symbolic link"));
    vmrun_driver_close(w);
}

/* ---- what QEMU gets ---- */

/* Where the descriptor of a process leads to. False: it has none of this number. */
static bool target(pid_t pid, const char *fd, char out[256])
{
    char path[300];
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, fd);
    n = readlink(path, out, 255);
    out[n < 0 ? 0 : n] = '\0';
    return n >= 0;
}

/* A descriptor is what the command line names, or QEMU's own: none that it opened itself is a file
 * of ours, a directory or a terminal. Pipes and sockets are counted. */
struct count {
    unsigned pipes, sockets, files;
};

static void classify(const struct world *w, const char *to, struct count *n)
{
    static const char *const own[] = {"anon_inode:", "/dev/null", "/memfd:", "/dev/kvm"};
    char files[2][160];

    snprintf(files[0], sizeof files[0], "%s/%s/" VM_FILE_LOCK, w->vms, vm1_text);
    snprintf(files[1], sizeof files[1], "%s/%s/" VM_FILE_DISK, w->vms, vm1_text);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strncmp(to, own[i], strlen(own[i])) == 0)
            return;
    if (strncmp(to, "pipe:", 5) == 0)
        n->pipes++;
    else if (strncmp(to, "socket:", 7) == 0)
        n->sockets++;
    else if (strcmp(to, files[0]) == 0 || strcmp(to, files[1]) == 0)
        n->files++;
    else
        fail_msg("QEMU has %s open", to);
}

static void check_descriptors(const struct world *w, pid_t pid)
{
    struct count n = {0};
    char path[64], to[256];
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    dir = opendir(path);
    assert_non_null(dir);
    while ((e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.' && target(pid, e->d_name, to))
            classify(w, to, &n);
    closedir(dir);
    assert_int_equal(n.pipes, 2);   /* the console and the errors */
    assert_int_equal(n.sockets, 1); /* the monitor */
    assert_true(n.files >= 2);      /* the lock and the disk, which it opens more than once */
}

static void start_with_disk(struct world *w)
{
    struct bx_vm_config c = {.name = bx_str("vmrun-test"),
                             .vcpus = 1,
                             .memory_mib = 96,
                             .disk_gib = 1,
                             .kernel = bx_str(kernel),
                             .initrd = bx_str(initrd)};
    struct bx_run run = {.epoch = 3, .node = 1, .config = &c};

    memcpy(run.vm, vm1, 16);
    w->observed = BX_OBSERVED_ABSENT;
    w->d->ops->start(w->d, &run);
    vmrun_until(w, vmrun_is_running, "RUNNING");
}

static void end(struct world *w)
{
    w->d->ops->kill(w->d, vm1);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    w->d->ops->forget(w->d, vm1);
    qemu_driver_remove(w->d, vm1);
    vmrun_driver_close(w);
}

/* Whatever the daemon has open, also by mistake without close-on-exec. */
TEST(qemu_inherits_what_its_command_line_names)
{
    struct world *w = *state;
    int leaks[3];

    leaks[0] = open("/etc/passwd", O_RDONLY);
    leaks[1] = fcntl(leaks[0], F_DUPFD, 4); /* a number between those that are meant for QEMU */
    leaks[2] = fcntl(leaks[0], F_DUPFD, 200);
    vmrun_driver_open(w);
    start_with_disk(w);
    check_descriptors(w, vmrun_qemu_pid(w));
    for (size_t i = 0; i < 3; i++)
        close(leaks[i]);
    end(w);
}

/* Another file under the same name, and what is written into the file, concern later guests. */
TEST(a_guest_has_sealed_copies_of_kernel_and_ramdisk)
{
    struct world *w = *state;
    char to[256], path[64];
    pid_t pid;
    int fd;

    vmrun_driver_open(w);
    start_with_disk(w);
    pid = vmrun_qemu_pid(w);
    assert_true(target(pid, "5", to));
    assert_string_equal(to, "/memfd:kernel (deleted)");
    assert_true(target(pid, "6", to));
    assert_string_equal(to, "/memfd:initrd (deleted)");
    snprintf(path, sizeof path, "/proc/%d/fd/5", pid);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    close(fd);
    vmrun_until(w, vmrun_guest_is_up, "the guest's line on the console");
    end(w);
}

int main(void)
{
    int rc = vmrun_begin(true);

    return rc != 0 ? rc : test_run(vmrun_setup, vmrun_teardown);
}
