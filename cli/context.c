/* context - the commands about named clusters. */
#include "result.h"

#include "build.h"
#include "model/vm.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int context_list(struct run *r);
static int context_use(struct run *r);
static int context_set(struct run *r);
static int context_delete(struct run *r);

static const struct column context_columns[] = {
    {.title = "NAME", .key = "name"},
    {.title = "CURRENT", .key = "current"},
    {.title = "ADDR", .key = "addr"},
    {.title = "OUTPUT", .key = "output"},
    {.title = "TOKEN FILE", .key = "token_file", .sparse = true},
    {.title = "CA", .key = "ca", .sparse = true},
    {.title = "CERT", .key = "cert", .sparse = true},
    {.title = "TENANT", .key = "tenant", .sparse = true},
    {0},
};

static const struct flag set_flags[] = {
    {.name = "tenant",
     .value = "TENANT",
     .help = "the tenant that commands are about, unless --all-tenants is given",
     .completes = "tenant"},
    {.name = "all-tenants", .help = "the commands are about all tenants again"},
    {0},
};

const struct command context_commands[] = {
    {.name = "context list",
     .help = "list the stored contexts",
     .columns = context_columns,
     .watch = true,
     .offline = true,
     .run = context_list},
    {.name = "context use",
     .arguments = {{.name = "NAME", .completes = "context"}},
     .help = "make a context the current one",
     .offline = true,
     .run = context_use},
    {.name = "context set",
     .arguments = {{.name = "NAME", .completes = "context"}},
     .help = "store --addr, --output, --token-file, --ca, --cert, --key and --tenant",
     .flags = set_flags,
     .offline = true,
     .run = context_set},
    {.name = "context add",
     .arguments = {{.name = "NAME"}},
     .help = "the same as context set",
     .flags = set_flags,
     .offline = true,
     .run = context_set},
    {.name = "context delete",
     .arguments = {{.name = "NAME", .completes = "context"}},
     .help = "delete a context",
     .offline = true,
     .run = context_delete},
    {0},
};

static int context_list(struct run *r)
{
    struct contexts *c = &r->contexts;
    struct bx_buf b = {0};

    contexts_close(c); /* --watch reads the file each time */
    if (contexts_load(c, &r->err) != BX_OK)
        return run_fail(r);
    build_array(&b, c->n);
    for (unsigned i = 0; i < c->n; i++) {
        build_map(&b, 9);
        build_pair_str(&b, "name", c->v[i].name);
        build_pair_bool(&b, "current", c->current != NULL && strcmp(c->current, c->v[i].name) == 0);
        build_pair_str(&b, "addr", c->v[i].addr);
        build_pair_str(&b, "output", c->v[i].output);
        build_pair_str(&b, "token_file", c->v[i].token_file);
        build_pair_str(&b, "ca", c->v[i].ca);
        build_pair_str(&b, "cert", c->v[i].cert);
        build_pair_str(&b, "key", c->v[i].key);
        build_pair_str(&b, "tenant", c->v[i].tenant);
    }
    return result_print_built(r, &b);
}

static int save(struct run *r)
{
    return contexts_save(&r->contexts, &r->err) == BX_OK ? 0 : run_fail(r);
}

/* Load the file and find the context of the first argument; NULL with r->err. */
static struct context *load_named(struct run *r)
{
    struct context *x;

    if (contexts_load(&r->contexts, &r->err) != BX_OK)
        return NULL;
    x = contexts_lookup(&r->contexts, r->arguments[0]);
    if (x == NULL)
        contexts_unknown(&r->contexts, r->arguments[0], BX_NOT_FOUND, &r->err);
    return x;
}

static int context_use(struct run *r)
{
    if (load_named(r) == NULL)
        return run_fail(r);
    contexts_set_text(&r->contexts.current, r->arguments[0]);
    return save(r);
}

/* The flags that name files. */
static const struct {
    const char *flag;
    size_t offset; /* of its text in a context */
    const char *hint;
} files[] = {
    {"token-file", offsetof(struct context, token_file),
     "blixardctl user token create NAME --out FILE writes one"},
    {"ca", offsetof(struct context, ca), "blixardctl cluster ca show --out FILE writes one"},
    {"cert", offsetof(struct context, cert), "blixardctl user cert NAME --out PREFIX writes one"},
    {"key", offsetof(struct context, key), "blixardctl user cert NAME --out PREFIX writes one"},
};
#define FILES (sizeof files / sizeof files[0])

/* The context is used in other folders, too. An empty path: the flag is not given. */
static int find_files(struct run *r, char paths[FILES][PATH_MAX])
{
    for (size_t i = 0; i < FILES; i++) {
        const char *path = args_get(&r->args, files[i].flag, NULL);

        paths[i][0] = '\0';
        if (path == NULL || realpath(path, paths[i]) != NULL)
            continue;
        bx_err_set(&r->err, BX_INVALID, "--%s: %s: %s", files[i].flag, path, strerror(errno));
        bx_err_hint(&r->err, "%s", files[i].hint);
        return BX_INVALID;
    }
    return BX_OK;
}

static void set_files(struct context *x, char paths[FILES][PATH_MAX])
{
    for (size_t i = 0; i < FILES; i++) {
        if (paths[i][0] != '\0')
            contexts_set_text((char **)(void *)((char *)x + files[i].offset), paths[i]);
    }
}

/* The first context becomes the current one. */
static int context_set(struct run *r)
{
    const char *name = r->arguments[0], *addr = args_get(&r->args, "addr", NULL);
    const char *output = args_get(&r->args, "output", NULL);
    static char paths[FILES][PATH_MAX];
    const char *tenant = args_get(&r->args, "tenant", NULL);
    struct contexts *c = &r->contexts;
    struct context *x;

    if (bx_name_check(bx_str(name), "context", &r->err) != BX_OK ||
        (tenant != NULL && bx_name_check(bx_str(tenant), "--tenant", &r->err) != BX_OK) ||
        find_files(r, paths) != BX_OK || contexts_load(c, &r->err) != BX_OK)
        return run_fail(r);
    x = contexts_lookup(c, name);
    if (x == NULL && addr == NULL)
        return run_fail_with(r, BX_INVALID, "blixardctl context set NAME --addr HOST:PORT",
                             "a new context requires --addr");
    if (x == NULL)
        x = contexts_add(c, name);
    if (x == NULL)
        return run_fail_with(r, BX_INVALID, "delete one first", "at most %u contexts",
                             CONTEXTS_MAX);
    if (addr != NULL)
        contexts_set_text(&x->addr, addr);
    if (output != NULL)
        contexts_set_text(&x->output, output);
    set_files(x, paths);
    if (tenant != NULL || args_has(&r->args, "all-tenants"))
        contexts_set_text(&x->tenant, tenant);
    if (c->current == NULL)
        contexts_set_text(&c->current, name);
    return save(r);
}

static int context_delete(struct run *r)
{
    struct context *x = load_named(r);

    if (x == NULL)
        return run_fail(r);
    contexts_remove(&r->contexts, x);
    return save(r);
}
