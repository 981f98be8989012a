#include "vmrun_world.h"

#include "mem/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

char kernel[512], initrd[512], shim[512];

/* ---- a driver on a loop ---- */

static void observe(void *ctx, const struct bx_observation *o)
{
    struct world *w = ctx;

    assert_memory_equal(o->vm, vm1, 16);
    w->observed = o->observed;
    w->saw[o->observed] = true;
    w->failed = o->failed;
    w->epoch = o->epoch;
    w->reboots = o->reboots;
    snprintf(w->message, sizeof w->message, "%s", o->message);
}

void vmrun_driver_open(struct world *w)
{
    struct qemu_driver_options o = {.loop = &w->loop,
                                    .dir = w->vms,
                                    .shim = shim,
                                    .node = 1,
                                    .accel = "tcg",
                                    .boot_dirs = w->boot_dirs,
                                    .first_user = geteuid() == 0 ? FIRST_USER : 0,
                                    .last_user = geteuid() == 0 ? FIRST_USER + 9 : 0};
    struct bx_err err;

    uv_loop_init(&w->loop);
    if (qemu_driver_create(&w->d, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
    w->d->observe = observe;
    w->d->ctx = w;
}

void vmrun_driver_close(struct world *w)
{
    qemu_driver_destroy(w->d);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    w->d = NULL;
}

static void nothing(uv_timer_t *t)
{
    (void)t;
}

/* Turn the loop until the condition holds. */
void vmrun_until(struct world *w, bool (*is)(struct world *w), const char *what)
{
    uint64_t by = vm_now() + DEADLINE_MS;
    uv_timer_t wake;

    uv_timer_init(&w->loop, &wake);
    uv_timer_start(&wake, nothing, 5, 5);
    while (!is(w) && vm_now() < by)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    if (!is(w))
        fail_msg("not within %d ms: %s (observed %d, \"%s\")", DEADLINE_MS, what, w->observed,
                 w->message);
}

bool vmrun_is_running(struct world *w)
{
    return w->observed == BX_OBSERVED_RUNNING;
}

bool vmrun_is_exited(struct world *w)
{
    return w->observed == BX_OBSERVED_EXITED;
}

bool vmrun_console_says(struct world *w, unsigned back, const char *text)
{
    struct bx_buf b = {0};
    struct bx_err err;
    bool found = w->d->ops->console(w->d, vm1, back, 65536, NULL, &b, &err) == BX_OK && b.len > 0 &&
                 memmem(b.data, b.len, text, strlen(text)) != NULL;

    bx_buf_release(&b);
    return found;
}

bool vmrun_guest_is_up(struct world *w)
{
    return vmrun_console_says(w, 0, "blixard: guest is up");
}

bool vmrun_awaited(struct world *w)
{
    return vmrun_console_says(w, 0, w->awaited);
}

void vmrun_start(struct world *w, uint64_t epoch, const char *cmdline)
{
    struct bx_vm_config c = {.name = bx_str("vmrun-test"),
                             .vcpus = 1,
                             .memory_mib = 96,
                             .kernel = bx_str(kernel),
                             .initrd = bx_str(initrd),
                             .cmdline = bx_str(cmdline)};
    struct bx_run run = {.epoch = epoch, .node = 1, .config = &c};

    memcpy(run.vm, vm1, 16);
    w->observed = BX_OBSERVED_ABSENT;
    w->d->ops->start(w->d, &run, NULL);
    assert_int_equal(w->observed, BX_OBSERVED_ABSENT); /* never from inside the call */
}

static void read_record(struct world *w, struct vm_record *r)
{
    char path[160];
    struct bx_err err;
    int dir;

    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    dir = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(dir >= 0);
    if (vm_record_read(dir, VM_FILE_RECORD, r, &err) != BX_OK)
        fail_msg("%s", err.msg);
    close(dir);
    assert_int_equal(r->epoch, w->epoch);
    assert_int_equal(vm_start_time((int)r->pid), r->start);
}

pid_t vmrun_qemu_pid(struct world *w)
{
    struct vm_record r;

    read_record(w, &r);
    return (pid_t)r.pid;
}

/* The field PPid of /proc/PID/status. */
pid_t vmrun_parent_of(pid_t pid)
{
    char path[64], text[4096], *p;
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    p = strstr(text, "PPid:");
    assert_non_null(p);
    return (pid_t)strtol(p + 5, NULL, 10);
}

/* Gone, or a zombie that its parent has yet to reap. */
bool vmrun_dead(pid_t pid)
{
    char path[64], text[512], *p = NULL;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return true;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0) {
        text[n] = '\0';
        p = strrchr(text, ')');
    }
    return p == NULL || p[2] == 'Z' || p[2] == 'X';
}

void vmrun_wait_dead(pid_t pid)
{
    uint64_t by = vm_now() + DEADLINE_MS;

    while (!vmrun_dead(pid) && vm_now() < by)
        poll(NULL, 0, 2);
    assert_true(vmrun_dead(pid));
}

bool vmrun_vm_dir_exists(struct world *w)
{
    char path[160];

    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    return access(path, F_OK) == 0;
}

void vmrun_forget(struct world *w)
{
    w->d->ops->forget(w->d, vm1);
    w->d->ops->remove(w->d, vm1);
    assert_false(vmrun_vm_dir_exists(w));
}

int vmrun_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    snprintf(w->dir, sizeof w->dir, "/tmp/vmrun-test-XXXXXX");
    if (mkdtemp(w->dir) == NULL)
        return -1;
    snprintf(w->vms, sizeof w->vms, "%s/vms", w->dir);
    snprintf(w->boot, sizeof w->boot, "%s/boot", w->dir);
    snprintf(w->boot_dirs, sizeof w->boot_dirs, "%s:%.*s", w->boot,
             (int)(strrchr(kernel, '/') == NULL ? 0 : strrchr(kernel, '/') - kernel), kernel);
    return mkdir(w->boot, 0700);
}

