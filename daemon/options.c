#include "options.h"

#include "options_diag.h"
#include "options_value.h"
#include "mem/track.h"
#include "model/vm.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <libfyaml.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define YAML_ERROR 512

static const struct word drivers[] = {
    {"auto", OPTIONS_DRIVER_AUTO},
    {"qemu", OPTIONS_DRIVER_QEMU},
    {"sim", OPTIONS_DRIVER_SIM},
    {0},
};

/* One row per flag. getopt's table, the keys of the file, the defaults and --help are made from it.
 */
static const struct options_flag flags[] = {
#define AT(member)                                                                                 \
    .offset = offsetof(struct options, member), .size = sizeof(((struct options *)0)->member)
    {.name = "data",
     .kind = VALUE_TEXT,
     AT(data),
     .argument = "DIR",
     .help = "data directory (required)"},
    {.name = "name",
     .kind = VALUE_LABEL,
     AT(name),
     .argument = "NAME",
     .help = "name of this node (default: the host's)"},
    {.name = "listen",
     .kind = VALUE_ADDRESS,
     AT(listen),
     .argument = "HOST:PORT",
     .preset = "127.0.0.1:7411",
     .help = "address for other nodes"},
    {.name = "api",
     .kind = VALUE_ADDRESS,
     AT(api),
     .argument = "HOST:PORT",
     .preset = OPTIONS_NO_API,
     .help = "address for clients over TCP, or none"},
#ifdef BX_HTTP
    {.name = "http",
     .kind = VALUE_ADDRESS,
     AT(http),
     .argument = "HOST:PORT",
     .preset = OPTIONS_NO_API,
     .help = "address for metrics, health and the dashboard, or none"},
#endif
    {.name = "socket",
     .kind = VALUE_TEXT,
     AT(socket),
     .argument = "PATH",
     .help = "unix socket for clients (default DATA/blixard.sock)"},
    {.name = "admin-group",
     .kind = VALUE_TEXT,
     AT(admin_group),
     .argument = "GROUP",
     .help = "group of administrators (default blixard-admin)"},
    {.name = "operator-group",
     .kind = VALUE_TEXT,
     AT(operator_group),
     .argument = "GROUP",
     .help = "group of operators, who manage VMs (default blixard)"},
    {.name = "driver",
     .kind = VALUE_WORD,
     AT(driver),
     .words = drivers,
     .argument = "NAME",
     .preset = "auto",
     .help = "VM driver: auto, qemu or sim"},
    {.name = "shim",
     .kind = VALUE_TEXT,
     AT(shim),
     .argument = "PATH",
     .help = "blixard-vm (default: beside blixardd)"},
    {.name = "qemu",
     .kind = VALUE_TEXT,
     AT(qemu),
     .argument = "PATH",
     .help = "QEMU (default: from PATH)"},
    {.name = "qemu-user",
     .kind = VALUE_RANGE,
     AT(qemu_user),
     .argument = "FIRST-LAST",
     .help = "range of user ids for QEMU, one per VM, if blixardd runs as root"},
    {.name = "boot-dir",
     .kind = VALUE_DIRS,
     AT(boot_dir),
     .argument = "DIR[:DIR]...",
     .help = "directories of kernels (default DATA/boot:/var/lib/blixard/boot)"},
    {.name = "overcommit-vcpus",
     .kind = VALUE_RATIO,
     AT(overcommit_vcpus_pct),
     .argument = "RATIO",
     .help = "vcpus of VMs for each processor of this host (default 4.0)"},
    {.name = "overcommit-memory",
     .kind = VALUE_RATIO,
     AT(overcommit_memory_pct),
     .argument = "RATIO",
     .preset = "1.0",
     .help = "memory of VMs for each byte of this host's memory"},
    {.name = "datacenter",
     .kind = VALUE_LABEL,
     AT(datacenter),
     .argument = "NAME",
     .help = "datacenter of this host"},
    {.name = "zone",
     .kind = VALUE_LABEL,
     AT(zone),
     .argument = "NAME",
     .help = "zone within the datacenter"},
    {.name = "rack",
     .kind = VALUE_LABEL,
     AT(rack),
     .argument = "NAME",
     .help = "rack within the zone"},
    {.name = "election-ms",
     .kind = VALUE_U32,
     AT(election_ms),
     .argument = "N",
     .preset = "1000",
     .help = "election timeout in milliseconds"},
    {.name = "heartbeat-ms",
     .kind = VALUE_U32,
     AT(heartbeat_ms),
     .argument = "N",
     .preset = "100",
     .help = "heartbeat interval in milliseconds"},
    {.name = "feature-level",
     .kind = VALUE_U32,
     AT(feature_level),
     .argument = "N",
     .help = "act as a build of an earlier feature level, to rehearse an upgrade"},
    {.name = "snapshot-bytes",
     .kind = VALUE_U64,
     AT(snapshot_bytes),
     .argument = "N",
     .help = "bytes of log between snapshots (default 33554432)"},
    {.name = "log-snapshot-every",
     .kind = VALUE_U32,
     AT(log_snapshot_every_s),
     .argument = "SECONDS",
     .help = "write what the recorder holds to DATA/recorder so often"},
    {.name = "ballast",
     .kind = VALUE_SIZE_OR_NONE,
     AT(ballast),
     .argument = "SIZE",
     .preset = "64MiB",
     .help = "disk space kept in DATA for when the disk is full, or none"},
    {.name = "proposal-pool",
     .kind = VALUE_POOL,
     AT(proposal_pool),
     .argument = "MAX[/MIN]",
     .preset = "1000/100",
     .help = "pool of pending proposals"},
    {.name = "read-pool",
     .kind = VALUE_POOL,
     AT(read_pool),
     .argument = "MAX[/MIN]",
     .preset = "1000/0",
     .help = "pool of pending reads"},
    {.name = "frame-pool",
     .kind = VALUE_POOL,
     AT(frame_pool),
     .argument = "MAX[/MIN]",
     .preset = "1024/0",
     .help = "pool of frames to other nodes"},
    {.name = "vm-config-pool",
     .kind = VALUE_POOL,
     AT(vm_config_pool),
     .argument = "MAX[/MIN]",
     .preset = "500/50",
     .help = "pool of VM configurations"},
    {.name = "metadata-pool",
     .kind = VALUE_POOL,
     AT(metadata_pool),
     .argument = "MAX[/MIN]",
     .preset = "200/20",
     .help = "pool of VM metadata"},
    {.name = "call-pool",
     .kind = VALUE_POOL,
     AT(call_pool),
     .argument = "MAX[/MIN]",
     .preset = "1000/0",
     .help = "pool of API calls"},
    {.name = "answer-pool",
     .kind = VALUE_POOL,
     AT(answer_pool),
     .argument = "MAX[/MIN]",
     .preset = "1000/0",
     .help = "pool of API answers"},
    {.name = "connection-pool",
     .kind = VALUE_POOL,
     AT(connection_pool),
     .argument = "MAX[/MIN]",
     .preset = "1024/0",
     .help = "pool of client connections"},
#ifdef BX_TRACK_ALLOCATIONS
    {.name = "scope-pool",
     .kind = VALUE_POOL,
     AT(scope_pool),
     .argument = "MAX[/MIN]",
     .preset = "8/1",
     .help = "pool of scopes of mem sites"},
#endif
    {.name = "buffers",
     .kind = VALUE_BUFFERS,
     AT(buffers),
     .argument = "N,N,N,N,N",
     .preset = "512,512,256,32,16",
     .help = "free buffers kept, per size class"},
    {.name = "log-cache",
     .kind = VALUE_U64,
     AT(log_cache),
     .argument = "N",
     .help = "bytes of the log kept in memory (default 16777216)"},
    {.name = "shared-configs",
     .kind = VALUE_U64,
     AT(shared_configs),
     .argument = "N",
     .help = "configurations stored once (default 65536)"},
    {.name = "intern-strings",
     .kind = VALUE_U64,
     AT(intern_strings),
     .argument = "N",
     .help = "names and labels stored once (default 1048576)"},
    {.name = "intern-bytes",
     .kind = VALUE_U64,
     AT(intern_bytes),
     .argument = "N",
     .help = "bytes of names and labels stored once (default 67108864)"},
    {.name = "log-sink",
     .kind = VALUE_SINK,
     AT(log_sinks),
     .argument = "SINK",
     .help = "where they go, several times: console:text|logfmt|json, file, journald,\n"
             "                               net:HOST:PORT, node:NAME; ,filter=SPEC\n"
             "                               (default console:text)"},
    {.name = "log",
     .kind = VALUE_FILTER,
     AT(log),
     .argument = "SPEC",
     .environment = "BLIXARD_LOG",
     .preset = "info",
     .help = "events to log: a level, then levels of targets, as info,node=debug"},
    OPTIONS_DIAG_FLAGS{.name = "config",
                       .kind = VALUE_TEXT,
                       AT(config),
                       .argument = "FILE",
                       .help = "YAML file with these names as keys; flags override it"},
    {.name = "forget-cluster",
     .kind = VALUE_ASK,
     .ask = OPTIONS_FORGET,
     .help = "leave the cluster: remove its state from DATA, keep vms, images and boot"},
    {.name = "force",
     .kind = VALUE_YES,
     AT(force),
     .help = "with --forget-cluster: even if VMs of this host are running"},
    {.name = "insecure-loopback",
     .kind = VALUE_YES,
     AT(insecure_loopback),
     .help = "no TLS, no tokens over TCP: everybody on this host may do everything"},
    {.name = "version", .kind = VALUE_ASK, .ask = OPTIONS_VERSION, .help = "print the version"},
    {.name = "help", .kind = VALUE_ASK, .ask = OPTIONS_HELP, .help = "print this help"},
#undef AT
};
#define FLAGS (sizeof flags / sizeof flags[0])

