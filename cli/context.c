#include "command.h"

#include "context.h"
#include "format.h"
#include "mem/alloc.h"
#include "model/vm.h"
#include "wire/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 1024u

/* ---- reading ---- */

static int bad(const struct contexts *c, const char *why, struct bx_err *err)
{
    bx_err_set(err, BX_UNREACHABLE, "%s: %s", c->path, why);
    bx_err_hint(err, "mend it, or remove it and begin with blixardctl context set NAME --addr A");
    return BX_UNREACHABLE;
}

static char *text_of(struct fy_node *map, const char *key)
{
    const char *s = fy_node_get_scalar0(fy_node_mapping_lookup_by_string(map, key, FY_NT));

    return s == NULL ? NULL : bx_must_strdup(s);
}

static int read_contexts(struct contexts *c, struct fy_node *root, struct bx_err *err)
{
    struct fy_node *map = fy_node_mapping_lookup_by_string(root, "contexts", FY_NT);
    struct fy_node_pair *pair;
    void *at = NULL;

    c->current = text_of(root, "current");
    if (map != NULL && fy_node_get_type(map) != FYNT_MAPPING)
        return bad(c, "contexts is no map", err);
    while (map != NULL && (pair = fy_node_mapping_iterate(map, &at)) != NULL) {
        struct fy_node *value = fy_node_pair_value(pair);
        const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));

        if (name == NULL || value == NULL || fy_node_get_type(value) != FYNT_MAPPING)
            return bad(c, "a context is no map", err);
        if (c->n == CONTEXTS_MAX)
            return bad(c, "too many contexts", err);
        c->v[c->n].name = bx_must_strdup(name);
        c->v[c->n].addr = text_of(value, "addr");
        c->v[c->n].output = text_of(value, "output");
        if (c->v[c->n++].addr == NULL) /* the cluster on this host would be asked instead */
            return bad(c, "a context has no addr", err);
    }
    return BX_OK;
}

/* NULL when there is no home at all. */
static char *config_path(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[PATH_MAX_BYTES];

    if (xdg != NULL && xdg[0] != '\0')
        snprintf(path, sizeof path, "%s/blixard/config.yaml", xdg);
    else if (home != NULL && home[0] != '\0')
        snprintf(path, sizeof path, "%s/.config/blixard/config.yaml", home);
    else
        return NULL;
    return bx_must_strdup(path);
}

/* The library would tell standard error, in several lines; that it is no YAML is said here. */
static void drop_words(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag, (void)user, (void)text, (void)n;
}

int contexts_load(struct contexts *c, struct bx_err *err)
{
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC};
    struct fy_diag_cfg diag_cfg;
    struct fy_document *doc;
    struct fy_node *root;
    int rc;

    memset(c, 0, sizeof *c);
    c->path = config_path();
    if (c->path == NULL || (access(c->path, R_OK) != 0 && errno == ENOENT))
        return BX_OK;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_words;
    cfg.diag = fy_diag_create(&diag_cfg);
    doc = fy_document_build_from_file(&cfg, c->path);
    root = doc == NULL ? NULL : fy_document_root(doc);
    if (root == NULL || fy_node_get_type(root) != FYNT_MAPPING)
        rc = bad(c, "can not be read, or is no YAML map", err);
    else
        rc = read_contexts(c, root, err);
    fy_document_destroy(doc);
    fy_diag_destroy(cfg.diag);
    return rc;
}

static void forget(struct context *x)
{
    bx_free(x->name);
    bx_free(x->addr);
    bx_free(x->output);
}

void contexts_close(struct contexts *c)
{
    for (unsigned i = 0; i < c->n; i++)
        forget(&c->v[i]);
    bx_free(c->path);
    bx_free(c->current);
    memset(c, 0, sizeof *c);
}

static struct context *lookup(struct contexts *c, const char *name)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (strcmp(c->v[i].name, name) == 0)
            return &c->v[i];
    }
    return NULL;
}

