#include "model/vm.h"

#include <assert.h>

const char *const bx_desired_names[] = {"running", "stopped", "deleted", NULL};
#define X(id, text) text,
const char *const bx_phase_names[] = {BX_VM_STATUSES(X) NULL};
#undef X
const char *const bx_restart_names[] = {"never", "on-failure", "always", NULL};
const char *const bx_on_lost_names[] = {"stay", "restart", NULL};
const char *const bx_strategy_names[] = {"most-available", "least-available", "manual", NULL};
_Static_assert(sizeof bx_strategy_names / sizeof bx_strategy_names[0] == BX__STRATEGIES + 1,
               "a name for each strategy");

static const struct bx_field config_fields[] = {
    BX_VM_CONFIG_FIELDS(0), BX_VM_CONFIG_LATER_FIELDS(0), BX_VM_CONFIG_LAST_FIELDS(0)};
const struct bx_schema bx_vm_config_schema = BX_SCHEMA("vm", 1, bx_vm_config, config_fields);

void bx_vm_config_init(struct bx_vm_config *c)
{
    memset(c, 0, sizeof *c);
    c->tenant = bx_str("default");
    c->vcpus = 1;
    c->memory_mib = 512;
    c->disk_gib = 10;
    c->priority = BX_PRIORITY_DEFAULT;
    c->restart = BX_RESTART_ALWAYS;
}

/* ---- checks ---- */

static bool label_char(char c, bool edge)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && !edge);
}

int bx_name_check(struct bx_str name, const char *what, struct bx_err *err)
{
    bool ok = name.n >= 1 && name.n <= BX_NAME_MAX;

    for (uint32_t i = 0; ok && i < name.n; i++)
        ok = label_char(name.p[i], i == 0 || i + 1 == name.n);
    if (ok)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: \"%.*s\" is not a valid name", what,
               (int)(name.n > 80 ? 80 : name.n), name.p == NULL ? "" : name.p);
    bx_err_hint(err, "use 1 to 63 of a-z, 0-9 and '-', with '-' neither first nor last");
    return BX_INVALID;
}

static int range(const char *what, uint64_t value, uint64_t min, uint64_t max, const char *unit,
                 struct bx_err *err)
{
    if (value >= min && value <= max)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: must be %llu to %llu%s, not %llu", what,
               (unsigned long long)min, (unsigned long long)max, unit, (unsigned long long)value);
    bx_err_hint(err, "choose a value in that range; blixardctl help vm create lists them");
    return BX_INVALID;
}

static int path(struct bx_str s, const char *what, struct bx_err *err)
{
    if (s.n == 0 || (s.n <= BX_PATH_LEN_MAX && s.p[0] == '/'))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: must be an absolute path of at most %u bytes", what,
               BX_PATH_LEN_MAX);
    bx_err_hint(err, "the file is opened on the node that runs the VM");
    return BX_INVALID;
}

static bool key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
}

/* Rules for options given as KEY=VALUE, repeatedly. */
struct pairs_rule {
    const char *flag, *what;
    uint32_t max, value_max, bytes_max;
    const char *hint;
};
static const struct pairs_rule label_rule = {
    "--label",          "labels",   BX_LABELS_MAX,
    BX_LABEL_VALUE_MAX, UINT32_MAX, "labels are for selection; use --metadata for longer text"};
static const struct pairs_rule metadata_rule = {
    "--metadata",      "pairs",
    BX_METADATA_MAX,   BX_METADATA_VALUE_MAX,
    BX_METADATA_BYTES, "store longer text elsewhere and put its address here"};

static int pair(const struct pairs_rule *rule, const struct bx_pair *p, struct bx_err *err)
{
    bool ok = p->key.n >= 1 && p->key.n <= BX_LABEL_KEY_MAX;

    for (uint32_t i = 0; ok && i < p->key.n; i++)
        ok = key_char(p->key.p[i]);
    if (!ok) {
        bx_err_set(err, BX_INVALID, "%s: \"%.*s\" is not a valid key", rule->flag,
                   (int)(p->key.n > 80 ? 80 : p->key.n), p->key.p == NULL ? "" : p->key.p);
        bx_err_hint(err, "a key is 1 to %u of letters, digits and -_./", BX_LABEL_KEY_MAX);
        return BX_INVALID;
    }
    if (p->value.n <= rule->value_max)
        return BX_OK;
    bx_err_set(err, BX_INVALID,
               "%s: the value of \"" BX_STR_FMT "\" has %u bytes, at most %u "
               "are allowed",
               rule->flag, BX_STR_ARG(p->key), p->value.n, rule->value_max);
    bx_err_hint(err, "%s", rule->hint);
    return BX_INVALID;
}

static int pairs(const struct pairs_rule *rule, const struct bx_pairs *l, struct bx_err *err)
{
    uint64_t bytes = 0;

    if (l->n > rule->max) {
        bx_err_set(err, BX_INVALID, "%s: at most %u %s, not %u", rule->flag, rule->max, rule->what,
                   l->n);
        bx_err_hint(err, "remove some of them");
        return BX_INVALID;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        int rc = pair(rule, &l->v[i], err);

        if (rc != BX_OK)
            return rc;
        bytes += (uint64_t)l->v[i].key.n + l->v[i].value.n;
    }
    if (bytes <= rule->bytes_max)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: keys and values have %llu bytes, at most %u are allowed",
               rule->flag, (unsigned long long)bytes, rule->bytes_max);
    bx_err_hint(err, "%s", rule->hint);
    return BX_INVALID;
}

