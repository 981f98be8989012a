#include "shim/shim.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the end means, in words. A guest that switched itself off did what it wanted; one that reset
 * itself panicked or wants to come back, and either is for the restart policy. */
static void explain(struct vm_shim *s, int how, int status)
{
    struct vm_record *r = &s->record;
    const char *words = s->last_words, *colon = words[0] == '\0' ? "" : ": ";

    if (s->killed[0] != '\0') {
        r->failed = s->kill_failed;
        snprintf(r->text, sizeof r->text, "%s", s->killed);
    } else if (how != CLD_EXITED) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "killed by signal %d (%s)", status, strsignal(status));
    } else if (status != 0) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "exit %d%s%s", status, colon, words);
    } else if (r->asked) {
        snprintf(r->text, sizeof r->text, "stopped");
    } else if (strcmp(s->qmp.reason, "guest-reset") == 0) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "the guest reset itself");
    } else if (strcmp(s->qmp.reason, "guest-panic") == 0) {
        r->failed = true;
        snprintf(r->text, sizeof r->text, "the guest panicked");
    } else if (strcmp(s->qmp.reason, "guest-shutdown") == 0) {
        snprintf(r->text, sizeof r->text, "the guest switched itself off");
    } else {
        /* Somebody else told QEMU to quit: not as asked. */
        r->failed = true;
        snprintf(r->text, sizeof r->text, "exit 0 unasked%s%s", colon, words);
    }
}

void shim_end(struct vm_shim *s, int how, int status)
{
    struct bx_err err;

    explain(s, how, status);
    s->record.ended = true;
    s->record.code = how == CLD_EXITED ? (uint32_t)status : 0;
    s->record.signal = how == CLD_EXITED ? 0 : (uint32_t)status;
    /* Whoever is connected hears it even if the disk is full; one that comes later finds no outcome
     * and takes the run for lost, which fails safe. */
    if (vm_record_write(s->dir, VM_FILE_EXIT, &s->record, &err) != BX_OK)
        fprintf(stderr, "error: %s\n", err.msg);
    unlinkat(s->dir, VM_FILE_SHIM_SOCKET, 0);
    unlinkat(s->dir, VM_FILE_QMP_SOCKET, 0);
    unlinkat(s->dir, VM_FILE_READY, 0);
    /* Before anybody is told: who hears of the end may begin the next run at once. */
    close(s->lock);
    s->status.state = BX_OBSERVED_EXITED;
    s->status.failed = s->record.failed;
    snprintf(s->status.message, sizeof s->status.message, "%s", s->record.text);
    shim_peers_tell(s);
    vm_log_close(&s->console);
    vm_log_close(&s->qemu_log);
    s->done = true;
}
