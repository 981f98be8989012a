/* The start of a run.
 *
 * The lock is taken here and handed to the shim as descriptor 3. So a daemon that is killed while
 * starting never leaves a shim behind that does not hold the lock: a daemon that finds the lock
 * free knows that no earlier start is still under way. */
#include "qemu/priv.h"

#include "mem/alloc.h"
#include "vmdir/file.h"
#include "vmdir/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIM_ARGS_MAX (QEMU_ARGS_MAX + 18)

void qemu_shim_closed(uv_handle_t *h)
{
    struct qemu_shim *s = h->data;

    qemu_driver_unref(s->d);
    bx_free(s);
}

static void on_shim_exit(uv_process_t *p, int64_t status, int signal)
{
    struct qemu_shim *s = p->data;

    (void)status;
    (void)signal;
    *s->prev = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    if (s->vm != NULL) {
        s->vm->shim = NULL;
        /* A shim that failed before it listened is noticed now and not by the next try. */
        if (s->vm->observed != BX_OBSERVED_EXITED && s->vm->pipe == NULL)
            qemu_vm_watch(s->vm, 0);
    }
    uv_close((uv_handle_t *)p, qemu_shim_closed);
}

/* fds: what the shim inherits, by number; -1: nothing. */
static int spawn(struct qemu_vm *v, char **args, const int fds[VM_FD_END], struct bx_err *err)
{
    struct qemu_driver *d = v->d;
    struct qemu_shim *s = bx_calloc(1, sizeof *s);
    uv_stdio_container_t stdio[VM_FD_END];
    uv_process_options_t o = {.exit_cb = on_shim_exit,
                              .file = args[0],
                              .args = args,
                              .flags = UV_PROCESS_DETACHED,
                              .stdio = stdio,
                              .stdio_count = VM_FD_END};
    int rc;

    for (int i = 0; i < VM_FD_END; i++) {
        stdio[i].flags = fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = fds[i];
    }
    if (s == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    s->d = d;
    s->process.data = s;
    d->refs++;
    rc = uv_spawn(d->loop, &s->process, &o);
    if (rc != 0) {
        uv_close((uv_handle_t *)&s->process, qemu_shim_closed);
        return bx_err_set(err, BX_IO, "cannot execute %s: %s", args[0], uv_strerror(rc));
    }
    s->vm = v;
    s->next = d->shims;
    s->prev = &d->shims;
    if (s->next != NULL)
        s->next->prev = &s->next;
    d->shims = s;
    v->shim = s;
    return BX_OK;
}

static int spawn_args(struct qemu_vm *v, char **qemu, int fds[VM_FD_END], uid_t uid,
                      struct bx_err *err)
{
    char node[24], epoch[24], grace[16], trace[20], *args[SHIM_ARGS_MAX], path[BX_PATH_LEN_MAX];
    char user[16], group[16];
    size_t n = 0, i;
    int rc;

    snprintf(path, sizeof path, "%s/%s", v->d->path, v->text);
    snprintf(node, sizeof node, "%" PRIu64, v->d->node);
    snprintf(epoch, sizeof epoch, "%" PRIu64, v->epoch);
    snprintf(grace, sizeof grace, "%u", v->d->grace_ms);
    snprintf(trace, sizeof trace, "%016" PRIx64, v->trace);
    args[n++] = v->d->shim;
    args[n++] = "--dir";
    args[n++] = path;
    args[n++] = "--vm";
    args[n++] = v->text;
    args[n++] = "--node";
    args[n++] = node;
    args[n++] = "--epoch";
    args[n++] = epoch;
    args[n++] = "--grace";
    args[n++] = grace;
    args[n++] = "--trace";
    args[n++] = trace;
    if (fds[VM_FD_KERNEL] >= 0)
        args[n++] = "--kernel";
    if (fds[VM_FD_INITRD] >= 0)
        args[n++] = "--initrd";
    if (uid != 0) {
        snprintf(user, sizeof user, "%u", (unsigned)uid);
        snprintf(group, sizeof group, "%u", (unsigned)v->d->kvm);
        args[n++] = "--user";
        args[n++] = user;
        args[n++] = "--group";
        args[n++] = group;
    }
    args[n++] = "--";
    for (i = 0; qemu[i] != NULL; i++)
        args[n++] = qemu[i];
    args[n] = NULL;
    assert(n < SHIM_ARGS_MAX);
    fds[2] = vm_file_create(v->dir, VM_FILE_SHIM_LOG);
    if (fds[2] < 0)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", VM_FILE_SHIM_LOG, strerror(errno));
    rc = spawn(v, args, fds, err);
    close(fds[2]);
    return rc;
}

/* What the guest boots. */
static int open_files(const struct qemu_driver *d, const struct bx_vm_config *c, int fds[VM_FD_END],
                      struct bx_err *err)
{
    uint64_t max = c->memory_mib << 20;
    int rc = BX_OK;

    if (c->kernel.n > 0)
        rc = qemu_boot_open(d->boot_dirs, c->kernel, max, &fds[VM_FD_KERNEL], err);
    if (rc == BX_OK && c->initrd.n > 0)
        rc = qemu_boot_open(d->boot_dirs, c->initrd, max, &fds[VM_FD_INITRD], err);
    return rc;
}

/* Extended, never truncated: a smaller size must not lose data. A file that QEMU has put there, as
 * the owner of the directory, is not touched when it is more than a file of its own. */
static int prepare_disk(int fd, uid_t uid, uint64_t size)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -1;
    errno = EPERM;
    if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        return -1;
    if (uid != 0 && st.st_uid != uid && fchown(fd, uid, (gid_t)uid) != 0)
        return -1;
    return (uint64_t)st.st_size < size ? ftruncate(fd, (off_t)size) : 0;
}

