/* parse - numbers, sizes, durations and choices as people write them.
 *
 * `what` is what errors name the value by, "--memory". Each returns BX_OK, or BX_INVALID with a
 * hint, and then leaves *out as it is. */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include "err.h"

#include <stdint.h>

int parse_number(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *out,
                 struct bx_err *err);
/* "512MiB", "4GiB", "1TiB", "2G" (2^30), or a plain number of units: how many times `unit` bytes,
 * which is 1, 1 << 20 (MiB) or 1 << 30 (GiB). */
int parse_size(const char *text, const char *what, uint64_t unit, uint64_t *out,
               struct bx_err *err);
/* "500ms", "60s", "5m", "2h", "1d" or plain seconds: milliseconds. */
int parse_duration(const char *text, const char *what, uint64_t *ms, struct bx_err *err);
/* Position of text in a list that ends with NULL. */
int parse_choice(const char *text, const char *what, const char *const *choices, uint8_t *out,
                 struct bx_err *err);

#endif
