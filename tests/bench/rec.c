/* The flight recorder against a log that makes text at once: it reads the kernel's clock, formats a
 * line with snprintf, and copies it into a ring of bytes. */
#include "bench.h"

#include "mem/alloc.h"
#include "mem/intern.h"
#include "rec/rec.h"
#include "rec/text.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE 256u
#define LINES_SIZE (1u << 19) /* as large as the recorder's ring */

struct lines {
    struct bx_rec_thread rec;
    struct bx_intern *names;
    const struct bx_istr *name;
    char *text; /* the reference's ring */
    size_t at;
    char last[LINE]; /* its newest line */
};

static void filter(const char *spec)
{
    struct bx_filter f;

    bench_must(bx_filter_parse(&f, spec, NULL) == BX_OK, "filter");
    bx_rec_filter_ring(&f);
}

static void *open_lines(const struct bench_case *c, unsigned size)
{
    struct lines *t = bx_must_calloc(1, sizeof *t);

    (void)c;
    (void)size;
    bench_must(bx_rec_thread_open(&t->rec, "bench", 1, BX_REC_RING, 0, clock_wall_ns) == BX_OK,
               "ring");
    t->names = bx_intern_create(0, 0);
    bench_must(t->names != NULL, "interner");
    t->name = bx_intern_get(t->names, "web-1.prod", 10);
    t->text = bx_must_calloc(1, LINES_SIZE);
    filter("info");
    bx_rec_use(&t->rec);
    return t;
}

static void close_lines(void *ctx)
{
    struct lines *t = ctx;

    bx_rec_use(NULL);
    bx_rec_thread_close(&t->rec);
    bx_intern_release(t->names, t->name);
    bx_intern_destroy(t->names);
    bx_free(t->text);
    bx_free(t);
}

static uint64_t kernel_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void put_line(struct lines *t, const char *line, int n)
{
    if (t->at + (size_t)n > LINES_SIZE)
        t->at = 0;
    memcpy(t->text + t->at, line, (size_t)n);
    memcpy(t->last, line, (size_t)n + 1);
    t->at += (size_t)n;
}

#define PRINT_LINE(t, ...)                                                                         \
    do {                                                                                           \
        char line_[LINE], time_[BX_TEXT_TIME];                                                     \
        size_t n_ = bx_text_time(time_, kernel_ns(), 3);                                           \
        int size_ = snprintf(line_, sizeof line_, "%.*s ", (int)n_, time_);                        \
        size_ += snprintf(line_ + size_, sizeof line_ - (size_t)size_, __VA_ARGS__);               \
        put_line(t, line_, size_);                                                                 \
    } while (0)

/* ---- the events, each beside the line that it makes ---- */

static void plain(void *ctx, uint64_t n)
{
    (void)ctx;
    while (n-- > 0)
        BX_INFO("raft", "entry applied");
}

static void plain_line(void *ctx, uint64_t n)
{
    while (n-- > 0)
        PRINT_LINE((struct lines *)ctx, "info raft: entry applied\n");
}

static void numbers(void *ctx, uint64_t n)
{
    bool ok = true;

    (void)ctx;
    while (n-- > 0)
        BX_INFO("raft", "entry applied", "index", 12345u, "term", 7u, "bytes", 512u, "ok", ok);
}

static void numbers_line(void *ctx, uint64_t n)
{
    while (n-- > 0)
        PRINT_LINE((struct lines *)ctx,
                   "info raft: entry applied index=%u term=%u bytes=%u ok=%s\n", 12345u, 7u, 512u,
                   "true");
}

static void name(void *ctx, uint64_t n)
{
    const struct bx_istr *vm = ((struct lines *)ctx)->name;

    while (n-- > 0)
        BX_INFO("vm", "started", "vm", vm, "pid", 4711u);
}

