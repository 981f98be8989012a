#include "options.h"

#include "sys/address.h"
#include "sys/log.h"
#include "mem/track.h"
#include "model/vm.h"

#include <errno.h>
#include <getopt.h>
#include <libfyaml.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { TEXT, LABEL, ADDRESS, DRIVER, LEVEL, U32, U64, POOL, BUFFERS, HELP, SHOW_VERSION };

/* One line a flag: getopt's table, the keys of the file and --help come from it. A text is not
 * empty, a label is a DNS label or empty. */
static const struct flag {
    const char *name;
    enum kind kind;
    size_t offset, size;
    const char *argument, *help;
} flags[] = {
#define AT(member) offsetof(struct options, member), sizeof(((struct options *)0)->member)
    {"data", TEXT, AT(data), "DIR", "directory of this daemon's data (required)"},
    {"name", LABEL, AT(name), "NAME", "of this node (default: the host's)"},
    {"listen", ADDRESS, AT(listen), "HOST:PORT", "for other nodes (default 127.0.0.1:7411)"},
    {"api", ADDRESS, AT(api), "HOST:PORT", "for clients, or none (default 127.0.0.1:7410)"},
    {"socket", TEXT, AT(socket), "PATH", "for clients (default DATA/blixard.sock)"},
    {"driver", DRIVER, AT(driver), "NAME", "qemu, sim or auto (default auto)"},
    {"shim", TEXT, AT(shim), "PATH", "of blixard-vm (default: beside blixardd)"},
    {"qemu", TEXT, AT(qemu), "PATH", "of QEMU (default: from PATH)"},
    {"datacenter", LABEL, AT(datacenter), "NAME", "where this host stands"},
    {"zone", LABEL, AT(zone), "NAME", "within the datacenter"},
    {"rack", LABEL, AT(rack), "NAME", "within the zone"},
    {"election-ms", U32, AT(election_ms), "N", "without a leader before an election (1000)"},
    {"heartbeat-ms", U32, AT(heartbeat_ms), "N", "between a leader's heartbeats (100)"},
    {"snapshot-bytes", U64, AT(snapshot_bytes), "N", "of log between snapshots (33554432)"},
    {"proposal-pool", POOL, AT(proposal_pool), "MAX[/MIN]", "requests kept for reuse (1000/100)"},
    {"read-pool", POOL, AT(read_pool), "MAX[/MIN]", "reads that wait kept (1000/0)"},
    {"frame-pool", POOL, AT(frame_pool), "MAX[/MIN]", "frames to other nodes kept (1024/0)"},
    {"vm-config-pool", POOL, AT(vm_config_pool), "MAX[/MIN]", "configurations kept (500/50)"},
    {"metadata-pool", POOL, AT(metadata_pool), "MAX[/MIN]", "sets of labels kept (200/20)"},
    {"call-pool", POOL, AT(call_pool), "MAX[/MIN]", "calls of the API kept (1000/0)"},
    {"answer-pool", POOL, AT(answer_pool), "MAX[/MIN]", "answers of the API kept (1000/0)"},
    {"connection-pool", POOL, AT(connection_pool), "MAX[/MIN]", "of clients, kept (1024/0)"},
#ifdef BX_TRACK_ALLOCATIONS
    {"scope-pool", POOL, AT(scope_pool), "MAX[/MIN]", "scopes of mem sites kept (8/1)"},
#endif
    {"buffers", BUFFERS, AT(buffers), "N,N,N,N,N", "kept by size (512,512,256,32,16)"},
    {"log-cache", U64, AT(log_cache), "N", "bytes of the log in memory (33554432)"},
    {"shared-configs", U64, AT(shared_configs), "N", "configurations held once (65536)"},
    {"intern-strings", U64, AT(intern_strings), "N", "names and labels held once (1048576)"},
    {"intern-bytes", U64, AT(intern_bytes), "N", "of these (67108864)"},
    {"log", LEVEL, AT(log), "LEVEL", "error, warning, info or debug (default info)"},
    {"config", TEXT, AT(config), "FILE", "YAML with these names as keys; flags win"},
    {"version", SHOW_VERSION, 0, 0, NULL, "print the version"},
    {"help", HELP, 0, 0, NULL, "print this"},
#undef AT
};
#define FLAGS (sizeof flags / sizeof flags[0])
#define NO_API "none"
#define POOL_MAX 1000000
#define U32_MAX 3600000
#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define YAML_ERROR 512

