/* diagnose: the envelope of the crash of a supervisor, made by the next start of the daemon. */
#include "unit/diagnose_help.h"

#include "rec/rec.h"
#include "sys/crash.h"
#include "sys/crash_file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define VM "12345678-1234-4234-8234-123456789abc"
#define OTHER_VM "92345678-1234-4234-8234-123456789abc"

static const char *const vm_names[] = {"crash-0.bxr", "crash-1.bxr"};

static int open_vm_file(int at, const char *name, int flags)
{
    return openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
}

static int make_vm_file(const char *vm, const char *name)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/vms", diagnose_dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/vms/%s", diagnose_dir, vm);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/vms/%s/%s", diagnose_dir, vm, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static struct bx_rec_thread supervisor;

static uint32_t supervisor_threads(struct bx_rec_thread *out[LOG_THREADS])
{
    out[0] = &supervisor;
    return 1;
}

static uint64_t event_time(void)
{
    return 1700000000000000000u;
}

/* As blixard-vm does it (shim/crash.c). */
static void end_of_supervisor(void *fd)
{
    const struct crash_program p = {
        .name = "blixard-vm", .where = "", .threads = supervisor_threads};
    const struct rlimit no_core = {0, 0};
    struct bx_filter all;

    setrlimit(RLIMIT_CORE, &no_core);
    bx_filter_parse(&all, "trace", NULL);
    if (bx_rec_thread_open(&supervisor, "shim", 0, 4096, 0, event_time) != BX_OK)
        return;
    bx_rec_use(&supervisor);
    bx_rec_filter_ring(&all);
    crash_file_use(*(int *)fd, vm_names[1]);
    crash_watch(&p);
    BX_INFO("shim", "QEMU started", "pid", 17);
    bx_rec_line(BX_LINE_DAEMON, BX_LEVEL_INFO, "a text of the guest's", 21);
    BX_INFO("shim", "stop requested");
    raise(SIGSEGV);
}

static void crash_supervisor(const char *vm)
{
    int fd = make_vm_file(vm, vm_names[1]);

    assert_int_equal(test_in_child(end_of_supervisor, &fd), 1000 + SIGSEGV);
    close(fd);
}

/* What a start makes of the files; the number of events that it made. */
static uint64_t start_and_collect(bool nameless)
{
    diagnose_open(
        (struct diag_options){.about = {.nameless = nameless}, .vms = {vm_names, 2, open_vm_file}});
    while (diagnose_loop.active_reqs.count >
           0) /* the job that looks for crashes, and what follows it */
        uv_run(&diagnose_loop, UV_RUN_ONCE);
    return diagnose_stats().stored;
}

TEST(a_crash_of_a_supervisor_is_an_event_of_the_next_start_and_only_of_that)
{
    struct bx_buf text;

    close(make_vm_file(OTHER_VM, vm_names[0])); /* of one that runs */
    crash_supervisor(VM);
    assert_int_equal(start_and_collect(false), 1);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"type\":\"SIGSEGV\""), 1);
    assert_int_equal(diagnose_times(&text, "\"program\":\"blixard-vm\""), 1);
    assert_int_equal(diagnose_times(&text, "\"vm\":\"" VM "\""), 1);
    assert_int_equal(diagnose_times(&text, "requests_in_flight"), 0);
    assert_int_equal(diagnose_times(&text, "\"message\":\"QEMU started\""), 1);
    assert_int_equal(diagnose_times(&text, "\"message\":\"stop requested\""), 1);
    assert_int_equal(diagnose_times(&text, "\"filename\":\"crash-1.bxr\""), 1);
    bx_buf_release(&text);
    assert_int_equal(start_and_collect(false), 0);
}

TEST(a_later_crash_that_has_the_name_of_an_earlier_one_is_another_event)
{
    crash_supervisor(VM);
    assert_int_equal(start_and_collect(false), 1);
    diag_close(diag);
    diag = NULL;
    crash_supervisor(VM);
    crash_supervisor(OTHER_VM);
    assert_int_equal(start_and_collect(false), 2);
}

TEST(a_crash_of_a_supervisor_names_nothing_where_names_are_left_out)
{
    struct bx_buf text;

    crash_supervisor(VM);
    assert_int_equal(start_and_collect(true), 1);
    text = diagnose_stored();
    assert_int_equal(diagnose_times(&text, "\"type\":\"SIGSEGV\""), 1);
    assert_int_equal(diagnose_times(&text, VM) + diagnose_times(&text, "of the guest's") +
                         diagnose_times(&text, "filename"),
                     0);
    bx_buf_release(&text);
}

/* QEMU may own the directory. */
TEST(what_is_no_file_of_a_crash_is_told_once_and_is_no_event)
{
    int fd = make_vm_file(VM, vm_names[0]);
    char path[4200];

    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    snprintf(path, sizeof path, "%s/vms/%s/%s", diagnose_dir, VM, vm_names[1]);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(start_and_collect(false), 0);
    assert_int_equal(diagnose_stats().failed, 0);
}

int main(void)
{
    return test_run(diagnose_setup, diagnose_teardown);
}