/* ---- the file ---- */

/* One value, or a list of them for a flag that may be given several times. */
static int read_values(struct options *o, const struct options_flag *f, struct fy_node *value,
                       struct bx_err *err)
{
    bool list = f->kind == VALUE_SINK && fy_node_get_type(value) == FYNT_SEQUENCE;
    struct fy_node *item = value;
    void *at = NULL;
    int rc = BX_OK;

    if (list)
        item = fy_node_sequence_iterate(value, &at);
    for (; rc == BX_OK && item != NULL; item = list ? fy_node_sequence_iterate(value, &at) : NULL) {
        const char *text = fy_node_get_scalar0(item);

        rc = text == NULL ? bx_err_set(err, BX_INVALID, "keys and values must be plain text")
                          : options_set_value(o, f, text, err);
    }
    return rc;
}

static int read_pair(struct options *o, struct fy_node_pair *pair, const bool *given,
                     struct bx_err *err)
{
    const char *key = fy_node_get_scalar0(fy_node_pair_key(pair));

    if (key == NULL)
        return bx_err_set(err, BX_INVALID, "keys and values must be plain text");
    for (size_t i = 0; i < FLAGS; i++) {
        if (strcmp(flags[i].name, key) != 0 || flags[i].argument == NULL ||
            flags[i].offset == offsetof(struct options, config))
            continue;
        if (given[i])
            return BX_OK;
        return read_values(o, &flags[i], fy_node_pair_value(pair), err) == BX_OK
                   ? BX_OK
                   : bx_err_wrap(err, "%s", key);
    }
    return bx_err_set(err, BX_INVALID, "unknown key '%.100s'", key);
}

