#include "command.h"

#include "vm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS_MAX 600000u /* longest wait that a server takes */

static const struct flag change_flags[] = {
    {"request-id", "HEX", "32 digits: repeat a request safely", NULL},
    {0},
};
static const struct flag stop_flags[] = {
    {"timeout", "D", "how long it may take to end, until it is killed (60s)", NULL},
    {"force", NULL, "kill it at once", NULL},
    {"request-id", "HEX", "32 digits: repeat a request safely", NULL},
    {0},
};
static const struct flag logs_flags[] = {
    {"watch", NULL, "again every two seconds, until Ctrl-C", NULL},
    {"w", NULL, "the same", "watch"},
    {"bytes", "N", "at most so many of the console's last (64KiB)", NULL},
    {0},
};

static const struct column vm_columns[] = {
    {"NAME", "name", 0, 0},
    {"PHASE", "phase", 's', 0},
    {"NODE", "node", 0, 0},
    {"VCPUS", "vcpus", 0, COLUMN_RIGHT},
    {"MEMORY", "memory_mib", 'm', COLUMN_RIGHT},
    {"DISK", "disk_gib", 'g', COLUMN_RIGHT},
    {"AGE", "created_ms", 'a', COLUMN_RIGHT},
    {"DESIRED", "desired", 0, COLUMN_WIDE},
    {"TENANT", "tenant", 0, COLUMN_WIDE},
    {"PRIORITY", "priority", 0, COLUMN_RIGHT | COLUMN_WIDE},
    {"EPOCH", "epoch", 0, COLUMN_RIGHT | COLUMN_WIDE},
    {"RESTART", "restart", 0, COLUMN_WIDE},
    {"ON LOST", "on_lost", 0, COLUMN_WIDE},
    {"LABELS", "labels", 'l', COLUMN_WIDE},
    {"ADDRESS", "address", 0, COLUMN_WIDE},
    {"UUID", "uuid", 0, COLUMN_WIDE},
    {"MESSAGE", "message", 0, COLUMN_WIDE},
    {0},
};
const struct column vm_decision_columns[] = {
    {"NODE", "node", 0, 0},
    {"SCORE", "score", 0, COLUMN_RIGHT},
    {"REJECTED", "rejected", 0, 0},
    {0},
};

/* ---- waiting ---- */

static void progress(const struct run *r, const char *what, const char *name)
{
    if (!r->quiet && isatty(STDERR_FILENO))
        fprintf(stderr, "waiting for %s to be %s ...\n", name, what);
}

static int timed_out(struct run *r, const char *name, const char *until)
{
    if (r->err.code == BX_TIMEOUT) {
        bx_err_set(&r->err, BX_TIMEOUT, "%s was not %s in time", name, until);
        bx_err_hint(&r->err, "it goes on; blixardctl vm show %s tells how far it is", name);
    }
    return run_fail(r);
}

static int interrupted(const struct run *r, const char *name)
{
    fprintf(stderr, "the operation on %s goes on; its id is %s\n", name, r->request_id);
    return 130;
}

/* One long vm.wait on the member that gave the answer; on the next one when that is lost, and once
 * more when the longest wait that a server takes is over. vm.wait begins with a barrier, so that no
 * member takes a VM that it has not heard of yet for a deleted one. */
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
            return bx_err_set(&r->err, BX_TIMEOUT, "no answer in time");
        if (rc != BX_TIMEOUT)
            client_next_address(&r->client);
    }
}

int vm_wait(struct run *r, bx_val vm, const char *until, bx_val *result)
{
    struct params p = {0};
    struct bx_str phase = {"", 0};
    char uuid[40], name[80];
    uint64_t epoch = 0;
    int rc;

    value_text(bx_val_get(vm, "uuid"), 0, uuid, sizeof uuid);
    value_text(bx_val_get(vm, "name"), 0, name, sizeof name);
    bx_val_u64(bx_val_get(vm, "epoch"), &epoch);
    bx_val_str(bx_val_get(vm, "phase"), &phase);
    /* A restart: the run that stops is not the one to wait for. */
    if (strcmp(until, "running") == 0 && bx_str_eq(phase, bx_str("stopping")))
        epoch++;
    progress(r, until, name);
    params_str(&p, "vm", uuid);
    params_u64(&p, "epoch", epoch);
    params_str(&p, "until", until);
    rc = wait_calls(r, &p, result);
    params_close(&p);
    if (rc == BX_INTERRUPTED)
        return interrupted(r, name);
    return rc == BX_OK ? 0 : timed_out(r, name, until);
}

/* ---- a decision ---- */

int vm_show_decision(struct run *r, bx_val d)
{
    char node[80], decision[32], score[24], margin[24];

    if (!result_is_for_people(r))
        return result_print_part(r, d, "candidates");
    value_text(bx_val_get(d, "node"), 0, node, sizeof node);
    value_text(bx_val_get(d, "decision"), 0, decision, sizeof decision);
    value_text(bx_val_get(d, "score"), 0, score, sizeof score);
    value_text(bx_val_get(d, "margin"), 0, margin, sizeof margin);
    printf("%s on %s, score %s of 1000, ahead by %s\n", decision, node, score, margin);
    print_table(r, bx_val_get(d, "candidates"), vm_decision_columns);
    return 0;
}

/* ---- start, stop, restart, delete ---- */