/* ---- values ---- */

static int read_number(uint64_t max, const char *text, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return BX_INVALID;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out > 0 && *out <= max ? BX_OK : BX_INVALID;
}

static int read_word(const char *const *words, const int *values, const char *text, int *out)
{
    for (; *words != NULL; words++, values++) {
        if (strcmp(*words, text) == 0) {
            *out = *values;
            return BX_OK;
        }
    }
    return BX_INVALID;
}

static int set_text(const struct flag *f, char *dst, const char *text, struct bx_err *err)
{
    if (strlen(text) >= f->size)
        return bx_err_set(err, BX_INVALID, "longer than %zu bytes", f->size - 1);
    if (f->kind == TEXT && *text == '\0')
        return bx_err_set(err, BX_INVALID, "wants a value, %s", f->argument);
    snprintf(dst, f->size, "%s", text);
    if (f->kind == LABEL && *text != '\0')
        return bx_name_check(bx_str(text), f->argument, err);
    return BX_OK;
}

/* Without MIN a tenth is made ahead, as with the defaults. */
static int read_pool(const char *text, void *at)
{
    struct bx_pool_size size;
    char *end;
    unsigned long max, min;

    if (*text < '0' || *text > '9')
        return BX_INVALID;
    errno = 0;
    max = strtoul(text, &end, 10);
    min = max / 10;
    if (*end == '/' && end[1] >= '0' && end[1] <= '9')
        min = strtoul(end + 1, &end, 10);
    if (errno != 0 || *end != '\0' || max == 0 || max > POOL_MAX || min > max)
        return BX_INVALID;
    size = (struct bx_pool_size){(uint32_t)max, (uint32_t)min};
    memcpy(at, &size, sizeof size);
    return BX_OK;
}

static int read_buffers(const char *text, void *at)
{
    uint32_t keep[BX_BUF_CLASSES];
    char *end;

    for (uint32_t i = 0; i < BX_BUF_CLASSES; i++) {
        unsigned long n;

        if (*text < '0' || *text > '9')
            return BX_INVALID;
        errno = 0;
        n = strtoul(text, &end, 10);
        if (errno != 0 || n > POOL_MAX || *end != (i + 1 < BX_BUF_CLASSES ? ',' : '\0'))
            return BX_INVALID;
        keep[i] = (uint32_t)n;
        text = end + 1;
    }
    memcpy(at, keep, sizeof keep);
    return BX_OK;
}

/* What a value that can not be read should have been. */
static const char *wanted(enum kind kind)
{
    switch (kind) {
    case DRIVER:
        return "qemu, sim or auto";
    case LEVEL:
        return "error, warning, info or debug";
    case U32:
        return "a number from 1 to " TEXT_OF(U32_MAX);
    case BUFFERS:
        return "five numbers up to " TEXT_OF(POOL_MAX) ", as 512,512,256,32,16";
    case POOL:
        return "MAX or MAX/MIN, MAX from 1 to " TEXT_OF(POOL_MAX) " and MIN at most that";
    default:
        return "a number from 1 on";
    }
}