/* The library prints several lines: "FILE:LINE:COLUMN: error: ..." with an excerpt, and lines about
 * its own functions, which begin with a bracket. */
static void on_yaml_error(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    char *out = user;

    (void)diag;
    if (*out == '\0' && n > 0 && *text != '[')
        snprintf(out, YAML_ERROR, "%.*s", (int)strcspn(text, "\n"), text);
}

static int read_map(struct options *o, struct fy_document *doc, const bool *given,
                    struct bx_err *err)
{
    struct fy_node *root = doc == NULL ? NULL : fy_document_root(doc);
    struct fy_node_pair *pair;
    void *at = NULL;
    int rc = BX_OK;

    if (root == NULL || fy_node_get_type(root) != FYNT_MAPPING)
        return bx_err_set(err, BX_INVALID, "not a YAML map");
    while (rc == BX_OK && (pair = fy_node_mapping_iterate(root, &at)) != NULL)
        rc = read_pair(o, pair, given, err);
    return rc;
}

static int read_file(struct options *o, const bool *given, struct bx_err *err)
{
    char why[YAML_ERROR] = "";
    struct fy_diag_cfg diag_cfg;
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC};
    struct fy_document *doc;
    int rc;

    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = on_yaml_error;
    diag_cfg.user = why;
    diag_cfg.colorize = false;
    cfg.diag = fy_diag_create(&diag_cfg);
    if (access(o->config, R_OK) != 0)
        snprintf(why, sizeof why, "%s", strerror(errno));
    doc = fy_document_build_from_file(&cfg, o->config);
    rc = read_map(o, doc, given, err);
    fy_document_destroy(doc);
    fy_diag_destroy(cfg.diag);
    if (rc == BX_OK)
        return rc;
    if (why[0] != '\0')
        bx_err_set(err, BX_UNREACHABLE, "%s", why);
    bx_err_wrap(err, "--config %s", o->config);
    bx_err_hint(err, "blixardd --help lists the keys");
    err->code = BX_UNREACHABLE;
    return BX_UNREACHABLE;
}

