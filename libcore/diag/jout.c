#include "diag/jout.h"

#include "codec/digits.h"

/* 1: as it is; 0: with a backslash; 2: part of a longer sequence. */
#define ROW(v) v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v
static const uint8_t classes[256] = {
    ROW(0), ROW(0), 1,      1,      0,      1,      1,     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ROW(1), ROW(1), 1,      1,      1,      1,      1,     1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1,
    ROW(1), 1,      1,      1,      1,      1,      1,     1, 1, 1, 1, 1, 1, 1, 1, 1, 0, ROW(2),
    ROW(2), ROW(2), ROW(2), ROW(2), ROW(2), ROW(2), ROW(2)};

static uint8_t *escape(uint8_t *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    const char *from = "\"\\\n\r\t", *to_short = "\"\\nrt", *at = c == 0 ? NULL : strchr(from, c);

    *to++ = '\\';
    if (at != NULL) {
        *to++ = (uint8_t)to_short[at - from];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = (uint8_t)hex[c >> 4];
    to[4] = (uint8_t)hex[c & 15];
    return to + 5;
}

uint8_t *bx_jout_quote(uint8_t *to, struct bx_str s)
{
    const uint8_t *p = (const uint8_t *)s.p;
    size_t at = 0;

    *to++ = '"';
    while (at < s.n) {
        size_t size = 1;

        if (classes[p[at]] == 1) {
            *to++ = p[at++];
            continue;
        }
        if (classes[p[at]] == 0) {
            to = escape(to, p[at++]);
            continue;
        }
        size = bx_utf8_sequence(p + at, s.n - at);
        memcpy(to, size == 0 ? (const uint8_t *)"\xef\xbf\xbd" : p + at, size == 0 ? 3 : size);
        to += size == 0 ? 3 : size;
        at += size == 0 ? 1 : size;
    }
    *to++ = '"';
    return to;
}

/* ---- into the buffer: room is made for the most that is written, then the rest is given back ----
 */

static uint8_t *room(struct bx_jout *j, size_t n)
{
    return bx_buf_reserve(j->out, n) == BX_OK ? j->out->data + j->out->len : NULL;
}

static void done(struct bx_jout *j, const uint8_t *end)
{
    j->out->len = (size_t)(end - j->out->data);
    j->comma = true;
}

static uint8_t *put(uint8_t *to, const char *p, size_t n)
{
    memcpy(to, p, n);
    return to + n;
}

#define KEY_ROOM(key) ((key).n + 4u)

static uint8_t *put_key(struct bx_jout *j, uint8_t *to, struct bx_str key)
{
    if (j->comma)
        *to++ = ',';
    if (key.n == 0)
        return to;
    *to++ = '"';
    to = put(to, key.p, key.n);
    *to++ = '"';
    *to++ = ':';
    return to;
}

void bx_jout_key(struct bx_jout *j, struct bx_str key)
{
    uint8_t *to = room(j, KEY_ROOM(key));

    if (to == NULL)
        return;
    done(j, put_key(j, to, key));
    j->comma = false;
}

void bx_jout_open(struct bx_jout *j, struct bx_str key, char bracket)
{
    uint8_t *to = room(j, KEY_ROOM(key) + 1);

    if (to == NULL)
        return;
    to = put_key(j, to, key);
    *to++ = (uint8_t)bracket;
    done(j, to);
    j->comma = false;
}

void bx_jout_close(struct bx_jout *j, char bracket)
{
    uint8_t *to = room(j, 1);

    if (to == NULL)
        return;
    *to = (uint8_t)bracket;
    done(j, to + 1);
}

void bx_jout_str(struct bx_jout *j, struct bx_str key, struct bx_str value)
{
    uint8_t *to = room(j, KEY_ROOM(key) + BX_JOUT_TEXT(value.n));

    if (to != NULL)
        done(j, bx_jout_quote(put_key(j, to, key), value));
}

void bx_jout_str_if(struct bx_jout *j, struct bx_str key, struct bx_str value)
{
    if (value.n > 0)
        bx_jout_str(j, key, value);
}

void bx_jout_u64(struct bx_jout *j, struct bx_str key, uint64_t value)
{
    uint8_t *to = room(j, KEY_ROOM(key) + BX_DIGITS_U64);

    if (to == NULL)
        return;
    to = put_key(j, to, key);
    done(j, to + bx_digits_u64((char *)to, value));
}

void bx_jout_bool(struct bx_jout *j, struct bx_str key, bool value)
{
    bx_jout_json(j, key, value ? bx_str("true") : bx_str("false"));
}

void bx_jout_hex(struct bx_jout *j, struct bx_str key, const uint8_t *p, size_t n)
{
    uint8_t *to = room(j, KEY_ROOM(key) + 2 * n + 2);

    if (to == NULL)
        return;
    to = put_key(j, to, key);
    *to++ = '"';
    to += bx_digits_hex((char *)to, p, n);
    *to++ = '"';
    done(j, to);
}

void bx_jout_time(struct bx_jout *j, struct bx_str key, uint64_t ns)
{
    uint8_t *to = room(j, KEY_ROOM(key) + BX_DIGITS_TIME + 2);

    if (to == NULL)
        return;
    to = put_key(j, to, key);
    *to++ = '"';
    to += bx_digits_time((char *)to, ns, 6);
    *to++ = '"';
    done(j, to);
}

void bx_jout_seconds(struct bx_jout *j, struct bx_str key, uint64_t ms)
{
    uint8_t *to = room(j, KEY_ROOM(key) + BX_DIGITS_U64 + 4);

    if (to == NULL)
        return;
    to = put_key(j, to, key);
    to += bx_digits_u64((char *)to, ms / 1000);
    *to++ = '.';
    *to++ = (uint8_t)('0' + ms / 100 % 10);
    *to++ = (uint8_t)('0' + ms / 10 % 10);
    *to++ = (uint8_t)('0' + ms % 10);
    done(j, to);
}

void bx_jout_json(struct bx_jout *j, struct bx_str key, struct bx_str json)
{
    uint8_t *to = room(j, KEY_ROOM(key) + json.n);

    if (to != NULL)
        done(j, put(put_key(j, to, key), json.p, json.n));
}

void bx_jout_member(struct bx_jout *j, struct bx_str key, struct bx_str value, bool json)
{
    uint8_t *to = room(j, BX_JOUT_TEXT(key.n) + BX_JOUT_TEXT(value.n) + 2);

    if (to == NULL)
        return;
    if (j->comma)
        *to++ = ',';
    to = bx_jout_quote(to, key);
    *to++ = ':';
    done(j, json ? put(to, value.p, value.n) : bx_jout_quote(to, value));
}
