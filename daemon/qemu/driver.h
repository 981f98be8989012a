/* driver_qemu - the driver that runs real VMs: struct bx_driver on libuv, QEMU and blixard-vm.
 *
 * Every run has a shim (vm_shim.h) that outlives this process; the driver talks to it over a socket
 * and knows of a run by what lies in the VM's directory (vm_record.h). Nothing here waits for a
 * process: a shim or a QEMU that is stopped costs a deadline, not the loop. */
#ifndef QEMU_DRIVER_H
#define QEMU_DRIVER_H

#include "node/ports.h"

#include <uv.h>

struct driver_qemu_options {
    uv_loop_t *loop;
    const char *dir;   /* of all VMs, absolute; made when it is missing */
    const char *shim;  /* path of blixard-vm */
    const char *qemu;  /* path or name; NULL: qemu-system-x86_64 from PATH */
    const char *accel; /* "kvm", "tcg"; NULL: probe */
    uint64_t node;
    uint32_t grace_ms; /* of a shim that gets SIGTERM; 0: 60 s */
    /* A line for the log; level as in syslog. May be NULL. */
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
};

/* True when QEMU is found and runs; else `why` says what is missing. Waits for QEMU, 5 s at
 * most. */
bool driver_qemu_usable(const char *qemu, char *why, size_t n);

/* Adopt what runs under dir and learn what ended. Probing the accelerator may take 2 s, once per
 * boot: the answer is kept beside dir. Strings are copied.
 * BX_OK, BX_INVALID, BX_IO, BX_NO_MEMORY. */
int driver_qemu_create(struct bx_driver **d, const struct driver_qemu_options *o,
                       struct bx_err *err);
/* Let go: VMs run on. No observation comes after this; the memory goes when the loop has closed the
 * handles, so the loop must turn once more. NULL is allowed. */
void driver_qemu_destroy(struct bx_driver *d);

/* The VM was deleted: its disk goes, too. What somebody may still run stays, and the log says
 * so. */
void driver_qemu_remove(struct bx_driver *d, const uint8_t vm[16]);

const char *driver_qemu_accel(const struct bx_driver *d);

#endif
