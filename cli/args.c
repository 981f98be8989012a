#include "args.h"

#include "wire/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 128

const struct flag global_flags[] = {
    {"addr", "ADDR", "unix:PATH or HOST:PORT, several with commas: tried in turn", NULL},
    {"output", "FORMAT", "table, wide (more columns), json, yaml, csv or name", NULL},
    {"o", "FORMAT", "the same", "output"},
    {"columns", "COLS", "these columns of a table, with commas between", NULL},
    {"c", "COLS", "the same", "columns"},
    {"context", "NAME", "talk to the cluster kept under this name", NULL},
    {"no-headers", NULL, "a table without its first line", NULL},
    {"wait", NULL, "until it is done (default)", NULL},
    {"no-wait", NULL, "return once it is decided", NULL},
    {"timeout", "D", "how long to try, and to wait (10s; 60s for a wait)", NULL},
    {"consistency", "C", "linearizable or stale, for reads", NULL},
    {"quiet", NULL, "print nothing but data", NULL},
    {"q", NULL, "the same", "quiet"},
    {"verbose", NULL, "say what is tried", NULL},
    {"v", NULL, "the same", "verbose"},
    {"no-color", NULL, "no colour on a terminal", NULL},
    {"yes", NULL, "do not ask", NULL},
    {"y", NULL, "the same", "yes"},
    {"cacert", "FILE", NULL, NULL},
    {"cert", "FILE", NULL, NULL},
    {"key", "FILE", NULL, NULL},
    {"help", NULL, "show help", NULL},
    {"h", NULL, "the same", "help"},
    {0},
};

/* ---- flags ---- */

static const struct flag *find_in(const struct flag *flags, const char *name, size_t n)
{
    for (; flags != NULL && flags->name != NULL; flags++) {
        if (strlen(flags->name) == n && memcmp(flags->name, name, n) == 0)
            return flags;
    }
    return NULL;
}

static const struct flag *find(const struct flag *own, const char *name, size_t n)
{
    const struct flag *f = find_in(own, name, n);

    return f != NULL ? f : find_in(global_flags, name, n);
}

static unsigned add_names(const char **names, unsigned n, const struct flag *f)
{
    for (; f != NULL && f->name != NULL && n < NAMES_MAX; f++) {
        if (f->about != NULL)
            names[n++] = f->name;
    }
    return n;
}

static int unknown(const char *arg, const struct flag *own, struct bx_err *err)
{
    const char *names[NAMES_MAX], *near;
    unsigned n;
    char name[64], *typed;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    n = add_names(names, add_names(names, 0, own), global_flags);
    typed = name + strspn(name, "-");
    near = bx_suggest(typed, strlen(typed), names, n);
    bx_err_set(err, BX_INVALID, "unknown flag %s", name);
    if (near != NULL && strlen(near) > 1)
        bx_err_hint(err, "did you mean --%s?", near);
    else
        bx_err_hint(err, "blixardctl help shows the commands and their flags");
    return BX_INVALID;
}

static int keep(struct args *a, const struct flag *f, const struct flag *own, const char *value,
                struct bx_err *err)
{
    if (a->n_flags == ARGS_MAX)
        return bx_err_set(err, BX_INVALID, "more than %d flags", ARGS_MAX);
    a->flags[a->n_flags] = f->alias == NULL ? f : find(own, f->alias, strlen(f->alias));
    a->values[a->n_flags++] = value;
    return BX_OK;
}

/* An empty value is what a script passes whose variable is not set: it must not be as if the flag
 * were not there. Only a text may be empty. */
static int take_value(struct args *a, const struct flag *f, const struct flag *own,
                      const char *value, struct bx_err *err)
{
    const char *dashes = strlen(f->name) > 1 ? "--" : "-";

    if (value[0] != '\0' || strcmp(f->value, "TEXT") == 0)
        return keep(a, f, own, value, err);
    bx_err_set(err, BX_INVALID, "%s%s wants a value", dashes, f->name);
    bx_err_hint(err, "%s%s %s", dashes, f->name, f->value);
    return BX_INVALID;
}

/* One argument that begins with a dash; *next is the one after it, taken when the flag wants it. */
static int take_flag(struct args *a, const char *arg, char **next, int left, const struct flag *own,
                     int *took, struct bx_err *err)
{
    const char *name = arg + strspn(arg, "-");
    const char *eq = strchr(name, '=');
    const struct flag *f = find(own, name, eq == NULL ? strlen(name) : (size_t)(eq - name));

    *took = 1;
    if (f == NULL || (arg[1] != '-' && strlen(f->name) > 1))
        return unknown(arg, own, err);
    if (f->about == NULL && f->alias != NULL)
        f = find(own, f->alias, strlen(f->alias));
    if (f->about == NULL) {
        bx_err_set(err, BX_INVALID, "--%s is not supported yet", f->name);
        bx_err_hint(err, "leave it out; --help shows the flags there are");
        return BX_INVALID;
    }
    if (f->value == NULL) {
        if (eq == NULL)
            return keep(a, f, own, "", err);
        bx_err_set(err, BX_INVALID, "--%s takes no value", f->name);
        bx_err_hint(err, "leave out \"%s\"", eq);
        return BX_INVALID;
    }
    if (eq == NULL)
        *took = 2;
    return take_value(a, f, own, eq != NULL ? eq + 1 : left > 0 ? *next : "", err);
}

