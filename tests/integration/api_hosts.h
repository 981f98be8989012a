/* api_hosts - real daemons with the simulated driver, for the tests of their API. */
#ifndef BX_API_HOSTS_H
#define BX_API_HOSTS_H

#include "lib/rpc.h"

#include <sys/types.h>

#define HOST_WAIT_MS 20000u

struct host {
    char data[512], link[64], api[64], local[600]; /* local: unix:PATH */
    pid_t pid;                                     /* 0: does not run */
};
extern struct host hosts[3];

/* Of each test: the first host is a cluster of its own; both end well, whatever was done. */
int hosts_setup(void **state);
int hosts_teardown(void **state);
/* The same, with a client of the first host. */
extern struct rpc host_client;
int hosts_setup_client(void **state);
int hosts_teardown_client(void **state);

uint64_t host_now_ms(void);
/* A pause; fails the test when `until` is over. */
void host_wait(uint64_t until, const char *what);
/* A new directory and addresses, and a daemon that belongs to no cluster. */
void host_create(struct host *h);
/* The daemon once more. */
void host_run(struct host *h);
/* It must end within the time, by itself when the signal is SIGTERM. */
void host_stop(struct host *h, int sig);
/* The parameters of cluster.token_create, with the hash of a new secret. */
const char *host_token_params(void);
/* What cluster.token_create has answered, and that secret, as the parameters of a join. */
#define HOST_JOIN_PARAMS 8300u
void host_join_params(bx_val created, char out[HOST_JOIN_PARAMS]);
/* It joins the cluster of the first host. */
void host_join(struct host *h);
struct rpc host_dial(const char *address);

/* Until a VM, by name or uuid, is in this phase, or "deleted". */
void host_wait_for_vm(struct rpc *c, const char *vm, const char *state);

/* Of the first host: it takes a VM of this name; its memory, which may hardly have grown. */
void host_serves(const char *vm);
uint64_t host_resident_kib(void);
void host_grew_little(uint64_t before);

#endif
