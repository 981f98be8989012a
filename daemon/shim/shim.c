#include "shim/shim.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: blixard-vm --dir DIR --vm UUID --node ID --epoch N [--grace MS] [--lock-fd FD]\n"
    "                  -- QEMU ARGUMENTS...\n"
    "Runs one virtual machine under DIR and tells what becomes of it on DIR/shim.sock.\n"
    "blixardd starts it; it is not meant to be started by hand.\n";

static const struct option options[] = {
    {"dir", required_argument, NULL, 'd'},
    {"vm", required_argument, NULL, 'v'},
    {"node", required_argument, NULL, 'n'},
    {"epoch", required_argument, NULL, 'e'},
    {"grace", required_argument, NULL, 'g'},
    {"lock-fd", required_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static bool number(const char *text, uint64_t max, uint64_t *out)
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

static void parse(struct vm_shim *s, int argc, char **argv)
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
            node = number(optarg, UINT64_MAX, &s->record.node);
            break;
        case 'e':
            epoch = number(optarg, INT64_MAX, &s->record.epoch);
            break;
        case 'g':
            if (!number(optarg, UINT32_MAX, &v))
                misuse("--grace takes milliseconds");
            s->grace_ms = (uint32_t)v;
            break;
        case 'l':
            if (!number(optarg, INT_MAX, &v) || v < 3)
                misuse("--lock-fd takes the number of a descriptor above 2");
            s->lock = (int)v;
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
        misuse("--dir, --vm, --node and --epoch are needed");
    if (optind >= argc)
        misuse("QEMU's command line is missing, after --");
    s->command = argv + optind;
}

/* Nothing of the parent but the lock: a session of its own, no other descriptor, no signal of a
 * terminal, its directory. */
static int detach(struct vm_shim *s, struct bx_err *err)
{
    unsigned lock = s->lock < 0 ? 2 : (unsigned)s->lock;
    sigset_t term;

    (void)setsid(); /* fails when it leads one already */
    if (lock > 3)
        close_range(3, lock - 1, 0);
    close_range(lock + 1, UINT_MAX, 0);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_SETMASK, &term, NULL);
    s->signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0 || chdir(s->dir_path) != 0)
        return bx_err_set(err, BX_IO, "%s: %s", s->dir_path, strerror(errno));
    s->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return bx_err_set(err, BX_IO, "%s: %s", s->dir_path, strerror(errno));
    return BX_OK;
}

static int take_lock(struct vm_shim *s, struct bx_err *err)
{
    if (s->lock < 0)
        return vm_lock_take(s->dir, &s->lock, err);
    if (fcntl(s->lock, F_SETFD, FD_CLOEXEC) != 0)
        return bx_err_set(err, BX_INVALID, "--lock-fd %d: %s", s->lock, strerror(errno));
    return vm_lock_confirm(s->dir, s->lock, err);
}

int main(int argc, char **argv)
{
    static struct vm_shim shim;
    struct vm_shim *s = &shim;
    struct bx_err err = {0};
    int rc;

    *s = (struct vm_shim){.lock = -1,
                          .grace_ms = SHIM_GRACE_MS,
                          .dir = -1,
                          .listener = -1,
                          .qmp_listener = -1,
                          .console_pipe = -1,
                          .errors_pipe = -1,
                          .pidfd = -1,
                          .signals = -1,
                          .qmp = {.fd = -1}};
    parse(s, argc, argv);
    rc = detach(s, &err);
    if (rc == BX_OK)
        rc = take_lock(s, &err);
    if (rc == BX_OK)
        rc = vm_boot_id(s->record.boot, &err);
    if (rc == BX_OK)
        rc = shim_peers_open(s, &err);
    if (rc == BX_OK)
        rc = shim_spawn(s, &err);
    if (rc != BX_OK) {
        fprintf(stderr, "error: %s\n", err.msg);
        return 1;
    }
    shim_run(s);
    return 0;
}
