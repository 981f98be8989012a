/* ca - the commands about the certificate authority of the cluster. */
#include "result.h"

#include "value.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ca_rotate(struct run *r);
static int ca_status(struct run *r);

static const struct column ca_columns[] = {
    {.title = "GENERATION", .key = "generation", .format = VALUE_NUMBER},
    {.title = "STATE", .key = "state"},
    {.title = "SUBJECT", .key = "subject"},
    {.title = "FROM", .key = "from_ms", .format = VALUE_TIME},
    {.title = "UNTIL", .key = "until_ms", .format = VALUE_TIME},
    {.title = "FINGERPRINT", .key = "fingerprint"},
    {0},
};
static const struct column node_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "NAME", .key = "name"},
    {.title = "TAKEN", .key = "taken", .format = VALUE_NUMBER},
    {.title = "SHOWN", .key = "shown", .format = VALUE_NUMBER},
    {.title = "WAITS", .key = "waits"},
    {0},
};

const struct command ca_commands[] = {
    {.name = "cluster ca rotate",
     .help = "replace the CA and the key of the cluster by new ones",
     .columns = ca_columns,
     .request_id = true,
     .run = ca_rotate},
    {.name = "cluster ca status",
     .help = "show the CAs, and the certificate of which one each node has",
     .columns = ca_columns,
     .watch = true,
     .run = ca_status},
    {0},
};

static int print_status(struct run *r, bx_val status)
{
    uint64_t tokens = 0, certificates = 0;
    bool rotating = false;
    char waits[300];

    if (!result_is_for_people(r))
        return result_print_part(r, status, "cas");
    output_table(&r->out, bx_val_get(status, "cas"), r->out.columns);
    bx_val_bool(bx_val_get(status, "rotating"), &rotating);
    if (rotating) {
        value_text(bx_val_get(status, "waits_for"), VALUE_TEXT, waits, sizeof waits);
        bx_val_u64(bx_val_get(status, "tokens"), &tokens);
        bx_val_u64(bx_val_get(status, "certificates"), &certificates);
        printf("\nThe CA is being replaced; node %s is waited for.\n"
               "With the old one end: %llu join tokens, %llu certificates of users.\n",
               waits, (unsigned long long)tokens, (unsigned long long)certificates);
    }
    printf("\n");
    output_table(&r->out, bx_val_get(status, "nodes"), node_columns);
    return 0;
}

static int ca_status(struct run *r)
{
    bx_val status;

    if (run_read(r, "cluster.ca_status", NULL, &status) != BX_OK)
        return run_fail(r);
    return print_status(r, status);
}

/* ---- rotate ---- */

#define LOOK_MS 200
#define HOW_LONG_MS 300000u /* unless --timeout says something else */

/* Tell when another node is waited for. */
static void tell(const struct run *r, bx_val status, char last[300])
{
    char waits[300];

    value_text(bx_val_get(status, "waits_for"), VALUE_TEXT, waits, sizeof waits);
    if (r->quiet || strcmp(waits, last) == 0)
        return;
    snprintf(last, sizeof waits, "%s", waits);
    fprintf(stderr, "waiting for node %s ...\n", waits);
}

/* What has to be made anew. */
static void tell_ends(const struct run *r, bx_val status)
{
    uint64_t tokens = 0, certificates = 0;

    bx_val_u64(bx_val_get(status, "tokens"), &tokens);
    bx_val_u64(bx_val_get(status, "certificates"), &certificates);
    if (!r->quiet && tokens + certificates > 0)
        fprintf(stderr, "with the old CA end: %llu join tokens, %llu certificates of users\n",
                (unsigned long long)tokens, (unsigned long long)certificates);
}

static int timed_out(struct run *r, const char *last)
{
    bx_err_set(&r->err, BX_TIMEOUT, "timed out waiting for node %s", last);
    bx_err_hint(&r->err, "the replacement continues; start that node, or remove it if it is gone "
                         "for good; blixardctl cluster ca status shows how far it is");
    return BX_TIMEOUT;
}

/* A member that does not answer is no reason to stop: the others go on. */
static int wait_for_end(struct run *r, bx_val *status)
{
    uint64_t deadline = client_now() + (args_has(&r->args, "timeout") ? r->wait_ms : HOW_LONG_MS);
    char last[300] = "";
    bool rotating = true;
    int rc;

    for (;;) {
        struct params p = {0};

        rc = run_call(r, "cluster.ca_status", &p, status);
        params_close(&p);
        if (rc == BX_OK) {
            bx_val_bool(bx_val_get(*status, "rotating"), &rotating);
            if (!rotating)
                return BX_OK;
            tell(r, *status, last);
        } else if (!bx_code_retryable(rc)) {
            return rc;
        }
        if (client_interrupted)
            return bx_err_set(&r->err, BX_INTERRUPTED, "interrupted; the replacement continues");
        if (client_now() >= deadline)
            return timed_out(r, last);
        poll(NULL, 0, LOOK_MS);
    }
}

static int ca_rotate(struct run *r)
{
    struct params p = {0};
    bx_val status = NULL;
    int rc = run_write_params(r, &p);

    if (rc == BX_OK)
        rc = run_call(r, "cluster.ca_rotate", &p, &status);
    params_close(&p);
    if (rc == BX_OK)
        tell_ends(r, status);
    if (rc == BX_OK && run_waits(r)) {
        r->request_id[0] = '\0'; /* it is carried out */
        rc = wait_for_end(r, &status);
    }
    return rc == BX_OK ? print_status(r, status) : run_fail(r);
}
