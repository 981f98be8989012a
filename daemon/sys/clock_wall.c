/* clock_wall_ns: the kernel's wall clock takes three times as long as the rest of recording an
 * event. So a thread reads it a hundred times a second at most, and the processor's counter
 * otherwise (sys/tick.h). That is where the kernel itself relies on this counter; elsewhere the
 * steady clock stands in for it. */
#include "sys/clock.h"

#include "sys/tick.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CLOSE 4000u /* counts between which the clocks were read at one moment */
#define TRIES 4

enum { UNKNOWN, COUNTER, STEADY };
static uint8_t source;

/* Of the calling thread. While the line changes, a signal handler of the thread reads the clock. */
static _Thread_local struct {
    struct tick_line line;
    bool changing;
} mine;

static uint64_t read_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#if defined(__x86_64__)
static uint64_t processor_counter(void)
{
    return __rdtsc();
}

static bool kernel_relies_on_it(void)
{
    char name[8] = "";
    int fd = open(CLOCKSOURCE, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof name - 1);

    if (fd >= 0)
        close(fd);
    return n >= 4 && memcmp(name, "tsc\n", 4) == 0;
}

/* Its rate does not change with that of the core, and it runs while the core sleeps. */
static bool is_invariant(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8) != 0;
}

static bool has_counter(void)
{
    return is_invariant() && kernel_relies_on_it();
}
#else
static uint64_t processor_counter(void)
{
    return 0;
}

static bool has_counter(void)
{
    return false;
}
#endif

static bool is_from(int which)
{
    return __atomic_load_n(&source, __ATOMIC_RELAXED) == which;
}

static uint64_t counter(void)
{
    return is_from(COUNTER) ? processor_counter() : read_ns(CLOCK_MONOTONIC);
}

/* The thread may lose the processor between two of them: take the closest of a few. */
static struct tick_reading read_all(void)
{
    struct tick_reading best = {0};
    uint64_t width = UINT64_MAX;

    for (int i = 0; i < TRIES && width > CLOSE; i++) {
        uint64_t before = counter(), steady = read_ns(CLOCK_MONOTONIC);
        uint64_t wall = read_ns(CLOCK_REALTIME), after = counter();

        if (after - before < width) {
            width = after - before;
            best = (struct tick_reading){before + width / 2, steady, wall};
        }
    }
    return best;
}

static uint64_t next_line(void)
{
    struct tick_reading r;
    struct tick_line next;

    if (mine.changing)
        return read_ns(CLOCK_REALTIME);
    mine.changing = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (is_from(UNKNOWN))
        __atomic_store_n(&source, has_counter() ? COUNTER : STEADY, __ATOMIC_RELAXED);
    r = read_all();
    next = tick_next(&mine.line, &r);
    mine.line.counts = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    mine.line = next;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    mine.changing = false;
    return next.wall_ns;
}

/* Apart, so that what is called for every event saves no register. */
static __attribute__((noinline, cold)) uint64_t slowly(void)
{
    uint64_t ns;

    return is_from(STEADY) && tick_wall_ns(&mine.line, counter(), &ns) ? ns : next_line();
}

uint64_t clock_wall_ns(void)
{
    uint64_t ns;

    if (__builtin_expect(is_from(COUNTER), 1) &&
        __builtin_expect(tick_wall_ns(&mine.line, processor_counter(), &ns), 1))
        return ns;
    return slowly();
}
