/* Whether QEMU works, and whether KVM does.
 *
 * /dev/kvm may exist and guests hang under it all the same: a nested hypervisor that loses timer
 * interrupts lets a guest run until the first one. So a guest of sixteen instructions counts long
 * enough to be interrupted many times, and must then exit through isa-debug-exit. */
#include "qemu/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define VERSION_MS 5000u
#define PROBE_MS 2000u
#define PROBE_EXIT 33 /* isa-debug-exit: (value << 1) | 1 */
#define FIRMWARE "probe.bin"
#define FIRMWARE_SIZE 65536
#define CACHE "../accel"

/* Wait for the process to end, at most until the deadline. A signal does not end the waiting. */
static bool ends_in_time(int pidfd, uint64_t deadline)
{
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
    uint64_t now;
    int n;

    do {
        now = vm_now();
        n = poll(&pfd, 1, deadline > now ? (int)(deadline - now) : 0);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

/* Run a program with its output discarded. The exit code; -1: it could not be executed, was killed
 * by a signal, or did not end in time and was killed. */
static int run(char *const argv[], unsigned timeout_ms)
{
    uint64_t deadline = vm_now() + timeout_ms;
    posix_spawn_file_actions_t a;
    int rc, pidfd, status = 0;
    pid_t pid, reaped;

    if (posix_spawn_file_actions_init(&a) != 0)
        return -1;
    posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&a, 0, 1);
    posix_spawn_file_actions_adddup2(&a, 0, 2);
    rc = posix_spawnp(&pid, argv[0], &a, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&a);
    if (rc != 0)
        return -1;
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0 || !ends_in_time(pidfd, deadline))
        kill(pid, SIGKILL);
    if (pidfd >= 0)
        close(pidfd);
    do
        reaped = waitpid(pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool qemu_driver_usable(const char *qemu, char *why, size_t n)
{
    char name[] = "qemu-system-x86_64", version[] = "-version";
    char *const argv[] = {qemu == NULL ? name : (char *)qemu, version, NULL};
    int rc = run(argv, VERSION_MS);

    if (rc == 0)
        return true;
    if (rc == 127 || rc == -1)
        snprintf(why, n, "cannot execute %s", argv[0]);
    else
        snprintf(why, n, "%s -version exited with status %d", argv[0], rc);
    return false;
}

static bool write_firmware(int dir)
{
    static const uint8_t reset[] = {0xea, 0x00, 0x00, 0x00, 0xf0}; /* jmp f000:0000 */
    static const uint8_t code[] = {
        0x66, 0xb9, 0x00, 0x00, 0x00, 0x04, /* mov ecx, 1 << 26 */
        0x66, 0x49,                         /* dec ecx */
        0x75, 0xfc,                         /* jnz back to dec */
        0xb0, 0x10, 0xe6, 0xf4,             /* mov al, 16; out 0xf4, al */
        0xf4, 0xeb, 0xfd,                   /* hlt, for ever */
    };
    static uint8_t image[FIRMWARE_SIZE];
    int fd = openat(dir, FIRMWARE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0)
        return false;
    memcpy(image, code, sizeof code);
    memcpy(image + FIRMWARE_SIZE - 16, reset, sizeof reset);
    ok = write(fd, image, sizeof image) == (ssize_t)sizeof image;
    close(fd);
    return ok;
}

bool qemu_kvm_group(const struct qemu_users *users, gid_t *group)
{
    struct stat st;

    *group = 0;
    if (users->n == 0)
        return access("/dev/kvm", R_OK | W_OK) == 0;
    if (stat("/dev/kvm", &st) != 0)
        return false;
    errno = EACCES;
    if ((st.st_mode & 0006) == 0006)
        return true;
    *group = st.st_gid;
    return (st.st_mode & 0060) == 0060 && *group != 0;
}

static bool kvm_runs(struct qemu_driver *d, char *why, size_t n)
{
    char firmware[64];
    char *const argv[] = {d->qemu,
                          "-accel",
                          "kvm",
                          "-M",
                          "microvm,acpi=off",
                          "-m",
                          "16",
                          "-nodefaults",
                          "-no-user-config",
                          "-display",
                          "none",
                          "-no-reboot",
                          "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4",
                          "-bios",
                          firmware,
                          NULL};
    gid_t group;
    int rc;

    if (!qemu_kvm_group(&d->users, &group)) {
        snprintf(why, n, "/dev/kvm: %s", strerror(errno));
        return false;
    }
    snprintf(firmware, sizeof firmware, "/proc/%d/fd/%d/" FIRMWARE, getpid(), d->dir);
    if (!write_firmware(d->dir)) {
        snprintf(why, n, "cannot write the probe: %s", strerror(errno));
        return false;
    }
    rc = run(argv, PROBE_MS);
    unlinkat(d->dir, FIRMWARE, 0);
    if (rc != PROBE_EXIT)
        snprintf(why, n, "a guest under KVM hung or failed");
    return rc == PROBE_EXIT;
}

/* The cache is one line: boot id, accelerator, path of QEMU. */
void qemu_accel(struct qemu_driver *d, char *why, size_t n)
{
    char text[BX_PATH_LEN_MAX + 64], line[BX_PATH_LEN_MAX + 64], uuid[BX_UUID_TEXT];
    static const char *const known[] = {"kvm", "tcg"};
    ssize_t got = 0;
    size_t i;
    int fd, len;

    why[0] = '\0';
    bx_uuid_format(d->boot, uuid);
    fd = openat(d->dir, CACHE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, text, sizeof text - 1);
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    for (i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "%s %s %s\n", uuid, known[i], d->qemu);
        if (strcmp(line, text) == 0) {
            snprintf(d->accel, sizeof d->accel, "%s", known[i]);
            return;
        }
    }
    snprintf(d->accel, sizeof d->accel, "%s", kvm_runs(d, why, n) ? "kvm" : "tcg");
    len = snprintf(line, sizeof line, "%s %s %s\n", uuid, d->accel, d->qemu);
    fd = openat(d->dir, CACHE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return; /* it is probed again next time */
    if (write(fd, line, (size_t)len) != len)
        unlinkat(d->dir, CACHE, 0);
    close(fd);
}
