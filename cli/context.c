/* context - the commands about named clusters. */
#include "result.h"

#include "build.h"
#include "model/vm.h"

#include <errno.h>
#include <limits.h>
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
     .help = "store --addr, --output and --token-file under a name",
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
        build_map(&b, 5);
        build_pair_str(&b, "name", c->v[i].name);
        build_pair_bool(&b, "current", c->current != NULL && strcmp(c->current, c->v[i].name) == 0);
        build_pair_str(&b, "addr", c->v[i].addr);
        build_pair_str(&b, "output", c->v[i].output);
        build_pair_str(&b, "token_file", c->v[i].token_file);
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

/* The context is used in other folders, too. */
static int absolute(const char *path, char out[PATH_MAX], struct bx_err *err)
{
    if (realpath(path, out) != NULL)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--token-file: %s: %s", path, strerror(errno));
    bx_err_hint(err, "blixardctl user token create NAME --out FILE writes one");
    return BX_INVALID;
}

/* The first context becomes the current one. */
static int context_set(struct run *r)
{
    const char *name = r->arguments[0], *addr = args_get(&r->args, "addr", NULL);
    const char *output = args_get(&r->args, "output", NULL);
    const char *token_file = args_get(&r->args, "token-file", NULL);
    struct contexts *c = &r->contexts;
    struct context *x;
    char path[PATH_MAX];

    if (bx_name_check(bx_str(name), "context", &r->err) != BX_OK ||
        (token_file != NULL && absolute(token_file, path, &r->err) != BX_OK) ||
        contexts_load(c, &r->err) != BX_OK)
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
    if (token_file != NULL)
        contexts_set_text(&x->token_file, path);
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
