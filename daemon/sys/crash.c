#include "sys/crash.h"

#include "config.h"
#include "sys/clock.h"
#include "sys/crash_file.h"
#include "sys/stack.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define RING 4096u   /* words, of the crash's own events */
#define SECONDS 5u   /* that the handler may take */
#define LINE_MAX 512 /* bytes, which a pipe takes without waiting */

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define SIGNALS (sizeof signals / sizeof signals[0])

static struct {
    struct crash_program of;
    struct bx_recfile_meta meta;
    char program[32], host[256];

    /* Of the crash. */
    atomic_int owner; /* the thread whose crash it is */
    uint32_t stage;
    int signal; /* 0: none, there is only an error */
    siginfo_t info;
    const void *context;
    const struct bx_err *fatal; /* the error that ends the process; NULL: a signal does */
    const char *assertion, *file, *function;
    unsigned line;
    char thread_name[BX_REC_NAME + 1];
    struct stack frames;
    uint32_t put; /* threads whose events were written */
    const char *written;

    struct bx_rec_thread thread; /* its events */
    uint64_t ring[RING];
} crash;

/* ---- a line on standard error ---- */

struct line {
    char text[LINE_MAX];
    size_t n;
};

static void add(struct line *l, const char *text)
{
    size_t n = strlen(text), room = sizeof l->text - l->n;

    n = n < room ? n : room;
    memcpy(l->text + l->n, text, n);
    l->n += n;
}

static void add_number(struct line *l, uint32_t v)
{
    char digits[11];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    add(l, digits + at);
}

/* Unless somebody would have to be waited for. */
static void say(struct line *l)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (l->n == sizeof l->text)
        l->n--;
    l->text[l->n++] = '\n';
    if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 &&
        write(STDERR_FILENO, l->text, l->n) < 0)
        return;
}

/* ---- the stages of the handler ---- */

/* What the thread was doing, so that its events can be told from others. */
static void look_at_thread(void)
{
    const struct bx_rec_thread *t = bx_rec_used();

    bx_rec_use(&crash.thread);
    if (t == NULL)
        return;
    crash.thread.trace = t->trace;
    memcpy(crash.thread_name, t->name, BX_REC_NAME);
}

static void record_fatal(void)
{
    const struct bx_err *e = crash.fatal;

    if (e != NULL)
        BX_ERROR("crash", "fatal error", "code",
                 bx_code_name(e->code == BX_OK ? BX_FAILED : e->code), "err", e->msg, "hint",
                 e->hint, "thread", crash.thread_name);
}

static void record_assertion(void)
{
    if (crash.assertion != NULL)
        BX_ERROR("crash", "assertion failed", "text", crash.assertion, "file", crash.file, "line",
                 crash.line, "function", crash.function);
}

static void record_signal(void)
{
    const siginfo_t *i = &crash.info;
    char address[STACK_HEX];
    bool sent = i->si_code <= 0;

    if (crash.signal == 0)
        return;
    bx_rec_use(&crash.thread);
    BX_ERROR("crash", "fatal signal", "signal", crash.signal, "code", i->si_code, "address",
             sent ? "" : stack_hex(address, (uint64_t)(uintptr_t)i->si_addr), "sender",
             sent ? i->si_pid : 0, "thread", crash.thread_name);
}

static void record_registers(void)
{
    if (crash.context != NULL)
        stack_record_registers(crash.context);
}

static void take_stack(void)
{
    stack_take(&crash.frames, crash.context);
}

/* Also after it could not be followed: the object that the program counter is in. */
static void record_stack(void)
{
    stack_record(&crash.frames);
}

static void begin_file(void)
{
    crash.meta.time_ns = clock_wall_ns();
    crash_file_begin(&crash.meta);
}

/* When one can not be read, the handler comes here again, for the next one. */
static void put_threads(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = crash.of.threads(threads);

    crash.stage--;
    while (crash.put < n)
        crash_file_put(threads[crash.put++]);
    crash.stage++;
}

static void put_crash(void)
{
    crash_file_put_last(&crash.thread);
}

static void end_file(void)
{
    crash.written = crash_file_end();
}

static void tell(void)
{
    struct line l = {.n = 0};

    if (crash.signal == 0)
        return; /* who has called prints the error */
    add(&l, crash.program);
    add(&l, ": fatal signal ");
    add_number(&l, (uint32_t)crash.signal);
    if (crash.written != NULL) {
        add(&l, "; what came before it is in ");
        add(&l, crash.of.where);
        add(&l, crash.written);
    }
    say(&l);
}

static void (*const stages[])(void) = {
    look_at_thread, record_fatal, record_assertion, record_signal, record_registers, take_stack,
    record_stack,   begin_file,   put_threads,      put_crash,     end_file,         tell};
