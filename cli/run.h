/* run - one invocation of a command: what was asked, whom to ask, and how to answer. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "client.h"
#include "command.h"
#include "context.h"
#include "params.h"

#define DEFAULT_ADDR "unix:/run/blixard/blixard.sock"
#define REQUEST_ID_SIZE 33u /* 32 hex digits */

struct run {
    const struct command *command;
    struct args args;
    const char *const *arguments; /* words after the command's name */
    unsigned n_arguments;
    struct output out;
    struct contexts contexts; /* empty unless one was needed */
    const char *addr;         /* the addresses, as given */
    const char *tenant;       /* of the context; NULL: it has none */
    struct client client;
    struct client_tls *tls;           /* of all its clients; NULL: none */
    char request_id[REQUEST_ID_SIZE]; /* of a write, once it has one */
    bool done;    /* its writes were sent once and answered, and nobody was told their id */
    bool unclear; /* one of them was not */
    bool quiet;
    bool stale;          /* the age of a stale answer was printed; it is printed once */
    uint64_t timeout_ms; /* of a request */
    uint64_t wait_ms;    /* of --wait */
    struct bx_err err;
};

/* Read the command line with the flags of the command, set up the rest and run it. r is zeroed, or
 * as this left it; everything is given back at the end. An exit code. */
int run_command(struct run *r, const struct command *c, int argc, char **argv);

/* Print r->err as error: and hint:, and give its exit code. */
int run_fail(struct run *r);
/* The same, with an error of ours. */
int run_fail_with(struct run *r, int code, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The tenant that a command is about: --tenant, or that of the context; NULL: none was chosen. */
const char *run_tenant(const struct run *r);
/* Add it to the parameters of a method about what tenants have. */
void run_tenant_params(struct run *r, struct params *p);
/* Add --consistency to the parameters of a read. */
void run_read_params(struct run *r, struct params *p);
/* Add the request id, --request-id or a random one, to the parameters of a write; it is kept for
 * messages, and for further writes. BX_OK, or r->err is set. */
int run_write_params(struct run *r, struct params *p);
/* Call a method with the timeout of requests. BX_OK and *result, which is valid until the next
 * call, or r->err is set. */
int run_call(struct run *r, const char *method, const struct params *p, bx_val *result);
/* The same for a read, with --consistency and the tenant of a command that has one; `key` is the
 * parameter that the first argument of the command is, NULL: there is none. */
int run_read(struct run *r, const char *method, const char *key, bx_val *result);

/* Another client, of the same user as that of the run. BX_OK, or like client_init. */
int run_client(const struct run *r, struct client *c, const char *addresses, struct bx_err *err);

/* Ask whether to destroy this, unless --yes was given or the command destroys nothing. BX_OK, or
 * r->err is set. */
int run_confirm(struct run *r, const char *what);

/* 32 hex digits that nobody else has: a random UUID. */
void run_random_id(char out[REQUEST_ID_SIZE]);
bool run_waits(const struct run *r); /* unless --no-wait */

#endif