static int make_disk(struct qemu_vm *v, const struct bx_vm_config *c, uid_t uid, struct bx_err *err)
{
    const char *name = c->disk_ephemeral ? VM_FILE_SCRATCH : VM_FILE_DISK;
    int fd, rc = BX_OK;

    if (c->disk_gib == 0)
        return BX_OK;
    fd = openat(v->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", name, strerror(errno));
    if (prepare_disk(fd, uid, c->disk_gib << 30) != 0)
        rc = bx_err_set(err, BX_IO, "cannot prepare %s: %s", name, strerror(errno));
    close(fd);
    return rc;
}

/* For people who inspect the directory; nothing reads it, so it need not be durable. */
static int write_spec(struct qemu_vm *v, const struct bx_vm_config *c, char **command)
{
    json_t *list = json_array(), *o;
    int fd, rc;
    size_t i;

    for (i = 0; command[i] != NULL; i++)
        json_array_append_new(list, json_string(command[i]));
    o = json_pack("{ss ss% sI sI ss% ss% so}", "vm", v->text, "name", c->name.p, (size_t)c->name.n,
                  "epoch", (json_int_t)v->epoch, "node", (json_int_t)v->d->node, "kernel",
                  c->kernel.n == 0 ? "" : c->kernel.p, (size_t)c->kernel.n, "initrd",
                  c->initrd.n == 0 ? "" : c->initrd.p, (size_t)c->initrd.n, "command", list);
    fd = vm_file_create(v->dir, VM_FILE_SPEC);
    rc = o == NULL || fd < 0 ? -1 : json_dumpfd(o, fd, JSON_INDENT(2));
    if (fd >= 0)
        close(fd);
    json_decref(o);
    return rc;
}

static int begin(struct qemu_vm *v, const struct bx_vm_config *c, struct bx_err *err)
{
    static const char *const stale[] = {VM_FILE_RECORD,      VM_FILE_EXIT,    VM_FILE_READY,
                                        VM_FILE_SHIM_SOCKET, VM_FILE_SCRATCH, VM_FILE_KEPT};
    int fds[VM_FD_END] = {-1, -1, -1, -1, -1, -1, -1}, rc;
    char *command[QEMU_ARGS_MAX];
    struct bx_arena arena = {0};
    uid_t uid = 0;
    size_t i;

    rc = vm_lock_take(v->dir, &fds[VM_FD_LOCK], err);
    if (rc != BX_OK)
        return rc;
    for (i = 0; i < sizeof stale / sizeof stale[0]; i++)
        unlinkat(v->dir, stale[i], 0);
    unlinkat(v->dir, vm_crash_name(v->epoch), 0);
    rc = open_files(v->d, c, fds, err);
    if (rc == BX_OK)
        rc = qemu_users_take(&v->d->users, v->dir, &uid, err);
    if (rc == BX_OK)
        rc = qemu_args(v->d->qemu, v->d->accel, c, &arena, command, err);
    if (rc == BX_OK)
        rc = make_disk(v, c, uid, err);
    if (rc == BX_OK && write_spec(v, c, command) != 0)
        rc = bx_err_set(err, BX_IO, "cannot write %s: %s", VM_FILE_SPEC, strerror(errno));
    if (rc == BX_OK) {
        vm_log_shift(v->dir, vm_console_names, BX_CONSOLES);
        rc = spawn_args(v, command, fds, uid, err);
    }
    bx_arena_close(&arena);
    /* The shim has its own copies now, and with one of them the lock. */
    for (i = VM_FD_LOCK; i < VM_FD_END; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return rc;
}

int qemu_vm_start(struct qemu_driver *d, const struct bx_run *run, struct bx_err *err)
{
    struct bx_observation o = {.epoch = run->epoch,
                               .observed = BX_OBSERVED_EXITED,
                               .failed = true,
                               .message = "out of memory"};
    struct bx_err why = {0};
    struct qemu_vm *v;
    int rc;

    assert(qemu_vm_find(d, run->vm) == NULL);
    v = qemu_vm_add(d, run->vm, run->epoch, true);
    if (v == NULL) {
        /* There is no entry to announce it from, so this one is observed from inside the call. */
        memcpy(o.vm, run->vm, 16);
        d->base.observe(d->base.ctx, &o);
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    }
    v->trace = bx_rec_traced();
    BX_DEBUG("driver", "starting its supervisor (blixard-vm)", "uuid", bx_uuid(v->id), "epoch",
             v->epoch);
    rc = v->dir < 0 ? bx_err_set(&why, BX_IO, "cannot open its directory: %s", strerror(errno))
                    : begin(v, run->config, &why);
    if (rc != BX_OK) {
        qemu_vm_observe(v, BX_OBSERVED_EXITED, true, why.msg);
        return bx_err_set(err, rc, "%s", why.msg);
    }
    v->answer_by = vm_now() + QEMU_SHIM_MS;
    qemu_vm_observe(
        v, BX_OBSERVED_STARTING, false,
        run->config->kernel.n > 0 ? "" : "no kernel given, the firmware has nothing to boot");
    return BX_OK;
}