static int no_context(const struct contexts *c, const char *name, int code, struct bx_err *err)
{
    const char *names[CONTEXTS_MAX], *near;

    for (unsigned i = 0; i < c->n; i++)
        names[i] = c->v[i].name;
    near = bx_suggest(name, strlen(name), names, c->n);
    bx_err_set(err, code, "there is no context \"%.60s\"", name);
    if (near != NULL)
        bx_err_hint(err, "did you mean %s?", near);
    else
        bx_err_hint(err, "blixardctl context list shows them");
    return code;
}

int contexts_find(const struct contexts *c, const char *name, const struct context **out,
                  struct bx_err *err)
{
    const char *wanted = name != NULL ? name : c->current;

    *out = NULL;
    for (unsigned i = 0; wanted != NULL && i < c->n; i++) {
        if (strcmp(c->v[i].name, wanted) == 0)
            *out = &c->v[i];
    }
    return wanted == NULL || *out != NULL ? BX_OK : no_context(c, wanted, BX_UNREACHABLE, err);
}

/* ---- writing ---- */

static void put_pair(struct bx_buf *b, const char *key, const char *value)
{
    if (value == NULL)
        return;
    bx_must_ok(bx_pw_str(b, key));
    bx_must_ok(bx_pw_str(b, value));
}

static void put_file(const struct contexts *c, struct bx_buf *text)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};

    bx_must_ok(bx_pw_map(&b, 1 + (c->current != NULL)));
    put_pair(&b, "current", c->current);
    bx_must_ok(bx_pw_str(&b, "contexts"));
    bx_must_ok(bx_pw_map(&b, c->n));
    for (unsigned i = 0; i < c->n; i++) {
        bx_must_ok(bx_pw_str(&b, c->v[i].name));
        bx_must_ok(bx_pw_map(&b, 1 + (c->v[i].output != NULL)));
        put_pair(&b, "addr", c->v[i].addr);
        put_pair(&b, "output", c->v[i].output);
    }
    if (pack == NULL)
        bx_oom(0);
    bx_must_ok(format_yaml(text, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL), 0));
    bx_buf_release(&b);
    bx_pack_destroy(pack);
}

/* The folders above a file, those that are missing. */
static void make_folders(const char *path)
{
    char folder[PATH_MAX_BYTES];

    for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(p - path), path);
        mkdir(folder, 0700); /* when it fails, opening the file tells */
    }
}

static int write_file(const char *path, const struct bx_buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok ? 0 : -1;
}

/* All of it, or what was there stays. */
static int save(const struct contexts *c, struct run *r)
{
    char tmp[PATH_MAX_BYTES + 8];
    struct bx_buf text = {0};
    int rc;

    if (c->path == NULL)
        return run_fail_with(r, BX_IO, "set HOME or XDG_CONFIG_HOME", "there is no home directory");
    put_file(c, &text);
    make_folders(c->path);
    snprintf(tmp, sizeof tmp, "%s.tmp", c->path);
    rc = write_file(tmp, &text);
    if (rc == 0)
        rc = rename(tmp, c->path);
    bx_buf_release(&text);
    if (rc == 0)
        return 0;
    rc = errno;
    unlink(tmp);
    return run_fail_with(r, BX_IO, "may it be written?", "%s: %s", c->path, strerror(rc));
}

/* ---- the commands ---- */

static const struct column context_columns[] = {
    {"NAME", "name", 0, 0},
    {"CURRENT", "current", 0, 0},
    {"ADDR", "addr", 0, 0},
    {"OUTPUT", "output", 0, 0},
    {0},
};

