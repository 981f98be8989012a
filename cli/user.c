/* user - the commands about users and their tokens. */
#include "parse.h"
#include "result.h"

#include "build.h"
#include "cert.h"
#include "secret.h"

#include <stdio.h>
#include <unistd.h>

static int user_create(struct run *r);
static int user_list(struct run *r);
static int user_show(struct run *r);
static int user_set(struct run *r);
static int user_delete(struct run *r);
static int user_token_create(struct run *r);
static int user_token_list(struct run *r);
static int user_cert(struct run *r);
static int user_token_revoke(struct run *r);

#define ROLE                                                                                       \
    {                                                                                              \
        .name = "role", .value = "ROLE", .help = "viewer, operator or admin",                      \
        .choices = bx_user_role_names                                                              \
    }
#define TENANT(what)                                                                               \
    {                                                                                              \
        .name = "tenant", .value = "TENANT", .help = what, .completes = "tenant"                   \
    }

static const struct flag create_flags[] = {
    ROLE,
    TENANT("the only tenant that the role is for (all of the cluster)"),
    {0},
};
static const struct flag set_flags[] = {
    ROLE,
    TENANT("the only tenant that the role is for"),
    {.name = "no-tenant", .help = "the role is for all of the cluster"},
    {0},
};
static const struct flag token_flags[] = {
    {.name = "ttl", .value = "D", .help = "how long the token is valid (it does not expire)"},
    {.name = "out", .value = "FILE", .help = "write the token to a new file, of mode 0600"},
    {0},
};

static const struct flag cert_flags[] = {
    {.name = "out", .value = "PREFIX", .help = "write PREFIX.crt and PREFIX.key, of mode 0600"},
    {.name = "ttl", .value = "D", .help = "how long the certificate is valid (365d)"},
    {0},
};

static const struct column user_columns[] = {
    {.title = "NAME", .key = "name"},
    {.title = "ROLE", .key = "role"},
    {.title = "TENANT", .key = "tenant"},
    {0},
};
static const struct column token_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "USER", .key = "user"},
    {.title = "CERTIFICATE", .key = "certificate", .sparse = true},
    {.title = "EXPIRES", .key = "expires_ms", .format = VALUE_TIME},
    {.title = "USED", .key = "used_ms", .format = VALUE_TIME},
    {0},
};

const struct command user_commands[] = {
    {.name = "user create",
     .arguments = {{.name = "NAME"}},
     .help = "create a user",
     .flags = create_flags,
     .columns = user_columns,
     .request_id = true,
     .run = user_create},
    {.name = "user list",
     .help = "list all users",
     .columns = user_columns,
     .watch = true,
     .of_tenants = true,
     .run = user_list},
    {.name = "user show",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "show one user",
     .columns = user_columns,
     .watch = true,
     .run = user_show},
    {.name = "user set",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "change the role of a user, or its tenant",
     .flags = set_flags,
     .columns = user_columns,
     .request_id = true,
     .run = user_set},
    {.name = "user delete",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "delete a user and its tokens",
     .columns = user_columns,
     .request_id = true,
     .destructive = true,
     .run = user_delete},
    {.name = "user cert",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "make a key and a certificate for a user",
     .flags = cert_flags,
     .run = user_cert},
    {.name = "user token create",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "create a token for a user, and print it once",
     .flags = token_flags,
     .run = user_token_create},
    {.name = "user token list",
     .arguments = {{.name = "NAME", .completes = "user"}},
     .help = "list tokens and certificates of a user, without secrets",
     .columns = token_columns,
     .watch = true,
     .run = user_token_list},
    {.name = "user token revoke",
     .arguments = {{.name = "ID"}},
     .help = "revoke a token or a certificate",
     .request_id = true,
     .run = user_token_revoke},
    {0},
};

static int user_list(struct run *r)
{
    return result_print_list(r, "user.list");
}

static int user_show(struct run *r)
{
    return result_print_read(r, "user.show", "user");
}

/* ---- writes ---- */

