/* hostile - clients that mean harm, or do not know better, and a probe that feels what they do.
 *
 *   hostile KIND ADDRESS SECONDS CONNECTIONS   sends as fast as it may, for so long
 *   hostile probe ADDRESS SECONDS              creates a VM a second, and deletes it; prints
 *                                              "median_us N p99_us N failed N" at the end
 *
 * A connection that the server closes is opened again. hostile.sh runs each kind beside a probe. */
#include "lib/testlib.h"

#include "lib/rpc.h"

#include "codec/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64u /* requests made at once */

struct kind {
    const char *name, *method;
    const char *params; /* JSON; @: 32 random hex digits, #: a number */
    bool reads;         /* what is answered */
    unsigned pause_ms;  /* between two requests of a connection */
    size_t cut;         /* send only so many bytes, and wait; 0: all */
};

static const struct kind kinds[] = {
    {.name = "refused-creates",
     .method = "vm.create",
     .params = "{\"name\": \"x#\", \"vcpus\": 100000, \"request_id\": \"@\"}",
     .reads = true},
    {.name = "unplaceable",
     .method = "vm.create",
     .params = "{\"name\": \"x#\", \"vcpus\": 500, \"request_id\": \"@\"}",
     .reads = true},
    {.name = "unknown-names",
     .method = "vm.delete",
     .params = "{\"vm\": \"nobody-#\", \"request_id\": \"@\"}",
     .reads = true},
    {.name = "lists", .method = "vm.list", .params = "{}", .reads = true},
    {.name = "slow-readers", .method = "vm.list", .params = "{}"},
    {.name = "pipelines", .method = "cluster.status", .params = "{}"},
    {.name = "sql",
     .method = "sql.query",
     .params = "{\"query\": \"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
               "SELECT count(*) FROM n, n AS m, vms\"}",
     .reads = true},
    {.name = "waits",
     .method = "vm.wait",
     .params = "{\"vm\": \"idle\", \"until\": \"deleted\", \"timeout_ms\": 600000}",
     .reads = true},
    {.name = "half-requests", .method = "vm.list", .params = "{}", .cut = 3},
    {.name = "barriers", .method = "vm.show", .params = "{\"vm\": \"nobody-#\"}", .reads = true},
};

static uint64_t rng = 88172645463325252u;

static uint64_t next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the clients ---- */

struct client {
    struct rpc rpc;
    struct bx_buf out;
    size_t sent;
    uint64_t id;
};

static uint64_t requests, answers, closed;

static void fill_in(const char *from, char *to, size_t size)
{
    size_t n = 0;

    for (; *from != '\0'; from++) {
        if (*from == '@')
            n += (size_t)snprintf(to + n, size - n, "%016llx%016llx", (unsigned long long)next(),
                                  (unsigned long long)next());
        else if (*from == '#')
            n += (size_t)snprintf(to + n, size - n, "%u", (unsigned)(next() % 1000));
        else
            to[n++] = *from;
    }
    to[n] = '\0';
}

static void make_requests(const struct kind *k, struct client *c)
{
    c->out.len = 0;
    c->sent = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        char params[512];

        fill_in(k->params, params, sizeof params);
        rpc_request(&c->out, ++c->id, k->method, params);
    }
    if (k->cut > 0 && c->id > BATCH)
        c->out.len = 0;
    else if (k->cut > 0)
        c->out.len = k->cut;
    requests += BATCH;
}

static void reopen(struct client *c, const char *address)
{
    if (c->rpc.pack != NULL) {
        rpc_close(&c->rpc);
        closed++;
    }
    c->id = 0;
    c->sent = c->out.len = 0;
    if (!rpc_dial(&c->rpc, address, NULL))
        c->rpc.pack = NULL;
    else
        fcntl(c->rpc.fd, F_SETFL, O_NONBLOCK);
}

