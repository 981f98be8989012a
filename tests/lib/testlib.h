/* testlib - what several tests need: cmocka's includes in their order, a seeded generator, private
 * directories, and the loop that lets each allocation fail in turn. */
#ifndef BX_TESTLIB_H
#define BX_TESTLIB_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* The next number of a sequence that the seed alone determines. */
uint64_t test_random(uint64_t *seed);

/* Run use(ctx) again and again: first with its first allocation failing, then its second, until a
 * run needs no more. Fails the test when a run leaves anything allocated. Returns how many
 * allocations the last run made. */
uint32_t test_fail_each_allocation(void (*use)(void *ctx), void *ctx);

/* For bx_alloc_set_fault: of the allocations from now on, the one of this number fails, from 0. */
struct test_countdown {
    uint32_t calls, fail_at;
};
int test_fail_one(void *ctx, size_t size);

/* From now on every allocation fails, or none does. */
void test_fail_allocations(bool fail);

/* A new empty directory under TMPDIR; test_remove_dir removes it with all that is in it and frees
 * the path. */
char *test_make_dir(void);
void test_remove_dir(char *path);

#endif