static int list(struct run *r)
{
    struct bx_pack *pack = bx_pack_create();
    struct contexts c;
    struct bx_buf b = {0};
    int code;

    if (contexts_load(&c, &r->err) != BX_OK || pack == NULL) {
        code = run_fail(r);
        goto out;
    }
    bx_must_ok(bx_pw_array(&b, c.n));
    for (unsigned i = 0; i < c.n; i++) {
        bx_must_ok(bx_pw_map(&b, 4));
        put_pair(&b, "name", c.v[i].name);
        bx_must_ok(bx_pw_str(&b, "current"));
        bx_must_ok(bx_pw_bool(&b, c.current != NULL && strcmp(c.current, c.v[i].name) == 0));
        bx_must_ok(bx_pw_str(&b, "addr"));
        bx_must_ok(bx_pw_str(&b, c.v[i].addr));
        bx_must_ok(bx_pw_str(&b, "output"));
        bx_must_ok(bx_pw_str(&b, c.v[i].output));
    }
    code = result_print(r, bx_pack_parse(pack, b.data, b.len, SIZE_MAX, NULL));
out:
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    contexts_close(&c);
    return code;
}

static void replace(char **text, const char *with)
{
    bx_free(*text);
    *text = with == NULL ? NULL : bx_must_strdup(with);
}

static int use(struct run *r)
{
    struct contexts c;
    int code;

    if (contexts_load(&c, &r->err) != BX_OK) {
        code = run_fail(r);
    } else if (lookup(&c, r->words[0]) == NULL) {
        no_context(&c, r->words[0], BX_NOT_FOUND, &r->err);
        code = run_fail(r);
    } else {
        replace(&c.current, r->words[0]);
        code = save(&c, r);
    }
    contexts_close(&c);
    return code;
}

/* A new one is current when there was none. */
static int change(struct run *r, struct contexts *c)
{
    const char *name = r->words[0], *addr = args_get(&r->args, "addr", NULL);
    const char *output = args_get(&r->args, "output", NULL);
    struct context *x = lookup(c, name);

    if (x == NULL && addr == NULL)
        return run_fail_with(r, BX_INVALID, "blixardctl context set NAME --addr HOST:PORT",
                             "a new context needs --addr");
    if (x == NULL && c->n == CONTEXTS_MAX)
        return run_fail_with(r, BX_INVALID, "delete one first", "at most %u contexts",
                             CONTEXTS_MAX);
    if (x == NULL) {
        x = &c->v[c->n++];
        x->name = bx_must_strdup(name);
    }
    if (addr != NULL)
        replace(&x->addr, addr);
    if (output != NULL)
        replace(&x->output, output);
    if (c->current == NULL)
        replace(&c->current, name);
    return save(c, r);
}

static int set(struct run *r)
{
    struct contexts c = {0};
    int code;

    if (bx_name_check(bx_str(r->words[0]), "context", &r->err) != BX_OK ||
        contexts_load(&c, &r->err) != BX_OK)
        code = run_fail(r);
    else
        code = change(r, &c);
    contexts_close(&c);
    return code;
}

static int delete (struct run *r)
{
    struct context *x = NULL;
    struct contexts c;
    int code;

    if (contexts_load(&c, &r->err) == BX_OK && (x = lookup(&c, r->words[0])) == NULL)
        no_context(&c, r->words[0], BX_NOT_FOUND, &r->err);
    if (x == NULL) {
        code = run_fail(r);
    } else {
        if (c.current != NULL && strcmp(c.current, x->name) == 0)
            replace(&c.current, NULL);
        forget(x);
        *x = c.v[--c.n];
        code = save(&c, r);
    }
    contexts_close(&c);
    return code;
}

const struct command context_commands[] = {
    {"context", "list", "", 0, 0, "the clusters known by a name", read_flags, list,
     context_columns},
    {"context", "use", "NAME", 1, 1, "talk to this one from now on", NULL, use, NULL},
    {"context", "set", "NAME", 1, 1, "keep --addr, and --output, under a name", NULL, set, NULL},
    {"context", "delete", "NAME", 1, 1, "forget a name", NULL, delete, NULL},
    {0},
};
