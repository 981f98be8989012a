/* version - of this program and, when one answers, of a daemon. */
#include "result.h"

#include "build.h"
#include "config.h"

#include <stdio.h>

static int version(struct run *r);

const struct command version_commands[] = {
    {.name = "version",
     .help = "print the version of this program and of the daemon",
     .watch = true,
     .run = version},
    {0},
};

#define HELLO_MS 1000u /* a daemon that does not answer is no error: wait for it only briefly */

static int print_versions(struct run *r, bx_val server)
{
    struct bx_buf b = {0};

    build_map(&b, 2);
    build_pair_str(&b, "client", PACKAGE_VERSION);
    build_str(&b, "server");
    build_val(&b, server);
    return result_print_built(r, &b);
}

static int version(struct run *r)
{
    uint64_t ms = args_has(&r->args, "timeout") ? r->timeout_ms : HELLO_MS;
    char server[64], driver[32];
    struct params p = {0};
    bx_val result = NULL;
    int rc;

    params_u64(&p, "version", 1);
    rc = client_call(&r->client, "sys.hello", &p, ms, &result, &r->err);
    params_close(&p);
    if (rc == BX_INTERRUPTED)
        return run_fail(r);
    if (rc != BX_OK)
        result = NULL;
    if (!result_is_for_people(r))
        return print_versions(r, bx_val_get(result, "server"));
    printf("blixardctl %s\n", PACKAGE_VERSION);
    if (result == NULL)
        return 0;
    value_text(bx_val_get(result, "server"), VALUE_TEXT, server, sizeof server);
    value_text(bx_val_get(result, "driver"), VALUE_TEXT, driver, sizeof driver);
    printf("blixardd %s%s%s\n", server, driver[0] == '\0' ? "" : ", driver ", driver);
    return 0;
}