static int set_value(struct options *o, const struct flag *f, const char *text, struct bx_err *err)
{
    static const char *const drivers[] = {"auto", "qemu", "sim", NULL};
    static const int driver_values[] = {OPTIONS_DRIVER_AUTO, OPTIONS_DRIVER_QEMU,
                                        OPTIONS_DRIVER_SIM};
    static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
    static const int level_values[] = {LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    char *at = (char *)o + f->offset;
    uint64_t number = 0;
    int word = 0, rc = BX_OK;

    switch (f->kind) {
    case TEXT:
    case LABEL:
    case ADDRESS:
        return set_text(f, at, text, err);
    case DRIVER:
        rc = read_word(drivers, driver_values, text, &word);
        o->driver = (enum options_driver)word;
        break;
    case LEVEL:
        rc = read_word(levels, level_values, text, &o->log);
        break;
    case U32:
        rc = read_number(U32_MAX, text, &number);
        memcpy(at, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
        break;
    case U64:
        rc = read_number(UINT64_MAX - 1, text, &number);
        memcpy(at, &number, sizeof number);
        break;
    case POOL:
        rc = read_pool(text, at);
        break;
    case BUFFERS:
        rc = read_buffers(text, at);
        break;
    case HELP:
    case SHOW_VERSION:
        rc = BX_INVALID;
        break;
    }
    return rc == BX_OK ? rc : bx_err_set(err, rc, "\"%.100s\" is not %s", text, wanted(f->kind));
}

/* ---- the file ---- */

static int read_pair(struct options *o, struct fy_node_pair *pair, const bool *given,
                     struct bx_err *err)
{
    const char *key = fy_node_get_scalar0(fy_node_pair_key(pair));
    const char *value = fy_node_get_scalar0(fy_node_pair_value(pair));

    if (key == NULL || value == NULL)
        return bx_err_set(err, BX_INVALID, "keys and values must be plain text");
    for (size_t i = 0; i < FLAGS; i++) {
        if (strcmp(flags[i].name, key) != 0 || flags[i].argument == NULL ||
            flags[i].offset == offsetof(struct options, config))
            continue;
        if (given[i])
            return BX_OK;
        return set_value(o, &flags[i], value, err) == BX_OK ? BX_OK : bx_err_wrap(err, "%s", key);
    }
    return bx_err_set(err, BX_INVALID, "unknown key '%.100s'", key);
}

/* The library tells several lines: "FILE:LINE:COLUMN: error: ..." with a picture, and lines about
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
        return bx_err_set(err, BX_INVALID, "is no YAML map");
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

/* ---- defaults and checks ---- */

static void host_name(char out[64])
{
    char host[HOST_NAME_MAX + 1] = "";

    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    for (size_t i = 0; host[i] != '\0'; i++) {
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] - 'A' + 'a');
    }
    snprintf(out, 64, "%.63s", host);
}

static int shim_beside_us(struct options *o, struct bx_err *err)
{
    char self[OPTIONS_PATH];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n <= 0)
        return bx_err_set(err, BX_IO, "/proc/self/exe: %s", strerror(errno));
    self[n] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    if (snprintf(o->shim, sizeof o->shim, "%s/blixard-vm", self) >= (int)sizeof o->shim)
        return bx_err_set(err, BX_INVALID, "--shim: the path is too long");
    return BX_OK;
}

static int fill_defaults(struct options *o, struct bx_err *err)
{
    if (o->data[0] == '\0') {
        bx_err_set(err, BX_INVALID, "--data DIR is required");
        bx_err_hint(err, "blixardd --data /var/lib/blixard");
        return BX_INVALID;
    }
    if (o->name[0] == '\0')
        host_name(o->name);
    if (o->socket[0] == '\0' &&
        snprintf(o->socket, sizeof o->socket, "%s/blixard.sock", o->data) >= (int)sizeof o->socket)
        return bx_err_set(err, BX_INVALID, "--data: the path is too long");
    return o->shim[0] == '\0' ? shim_beside_us(o, err) : BX_OK;
}

static int check_address(const char *flag, const char *text, struct bx_err *err)
{
    union address a;
    int rc = address_parse(text, &a, err);

    if (rc != BX_OK)
        return bx_err_wrap(err, "%s", flag);
    if (a.v4.sin_port == 0) {
        bx_err_set(err, BX_INVALID, "%s: '%s' has no port", flag, text);
        bx_err_hint(err, "choose one: the others are told it");
        return BX_INVALID;
    }
    if (address_is_loopback(&a))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: '%s' is not a loopback address", flag, text);
    bx_err_hint(err, "without certificates only loopback is accepted: %s 127.0.0.1:%u", flag,
                ntohs(a.v4.sin_port));
    return BX_INVALID;
}

