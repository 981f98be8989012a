#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "pki/pki.h"
#include "wire/jointoken.h"
#include "wire/params.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define GROWTH_KIB (384u << 10) /* freed memory stays in a quarantine of 256 MiB */
#else
#define GROWTH_KIB (32u << 10)
#endif

static char *dir;
struct host hosts[3];
struct rpc host_client;

uint64_t host_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void host_wait(uint64_t until, const char *what)
{
    if (host_now_ms() > until)
        fail_msg("not within %u ms: %s", HOST_WAIT_MS, what);
    poll(NULL, 0, 10);
}

static void exec_daemon(const struct host *h, const char *name)
{
    const char *build = getenv("BLIXARD_BUILD");
    char path[4096], log[600];
    int fd;

    snprintf(path, sizeof path, "%s/blixardd", build == NULL ? "." : build);
    snprintf(log, sizeof log, "%s.log", h->data);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(path, path, "--data", h->data, "--name", name, "--listen", h->link, "--api", h->api,
          "--insecure-loopback", "--driver", "sim", "--log", "warning", (char *)NULL);
    _exit(127);
}

struct rpc host_dial(const char *address)
{
    struct rpc c;

    if (!rpc_dial(&c, address, NULL))
        fail_msg("nobody listens on %s", address);
    return c;
}

void host_run(struct host *h)
{
    char name[32];
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    struct rpc c;

    snprintf(name, sizeof name, "n%d", (int)(h - hosts) + 1);
    h->pid = fork();
    assert_true(h->pid >= 0);
    if (h->pid == 0)
        exec_daemon(h, name);
    while (!rpc_dial(&c, h->local, NULL)) {
        assert_int_equal(waitpid(h->pid, NULL, WNOHANG), 0);
        host_wait(until, "the daemon listens");
    }
    rpc_close(&c);
}

void host_create(struct host *h)
{
    snprintf(h->data, sizeof h->data, "%s/n%d", dir, (int)(h - hosts) + 1);
    snprintf(h->local, sizeof h->local, "unix:%s/blixard.sock", h->data);
    test_free_address(h->link);
    test_free_address(h->api);
    host_run(h);
}

static void show_log(const struct host *h)
{
    char path[600], line[512];
    FILE *f;

    snprintf(path, sizeof path, "%s.log", h->data);
    f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        print_message("# %s", line);
    if (f != NULL)
        fclose(f);
}

void host_stop(struct host *h, int sig)
{
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    int status;

    if (h->pid == 0)
        return;
    kill(h->pid, sig);
    while (waitpid(h->pid, &status, WNOHANG) == 0)
        host_wait(until, "the daemon ends");
    h->pid = 0;
    if (sig == SIGTERM && status != 0) {
        show_log(h);
        fail_msg("the daemon ended with status %#x", status);
    }
}

int hosts_setup(void **state)
{
    struct rpc c;

    (void)state;
    dir = test_make_dir();
    memset(hosts, 0, sizeof hosts);
    host_create(&hosts[0]);
    c = host_dial(hosts[0].local);
    rpc_ok(&c, "cluster.init", "{\"name\": \"test\"}");
    rpc_close(&c);
    return 0;
}

int hosts_teardown(void **state)
{
    (void)state;
    host_stop(&hosts[0], SIGTERM); /* whatever was done to it, it ends well */
    host_stop(&hosts[1], SIGTERM);
    host_stop(&hosts[2], SIGTERM);
    test_remove_dir(dir);
    return 0;
}

int hosts_setup_client(void **state)
{
    int rc = hosts_setup(state);

    if (rc == 0)
        host_client = host_dial(hosts[0].local);
    return rc;
}

int hosts_teardown_client(void **state)
{
    rpc_close(&host_client);
    return hosts_teardown(state);
}

uint64_t host_resident_kib(void)
{
    unsigned long long kib = 0;
    char path[64], line[256];
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/status", hosts[0].pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL && sscanf(line, "VmRSS: %llu", &kib) != 1)
        continue;
    fclose(f);
    assert_true(kib > 0);
    return kib;
}

void host_grew_little(uint64_t before)
{
    uint64_t after = host_resident_kib();

    if (after > before + GROWTH_KIB)
        fail_msg("the daemon grew from %llu to %llu KiB", (unsigned long long)before,
                 (unsigned long long)after);
}

void host_serves(const char *vm)
{
    struct rpc c = host_dial(hosts[0].api);
    char params[128];

    snprintf(params, sizeof params, "{\"name\": \"%s\"}", vm);
    rpc_ok(&c, "vm.create", params);
    rpc_close(&c);
}

void host_wait_for_vm(struct rpc *c, const char *vm, const char *state)
{
    struct bx_str uuid;
    char params[256];
    bx_val v;

    snprintf(params, sizeof params, "{\"vm\": \"%s\"}", vm);
    v = rpc_ok(c, "vm.show", params);
    assert_true(bx_val_str(bx_val_get(v, "uuid"), &uuid));
    snprintf(params, sizeof params,
             "{\"vm\": \"" BX_STR_FMT "\", \"until\": \"%s\", \"timeout_ms\": 15000}",
             BX_STR_ARG(uuid), state);
    v = rpc_ok(c, "vm.wait", params);
    assert_true(strcmp(state, "deleted") == 0 ? bx_val_type(v) == BX_V_NIL
                                              : rpc_says(v, "phase", state));
}

static uint8_t secret[BX_JOIN_SECRET];

const char *host_token_params(void)
{
    static char params[128];
    uint8_t sum[PKI_SHA256];
    size_t n = (size_t)snprintf(params, sizeof params, "{\"secret_hash\": \"");

    secret[0]++;
    bx_sha256(secret, sizeof secret, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        n += (size_t)snprintf(params + n, sizeof params - n, "%02x", sum[i]);
    snprintf(params + n, sizeof params - n, "\"}");
    return params;
}

void host_join_params(bx_val created, char out[HOST_JOIN_PARAMS])
{
    bx_val list = bx_val_get(created, "addresses");
    struct bx_str addresses[BX_JOIN_ADDRESSES_MAX], ca;
    struct bx_join_token t = {.addresses = {addresses, bx_val_len(list)},
                              .secret = {(const char *)secret, sizeof secret}};
    uint8_t fingerprint[BX_FINGERPRINT];
    struct bx_buf text = {0};

    for (uint32_t i = 0; i < t.addresses.n; i++)
        assert_true(bx_val_str(bx_val_at(list, i), &addresses[i]));
    if (bx_val_str(bx_val_get(created, "ca"), &ca)) {
        assert_true(bx_hex32(ca, fingerprint));
        t.fingerprint = (struct bx_str){(const char *)fingerprint, sizeof fingerprint};
    }
    assert_int_equal(bx_join_token_write(&t, &text), BX_OK);
    snprintf(out, HOST_JOIN_PARAMS, "{\"token\": \"%.*s\", \"timeout_ms\": 20000}", (int)text.len,
             (const char *)text.data);
    bx_buf_release(&text);
}

void host_join(struct host *h)
{
    struct rpc c = host_dial(hosts[0].local), mine;
    char params[HOST_JOIN_PARAMS];

    host_join_params(rpc_ok(&c, "cluster.token_create", host_token_params()), params);
    host_create(h);
    mine = host_dial(h->local);
    rpc_ok(&mine, "cluster.join", params);
    rpc_close(&mine);
    rpc_close(&c);
}
