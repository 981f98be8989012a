#include "codec/base64url.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t bx_base64url_write(const void *p, size_t n, char *out)
{
    const uint8_t *bytes = p;
    uint32_t v = 0;
    unsigned bits = 0;
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        v = (v << 8 | bytes[i]) & 0xffff;
        for (bits += 8; bits >= 6; bits -= 6)
            out[at++] = digits[v >> (bits - 6) & 63];
    }
    if (bits > 0)
        out[at++] = digits[v << (6 - bits) & 63];
    return at;
}

bool bx_base64url_read(const char *s, size_t n, void *out, size_t *n_out)
{
    uint8_t *bytes = out;
    uint32_t v = 0;
    unsigned bits = 0;

    *n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = s[i] == '\0' ? NULL : strchr(digits, s[i]);

        if (at == NULL)
            return false;
        v = (v << 6 | (uint32_t)(at - digits)) & 0x3fff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        bytes[(*n_out)++] = (uint8_t)(v >> bits);
    }
    return bits < 6 && (v & ((1u << bits) - 1)) == 0;
}