static int write_user(struct run *r, const char *method, const char *done)
{
    const char *role = args_get(&r->args, "role", NULL);
    const char *tenant = args_get(&r->args, "tenant", NULL);
    struct params p = {0};
    uint8_t choice;
    bx_val result;
    int rc = args_choice(&r->args, "role", &choice, &r->err);

    params_str(&p, "user", r->arguments[0]);
    if (role != NULL)
        params_str(&p, "role", role);
    if (tenant != NULL)
        params_str(&p, "tenant", tenant);
    if (args_has(&r->args, "no-tenant"))
        params_bool(&p, "no_tenant", true);
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    if (rc == BX_OK)
        rc = run_call(r, method, &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    if (!r->quiet)
        printf("user %s %s\n", r->arguments[0], done);
    return 0;
}

static int user_create(struct run *r)
{
    if (!args_has(&r->args, "role"))
        return run_fail_with(r, BX_INVALID, "choose viewer, operator or admin",
                             "user create: --role is missing");
    return write_user(r, "user.create", "created");
}

static int user_set(struct run *r)
{
    if (args_exclude(&r->args, "tenant", "no-tenant", &r->err) != BX_OK)
        return run_fail(r);
    if (!args_has(&r->args, "role") && !args_has(&r->args, "tenant") &&
        !args_has(&r->args, "no-tenant"))
        return run_fail_with(r, BX_INVALID, "blixardctl help user set lists the flags",
                             "user set: nothing to change given");
    return write_user(r, "user.set", "changed");
}

static int user_delete(struct run *r)
{
    return write_user(r, "user.delete", "deleted");
}

/* ---- tokens ---- */

/* *s remains 0 when it is not given. */
static int read_ttl(struct run *r, uint64_t *s)
{
    uint64_t ms = 0;
    int rc = args_duration(&r->args, "ttl", &ms, &r->err);

    if (rc == BX_OK && args_has(&r->args, "ttl") && ms < 1000) {
        rc = bx_err_set(&r->err, BX_INVALID, "--ttl: must be at least 1s");
        bx_err_hint(&r->err, "for example --ttl 30d");
    }
    *s = ms / 1000;
    return rc;
}

static int call_token_create(struct run *r, const char *hash, bx_val *result)
{
    struct params p = {0};
    uint64_t ttl_s = 0;
    int rc = read_ttl(r, &ttl_s);

    params_str(&p, "user", r->arguments[0]);
    params_str(&p, "secret_hash", hash);
    params_u64(&p, "ttl_s", ttl_s);
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    r->request_id[0] = '\0'; /* a repeat would have another secret */
    if (rc == BX_OK)
        rc = run_call(r, "user.token_create", &p, result);
    params_close(&p);
    return rc;
}

/* The answer and the token, which is nowhere else. */
static int print_token(struct run *r, bx_val result, const char *text)
{
    uint64_t id = 0, expires = 0;
    struct bx_buf b = {0};

    bx_val_u64(bx_val_get(result, "id"), &id);
    bx_val_u64(bx_val_get(result, "expires_ms"), &expires);
    build_map(&b, expires == 0 ? 3 : 4);
    build_pair_u64(&b, "id", id);
    build_pair_str(&b, "user", r->arguments[0]);
    if (expires != 0)
        build_pair_u64(&b, "expires_ms", expires);
    build_pair_str(&b, "token", text);
    return result_print_built(r, &b);
}

static int write_token(int fd, const char *path, const char *text, struct bx_err *err)
{
    char line[SECRET_TEXT + 1];

    snprintf(line, sizeof line, "%s\n", text);
    return secret_write(fd, path, bx_str(line), err);
}

static int user_token_create(struct run *r)
{
    const char *path = args_get(&r->args, "out", NULL);
    char text[SECRET_TEXT], hash[SECRET_HASH_TEXT];
    bx_val result = NULL;
    int fd = -1, rc = secret_make(text, hash, &r->err);

    if (rc == BX_OK && path != NULL)
        rc = secret_create_file(path, &fd, &r->err);
    if (rc == BX_OK && fd >= 0)
        rc = write_token(fd, path, text, &r->err);
    if (rc == BX_OK)
        rc = call_token_create(r, hash, &result);
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && rc != BX_OK)
        unlink(path);
    if (rc != BX_OK)
        return run_fail(r);
    if (path != NULL)
        return result_is_for_people(r) ? 0 : result_print(r, result);
    if (!result_is_for_people(r))
        return print_token(r, result, text);
    printf("%s\n", text);
    return 0;
}

/* ---- certificates ---- */

static int user_cert(struct run *r)
{
    const char *prefix = args_get(&r->args, "out", NULL);
    uint64_t ttl_s = 0;

    if (prefix == NULL)
        return run_fail_with(r, BX_INVALID, "for example --out ~/.config/blixard/NAME",
                             "user cert: --out is missing");
    if (read_ttl(r, &ttl_s) != BX_OK || cert_make(r, prefix, ttl_s) != BX_OK)
        return run_fail(r);
    return 0;
}

static int user_token_list(struct run *r)
{
    return result_print_read(r, "user.token_list", "user");
}

static int user_token_revoke(struct run *r)
{
    return result_print_revoked(r, "user.token_delete");
}
