#include "lib/testlib.h"

#include "lib/testclock.h"

static uint64_t boot_ms(struct bx_clock *c)
{
    return ((struct test_clock *)c)->now;
}

static uint64_t wall_ms(struct bx_clock *c)
{
    return 1700000000000 + ((struct test_clock *)c)->now;
}

static void fill_random(struct bx_clock *c, void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(test_random(&((struct test_clock *)c)->seed) >> 32);
}

void test_clock_init(struct test_clock *c)
{
    static const struct bx_clock_ops ops = {boot_ms, wall_ms, fill_random};

    *c = (struct test_clock){.base = {&ops}, .now = 1000, .seed = 1};
}
