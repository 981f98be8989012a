/* ring - records of one producer, in a ring of 64-bit words.
 *
 * Two ways to use one, which must not be mixed:
 *
 *   put_over    never fails and overwrites the oldest records; any thread may copy what is there
 *               (bx_ring_copy) at any time, without disturbing the producer. The flight recorder.
 *   put_if      drops the new record when there is no room; one consumer takes records out
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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BX_CACHE_LINE 64

struct bx_ring {
    struct { /* written by the producer */
        uint64_t head;
        uint64_t records; /* put in so far */
        uint64_t lost;    /* overwritten, or dropped */
        uint64_t seen;    /* put_if: tail as last read */
    } __attribute__((aligned(BX_CACHE_LINE))) in;
    struct {            /* written by who moves the tail */
        uint64_t tail;  /* the oldest record */
        uint64_t taken; /* put_if: records taken out */
    } __attribute__((aligned(BX_CACHE_LINE))) out;
    uint64_t *words __attribute__((aligned(BX_CACHE_LINE)));
    uint64_t mask;
};

/* words: a power of two, at least twice BX_RECEVENT_WORDS. False: no memory. */
bool bx_ring_open(struct bx_ring *r, size_t words);
void bx_ring_close(struct bx_ring *r);
/* n words of one record. */
void bx_ring_put_over(struct bx_ring *r, const uint64_t *record, size_t n);
/* False: dropped. */
bool bx_ring_put_if(struct bx_ring *r, const uint64_t *record, size_t n);
/* Copy whole records, the oldest first, up to max words; 0 when there are none. */
size_t bx_ring_take(struct bx_ring *r, uint64_t *out, size_t max);
/* Copy what is in a ring of put_over, the oldest first; max is at least the ring's words. The
 * number of words. Safe in a signal handler. */
size_t bx_ring_copy(const struct bx_ring *r, uint64_t *out, size_t max);
/* Words in use. */
size_t bx_ring_used(const struct bx_ring *r);

#endif