/* A test that failed half way must not leave its guest running. */
static void end_what_is_left(struct world *w)
{
    char path[160];
    struct vm_record r;
    struct bx_err err;
    int dir;

    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return;
    if (vm_record_read(dir, VM_FILE_RECORD, &r, &err) == BX_OK && r.pid > 1 &&
        vm_start_time((int)r.pid) == r.start)
        kill((pid_t)r.pid, SIGKILL);
    close(dir);
}

int vmrun_teardown(void **state)
{
    struct world *w = *state;
    char path[128];
    int rc;

    snprintf(path, sizeof path, "%s/accel", w->dir);
    unlink(path);
    end_what_is_left(w);
    test_remove_dir(bx_must_strdup(w->boot));
    rc = rmdir(w->vms) != 0 || rmdir(w->dir) != 0 ? -1 : 0; /* only when all was forgotten */
    free(w);
    return rc;
}

int vmrun_earlier_run(struct world *w, struct vm_record *r)
{
    char path[160];
    struct bx_err err;
    int dir;

    (void)mkdir(w->vms, 0700);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *r = (struct vm_record){.node = 1, .epoch = 21, .pid = 1};
    memcpy(r->vm, vm1, 16);
    assert_int_equal(vm_boot_id(r->boot, &err), BX_OK);
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, r, &err), BX_OK);
    return dir;
}

static bool find_guest(const char *src)
{
    char command[1200], line[512];
    FILE *f;

    /* One cache for all builds of one user; the script keeps what is there. */
    snprintf(command, sizeof command,
             "'%s/contrib/make-test-guest.sh' "
             "\"${XDG_CACHE_HOME:-$HOME/.cache}/blixard/test-guest\" 2>/dev/null",
             src);
    f = popen(command, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "KERNEL=", 7) == 0)
            snprintf(kernel, sizeof kernel, "%s", line + 7);
        if (strncmp(line, "INITRD=", 7) == 0)
            snprintf(initrd, sizeof initrd, "%s", line + 7);
    }
    return pclose(f) == 0 && kernel[0] != '\0' && initrd[0] != '\0';
}

void vmrun_list(void *ctx, const struct bx_observation *o)
{
    struct listed *l = ctx;

    l->n++;
    l->o = *o;
}

int vmrun_begin(bool guest)
{
    const char *src = getenv("BLIXARD_SRC"), *build = getenv("BLIXARD_BUILD");
    char why[256];

    if (!qemu_driver_usable(NULL, why, sizeof why)) {
        printf("1..0 # SKIP %s\n", why);
        return 77;
    }
    if (guest && !find_guest(src == NULL ? "." : src)) {
        printf("1..0 # SKIP no test guest: contrib/make-test-guest.sh says why\n");
        return 77;
    }
    snprintf(shim, sizeof shim, "%s/blixard-vm", build == NULL ? "." : build);
    return 0;
}
