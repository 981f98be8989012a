/* What a shim tells of itself: its events, which the daemon records, and the file of a crash. */
#include "lib/testlib.h"

#include "vmrun_world.h"

#include "rec/rec.h"
#include "vmdir/proto.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CREATE 0x00f067aa0ba902b7u /* traces of requests */
#define STOP 0x0123456789abcdefu

static uint32_t awaited_lines;

static bool has_lines(struct world *w)
{
    (void)w;
    return test_rec.lines >= awaited_lines;
}

static void expect_lines(struct world *w, uint32_t n, const char *last, const char *trace)
{
    awaited_lines = n;
    vmrun_until(w, has_lines, last);
    assert_int_equal(test_rec.lines, n);
    assert_non_null(strstr(test_rec.last, last));
    assert_non_null(strstr(test_rec.last, trace));
}

static void stop_within(struct world *w, uint64_t trace)
{
    bx_rec_trace(trace);
    w->d->ops->stop(w->d, vm1, 10000);
    bx_rec_trace(0);
}

/* Only what the shim tells is looked at. */
static void start_within(struct world *w, uint64_t epoch, uint64_t trace)
{
    test_rec_open("off,shim=info");
    bx_rec_trace(trace);
    vmrun_start(w, epoch, "");
    bx_rec_trace(0);
}

TEST(the_daemon_records_the_events_of_the_shim_within_their_request)
{
    struct world *w = *state;

    vmrun_driver_open(w);
    start_within(w, 5, CREATE);
    expect_lines(w, 1, "info shim: started QEMU uuid=", " trace=00f067aa0ba902b7");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    expect_lines(w, 2,
                 "info shim: its run uuid=", " state=running why=\"\" trace=00f067aa0ba902b7");
    stop_within(w, STOP);
    vmrun_until(w, vmrun_is_exited, "EXITED after stop");
    expect_lines(w, 4, "info shim: QEMU has ended uuid=",
                 " failed=false why=stopped trace=0123456789abcdef");
    test_rec_close();
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* ---- another daemon ---- */

/* A daemon of its own, which has been told all there was, and dies. */
static void run_and_die(struct world *w)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        vmrun_driver_open(w);
        start_within(w, 11, CREATE);
        awaited_lines = 2;
        vmrun_until(w, has_lines, "two events");
        vmrun_until(w, vmrun_is_running, "RUNNING");
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

TEST(a_daemon_that_adopts_a_vm_is_told_nothing_again)
{
    struct world *w = *state;

    run_and_die(w);
    test_rec_open("off,shim=info");
    vmrun_driver_open(w);
    stop_within(w, 0);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    test_rec_close();
    assert_int_equal(test_rec.lines, 2); /* "stopping", and the end */
    /* The shim knows the request that this daemon does not. */
    assert_non_null(strstr(test_rec.last, "info shim: QEMU has ended uuid="));
    assert_non_null(strstr(test_rec.last, " trace=00f067aa0ba902b7"));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* ---- a shim that tells too much ---- */

#define FLOOD 3000u

static void send_text(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n > 0) {
        ssize_t done = write(fd, text, n);

        if (done <= 0)
            _exit(3);
        text += done;
        n -= (size_t)done;
    }
}

/* The same shim with events of all kinds, sound and damaged, and lines that are no status. */
static void flood(int peer, uint64_t epoch)
{
    static const char *const events[] = {
        "{\"kind\":\"started\",\"trace\":\"00000000000000ab\",\"pid\":1}",
        "{\"kind\":\"ended\",\"failed\":true,\"why\":\"\\u0001\\ud83d\\ude00\"}",
        "{\"kind\":\"state\",\"state\":\"molten\",\"trace\":7}",
        "[[[[]]]]",
    };
    char line[VM_LINE_MAX];

    for (unsigned i = 0; i < FLOOD; i++) {
        snprintf(line, sizeof line,
                 "{\"vm\":\"%s\",\"epoch\":%u,\"pid\":1,\"state\":\"running\",\"failed\":false,"
                 "\"message\":\"\",\"said\":\"much\",\"event\":%s}\n{\"no\":\"status\"}\n",
                 vm1_text, (unsigned)epoch, events[i % 4]);
        send_text(peer, line);
    }
}

static void be_a_shim(int dir, uint64_t epoch, int ready)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int lock, fd = socket(AF_UNIX, SOCK_STREAM, 0), peer;
    struct bx_err err;

    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" VM_FILE_SHIM_SOCKET, dir);
    if (vm_lock_take(dir, &lock, &err) != BX_OK || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        listen(fd, 1) != 0 || write(ready, "", 1) != 1)
        _exit(2);
    peer = accept(fd, NULL, NULL);
    if (peer < 0)
        _exit(2);
    flood(peer, epoch);
    _exit(0);
}

