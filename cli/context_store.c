#include "context.h"

#include "build.h"
#include "format.h"
#include "mem/alloc.h"
#include "rec/rec.h"
#include "wire/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 1024u

/* ---- reading ---- */

static int invalid_file(const struct contexts *c, const char *why, struct bx_err *err)
{
    bx_err_set(err, BX_UNREACHABLE, "%s: %s", c->path, why);
    bx_err_hint(err, "fix it, or remove it and run blixardctl context set NAME --addr A");
    return BX_UNREACHABLE;
}

static char *copy_text(struct fy_node *map, const char *key)
{
    const char *s = fy_node_get_scalar0(fy_node_mapping_lookup_by_string(map, key, FY_NT));

    return s == NULL ? NULL : bx_must_strdup(s);
}

static int read_context(struct contexts *c, struct fy_node_pair *pair, struct bx_err *err)
{
    struct fy_node *value = fy_node_pair_value(pair);
    const char *name = fy_node_get_scalar0(fy_node_pair_key(pair));
    struct context *x;

    if (name == NULL || value == NULL || fy_node_get_type(value) != FYNT_MAPPING)
        return invalid_file(c, "a context is not a map", err);
    x = contexts_add(c, name);
    if (x == NULL)
        return invalid_file(c, "too many contexts", err);
    x->addr = copy_text(value, "addr");
    x->output = copy_text(value, "output");
    x->token_file = copy_text(value, "token-file");
    x->ca = copy_text(value, "ca");
    x->cert = copy_text(value, "cert");
    x->key = copy_text(value, "key");
    x->tenant = copy_text(value, "tenant");
    if (x->addr == NULL) /* else the cluster on this host would be asked instead */
        return invalid_file(c, "a context has no addr", err);
    return BX_OK;
}

static int read_contexts(struct contexts *c, struct fy_node *root, struct bx_err *err)
{
    struct fy_node *map = fy_node_mapping_lookup_by_string(root, "contexts", FY_NT);
    struct fy_node_pair *pair;
    void *at = NULL;
    int rc = BX_OK;

    c->current = copy_text(root, "current");
    if (map != NULL && fy_node_get_type(map) != FYNT_MAPPING)
        return invalid_file(c, "contexts is not a map", err);
    while (rc == BX_OK && map != NULL && (pair = fy_node_mapping_iterate(map, &at)) != NULL)
        rc = read_context(c, pair, err);
    return rc;
}

/* NULL when there is no home directory. */
static char *config_path(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[PATH_SIZE];

    if (xdg != NULL && xdg[0] != '\0')
        snprintf(path, sizeof path, "%s/blixard/config.yaml", xdg);
    else if (home != NULL && home[0] != '\0')
        snprintf(path, sizeof path, "%s/.config/blixard/config.yaml", home);
    else
        return NULL;
    return bx_must_strdup(path);
}

/* The library would print several lines to standard error. */
static void drop_message(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag, (void)user, (void)text, (void)n;
}

static int read_file(struct contexts *c, struct bx_err *err)
{
    struct fy_parse_cfg cfg = {.flags = FYPCF_DEFAULT_DOC};
    struct fy_diag_cfg diag_cfg;
    struct fy_document *doc;
    struct fy_node *root;
    int rc;

    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = drop_message;
    cfg.diag = fy_diag_create(&diag_cfg);
    doc = fy_document_build_from_file(&cfg, c->path);
    root = doc == NULL ? NULL : fy_document_root(doc);
    if (root == NULL || fy_node_get_type(root) != FYNT_MAPPING)
        rc = invalid_file(c, "not readable, or not a YAML map", err);
    else
        rc = read_contexts(c, root, err);
    fy_document_destroy(doc);
    fy_diag_destroy(cfg.diag);
    return rc;
}

int contexts_load(struct contexts *c, struct bx_err *err)
{
    int rc;

    memset(c, 0, sizeof *c);
    c->path = config_path();
    if (c->path == NULL || (access(c->path, R_OK) != 0 && errno == ENOENT))
        return BX_OK;
    rc = read_file(c, err);
    BX_DEBUG("cli", "read the contexts", "file", c->path, "contexts", c->n, "current", c->current,
             "code", bx_code_name(rc));
    return rc;
}

/* ---- contexts ---- */

void contexts_set_text(char **text, const char *value)
{
    bx_free(*text);
    *text = value == NULL ? NULL : bx_must_strdup(value);
}

