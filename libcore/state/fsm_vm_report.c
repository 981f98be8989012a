/* fsm_vm_report - what the node of a VM reports of its runs: that one began, was rebooted by its
 * guest, or ended, and what the restart policy makes of that. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"
#include "mutant.h"

#include <stdio.h>
#include <string.h>

static bool restarts(const struct bx_vm *vm, enum bx_phase ended)
{
    if (vm->restart_pending)
        return true;
    if (vm->desired != BX_DESIRED_RUNNING)
        return false;
    return vm->config->restart == BX_RESTART_ALWAYS ||
           (vm->config->restart == BX_RESTART_ON_FAILURE && ended == BX_PHASE_FAILED);
}

/* Record how the run ended. Builds of feature level 1 do not know that. */
static void note_end(const struct bx_fsm *f, const struct bx_call *c, struct bx_vm *d,
                     enum bx_phase phase)
{
    struct bx_str why = c->body->vm_report.message;

    if (bx_fsm_level(f) < 2)
        return;
    d->last_exit = why.n > 0 ? why : bx_str(bx_phase_name(phase)->s);
    d->last_exit_ms = f->view.time_ms;
}

/* The policy starts it again, after the pause that its node makes. */
static void order_retry(const struct bx_fsm *f, const struct bx_call *c, struct bx_vm *d)
{
    const struct bx_cmd_vm_report *b = &c->body->vm_report;
    bool asked = d->restart_pending;

    bx_fsm_vm_order_start(d);
    d->message = b->message;
    if (bx_fsm_level(f) < 2)
        return;
    d->restarts = asked ? 0 : d->restarts + 1;
    if (asked || b->failures == 0)
        return;
    d->failures = b->failures;
    d->unbegun = b->unbegun;
    d->next_try_ms = f->view.time_ms + b->pause_ms;
}

static void rest(const struct bx_call *c, struct bx_vm *d, enum bx_phase phase)
{
    d->phase = d->desired == BX_DESIRED_STOPPED ? BX_PHASE_STOPPED : (uint8_t)phase;
    d->message = c->body->vm_report.message;
    d->failures = 0;
    d->unbegun = false;
    d->next_try_ms = 0;
    if (phase == BX_PHASE_STOPPED)
        d->desired = BX_DESIRED_STOPPED;
}

static struct bx_str keep(struct bx_fsm *f, const char *text)
{
    char *kept = bx_arena_strndup(&f->scratch, text, strlen(text));

    if (kept == NULL)
        bx_oom(strlen(text));
    return bx_str(kept);
}

/* What the event of an end says. Builds of feature level 1 name the phase only. */
static struct bx_str detail_of_end(struct bx_fsm *f, const struct bx_vm *d)
{
    const char *phase = bx_phase_name(d->phase)->s;
    char text[512 + 32]; /* the longest message, and the phase */

    if (bx_fsm_level(f) < 2 || d->message.n == 0)
        return bx_str(phase);
    snprintf(text, sizeof text, "%s: " BX_STR_FMT, d->failures > 0 ? "backoff" : phase,
             BX_STR_ARG(d->message));
    return keep(f, text);
}

/* The run ended: remove the row, start a new epoch, or leave the VM stopped. */
static void ended(struct bx_fsm *f, struct bx_call *c, struct bx_row *row, struct bx_vm *d,
                  enum bx_phase phase)
{
    if (d->desired == BX_DESIRED_DELETED) {
        bx_fsm_vm_remove(f, c, row);
        return;
    }
    note_end(f, c, d, phase);
    if (restarts(d, phase))
        order_retry(f, c, d);
    else
        rest(c, d, phase);
    bx_fsm_vm_put(f, c, row, d, BX_EVENT_VM_PHASE, detail_of_end(f, d));
}

/* A guest that resets itself goes on in the same run. The report counts all of this run, so one
 * that arrives twice counts once. */
static bool count_reboots(const struct bx_fsm *f, const struct bx_call *c, struct bx_vm *d)
{
    uint32_t reboots = c->body->vm_report.reboots;

    if (bx_fsm_level(f) < 2 || reboots <= d->reboots)
        return false;
    d->reboots = BX_MUTATED(ADD_REBOOTS) ? d->reboots + reboots : reboots;
    d->last_reboot_ms = f->view.time_ms;
    return true;
}

static int rebooted(struct bx_fsm *f, struct bx_call *c, struct bx_row *row, struct bx_vm *d)
{
    char text[32];

    snprintf(text, sizeof text, "%u in this run", d->reboots);
    bx_fsm_vm_put(f, c, row, d, BX_EVENT_VM_REBOOTED, keep(f, text));
    return BX_OK;
}

int bx_fsm_vm_report(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_vm_report *b = &c->body->vm_report;
    struct bx_row *row = bx_view_row(&f->view, BX_TABLE_VM, b->vm);
    const struct bx_vm *vm = row == NULL ? NULL : bx_row_as_vm(row);
    struct bx_vm d;
    bool counted;

    if (vm == NULL || vm->node != b->node || vm->epoch != b->epoch)
        return bx_err_set(c->err, BX_CONFLICT, "report of another run of this VM");
    d = *vm;
    counted = count_reboots(f, c, &d);
    if (vm->phase == b->phase)
        return counted ? rebooted(f, c, row, &d) : bx_fsm_vm_unchanged(c, vm);
    if (!bx_phase_may((enum bx_phase)vm->phase, (enum bx_phase)b->phase))
        return bx_err_set(c->err, BX_CONFLICT, "invalid phase transition from %s to %s",
                          bx_phase_name(vm->phase)->s, bx_phase_name(b->phase)->s);
    if (b->phase == BX_PHASE_STOPPED || b->phase == BX_PHASE_FAILED) {
        ended(f, c, row, &d, (enum bx_phase)b->phase);
    } else if (b->phase == BX_PHASE_STARTING || b->phase == BX_PHASE_RUNNING) {
        d.phase = b->phase;
        d.message = b->message;
        d.next_try_ms = 0;
        bx_fsm_vm_put(f, c, row, &d, BX_EVENT_VM_PHASE, bx_str(bx_phase_name(d.phase)->s));
    } else {
        return bx_err_set(c->err, BX_CONFLICT, "a node cannot report phase %s",
                          bx_phase_name(b->phase)->s);
    }
    return BX_OK;
}
