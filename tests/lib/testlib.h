/* testlib - what several tests need: the form of a test program, cmocka's includes in their order,
 * a seeded generator, private directories, children, and the loop that lets each allocation fail in
 * turn. */
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

/* A test: TEST(a_stopped_vm_stays_stopped) { ... }. Its name is a sentence that says what holds. It
 * needs no other mention: the tests of a program run in the order of their lines. `state` is what
 * the fixture has set up. */
#define TEST(name)                                                                                 \
    static void name(void **state);                                                                \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        test_register(#name, name, __LINE__);                                                      \
    }                                                                                              \
    static void name(void **state __attribute__((unused)))

#define TEST_MAX 128u /* tests of one program */

void test_register(const char *name, CMUnitTestFunction run, int line);

/* Run every test of the program between setup and teardown (either may be NULL), and print TAP.
 * BLIXARD_TEST in the environment selects by a pattern ("a_vm_*"). Returns the exit code of main.
 */
int test_run(CMFixtureFunction setup, CMFixtureFunction teardown);

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

/* Run run(ctx) in a child, whose stderr goes nowhere. How it ended: its exit code, 0 when run
 * returns; 1000 and the status when a signal ended it. */
int test_in_child(void (*run)(void *ctx), void *ctx);

/* A new empty directory under TMPDIR; test_remove_dir removes it with all that is in it and frees
 * the path. */
char *test_make_dir(void);
void test_remove_dir(char *path);

/* "IP:PORT" on loopback, where nobody listens. Each process has an IP of its own there: the port,
 * free now or after a listener was closed, is not taken by a connection of a test that runs beside
 * it. */
void test_free_address(char out[64]);

/* A file of the source tree, such as "docs/API.md", NUL-terminated and static: valid until the next
 * call. Fails the test when it can not be read. */
const char *test_read_source(const char *name);

#endif
