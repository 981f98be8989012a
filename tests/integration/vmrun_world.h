/* vmrun_world - what the tests of real VMs share: a private directory, a driver on a loop, a
 * guest. */
#ifndef VMRUN_WORLD_H
#define VMRUN_WORLD_H

#include "lib/testrec.h"

#include "qemu/driver.h"
#include "vmdir/record.h"

#include <sys/types.h>

#define DEADLINE_MS 60000
#define FIRST_USER 61300 /* of those that QEMU runs as when the test is root */

/* The one VM of every test. */
static const uint8_t vm1[16] = {1, [6] = 0x40, [8] = 0x80, [15] = 1};
static const char vm1_text[] = "01000000-0000-4000-8000-000000000001";

extern char kernel[512], initrd[512], shim[512];

struct world {
    char dir[64], vms[80], boot[80]; /* boot: for kernels of the test's own */
    char boot_dirs[600];
    uv_loop_t loop;
    struct bx_driver *d;
    bool failed, saw[5];
    enum bx_observed observed;
    uint64_t epoch;
    uint32_t reboots;
    char message[256];
    const char *awaited; /* on the console */
};

struct listed {
    unsigned n;
    struct bx_observation o;
};

void vmrun_driver_open(struct world *w);
void vmrun_driver_close(struct world *w);
void vmrun_until(struct world *w, bool (*is)(struct world *w), const char *what);
bool vmrun_is_running(struct world *w);
bool vmrun_is_exited(struct world *w);
bool vmrun_guest_is_up(struct world *w);
bool vmrun_awaited(struct world *w);
/* The console of the newest run, or of one so many runs before. */
bool vmrun_console_says(struct world *w, unsigned back, const char *text);
void vmrun_start(struct world *w, uint64_t epoch, const char *cmdline);
pid_t vmrun_qemu_pid(struct world *w);
pid_t vmrun_parent_of(pid_t pid);
bool vmrun_dead(pid_t pid);
void vmrun_wait_dead(pid_t pid);
bool vmrun_vm_dir_exists(struct world *w);
/* Make the directory of an earlier run by hand, with a record of it, which is in *r, too. The
 * descriptor of the directory, which the caller closes. */
int vmrun_earlier_run(struct world *w, struct vm_record *r);
/* The run, and then the VM. */
void vmrun_forget(struct world *w);
int vmrun_setup(void **state);
int vmrun_teardown(void **state);
void vmrun_list(void *ctx, const struct bx_observation *o);
/* 0, or 77 after saying what is missing; guest: kernel and initramfs are needed too. */
int vmrun_begin(bool guest);

#endif
