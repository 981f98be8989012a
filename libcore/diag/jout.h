/* jout - JSON text, appended to a buffer: no tree, no heap of its own, no printf.
 *
 * Members are written in the order of the calls; a key of length 0 is for the items of an array.
 * Text that is not UTF-8 is replaced by U+FFFD. Exhausted memory is told by out->failed. */
#ifndef BX_JOUT_H
#define BX_JOUT_H

#include "codec/schema.h"
#include "mem/buf.h"

struct bx_jout {
    struct bx_buf *out;
    bool comma; /* something precedes, on this level */
};

/* Room that a text of n bytes needs at most, with its quotes. */
#define BX_JOUT_TEXT(n) (6 * (size_t)(n) + 2)
/* Write a text with its quotes to `to`, which has that room; returns its end. */
uint8_t *bx_jout_quote(uint8_t *to, struct bx_str s);

/* A key must need no quoting. */
void bx_jout_key(struct bx_jout *j, struct bx_str key);
void bx_jout_open(struct bx_jout *j, struct bx_str key, char bracket); /* '{' or '[' */
void bx_jout_close(struct bx_jout *j, char bracket);                   /* '}' or ']' */
void bx_jout_str(struct bx_jout *j, struct bx_str key, struct bx_str value);
/* Nothing if it is empty. */
void bx_jout_str_if(struct bx_jout *j, struct bx_str key, struct bx_str value);
void bx_jout_u64(struct bx_jout *j, struct bx_str key, uint64_t value);
void bx_jout_bool(struct bx_jout *j, struct bx_str key, bool value);
/* As a string of hexadecimal digits. */
void bx_jout_hex(struct bx_jout *j, struct bx_str key, const uint8_t *p, size_t n);
/* RFC 3339 with microseconds. */
void bx_jout_time(struct bx_jout *j, struct bx_str key, uint64_t ns);
/* Seconds with three digits after the point. */
void bx_jout_seconds(struct bx_jout *j, struct bx_str key, uint64_t ms);
/* A value that is JSON already. */
void bx_jout_json(struct bx_jout *j, struct bx_str key, struct bx_str json);
/* A member whose key is any text. */
void bx_jout_member(struct bx_jout *j, struct bx_str key, struct bx_str value, bool json);

#endif
