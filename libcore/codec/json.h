/* json - JSON for people and files. The only user of jansson.h.
 *
 * JSON and MessagePack carry the same objects, so this module only converts between them; the rest
 * of the program uses MessagePack values. Binary becomes a hexadecimal string. Key order is
 * preserved.
 *
 * 64-bit integers, signed or not, are written as exact decimal numbers. Reading accepts integers up
 * to 2^63 - 1 and refuses larger ones instead of rounding them. */
#ifndef BX_JSON_H
#define BX_JSON_H

#include "codec/pack.h"

/* Append v as JSON text, without a final newline; indent 0 gives one line. BX_OK, BX_NO_MEMORY, or
 * BX_INVALID for a value that JSON can not express: a map key that is not a string, text that is
 * not UTF-8 or contains a NUL, an infinite number, an extension type. On error the buffer's
 * contents are unchanged. */
int bx_json_write(struct bx_buf *b, bx_val v, unsigned indent);
/* Parse n bytes of JSON text and append the object as MessagePack. Depth at most BX_PACK_DEPTH,
 * no duplicate keys, at most max bytes. BX_OK, or BX_MALFORMED with line and column in err,
 * BX_TOO_LARGE, BX_NO_MEMORY; then the buffer's contents are unchanged. */
int bx_json_read(struct bx_buf *b, const char *text, size_t n, size_t max, struct bx_err *err);

#endif
