/* QEMU's command line. Values given by users are arguments of their own or validated names, so that
 * QEMU parses no comma in them as an option. */
#include "qemu/priv.h"

#include "mem/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CMDLINE "console=ttyS0 reboot=t panic=-1 quiet"

struct list {
    struct bx_arena *arena;
    char **v;
    size_t n;
    bool no_memory;
};

static void add_n(struct list *l, const char *s, size_t n)
{
    char *copy = bx_arena_strndup(l->arena, s, n);

    assert(l->n < QEMU_ARGS_MAX - 1);
    if (copy == NULL)
        l->no_memory = true;
    else
        l->v[l->n++] = copy;
}

static void add(struct list *l, const char *s)
{
    add_n(l, s, strlen(s));
}

__attribute__((format(printf, 2, 3))) static void addf(struct list *l, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(l, text);
}

/* TCG keeps translated code in a buffer, 1 GiB at most by default: far too much for small guests,
 * of which many share a host. */
static unsigned tb_size(uint64_t memory_mib)
{
    return memory_mib <= 256 ? 16 : memory_mib <= 1024 ? 32 : 64;
}

static void add_machine(struct list *l, const char *qemu, const char *accel,
                        const struct bx_vm_config *c)
{
    static const char *const fixed[] = {
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-sandbox",
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny",
        /* The serial line is QEMU's standard output, its messages are standard error: pipes. */
        "-chardev",
        "stdio,id=console,signal=off",
        "-serial",
        "chardev:console",
        "-mon",
        "chardev=qmp,mode=control",
    };
    size_t i;

    add(l, qemu);
    add(l, "-name");
    addf(l, BX_STR_FMT, BX_STR_ARG(c->name));
    add(l, "-accel");
    if (strcmp(accel, "tcg") == 0)
        addf(l, "tcg,tb-size=%u", tb_size(c->memory_mib));
    else
        add(l, accel);
    add(l, "-M");
    add(l, "microvm,acpi=off"); /* see shim/shim.h */
    add(l, "-smp");
    addf(l, "%u", c->vcpus);
    add(l, "-m");
    addf(l, "%" PRIu64 "M", c->memory_mib);
    for (i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        add(l, fixed[i]);
    add(l, "-chardev");
    addf(l, "socket,id=qmp,fd=%d", VM_FD_QMP);
}

static void add_file(struct list *l, const char *option, bool there, int fd)
{
    if (!there)
        return;
    add(l, option);
    addf(l, "/proc/self/fd/%d", fd);
}

int qemu_args(const char *qemu, const char *accel, const struct bx_vm_config *c,
              struct bx_arena *arena, char *argv[QEMU_ARGS_MAX], struct bx_err *err)
{
    struct list l = {.arena = arena, .v = argv};

    add_machine(&l, qemu, accel, c);
    add_file(&l, "-kernel", c->kernel.n > 0, VM_FD_KERNEL);
    add_file(&l, "-initrd", c->initrd.n > 0, VM_FD_INITRD);
    if (c->kernel.n > 0) {
        add(&l, "-append");
        if (c->cmdline.n > 0)
            add_n(&l, c->cmdline.p, c->cmdline.n);
        else
            add(&l, DEFAULT_CMDLINE);
    }
    if (c->disk_gib > 0) {
        add(&l, "-drive");
        addf(&l, "id=disk,if=none,format=raw,discard=unmap,file=%s",
             c->disk_ephemeral ? VM_FILE_SCRATCH : VM_FILE_DISK);
        add(&l, "-device");
        add(&l, "virtio-blk-device,drive=disk");
    }
    if (l.no_memory)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    argv[l.n] = NULL;
    return BX_OK;
}