int args_parse(struct args *a, int argc, char **argv, const struct flag *own, struct bx_err *err)
{
    bool words_only = false;

    memset(a, 0, sizeof *a);
    for (int i = 1, took = 1; i < argc; i += took) {
        int rc = BX_OK;

        took = 1;
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = take_flag(a, argv[i], &argv[i + 1], argc - i - 1, own, &took, err);
        } else if (a->n_words == ARGS_MAX) {
            rc = bx_err_set(err, BX_INVALID, "more than %d words", ARGS_MAX);
        } else {
            a->words[a->n_words++] = argv[i];
        }
        if (rc != BX_OK)
            return rc;
    }
    return BX_OK;
}

const char *args_get(const struct args *a, const char *name, const char *otherwise)
{
    for (unsigned i = a->n_flags; i > 0; i--) {
        if (strcmp(a->flags[i - 1]->name, name) == 0)
            return a->values[i - 1];
    }
    return otherwise;
}

bool args_has(const struct args *a, const char *name)
{
    return args_get(a, name, NULL) != NULL;
}

const char *args_nth(const struct args *a, const char *name, unsigned nth)
{
    for (unsigned i = 0; i < a->n_flags; i++) {
        if (strcmp(a->flags[i]->name, name) == 0 && nth-- == 0)
            return a->values[i];
    }
    return NULL;
}

/* ---- values ---- */

static int bad(const char *text, const char *what, const char *like, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "%s: \"%.80s\" is not valid", what, text);
    bx_err_hint(err, "write it like %s", like);
    return BX_INVALID;
}

/* Digits at the start of text; *end is what follows. False without a digit or beyond 64 bits. */
static bool digits(const char *text, uint64_t *out, const char **end)
{
    char *e;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *out = strtoull(text, &e, 10);
    *end = e;
    return errno == 0;
}

int parse_number(const char *text, const char *what, uint64_t max, uint64_t *out,
                 struct bx_err *err)
{
    const char *end;

    if (!digits(text, out, &end) || *end != '\0')
        return bad(text, what, "4", err);
    if (*out <= max)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: must be at most %llu, not %s", what, (unsigned long long)max,
               text);
    bx_err_hint(err, "choose a smaller value");
    return BX_INVALID;
}

int parse_size(const char *text, const char *what, uint64_t unit, uint64_t *out, struct bx_err *err)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } suffixes[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"PiB", 50}, {"K", 10},
                    {"M", 20},   {"G", 30},   {"T", 40},   {"P", 50},   {"B", 0}};
    const char *like = unit == 1 ? "16KiB or 1MiB" : "512MiB or 4GiB", *end;
    uint64_t n;

    if (!digits(text, &n, &end))
        return bad(text, what, like, err);
    if (*end == '\0') {
        *out = n;
        return BX_OK;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(end, suffixes[i].suffix) != 0)
            continue;
        if (n > UINT64_MAX >> suffixes[i].shift)
            return bad(text, what, like, err);
        n <<= suffixes[i].shift;
        if (n % unit != 0 || n / unit == 0) {
            if (n != 0)
                return bad(text, what, "a whole number of MiB or GiB", err);
        }
        *out = n / unit;
        return BX_OK;
    }
    return bad(text, what, like, err);
}

int parse_duration(const char *text, const char *what, uint64_t *ms, struct bx_err *err)
{
    static const struct {
        const char *suffix;
        uint64_t ms;
    } suffixes[] = {{"ms", 1},    {"s", 1000},    {"", 1000},
                    {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *end;
    uint64_t n;

    if (digits(text, &n, &end)) {
        for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
            if (strcmp(end, suffixes[i].suffix) == 0 && n <= UINT64_MAX / 86400000) {
                *ms = n * suffixes[i].ms;
                return BX_OK;
            }
        }
    }
    return bad(text, what, "60s, 5m or 2h", err);
}

int parse_choice(const char *text, const char *what, const char *const *names, uint8_t *out,
                 struct bx_err *err)
{
    char all[160] = "";
    size_t at = 0;

    for (uint8_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return BX_OK;
        }
        at += (size_t)snprintf(all + at, at < sizeof all ? sizeof all - at : 0, "%s%s",
                               i == 0 ? "" : ", ", names[i]);
        if (at >= sizeof all)
            at = sizeof all - 1;
    }
    bx_err_set(err, BX_INVALID, "%s: \"%.40s\" is not one of its values", what, text);
    bx_err_hint(err, "choose from: %s", all);
    return BX_INVALID;
}
