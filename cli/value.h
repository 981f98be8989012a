/* value - one value of an answer as text for people. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include "codec/pack.h"

#include <stdbool.h>
#include <stddef.h>

/* How a value is written. A value of another type than a format expects is written as TEXT. */
enum value_format {
    VALUE_TEXT,   /* as it is; yes or no; "-" for nil */
    VALUE_NUMBER, /* the same, aligned to the right */
    VALUE_MIB,    /* a number of MiB: "512MiB", "4GiB" */
    VALUE_GIB,    /* a number of GiB: "10GiB", "1TiB" */
    VALUE_RATIO,  /* percent: "4.0" */
    VALUE_AGE,    /* wall time in ms, as the time since then: "5m" */
    VALUE_UNTIL,  /* wall time in ms, as the time until then: "in 5m", "now" */
    VALUE_TIME,   /* wall time in ms, in UTC: "2026-11-21T08:15:00.000Z" */
    VALUE_LABELS, /* a map: "app=web,tier=front" */
    VALUE_STATE,  /* a state or phase, coloured by whether it is good or bad */
    VALUE_LIMIT,  /* a bound, aligned to the right: "unlimited" for 0 */
    VALUE_LIMIT_MIB,
    VALUE_LIMIT_GIB,
    VALUE__FORMATS
};

/* Write v into out, NUL-terminated, cut when it is too long, without control characters. */
void value_text(bx_val v, enum value_format format, char *out, size_t size);
/* Whether a column of this format is aligned to the right. */
bool value_is_right_aligned(enum value_format format);
/* The value behind a path of keys, "capacity.vcpus"; NULL when there is none. */
bx_val value_at(bx_val v, const char *path);
/* Replace control characters: text of others must not move the cursor or start lines. */
void value_make_printable(char *text);

#endif
