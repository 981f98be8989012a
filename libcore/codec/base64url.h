/* base64url - bytes as text: RFC 4648 section 5, without padding. */
#ifndef BX_BASE64URL_H
#define BX_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that n bytes become; there is no NUL. */
#define BX_BASE64URL_SIZE(n) (((size_t)(n)*8 + 5) / 6)

/* Write BX_BASE64URL_SIZE(n) characters; returns that. */
size_t bx_base64url_write(const void *p, size_t n, char *out);
/* Read n characters into out, which has n * 6 / 8 bytes; *n_out of them. False for a text that
 * bx_base64url_write does not make: bytes have one text. */
bool bx_base64url_read(const char *s, size_t n, void *out, size_t *n_out);

#endif
