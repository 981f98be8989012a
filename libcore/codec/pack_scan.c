/* Finding the end of a MessagePack object. Separate from pack.c, because the flat form needs it in
 * programs that do not link msgpack-c. */
#include "codec/pack.h"

struct header {
    size_t size;       /* of the type prefix; 0: not all of it has arrived */
    uint64_t body;     /* bytes that follow */
    uint64_t children; /* objects that follow */
    bool container;
};

/* 0xC0 to 0xDF: bytes of a length, fixed bytes after the first, and what the length counts. */
enum counts { BYTES, OBJECTS, PAIRS };
static const struct {
    uint8_t length, fixed, counts;
} forms[32] = {
    [0x00] = {0, 0, BYTES},   [0x01] = {0, 0, BYTES},                          /* nil; none */
    [0x02] = {0, 0, BYTES},   [0x03] = {0, 0, BYTES},                          /* bool */
    [0x04] = {1, 0, BYTES},   [0x05] = {2, 0, BYTES},  [0x06] = {4, 0, BYTES}, /* bin */
    [0x07] = {1, 1, BYTES},   [0x08] = {2, 1, BYTES},  [0x09] = {4, 1, BYTES}, /* ext */
    [0x0a] = {0, 4, BYTES},   [0x0b] = {0, 8, BYTES},                          /* float */
    [0x0c] = {0, 1, BYTES},   [0x0d] = {0, 2, BYTES},                          /* uint */
    [0x0e] = {0, 4, BYTES},   [0x0f] = {0, 8, BYTES},  [0x10] = {0, 1, BYTES}, /* int */
    [0x11] = {0, 2, BYTES},   [0x12] = {0, 4, BYTES},  [0x13] = {0, 8, BYTES}, /* fixext */
    [0x14] = {0, 2, BYTES},   [0x15] = {0, 3, BYTES},  [0x16] = {0, 5, BYTES},
    [0x17] = {0, 9, BYTES},   [0x18] = {0, 17, BYTES}, [0x19] = {1, 0, BYTES}, /* str */
    [0x1a] = {2, 0, BYTES},   [0x1b] = {4, 0, BYTES},  [0x1c] = {2, 0, OBJECTS},
    [0x1d] = {4, 0, OBJECTS}, [0x1e] = {2, 0, PAIRS},  [0x1f] = {4, 0, PAIRS},
};

static uint32_t big_endian(const uint8_t *p, size_t n)
{
    uint32_t v = 0;

    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

static struct header read_long_header(const uint8_t *p, size_t n)
{
    uint8_t form = p[0] & 0x1f, length = forms[form].length;
    struct header h = {.size = 1 + (size_t)length, .body = forms[form].fixed};
    uint32_t count;

    if (n < h.size)
        return (struct header){0};
    count = big_endian(p + 1, length);
    if (forms[form].counts == BYTES) {
        h.body += count;
    } else {
        h.container = true;
        h.children = forms[form].counts == PAIRS ? 2 * (uint64_t)count : count;
    }
    return h;
}

static struct header read_header(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80 || p[0] >= 0xe0)
        return (struct header){.size = 1};
    if (p[0] < 0x90)
        return (struct header){.size = 1, .children = 2 * (p[0] & 15u), .container = true};
    if (p[0] < 0xa0)
        return (struct header){.size = 1, .children = p[0] & 15u, .container = true};
    if (p[0] < 0xc0)
        return (struct header){.size = 1, .body = p[0] & 31u};
    return read_long_header(p, n);
}

void bx_pack_scan_init(struct bx_pack_scan *s)
{
    *s = (struct bx_pack_scan){.bound = BX_PACK_DEPTH, .left = {1}, .missing = 1};
}

static bool complete(const struct bx_pack_scan *s)
{
    return s->depth == 0 && s->left[0] == 0;
}

/* Each expected object takes at least one byte, so an impossible count is refused at once. */
static bool fits(const struct bx_pack_scan *s, size_t max)
{
    return s->at <= max && s->missing <= max - s->at;
}

static int step(struct bx_pack_scan *s, const struct header *h, size_t max)
{
    s->at += h->size + h->body;
    s->left[s->depth]--;
    s->missing += h->children - 1;
    if (h->container) {
        if (s->depth == s->bound)
            return BX_TOO_LARGE;
        s->left[++s->depth] = h->children;
    }
    if (!fits(s, max))
        return BX_TOO_LARGE;
    while (s->depth > 0 && s->left[s->depth] == 0)
        s->depth--;
    return BX_OK;
}

/* s->at may exceed len, inside a string that has not fully arrived. */
int bx_pack_scan(struct bx_pack_scan *s, const uint8_t *data, size_t len, size_t max)
{
    int rc = fits(s, max) ? BX_OK : BX_TOO_LARGE;

    while (rc == BX_OK && !complete(s)) {
        struct header h;

        if (s->at >= len)
            return BX_BUSY;
        if (data[s->at] == 0xc1)
            return BX_MALFORMED;
        h = read_header(data + s->at, len - s->at);
        if (h.size == 0)
            return len < max ? BX_BUSY : BX_TOO_LARGE;
        rc = step(s, &h, max);
    }
    if (rc != BX_OK)
        return rc;
    return s->at <= len ? BX_OK : BX_BUSY;
}

bool bx_pack_is_value(const void *data, size_t n)
{
    struct bx_pack_scan s;

    bx_pack_scan_init(&s);
    s.bound = BX_VALUE_DEPTH;
    return bx_pack_scan(&s, data, n, n) == BX_OK && s.at == n;
}
