/* vm_shim - blixard-vm: one process per run of a VM, which starts QEMU and outlives the daemon.
 *
 * The happy path: take the lock, bind the control socket, fork QEMU's process, which waits at a
 * gate; write the record durably; open the gate. QEMU connects to qmp.sock, greets, answers
 * qmp_capabilities: running. A stop is asked for over the control socket, QEMU ends, the outcome is
 * written durably, the lock released, whoever is connected told, and the shim ends.
 *
 * What can fail: the lock is held, a file can not be written: a message on standard error, exit 1,
 * and QEMU never executed. QEMU can not be executed, or dies: noticed by its pidfd. It is not ready
 * within SHIM_READY_MS, or leaves a QMP command unanswered: SIGKILL. The shim itself dies: the
 * kernel kills QEMU (PR_SET_PDEATHSIG). The daemon dies: nothing happens. QEMU is never started
 * again.
 *
 * A stop tells QEMU to quit, at once: the machine is microvm without ACPI, which has no power
 * button to press. (With ACPI every sixth boot of a guest hung in its kernel under TCG.) QEMU
 * writes back what the guest had written to its disk; what the guest had not yet written is
 * lost. */
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
#define SHIM_WORDS_MAX 161u
#define SHIM_GRACE_MS 60000u /* until the kill, when SIGTERM asks for a stop */

struct shim_peer {
    int fd; /* -1: free */
    struct qmp_lines lines;
    char buf[VM_LINE_MAX];
};

struct vm_shim {
    /* as the command line says */
    const char *dir_path;
    char **command; /* of QEMU, NULL-terminated */
    uint32_t grace_ms;
    int lock; /* -1: not given */

    int dir;
    int listener, qmp_listener, console_pipe, errors_pipe, pidfd, signals; /* -1: closed */
    pid_t pid;
    struct vm_log console, qemu_log;
    struct qmp qmp;
    struct vm_record record;
    struct vm_status status;
    struct shim_peer peers[SHIM_PEERS];

    uint64_t ready_by;               /* boot times; 0: no deadline */
    uint64_t kill_by;                /* of a stop */
    uint32_t stop_ms;                /* that kill_by came from */
    char killed[VM_TEXT_MAX];        /* why the shim killed QEMU; empty: it did not */
    bool kill_failed;                /* that reason is a failure */
    char last_words[SHIM_WORDS_MAX]; /* the last line of QEMU's standard error */
    bool done;
};

/* vm_shim_child.c: fork, record, gate. pidfd, pid, pipes and logs are set on BX_OK; after an error
 * QEMU was not executed and its process is gone. */
int shim_spawn(struct vm_shim *s, struct bx_err *err);

/* vm_shim_run.c: from the open gate to the end. */
void shim_run(struct vm_shim *s);
void shim_stop(struct vm_shim *s, uint32_t timeout_ms);
/* SIGKILL now; why is for people. failed: the reason is not that somebody asked. */
void shim_kill(struct vm_shim *s, bool failed, const char *why);

/* vm_shim_end.c: QEMU was reaped; write, release, tell. */
void shim_end(struct vm_shim *s, int how, int status);

/* vm_shim_peer.c: the control socket. */
int shim_peers_open(struct vm_shim *s, struct bx_err *err);
void shim_peers_accept(struct vm_shim *s);
void shim_peers_read(struct vm_shim *s, struct shim_peer *p);
void shim_peers_tell(struct vm_shim *s); /* the status, to everybody */
/* A listening unix socket of that name in the VM's directory, which is the working directory. */
int shim_listen(const char *name, int *fd, struct bx_err *err);
/* The other end's process; false when it runs as somebody else. */
bool shim_peer_ours(int fd, pid_t *pid);

#endif
