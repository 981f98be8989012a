/* qemu_priv - the driver itself, for the files of this folder alone. */
#ifndef QEMU_PRIV_H
#define QEMU_PRIV_H

#include "mem/arena.h"
#include "mem/map.h"
#include "qemu/driver.h"
#include "qemu/user.h"
#include "qemu/vm.h"
#include "rec/rec.h"

#define QEMU_ARGS_MAX 64u

/* A shim that this process spawned, until it is reaped; also after its VM was forgotten. */
struct qemu_shim {
    uv_process_t process;
    struct qemu_driver *d;
    struct qemu_vm *vm; /* NULL: forgotten */
    struct qemu_shim *next, **prev;
};

struct qemu_driver {
    struct bx_driver base;
    uv_loop_t *loop;
    char *path, *shim, *qemu, *boot_dirs;
    char accel[8];
    uint64_t node;
    uint32_t grace_ms;
    uint8_t boot[16];
    int dir;
    struct qemu_users users;
    gid_t kvm; /* the group that QEMU needs for /dev/kvm; 0: none */
    struct bx_map vms;
    struct qemu_shim *shims;
    unsigned refs; /* VMs and shims whose memory is in use, and the owner */
};

/* The driver whose port this is. */
static inline struct qemu_driver *qemu_driver_of(struct bx_driver *d)
{
    return (struct qemu_driver *)(void *)((char *)d - offsetof(struct qemu_driver, base));
}

/* driver.c */
void qemu_driver_unref(struct qemu_driver *d);

/* start.c: the close callback of a shim's process handle */
void qemu_shim_closed(uv_handle_t *h);

/* scan.c. BX_OK, BX_IO or BX_NO_MEMORY. */
int qemu_scan(struct qemu_driver *d, struct bx_err *err);

/* remove.c: of the driver's table. A disk that a run may still use stays, with a warning in the
 * log. */
void qemu_remove(struct bx_driver *d, const uint8_t vm[16]);
/* scan.c: the same */
void qemu_each_stored(struct bx_driver *d, void (*fn)(void *ctx, const uint8_t vm[16]), void *ctx);

/* remove.c: finish the removal of a disk that was begun under this name. False: it was not. */
bool qemu_remove_leftover(struct qemu_driver *d, const char *name);

/* boot.c: open the file of this path for reading, if it is a regular one of at most max bytes in
 * one of the directories, which are separated by colons. *fd is -1 after an error: BX_DENIED (not
 * in one of them, or not a regular file), BX_NOT_FOUND, BX_TOO_LARGE, BX_INVALID (empty), BX_IO. */
int qemu_boot_open(const char *dirs, struct bx_str path, uint64_t max, int *fd, struct bx_err *err);

/* args.c: QEMU's command line, NULL-terminated; strings live in the arena. Kernel and initial
 * ramdisk are the descriptors VM_FD_KERNEL and VM_FD_INITRD. BX_OK or BX_NO_MEMORY. */
int qemu_args(const char *qemu, const char *accel, const struct bx_vm_config *c,
              struct bx_arena *arena, char *argv[QEMU_ARGS_MAX], struct bx_err *err);

/* accel.c: set accel to kvm or tcg; cached in ../accel of dir for this boot. why tells why KVM is
 * not used, or is empty. */
void qemu_accel(struct qemu_driver *d, char *why, size_t n);
/* Whether QEMU may use /dev/kvm, and the group that its user has to be in for that; 0: none. False
 * with errno. */
bool qemu_kvm_group(const struct qemu_users *users, gid_t *group);

#endif
