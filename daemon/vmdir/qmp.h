/* qmp - QEMU's machine protocol: JSON objects, one per line, over a unix socket.
 *
 * QEMU sends a greeting and qmp_capabilities is sent. Its reply means that the machine is ready;
 * the greeting comes long before the machine exists. One command is pending at a time. Of the
 * events, the reason of the guest's end is kept, and its resets are counted. The owner of the
 * struct polls fd and checks answer_by. */
#ifndef VMDIR_QMP_H
#define VMDIR_QMP_H

#include "err.h"

#include <stdint.h>

struct json_t;

/* ---- lines of JSON, also used on the shim's control socket ---- */

struct qmp_lines {
    char *buf; /* of the owner */
    size_t cap, len;
};
/* Take n bytes and call fn for each object they complete; the object is released after fn. Empty
 * lines are skipped. BX_OK, BX_MALFORMED (not a JSON object), BX_TOO_LARGE (a line beyond cap);
 * after an error nothing more may be fed. */
int qmp_lines_feed(struct qmp_lines *l, const char *p, size_t n,
                   void (*fn)(void *ctx, struct json_t *o), void *ctx, struct bx_err *err);

/* ---- the monitor ---- */

#define QMP_LINE_MAX 16384u
#define QMP_ANSWER_MS 5000u

enum qmp_phase { QMP_CLOSED, QMP_GREETING, QMP_NEGOTIATING, QMP_READY };

struct qmp {
    int fd; /* -1: closed */
    enum qmp_phase phase;
    uint64_t answer_by; /* boot time when the answer is overdue; 0: no command is under way */
    char command[32];   /* under way */
    char reason[32];    /* of SHUTDOWN: "guest-shutdown", "host-qmp-quit"; or "guest-panic" */
    uint32_t resets;    /* by the guest; a kernel that panics may do that, too */
    struct bx_err *err; /* while reading */
    int rc;
    struct qmp_lines lines;
    char buf[QMP_LINE_MAX];
};

/* Take over a connected, non-blocking socket. The greeting has no deadline here: it comes when QEMU
 * has set up the machine, which the owner bounds. */
void qmp_open(struct qmp *q, int fd);
/* Read what there is. BX_OK, BX_MALFORMED, BX_TOO_LARGE, BX_FAILED (an error answer), BX_IO. At the
 * end of the stream the phase is QMP_CLOSED and the code BX_OK. */
int qmp_read(struct qmp *q, struct bx_err *err);
/* Send a command without arguments and expect the answer within QMP_ANSWER_MS. BX_OK, BX_BUSY (one
 * is under way, or not ready), BX_IO. */
int qmp_execute(struct qmp *q, const char *command, struct bx_err *err);
/* Accepts a closed one. */
void qmp_close(struct qmp *q);

#endif
