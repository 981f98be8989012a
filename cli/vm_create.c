/* vm_create - create a VM: its configuration from flags and a file. */
#include "vm.h"

#include "build.h"
#include "model/tenant.h"
#include "model/vm.h"
#include "vm_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct flag vm_create_flags[] = {
    {.name = "file",
     .value = "FILE",
     .help = "read the configuration from JSON; flags override it; - is stdin"},
    {.name = "vcpus", .value = "N", .help = "virtual processors (1)"},
    {.name = "memory", .value = "SIZE", .help = "memory (512MiB)"},
    {.name = "disk", .value = "SIZE", .help = "size of the disk; 0 for none (10GiB)"},
    {.name = "kernel", .value = "PATH", .help = "kernel to boot, a file on the node"},
    {.name = "initrd", .value = "PATH", .help = "initial ramdisk, a file on the node"},
    {.name = "cmdline", .value = "TEXT", .help = "command line of the kernel"},
    {.name = "tenant",
     .value = "TENANT",
     .help = "tenant that owns the VM (that of the context or the user, or default)",
     .completes = "tenant"},
    {.name = "node", .value = "N", .help = "place the VM on this node only", .completes = "node"},
    {.name = "strategy",
     .value = "S",
     .help = "most-available, least-available or manual",
     .choices = bx_strategy_names},
    {.name = "priority", .value = "P", .help = "0 to 1000 (500); has no effect yet"},
    {.name = "label", .value = "K=V", .help = "add a label; may be repeated"},
    {.name = "metadata", .value = "K=V", .help = "add metadata; may be repeated"},
    {.name = "restart",
     .value = "R",
     .help = "when the guest ends: always, on-failure or never (always)",
     .choices = bx_restart_names},
    {.name = "on-lost",
     .value = "L",
     .help = "when its node is lost: stay (others are not supported yet)",
     .choices = bx_on_lost_names},
    {.name = "reserve", .help = "keep its vcpus and memory for it while it is stopped"},
    {.name = "disk-ephemeral", .help = "start with an empty disk every time"},
    {.name = "start", .help = "start the VM at once (default)"},
    {.name = "no-start", .help = "place the VM without starting it"},
    {.name = "if-not-exists", .help = "succeed when a VM of this name exists"},
    {.name = "dry-run", .help = "print where the VM would be placed, and why; change nothing"},
    {.name = "image", .value = "I", .planned = true},
    {.name = "network", .value = "N", .planned = true},
    {.name = "anti-affinity", .value = "KEY", .planned = true},
    {.name = "user-data", .value = "F", .planned = true},
    {.name = "ssh-key", .value = "F", .planned = true},
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

static int invalid_pair(struct run *r, const char *flag, const char *what, const char *text,
                        size_t n)
{
    bx_err_set(&r->err, BX_INVALID, "--%s: \"%.*s\" %s", flag, (int)(n > 60 ? 60 : n), text, what);
    bx_err_hint(&r->err, "for example --%s app=web", flag);
    return BX_INVALID;
}

/* What KEY=VALUE flags are read into. */
struct pairs {
    struct bx_pair labels[BX_LABELS_MAX], metadata[BX_METADATA_MAX];
};
_Static_assert(BX_METADATA_MAX == BX_LABELS_MAX, "read_pairs has one bound");

/* Each KEY=VALUE of a flag into pairs, of which there are BX_LABELS_MAX. Without any, *out stays as
 * the file has it. */
static int read_pairs(struct run *r, const char *flag, struct bx_pair *pairs, struct bx_pairs *out)
{
    const char *text;
    uint32_t n = 0;

    while ((text = args_nth(&r->args, flag, n)) != NULL) {
        const char *eq = strchr(text, '=');

        if (eq == NULL || eq == text)
            return invalid_pair(r, flag, "is not KEY=VALUE", text, strlen(text));
        if (n >= BX_LABELS_MAX) {
            bx_err_set(&r->err, BX_INVALID, "--%s: too many (at most %u)", flag, BX_LABELS_MAX);
            bx_err_hint(&r->err, "remove some");
            return BX_INVALID;
        }
        pairs[n].key = (struct bx_str){text, (uint32_t)(eq - text)};
        if (has_key(pairs, n, pairs[n].key))
            return invalid_pair(r, flag, "is given twice", text, (size_t)(eq - text));
        pairs[n++].value = bx_str(eq + 1);
    }
    if (n > 0)
        *out = (struct bx_pairs){pairs, n};
    return BX_OK;
}

