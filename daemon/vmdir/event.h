/* event - what a shim records of its run, and tells the daemon.
 *
 * The shim records an event in its own file and, while a daemon is connected, tells it at once; the
 * daemon records the same, within the same trace. An event that happens while nobody is connected
 * waits for VM_EVENT_WAIT_MS: a shim starts QEMU before the daemon has connected. After that it is
 * in the shim's file only. */
#ifndef VMDIR_EVENT_H
#define VMDIR_EVENT_H

#include "state/plan.h"
#include "vmdir/record.h"

#define VM_EVENT_WAIT_MS 5000u
#define VM_EVENTS_WAITING 8u /* a run has four or five in all; the oldest goes */

enum vm_event_kind { VM_EVENT_NONE, VM_EVENT_STARTED, VM_EVENT_STATE, VM_EVENT_ENDED, VM__EVENTS };
/* Of the protocol, in the order of the enum. */
extern const char *const vm_event_names[];

struct vm_event {
    enum vm_event_kind kind;
    enum bx_observed state; /* of VM_EVENT_STATE: the new one */
    uint64_t trace;         /* of the request that it belongs to; 0: not known */
    bool failed;            /* of VM_EVENT_ENDED */
    uint32_t pid;           /* QEMU's, of VM_EVENT_STARTED */
    char why[VM_TEXT_MAX];  /* for people, of the last two; may be empty */
};

/* Record it, with the target "shim", within its trace if it has one: a daemon that has adopted a VM
 * knows none. */
void vm_event_record(const struct vm_event *e, const uint8_t vm[16], uint64_t epoch);

/* ---- those that nobody was told yet; zeroed at first ---- */

struct vm_events {
    struct {
        struct vm_event event;
        uint64_t by; /* boot time in milliseconds until which it is told */
    } v[VM_EVENTS_WAITING];
    uint32_t n;
};
/* now: boot time in milliseconds (vm_now). */
void vm_events_add(struct vm_events *w, const struct vm_event *e, uint64_t now);
/* The oldest that is still to be told, or NULL. */
const struct vm_event *vm_events_first(struct vm_events *w, uint64_t now);
/* It was told. */
void vm_events_drop(struct vm_events *w);

#endif
