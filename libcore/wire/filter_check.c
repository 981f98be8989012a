#include "wire/filter_check.h"

#include "rec/rec.h"
#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

#define TARGETS_MAX 64u
#define LISTED_MAX 16u /* targets that a hint has room for */

/* The targets of all sites; their number. */
static size_t find_targets(const char *out[TARGETS_MAX])
{
    struct bx_sites all = bx_sites();
    size_t n = 0;

    for (uint32_t i = 0; i < all.n && n < TARGETS_MAX; i++) {
        size_t k = 0;

        while (k < n && strcmp(out[k], all.v[i]->target) != 0)
            k++;
        if (k == n)
            out[n++] = all.v[i]->target;
    }
    return n;
}

static bool is_target(const char *name)
{
    const char *all[TARGETS_MAX];
    size_t n = find_targets(all);

    while (n > 0 && strcmp(all[n - 1], name) != 0)
        n--;
    return n > 0;
}

static bool is_field(const char *key)
{
    struct bx_sites all = bx_sites();

    for (uint32_t i = 0; i < all.n; i++)
        for (uint8_t k = 0; k < all.v[i]->n; k++)
            if (strcmp(all.v[i]->fields[k].key, key) == 0)
                return true;
    return false;
}

/* Those of a program that has few; else a way to see those of the daemon. */
static void list_targets(const char *const *all, size_t n, struct bx_err *err)
{
    char text[BX_ERR_HINT] = "";
    size_t at = 0;

    for (size_t i = 0; i < n && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i == 0 ? "" : ", ", all[i]);
    if (n <= LISTED_MAX)
        bx_err_hint(err, "targets: %s", text);
    else
        bx_err_hint(err, "blixardctl log agg --by target shows targets");
}

static int no_target(const char *name, struct bx_err *err)
{
    const char *all[TARGETS_MAX], *close;
    size_t n = find_targets(all);

    close = bx_suggest(name, strlen(name), all, n);
    bx_err_set(err, BX_INVALID, "no event has the target \"%s\"", name);
    if (close != NULL)
        bx_err_hint(err, "did you mean \"%s\"?", close);
    else
        list_targets(all, n, err);
    return BX_INVALID;
}

int bx_filter_check(const struct bx_filter *f, struct bx_err *err)
{
    if (BX_LEVEL_COMPILED < BX_LEVEL_DEBUG)
        return BX_OK; /* many targets have no events in this build, and are no mistake */
    for (uint32_t i = 0; i < f->n_targets; i++)
        if (!is_target(f->targets[i].key))
            return no_target(f->targets[i].key, err);
    for (uint32_t i = 0; i < f->n_fields; i++) {
        const struct bx_filter_rule *rule = &f->fields[i];

        if (is_field(rule->key))
            continue;
        if (is_target(rule->key))
            bx_err_set(err, BX_INVALID, "unknown log level \"%s\"", rule->value);
        else
            bx_err_set(err, BX_INVALID, "no event has the target or field \"%s\"", rule->key);
        bx_err_hint(err, "levels: off, error, warning, info, debug, trace; "
                         "a filter looks like info,raft=debug,vm=web1");
        return BX_INVALID;
    }
    return BX_OK;
}