static int read_sizes(struct run *r, struct bx_vm_config *c)
{
    uint64_t vcpus = c->vcpus, priority = c->priority;
    int rc = args_number(&r->args, "vcpus", 1, BX_VCPUS_MAX, &vcpus, &r->err);

    if (rc == BX_OK)
        rc = args_size(&r->args, "memory", 1 << 20, &c->memory_mib, &r->err);
    if (rc == BX_OK)
        rc = args_size(&r->args, "disk", 1 << 30, &c->disk_gib, &r->err);
    if (rc == BX_OK)
        rc = args_number(&r->args, "priority", 0, BX_PRIORITY_MAX, &priority, &r->err);
    c->vcpus = (uint32_t)vcpus;
    c->priority = (uint16_t)priority;
    return rc;
}

static int read_choices(struct run *r, struct bx_vm_config *c)
{
    int rc = args_choice(&r->args, "strategy", &c->strategy, &r->err);

    if (rc == BX_OK)
        rc = args_choice(&r->args, "restart", &c->restart, &r->err);
    if (rc == BX_OK)
        rc = args_choice(&r->args, "on-lost", &c->on_lost, &r->err);
    return rc == BX_OK ? args_exclude(&r->args, "start", "no-start", &r->err) : rc;
}

/* A relative path is resolved here, although the file is opened on the node. */
static struct bx_str absolute_path(const char *p, char *out)
{
    char cwd[PATH_MAX];

    if (p[0] == '/' || p[0] == '\0' || getcwd(cwd, sizeof cwd) == NULL)
        return bx_str(p);
    snprintf(out, 2 * PATH_MAX, "%s/%s", cwd, p);
    return bx_str(out);
}

/* Flags override the file. */
static void read_texts(struct run *r, struct bx_vm_config *c, char (*paths)[2 * PATH_MAX])
{
    const struct {
        const char *flag;
        struct bx_str *text;
        char *path; /* for a path that is made absolute */
    } all[] = {
        {"tenant", &c->tenant, NULL},     {"node", &c->node, NULL},
        {"cmdline", &c->cmdline, NULL},   {"kernel", &c->kernel, paths[0]},
        {"initrd", &c->initrd, paths[1]},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *s = args_get(&r->args, all[i].flag, NULL);

        if (s != NULL)
            *all[i].text = all[i].path == NULL ? bx_str(s) : absolute_path(s, all[i].path);
    }
    if (c->tenant.n == 0)
        c->tenant = bx_str(run_tenant(r));
    c->name = bx_str(r->arguments[0]);
    c->reserve = c->reserve || args_has(&r->args, "reserve");
    c->disk_ephemeral = c->disk_ephemeral || args_has(&r->args, "disk-ephemeral");
    if (args_has(&r->args, "no-start") || args_has(&r->args, "start"))
        c->stopped = args_has(&r->args, "no-start");
}

/* Without a tenant the daemon chooses it. */
static int check_config(const struct bx_vm_config *c, struct bx_err *err)
{
    struct bx_vm_config whole = *c;
    int rc;

    if (whole.tenant.n == 0)
        whole.tenant = bx_str(BX_TENANT_DEFAULT);
    rc = bx_vm_config_check(&whole, err);
    return rc == BX_OK ? bx_vm_config_supported(&whole, err) : rc;
}

static int read_config(struct run *r, struct bx_vm_config *c, struct pairs *pairs,
                       char (*paths)[2 * PATH_MAX])
{
    static struct bx_decoder decoder; /* the configuration's text may lie in it */
    const char *file = args_get(&r->args, "file", NULL);
    int rc = BX_OK;

    bx_vm_config_init(c);
    c->tenant = bx_str("");
    if (file != NULL)
        rc = vm_file_read(file, &decoder, c, &r->err);
    read_texts(r, c, paths);
    if (rc == BX_OK)
        rc = read_sizes(r, c);
    if (rc == BX_OK)
        rc = read_choices(r, c);
    if (rc == BX_OK)
        rc = read_pairs(r, "label", pairs->labels, &c->labels);
    if (rc == BX_OK)
        rc = read_pairs(r, "metadata", pairs->metadata, &c->metadata);
    return rc == BX_OK ? check_config(c, &r->err) : rc;
}