static void name_line(void *ctx, uint64_t n)
{
    struct lines *t = ctx;

    while (n-- > 0)
        PRINT_LINE(t, "info vm: started vm=%s pid=%u\n", t->name->s, 4711u);
}

/* A level that nobody takes. The reference asks a function, as a log of text does. */
static void off(void *ctx, uint64_t n)
{
    (void)ctx;
    while (n-- > 0)
        BX_DEBUG("raft", "entry applied", "index", n);
}

static __attribute__((noinline)) bool is_wanted(int level)
{
    static volatile int limit = BX_LEVEL_INFO;

    return level <= limit;
}

static void off_line(void *ctx, uint64_t n)
{
    while (n-- > 0)
        if (is_wanted(BX_LEVEL_DEBUG))
            PRINT_LINE((struct lines *)ctx, "debug raft: entry applied index=%u\n", (unsigned)n);
}

static void tick(void *ctx, uint64_t n)
{
    (void)ctx;
    while (n-- > 0) {
        uint64_t ns = clock_wall_ns();

        bench_use(&ns);
    }
}

static void kernel_tick(void *ctx, uint64_t n)
{
    (void)ctx;
    while (n-- > 0) {
        uint64_t ns = kernel_ns();

        bench_use(&ns);
    }
}

/* ---- the same ---- */

/* The newest event of the ring as a line, from the blank after its time on. */
static bool newest(const struct bx_rec_thread *rec, struct bx_buf *out)
{
    static uint64_t words[BX_REC_RING];
    size_t n = bx_ring_copy(&rec->ring, words, BX_REC_RING);
    struct bx_recevent e;

    for (size_t at = 0, size; at < n; at += size) {
        size = bx_recevent_read(words + at, n - at, bx_sites(), &e);
        if (size == 0)
            return false;
    }
    if (n > 0)
        bx_text_event(out, BX_TEXT_CONSOLE, &e);
    return n > 0 && bx_buf_append(out, "", 1) == BX_OK;
}

static bool same_text(struct lines *t, void (*record)(void *, uint64_t),
                      void (*print)(void *, uint64_t))
{
    struct bx_buf line = {0};
    bool same;

    record(t, 1);
    print(t, 1);
    same = newest(&t->rec, &line) &&
           strcmp(strchr((const char *)line.data, ' '), strchr(t->last, ' ')) == 0;
    bx_buf_release(&line);
    return same;
}

#define SAME(event)                                                                                \
    static bool same_##event(void *ctx)                                                            \
    {                                                                                              \
        return same_text(ctx, event, event##_line);                                                \
    }
SAME(plain)
SAME(numbers)
SAME(name)

static bool same_off(void *ctx)
{
    struct lines *t = ctx;
    uint64_t before = t->rec.ring.in.records;

    off(t, 10);
    off_line(t, 10);
    return t->rec.ring.in.records == before && t->at == 0;
}

static bool same_tick(void *ctx)
{
    uint64_t ours, theirs;

    (void)ctx;
    kernel_tick(NULL, 1);
    theirs = kernel_ns();
    ours = clock_wall_ns();
    return ours + 1000000000u > theirs && theirs + 1000000000u > ours;
}

#define CASE(name_, reference_, goal_, own_, refer_)                                               \
    {                                                                                              \
        .name = name_, .reference = reference_, .goal = goal_, .size = 1, .open = open_lines,      \
        .close = close_lines, .run = own_, .refer = refer_, .same = same_##own_,                   \
    }
static const struct bench_case cases[] = {
    CASE("rec/event", "a line of text", 0, plain, plain_line),
    CASE("rec/event-4-numbers", "a line of text", 0, numbers, numbers_line),
    CASE("rec/event-name", "a line of text", 0, name, name_line),
    CASE("rec/off", "a function asked", 0, off, off_line),
    CASE("rec/clock", "clock_gettime", 0, tick, kernel_tick),
};
const struct bench_group bench_rec = {cases, sizeof cases / sizeof cases[0]};
