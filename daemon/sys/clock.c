#include "sys/clock.h"

#include "sys/log.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static _Noreturn void broken(const char *what)
{
    struct bx_err err;

    bx_err_set(&err, BX_FAILED, "%s: %s", what, strerror(errno));
    log_fatal(&err);
}

static uint64_t read_ms(clockid_t id)
{
    struct timespec t;

    if (clock_gettime(id, &t) != 0)
        broken("cannot read the clock");
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_thread_us(void)
{
    struct timespec t;

    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
        broken("reading the clock");
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t boot_ms(struct bx_clock *c)
{
    (void)c;
    return read_ms(CLOCK_BOOTTIME);
}

static uint64_t wall_ms(struct bx_clock *c)
{
    (void)c;
    return read_ms(CLOCK_REALTIME);
}

static void random_bytes(struct bx_clock *c, void *p, size_t n)
{
    uint8_t *at = p;

    (void)c;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno != EINTR)
            broken("cannot read random bytes");
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

static const struct bx_clock_ops ops = {boot_ms, wall_ms, random_bytes};

struct bx_clock *clock_kernel(void)
{
    static struct bx_clock clock = {&ops};

    return &clock;
}
