#include "match.h"

#include "build.h"
#include "parse.h"
#include "wire/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 128u

struct match {
    char key[KEY_BYTES]; /* "phase", "labels.app" */
    const char *value;
};

bool match_given(const struct run *r)
{
    for (unsigned i = 0; i < r->args.n_flags; i++) {
        if (r->args.flags[i]->matches != NULL)
            return true;
    }
    return false;
}

static int refuse(struct run *r, const struct flag *f, const char *text, const char *why)
{
    bx_err_set(&r->err, BX_INVALID, "--%s: \"%.60s\" %s", f->name, text, why);
    bx_err_hint(&r->err, "for example --%s %s", f->name, f->pairs ? "app=web" : f->value);
    return BX_INVALID;
}

/* One flag as it was given. */
static int read_match(struct run *r, const struct flag *f, const char *text, struct match *m)
{
    const char *eq = strchr(text, '=');
    uint8_t choice;

    if (!f->pairs) {
        snprintf(m->key, sizeof m->key, "%s", f->matches);
        m->value = text;
        return f->choices == NULL ? BX_OK : args_choice(&r->args, f->name, &choice, &r->err);
    }
    if (eq == NULL || eq == text)
        return refuse(r, f, text, "is not KEY=VALUE");
    if (snprintf(m->key, sizeof m->key, "%s.%.*s", f->matches, (int)(eq - text), text) >=
        (int)sizeof m->key)
        return refuse(r, f, text, "has a key that is too long");
    m->value = eq + 1;
    return BX_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct match *)a)->key, ((const struct match *)b)->key);
}

static int read_all(struct run *r, struct match all[BX_MATCH_MAX], uint32_t *n)
{
    const struct flag *last = NULL;

    *n = 0;
    for (unsigned i = 0; i < r->args.n_flags; i++) {
        const struct flag *f = r->args.flags[i];

        if (f->matches == NULL)
            continue;
        if (*n == BX_MATCH_MAX)
            return bx_err_set(&r->err, BX_INVALID, "too many filters (at most %u)", BX_MATCH_MAX);
        if (read_match(r, last = f, r->args.values[i], &all[(*n)++]) != BX_OK)
            return r->err.code;
    }
    qsort(all, *n, sizeof all[0], by_key);
    for (uint32_t i = 1; i < *n; i++) {
        if (strcmp(all[i - 1].key, all[i].key) == 0)
            return refuse(r, last, all[i].key, "is given twice; a key has one value");
    }
    return BX_OK;
}

int match_params(struct run *r, struct params *p)
{
    struct match all[BX_MATCH_MAX];
    uint32_t n;

    run_tenant_params(r, p);
    if (!match_given(r))
        return BX_OK;
    if (read_all(r, all, &n) != BX_OK)
        return r->err.code;
    params_key(p, "match");
    build_map(&p->b, n);
    for (uint32_t i = 0; i < n; i++)
        build_pair_str(&p->b, all[i].key, all[i].value);
    return BX_OK;
}
