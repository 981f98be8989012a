/* ring - records of one producer, in a ring of 64-bit words.
 *
 * A record is written in three steps: make room for it, put each of its words, end. Two ways to
 * make room, which must not be mixed:
 *
 *   room_over   never fails and overwrites the oldest records; any thread may copy what is there
 *               (bx_ring_copy) at any time, without disturbing the producer. The flight recorder.
 *   room_if     drops the new record when there is none; one consumer takes records out
 *               (bx_ring_take). The queue to a sink.
 *
 * A record is a run of words whose first one gives its length (recevent.h). The positions `head`
 * and `tail` count words and never wrap; each has a cache line of its own. A copy is validated as
 * in a seqlock: the producer moves `tail` beyond what it is about to overwrite before it writes,
 * and a reader drops what `tail` has passed once it has copied it. The words are atomics with
 * release and acquire, so who has read one of the new words sees that tail (H.-J. Boehm, "Can
 * seqlocks get along with programming language memory models?", MSPC 2012). */
#ifndef BX_RING_H
#define BX_RING_H

#include "rec/recevent.h"

#include <assert.h>

#define BX_CACHE_LINE 64

struct bx_ring {
    struct { /* written by the producer */
        uint64_t head;
        uint64_t records; /* put in so far */
        uint64_t lost;    /* overwritten, or dropped */
        uint64_t seen;    /* room_if: tail as last read */
    } __attribute__((aligned(BX_CACHE_LINE))) in;
    struct {            /* written by who moves the tail */
        uint64_t tail;  /* the oldest record */
        uint64_t taken; /* room_if: records taken out */
    } __attribute__((aligned(BX_CACHE_LINE))) out;
    uint64_t *words __attribute__((aligned(BX_CACHE_LINE)));
    uint64_t mask;
};

/* words: a power of two, at least twice BX_RECEVENT_WORDS. False: no memory. */
bool bx_ring_open(struct bx_ring *r, size_t words);
void bx_ring_close(struct bx_ring *r);

/* ---- writing; inline, as it is done for every event ---- */

/* Make room for a record of n words. */
static inline void bx_ring_room_over(struct bx_ring *r, size_t n)
{
    const uint64_t *words = r->words;
    uint64_t mask = r->mask, end = r->in.head + n, tail = r->out.tail, lost = r->in.lost;

    assert(n >= 1 && n <= BX_RECEVENT_WORDS);
    if (end - tail <= mask + 1)
        return;
    do {
        tail += bx_recevent_words(words[tail & mask]);
        lost++;
    } while (end - tail > mask + 1);
    __atomic_store_n(&r->in.lost, lost, __ATOMIC_RELAXED);
    __atomic_store_n(&r->out.tail, tail, __ATOMIC_RELAXED);
}
bool bx_ring_look_for_room(struct bx_ring *r, size_t n); /* of the module's own */
/* False: there is none, the record is dropped, and nothing else is to be done. */
static inline bool bx_ring_room_if(struct bx_ring *r, size_t n)
{
    assert(n >= 1 && n <= BX_RECEVENT_WORDS);
    return r->in.head + n - r->in.seen <= r->mask + 1 || bx_ring_look_for_room(r, n);
}
/* Where its words go; then bx_cursor_put for each of the n. */
static inline struct bx_cursor bx_ring_cursor(const struct bx_ring *r)
{
    return (struct bx_cursor){.words = r->words, .mask = r->mask, .at = r->in.head};
}
/* The record is whole: others see it. */
static inline void bx_ring_end(struct bx_ring *r, struct bx_cursor c)
{
    __atomic_store_n(&r->in.head, c.at, __ATOMIC_RELEASE);
    __atomic_store_n(&r->in.records, r->in.records + 1, __ATOMIC_RELAXED);
}

/* ---- reading ---- */

/* Copy whole records, the oldest first, up to max words; 0 when there are none. */
size_t bx_ring_take(struct bx_ring *r, uint64_t *out, size_t max);
/* Copy what is in a ring of room_over, the oldest first; max is at least the ring's words. The
 * number of words. Safe in a signal handler. */
size_t bx_ring_copy(const struct bx_ring *r, uint64_t *out, size_t max);
/* Words in use. */
size_t bx_ring_used(const struct bx_ring *r);

#endif
