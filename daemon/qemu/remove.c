/* What goes, and when: the files of a run when its end is in the state, the disk when the VM is
 * deleted.
 *
 * A large file takes its time to go, so a disk is only renamed at once, to UUID.deleted beside the
 * VMs' directories, and unlinked on a thread of libuv's pool. What a daemon that died, or an error,
 * left of that goes at the next start. */
#include "qemu/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem/alloc.h"

#define DELETED ".deleted"

void qemu_remove_files(struct qemu_vm *v)
{
    static const char *const files[] = {
        VM_FILE_RECORD,        VM_FILE_EXIT,        VM_FILE_READY,         VM_FILE_SPEC,
        VM_FILE_SHIM_SOCKET,   VM_FILE_QMP_SOCKET,  VM_FILE_SCRATCH,       VM_FILE_CONSOLE,
        VM_FILE_CONSOLE ".1",  VM_FILE_QEMU_LOG,    VM_FILE_QEMU_LOG ".1", VM_FILE_SHIM_LOG,
        VM_FILE_RECORD ".new", VM_FILE_EXIT ".new", VM_FILE_LOCK};
    struct bx_err err;
    size_t i;
    int lock;

    if (v->dir < 0)
        return;
    if (vm_lock_take(v->dir, &lock, &err) != BX_OK) {
        qemu_say(v->d, 4, "VM %s: its files stay: %s", v->text, err.msg);
        return;
    }
    for (i = 0; i < sizeof files / sizeof files[0]; i++)
        unlinkat(v->dir, files[i], 0);
    close(lock);
    /* Not empty: it holds disk.raw. */
    if (unlinkat(v->d->dir, v->text, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        qemu_say(v->d, 4, "VM %s: its directory stays: %s", v->text, strerror(errno));
}

/* ---- disks ---- */

static void on_unlinked(uv_fs_t *req)
{
    uv_fs_req_cleanup(req);
    bx_free(req);
}

static void dispose(struct driver_qemu *d, const char *name)
{
    uv_fs_t *req = bx_must_calloc(1, sizeof *req);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", d->path, name);
    if (uv_fs_unlink(d->loop, req, path, on_unlinked) != 0)
        bx_free(req);
}

bool qemu_remove_rest(struct driver_qemu *d, const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || strcmp(dot, DELETED) != 0)
        return false;
    dispose(d, name);
    return true;
}

void driver_qemu_remove(struct bx_driver *base, const uint8_t vm[16])
{
    struct driver_qemu *d = (struct driver_qemu *)(void *)base;
    char text[BX_UUID_TEXT], name[BX_UUID_TEXT + sizeof DELETED];
    struct bx_err err;
    int dir, lock;

    bx_uuid_format(vm, text);
    dir = openat(d->dir, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return; /* it never came to run here */
    if (vm_lock_take(dir, &lock, &err) != BX_OK) {
        qemu_say(d, 4, "VM %s: its disk stays: %s", text, err.msg);
        close(dir);
        return;
    }
    snprintf(name, sizeof name, "%s" DELETED, text);
    if (renameat(dir, VM_FILE_DISK, d->dir, name) == 0)
        dispose(d, name);
    else if (errno != ENOENT)
        qemu_say(d, 4, "VM %s: its disk stays: %s", text, strerror(errno));
    if (qemu_find(d, vm) == NULL) { /* else the rest goes when the run is forgotten */
        unlinkat(dir, VM_FILE_LOCK, 0);
        unlinkat(d->dir, text, AT_REMOVEDIR);
    }
    close(lock);
    close(dir);
}