static int change(struct run *r, const char *method, const char *until, struct params *p)
{
    bx_val result = NULL, vm;
    char name[80], phase[32];
    int rc;

    params_str(p, "vm", r->words[0]);
    rc = run_write_params(r, p);
    if (rc == BX_OK)
        rc = run_call(r, method, p, &result);
    params_close(p);
    if (rc != BX_OK)
        return run_fail(r);
    vm = bx_val_get(result, "vm");
    if (!args_has(&r->args, "no-wait") && bx_val_type(vm) == BX_V_MAP) {
        int code = vm_wait(r, vm, until, &vm);

        if (code != 0)
            return code;
    }
    if (!result_is_for_people(r))
        return result_print(r, vm);
    if (!r->quiet) {
        value_text(bx_val_get(vm, "name"), 0, name, sizeof name);
        value_text(bx_val_get(vm, "phase"), 0, phase, sizeof phase);
        printf("%s is %s\n", bx_val_type(vm) == BX_V_MAP ? name : r->words[0],
               bx_val_type(vm) == BX_V_MAP ? phase : "deleted");
    }
    return 0;
}

static int start(struct run *r)
{
    struct params p = {0};

    return change(r, "vm.start", "running", &p);
}

static int restart(struct run *r)
{
    struct params p = {0};

    return change(r, "vm.restart", "running", &p);
}

static int stop(struct run *r)
{
    const char *timeout = args_get(&r->args, "timeout", NULL);
    struct params p = {0};
    uint64_t ms = 60000;

    if (timeout != NULL && parse_duration(timeout, "--timeout", &ms, &r->err) != BX_OK)
        return run_fail(r);
    if (ms == 0 || ms > 3600000)
        return run_fail_with(r, BX_INVALID, "or use --force", "--timeout: must be 1s to 1h");
    params_u64(&p, "timeout_s", (ms + 999) / 1000);
    params_bool(&p, "force", args_has(&r->args, "force"));
    if (r->wait_ms < ms + 15000)
        r->wait_ms = ms + 15000;
    return change(r, "vm.stop", "stopped", &p);
}

static bool confirmed(struct run *r)
{
    char answer[16] = "";

    if (args_has(&r->args, "yes"))
        return true;
    if (!isatty(STDIN_FILENO)) {
        bx_err_set(&r->err, BX_INVALID, "deleting needs --yes when nobody can be asked");
        bx_err_hint(&r->err, "blixardctl vm delete %s --yes", r->words[0]);
        return false;
    }
    fprintf(stderr, "delete %s? [y/N] ", r->words[0]);
    if (fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    if (client_interrupted)
        bx_err_set(&r->err, BX_INTERRUPTED, "interrupted");
    else
        bx_err_set(&r->err, BX_FAILED, "nothing was deleted");
    return false;
}

static int delete (struct run *r)
{
    struct params p = {0};

    return confirmed(r) ? change(r, "vm.delete", "deleted", &p) : run_fail(r);
}

/* ---- reads ---- */

static int read_one(struct run *r, const char *method, bx_val *result)
{
    struct params p = {0};
    int rc;

    if (r->n > 0)
        params_str(&p, "vm", r->words[0]);
    run_read_params(r, &p);
    rc = run_call(r, method, &p, result);
    params_close(&p);
    return rc;
}

static int list(struct run *r)
{
    bx_val result;

    if (read_one(r, "vm.list", &result) != BX_OK)
        return run_fail(r);
    return result_print(r, result);
}

static int show(struct run *r)
{
    bx_val result;

    if (read_one(r, "vm.show", &result) != BX_OK)
        return run_fail(r);
    return result_print(r, result);
}

static int explain(struct run *r)
{
    bx_val result;

    return read_one(r, "vm.explain", &result) == BX_OK ? vm_show_decision(r, result) : run_fail(r);
}

static int logs(struct run *r)
{
    const char *bytes = args_get(&r->args, "bytes", NULL);
    struct bx_str text = {"", 0};
    struct params p = {0};
    bx_val result = NULL;
    uint64_t n = 0;
    int rc = BX_OK;

    if (bytes != NULL)
        rc = parse_size(bytes, "--bytes", 1, &n, &r->err);
    if (rc == BX_OK && bytes != NULL && n == 0) {
        rc = bx_err_set(&r->err, BX_INVALID, "--bytes: must be at least 1");
        bx_err_hint(&r->err, "write it like 16KiB");
    }
    params_str(&p, "vm", r->words[0]);
    params_u64(&p, "bytes", n);
    run_read_params(r, &p);
    if (rc == BX_OK)
        rc = run_call(r, "vm.logs", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (r->format == FORMAT_JSON || r->format == FORMAT_YAML)
        return result_print(r, result);
    bx_val_str(bx_val_get(result, "text"), &text);
    fwrite(text.p, 1, text.n, stdout);
    return 0;
}

const struct command vm_commands[] = {
    {"vm", "create", "NAME", 1, 1, "create a VM and start it", vm_create_flags, vm_create,
     vm_columns},
    {"vm", "list", "", 0, 0, "all VMs, by name", read_flags, list, vm_columns},
    {"vm", "show", "NAME", 1, 1, "everything about one VM", read_flags, show, vm_columns},
    {"vm", "start", "NAME", 1, 1, "start a VM that is stopped", change_flags, start, vm_columns},
    {"vm", "stop", "NAME", 1, 1, "stop a VM; the guest is not asked", stop_flags, stop, vm_columns},
    {"vm", "restart", "NAME", 1, 1, "stop a VM and start it again", change_flags, restart,
     vm_columns},
    {"vm", "delete", "NAME", 1, 1, "stop a VM and remove it", change_flags, delete, vm_columns},
    {"vm", "logs", "NAME", 1, 1, "the end of its console", logs_flags, logs, NULL},
    {"vm", "explain", "NAME", 1, 1, "why it is where it is", read_flags, explain,
     vm_decision_columns},
    {"vm", "set", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "move", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "console", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "snapshot", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {0},
};
