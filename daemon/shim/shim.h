/* shim - blixard-vm, the supervisor of one run of a VM: a process that starts QEMU and outlives the
 * daemon.
 *
 * The happy path: take the lock, bind the control socket, fork QEMU's process, which waits at a
 * gate; write the record durably; open the gate. QEMU greets on its monitor and answers
 * qmp_capabilities: the VM is running. A stop is requested over the control socket, QEMU exits, the
 * outcome is written durably, the lock is released, the connected clients are told, and the shim
 * exits.
 *
 * Failures. The lock is held, or a file can not be written: a message on standard error, exit 1,
 * and QEMU is never executed. QEMU can not be executed, or dies: its pidfd tells. QEMU is not ready
 * within SHIM_READY_MS, or does not answer a QMP command: SIGKILL. The shim dies: the kernel kills
 * QEMU (PR_SET_PDEATHSIG), and a file tells what the shim did, unless it was killed. The daemon
 * dies: nothing happens. QEMU is never started again.
 *
 * A guest that reboots, or panics under panic=-1, resets the machine: QEMU goes on with the same
 * kernel, and the run with it. The shim counts that.
 *
 * A stop tells QEMU to quit at once: the machine is microvm without ACPI, which has no power
 * button. (With ACPI every sixth boot of a guest hung in its kernel under TCG.) QEMU flushes what
 * the guest has written to its disk; what the guest has not written yet is lost.
 *
 * One thread, one poll loop. Each function is called by the files of this folder alone. */
#ifndef SHIM_H
#define SHIM_H

#include "vmdir/qmp.h"
#include "vmdir/log.h"
#include "vmdir/proto.h"

#include <sys/types.h>

#define SHIM_PEERS 4u /* connections to the control socket; more are refused */
#define SHIM_READY_MS                                                                              \
    30000u /* from exec to the answer of qmp_capabilities: a busy host that                        \
            * starts many, or a large guest's memory, takes its time */
#define SHIM_CONSOLE_BYTES (1u << 20)
#define SHIM_QEMU_LOG_BYTES (64u << 10)
#define SHIM_SAID_MAX 10u    /* lines of QEMU that are told in a second; all are in its log */
#define SHIM_TELL_MS 1000u   /* between two lines about reboots */
#define SHIM_GRACE_MS 60000u /* from SIGTERM, which requests a stop, to the kill */

struct shim_peer {
    int fd; /* -1: free */
    struct qmp_lines lines;
    char buf[VM_LINE_MAX];
};

struct shim {
    /* ---- from the command line ---- */
    uint64_t trace; /* of the request that started the run; 0: not known */
    const char *dir_path;
    char **command; /* of QEMU, NULL-terminated */
    uint32_t grace_ms;
    uid_t user;         /* that QEMU runs as, in the group of the same number; 0: as this process */
    gid_t group;        /* one more of its groups; 0: none */
    int kernel, initrd; /* files, then sealed copies of them; -1: not given */
    int lock;

    int dir; /* of the VM; the working directory, too */
    int listener, console_pipe, errors_pipe, pidfd, signals; /* -1: closed */
    int qemu_qmp; /* QEMU's end of its monitor, until it is forked */
    pid_t pid;
    struct vm_log console, qemu_log;
    struct qmp qmp;
    struct vm_record record;
    struct vm_status status;
    struct vm_events untold;
    struct shim_peer peers[SHIM_PEERS];

    uint64_t ready_by;            /* boot times; 0: no deadline */
    uint64_t kill_by;             /* when a stop becomes a kill */
    uint64_t tell_by;             /* when clients are told of reboots; 0: they know */
    uint64_t told;                /* when they were last */
    uint32_t stop_ms;             /* the timeout that kill_by was computed from */
    char killed[VM_TEXT_MAX];     /* why the shim killed QEMU; empty: it did not */
    bool kill_failed;             /* that reason is a failure */
    char last_error[VM_SAID_MAX]; /* the last line of QEMU's standard error */
    uint64_t said_since;          /* when the second began in which so many lines were told: */
    uint32_t said;
    bool done;
};

/* shim.c: all closed; then, with the command line's values set: detach from the parent, take the
 * lock, listen. BX_OK, BX_CONFLICT (an earlier run holds the lock), BX_INVALID, BX_IO. */
void shim_init(struct shim *s);
int shim_open(struct shim *s, struct bx_err *err);

/* record.c: write what is recorded from now on to standard error, as lines of key=value. Without
 * memory nothing is. */
void shim_record_open(uint64_t trace);
/* Record an event within the trace of now, and tell the daemon. */
void shim_record(struct shim *s, struct vm_event e);

/* crash.c: leave a file in the VM's directory when this process crashes, if one can be made; remove
 * it, while the lock is still held. */
void shim_crash_open(const struct shim *s);
void shim_crash_close(const struct shim *s);

/* inherit.c: what QEMU inherits besides its standard descriptors: the lock, its monitor, and sealed
 * copies of kernel and initial ramdisk. BX_OK, BX_INVALID (a file can not be read), BX_IO. */
int shim_inherit_open(struct shim *s, struct bx_err *err);
/* In QEMU's process: let them pass the exec. False with errno. */
bool shim_inherit_pass(const struct shim *s);
/* In the shim, which keeps the lock and its own end of the monitor. */
void shim_inherit_close(struct shim *s);

/* child.c: fork, record, gate. pidfd, pid, pipes and logs are set on BX_OK; after an error QEMU was
 * not executed and its process is gone. */
int shim_spawn(struct shim *s, struct bx_err *err);

/* run.c: from the open gate to the end. */
void shim_run(struct shim *s);
/* Ask QEMU to quit; kill it after the timeout. */
void shim_stop(struct shim *s, uint32_t timeout_ms);
/* SIGKILL now; why is for people. failed: it was not requested. */
void shim_kill(struct shim *s, bool failed, const char *why);

/* end.c: QEMU was reaped, with what waitid said. Write the outcome, release the lock, report. */
void shim_end(struct shim *s, int how, int status);

/* peer.c: the control socket. */
int shim_peers_open(struct shim *s, struct bx_err *err);
void shim_peers_accept(struct shim *s);
void shim_peers_read(struct shim *s, struct shim_peer *p);
void shim_peers_report(struct shim *s); /* the status, to every client */
void shim_peers_tell(struct shim *s);   /* the events that are untold, if there is a client */
/* A listening unix socket of that name in the VM's directory, which is the working directory. */
int shim_listen(const char *name, int *fd, struct bx_err *err);
/* The process at the other end; false when it runs as another user. */
bool shim_peer_ours(int fd, pid_t *pid);

#endif
