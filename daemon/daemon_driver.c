#include "daemon.h"

#include "api/api.h"
#include "qemu/driver.h"
#include "qemu/user.h"
#include "rec/rec.h"
#include "node/driver_sim.h"
#include "sys/sim_runs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_BOOT_DIR "/var/lib/blixard/boot"

static const char *qemu_path(const struct daemon *d)
{
    return d->options.qemu[0] == '\0' ? NULL : d->options.qemu;
}

static bool qemu_usable(const struct daemon *d, char *why, size_t n)
{
    if (access(d->options.shim, X_OK) != 0) {
        snprintf(why, n, "%.200s: %s", d->options.shim, strerror(errno));
        return false;
    }
    return qemu_driver_usable(qemu_path(d), why, n);
}

static int open_sim(struct daemon *d, const char *why)
{
    struct bx_driver_sim_options o = {.clock = d->clock, .trace = sim_runs_note};

    d->driver = bx_driver_sim_create(&o);
    d->driver_is_sim = true;
    sim_runs_open(d->options.data, d->boot_id, d->driver);
    snprintf(d->accel, sizeof d->accel, "none");
    BX_INFO("driver", "driver sim: VMs are simulated", "why", why);
    return BX_OK;
}

/* The default is created, so that there is a place to copy a kernel to. */
static void find_boot_dirs(const struct daemon *d, char *out, size_t n)
{
    char own[OPTIONS_PATH + 8];

    snprintf(own, sizeof own, "%s/boot", d->options.data);
    if (d->options.boot_dir[0] != '\0') {
        snprintf(out, n, "%s", d->options.boot_dir);
        return;
    }
    snprintf(out, n, "%s:%s", own, SYSTEM_BOOT_DIR);
    if (mkdir(own, 0700) != 0 && errno != EEXIST)
        BX_WARNING("driver", "the boot directory can not be created", "dir", own, "err",
                   strerror(errno));
}

/* Root runs QEMU as other users, anybody else as itself. */
static int find_users(const struct daemon *d, struct qemu_driver_options *o, struct bx_err *err)
{
    o->first_user = d->options.qemu_user.first;
    o->last_user = d->options.qemu_user.last;
    if (o->first_user != 0 || geteuid() != 0 || qemu_users_usual(&o->first_user, &o->last_user))
        return BX_OK;
    bx_err_set(err, BX_FAILED, "no user ids for QEMU in this user namespace");
    bx_err_hint(err, "pass --qemu-user FIRST-LAST with ids that /proc/self/uid_map lists");
    return BX_FAILED;
}

static int open_qemu(struct daemon *d, struct bx_err *err)
{
    char dir[OPTIONS_PATH + 8], boot_dirs[OPTIONS_PATH + 64];
    struct qemu_driver_options o = {.loop = &d->loop.uv,
                                    .dir = dir,
                                    .boot_dirs = boot_dirs,
                                    .shim = d->options.shim,
                                    .qemu = qemu_path(d),
                                    .node = d->identity.node};
    int rc;

    snprintf(dir, sizeof dir, "%s/vms", d->options.data);
    find_boot_dirs(d, boot_dirs, sizeof boot_dirs);
    rc = find_users(d, &o, err);
    if (rc == BX_OK)
        rc = qemu_driver_create(&d->driver, &o, err);
    if (rc != BX_OK)
        return bx_err_wrap(err, "driver qemu");
    d->driver_is_sim = false;
    snprintf(d->accel, sizeof d->accel, "%s", qemu_driver_accel(d->driver));
    BX_INFO("driver", "driver qemu: VMs are run by QEMU", "accelerator", d->accel);
    return BX_OK;
}

static int choose(struct daemon *d, struct bx_err *err)
{
    char why[512] = "";

    if (d->options.driver == OPTIONS_DRIVER_SIM)
        return open_sim(d, "--driver sim");
    if (qemu_usable(d, why, sizeof why))
        return open_qemu(d, err);
    if (d->options.driver == OPTIONS_DRIVER_AUTO)
        return open_sim(d, why);
    bx_err_set(err, BX_FAILED, "--driver qemu: %s", why);
    bx_err_hint(err, "install QEMU, set its path with --qemu PATH, or use --driver sim");
    return BX_FAILED;
}

int daemon_open_driver(struct daemon *d, struct bx_err *err)
{
    int rc;

    daemon_close_driver(d);
    rc = choose(d, err);
    if (rc == BX_OK)
        api_set_driver(d->api, d->driver, d->accel);
    return rc;
}

void daemon_close_driver(struct daemon *d)
{
    if (d->driver == NULL)
        return;
    if (d->driver_is_sim) {
        sim_runs_close();
        bx_driver_sim_destroy(d->driver);
    } else
        qemu_driver_destroy(d->driver);
    d->driver = NULL;
}
