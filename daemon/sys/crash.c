#include "sys/crash.h"

#include "config.h"
#include "rec/recfile.h"
#include "rec/text.h"
#include "sys/clock.h"
#include "sys/log_threads.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK 65536u
#define FRAMES 48
#define SECONDS 5u /* that the handler may take */
#define SUFFIX ".bxr"

static _Thread_local volatile bool mine; /* the crash is this thread's */

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static struct {
    int dir; /* DATA/recorder */
    atomic_bool entered;
    uintptr_t base; /* where the program is loaded */
    struct bx_recfile_meta meta;
    char host[256];
    uint8_t build[64];
    struct bx_rec_thread spare; /* of a crash on a thread that records nothing */
    struct bx_recfile_writer writer;
    uint64_t words[BX_REC_RING];
    uint8_t stack[STACK] __attribute__((aligned(16)));
} crash;

/* ---- in the handler ---- */

static int write_all(void *ctx, const void *p, size_t n)
{
    const uint8_t *at = p;

    while (n > 0) {
        ssize_t done = write(*(int *)ctx, at, n);

        if (done < 0 && errno != EINTR)
            return errno == ENOSPC ? BX_NO_SPACE : BX_IO;
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return BX_OK;
}

/* "crash-20261129T130000-1234.bxr", without printf, which may lock. */
static void make_name(char out[64])
{
    char time[BX_TEXT_TIME], digits[24];
    size_t at = 0, n = 0;

    bx_text_time(time, crash.meta.time_ns, 0);
    memcpy(out, "crash-", 6);
    at = 6;
    for (size_t i = 0; i < 19; i++)
        if (time[i] != '-' && time[i] != ':')
            out[at++] = time[i];
    out[at++] = '-';
    for (uint32_t pid = crash.meta.pid; pid > 0; pid /= 10)
        digits[n++] = (char)('0' + pid % 10);
    while (n > 0)
        out[at++] = digits[--n];
    memcpy(out + at, SUFFIX, sizeof SUFFIX);
}

static void write_thread(const struct bx_rec_thread *t)
{
    struct bx_recfile_thread about = {.index = t->index,
                                      .name = bx_str(t->name),
                                      .events = t->ring.in.records,
                                      .overwritten = t->ring.in.lost,
                                      .dropped = t->queue.in.lost,
                                      .cut = t->cut};
    size_t n = bx_ring_copy(&t->ring, crash.words, BX_REC_RING);

    bx_recfile_put_thread(&crash.writer, &about);
    bx_recfile_put_events(&crash.writer, t->index, crash.words, n);
}

/* Under another name until it is whole. */
static void write_file(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    char name[64];
    uint32_t n;
    int fd;

    crash.meta.time_ns = clock_wall_ns();
    make_name(name);
    fd = openat(crash.dir, "crash.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    crash.writer = (struct bx_recfile_writer){.write = write_all, .ctx = &fd};
    bx_recfile_begin(&crash.writer, &crash.meta);
    write_thread(&crash.spare);
    n = log_threads(threads);
    for (uint32_t i = 0; i < n; i++)
        write_thread(threads[i]);
    bx_recfile_end(&crash.writer);
    fsync(fd);
    close(fd);
    renameat(crash.dir, "crash.tmp", crash.dir, name);
    fsync(crash.dir);
}

static uint64_t program_counter(const void *context)
{
#if defined __x86_64__
    return (uint64_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined __aarch64__
    return ((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void record(int sig, const siginfo_t *info, const void *context)
{
    void *frames[FRAMES];
    uint64_t pc = program_counter(context);
    int n;

    if (bx_rec_used() == NULL)
        bx_rec_use(&crash.spare);
    BX_ERROR("crash", "fatal signal", "signal", sig, "code", info->si_code, "address",
             (uint64_t)(uintptr_t)info->si_addr, "pc", pc, "offset", pc - crash.base, "sender",
             info->si_code <= 0 ? info->si_pid : 0);
    n = backtrace(frames, FRAMES);
    for (int i = 0; i < n; i++)
        BX_ERROR("crash", "frame", "n", i, "offset", (uint64_t)(uintptr_t)frames[i] - crash.base);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    if (!mine && atomic_exchange(&crash.entered, true))
        for (;;)
            pause(); /* the thread that crashed first ends the process */
    if (!mine) {
        mine = true;
        alarm(SECONDS);
        record(sig, info, context);
        write_file();
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

/* ---- before ---- */

/* The build id of the program, and where it is loaded: the first object is the program itself. */
static int look_at_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size, (void)ctx;
    crash.base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        const ElfW(Nhdr) *note = (const void *)(info->dlpi_addr + h->p_vaddr);
        const uint8_t *name = (const uint8_t *)(note + 1), *id;

        if (h->p_type != PT_NOTE || note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 ||
            note->n_descsz > sizeof crash.build)
            continue;
        id = name + 4;
        memcpy(crash.build, id, note->n_descsz);
        crash.meta.build = (struct bx_str){(const char *)crash.build, note->n_descsz};
    }
    return 1;
}

/* The oldest of the files; their number. */
static unsigned find_oldest(DIR *d, char oldest[256])
{
    const struct dirent *e;
    unsigned n = 0;

    rewinddir(d);
    while ((e = readdir(d)) != NULL)
        if (strncmp(e->d_name, "crash-", 6) == 0 && (n++ == 0 || strcmp(e->d_name, oldest) < 0))
            snprintf(oldest, 256, "%s", e->d_name);
    return n;
}

static void remove_oldest(void)
{
    char oldest[256] = "";
    DIR *d = fdopendir(dup(crash.dir));

    if (d == NULL)
        return;
    while (find_oldest(d, oldest) >= CRASH_FILES && unlinkat(crash.dir, oldest, 0) == 0)
        ;
    closedir(d);
}

static int open_dir(const char *data, struct bx_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/recorder", data) >= (int)sizeof path)
        return bx_err_set(err, BX_IO, "%s/recorder: the path is too long", data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", path, strerror(errno));
    crash.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (crash.dir < 0)
        return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    return BX_OK;
}

static void install(void)
{
    stack_t stack = {.ss_sp = crash.stack, .ss_size = STACK};
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    signal(SIGALRM, SIG_DFL);
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}

int crash_open(const char *data, const char *program, struct bx_err *err)
{
    void *first[1];
    int rc = open_dir(data, err);

    if (rc != BX_OK)
        return rc;
    remove_oldest();
    if (bx_rec_thread_open(&crash.spare, "crash", LOG_THREADS, 1024, 0, clock_wall_ns) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the recorder");
    gethostname(crash.host, sizeof crash.host - 1);
    crash.meta.program = bx_str(program);
    crash.meta.version = bx_str(PACKAGE_VERSION);
    crash.meta.reason = bx_str("crash");
    crash.meta.host = bx_str(crash.host);
    crash.meta.pid = (uint32_t)getpid();
    dl_iterate_phdr(look_at_program, NULL);
    backtrace(first, 1); /* it loads a library the first time */
    install();
    return BX_OK;
}

void crash_set_node(uint64_t node)
{
    crash.meta.node = node;
}
