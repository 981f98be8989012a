#include "args.h"

#include "parse.h"
#include "wire/suggest.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 128u
#define DASHED_MAX 66u

/* ---- looking up ---- */

const struct flag *flag_find(const struct flag *table, const char *name, size_t n)
{
    for (; table != NULL && table->name != NULL; table++) {
        if (strlen(table->name) == n && memcmp(table->name, name, n) == 0)
            return table;
        if (n == 1 && table->letter == name[0])
            return table;
    }
    return NULL;
}

static const struct flag *find_in_all(const struct flag *const *tables, const char *name, size_t n)
{
    const struct flag *f = NULL;

    for (; f == NULL && *tables != NULL; tables++)
        f = flag_find(*tables, name, n);
    return f;
}

static int unknown_flag(const char *arg, const struct flag *const *tables, struct bx_err *err)
{
    const char *names[NAMES_MAX], *close;
    char name[64], *typed;
    unsigned n = 0;

    snprintf(name, sizeof name, "%.*s", (int)strcspn(arg, "="), arg);
    for (; *tables != NULL; tables++) {
        for (const struct flag *f = *tables; f->name != NULL && n < NAMES_MAX; f++) {
            if (!f->planned)
                names[n++] = f->name;
        }
    }
    typed = name + strspn(name, "-");
    close = bx_suggest(typed, strlen(typed), names, n);
    bx_err_set(err, BX_INVALID, "unknown flag %s", name);
    if (close != NULL)
        bx_err_hint(err, "did you mean --%s?", close);
    else
        bx_err_hint(err, "blixardctl help lists the commands and their flags");
    return BX_INVALID;
}

/* ---- reading ---- */

/* An empty value is what a script passes whose variable is not set: it must not be as if the flag
 * were not there. Only a TEXT may be empty. `arg` is the flag as it was typed. */
static int check_value(const struct flag *f, const char *arg, const char *value, struct bx_err *err)
{
    int n = (int)strcspn(arg, "=");

    if (value[0] != '\0' || strcmp(f->value, "TEXT") == 0)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%.*s requires a value", n, arg);
    bx_err_hint(err, "%.*s %s", n, arg, f->value);
    return BX_INVALID;
}

static int check_flag(const struct flag *f, const char *eq, struct bx_err *err)
{
    if (f->planned) {
        bx_err_set(err, BX_INVALID, "--%s is not supported yet", f->name);
        bx_err_hint(err, "omit it; --help lists the supported flags");
        return BX_INVALID;
    }
    if (f->value == NULL && eq != NULL) {
        bx_err_set(err, BX_INVALID, "--%s takes no value", f->name);
        bx_err_hint(err, "omit \"%.80s\"", eq);
        return BX_INVALID;
    }
    return BX_OK;
}

static int keep_flag(struct args *a, const struct flag *f, const char *value, struct bx_err *err)
{
    if (a->n_flags == ARGS_MAX)
        return bx_err_set(err, BX_INVALID, "too many flags (at most %u)", ARGS_MAX);
    a->flags[a->n_flags] = f;
    a->values[a->n_flags++] = value;
    return BX_OK;
}

/* One argument that begins with a dash. `next` is the argument after it, NULL: none; *taken says
 * whether that was its value. */
static int read_flag(struct args *a, const char *arg, const char *next,
                     const struct flag *const *tables, bool *taken, struct bx_err *err)
{
    const char *name = arg + strspn(arg, "-"), *eq = strchr(name, '='), *value = "";
    size_t n = eq == NULL ? strlen(name) : (size_t)(eq - name);
    const struct flag *f = find_in_all(tables, name, n);
    int rc;

    *taken = false;
    if (f == NULL || (n > 1 && arg[1] != '-'))
        return unknown_flag(arg, tables, err);
    rc = check_flag(f, eq, err);
    if (rc == BX_OK && f->value != NULL) {
        *taken = eq == NULL;
        if (eq != NULL)
            value = eq + 1;
        else if (next != NULL)
            value = next;
        rc = check_value(f, arg, value, err);
    }
    return rc == BX_OK ? keep_flag(a, f, value, err) : rc;
}

int args_parse(struct args *a, int argc, char **argv, const struct flag *const *tables,
               struct bx_err *err)
{
    bool only_words = false, taken = false;
    int rc = BX_OK;

    memset(a, 0, sizeof *a);
    for (int i = 1; rc == BX_OK && i < argc; i += taken ? 2 : 1) {
        taken = false;
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0')
            rc = read_flag(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL, tables, &taken, err);
        else if (a->n_words == ARGS_MAX)
            rc = bx_err_set(err, BX_INVALID, "too many arguments (at most %u)", ARGS_MAX);
        else
            a->words[a->n_words++] = argv[i];
    }
    return rc;
}

/* ---- what was given ---- */

/* Position of the last flag of that name, -1: not given. */
static int last_of(const struct args *a, const char *name)
{
    for (int i = (int)a->n_flags - 1; i >= 0; i--) {
        if (strcmp(a->flags[i]->name, name) == 0)
            return i;
    }
    return -1;
}

const char *args_get(const struct args *a, const char *name, const char *otherwise)
{
    int i = last_of(a, name);

    return i < 0 ? otherwise : a->values[i];
}

void args_set(struct args *a, const char *name, const char *value)
{
    int i = last_of(a, name);

    if (i >= 0)
        a->values[i] = value;
}

bool args_has(const struct args *a, const char *name)
{
    return last_of(a, name) >= 0;
}

const char *args_nth(const struct args *a, const char *name, unsigned n)
{
    for (unsigned i = 0; i < a->n_flags; i++) {
        if (strcmp(a->flags[i]->name, name) == 0 && n-- == 0)
            return a->values[i];
    }
    return NULL;
}

/* ---- values ---- */

/* The value and, as errors name it, the flag with its dashes; NULL: not given. */
static const char *value_of(const struct args *a, const char *name, char dashed[DASHED_MAX])
{
    snprintf(dashed, DASHED_MAX, "--%s", name);
    return args_get(a, name, NULL);
}

int args_number(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                struct bx_err *err)
{
    char dashed[DASHED_MAX];
    const char *text = value_of(a, name, dashed);

    return text == NULL ? BX_OK : parse_number(text, dashed, min, max, out, err);
}

int args_size(const struct args *a, const char *name, uint64_t unit, uint64_t *out,
              struct bx_err *err)
{
    char dashed[DASHED_MAX];
    const char *text = value_of(a, name, dashed);

    return text == NULL ? BX_OK : parse_size(text, dashed, unit, out, err);
}

int args_duration(const struct args *a, const char *name, uint64_t *ms, struct bx_err *err)
{
    char dashed[DASHED_MAX];
    const char *text = value_of(a, name, dashed);

    return text == NULL ? BX_OK : parse_duration(text, dashed, ms, err);
}

int args_choice(const struct args *a, const char *name, uint8_t *out, struct bx_err *err)
{
    char dashed[DASHED_MAX];
    const char *text = value_of(a, name, dashed);

    if (text == NULL)
        return BX_OK;
    return parse_choice(text, dashed, a->flags[last_of(a, name)]->choices, out, err);
}

int args_exclude(const struct args *a, const char *one, const char *other, struct bx_err *err)
{
    if (!args_has(a, one) || !args_has(a, other))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--%s and --%s are mutually exclusive", one, other);
    bx_err_hint(err, "use only one of them");
    return BX_INVALID;
}
