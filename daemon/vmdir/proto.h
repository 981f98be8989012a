/* proto - the protocol between driver and shim on VMDIR/shim.sock: JSON, one object per line.
 *
 * The shim sends its state when a client connects and whenever it changes:
 *
 *   {"vm":"UUID","epoch":7,"pid":4711,"state":"running","failed":false,"message":"","reboots":0}
 *
 * A shim of an earlier build does not count reboots. Those of a guest that reboots all the time
 * come in one line a second. "said" is there when QEMU has written a line to standard error.
 * "event" is there when the shim has recorded one (event.h), in a line of its own before that of
 * the new state:
 *
 *   "event":{"kind":"started","trace":"00f067aa0ba902b7","pid":4711}
 *   "event":{"kind":"state","trace":"00f067aa0ba902b7","state":"stopping","why":""}
 *   "event":{"kind":"ended","trace":"00f067aa0ba902b7","failed":false,"why":"stopped"}
 *
 * The driver sends orders: {"stop":60000} (milliseconds until it is killed) or {"kill":true}; with
 * "trace" if they belong to a request: what the shim records from then on belongs to it, too. The
 * state "exited" is the last line. Only the user that the shim runs as may connect.
 *
 * Shim and driver may be of different builds, as a shim outlives its daemon. Each passes over keys
 * that it does not know, and an event that it can not read, and does without those that are not
 * there.
 *
 * Writers fill a line of VM_LINE_MAX bytes and return its length including the newline. */
#ifndef VMDIR_PROTO_H
#define VMDIR_PROTO_H

#include "state/plan.h"
#include "vmdir/event.h"
#include "vmdir/record.h"

#define VM_LINE_MAX 1024u /* either way */
#define VM_SAID_MAX 161u

struct json_t;

struct vm_status {
    uint8_t vm[16];
    uint64_t epoch;
    uint32_t pid;
    enum bx_observed state;
    bool failed;
    char message[VM_TEXT_MAX];
    uint32_t reboots;       /* by the guest, in this run */
    char said[VM_SAID_MAX]; /* a line of QEMU's standard error, printable; empty: none */
    struct vm_event event;
};
/* 0 when memory is out. What does not fit is left out: said, then why of the event. */
size_t vm_status_write(const struct vm_status *s, char line[VM_LINE_MAX]);
/* BX_OK or BX_MALFORMED. */
int vm_status_read(struct json_t *o, struct vm_status *s);

struct vm_order {
    bool kill;
    uint32_t timeout_ms; /* of a stop */
    uint64_t trace;      /* of the request; 0: not known */
};
size_t vm_order_write(const struct vm_order *order, char line[VM_LINE_MAX]);
int vm_order_read(struct json_t *o, struct vm_order *order);

#endif
