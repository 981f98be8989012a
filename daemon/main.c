/* blixardd - the daemon of a node. */
#include "daemon.h"

#include "forget.h"
#include "rec/names.h"
#include "sys/fence.h"
#include "sys/log.h"
#include "wire/filter_check.h"
#include "mem/buf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct daemon d;

/* Each pending request holds an encoded command and then a reply, and batches to several peers are
 * frames of some kilobytes; all of them exist at once, on this thread. */
static void keep_buffers(void)
{
    for (uint32_t i = 0; i < BX_BUF_CLASSES; i++)
        bx_buf_class_keep(i, d.options.buffers[i]);
}

static int refuse(const struct bx_err *err)
{
    log_error(err);
    return bx_code_exit(err->code);
}

/* If a standard descriptor is closed, the next file or socket would get its number, and log output
 * would be written into it. */
static bool keep_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}

static int forget(void)
{
    struct forgotten kept;
    struct bx_err err = {0};

    if (forget_cluster(d.options.data, d.options.force, &kept, &err) != BX_OK)
        return refuse(&err);
    printf("%s %s a cluster\n", d.options.data,
           kept.forgot ? "no longer belongs to" : "does not belong to");
    if (kept.vms > 0)
        printf("kept: %s/vms (VMs: %u, of which with a disk: %u)\n", d.options.data, kept.vms,
               kept.disks);
    return 0;
}

/* The daemon starts all the same: another release may have had such events. */
static void check_filter(const char *option, const struct bx_filter *f)
{
    struct bx_err err = {0};

    if (bx_filter_check(f, &err) != BX_OK)
        BX_WARNING("log", "filter with an unknown word", "option", option, "err", err.msg, "hint",
                   err.hint);
}

static int open_log(struct bx_err *err)
{
    const struct options *o = &d.options;
    struct log_options log = {.thread = "loop",
                              .node = o->name,
                              .filter = o->log,
                              .sinks = o->log_sinks.v,
                              .n_sinks = o->log_sinks.n};

    if (log_open(&log, err) != BX_OK)
        return err->code;
    check_filter("--log", &o->log);
    for (uint32_t i = 0; i < log.n_sinks; i++)
        if (log.sinks[i].filtered)
            check_filter("--log-sink", &log.sinks[i].filter);
    return BX_OK;
}

/* What every part of the daemon uses, from here on. */
static int open_common(struct bx_err *err)
{
    if (bx_names_open(d.options.intern_strings, d.options.intern_bytes, fence_open()) == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the table of names");
    return open_log(err);
}

static void close_common(void)
{
    log_close();
    bx_names_close();
}

/* A core file would have the keys of this node, and that of a guest its memory. What ended a
 * process is in its crash file. The hard limit stays, so an operator can raise the other one. */
static void write_no_cores(void)
{
    struct rlimit core;

    if (getrlimit(RLIMIT_CORE, &core) != 0)
        return;
    core.rlim_cur = 0;
    (void)setrlimit(RLIMIT_CORE, &core);
}

int main(int argc, char **argv)
{
    struct bx_err err = {0};

    if (!keep_standard_descriptors())
        return bx_code_exit(BX_IO);
    if (options_parse(&d.options, argc, argv, &err) != BX_OK)
        return refuse(&err);
    if (d.options.ask == OPTIONS_HELP) {
        options_usage(stdout);
        return 0;
    }
    if (d.options.ask == OPTIONS_VERSION) {
        printf("blixardd %s\n", PACKAGE_VERSION);
        return 0;
    }
    umask(077); /* other users may reach the data directory, but read nothing in it */
    if (d.options.ask == OPTIONS_FORGET)
        return forget();
    write_no_cores();
    signal(SIGPIPE, SIG_IGN);
    if (open_common(&err) != BX_OK)
        return refuse(&err);
    if (daemon_open(&d, &err) != BX_OK) {
        log_close(); /* what is open, and the names that it uses, ends with the process */
        return refuse(&err);
    }
    BX_INFO("daemon", "ready", "link", d.options.listen, "socket", d.options.socket, "api",
            d.api_address, "version", PACKAGE_VERSION);
    keep_buffers();
    loop_run(&d.loop);
    BX_INFO("daemon", "shutting down");
    daemon_close(&d);
    close_common();
    return 0;
}