#define STAGES (sizeof stages / sizeof stages[0])

/* ---- the handler ---- */

static void fill(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(set, signals[i]);
}

static void begin(int sig, const siginfo_t *info, const void *context)
{
    alarm(SECONDS);
    crash.signal = sig;
    crash.info = *info;
    crash.context = context;
}

/* The file of an error, or printing it, has crashed. */
static _Noreturn void die_of_error(void)
{
    struct line l = {.n = 0};

    add(&l, "error: ");
    add(&l, crash.fatal->msg);
    say(&l);
    _exit(EX_SOFTWARE);
}

/* The signal ends the process, unless it is the first of its name space. */
static _Noreturn void die(void)
{
    sigset_t set;

    if (crash.fatal != NULL)
        die_of_error();
    signal(crash.signal, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, crash.signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(crash.signal);
    _exit(128 + crash.signal);
}

/* By another process, not because of what a stage did. */
static bool is_sent(const siginfo_t *info)
{
    return info->si_code <= 0 && info->si_pid != getpid();
}

/* The signals that it handles are blocked when it is called. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
    int me = gettid(), owner = 0;
    sigset_t set;

    if (atomic_compare_exchange_strong(&crash.owner, &owner, me))
        begin(sig, info, context);
    else if (owner != me)
        for (;;)
            pause(); /* the thread that crashed first ends the process */
    else if (is_sent(info))
        return; /* the stage that it interrupted goes on */
    fill(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    while (crash.stage < STAGES)
        stages[crash.stage++]();
    die();
}

/* A stage that crashes goes on in the handler. */
void crash_fatal(const struct bx_err *err)
{
    struct bx_rec_thread *t = bx_rec_used();
    int me = gettid(), owner = 0;

    if (crash.of.name == NULL)
        return;
    if (!atomic_compare_exchange_strong(&crash.owner, &owner, me)) {
        while (owner != me)
            pause(); /* the thread that came first ends the process */
        return;
    }
    alarm(SECONDS);
    crash.fatal = err;
    crash.meta.reason = bx_str("fatal error");
    while (crash.stage < STAGES)
        stages[crash.stage++]();
    bx_rec_use(t);
}

/* In place of the C library's, which allocates the text of the message. */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function)
{
    struct line l = {.n = 0};

    crash.assertion = assertion;
    crash.file = file;
    crash.line = line;
    crash.function = function == NULL ? "" : function;
    if (crash.program[0] != '\0') {
        add(&l, crash.program);
        add(&l, ": ");
    }
    add(&l, file);
    add(&l, ":");
    add_number(&l, line);
    add(&l, ": ");
    add(&l, crash.function);
    add(&l, ": Assertion `");
    add(&l, assertion);
    add(&l, "' failed.");
    say(&l);
    abort();
}

/* ---- before ---- */

static void handle(bool on)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    const struct sigaction usual = {.sa_handler = SIG_DFL};

    fill(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaction(signals[i], on ? &action : &usual, NULL);
}

static void describe(const char *program)
{
    size_t n;
    const uint8_t *build = stack_build_id(&n);

    strncpy(crash.program, program, sizeof crash.program - 1);
    gethostname(crash.host, sizeof crash.host - 1);
    crash.meta = (struct bx_recfile_meta){.program = bx_str(crash.program),
                                          .version = bx_str(PACKAGE_VERSION),
                                          .reason = bx_str("crash"),
                                          .host = bx_str(crash.host),
                                          .build = {(const char *)build, (uint32_t)n},
                                          .pid = (uint32_t)getpid()};
}

void crash_watch(const struct crash_program *p)
{
    crash.of = *p;
    crash.thread = (struct bx_rec_thread){.name = "crash",
                                          .index = LOG_THREADS,
                                          .ring = {.words = crash.ring, .mask = RING - 1},
                                          .now_ns = clock_wall_ns};
    stack_open();
    describe(p->name);
    signal(SIGALRM, SIG_DFL);
    handle(true);
}

void crash_unwatch(void)
{
    handle(false);
    crash.of.name = NULL;
}

struct bx_recfile_meta crash_about(const char *reason)
{
    return (struct bx_recfile_meta){.program = crash.meta.program,
                                    .version = crash.meta.version,
                                    .reason = bx_str(reason),
                                    .host = crash.meta.host,
                                    .build = crash.meta.build,
                                    .node = __atomic_load_n(&crash.meta.node, __ATOMIC_RELAXED),
                                    .time_ns = clock_wall_ns(),
                                    .pid = crash.meta.pid};
}

void crash_set_node(uint64_t node)
{
    __atomic_store_n(&crash.meta.node, node, __ATOMIC_RELAXED);
}
