#include "command.h"

#include "mem/alloc.h"
#include "model/vm.h"
#include "vm_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS_MAX 600000u /* longest wait that a server takes */

static const struct flag create_flags[] = {
    {"file", "FILE", "take from JSON what no flag says; - is stdin", NULL},
    {"vcpus", "N", "virtual processors (1)", NULL},
    {"memory", "SIZE", "memory (512MiB)", NULL},
    {"disk", "SIZE", "disk; 0 for none (10GiB)", NULL},
    {"kernel", "PATH", "kernel to boot, a file on the node", NULL},
    {"initrd", "PATH", "its initial ramdisk", NULL},
    {"cmdline", "TEXT", "its command line", NULL},
    {"tenant", "T", "whose it is (default)", NULL},
    {"node", "N", "on this node and no other", NULL},
    {"strategy", "S", "most-available, least-available or manual", NULL},
    {"priority", "P", "0 to 1000 (500); shown, but nothing is preempted yet", NULL},
    {"label", "K=V", "may be given several times", NULL},
    {"restart", "R", "always, on-failure or never: when the guest ends (always)", NULL},
    {"on-lost", "L", "when its node is lost: stay (the only way yet)", NULL},
    {"disk-ephemeral", NULL, "an empty disk at every start", NULL},
    {"start", NULL, "start it at once (default)", NULL},
    {"no-start", NULL, "only place it", NULL},
    {"if-not-exists", NULL, "an existing VM of this name is fine", NULL},
    {"request-id", "HEX", "32 digits: repeat a request safely", NULL},
    {"dry-run", NULL, "only say where it would go, and why", NULL},
    {"image", "I", NULL, NULL},
    {"network", "N", NULL, NULL},
    {"anti-affinity", "KEY", NULL, NULL},
    {"user-data", "F", NULL, NULL},
    {"ssh-key", "F", NULL, NULL},
    {0},
};
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
    {"NAME", "name", 0, 0},      {"PHASE", "phase", 's', 0},
    {"NODE", "node", 0, 0},      {"VCPUS", "vcpus", 0, COLUMN_RIGHT},
    {"MEMORY", "memory_mib", 'm', COLUMN_RIGHT}, {"DISK", "disk_gib", 'g', COLUMN_RIGHT},
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
static const struct column decision_columns[] = {
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

/* Ctrl-C before anybody had said that it is decided. */
static int unanswered(const struct run *r, const char *name)
{
    fprintf(stderr, "the operation on %s was not answered and may have been carried out; to be sure, "
            "repeat it with --request-id %s\n", name, r->request_id);
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

/* Wait until the VM of this answer is as asked; *result becomes the VM as it then is. */
static int wait_until(struct run *r, bx_val vm, const char *until, bx_val *result)
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

/* ---- create ---- */

static bool has_key(const struct bx_pair *pairs, uint32_t n, struct bx_str key)
{
    for (uint32_t i = 0; i < n; i++) {
        if (pairs[i].key.n == key.n && memcmp(pairs[i].key.p, key.p, key.n) == 0)
            return true;
    }
    return false;
}

static int labels(struct run *r, struct bx_pair *pairs, struct bx_vm_config *c)
{
    const char *l;
    uint32_t n = 0;

    while ((l = args_nth(&r->args, "label", n)) != NULL) {
        const char *eq = strchr(l, '=');

        if (eq == NULL || eq == l) {
            bx_err_set(&r->err, BX_INVALID, "--label: \"%.60s\" is not KEY=VALUE", l);
            bx_err_hint(&r->err, "for example --label app=web");
            return BX_INVALID;
        }
        if (n >= BX_LABELS_MAX) {
            bx_err_set(&r->err, BX_INVALID, "--label: at most %u labels", BX_LABELS_MAX);
            bx_err_hint(&r->err, "leave some out");
            return BX_INVALID;
        }
        pairs[n].key = (struct bx_str){l, (uint32_t)(eq - l)};
        if (has_key(pairs, n, pairs[n].key)) {
            bx_err_set(&r->err, BX_INVALID, "--label: \"%.*s\" is given twice", (int)(eq - l), l);
            bx_err_hint(&r->err, "a key has one value");
            return BX_INVALID;
        }
        pairs[n++].value = bx_str(eq + 1);
    }
    if (n > 0) /* else those of the file stay */
        c->labels = (struct bx_pairs){pairs, n};
    return BX_OK;
}

static int put_labels(struct params *p, const struct bx_pairs *l)
{
    int rc = bx_pw_str(&p->b, "labels");

    if (rc == BX_OK)
        rc = bx_pw_map(&p->b, l->n);
    for (uint32_t i = 0; rc == BX_OK && i < l->n; i++) {
        rc = bx_pw_strn(&p->b, l->v[i].key.p, l->v[i].key.n);
        if (rc == BX_OK)
            rc = bx_pw_strn(&p->b, l->v[i].value.p, l->v[i].value.n);
    }
    p->n++;
    return rc;
}

static int sizes(struct run *r, struct bx_vm_config *c)
{
    const char *vcpus = args_get(&r->args, "vcpus", NULL);
    const char *memory = args_get(&r->args, "memory", NULL);
    const char *disk = args_get(&r->args, "disk", NULL);
    const char *priority = args_get(&r->args, "priority", NULL);
    uint64_t n;
    int rc = BX_OK;

    if (vcpus != NULL) {
        rc = parse_number(vcpus, "--vcpus", BX_VCPUS_MAX, &n, &r->err);
        c->vcpus = (uint32_t)n;
    }
    if (rc == BX_OK && memory != NULL)
        rc = parse_size(memory, "--memory", 1 << 20, &c->memory_mib, &r->err);
    if (rc == BX_OK && disk != NULL)
        rc = parse_size(disk, "--disk", 1 << 30, &c->disk_gib, &r->err);
    if (rc == BX_OK && priority != NULL) {
        rc = parse_number(priority, "--priority", BX_PRIORITY_MAX, &n, &r->err);
        c->priority = (uint16_t)n;
    }
    return rc;
}

static int choices(struct run *r, struct bx_vm_config *c)
{
    const char *strategy = args_get(&r->args, "strategy", NULL);
    const char *restart = args_get(&r->args, "restart", NULL);
    const char *on_lost = args_get(&r->args, "on-lost", NULL);
    int rc = BX_OK;

    if (strategy != NULL)
        rc = parse_choice(strategy, "--strategy", bx_strategy_names, &c->strategy, &r->err);
    if (rc == BX_OK && restart != NULL)
        rc = parse_choice(restart, "--restart", bx_restart_names, &c->restart, &r->err);
    if (rc == BX_OK && on_lost != NULL)
        rc = parse_choice(on_lost, "--on-lost", bx_on_lost_names, &c->on_lost, &r->err);
    return rc;
}

/* A path that is not absolute is taken from here; the file is opened on the node. */
static struct bx_str path(const char *p, char *out)
{
    char cwd[PATH_MAX];

    if (p[0] == '/' || p[0] == '\0' || getcwd(cwd, sizeof cwd) == NULL)
        return bx_str(p);
    snprintf(out, 2 * PATH_MAX, "%s/%s", cwd, p);
    return bx_str(out);
}

static void put_text(struct params *p, const char *key, struct bx_str s)
{
    if (s.n == 0)
        return;
    if (bx_pw_str(&p->b, key) != BX_OK || bx_pw_strn(&p->b, s.p, s.n) != BX_OK)
        bx_oom(s.n);
    p->n++;
}

static void put_config(struct params *p, const struct bx_vm_config *c)
{
    put_text(p, "name", c->name);
    put_text(p, "tenant", c->tenant);
    params_u64(p, "vcpus", c->vcpus);
    params_u64(p, "memory_mib", c->memory_mib);
    params_u64(p, "disk_gib", c->disk_gib);
    put_text(p, "kernel", c->kernel);
    put_text(p, "initrd", c->initrd);
    put_text(p, "cmdline", c->cmdline);
    put_text(p, "node", c->node);
    params_u64(p, "priority", c->priority);
    params_str(p, "strategy", bx_strategy_names[c->strategy]);
    params_str(p, "restart", bx_restart_names[c->restart]);
    params_str(p, "on_lost", bx_on_lost_names[c->on_lost]);
    params_bool(p, "disk_ephemeral", c->disk_ephemeral);
    params_bool(p, "stopped", c->stopped);
}

/* A sentence and the candidates, or these alone where there are columns. */
static int show_decision(struct run *r, bx_val d)
{
    char node[80], decision[32], score[24], margin[24];

    if (!result_is_for_people(r))
        return result_print_part(r, d, "candidates");
    value_text(bx_val_get(d, "node"), 0, node, sizeof node);
    value_text(bx_val_get(d, "decision"), 0, decision, sizeof decision);
    value_text(bx_val_get(d, "score"), 0, score, sizeof score);
    value_text(bx_val_get(d, "margin"), 0, margin, sizeof margin);
    printf("%s on %s, score %s of 1000, ahead by %s\n", decision, node, score, margin);
    print_table(r, bx_val_get(d, "candidates"), decision_columns);
    return 0;
}

static bool wants_to_run(bx_val vm)
{
    struct bx_str desired = {"", 0};

    bx_val_str(bx_val_get(vm, "desired"), &desired);
    return bx_str_eq(desired, bx_str("running"));
}

/* One that existed and is stopped on purpose is left alone, and not waited for. */
static int created(struct run *r, bx_val result, bool wait)
{
    bx_val vm = bx_val_get(result, "vm");
    char name[80], node[80], phase[32];

    if (wait && wants_to_run(vm)) {
        int code = wait_until(r, vm, "running", &vm);

        if (code != 0)
            return code;
    }
    if (!result_is_for_people(r))
        return result_print(r, vm);
    if (!r->quiet) {
        value_text(bx_val_get(vm, "name"), 0, name, sizeof name);
        value_text(bx_val_get(vm, "node"), 0, node, sizeof node);
        value_text(bx_val_get(vm, "phase"), 0, phase, sizeof phase);
        printf("%s is %s on %s\n", name, phase, node);
    }
    return 0;
}

/* What the flags say goes before what a file says. */
static void texts(struct run *r, struct bx_vm_config *c, char (*paths)[2 * PATH_MAX])
{
    struct {
        const char *flag;
        struct bx_str *text;
    } all[] = {{"tenant", &c->tenant},   {"node", &c->node},     {"cmdline", &c->cmdline},
               {"kernel", &c->kernel}, {"initrd", &c->initrd}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *s = args_get(&r->args, all[i].flag, NULL);

        if (s != NULL)
            *all[i].text = i < 3 ? bx_str(s) : path(s, paths[i - 3]);
    }
    c->name = bx_str(r->words[0]);
    c->disk_ephemeral = c->disk_ephemeral || args_has(&r->args, "disk-ephemeral");
    if (args_has(&r->args, "no-start") || args_has(&r->args, "start"))
        c->stopped = args_has(&r->args, "no-start");
}

static int fill_config(struct run *r, struct bx_vm_config *c, struct bx_pair *pairs,
                       char (*paths)[2 * PATH_MAX])
{
    static struct bx_decoder decoder; /* the configuration's text may lie in it until the end */
    const char *file = args_get(&r->args, "file", NULL);
    int rc = BX_OK;

    bx_vm_config_init(c);
    if (file != NULL)
        rc = vm_file_read(file, &decoder, c, &r->err);
    texts(r, c, paths);
    if (rc == BX_OK)
        rc = sizes(r, c);
    if (rc == BX_OK)
        rc = choices(r, c);
    if (rc == BX_OK)
        rc = labels(r, pairs, c);
    if (rc == BX_OK)
        rc = bx_vm_config_check(c, &r->err);
    return rc == BX_OK ? bx_vm_config_supported(c, &r->err) : rc;
}

/* What a dry run answers is no VM, and has other columns. */
static int show_dry_run(struct run *r, bx_val d)
{
    if (args_has(&r->args, "columns"))
        return run_fail_with(r, BX_INVALID, "leave out --columns", "a dry run has columns of its own");
    memcpy(r->columns, decision_columns, sizeof decision_columns);
    return show_decision(r, d);
}

static int create(struct run *r)
{
    static char paths[2][2 * PATH_MAX];
    struct bx_pair pairs[BX_LABELS_MAX];
    struct params p = {0};
    struct bx_vm_config c;
    bx_val result = NULL;
    int rc = fill_config(r, &c, pairs, paths);

    if (rc == BX_OK) {
        put_config(&p, &c);
        rc = put_labels(&p, &c.labels);
    }
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    if (rc == BX_OK) {
        params_bool(&p, "if_not_exists", args_has(&r->args, "if-not-exists"));
        params_bool(&p, "dry_run", args_has(&r->args, "dry-run"));
        rc = run_call(r, "vm.create", &p, &result);
    }
    params_close(&p);
    if (rc == BX_INTERRUPTED)
        return unanswered(r, r->words[0]);
    if (rc != BX_OK)
        return run_fail(r);
    if (!args_has(&r->args, "dry-run"))
        return created(r, result, !args_has(&r->args, "no-wait") && !c.stopped);
    return show_dry_run(r, result);
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
    if (rc == BX_INTERRUPTED)
        return unanswered(r, r->words[0]);
    if (rc != BX_OK)
        return run_fail(r);
    vm = bx_val_get(result, "vm");
    if (!args_has(&r->args, "no-wait") && bx_val_type(vm) == BX_V_MAP) {
        int code = wait_until(r, vm, until, &vm);

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
    if (ms > 3600000)
        return run_fail_with(r, BX_INVALID, "or use --force", "--timeout: at most 1h");
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

static int delete(struct run *r)
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

    return read_one(r, "vm.explain", &result) == BX_OK ? show_decision(r, result) : run_fail(r);
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
    {"vm", "create", "NAME", 1, 1, "create a VM and start it", create_flags, create, vm_columns},
    {"vm", "list", "", 0, 0, "all VMs, by name", read_flags, list, vm_columns},
    {"vm", "show", "NAME", 1, 1, "everything about one VM", read_flags, show, vm_columns},
    {"vm", "start", "NAME", 1, 1, "start a VM that is stopped", change_flags, start, vm_columns},
    {"vm", "stop", "NAME", 1, 1, "stop a VM; the guest is not asked", stop_flags, stop, vm_columns},
    {"vm", "restart", "NAME", 1, 1, "stop a VM and start it again", change_flags, restart,
     vm_columns},
    {"vm", "delete", "NAME", 1, 1, "stop a VM and remove it", change_flags, delete, vm_columns},
    {"vm", "logs", "NAME", 1, 1, "the end of its console", logs_flags, logs, NULL},
    {"vm", "explain", "NAME", 1, 1, "why it is where it is", read_flags, explain,
     decision_columns},
    {"vm", "set", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "move", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "console", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"vm", "snapshot", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {0},
};
