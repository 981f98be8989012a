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
    w->d->ops->start(w->d, &run, NULL);
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
    w->d->ops->start(w->d, &run, NULL);
    vmrun_until(w, vmrun_is_running, "RUNNING");
}

static void end(struct world *w)
{
    w->d->ops->kill(w->d, vm1);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    w->d->ops->forget(w->d, vm1);
    w->d->ops->remove(w->d, vm1);
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

/* ---- whom QEMU runs as ---- */

/* The numbers of a line of /proc/PID/status, with single spaces. */
static void status_of(pid_t pid, const char *key, char out[128])
{
    char path[64], line[256], *save = NULL;
    size_t n = strlen(key), at = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    assert_non_null(f);
    out[0] = '\0';
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, n) != 0 || line[n] != ':')
            continue;
        for (const char *p = strtok_r(line + n + 1, " \t\n", &save); p != NULL;
             p = strtok_r(NULL, " \t\n", &save))
            at += (size_t)snprintf(out + at, 128 - at, "%s%s", at == 0 ? "" : " ", p);
    }
    fclose(f);
}

static void status_is(pid_t pid, const char *key, const char *want)
{
    char got[128];

    status_of(pid, key, got);
    if (strcmp(got, want) != 0)
        fail_msg("%s is \"%s\" and not \"%s\"", key, got, want);
}

static void owned_by(const struct world *w, const char *name, uid_t uid, mode_t mode)
{
    char path[160];
    struct stat st;

    snprintf(path, sizeof path, "%s/%s%s%s", w->vms, vm1_text, name[0] == '\0' ? "" : "/", name);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, uid);
    assert_int_equal(st.st_mode & 07777, mode);
}

TEST(under_root_qemu_has_a_user_of_its_own_and_no_rights)
{
    struct world *w = *state;
    struct stat st;
    pid_t pid;

    if (geteuid() != 0)
        skip();
    vmrun_driver_open(w);
    start_with_disk(w);
    pid = vmrun_qemu_pid(w);
    status_is(pid, "Uid", "61300 61300 61300 61300");
    status_is(pid, "Gid", "61300 61300 61300 61300");
    status_is(pid, "Groups", "");
    status_is(pid, "NoNewPrivs", "1");
    status_is(pid, "CapPrm", "0000000000000000");
    status_is(pid, "CapEff", "0000000000000000");
    assert_int_equal(stat(w->vms, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    owned_by(w, "", FIRST_USER, 0700);
    owned_by(w, VM_FILE_DISK, FIRST_USER, 0600);
    owned_by(w, VM_FILE_LOCK, 0, 0600);
    owned_by(w, VM_FILE_CONSOLE, 0, 0600);
    owned_by(w, VM_FILE_RECORD, 0, 0600);
    vmrun_until(w, vmrun_guest_is_up, "the guest's line on the console");
    end(w);
}

/* A change of the user clears the request to die with the parent. */
TEST(under_root_qemu_dies_with_its_shim)
{
    struct world *w = *state;
    pid_t pid;

    if (geteuid() != 0)
        skip();
    vmrun_driver_open(w);
    start_with_disk(w);
    pid = vmrun_qemu_pid(w);
    status_is(pid, "Uid", "61300 61300 61300 61300");
    kill(vmrun_parent_of(pid), SIGKILL);
    vmrun_wait_dead(pid);
    vmrun_until(w, vmrun_is_exited, "EXITED after the shim died");
    end(w);
}

/* A disk of an earlier version belongs to root. */
TEST(a_disk_of_root_goes_to_the_user_of_its_vm)
{
    struct world *w = *state;
    char path[160];
    int fd;

    if (geteuid() != 0)
        skip();
    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s/" VM_FILE_DISK, w->vms, vm1_text);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "data", 4), 4);
    close(fd);
    start_with_disk(w);
    owned_by(w, VM_FILE_DISK, FIRST_USER, 0600);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, path, 4), 4);
    assert_memory_equal(path, "data", 4);
    close(fd);
    end(w);
}

/* QEMU owns the directory: a link in the place of its disk leads root nowhere. */
TEST(a_link_in_the_place_of_a_disk_is_refused)
{
    struct world *w = *state;
    struct bx_vm_config c = {.name = bx_str("x"), .vcpus = 1, .memory_mib = 96, .disk_gib = 1};
    struct bx_run run = {.epoch = 1, .node = 1, .config = &c};
    char path[160], other[96];
    struct stat st;
    int fd;

    snprintf(other, sizeof other, "%s/other", w->boot);
    fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s/" VM_FILE_DISK, w->vms, vm1_text);
    for (int hard = 0; hard < 2; hard++) {
        assert_int_equal(hard ? link(other, path) : symlink(other, path), 0);
        memcpy(run.vm, vm1, 16);
        w->observed = BX_OBSERVED_ABSENT;
        w->d->ops->start(w->d, &run, NULL);
        vmrun_until(w, vmrun_is_exited, "EXITED");
        assert_true(w->failed);
        assert_non_null(strstr(w->message, VM_FILE_DISK));
        w->d->ops->forget(w->d, vm1);
        assert_int_equal(stat(other, &st), 0);
        assert_int_equal(st.st_size, 0);
        assert_int_equal(st.st_uid, geteuid());
        assert_int_equal(unlink(path), 0);
    }
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    vmrun_driver_close(w);
}

int main(void)
{
    int rc = vmrun_begin(true);

    return rc != 0 ? rc : test_run(vmrun_setup, vmrun_teardown);
}
