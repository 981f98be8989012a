#include "vmdir/event.h"

#include "rec/rec.h"

#include <assert.h>
#include <string.h>

const char *const vm_event_names[] = {"", "started", "state", "ended"};
_Static_assert(sizeof vm_event_names / sizeof vm_event_names[0] == VM__EVENTS,
               "each event has a name");

void vm_event_record(const struct vm_event *e, const uint8_t vm[16], uint64_t epoch)
{
    uint64_t before = bx_rec_trace(e->trace != 0 ? e->trace : bx_rec_traced());

    switch (e->kind) {
    case VM_EVENT_STARTED:
        BX_INFO("shim", "started QEMU", "uuid", bx_uuid(vm), "epoch", epoch, "pid", e->pid);
        break;
    case VM_EVENT_STATE:
        BX_INFO("shim", "its run", "uuid", bx_uuid(vm), "epoch", epoch, "state",
                bx_observed_names[e->state], "why", e->why);
        break;
    case VM_EVENT_ENDED:
        BX_INFO("shim", "QEMU has ended", "uuid", bx_uuid(vm), "epoch", epoch, "failed", e->failed,
                "why", e->why);
        break;
    case VM_EVENT_NONE:
    case VM__EVENTS:
        break;
    }
    bx_rec_trace(before);
}

void vm_events_drop(struct vm_events *w)
{
    assert(w->n > 0);
    w->n--;
    memmove(w->v, w->v + 1, w->n * sizeof w->v[0]);
}

void vm_events_add(struct vm_events *w, const struct vm_event *e, uint64_t now)
{
    assert(e->kind != VM_EVENT_NONE);
    if (w->n == VM_EVENTS_WAITING)
        vm_events_drop(w);
    w->v[w->n].event = *e;
    w->v[w->n++].by = now + VM_EVENT_WAIT_MS;
}

const struct vm_event *vm_events_first(struct vm_events *w, uint64_t now)
{
    while (w->n > 0 && now >= w->v[0].by)
        vm_events_drop(w);
    return w->n > 0 ? &w->v[0].event : NULL;
}
