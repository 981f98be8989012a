#include "codec/schema.h"

bool bx_value_empty(const struct bx_field *f, const void *m)
{
    static const uint8_t zero[16];

    switch (f->type) {
    case BX_T_U8:
    case BX_T_ENUM:
        return memcmp(m, zero, 1) == 0;
    case BX_T_U16:
        return memcmp(m, zero, 2) == 0;
    case BX_T_U32:
        return memcmp(m, zero, 4) == 0;
    case BX_T_U64:
    case BX_T_I64:
    case BX_T_HEX64:
        return memcmp(m, zero, 8) == 0;
    case BX_T_UUID:
        return memcmp(m, zero, 16) == 0;
    case BX_T_RECORD:
        return bx_record_empty(f->sub, m);
    default:
        return false; /* bx_field_empty has decided */
    }
}

bool bx_record_empty(const struct bx_schema *s, const void *obj)
{
    uint32_t i = 0;

    while (i < s->n && bx_field_empty(&s->fields[i], obj))
        i++;
    return i == s->n;
}

void bx_uuid_format(const uint8_t uuid[16], char out[BX_UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = hex[uuid[i] >> 4];
        *out++ = hex[uuid[i] & 15];
    }
    *out = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool bx_uuid_parse(const char *s, size_t n, uint8_t uuid[16])
{
    uint8_t out[16];

    if (n != BX_UUID_TEXT - 1)
        return false;
    for (int i = 0; i < 16; i++) {
        int high, low;

        if ((i == 4 || i == 6 || i == 8 || i == 10) && *s++ != '-')
            return false;
        high = nibble(*s++);
        low = nibble(*s++);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(uuid, out, sizeof out);
    return true;
}

size_t bx_utf8_sequence(const unsigned char *s, size_t n)
{
    unsigned char low = 0x80, high = 0xBF; /* range of the second byte */
    size_t len;

    if (s[0] < 0x80)
        return s[0] != 0;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    len = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (n < len)
        return 0;
    if (s[0] == 0xE0)
        low = 0xA0; /* overlong forms */
    else if (s[0] == 0xED)
        high = 0x9F; /* surrogates */
    else if (s[0] == 0xF0)
        low = 0x90;
    else if (s[0] == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    return len;
}

bool bx_utf8_whole(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        size_t len;

        if (n - i >= 8 && bx_plain_text(s + i, 8)) {
            i += 8;
            continue;
        }
        len = bx_utf8_sequence((const unsigned char *)s + i, n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}
