#include "lib/testlib.h"

#include "lib/rng.h"
#include "mem/alloc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct CMUnitTest tests[TEST_MAX];
static int lines[TEST_MAX];
static size_t n_tests;

/* Constructors run in the order that the compiler chose: insert by the line. */
void test_register(const char *name, CMUnitTestFunction run, int line)
{
    size_t i;

    assert(n_tests < TEST_MAX);
    for (i = n_tests++; i > 0 && lines[i - 1] > line; i--) {
        lines[i] = lines[i - 1];
        tests[i] = tests[i - 1];
    }
    lines[i] = line;
    tests[i] = (struct CMUnitTest){.name = name, .test_func = run};
}

int test_run(CMFixtureFunction setup, CMFixtureFunction teardown)
{
    for (size_t i = 0; i < n_tests; i++) {
        tests[i].setup_func = setup;
        tests[i].teardown_func = teardown;
    }
    cmocka_set_test_filter(getenv("BLIXARD_TEST"));
    return _cmocka_run_group_tests("tests", tests, n_tests, NULL, NULL);
}

uint64_t test_random(uint64_t *seed)
{
    return rng_next(seed);
}

int test_fail_one(void *ctx, size_t size)
{
    struct test_countdown *c = ctx;

    (void)size;
    return c->calls++ == c->fail_at;
}

uint32_t test_fail_each_allocation(void (*use)(void *ctx), void *ctx)
{
    struct test_countdown c = {0};
    struct bx_alloc_stats before, after;

    for (bool reached = true; reached; c.fail_at++) {
        c.calls = 0;
        bx_alloc_stats(&before);
        bx_alloc_set_fault(test_fail_one, &c);
        use(ctx);
        bx_alloc_set_fault(NULL, NULL);
        bx_alloc_stats(&after);
        if (after.live != before.live)
            fail_msg("allocation %u failed: %lld blocks left behind", c.fail_at,
                     (long long)(after.live - before.live));
        reached = c.calls > c.fail_at;
    }
    return c.calls;
}

static int fail_always(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return 1;
}

void test_fail_allocations(bool fail)
{
    bx_alloc_set_fault(fail ? fail_always : NULL, NULL);
}

int test_in_child(void (*run)(void *ctx), void *ctx)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(1);
        run(ctx);
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

char *test_make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    char path[4096];

    snprintf(path, sizeof path, "%s/blixard-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(path) == NULL)
        fail_msg("%s: can not make a directory", path);
    return bx_must_strdup(path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_remove_dir(char *path)
{
    if (path != NULL)
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    bx_free(path);
}

/* Each port once, below those that the kernel gives to connections: it may give the same one twice
 * before anybody listens. */
void test_free_address(char out[64])
{
    static uint16_t port = 10000;
    uint32_t own = 0x7f400000u + (uint32_t)getpid();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(own)};
    char ip[INET_ADDRSTRLEN];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    do {
        assert_true(port < 32768);
        a.sin_port = htons(port++);
    } while (bind(fd, (struct sockaddr *)&a, sizeof a) != 0);
    inet_ntop(AF_INET, &a.sin_addr, ip, sizeof ip);
    snprintf(out, 64, "%s:%u", ip, ntohs(a.sin_port));
    close(fd);
}

const char *test_read_source(const char *name)
{
    const char *src = getenv("BLIXARD_SRC");
    static char path[4096], text[1 << 20];
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", src == NULL ? "." : src, name);
    f = fopen(path, "re");
    if (f == NULL)
        fail_msg("%s: can not be read", path);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(n < sizeof text);
    text[n] = '\0';
    return text;
}
