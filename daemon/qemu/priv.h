/* driver_qemu_int - shared by the files of the driver, and by nobody else.
 *
 * A VM here is one struct qemu_vm from start (or the scan at the beginning) to forget:
 *
 *   start: directory, disk, lock, spec, shim spawned -> STARTING
 *   tick:  connect to the shim's socket, again and again; the shim says its state from then on
 *   end:   the shim says "exited"; or its socket closes, and once the lock is free the files tell
 *
 * The observation only moves forward: STARTING, RUNNING, STOPPING, EXITED. */
#ifndef QEMU_PRIV_H
#define QEMU_PRIV_H

#include "qemu/driver.h"
#include "mem/arena.h"
#include "mem/map.h"
#include "vmdir/qmp.h"
#include "vmdir/proto.h"

#define QEMU_ARGS_MAX 64u
#define QEMU_SHIM_MS 5000u /* for a shim of ours to speak, and beyond a stop's timeout to obey */

struct driver_qemu;

/* A shim that this process spawned, until it is reaped; also after its VM was forgotten. */
struct qemu_shim {
    uv_process_t process;
    struct driver_qemu *d;
    struct qemu_vm *vm; /* NULL: forgotten */
    struct qemu_shim *next, **prev;
};

struct qemu_vm {
    struct driver_qemu *d;
    uint8_t id[16];
    char text[BX_UUID_TEXT];
    uint64_t epoch;
    enum bx_observed observed;
    bool failed;
    char message[VM_TEXT_MAX];

    int dir;
    uv_timer_t timer;
    uv_pipe_t *pipe; /* to the shim; NULL: not connected */
    struct qmp_lines lines;
    char buf[VM_LINE_MAX];
    struct qemu_shim *shim; /* NULL: adopted, or reaped */
    int pidfd;              /* of the shim, once connected; -1 */
    unsigned tries;
    uint64_t answer_by; /* when the shim is killed unless it did its part; 0: never */
    bool heard;         /* the shim has spoken */
    bool want_stop, want_kill;
    uint32_t stop_ms;
    bool announce; /* an observation waits for the timer */
    bool unknown;  /* lock held without a good record: left alone */
    bool gone;     /* forgotten, the handles are closing */
};

struct driver_qemu {
    struct bx_driver base;
    uv_loop_t *loop;
    char *path, *shim, *qemu;
    char accel[8];
    uint64_t node;
    uint32_t grace_ms;
    uint8_t boot[16];
    int dir;
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
    struct bx_map vms;
    struct qemu_shim *shims;
    unsigned refs; /* VMs and shims whose memory is in use, and the owner */
};

/* driver_qemu.c */
void qemu_say(struct driver_qemu *d, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct qemu_vm *qemu_find(struct driver_qemu *d, const uint8_t vm[16]);
/* A new one in the map, ABSENT, its timer idle; make: its directory too. NULL: memory is out. dir
 * is -1 and errno tells when the directory can not be opened. */
struct qemu_vm *qemu_add(struct driver_qemu *d, const uint8_t vm[16], uint64_t epoch, bool make);
/* Out of the map; the memory goes when the handles are closed. */
void qemu_drop(struct qemu_vm *v);
void qemu_unref(struct driver_qemu *d);

/* driver_qemu_run.c: what becomes of a run */
/* Move forward; tells later, from the timer, which is safe anywhere. An empty message leaves the
 * one that stands. */
void qemu_set(struct qemu_vm *v, enum bx_observed to, bool failed, const char *message);
void qemu_watch(struct qemu_vm *v, unsigned delay_ms); /* call tick after that */
void qemu_disconnect(struct qemu_vm *v);
/* The lock is ours: no process is left. Tell from the files how it ended. False: nothing began. */
bool qemu_settle(struct qemu_vm *v);
void qemu_order(struct qemu_vm *v); /* send what is wanted, when connected */

/* driver_qemu_start.c */
void qemu_start(struct driver_qemu *d, const struct bx_run *run);

/* driver_qemu_remove.c */
/* Remove the files of a run; the disk that outlives runs stays, and then so does the directory. */
void qemu_remove_files(struct qemu_vm *v);
/* False: this is not what a removal left. */
bool qemu_remove_rest(struct driver_qemu *d, const char *name);

/* driver_qemu_scan.c */
int qemu_scan(struct driver_qemu *d, struct bx_err *err);

/* driver_qemu_args.c. QEMU's command line, NULL-terminated; strings live in the arena. BX_OK,
 * BX_INVALID (a path that is not absolute), BX_NOT_FOUND (no such file), BX_NO_MEMORY. */
int qemu_args(const char *qemu, const char *accel, const struct bx_vm_config *c,
              struct bx_arena *arena, char *argv[QEMU_ARGS_MAX], struct bx_err *err);

/* driver_qemu_accel.c. Sets accel to kvm or tcg; cached in ../accel of dir for this boot. */
void qemu_accel(int dir, const char *qemu, const uint8_t boot[16], char accel[8], char *why,
                size_t n);

#endif
