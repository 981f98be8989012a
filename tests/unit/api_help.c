#include "api_help.h"

#include "diag/memory.h"
#include "mem/alloc.h"
#include "node/driver_sim.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define INITS_MAX 4096u

struct api_options options;
char *dir;
char socket_path[4096], unix_address[4200], tcp_address[64];
uint32_t n_inits, n_answered;
static struct api *api;
static struct bx_metrics metrics;
struct bx_identity identity;
static struct bx_driver *driver;
static struct {
    api_done done;
    void *ctx;
} inits[INITS_MAX];

static int init_cluster(void *self, const char *name, api_done done, void *ctx, struct bx_err *err)
{
    (void)self;
    if (strcmp(name, "taken") == 0)
        return bx_err_set(err, BX_CONFLICT, "this host is a member already");
    assert_true(n_inits < INITS_MAX);
    inits[n_inits].done = done;
    inits[n_inits++].ctx = ctx;
    return BX_OK;
}

static int join(void *self, const char *token, api_done done, void *ctx, struct bx_err *err)
{
    (void)self;
    (void)token;
    (void)done;
    (void)ctx;
    return bx_err_set(err, BX_INVALID, "that is no token");
}

void answer_inits(uint32_t until)
{
    while (n_answered < until) {
        uint32_t i = n_answered++;

        inits[i].done(inits[i].ctx, NULL);
    }
}

void pump(void)
{
    uv_run(&test_loop, UV_RUN_NOWAIT);
}

static bool tcp_trusted = true;

int api_test_setup(void **state)
{
    struct bx_driver_sim_options sim = {.clock = &test_loop_clock};
    struct bx_err err = {0};

    (void)state;
    n_inits = n_answered = 0;
    identity = (struct bx_identity){0};
    dir = test_make_dir();
    driver = bx_driver_sim_create(&sim);
    snprintf(socket_path, sizeof socket_path, "%s/api.sock", dir);
    test_free_address(tcp_address);
    snprintf(unix_address, sizeof unix_address, "unix:%s", socket_path);
    test_loop_open();
    metrics = (struct bx_metrics){.n = 0};
    assert_int_equal(bx_memory_metrics(&metrics), BX_OK);
    options = (struct api_options){.loop = &test_loop,
                                   .clock = &test_loop_clock,
                                   .identity = &identity,
                                   .name = "n1",
                                   .socket = socket_path,
                                   .address = tcp_address,
                                   .tcp_trusted = tcp_trusted,
                                   .admin_gid = ADMIN_GID,
                                   .operator_gid = OPERATOR_GID,
                                   .state_path = "",
                                   .metrics = &metrics,
                                   .init = init_cluster,
                                   .join = join};
    if (api_create(&api, &options, &err) != BX_OK)
        fail_msg("%s", err.msg);
    api_set_driver(api, driver, "none");
    return 0;
}

int api_test_teardown(void **state)
{
    struct bx_alloc_stats s;

    (void)state;
    answer_inits(n_inits);
    api_destroy(api);
    assert_int_not_equal(access(socket_path, F_OK), 0);
    bx_driver_sim_destroy(driver);
    test_loop_close();
    test_remove_dir(dir);
    bx_buf_thread_close();
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

void api_test_setup_untrusted(void **state)
{
    api_test_teardown(state);
    tcp_trusted = false;
    api_test_setup(state);
    tcp_trusted = true;
}

void api_test_secure(struct tls_context *server)
{
    api_secure(api, server);
}

uint64_t api_test_counted(const char *reason)
{
    for (uint32_t i = 0; i < metrics.n; i++) {
        if (metrics.v[i].value != NULL && strcmp(metrics.v[i].value, reason) == 0)
            return *(const uint64_t *)metrics.v[i].ctx;
    }
    fail_msg("nothing is counted as %s", reason);
    return 0;
}

/* A server takes half of the descriptors for connections. */
void api_test_setup_with(void **state, unsigned connections)
{
    struct rlimit before, few;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 2 * connections;
    api_test_teardown(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    api_test_setup(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

struct rpc dial_api(const char *address)
{
    struct rpc c;

    if (!rpc_dial(&c, address, pump))
        fail_msg("nobody listens on %s", address);
    return c;
}

void ends(struct rpc *c)
{
    assert_null(rpc_read(c));
    rpc_close(c);
}

void write_all(struct rpc *c, const void *p, size_t n)
{
    assert_true(rpc_write(c, p, n));
}
