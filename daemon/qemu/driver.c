/* The driver port on top of the table of VMs, and the life of a driver. */
#include "qemu/priv.h"

#include "mem/alloc.h"
#include "vmdir/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* ---- the port ---- */

static int op_start(struct bx_driver *d, const struct bx_run *run, struct bx_err *err)
{
    return qemu_vm_start(qemu_driver_of(d), run, err);
}

/* The shim has its own deadline; a shim that misses it is killed a little later. */
static void send_order_by(struct qemu_vm *v, uint32_t timeout_ms)
{
    uint64_t by = vm_now() + timeout_ms + QEMU_SHIM_MS;

    if (bx_rec_traced() != 0)
        v->trace = bx_rec_traced();
    BX_DEBUG("driver", "ordering its end", "uuid", bx_uuid(v->id), "epoch", v->epoch, "kill",
             v->kill_requested);
    if (v->answer_by == 0 || by < v->answer_by)
        v->answer_by = by;
    qemu_vm_send_order(v);
    qemu_vm_watch(v, 0);
}

static struct qemu_vm *stoppable(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = qemu_vm_find(qemu_driver_of(d), vm);

    if (v == NULL || v->observed == BX_OBSERVED_EXITED)
        return NULL;
    if (v->unknown) {
        BX_ERROR("driver", "not stopped: its lock is held by an unknown process", "uuid",
                 bx_uuid(vm));
        return NULL;
    }
    return v;
}

static void op_stop(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    struct qemu_vm *v = stoppable(d, vm);

    if (v == NULL)
        return;
    if (!v->stop_requested || timeout_ms < v->stop_ms)
        v->stop_ms = timeout_ms;
    v->stop_requested = true;
    send_order_by(v, timeout_ms);
}

static void op_kill(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = stoppable(d, vm);

    if (v == NULL)
        return;
    v->kill_requested = true;
    send_order_by(v, 0);
}

static void op_forget(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = qemu_vm_find(qemu_driver_of(d), vm);

    if (v == NULL || v->observed != BX_OBSERVED_EXITED)
        return;
    qemu_vm_remove_files(v);
    qemu_vm_drop(v);
}

static void op_each(struct bx_driver *d, void (*fn)(void *ctx, const struct bx_observation *o),
                    void *ctx)
{
    struct qemu_vm *v;
    size_t pos = 0;

    while ((v = bx_map_next(&qemu_driver_of(d)->vms, &pos)) != NULL) {
        struct bx_observation o = {.epoch = v->epoch,
                                   .observed = v->observed,
                                   .failed = v->failed,
                                   .message = v->message,
                                   .reboots = v->reboots};
        memcpy(o.vm, v->id, 16);
        fn(ctx, &o);
    }
}

/* Also of a VM whose run was forgotten: its directory stays as long as the VM. */
static int op_console(struct bx_driver *base, const uint8_t vm[16], unsigned back, size_t max,
                      struct bx_console_place *at, struct bx_buf *out, struct bx_err *err)
{
    struct qemu_driver *d = qemu_driver_of(base);
    char text[BX_UUID_TEXT];
    int dir, rc = BX_NOT_FOUND;

    bx_uuid_format(vm, text);
    dir = openat(d->dir, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0 && at != NULL && at->file != 0)
        rc = vm_log_next(dir, vm_console_names, BX_CONSOLES, max, at, out, err);
    else if (dir >= 0 && back < BX_CONSOLES)
        rc = vm_log_tail(dir, vm_console_names[back], max, at, out, err);
    if (dir >= 0)
        close(dir);
    if (rc != BX_NOT_FOUND)
        return rc;
    bx_err_set(err, BX_NOT_FOUND,
               back == 0 ? "this VM has no console on this node"
                         : "no console of that many runs ago on this node");
    bx_err_hint(
        err, "the guest is not running, and was not started on this node; see blixardctl vm show");
    return BX_NOT_FOUND;
}