TEST(a_shim_that_tells_too_much_does_not_flood_the_recorder)
{
    struct world *w = *state;
    struct vm_record r;
    struct bx_err err;
    int dir = vmrun_earlier_run(w, &r), ready[2], status;
    uint64_t began, seconds;
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0)
        be_a_shim(dir, r.epoch, ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    r.pid = (uint32_t)child;
    r.start = vm_start_time(child);
    assert_int_equal(vm_record_write(dir, VM_FILE_RECORD, &r, &err), BX_OK);
    test_rec_open("info");
    began = vm_now();
    vmrun_driver_open(w);
    vmrun_until(w, vmrun_is_exited, "EXITED");
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0); /* all was read */
    seconds = (vm_now() - began) / 1000 + 2;
    assert_true(test_rec.lines >= 32);
    assert_true(test_rec.lines < 32 * seconds + 8); /* and what the driver says itself */
    assert_int_equal(test_rec.warnings > 0, 1);
    test_rec_close();
    vmrun_forget(w);
    vmrun_driver_close(w);
    close(ready[0]);
    close(ready[1]);
    close(dir);
}

/* ---- a shim that crashes ---- */

/* What `blixardctl log query` prints of the file; static. */
static const char *query(struct world *w, const char *name)
{
    static char text[65536];
    const char *build = getenv("BLIXARD_BUILD");
    char command[600];
    size_t n;
    FILE *f;

    snprintf(command, sizeof command, "'%s/blixardctl' log query '%s/%s/%s'",
             build == NULL ? "." : build, w->vms, vm1_text, name);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    assert_int_equal(pclose(f), 0);
    return text;
}

static bool file_exists(struct world *w, const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s/%s", w->vms, vm1_text, name);
    return access(path, F_OK) == 0;
}

/* Run it, and end the shim by this signal. */
static void crash(struct world *w, uint64_t epoch, int sig)
{
    pid_t pid;

    vmrun_start(w, epoch, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    pid = vmrun_qemu_pid(w);
    kill(vmrun_parent_of(pid), sig);
    vmrun_until(w, vmrun_is_exited, "EXITED after the shim crashed");
    assert_true(w->failed);
    vmrun_wait_dead(pid);
}

TEST(a_shim_that_crashes_leaves_what_it_did)
{
    struct world *w = *state;
    char message[160];
    const char *text;

    vmrun_driver_open(w);
    crash(w, 6, SIGSEGV);
    snprintf(message, sizeof message, "supervisor (blixard-vm) died; see vms/%s/crash-2.bxr",
             vm1_text);
    assert_string_equal(w->message, message);
    text = query(w, "crash-2.bxr");
    assert_non_null(strstr(text, "shim: started QEMU uuid="));
    assert_non_null(strstr(text, "state=running"));
    assert_non_null(strstr(text, "crash: fatal signal signal=11"));
    assert_non_null(strstr(text, "stack: frame n=0"));

    /* It outlives the run, and those after it, but not the VM. */
    w->d->ops->forget(w->d, vm1);
    crash(w, 7, SIGABRT);
    assert_non_null(strstr(w->message, "/crash-3.bxr"));
    assert_true(file_exists(w, "crash-2.bxr"));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

TEST(a_shim_that_does_not_crash_leaves_no_file_of_it)
{
    struct world *w = *state;

    vmrun_driver_open(w);
    crash(w, 9, SIGKILL);
    assert_string_equal(w->message, "supervisor (blixard-vm) died");
    assert_false(file_exists(w, "crash-1.bxr"));
    w->d->ops->forget(w->d, vm1);
    vmrun_start(w, 10, "");
    vmrun_until(w, vmrun_is_running, "RUNNING");
    w->d->ops->stop(w->d, vm1, 10000);
    vmrun_until(w, vmrun_is_exited, "EXITED after stop");
    assert_false(file_exists(w, "crash-2.bxr"));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

/* QEMU may own the directory: what it has put in the place of the file leads root nowhere. */
TEST(a_link_in_the_place_of_the_file_of_a_crash_is_not_followed)
{
    struct world *w = *state;
    char path[200], other[200];
    struct stat st;

    vmrun_driver_open(w);
    snprintf(path, sizeof path, "%s/%s", w->vms, vm1_text);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/%s/crash-2.bxr", w->vms, vm1_text);
    snprintf(other, sizeof other, "%s/other", w->boot);
    close(open(other, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(symlink(other, path), 0);
    crash(w, 6, SIGSEGV);
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_non_null(strstr(w->message, "/crash-2.bxr"));
    vmrun_forget(w);
    vmrun_driver_close(w);
}

int main(void)
{
    const struct rlimit no_core = {0, 0};
    int rc = vmrun_begin(false);

    setrlimit(RLIMIT_CORE, &no_core);
    return rc != 0 ? rc : test_run(vmrun_setup, vmrun_teardown);
}
