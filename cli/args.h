/* args - the command line: flags and words, read by tables of flags.
 *
 * The same tables make the help, the completion scripts and the check of the manual page. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define ARGS_MAX 256u     /* flags, and words, of one command line */
#define FLAG_TABLES_MAX 5 /* that one command line is read by */

struct flag {
    const char *name;           /* without dashes */
    char letter;                /* of the short form, 'o' for -o; 0: none */
    const char *value;          /* what it takes, for the help; NULL: nothing */
    const char *help;           /* one line */
    const char *const *choices; /* the values it takes, ends with NULL; NULL: any */
    const char *completes;      /* noun whose `list -o name` completes the value; NULL: none */
    const char *matches;        /* the field by which it narrows a list; NULL: it does not */
    bool pairs;                 /* ...and its value is KEY=VALUE: the field has such pairs */
    bool columns;               /* its value is a list of columns of the command */
    bool planned;               /* not supported yet: refused as that, and not in the help */
};

struct args {
    const struct flag *flags[ARGS_MAX]; /* as given, in order */
    const char *values[ARGS_MAX];       /* "" where a flag takes none */
    unsigned n_flags;
    const char *words[ARGS_MAX];
    unsigned n_words;
};

/* The flag of that name (n bytes) or letter in a table that ends with a NULL name; NULL: none.
 * `table` may be NULL. */
const struct flag *flag_find(const struct flag *table, const char *name, size_t n);

/* Read argv[1..]; the strings stay where they are. `tables` ends with NULL; a flag is looked up in
 * the first table that has it. BX_OK, or BX_INVALID with a hint: an unknown or planned flag, a
 * value that is missing or empty (but for a TEXT), a value for a flag that takes none, more than
 * ARGS_MAX. */
int args_parse(struct args *a, int argc, char **argv, const struct flag *const *tables,
               struct bx_err *err);

bool args_has(const struct args *a, const char *name);
/* The last value of a flag, or `otherwise` when it is not given. */
const char *args_get(const struct args *a, const char *name, const char *otherwise);
/* Replace the last value of a flag that was given; the string must stay. */
void args_set(struct args *a, const char *name, const char *value);
/* The nth value, from 0, of a flag that may be given several times; NULL after the last. */
const char *args_nth(const struct args *a, const char *name, unsigned n);

/* The value of a flag as a number, size, duration or choice. A flag that is not given leaves *out
 * as it is. BX_OK, or BX_INVALID with a hint. */
int args_number(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                struct bx_err *err);
int args_size(const struct args *a, const char *name, uint64_t unit, uint64_t *out,
              struct bx_err *err);
int args_duration(const struct args *a, const char *name, uint64_t *ms, struct bx_err *err);
/* Position in the flag's choices. */
int args_choice(const struct args *a, const char *name, uint8_t *out, struct bx_err *err);
/* BX_INVALID when both flags are given. */
int args_exclude(const struct args *a, const char *one, const char *other, struct bx_err *err);

#endif
