/* recevent - one event as it lies in a ring, in a file and in a snapshot: 64-bit words, of the
 * machine's byte order.
 *
 *   word 0   length in words (low 16 bits), flags (8), level (8), id of the site (32)
 *   word 1   nanoseconds since 1970
 *   word 2   thread (16 bits), number of fields (8), 0 (8), sequence number of the thread (32)
 *   word 3   trace id, the low 64 bits of it; 0: none
 *   then     one word for each field; a string or UUID has its length in bytes in that word, and
 *            its bytes in the words that follow it
 *
 * 32 bytes without fields, 64 with four numbers. */
#ifndef BX_RECEVENT_H
#define BX_RECEVENT_H

#include "rec/site.h"

#define BX_RECEVENT_HEADER 4u  /* words */
#define BX_RECEVENT_WORDS 192u /* of the largest record */
#define BX_RECEVENT_STR 1200u  /* bytes of all strings of a record; what is longer is cut */

enum { BX_RECEVENT_CUT = 1 }; /* flag: a string was cut */

static inline size_t bx_recevent_words(uint64_t word0)
{
    return (size_t)(word0 & 0xffff);
}

/* The number of records in n words, whole and sound ones. */
static inline uint64_t bx_recevent_count(const uint64_t *words, size_t n)
{
    uint64_t count = 0;

    for (size_t at = 0; at < n; at += bx_recevent_words(words[at]))
        count++;
    return count;
}

static inline bool bx_recevent_cut(uint64_t word0)
{
    return (word0 >> 16 & BX_RECEVENT_CUT) != 0;
}

/* A record taken apart. Strings point into the words it was read from. */
struct bx_recevent {
    const struct bx_site *site;
    const char *origin; /* name of the node it was read from; NULL: not told */
    uint64_t time_ns, trace;
    uint32_t seq;
    uint16_t thread;
    uint8_t level;
    bool cut;
    uint8_t n;
    struct bx_arg args[BX_SITE_FIELDS];
};

/* Where the words of a record go: word `at` of a ring, which other threads read, or of an array. */
struct bx_cursor {
    uint64_t *words, mask, at;
};
static inline void bx_cursor_put(struct bx_cursor *c, uint64_t word)
{
    __atomic_store_n(&c->words[c->at++ & c->mask], word, __ATOMIC_RELEASE);
}

/* Write the words of an event of this site to an array; room for BX_RECEVENT_WORDS. The number of
 * words. */
size_t bx_recevent_write(uint64_t *out, const struct bx_site *s, const struct bx_recevent *e,
                         const struct bx_arg *args);
/* Read one record of at most n words; sites are those of the program that wrote it. The number of
 * words, or 0 when it is damaged: what follows can not be found then. */
size_t bx_recevent_read(const uint64_t *words, size_t n, struct bx_sites sites,
                        struct bx_recevent *out);

#endif
