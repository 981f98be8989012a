/* json - the form for people and files. The only user of jansson.h.
 *
 * JSON and MessagePack carry the same objects, so this module only converts: the rest of the
 * program knows one form. Bin becomes a hex string. Key order is kept.
 *
 * Every integer of 64 bits, signed or not, is written as its exact decimal number. Reading takes
 * integers up to 2^63 - 1 and refuses larger ones rather than round them. */
#ifndef BX_JSON_H
#define BX_JSON_H

#include "codec/pack.h"

/* Append v as JSON text; indent 0 gives one line. Ends without a newline.
 * BX_OK, BX_NO_MEMORY, or BX_INVALID for a value JSON can not express: a map key not a string,
 * text that is not UTF-8 or holds a NUL, an infinite number, an extension type. The buffer's
 * contents are unchanged then. */
int bx_json_write(struct bx_buf *b, bx_val v, unsigned indent);
/* Parse n bytes of JSON text and append the object as MessagePack. Depth at most BX_PACK_DEPTH,
 * no duplicate keys, at most max bytes. BX_OK, or BX_MALFORMED with line and column in err,
 * BX_TOO_LARGE, BX_NO_MEMORY; then the buffer's contents are unchanged. */
int bx_json_read(struct bx_buf *b, const char *text, size_t n, size_t max, struct bx_err *err);

#endif
