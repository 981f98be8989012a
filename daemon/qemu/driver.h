/* qemu_driver - the driver that runs real VMs: struct bx_driver on libuv, QEMU and blixard-vm.
 *
 * Every run has a supervisor, blixard-vm (shim/shim.h), that outlives this process; the driver
 * talks to it over a socket and knows of a run by the files in the VM's directory (vmdir/record.h).
 * Nothing here waits for a process, so a supervisor or a QEMU that hangs does not block the loop.
 * Everything is called on the loop's thread. */
#ifndef QEMU_DRIVER_H
#define QEMU_DRIVER_H

#include "node/ports.h"

#include <sys/types.h>
#include <uv.h>

struct qemu_driver_options {
    uv_loop_t *loop;
    const char *dir;   /* of all VMs, absolute; created when missing */
    const char *shim;  /* path of blixard-vm */
    const char *qemu;  /* path or name; NULL: qemu-system-x86_64 from PATH */
    const char *accel; /* "kvm", "tcg"; NULL: probe */
    /* Directories of kernels and initial ramdisks, absolute, separated by colons. */
    const char *boot_dirs;
    uid_t first_user, last_user; /* QEMU runs as one of these; 0: as this process */
    uint64_t node;
    uint32_t grace_ms; /* of a shim that gets SIGTERM; 0: 60 s */
};

/* True when QEMU is found and runs; else `why` says what is missing. Waits for QEMU, 5 s at
 * most. */
bool qemu_driver_usable(const char *qemu, char *why, size_t n);

/* Adopt the runs under dir and learn which ended. Probing the accelerator may take 2 s, once per
 * boot: the answer is kept beside dir. Strings are copied.
 * BX_OK, BX_INVALID, BX_DENIED (users, but not root), BX_IO, BX_NO_MEMORY. */
int qemu_driver_create(struct bx_driver **d, const struct qemu_driver_options *o,
                       struct bx_err *err);
/* VMs keep running. No observation comes after this. The memory is freed when the loop has closed
 * the handles, so the loop must turn once more. NULL is allowed. */
void qemu_driver_destroy(struct bx_driver *d);

/* "kvm" or "tcg". */
const char *qemu_driver_accel(struct bx_driver *d);

#endif
