#include "qemu/priv.h"

#include "mem/alloc.h"
#include "vmdir/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct driver_qemu *self(struct bx_driver *d)
{
    return (struct driver_qemu *)(void *)((char *)d - offsetof(struct driver_qemu, base));
}

void qemu_say(struct driver_qemu *d, int level, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (d->log == NULL)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    d->log(d->log_ctx, level, text);
}

/* ---- the table of VMs ---- */

static bool same(const void *item, const void *key)
{
    return memcmp(((const struct qemu_vm *)item)->id, key, 16) == 0;
}

struct qemu_vm *qemu_find(struct driver_qemu *d, const uint8_t vm[16])
{
    return bx_map_get(&d->vms, bx_hash(vm, 16), same, vm);
}

struct qemu_vm *qemu_add(struct driver_qemu *d, const uint8_t vm[16], uint64_t epoch, bool make)
{
    struct qemu_vm *v = bx_calloc(1, sizeof *v);

    if (v == NULL || bx_map_add(&d->vms, bx_hash(vm, 16), v) != BX_OK) {
        bx_free(v);
        return NULL;
    }
    v->d = d;
    memcpy(v->id, vm, 16);
    bx_uuid_format(vm, v->text);
    v->epoch = epoch;
    v->pidfd = -1;
    uv_timer_init(d->loop, &v->timer);
    v->timer.data = v;
    d->refs++;
    if (make)
        (void)mkdirat(d->dir, v->text, 0700); /* the open tells */
    v->dir = openat(d->dir, v->text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return v;
}

void qemu_unref(struct driver_qemu *d)
{
    if (--d->refs > 0)
        return;
    bx_map_close(&d->vms);
    if (d->dir >= 0)
        close(d->dir);
    bx_free(d->path);
    bx_free(d->shim);
    bx_free(d->qemu);
    bx_free(d);
}

static void on_vm_closed(uv_handle_t *h)
{
    struct qemu_vm *v = h->data;

    qemu_unref(v->d);
    bx_free(v);
}

void qemu_drop(struct qemu_vm *v)
{
    v->gone = true;
    bx_map_remove(&v->d->vms, bx_hash(v->id, 16), v);
    qemu_disconnect(v);
    if (v->shim != NULL)
        v->shim->vm = NULL;
    if (v->dir >= 0)
        close(v->dir);
    if (v->pidfd >= 0)
        close(v->pidfd);
    uv_close((uv_handle_t *)&v->timer, on_vm_closed);
}

/* ---- the port ---- */

static void op_start(struct bx_driver *d, const struct bx_run *run)
{
    qemu_start(self(d), run);
}

/* The shim has its deadline; one that does not even keep that is killed a little later. */
static void expect(struct qemu_vm *v, uint32_t timeout_ms)
{
    uint64_t by = vm_now() + timeout_ms + QEMU_SHIM_MS;

    if (v->answer_by == 0 || by < v->answer_by)
        v->answer_by = by;
    qemu_order(v);
    qemu_watch(v, 0);
}

static struct qemu_vm *stoppable(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = qemu_find(self(d), vm);

    if (v == NULL || v->observed == BX_OBSERVED_EXITED)
        return NULL;
    if (v->unknown) {
        qemu_say(v->d, 3, "VM %s: not stopped, for nobody knows which run holds its lock", v->text);
        return NULL;
    }
    return v;
}

static void op_stop(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    struct qemu_vm *v = stoppable(d, vm);

    if (v == NULL)
        return;
    if (!v->want_stop || timeout_ms < v->stop_ms)
        v->stop_ms = timeout_ms;
    v->want_stop = true;
    expect(v, timeout_ms);
}

static void op_kill(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = stoppable(d, vm);

    if (v == NULL)
        return;
    v->want_kill = true;
    expect(v, 0);
}

static void op_forget(struct bx_driver *d, const uint8_t vm[16])
{
    struct qemu_vm *v = qemu_find(self(d), vm);

    if (v == NULL || v->observed != BX_OBSERVED_EXITED)
        return;
    qemu_remove_files(v);
    qemu_drop(v);
}

static void op_each(struct bx_driver *d, void (*fn)(void *ctx, const struct bx_observation *o),
                    void *ctx)
{
    struct qemu_vm *v;
    size_t pos = 0;

    while ((v = bx_map_next(&self(d)->vms, &pos)) != NULL) {
        struct bx_observation o = {
            .epoch = v->epoch, .observed = v->observed, .failed = v->failed, .message = v->message};
        memcpy(o.vm, v->id, 16);
        fn(ctx, &o);
    }
}

static int op_console(struct bx_driver *d, const uint8_t vm[16], size_t max, struct bx_buf *out,
                      struct bx_err *err)
{
    struct qemu_vm *v = qemu_find(self(d), vm);

