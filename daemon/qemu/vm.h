/* qemu_vm - one VM of the driver: from its start, or the scan at the beginning, until it is
 * forgotten.
 *
 *   start    directory, disk, lock, spec, shim spawned: STARTING
 *   run      connect to the shim's socket, repeatedly; the shim reports its state from then on
 *   end      the shim reports "exited"; or its socket closes, and once the lock is free the files
 *            tell how the run ended
 *
 * The observation only moves forward: STARTING, RUNNING, STOPPING, EXITED. Everything is called on
 * the loop's thread. */
#ifndef QEMU_VM_H
#define QEMU_VM_H

#include "node/ports.h"
#include "vmdir/proto.h"
#include "vmdir/qmp.h"

#include <uv.h>

#define QEMU_SHIM_MS 5000u /* for a new shim to answer, and for any beyond a stop's timeout */
#define QEMU_TOLD_MAX 32u  /* lines of a shim that are recorded in a second */

struct qemu_driver;
struct qemu_shim;

struct qemu_vm {
    struct qemu_driver *d;
    uint8_t id[16];
    char text[BX_UUID_TEXT];
    uint64_t epoch;
    uint64_t trace; /* of what started or ended it; 0: not known, an earlier daemon did */
    enum bx_observed observed;
    bool failed;
    char message[VM_TEXT_MAX];
    uint32_t reboots;

    int dir; /* -1: could not be opened */
    uv_timer_t timer;
    uv_pipe_t *pipe; /* to the shim; NULL: not connected */
    struct qmp_lines lines;
    char buf[VM_LINE_MAX];
    struct qemu_shim *shim; /* NULL: adopted, or reaped */
    int pidfd;              /* of the shim, once connected; -1 */
    unsigned tries;         /* to connect, since the last connection */
    uint64_t answer_by;     /* boot time when the shim is killed unless it has obeyed; 0: never */
    bool confirmed;         /* the shim has reported, and runs the recorded run */
    bool stop_requested, kill_requested;
    uint32_t stop_ms;
    uint64_t told_since; /* when the second began in which so many of its lines were recorded: */
    uint32_t told;
    bool announce; /* an observation waits for the timer */
    bool unknown;  /* the lock is held, but not by the recorded run: gets no orders */
    bool gone;     /* dropped; its handles are closing */
};

/* ---- vm.c: the table ---- */

/* NULL when there is none. */
struct qemu_vm *qemu_vm_find(struct qemu_driver *d, const uint8_t vm[16]);
/* A new one in the table, ABSENT, its timer idle; make: its directory, too. NULL when memory is
 * out. dir is -1 and errno tells why when the directory can not be opened. */
struct qemu_vm *qemu_vm_add(struct qemu_driver *d, const uint8_t vm[16], uint64_t epoch, bool make);
/* Out of the table; the memory is freed when the handles are closed. */
void qemu_vm_drop(struct qemu_vm *v);

/* ---- start.c ---- */

/* The VM must not be in the table. Failures are returned, and observed as EXITED. */
int qemu_vm_start(struct qemu_driver *d, const struct bx_run *run, struct bx_err *err);

/* ---- run.c ---- */

/* Move forward. It is announced from the timer, so this is safe anywhere. An empty message keeps
 * the present one. */
void qemu_vm_observe(struct qemu_vm *v, enum bx_observed to, bool failed, const char *message);
/* Look at it again after this time. */
void qemu_vm_watch(struct qemu_vm *v, unsigned delay_ms);
void qemu_vm_disconnect(struct qemu_vm *v);
/* To be called with the lock held, so no process is left: tell from the files how the run ended.
 * False: none began. */
bool qemu_vm_settle(struct qemu_vm *v);
/* Send the stop or kill that is requested, when connected to a confirmed shim. */
void qemu_vm_send_order(struct qemu_vm *v);

/* ---- remove.c ---- */

/* Remove the files of a run. Disk, consoles and files of crashes outlive runs: they stay, and so
 * does the directory when there are any. */
void qemu_vm_remove_files(struct qemu_vm *v);

#endif
