#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int invalid(const char *text, const char *what, const char *example, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "%s: invalid value \"%.80s\"", what, text);
    bx_err_hint(err, "for example %s", example);
    return BX_INVALID;
}

/* Digits at the start of text; *end is what follows. False without a digit or beyond 64 bits. */
static bool read_digits(const char *text, uint64_t *out, const char **end)
{
    char *e;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    *out = strtoull(text, &e, 10);
    *end = e;
    return errno == 0;
}

int parse_number(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *out,
                 struct bx_err *err)
{
    const char *end;
    uint64_t n;

    if (!read_digits(text, &n, &end) || *end != '\0')
        return invalid(text, what, "4", err);
    if (n >= min && n <= max) {
        *out = n;
        return BX_OK;
    }
    bx_err_set(err, BX_INVALID, "%s: must be at %s %llu, not %s", what, n < min ? "least" : "most",
               (unsigned long long)(n < min ? min : max), text);
    bx_err_hint(err, "choose a %s value", n < min ? "larger" : "smaller");
    return BX_INVALID;
}

static int not_whole(const char *text, const char *what, uint64_t unit, struct bx_err *err)
{
    const char *name = unit == 1 << 30 ? "GiB" : "MiB";

    bx_err_set(err, BX_INVALID, "%s: \"%.80s\" is not a whole number of %s", what, text, name);
    bx_err_hint(err, "%s sizes are whole %s, for example 4%s", unit == 1 << 30 ? "disk" : "memory",
                name, name);
    return BX_INVALID;
}

int parse_size(const char *text, const char *what, uint64_t unit, uint64_t *out, struct bx_err *err)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } suffixes[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"PiB", 50}, {"K", 10},
                    {"M", 20},   {"G", 30},   {"T", 40},   {"P", 50},   {"B", 0}};
    const char *example = unit == 1 ? "16KiB or 1MiB" : "512MiB or 4GiB", *end;
    uint64_t n;

    if (!read_digits(text, &n, &end))
        return invalid(text, what, example, err);
    if (*end == '\0') {
        *out = n;
        return BX_OK;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(end, suffixes[i].suffix) != 0)
            continue;
        if (n > UINT64_MAX >> suffixes[i].shift)
            return invalid(text, what, example, err);
        n <<= suffixes[i].shift;
        if (n % unit != 0)
            return not_whole(text, what, unit, err);
        *out = n / unit;
        return BX_OK;
    }
    return invalid(text, what, example, err);
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

    if (read_digits(text, &n, &end)) {
        for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
            if (strcmp(end, suffixes[i].suffix) == 0 && n <= UINT64_MAX / 86400000) {
                *ms = n * suffixes[i].ms;
                return BX_OK;
            }
        }
    }
    return invalid(text, what, "60s, 5m or 2h", err);
}

int parse_choice(const char *text, const char *what, const char *const *choices, uint8_t *out,
                 struct bx_err *err)
{
    char all[160] = "";
    size_t at = 0;

    for (uint8_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return BX_OK;
        }
        at += (size_t)snprintf(all + at, at < sizeof all ? sizeof all - at : 0, "%s%s",
                               i == 0 ? "" : ", ", choices[i]);
        if (at >= sizeof all)
            at = sizeof all - 1;
    }
    bx_err_set(err, BX_INVALID, "%s: invalid value \"%.40s\"", what, text);
    bx_err_hint(err, "available values: %s", all);
    return BX_INVALID;
}
