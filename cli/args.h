/* args - the command line, read by the tables that also make the help. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define ARGS_MAX 256

struct flag {
    const char *name;  /* without dashes; one letter is a short flag */
    const char *value; /* what it takes, for the help; NULL: nothing */
    const char *about; /* NULL: not supported yet, and refused as that; not in the help */
    const char *alias; /* of another flag with the same meaning, which is what is kept */
};

struct args {
    const struct flag *flags[ARGS_MAX];
    const char *values[ARGS_MAX];
    unsigned n_flags;
    const char *words[ARGS_MAX];
    unsigned n_words;
};

extern const struct flag global_flags[]; /* ends with a NULL name */

/* Read all of argv[1..]. `own` are the command's flags, or NULL when there are none. BX_INVALID
 * with a hint: an unknown flag, one that is not supported yet, a value that is missing, empty (but
 * for a TEXT) or too much. Of a flag that is given twice the last value counts, where it takes only
 * one. */
int args_parse(struct args *a, int argc, char **argv, const struct flag *own, struct bx_err *err);
bool args_has(const struct args *a, const char *name);
const char *args_get(const struct args *a, const char *name, const char *otherwise);
/* The i-th value of a flag that may be repeated, NULL after the last. */
const char *args_nth(const struct args *a, const char *name, unsigned i);

int parse_number(const char *text, const char *what, uint64_t max, uint64_t *out,
                 struct bx_err *err);
/* "512MiB", "4GiB", "1TiB", "2G" (2^30), or a plain number of `unit` (bytes): in units of
 * `unit`. */
int parse_size(const char *text, const char *what, uint64_t unit, uint64_t *out,
               struct bx_err *err);
/* "500ms", "60s", "5m", "2h", "1d" or plain seconds: milliseconds. */
int parse_duration(const char *text, const char *what, uint64_t *ms, struct bx_err *err);
/* Position of text in a NULL-terminated list. */
int parse_choice(const char *text, const char *what, const char *const *names, uint8_t *out,
                 struct bx_err *err);

#endif
