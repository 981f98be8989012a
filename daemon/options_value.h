/* options_value - the kinds of values of blixardd's flags, and how each is parsed.
 *
 * A new kind is a member of the enum and a row of the table in options_value.c. */
#ifndef OPTIONS_VALUE_H
#define OPTIONS_VALUE_H

#include "options.h"
#include "sys/word.h"

enum value_kind {
    VALUE_TEXT,         /* char array, not empty */
    VALUE_LABEL,        /* char array: a DNS label, or empty */
    VALUE_DIRS,         /* char array: absolute paths, separated by colons */
    VALUE_ADDRESS,      /* char array: HOST:PORT, checked after all flags are read */
    VALUE_WORD,         /* int or enum: one of .words */
    VALUE_FILTER,       /* struct bx_filter */
    VALUE_SINK,         /* struct options_sinks: one more each time */
    VALUE_U32,          /* uint32_t: 1 to 3,600,000 */
    VALUE_U64,          /* uint64_t: at least 1 */
    VALUE_RATIO,        /* uint32_t: hundredths of a decimal number, 0.1 to 64 */
    VALUE_SIZE,         /* uint64_t: bytes with a unit, 16MiB to 1TiB */
    VALUE_SIZE_OR_NONE, /* none: 0 */
    VALUE_RANGE,        /* struct options_range: FIRST-LAST, numbers of users but root */
    VALUE_POOL,         /* struct bx_pool_size: MAX or MAX/MIN */
    VALUE_BUFFERS,      /* uint32_t[BX_BUF_CLASSES]: a number for each class */
    VALUE_ASK,          /* takes no value */
    VALUE_YES,          /* bool: takes no value */
    VALUE__KINDS
};

#define OPTIONS_NO_API "none"     /* value of --api */
#define OPTIONS_NO_BALLAST "none" /* value of --ballast */

struct options_flag {
    const char *name;
    enum value_kind kind;
    size_t offset, size;      /* of the member of struct options */
    const struct word *words; /* of a WORD */
    enum options_ask ask;     /* of an ASK: what main is to do */
    const char *argument;     /* NULL: takes no value */
    const char *environment;  /* the variable that sets the default; NULL: none */
    const char *preset;       /* the default; NULL: set later, or zero */
    const char *help;
};

/* Read a value into the member of the flag. BX_OK, or BX_INVALID. */
int options_set_value(struct options *o, const struct options_flag *f, const char *text,
                      struct bx_err *err);
/* Fill in what was not given, and check the rest (options_check.c). BX_OK, BX_INVALID or BX_IO. */
int options_finish(struct options *o, struct bx_err *err);

#endif
