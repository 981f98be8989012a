/* vm_wait - wait until a VM is as asked.
 *
 * One long vm.wait goes to the member that answered the write; to the next one when that is lost,
 * and again when the longest wait that a server takes is over. vm.wait begins with a barrier, so no
 * member takes a VM that it has not heard of yet for a deleted one. Ctrl-C ends the wait, not the
 * operation. */
#include "vm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS_MAX 600000u /* longest wait that a server takes */

static void print_progress(const struct run *r, const char *until, const char *name)
{
    if (!r->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "waiting for %s to be %s ...\n", name, until);
}

static int timed_out(struct run *r, const char *name, const char *until)
{
    if (r->err.code == BX_TIMEOUT) {
        bx_err_set(&r->err, BX_TIMEOUT, "timed out before %s was %s", name, until);
        bx_err_hint(&r->err, "the operation continues; blixardctl vm show %s shows its state",
                    name);
    }
    return run_fail(r);
}

static int interrupted(struct run *r, const char *name)
{
    r->done = false;
    fprintf(stderr, "the operation on %s continues; its id is %s\n", name, r->request_id);
    return bx_code_exit(BX_INTERRUPTED);
}

static int wait_calls(struct run *r, const struct params *p, bx_val *result)
{
    uint64_t deadline = client_now() + r->wait_ms;

    for (;;) {
        uint64_t now = client_now(), left = deadline > now ? deadline - now : 0;
        int rc;

        r->client.once = true;
        rc = client_call(&r->client, "vm.wait", p, left < WAIT_MS_MAX ? left : WAIT_MS_MAX, result,
                         &r->err);
        r->client.once = false;
        if (!bx_code_retryable(rc))
            return rc;
        if (client_now() >= deadline)
            return bx_err_set(&r->err, BX_TIMEOUT, "timed out waiting for an answer");
        if (rc != BX_TIMEOUT)
            client_next_address(&r->client);
    }
}

/* The epoch of the run to wait for. When a VM restarts, that is not the one that still stops. */
static uint64_t awaited_epoch(bx_val vm, const char *until)
{
    struct bx_str phase = {"", 0};
    uint64_t epoch = 0;

    bx_val_u64(bx_val_get(vm, "epoch"), &epoch);
    bx_val_str(bx_val_get(vm, "phase"), &phase);
    if (strcmp(until, "running") == 0 && bx_str_eq(phase, bx_str("stopping")))
        epoch++;
    return epoch;
}

int vm_wait(struct run *r, bx_val vm, const char *until, bx_val *result)
{
    struct params p = {0};
    char uuid[40], name[80];
    int rc;

    value_text(bx_val_get(vm, "uuid"), VALUE_TEXT, uuid, sizeof uuid);
    value_text(bx_val_get(vm, "name"), VALUE_TEXT, name, sizeof name);
    print_progress(r, until, name);
    params_str(&p, "vm", uuid);
    params_u64(&p, "epoch", awaited_epoch(vm, until));
    params_str(&p, "until", until);
    rc = wait_calls(r, &p, result);
    params_close(&p);
    if (rc == BX_INTERRUPTED)
        return interrupted(r, name);
    return rc == BX_OK ? 0 : timed_out(r, name, until);
}
