/* vm_record - the directory of one VM on the host that runs it, shared by driver and shim.
 *
 *   lock                  flock held while the VM may run: by the driver while it prepares, then by
 *                         the shim and QEMU; getting it proves that no earlier run is left
 *   spec                  JSON for people: what was started, and how
 *   record                identifies the run; durable before QEMU's first instruction
 *   ready                 empty: QMP has answered; a restarted daemon reports RUNNING
 *   exit                  the record with the outcome; durable before the end is reported
 *   shim.sock             the shim's control socket
 *   console.log[.1]       the guest's serial line      qemu.log[.1]  QEMU's standard error
 *   console-K.log[.1]     the console of the Kth run before that; consoles are removed with the VM
 *   shim.log              what the shim recorded, and why it could not start
 *   crash-K.bxr           what a shim did before it crashed, of one of the last VM_CRASHES runs;
 *                         removed with the VM
 *   disk.raw              kept between runs, removed with the VM   scratch.raw   an ephemeral one
 *
 * Names are relative to a descriptor of the directory, because its path may exceed the length of a
 * socket address. */
#ifndef VMDIR_RECORD_H
#define VMDIR_RECORD_H

#include "codec/schema.h"
#include "err.h"

#define VM_FILE_LOCK "lock"
#define VM_FILE_SPEC "spec"
#define VM_FILE_RECORD "record"
#define VM_FILE_READY "ready"
#define VM_FILE_EXIT "exit"
#define VM_FILE_SHIM_SOCKET "shim.sock"
#define VM_FILE_CONSOLE "console.log"
#define VM_FILE_QEMU_LOG "qemu.log"
#define VM_FILE_SHIM_LOG "shim.log"
#define VM_FILE_DISK "disk.raw"
#define VM_FILE_SCRATCH "scratch.raw"
/* The host has forgotten the cluster that the VM was of (forget.h): the disk is nobody's to remove,
 * until a cluster that the host belongs to starts the VM here. */
#define VM_FILE_KEPT "kept"

/* Of the newest run first, BX_CONSOLES of them. */
extern const char *const vm_console_names[];

#define VM_CRASHES 4u
extern const char *const vm_crash_names[VM_CRASHES];
/* Of the run of this epoch. */
static inline const char *vm_crash_name(uint64_t epoch)
{
    return vm_crash_names[epoch % VM_CRASHES];
}

/* Descriptors that QEMU inherits besides the standard ones. The driver gives lock, kernel and
 * initial ramdisk to the shim under these numbers; the last two only where the VM has them. */
enum { VM_FD_LOCK = 3, VM_FD_QMP, VM_FD_KERNEL, VM_FD_INITRD, VM_FD_END };

#define VM_TEXT_MAX 256 /* of a message, with its NUL */

struct vm_record {
    uint8_t vm[16];
    uint64_t node, epoch;
    uint8_t boot[16]; /* the kernel's boot id */
    uint32_t pid;     /* QEMU's */
    uint64_t start;   /* when that process began, clock ticks after boot */
    bool ended;       /* true in the file exit; what follows is about the end */
    bool asked;       /* a stop or a kill was requested */
    bool failed;
    uint32_t code, signal;  /* from waitid: exit code, or the signal */
    struct bx_str stored;   /* of text; set by read and write */
    char text[VM_TEXT_MAX]; /* for people */
};

/* Replace the file `name` durably: written beside, synced, renamed, the directory synced.
 * BX_OK, BX_IO, BX_NO_SPACE. */
int vm_record_write(int dir, const char *name, struct vm_record *r, struct bx_err *err);
/* BX_OK, BX_NOT_FOUND, BX_CORRUPT (not what vm_record_write writes), BX_IO. */
int vm_record_read(int dir, const char *name, struct vm_record *r, struct bx_err *err);

/* Open and take the lock, without waiting. *fd is close-on-exec.
 * BX_OK, BX_CONFLICT (an earlier run holds it), BX_IO. */
int vm_lock_take(int dir, int *fd, struct bx_err *err);
/* Take the lock through a descriptor that may already hold it. BX_CONFLICT also if the descriptor
 * does not refer to the file that has the name now. Closes nothing. */
int vm_lock_confirm(int dir, int fd, struct bx_err *err);

int vm_boot_id(uint8_t out[16], struct bx_err *err);
/* Start time of a process as in /proc/PID/stat; 0 when there is no such process. */
uint64_t vm_start_time(int pid);
/* CLOCK_BOOTTIME in milliseconds. */
uint64_t vm_now(void);

#endif
