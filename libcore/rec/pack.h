/* pack - the words of an event, made where they are to lie. Inline, for rec.c and recevent.c: an
 * event is packed without a copy in between, straight into the ring. */
#ifndef BX_PACK_H
#define BX_PACK_H

#include "rec/recevent.h"

#include <endian.h>
#include <string.h>

#define BX_WORD 8u /* bytes */

static inline size_t bx_pack_words(size_t bytes)
{
    return (bytes + BX_WORD - 1) / BX_WORD;
}

/* How large a record will be, and how much of each string fits. */
struct bx_packed {
    uint16_t words;
    bool cut;
    uint16_t bytes[BX_SITE_FIELDS];
};

static inline void bx_pack(const struct bx_site *s, const struct bx_arg *args, struct bx_packed *p)
{
    size_t left = BX_RECEVENT_STR;

    p->words = (uint16_t)(BX_RECEVENT_HEADER + s->n);
    p->cut = false;
    for (unsigned i = 0; i < s->n; i++) {
        size_t bytes = args[i].n;

        if (!BX_ARG_HAS_BYTES(s->fields[i].type))
            continue;
        if (bytes > left) {
            bytes = left;
            p->cut = true;
        }
        left -= bytes;
        p->bytes[i] = (uint16_t)bytes;
        p->words = (uint16_t)(p->words + bx_pack_words(bytes));
    }
}

/* The last n < 8 bytes of a string as a word, in memory order, zeroes after them. `whole`: there
 * are 8 bytes before their end. Else two loads that overlap have all of them. */
static inline uint64_t bx_pack_tail(const char *p, size_t n, bool whole)
{
    uint64_t word = 0;
    uint32_t first, last;
    uint16_t half;

    if (whole) {
        memcpy(&word, p + n - BX_WORD, BX_WORD);
        return htole64(le64toh(word) >> (BX_WORD - n) * 8);
    }
    if (n >= 4) {
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return htole64(le32toh(first) | (uint64_t)le32toh(last) << (n - 4) * 8);
    }
    word = (uint8_t)p[n - 1];
    if (n == 1)
        return htole64(word);
    memcpy(&half, p, 2);
    return htole64(le16toh(half) | word << (n - 1) * 8);
}

static inline void bx_pack_bytes(struct bx_cursor *c, const char *p, size_t n)
{
    size_t left = n;
    uint64_t word;

    bx_cursor_put(c, n);
    for (; left >= BX_WORD; left -= BX_WORD, p += BX_WORD) {
        memcpy(&word, p, BX_WORD);
        bx_cursor_put(c, word);
    }
    if (left > 0)
        bx_cursor_put(c, bx_pack_tail(p, left, n >= BX_WORD));
}

/* Put the p->words words at the cursor. plain: no field has bytes. */
static inline __attribute__((always_inline)) void
bx_pack_put(struct bx_cursor *c, const struct bx_site *s, const struct bx_recevent *e,
            const struct bx_arg *args, const struct bx_packed *p, bool plain)
{
    uint64_t flags = p->cut ? BX_RECEVENT_CUT : 0;

    bx_cursor_put(c, p->words | flags << 16 | (uint64_t)s->level << 24 | (uint64_t)s->id << 32);
    bx_cursor_put(c, e->time_ns);
    bx_cursor_put(c, e->thread | (uint64_t)s->n << 16 | (uint64_t)e->seq << 32);
    bx_cursor_put(c, e->trace);
    for (unsigned i = 0; i < s->n; i++)
        if (!plain && BX_ARG_HAS_BYTES(s->fields[i].type))
            bx_pack_bytes(c, args[i].p, p->bytes[i]);
        else
            bx_cursor_put(c, args[i].u);
}

#endif
