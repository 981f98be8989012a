/* memory_churn - N clients that create VMs and delete them again, each one after the other.
 *
 *   memory_churn --addr A[,B...] --clients N --pairs TOTAL [--prefix P]
 *
 * Prints the rate. Exit code 1 when any request fails. */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CLIENTS_MAX 256
#define TIMEOUT_MS 30000

static const char *addr, *prefix = "churn";
static unsigned clients = 16, pairs = 1000;
static atomic_uint next_pair, done, failed;

static int call(struct client *c, const char *method, const char *key, const char *name,
                const char *id, uint64_t sequence)
{
    bool create = strcmp(method, "vm.create") == 0;
    struct params p = {0};
    struct bx_err err;
    bx_val result;
    int rc;

    params_str(&p, key, name);
    if (create) {
        params_u64(&p, "memory_mib", 128);
        params_u64(&p, "disk_gib", 0);
    }
    params_str(&p, "request_id", id);
    params_u64(&p, "sequence", sequence);
    rc = client_call(c, method, &p, TIMEOUT_MS, &result, &err);
    params_close(&p);
    if (rc != BX_OK)
        fprintf(stderr, "%s %s: %s\n", method, name, err.msg);
    return rc;
}

static void *run(void *arg)
{
    unsigned i = (unsigned)(uintptr_t)arg, pair;
    uint64_t sequence = 0;
    struct client c;
    struct bx_err err;
    uint8_t random[16];
    char id[33], name[64];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    for (int k = 0; k < 16; k++)
        snprintf(id + 2 * k, 3, "%02x", random[k]);
    if (client_init(&c, addr, &err) != BX_OK) {
        atomic_fetch_add(&failed, 1);
        return NULL;
    }
    c.current = i % c.n;
    while ((pair = atomic_fetch_add(&next_pair, 1)) < pairs) {
        snprintf(name, sizeof name, "%s-%u", prefix, pair);
        if (call(&c, "vm.create", "name", name, id, sequence + 1) == BX_OK &&
            call(&c, "vm.delete", "vm", name, id, sequence + 2) == BX_OK)
            atomic_fetch_add(&done, 1);
        else
            atomic_fetch_add(&failed, 1);
        sequence += 2;
    }
    client_close(&c);
    return NULL;
}

int main(int argc, char **argv)
{
    static pthread_t threads[CLIENTS_MAX];

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--addr") == 0)
            addr = argv[i + 1];
        else if (strcmp(argv[i], "--clients") == 0)
            clients = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--pairs") == 0)
            pairs = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--prefix") == 0)
            prefix = argv[i + 1];
    }
    if (addr == NULL || clients == 0 || clients > CLIENTS_MAX) {
        fprintf(stderr, "usage: memory_churn --addr A --clients N --pairs TOTAL [--prefix P]\n");
        return 2;
    }
    for (unsigned i = 0; i < clients; i++) {
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)i) != 0)
            abort();
    }
    for (unsigned i = 0; i < clients; i++)
        pthread_join(threads[i], NULL);
    printf("%u VMs created and deleted, %u failed\n", atomic_load(&done), atomic_load(&failed));
    return atomic_load(&failed) > 0;
}