static int policies(const struct bx_vm_config *c, struct bx_err *err)
{
    if (c->strategy == BX_STRATEGY_MANUAL && c->node.n == 0) {
        bx_err_set(err, BX_INVALID, "--strategy manual: requires --node");
        bx_err_hint(err, "add --node NAME");
        return BX_INVALID;
    }
    if (c->on_lost == BX_ON_LOST_RESTART && c->disk_gib > 0 && !c->disk_ephemeral) {
        bx_err_set(err, BX_INVALID, "--on-lost restart: the VM's disk exists only on its node");
        bx_err_hint(err, "use --disk 0, or --disk-ephemeral if it may start with an empty disk");
        return BX_INVALID;
    }
    if ((c->initrd.n > 0 || c->cmdline.n > 0) && c->kernel.n == 0) {
        bx_err_set(err, BX_INVALID, "%s: requires --kernel",
                   c->initrd.n > 0 ? "--initrd" : "--cmdline");
        bx_err_hint(err, "add --kernel PATH");
        return BX_INVALID;
    }
    return BX_OK;
}

int bx_vm_config_check(const struct bx_vm_config *c, struct bx_err *err)
{
    int rc = bx_name_check(c->name, "name", err);

    if (rc == BX_OK)
        rc = bx_name_check(c->tenant, "--tenant", err);
    if (rc == BX_OK)
        rc = range("--vcpus", c->vcpus, 1, BX_VCPUS_MAX, "", err);
    if (rc == BX_OK)
        rc = range("--memory", c->memory_mib, 1, BX_MEMORY_MIB_MAX, " MiB", err);
    if (rc == BX_OK)
        rc = range("--disk", c->disk_gib, 0, BX_DISK_GIB_MAX, " GiB", err);
    if (rc == BX_OK)
        rc = range("--priority", c->priority, 0, BX_PRIORITY_MAX, "", err);
    if (rc == BX_OK)
        rc = path(c->kernel, "--kernel", err);
    if (rc == BX_OK)
        rc = path(c->initrd, "--initrd", err);
    if (rc == BX_OK)
        rc = range("--cmdline", c->cmdline.n, 0, BX_CMDLINE_MAX, " bytes", err);
    if (rc == BX_OK)
        rc = pairs(&label_rule, &c->labels, err);
    if (rc == BX_OK)
        rc = pairs(&metadata_rule, &c->metadata, err);
    if (rc == BX_OK && c->node.n > 0)
        rc = bx_name_check(c->node, "--node", err);
    return rc == BX_OK ? policies(c, err) : rc;
}

int bx_vm_config_supported(const struct bx_vm_config *c, struct bx_err *err)
{
    if (c->on_lost != BX_ON_LOST_RESTART)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--on-lost restart is not supported yet");
    bx_err_hint(err, "omit it; after blixardctl node remove NODE --confirm-dead, the VMs of a "
                     "lost node can be started elsewhere");
    return BX_INVALID;
}

/* ---- phases ---- */

#define X(id, text) &bx_status_##id,
static const struct bx_istr *const phases[] = {BX_VM_STATUSES(X)};
#undef X
_Static_assert(sizeof phases / sizeof phases[0] == BX__PHASES, "a status for each phase");

const struct bx_istr *bx_phase_name(enum bx_phase p)
{
    assert(p < BX__PHASES);
    return phases[p];
}

#define P(x) (1u << BX_PHASE_##x)

/* Row: from; bits: to. A transition to the same phase is not allowed. */
static const uint16_t moves[BX__PHASES] = {
    [BX_PHASE_PENDING] = P(CREATING) | P(STOPPED) | P(FAILED),
    [BX_PHASE_CREATING] = P(STARTING) | P(RUNNING) | P(STOPPING) | P(STOPPED) | P(FAILED) | P(LOST),
    [BX_PHASE_STARTING] = P(RUNNING) | P(STOPPING) | P(STOPPED) | P(FAILED) | P(LOST),
    [BX_PHASE_RUNNING] = P(STOPPING) | P(STOPPED) | P(FAILED) | P(MIGRATING) | P(LOST),
    [BX_PHASE_STOPPING] = P(STOPPED) | P(FAILED) | P(LOST),
    [BX_PHASE_STOPPED] = P(CREATING),
    [BX_PHASE_FAILED] = P(CREATING) | P(STOPPED),
    [BX_PHASE_MIGRATING] = P(RUNNING) | P(STOPPING) | P(STOPPED) | P(FAILED) | P(LOST),
    [BX_PHASE_LOST] = P(CREATING) | P(RUNNING) | P(STOPPED) | P(FAILED),
};

bool bx_phase_may(enum bx_phase from, enum bx_phase to)
{
    return from < BX__PHASES && to < BX__PHASES && (moves[from] & 1u << to) != 0;
}

bool bx_phase_active(enum bx_phase p)
{
    return p == BX_PHASE_CREATING || p == BX_PHASE_STARTING || p == BX_PHASE_RUNNING ||
           p == BX_PHASE_STOPPING || p == BX_PHASE_MIGRATING || p == BX_PHASE_LOST;
}
