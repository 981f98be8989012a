/* What earlier daemons left behind: once, when the driver is created.
 *
 * The lock decides. Free: no process is left, the files tell how the run ended, and the files of a
 * start that never became a run are removed. Held: the run of the record's epoch, if the record is
 * valid and of this boot. Held without such a record: nothing is assumed; the VM is listed as
 * STOPPING (a process may exist), it gets no orders, and the log says so, until a valid record
 * appears or the lock is free. */
#include "qemu/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void adopt(struct qemu_vm *v)
{
    struct vm_record r;
    struct bx_err err;
    int rc = vm_record_read(v->dir, VM_FILE_RECORD, &r, &err);

    if (rc == BX_OK && (memcmp(r.boot, v->d->boot, 16) != 0 || memcmp(r.vm, v->id, 16) != 0 ||
                        vm_start_time((int)r.pid) != r.start))
        rc = bx_err_set(&err, BX_CONFLICT, "its record describes another run");
    if (rc == BX_OK) {
        v->epoch = r.epoch;
        v->observed = faccessat(v->dir, VM_FILE_READY, F_OK, 0) == 0 ? BX_OBSERVED_RUNNING
                                                                     : BX_OBSERVED_STARTING;
        BX_INFO("driver", "adopted a run", "uuid", bx_uuid(v->id), "epoch", v->epoch, "pid", r.pid);
    } else {
        v->unknown = true;
        v->observed = BX_OBSERVED_STOPPING;
        BX_ERROR("driver", "its lock is held by an unknown process, leaving it alone", "uuid",
                 bx_uuid(v->id), "err", err.msg);
    }
    qemu_vm_watch(v, 0);
}

static int scan_entry(struct qemu_driver *d, const char *name)
{
    struct bx_err err;
    struct qemu_vm *v;
    uint8_t id[16];
    int lock, rc;

    if (qemu_remove_leftover(d, name) || !bx_uuid_parse(name, strlen(name), id))
        return BX_OK; /* or not a VM's directory */
    v = qemu_vm_add(d, id, 0, false);
    if (v == NULL)
        return BX_NO_MEMORY;
    qemu_users_note(&d->users, v->dir);
    rc = v->dir < 0 ? BX_IO : vm_lock_take(v->dir, &lock, &err);
    if (rc == BX_CONFLICT) {
        adopt(v);
        return BX_OK;
    }
    if (rc != BX_OK) {
        BX_ERROR("driver", "its directory can not be used, leaving it alone", "uuid", bx_uuid(id));
        v->unknown = true;
        v->observed = BX_OBSERVED_STOPPING;
        return BX_OK;
    }
    if (!qemu_vm_settle(v)) {
        close(lock);
        qemu_vm_remove_files(v);
        qemu_vm_drop(v);
        return BX_OK;
    }
    v->announce = false; /* each() lists it */
    close(lock);
    return BX_OK;
}

/* NULL with errno. */
static DIR *list(const struct qemu_driver *d)
{
    int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0)
        close(fd);
    return dir;
}

/* Its disk is of a cluster that this host has forgotten. */
static bool is_kept(const struct qemu_driver *d, const char *vm)
{
    char path[NAME_MAX + sizeof "/" VM_FILE_KEPT];

    snprintf(path, sizeof path, "%s/" VM_FILE_KEPT, vm);
    return faccessat(d->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void qemu_each_stored(struct bx_driver *base, void (*fn)(void *ctx, const uint8_t vm[16]),
                      void *ctx)
{
    struct qemu_driver *d = qemu_driver_of(base);
    DIR *dir = list(d);
    struct dirent *e;
    uint8_t id[16];

    if (dir == NULL) {
        BX_WARNING("driver", "the directory of VMs can not be listed", "dir", d->path, "err",
                   strerror(errno));
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        if (bx_uuid_parse(e->d_name, strlen(e->d_name), id) && !is_kept(d, e->d_name))
            fn(ctx, id);
    }
    closedir(dir);
}

int qemu_scan(struct qemu_driver *d, struct bx_err *err)
{
    DIR *dir = list(d);
    struct dirent *e;
    int rc = BX_OK;

    if (dir == NULL)
        return bx_err_set(err, BX_IO, "cannot list %s: %s", d->path, strerror(errno));
    while (rc == BX_OK && (e = readdir(dir)) != NULL)
        rc = scan_entry(d, e->d_name);
    closedir(dir);
    if (rc != BX_OK)
        bx_err_set(err, rc, "out of memory");
    return rc;
}
