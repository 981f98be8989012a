/* What a supervisor that crashes leaves in the VM's directory: its events, registers and call stack
 * (sys/crash.h). QEMU may own the directory, so the file is made before QEMU runs, and stays open.
 */
#include "shim/shim.h"

#include "rec/rec.h"
#include "sys/crash.h"
#include "sys/crash_file.h"
#include "vmdir/file.h"

#include <signal.h>
#include <unistd.h>

static uint8_t stack[LOG_THREAD_STACK] __attribute__((aligned(16)));
static struct bx_rec_thread *recorded;
static bool watched;

static uint32_t list_threads(struct bx_rec_thread *out[LOG_THREADS])
{
    out[0] = recorded;
    return recorded == NULL ? 0 : 1;
}

void shim_crash_open(const struct shim *s)
{
    const struct crash_program p = {.name = "blixard-vm", .where = "", .threads = list_threads};
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    const char *name = vm_crash_name(s->record.epoch);
    int fd = vm_file_create(s->dir, name);

    if (fd < 0)
        return; /* it runs without */
    recorded = bx_rec_used();
    sigaltstack(&own, NULL);
    crash_file_use(fd, name);
    crash_watch(&p);
    crash_set_node(s->record.node);
    watched = true;
}

void shim_crash_close(const struct shim *s)
{
    if (!watched)
        return; /* the file is that of another run */
    watched = false;
    crash_unwatch();
    crash_file_close();
    unlinkat(s->dir, vm_crash_name(s->record.epoch), 0);
}
