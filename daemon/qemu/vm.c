#include "qemu/priv.h"

#include "mem/alloc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same(const void *item, const void *key)
{
    return memcmp(((const struct qemu_vm *)item)->id, key, 16) == 0;
}

struct qemu_vm *qemu_vm_find(struct qemu_driver *d, const uint8_t vm[16])
{
    return bx_map_get(&d->vms, bx_hash(vm, 16), same, vm);
}

struct qemu_vm *qemu_vm_add(struct qemu_driver *d, const uint8_t vm[16], uint64_t epoch, bool make)
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

static void on_vm_closed(uv_handle_t *h)
{
    struct qemu_vm *v = h->data;

    qemu_driver_unref(v->d);
    bx_free(v);
}

void qemu_vm_drop(struct qemu_vm *v)
{
    v->gone = true;
    bx_map_remove(&v->d->vms, bx_hash(v->id, 16), v);
    qemu_vm_disconnect(v);
    if (v->shim != NULL)
        v->shim->vm = NULL;
    if (v->dir >= 0)
        close(v->dir);
    if (v->pidfd >= 0)
        close(v->pidfd);
    uv_close((uv_handle_t *)&v->timer, on_vm_closed);
}
