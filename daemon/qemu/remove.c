/* Removal: of the files of a run when its end is in the state, and of the disk, the consoles and
 * what crashes have left when the VM is deleted.
 *
 * Unlinking a large file takes long, so a disk is renamed at first, to UUID.deleted beside the VMs'
 * directories, and unlinked on a thread of libuv's pool. What a crash or an error left of that is
 * removed at the next start. */
#include "qemu/priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem/alloc.h"
#include "vmdir/log.h"

#define DELETED ".deleted"
#define STRAYS_MAX 4096u

/* ---- the directory ---- */

/* An error is no proof that it is not there. */
static bool exists(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

/* What outlives a run. */
static bool has_what_stays(int dir)
{
    bool found = exists(dir, VM_FILE_DISK);

    for (size_t i = 0; i < BX_CONSOLES; i++)
        found |= exists(dir, vm_console_names[i]);
    for (size_t i = 0; i < VM_CRASHES; i++)
        found |= exists(dir, vm_crash_names[i]);
    return found;
}

/* QEMU may own the directory, so there may be anything in it, and any number: what is beyond the
 * bound stays, as does what is in a directory below. */
static void remove_entries(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (list == NULL && fd >= 0)
        close(fd);
    for (unsigned n = 0; list != NULL && n < STRAYS_MAX && (e = readdir(list)) != NULL; n++) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            unlinkat(dir, e->d_name, 0) != 0)
            unlinkat(dir, e->d_name, AT_REMOVEDIR);
    }
    if (list != NULL)
        closedir(list);
}

/* Unless it holds a disk, consoles or files of crashes. A directory that stays keeps its user: no
 * other VM may own what is in it. */
static void remove_dir(struct qemu_driver *d, const char *name, int dir)
{
    bool gone = unlinkat(d->dir, name, AT_REMOVEDIR) == 0;

    if (!gone && (errno == ENOTEMPTY || errno == EEXIST)) {
        if (has_what_stays(dir))
            return;
        unlinkat(dir, VM_FILE_KEPT, 0);
        gone = unlinkat(d->dir, name, AT_REMOVEDIR) == 0;
    }
    if (!gone && (errno == ENOTEMPTY || errno == EEXIST)) {
        BX_WARNING("driver", "removing files that are not of this program", "uuid", name);
        remove_entries(dir);
        gone = unlinkat(d->dir, name, AT_REMOVEDIR) == 0;
    }
    if (gone)
        qemu_users_release(&d->users, dir);
    else
        BX_WARNING("driver", "its directory can not be removed; remove it by hand", "uuid", name,
                   "dir", d->path, "err", strerror(errno));
}

/* ---- a run ---- */

void qemu_vm_remove_files(struct qemu_vm *v)
{
    static const char *const files[] = {
        VM_FILE_RECORD,      VM_FILE_EXIT,          VM_FILE_READY,       VM_FILE_SPEC,
        VM_FILE_SHIM_SOCKET, VM_FILE_SCRATCH,       VM_FILE_QEMU_LOG,    VM_FILE_QEMU_LOG ".1",
        VM_FILE_SHIM_LOG,    VM_FILE_RECORD ".new", VM_FILE_EXIT ".new", VM_FILE_LOCK};
    struct bx_err err;
    size_t i;
    int lock;

    if (v->dir < 0)
        return;
    if (vm_lock_take(v->dir, &lock, &err) != BX_OK) {
        BX_WARNING("driver", "the files of its run can not be removed", "uuid", bx_uuid(v->id),
                   "err", err.msg);
        return;
    }
    for (i = 0; i < sizeof files / sizeof files[0]; i++)
        unlinkat(v->dir, files[i], 0);
    close(lock);
    remove_dir(v->d, v->text, v->dir);
}

/* ---- disks ---- */

static void on_unlinked(uv_fs_t *req)
{
    uv_fs_req_cleanup(req);
    bx_free(req);
}

static void unlink_disk(struct qemu_driver *d, const char *name)
{
    uv_fs_t *req = bx_must_calloc(1, sizeof *req);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", d->path, name);
    if (uv_fs_unlink(d->loop, req, path, on_unlinked) != 0)
        bx_free(req);
}

bool qemu_remove_leftover(struct qemu_driver *d, const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot == NULL || strcmp(dot, DELETED) != 0)
        return false;
    unlink_disk(d, name);
    return true;
}

static void remove_disk(struct qemu_driver *d, const char *vm, int dir)
{
    char name[BX_UUID_TEXT + sizeof DELETED];

    snprintf(name, sizeof name, "%s" DELETED, vm);
    if (renameat(dir, VM_FILE_DISK, d->dir, name) == 0)
        unlink_disk(d, name);
    else if (errno != ENOENT)
        BX_WARNING("driver", "its disk can not be removed", "uuid", vm, "err", strerror(errno));
    for (size_t i = 0; i < BX_CONSOLES; i++)
        vm_log_remove(dir, vm_console_names[i]);
    for (size_t i = 0; i < VM_CRASHES; i++)
        unlinkat(dir, vm_crash_names[i], 0);
}

void qemu_remove(struct bx_driver *base, const uint8_t vm[16])
{
    struct qemu_driver *d = qemu_driver_of(base);
    char text[BX_UUID_TEXT];
    struct bx_err err;
    int dir, lock;

    bx_uuid_format(vm, text);
    dir = openat(d->dir, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return; /* it never ran here */
    if (vm_lock_take(dir, &lock, &err) != BX_OK) {
        BX_WARNING("driver", "its disk can not be removed", "uuid", bx_uuid(vm), "err", err.msg);
        close(dir);
        return;
    }
    if (!exists(dir, VM_FILE_KEPT))
        remove_disk(d, text, dir);
    else
        BX_INFO("driver", "keeping the disk of a VM of a cluster that this host has forgotten",
                "uuid", text);
    if (qemu_vm_find(d, vm) == NULL) { /* else the rest is removed when the run is forgotten */
        unlinkat(dir, VM_FILE_LOCK, 0);
        remove_dir(d, text, dir);
    }
    close(lock);
    close(dir);
}
