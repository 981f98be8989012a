/* What earlier daemons left: once, at the beginning.
 *
 * The lock decides. Free: nothing runs, the files tell how it ended, and remains of a start that
 * never came to run are removed. Held: a run of the record's epoch if the record is good and of
 * this boot. Held without one: nothing is assumed, the VM is listed as STOPPING (a process may
 * exist), it gets no orders, and the log says so, until the record appears or the lock is free. */
#include "qemu/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void adopt(struct qemu_vm *v)
{
    struct vm_record r;
    struct bx_err err;
    int rc = vm_record_read(v->dir, VM_FILE_RECORD, &r, &err);

    if (rc == BX_OK && (memcmp(r.boot, v->d->boot, 16) != 0 || memcmp(r.vm, v->id, 16) != 0 ||
                        vm_start_time((int)r.pid) != r.start))
        rc = bx_err_set(&err, BX_CONFLICT, "its record is not of what runs");
    if (rc == BX_OK) {
        v->epoch = r.epoch;
        v->observed = faccessat(v->dir, VM_FILE_READY, F_OK, 0) == 0 ? BX_OBSERVED_RUNNING
                                                                     : BX_OBSERVED_STARTING;
        qemu_say(v->d, 6, "VM %s: adopted, epoch %llu, pid %u", v->text,
                 (unsigned long long)v->epoch, r.pid);
    } else {
        v->unknown = true;
        v->observed = BX_OBSERVED_STOPPING;
        qemu_say(v->d, 3, "VM %s: its lock is held, but %s: left alone", v->text, err.msg);
    }
    qemu_watch(v, 0);
}

static int scan_entry(struct driver_qemu *d, const char *name)
{
    struct bx_err err;
    struct qemu_vm *v;
    uint8_t id[16];
    int lock, rc;

    if (qemu_remove_rest(d, name) || !bx_uuid_parse(name, strlen(name), id))
        return BX_OK; /* or not ours */
    v = qemu_add(d, id, 0, false);
    if (v == NULL)
        return BX_NO_MEMORY;
    rc = v->dir < 0 ? BX_IO : vm_lock_take(v->dir, &lock, &err);
    if (rc == BX_CONFLICT) {
        adopt(v);
        return BX_OK;
    }
    if (rc != BX_OK) {
        qemu_say(d, 3, "VM %s: its directory can not be used: left alone", v->text);
        v->unknown = true;
        v->observed = BX_OBSERVED_STOPPING;
        return BX_OK;
    }
    if (!qemu_settle(v)) {
        close(lock);
        qemu_remove_files(v);
        qemu_drop(v);
        return BX_OK;
    }
    v->announce = false; /* each() tells */
    close(lock);
    return BX_OK;
}

int qemu_scan(struct driver_qemu *d, struct bx_err *err)
{
    int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = BX_OK;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return bx_err_set(err, BX_IO, "can not list %s: %s", d->path, strerror(errno));
    }
    while (rc == BX_OK && (e = readdir(dir)) != NULL)
        rc = scan_entry(d, e->d_name);
    closedir(dir);
    if (rc != BX_OK)
        bx_err_set(err, rc, "memory is out");
    return rc;
}