/* Throw away what came. False: the server has closed. */
static bool drain(struct client *c)
{
    static char bytes[1u << 16];
    ssize_t n;

    while ((n = recv(c->rpc.fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        answers += (uint64_t)n;
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static bool push(const struct kind *k, struct client *c)
{
    ssize_t n;

    if (c->sent == c->out.len)
        make_requests(k, c);
    if (c->sent == c->out.len)
        return true;
    n = send(c->rpc.fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        c->sent += (size_t)n;
    return n > 0 || errno == EAGAIN || errno == EINTR;
}

static void attack(const struct kind *k, const char *address, uint64_t seconds, unsigned n)
{
    struct client *clients = calloc(n, sizeof *clients);
    struct pollfd *fds = calloc(n, sizeof *fds);
    uint64_t until = now_us() + seconds * 1000000;

    while (now_us() < until) {
        for (unsigned i = 0; i < n; i++) {
            if (clients[i].rpc.pack == NULL)
                reopen(&clients[i], address);
            fds[i] =
                (struct pollfd){clients[i].rpc.pack == NULL ? -1 : clients[i].rpc.fd,
                                (short)((k->cut == 0 ? POLLOUT : 0) | (k->reads ? POLLIN : 0)), 0};
        }
        poll(fds, n, 100);
        for (unsigned i = 0; i < n; i++) {
            struct client *c = &clients[i];
            bool open = c->rpc.pack != NULL && (fds[i].revents & (POLLERR | POLLHUP)) == 0;

            if (open && k->reads)
                open = drain(c);
            if (open)
                open = push(k, c);
            if (!open)
                reopen(c, address);
        }
    }
    printf("%s: %llu requests, %llu bytes of answers, %llu connections lost\n", k->name,
           (unsigned long long)requests, (unsigned long long)answers, (unsigned long long)closed);
}

/* ---- the probe ---- */

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void pace_until(uint64_t us)
{
    uint64_t now = now_us();

    if (now < us)
        poll(NULL, 0, (int)((us - now) / 1000 + 1));
}

static void probe(const char *address, uint64_t seconds)
{
    uint64_t *took = calloc(seconds, sizeof *took), began = now_us();
    uint64_t n = 0, failed = 0;
    struct rpc c;

    if (!rpc_dial(&c, address, NULL)) {
        printf("error: nobody listens on %s\n", address);
        exit(1);
    }
    for (uint64_t i = 0; i < seconds; i++) {
        char params[128];
        uint64_t start = now_us();

        snprintf(params, sizeof params, "{\"name\": \"probe-%llu\", \"timeout_ms\": 10000}",
                 (unsigned long long)i);
        if (bx_val_type(bx_val_at(rpc_call(&c, "vm.create", params), 2)) == BX_V_NIL)
            took[n++] = now_us() - start;
        else
            failed++;
        snprintf(params, sizeof params, "{\"vm\": \"probe-%llu\"}", (unsigned long long)i);
        rpc_call(&c, "vm.delete", params);
        pace_until(began + (i + 1) * 1000000);
    }
    qsort(took, n, sizeof *took, ascending);
    printf("median_us %llu p99_us %llu failed %llu\n",
           (unsigned long long)(n == 0 ? 0 : took[n / 2]),
           (unsigned long long)(n == 0 ? 0 : took[n - 1 - n / 100]), (unsigned long long)failed);
    rpc_close(&c);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], "probe") == 0) {
        probe(argv[2], strtoull(argv[3], NULL, 10));
        return 0;
    }
    for (size_t i = 0; argc == 5 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            attack(&kinds[i], argv[2], strtoull(argv[3], NULL, 10),
                   (unsigned)strtoul(argv[4], NULL, 10));
            return 0;
        }
    }
    fputs("usage: hostile KIND ADDRESS SECONDS CONNECTIONS\n"
          "       hostile probe ADDRESS SECONDS\nkinds:",
          stderr);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        fprintf(stderr, " %s", kinds[i].name);
    fputc('\n', stderr);
    return 2;
}