/* ---- flags ---- */

static int unknown_flag(char **argv, int index, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "%s: unknown flag, or missing value", argv[index]);
    bx_err_hint(err, "blixardd --help");
    return BX_INVALID;
}

static int read_flags(struct options *o, int argc, char **argv, bool *given, struct bx_err *err)
{
    struct option table[FLAGS + 1] = {{NULL, 0, NULL, 0}};
    int which, at = 1;

    for (size_t i = 0; i < FLAGS; i++)
        table[i] = (struct option){flags[i].name,
                                   flags[i].argument == NULL ? no_argument : required_argument,
                                   NULL, (int)i + 256};
    optind = 0; /* reset: a test parses more than once */
    for (; (which = getopt_long(argc, argv, ":h", table, NULL)) != -1; at = optind) {
        const struct options_flag *f = which >= 256 ? &flags[which - 256] : NULL;

        if (which == 'h') {
            o->ask = OPTIONS_HELP;
        } else if (f != NULL && f->kind == VALUE_ASK) {
            o->ask = f->ask;
        } else if (f == NULL) {
            return unknown_flag(argv, at < argc ? at : argc - 1, err);
        } else {
            given[f - flags] = true;
            if (options_set_value(o, f, optarg, err) != BX_OK)
                return bx_err_wrap(err, "--%s", f->name);
        }
    }
    return optind == argc ? BX_OK : unknown_flag(argv, optind, err);
}

/* What the environment says, between the presets and the file. */
static int read_environment(struct options *o, struct bx_err *err)
{
    for (size_t i = 0; i < FLAGS; i++) {
        const char *text = flags[i].environment == NULL ? NULL : getenv(flags[i].environment);

        if (text != NULL && options_set_value(o, &flags[i], text, err) != BX_OK)
            return bx_err_wrap(err, "%s", flags[i].environment);
    }
    return BX_OK;
}

static void set_presets(struct options *o)
{
    struct bx_err err;

    for (size_t i = 0; i < FLAGS; i++) {
        int rc = flags[i].preset == NULL ? BX_OK
                                         : options_set_value(o, &flags[i], flags[i].preset, &err);

        assert(rc == BX_OK); /* a preset is part of the table */
    }
}

int options_parse(struct options *o, int argc, char **argv, struct bx_err *err)
{
    bool given[FLAGS] = {false};
    int rc;

    memset(o, 0, sizeof *o);
    set_presets(o);
    rc = read_environment(o, err);
    if (rc == BX_OK)
        rc = read_flags(o, argc, argv, given, err);
    if (rc == BX_OK && (o->ask == OPTIONS_HELP || o->ask == OPTIONS_VERSION))
        return rc;
    if (rc == BX_OK && o->force && o->ask != OPTIONS_FORGET)
        rc = bx_err_set(err, BX_INVALID, "--force requires --forget-cluster");
    if (rc == BX_OK && o->config[0] != '\0')
        rc = read_file(o, given, err);
    if (rc == BX_OK)
        rc = options_finish(o, err);
    if (rc != BX_OK && err->hint[0] == '\0')
        bx_err_hint(err, "blixardd --help lists the flags and their values");
    return rc;
}

void options_usage(FILE *out)
{
    fputs("usage: blixardd --data DIR [flags]\n\n"
          "Runs the VMs of this host and, with the other daemons of the cluster, replicates the\n"
          "cluster's state. SIGTERM stops the daemon; VMs under QEMU keep running. A new daemon\n"
          "waits for blixardctl cluster init or blixardctl cluster join.\n\n",
          out);
    for (size_t i = 0; i < FLAGS; i++) {
        const struct options_flag *f = &flags[i];

        fprintf(out, "  --%-15s %-10s %s", f->name, f->argument == NULL ? "" : f->argument,
                f->help);
        fprintf(out, f->preset == NULL ? "\n" : " (default %s)\n", f->preset);
    }
}