static void op_capacity(struct bx_driver *d, uint32_t *vcpus, uint64_t *memory_mib,
                        uint64_t *disk_gib)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
    struct statvfs fs;

    *vcpus = cpus < 1 ? 1 : (uint32_t)cpus;
    *memory_mib = pages < 0 ? 0 : (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
    *disk_gib =
        fstatvfs(qemu_driver_of(d)->dir, &fs) != 0 ? 0 : (uint64_t)fs.f_blocks * fs.f_frsize >> 30;
}

static const struct bx_driver_ops ops = {
    .name = "qemu",
    .start = op_start,
    .stop = op_stop,
    .kill = op_kill,
    .forget = op_forget,
    .each = op_each,
    .each_stored = qemu_each_stored,
    .remove = qemu_remove,
    .console = op_console,
    .capacity = op_capacity,
};

/* ---- life ---- */

void qemu_driver_unref(struct qemu_driver *d)
{
    if (--d->refs > 0)
        return;
    bx_map_close(&d->vms);
    qemu_users_close(&d->users);
    if (d->dir >= 0)
        close(d->dir);
    bx_free(d->path);
    bx_free(d->shim);
    bx_free(d->qemu);
    bx_free(d->boot_dirs);
    bx_free(d);
}

static int open_dir(struct qemu_driver *d, struct bx_err *err)
{
    if (mkdir(d->path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", d->path, strerror(errno));
    d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* A VM's user may pass it. */
    if (d->dir < 0 || (d->users.n > 0 && fchmod(d->dir, 0711) != 0))
        return bx_err_set(err, BX_IO, "cannot open %s: %s", d->path, strerror(errno));
    return vm_boot_id(d->boot, err);
}

static void choose_accel(struct qemu_driver *d, const char *wanted)
{
    char why[128] = "";

    if (wanted != NULL)
        snprintf(d->accel, sizeof d->accel, "%s", wanted);
    else
        qemu_accel(d, why, sizeof why);
    if (strcmp(d->accel, "kvm") == 0)
        (void)qemu_kvm_group(&d->users, &d->kvm); /* without access QEMU says so */
    if (why[0] != '\0')
        BX_WARNING("driver", "KVM is not available, guests run under TCG, which is slow", "err",
                   why);
}

int qemu_driver_create(struct bx_driver **out, const struct qemu_driver_options *o,
                       struct bx_err *err)
{
    struct qemu_driver *d;
    int rc;

    *out = NULL;
    if (o->dir[0] != '/')
        return bx_err_set(err, BX_INVALID, "%s: the directory of VMs must be absolute", o->dir);
    d = bx_must_calloc(1, sizeof *d);
    d->base.ops = &ops;
    d->refs = 1;
    d->loop = o->loop;
    d->path = bx_must_strdup(o->dir);
    d->shim = bx_must_strdup(o->shim);
    d->qemu = bx_must_strdup(o->qemu == NULL ? "qemu-system-x86_64" : o->qemu);
    d->boot_dirs = bx_must_strdup(o->boot_dirs);
    d->node = o->node;
    d->grace_ms = o->grace_ms == 0 ? 60000 : o->grace_ms;
    d->dir = -1;
    rc = qemu_users_open(&d->users, o->first_user, o->last_user, err);
    if (rc == BX_OK)
        rc = open_dir(d, err);
    if (rc == BX_OK) {
        choose_accel(d, o->accel);
        rc = qemu_scan(d, err);
    }
    if (rc != BX_OK) {
        qemu_driver_destroy(&d->base);
        return rc;
    }
    *out = &d->base;
    return BX_OK;
}

void qemu_driver_destroy(struct bx_driver *base)
{
    struct qemu_driver *d;
    struct qemu_shim *s;
    struct qemu_vm *v;
    size_t pos;

    if (base == NULL)
        return;
    d = qemu_driver_of(base);
    while (pos = 0, (v = bx_map_next(&d->vms, &pos)) != NULL)
        qemu_vm_drop(v);
    for (s = d->shims; s != NULL; s = s->next)
        uv_close((uv_handle_t *)&s->process, qemu_shim_closed);
    d->shims = NULL;
    qemu_driver_unref(d);
}

const char *qemu_driver_accel(struct bx_driver *d)
{
    return qemu_driver_of(d)->accel;
}
