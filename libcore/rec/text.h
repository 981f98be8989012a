/* text - events as lines of text.
 *
 *   console  2026-11-29T13:00:00.123Z info node: connected node=2 address=127.0.0.1:7000
 *   logfmt   time=2026-11-29T13:00:00.123456789Z level=info target=node msg=connected node=2
 *   json     {"time":"...","level":"info","target":"node","msg":"connected","node":2}
 *
 * The name of the node that an event was read from, if it is told, follows the time; its key is
 * origin. Strings with blanks, quotes, '=' or control characters are quoted. Bytes that are not
 * UTF-8 are replaced by U+FFFD in JSON and escaped as \xNN elsewhere. */
#ifndef BX_TEXT_H
#define BX_TEXT_H

#include "codec/digits.h"
#include "mem/buf.h"
#include "rec/recevent.h"

enum bx_text_form { BX_TEXT_CONSOLE, BX_TEXT_LOGFMT, BX_TEXT_JSON };

/* Append a line with its newline. out->failed tells of exhausted memory. */
void bx_text_event(struct bx_buf *out, enum bx_text_form form, const struct bx_recevent *e);
/* Only its message, without control characters; only its fields, as in logfmt, each behind a blank.
 */
void bx_text_message(struct bx_buf *out, const struct bx_recevent *e);
void bx_text_fields(struct bx_buf *out, const struct bx_recevent *e);
/* The value as plain text, cut to n - 1 bytes, with a NUL. */
void bx_text_value(char *out, size_t n, enum bx_arg_type type, const struct bx_arg *arg);

/* Room for a time, without a NUL. */
#define BX_TEXT_TIME BX_DIGITS_TIME
/* RFC 3339 in UTC, with 3 or 9 digits of a second. The number of bytes. */
size_t bx_text_time(char out[BX_TEXT_TIME], uint64_t ns, unsigned digits);

#endif