static void release(struct context *x)
{
    bx_free(x->name);
    bx_free(x->addr);
    bx_free(x->output);
    bx_free(x->token_file);
    bx_free(x->ca);
    bx_free(x->cert);
    bx_free(x->key);
    bx_free(x->tenant);
}

void contexts_close(struct contexts *c)
{
    for (unsigned i = 0; i < c->n; i++)
        release(&c->v[i]);
    bx_free(c->path);
    bx_free(c->current);
    memset(c, 0, sizeof *c);
}

struct context *contexts_lookup(struct contexts *c, const char *name)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (strcmp(c->v[i].name, name) == 0)
            return &c->v[i];
    }
    return NULL;
}

int contexts_unknown(const struct contexts *c, const char *name, int code, struct bx_err *err)
{
    const char *names[CONTEXTS_MAX], *close;

    for (unsigned i = 0; i < c->n; i++)
        names[i] = c->v[i].name;
    close = bx_suggest(name, strlen(name), names, c->n);
    bx_err_set(err, code, "no such context: \"%.60s\"", name);
    if (close != NULL)
        bx_err_hint(err, "did you mean %s?", close);
    else
        bx_err_hint(err, "blixardctl context list lists them");
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
    if (wanted == NULL || *out != NULL)
        return BX_OK;
    return contexts_unknown(c, wanted, BX_UNREACHABLE, err);
}

struct context *contexts_add(struct contexts *c, const char *name)
{
    struct context *x = c->n == CONTEXTS_MAX ? NULL : &c->v[c->n++];

    if (x != NULL)
        *x = (struct context){.name = bx_must_strdup(name)};
    return x;
}

void contexts_remove(struct contexts *c, struct context *x)
{
    if (c->current != NULL && strcmp(c->current, x->name) == 0)
        contexts_set_text(&c->current, NULL);
    release(x);
    *x = c->v[--c->n];
}

/* ---- writing ---- */

static void build_context(const struct context *x, struct bx_buf *b)
{
    const struct {
        const char *key, *value;
    } pairs[] = {{"addr", x->addr},    {"output", x->output}, {"token-file", x->token_file},
                 {"ca", x->ca},        {"cert", x->cert},     {"key", x->key},
                 {"tenant", x->tenant}};
    const size_t n = sizeof pairs / sizeof pairs[0];
    uint32_t there = 0;

    for (size_t i = 0; i < n; i++)
        there += pairs[i].value != NULL;
    build_map(b, there);
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].value != NULL)
            build_pair_str(b, pairs[i].key, pairs[i].value);
    }
}

static void build_file(const struct contexts *c, struct bx_buf *text)
{
    struct bx_buf b = {0};

    build_map(&b, 1 + (c->current != NULL));
    if (c->current != NULL)
        build_pair_str(&b, "current", c->current);
    build_str(&b, "contexts");
    build_map(&b, c->n);
    for (unsigned i = 0; i < c->n; i++) {
        build_str(&b, c->v[i].name);
        build_context(&c->v[i], &b);
    }
    bx_must_ok(format_yaml(text, build_parse(&b), 0));
    bx_buf_release(&b);
}

/* The folders above a file, those that are missing. */
static void make_folders(const char *path)
{
    char folder[PATH_SIZE];

    for (const char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        snprintf(folder, sizeof folder, "%.*s", (int)(p - path), path);
        mkdir(folder, 0700); /* when it fails, so does opening the file */
    }
}

static bool write_file(const char *path, const struct bx_buf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text->data, text->len) == (ssize_t)text->len && fsync(fd) == 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

int contexts_save(const struct contexts *c, struct bx_err *err)
{
    char tmp[PATH_SIZE + 8];
    struct bx_buf text = {0};
    bool ok;

    if (c->path == NULL) {
        bx_err_set(err, BX_IO, "no home directory");
        bx_err_hint(err, "set HOME or XDG_CONFIG_HOME");
        return BX_IO;
    }
    build_file(c, &text);
    make_folders(c->path);
    snprintf(tmp, sizeof tmp, "%s.tmp", c->path);
    ok = write_file(tmp, &text) && rename(tmp, c->path) == 0;
    bx_buf_release(&text);
    if (ok)
        return BX_OK;
    bx_err_set(err, BX_IO, "%s: %s", c->path, strerror(errno));
    bx_err_hint(err, "check the permissions of the file and its folder");
    unlink(tmp);
    return BX_IO;
}