/* ---- the request ---- */

static void add_pairs(struct params *p, const char *key, const struct bx_pairs *l)
{
    params_key(p, key);
    build_map(&p->b, l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        build_strn(&p->b, l->v[i].key);
        build_strn(&p->b, l->v[i].value);
    }
}

static void add_text(struct params *p, const char *key, struct bx_str s)
{
    if (s.n == 0)
        return;
    params_key(p, key);
    build_strn(&p->b, s);
}

static void add_config(struct params *p, const struct bx_vm_config *c)
{
    add_text(p, "name", c->name);
    add_text(p, "tenant", c->tenant);
    params_u64(p, "vcpus", c->vcpus);
    params_u64(p, "memory_mib", c->memory_mib);
    params_u64(p, "disk_gib", c->disk_gib);
    add_text(p, "kernel", c->kernel);
    add_text(p, "initrd", c->initrd);
    add_text(p, "cmdline", c->cmdline);
    add_text(p, "node", c->node);
    params_u64(p, "priority", c->priority);
    params_str(p, "strategy", bx_strategy_names[c->strategy]);
    params_str(p, "restart", bx_restart_names[c->restart]);
    params_str(p, "on_lost", bx_on_lost_names[c->on_lost]);
    add_pairs(p, "labels", &c->labels);
    if (c->metadata.n > 0) /* older daemons do not know it */
        add_pairs(p, "metadata", &c->metadata);
    params_bool(p, "disk_ephemeral", c->disk_ephemeral);
    if (c->reserve) /* the same */
        params_bool(p, "reserve", true);
    params_bool(p, "stopped", c->stopped);
}

/* ---- the answer ---- */

static bool wants_to_run(bx_val vm)
{
    struct bx_str desired = {"", 0};

    bx_val_str(bx_val_get(vm, "desired"), &desired);
    return bx_str_eq(desired, bx_str("running"));
}

/* Such a VM starts, and looks well. */
static void note_kernel(bx_val vm, const char *name)
{
    struct bx_str kernel = {"", 0};

    bx_val_str(bx_val_get(vm, "kernel"), &kernel);
    if (kernel.n == 0)
        fprintf(stderr, "%s has no --kernel: nothing boots in it\n", name);
}

/* Wait and print. A VM that existed and is stopped on purpose is not waited for. */
static int print_created(struct run *r, bx_val result, bool wait)
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
        value_text(bx_val_get(vm, "name"), VALUE_TEXT, name, sizeof name);
        value_text(bx_val_get(vm, "node"), VALUE_TEXT, node, sizeof node);
        value_text(bx_val_get(vm, "phase"), VALUE_TEXT, phase, sizeof phase);
        printf("%s is %s on %s\n", name, phase, node);
        note_kernel(vm, name);
    }
    return 0;
}

/* The answer of a dry run is a decision, which has other columns than a VM. */
static int print_dry_run(struct run *r, bx_val d)
{
    if (args_has(&r->args, "columns"))
        return run_fail_with(r, BX_INVALID, "omit --columns",
                             "--columns does not apply to --dry-run");
    for (size_t i = 0; i == 0 || vm_decision_columns[i - 1].title != NULL; i++)
        r->out.columns[i] = vm_decision_columns[i];
    return vm_print_decision(r, d);
}

/* ---- the command ---- */

int vm_create(struct run *r)
{
    static char paths[2][2 * PATH_MAX];
    struct pairs pairs;
    struct params p = {0};
    struct bx_vm_config c;
    bx_val result = NULL;
    int rc = read_config(r, &c, &pairs, paths);

    if (rc == BX_OK) {
        add_config(&p, &c);
        rc = run_write_params(r, &p);
    }
    if (rc == BX_OK) {
        params_bool(&p, "if_not_exists", args_has(&r->args, "if-not-exists"));
        params_bool(&p, "dry_run", args_has(&r->args, "dry-run"));
        rc = run_call(r, "vm.create", &p, &result);
    }
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (args_has(&r->args, "dry-run"))
        return print_dry_run(r, result);
    return print_created(r, result, run_waits(r) && !c.stopped);
}