static int check(struct options *o, struct bx_err *err)
{
    int rc = bx_name_check(bx_str(o->name), "--name", err);

    if (rc != BX_OK)
        return rc;
    rc = check_address("--listen", o->listen, err);
    if (rc != BX_OK)
        return rc;
    if (strcmp(o->api, NO_API) == 0)
        o->api[0] = '\0';
    else
        rc = check_address("--api", o->api, err);
    if (rc == BX_OK && o->heartbeat_ms >= o->election_ms)
        rc = bx_err_set(err, BX_INVALID,
                        "--heartbeat-ms, which is %u, must be below --election-ms, which is %u",
                        o->heartbeat_ms, o->election_ms);
    return rc;
}

/* ---- flags ---- */

static int unknown_flag(char **argv, int index, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "%s: not a flag, or its value is missing", argv[index]);
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
    optind = 0; /* start afresh: a test parses more than once */
    for (; (which = getopt_long(argc, argv, ":h", table, NULL)) != -1; at = optind) {
        const struct flag *f = which >= 256 ? &flags[which - 256] : NULL;

        if (which == 'h' || (f != NULL && f->kind == HELP)) {
            o->ask = OPTIONS_HELP;
        } else if (f != NULL && f->kind == SHOW_VERSION) {
            o->ask = OPTIONS_VERSION;
        } else if (f == NULL) {
            return unknown_flag(argv, at < argc ? at : argc - 1, err);
        } else {
            given[f - flags] = true;
            if (set_value(o, f, optarg, err) != BX_OK)
                return bx_err_wrap(err, "--%s", f->name);
        }
    }
    return optind == argc ? BX_OK : unknown_flag(argv, optind, err);
}

int options_parse(struct options *o, int argc, char **argv, struct bx_err *err)
{
    bool given[FLAGS] = {false};
    int rc;

    *o = (struct options){
        .log = LOG_INFO,
        .election_ms = 1000,
        .heartbeat_ms = 100,
        .proposal_pool = {1000, 100},
        .read_pool = {1000, 0},
        .frame_pool = {1024, 0},
        .vm_config_pool = {500, 50},
        .metadata_pool = {200, 20},
        .call_pool = {1000, 0},
        .answer_pool = {1000, 0},
        .connection_pool = {1024, 0},
        .buffers = {512, 512, 256, 32, 16},
    };
    snprintf(o->listen, sizeof o->listen, "127.0.0.1:7411");
    snprintf(o->api, sizeof o->api, "127.0.0.1:7410");
#ifdef BX_TRACK_ALLOCATIONS
    o->scope_pool = BX_TRACK_SCOPE_POOL;
#endif
    rc = read_flags(o, argc, argv, given, err);
    if (rc == BX_OK && o->ask != OPTIONS_RUN)
        return rc;
    if (rc == BX_OK && o->config[0] != '\0')
        rc = read_file(o, given, err);
    if (rc == BX_OK)
        rc = fill_defaults(o, err);
    if (rc == BX_OK)
        rc = check(o, err);
    if (rc != BX_OK && err->hint[0] == '\0')
        bx_err_hint(err, "blixardd --help tells what each flag takes");
    return rc;
}

void options_usage(FILE *out)
{
    fputs("usage: blixardd --data DIR [flags]\n\n"
          "Runs the VMs of this host and, with the other daemons of its cluster, keeps the record\n"
          "of what should run where. SIGTERM ends it in order; VMs under QEMU run on. A new one\n"
          "waits for blixardctl cluster init, or join.\n\n",
          out);
    for (size_t i = 0; i < FLAGS; i++)
        fprintf(out, "  --%-15s %-10s %s\n", flags[i].name,
                flags[i].argument == NULL ? "" : flags[i].argument, flags[i].help);
}
