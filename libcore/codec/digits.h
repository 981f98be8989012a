/* digits - numbers and times as text, without printf, locale or heap: safe in a signal handler.
 *
 * Each function writes no NUL and returns the number of bytes. */
#ifndef BX_DIGITS_H
#define BX_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#define BX_DIGITS_U64 20u  /* room for any number */
#define BX_DIGITS_TIME 30u /* room for any time */

/* Decimal, without leading zeros. */
size_t bx_digits_u64(char out[BX_DIGITS_U64], uint64_t v);
/* Two lower-case hexadecimal digits for each of n bytes. */
size_t bx_digits_hex(char *out, const uint8_t *p, size_t n);
/* RFC 3339 in UTC, with `digits` digits of a second, 0 to 9; ns since 1970. */
size_t bx_digits_time(char out[BX_DIGITS_TIME], uint64_t ns, unsigned digits);
/* The nanoseconds since 1970 of such a text, "2026-11-29T13:00:00.25Z" or with "+00:00"; 0 when it
 * is none, or before 1970. */
uint64_t bx_digits_time_read(const char *s, size_t n);

#endif
