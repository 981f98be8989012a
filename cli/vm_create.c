/* vm_create - one VM more: its configuration from flags and a file. */
#include "vm.h"

#include "mem/alloc.h"
#include "model/vm.h"
#include "vm_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct flag vm_create_flags[] = {
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

/* ---- the configuration ---- */

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
        int code = vm_wait(r, vm, "running", &vm);

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
    } all[] = {{"tenant", &c->tenant},
               {"node", &c->node},
               {"cmdline", &c->cmdline},
               {"kernel", &c->kernel},
               {"initrd", &c->initrd}};

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
        return run_fail_with(r, BX_INVALID, "leave out --columns",
                             "a dry run has columns of its own");
    for (size_t i = 0; i == 0 || vm_decision_columns[i - 1].title != NULL; i++)
        r->columns[i] = vm_decision_columns[i];
    return vm_show_decision(r, d);
}

int vm_create(struct run *r)
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
    if (rc != BX_OK)
        return run_fail(r);
    if (!args_has(&r->args, "dry-run"))
        return created(r, result, !args_has(&r->args, "no-wait") && !c.stopped);
    return show_dry_run(r, result);
}
