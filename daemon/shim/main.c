/* blixard-vm: the command line. */
#include "shim/shim.h"

#include "config.h"
#include "rec/names.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: blixard-vm --dir DIR --vm UUID --node ID --epoch N [--grace MS] [--kernel] [--initrd]\n"
    "                  [--user UID [--group GID]] [--trace ID] -- QEMU ARGUMENTS...\n"
    "Runs one virtual machine in DIR and reports its state on DIR/shim.sock.\n"
    "blixardd starts it; it is not meant to be started by hand.\n";

static const struct option options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"vm", required_argument, NULL, 'v'},
    {"node", required_argument, NULL, 'n'},
    {"epoch", required_argument, NULL, 'e'},
    {"grace", required_argument, NULL, 'g'},
    {"kernel", no_argument, NULL, 'k'},
    {"initrd", no_argument, NULL, 'i'},
    {"user", required_argument, NULL, 'u'},
    {"group", required_argument, NULL, 'G'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"trace", required_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out <= max;
}

_Noreturn static void misuse(const char *what)
{
    fprintf(stderr, "error: %s\nhint: blixard-vm --help\n", what);
    exit(2);
}

static uint32_t parse_id(const char *text)
{
    uint64_t v;

    if (!parse_number(text, UINT32_MAX - 1, &v))
        misuse("--user and --group require numeric ids");
    return (uint32_t)v;
}

static void parse(struct shim *s, int argc, char **argv)
{
    bool vm = false, node = false, epoch = false;
    uint64_t v;
    int c;

    while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            s->dir_path = optarg;
            break;
        case 'v':
            vm = bx_uuid_parse(optarg, strlen(optarg), s->record.vm);
            break;
        case 'n':
            node = parse_number(optarg, UINT64_MAX, &s->record.node);
            break;
        case 'e':
            epoch = parse_number(optarg, INT64_MAX, &s->record.epoch);
            break;
        case 'g':
            if (!parse_number(optarg, UINT32_MAX, &v))
                misuse("--grace requires a number of milliseconds");
            s->grace_ms = (uint32_t)v;
            break;
        case 'k':
            s->kernel = VM_FD_KERNEL;
            break;
        case 'i':
            s->initrd = VM_FD_INITRD;
            break;
        case 'u':
            s->user = parse_id(optarg);
            break;
        case 'G':
            s->group = parse_id(optarg);
            break;
        case 't':
            if (sscanf(optarg, "%" SCNx64, &s->trace) != 1)
                misuse("--trace requires 16 hex digits");
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        case 'V':
            puts("blixard-vm " PACKAGE_VERSION);
            exit(0);
        default:
            misuse("unknown option");
        }
    }
    if (s->dir_path == NULL || !vm || !node || !epoch)
        misuse("--dir, --vm, --node and --epoch are required");
    if (optind >= argc)
        misuse("QEMU's command line is missing, after --");
    s->command = argv + optind;
}

int main(int argc, char **argv)
{
    static struct shim shim;
    struct bx_err err = {0};
    int rc;

    shim_init(&shim);
    parse(&shim, argc, argv);
    if (bx_names_open(0, 0, NULL) == NULL)
        rc = bx_err_set(&err, BX_NO_MEMORY, "out of memory");
    else
        rc = shim_open(&shim, &err);
    if (rc == BX_OK)
        rc = shim_spawn(&shim, &err);
    if (rc != BX_OK) {
        shim_crash_close(&shim);
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    shim_run(&shim);
    return 0;
}