    if (v == NULL || v->dir < 0) {
        bx_err_set(err, BX_NOT_FOUND, "this VM has no console on this node");
        bx_err_hint(err, "it did not come so far: blixardctl vm show says why");
        return BX_NOT_FOUND;
    }
    return vm_log_tail(v->dir, VM_FILE_CONSOLE, max, out, err);
}

static void op_capacity(struct bx_driver *d, uint32_t *vcpus, uint64_t *memory_mib,
                        uint64_t *disk_gib)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
    struct statvfs fs;

    *vcpus = cpus < 1 ? 1 : (uint32_t)cpus;
    *memory_mib = pages < 0 ? 0 : (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) >> 20;
    *disk_gib = fstatvfs(self(d)->dir, &fs) != 0 ? 0 : (uint64_t)fs.f_blocks * fs.f_frsize >> 30;
}

static const struct bx_driver_ops ops = {
    .name = "qemu",
    .start = op_start,
    .stop = op_stop,
    .kill = op_kill,
    .forget = op_forget,
    .each = op_each,
    .console = op_console,
    .capacity = op_capacity,
};

/* ---- life ---- */

static int open_dir(struct driver_qemu *d, struct bx_err *err)
{
    if (mkdir(d->path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "can not make %s: %s", d->path, strerror(errno));
    d->dir = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->dir < 0)
        return bx_err_set(err, BX_IO, "can not open %s: %s", d->path, strerror(errno));
    return vm_boot_id(d->boot, err);
}

static void choose_accel(struct driver_qemu *d, const char *wanted)
{
    char why[128] = "";

    if (wanted != NULL)
        snprintf(d->accel, sizeof d->accel, "%s", wanted);
    else
        qemu_accel(d->dir, d->qemu, d->boot, d->accel, why, sizeof why);
    if (why[0] != '\0')
        qemu_say(d, 4, "guests run under TCG, which is slow: %s", why);
}

int driver_qemu_create(struct bx_driver **out, const struct driver_qemu_options *o,
                       struct bx_err *err)
{
    struct driver_qemu *d;
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
    d->node = o->node;
    d->grace_ms = o->grace_ms == 0 ? 60000 : o->grace_ms;
    d->log = o->log;
    d->log_ctx = o->log_ctx;
    d->dir = -1;
    rc = open_dir(d, err);
    if (rc == BX_OK) {
        choose_accel(d, o->accel);
        rc = qemu_scan(d, err);
    }
    if (rc != BX_OK) {
        driver_qemu_destroy(&d->base);
        return rc;
    }
    *out = &d->base;
    return BX_OK;
}

static void on_process_closed(uv_handle_t *h)
{
    struct qemu_shim *s = h->data;

    qemu_unref(s->d);
    bx_free(s);
}

void driver_qemu_destroy(struct bx_driver *base)
{
    struct driver_qemu *d;
    struct qemu_shim *s;
    struct qemu_vm *v;
    size_t pos;

    if (base == NULL)
        return;
    d = self(base);
    d->log = NULL;
    while (pos = 0, (v = bx_map_next(&d->vms, &pos)) != NULL)
        qemu_drop(v);
    for (s = d->shims; s != NULL; s = s->next)
        uv_close((uv_handle_t *)&s->process, on_process_closed);
    d->shims = NULL;
    qemu_unref(d);
}

const char *driver_qemu_accel(const struct bx_driver *d)
{
    return ((const struct driver_qemu *)(const void *)((const char *)d -
                                                       offsetof(struct driver_qemu, base)))
        ->accel;
}
