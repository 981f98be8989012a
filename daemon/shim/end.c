/* The end of a run: its outcome, and who is told. */
#include "shim/shim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The outcome, for the restart policy and for people. A guest that powered off ended in order. */
static void explain(struct shim *s, int how, int status)
{
    struct vm_record *r = &s->record;
    const char *error = s->last_error, *colon = error[0] == '\0' ? "" : ": ";

    if (s->killed[0] != '\0') {
        r->failed = s->kill_failed;
        snprintf(r->text, sizeof r->text, "%s", s->killed);
    } else if (how != CLD_EXITED) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "QEMU was killed by signal %d (%s)", status,
                 strsignal(status));
    } else if (status != 0) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "QEMU exited with status %d%s%s", status, colon, error);
    } else if (r->asked) {
        snprintf(r->text, sizeof r->text, "stopped");
    } else if (strcmp(s->qmp.reason, "guest-panic") == 0) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "the guest panicked");
    } else if (strcmp(s->qmp.reason, "guest-shutdown") == 0) {
        snprintf(r->text, sizeof r->text, "the guest powered off");
    } else {
        /* QEMU was told to quit by somebody else. */
        r->failed = true;
        snprintf(r->text, sizeof r->text, "QEMU exited unexpectedly (status 0)%s%s", colon, error);
    }
}

void shim_end(struct shim *s, int how, int status)
{
    struct vm_event e = {.kind = VM_EVENT_ENDED};
    struct bx_err err;

    explain(s, how, status);
    e.failed = s->record.failed;
    snprintf(e.why, sizeof e.why, "%s", s->record.text);
    shim_record(s, e);
    s->record.ended = true;
    s->record.code = how == CLD_EXITED ? (uint32_t)status : 0;
    s->record.signal = how == CLD_EXITED ? 0 : (uint32_t)status;
    /* Connected clients learn it even if the disk is full; one that connects later finds no outcome
     * and takes the run for lost, which is safe. */
    if (vm_record_write(s->dir, VM_FILE_EXIT, &s->record, &err) != BX_OK)
        fprintf(stderr, "error: %s\n", err.msg);
    unlinkat(s->dir, VM_FILE_SHIM_SOCKET, 0);
    unlinkat(s->dir, VM_FILE_READY, 0);
    shim_crash_close(s);
    /* Before anybody is told: whoever learns of the end may start the next run at once. */
    close(s->lock);
    s->status.state = BX_OBSERVED_EXITED;
    s->status.failed = s->record.failed;
    snprintf(s->status.message, sizeof s->status.message, "%s", s->record.text);
    shim_peers_report(s);
    vm_log_close(&s->console);
    vm_log_close(&s->qemu_log);
    s->done = true;
}
