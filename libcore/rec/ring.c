#include "rec/ring.h"

#include "mem/alloc.h"
#include "rec/recevent.h"

#include <assert.h>
#include <string.h>

#define LOAD(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
/* A producer that writes a whole ring during each of them is not waited for. */
#define COPY_TRIES 8

bool bx_ring_open(struct bx_ring *r, size_t words)
{
    assert((words & (words - 1)) == 0 && words >= 2 * BX_RECEVENT_WORDS);
    *r = (struct bx_ring){.mask = words - 1};
    r->words = bx_calloc(words, sizeof *r->words);
    return r->words != NULL;
}

void bx_ring_close(struct bx_ring *r)
{
    bx_free(r->words);
    r->words = NULL;
}

static void load(const struct bx_ring *r, uint64_t at, uint64_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = __atomic_load_n(&r->words[(at + i) & r->mask], __ATOMIC_ACQUIRE);
}

/* The consumer may have taken some since the tail was last read. */
bool bx_ring_look_for_room(struct bx_ring *r, size_t n)
{
    r->in.seen = __atomic_load_n(&r->out.tail, __ATOMIC_ACQUIRE);
    if (r->in.head + n - r->in.seen <= r->mask + 1)
        return true;
    STORE(&r->in.lost, r->in.lost + 1);
    return false;
}

size_t bx_ring_take(struct bx_ring *r, uint64_t *out, size_t max)
{
    uint64_t head = __atomic_load_n(&r->in.head, __ATOMIC_ACQUIRE), tail = r->out.tail;
    size_t n = 0;

    while (tail + n < head) {
        size_t words = bx_recevent_words(LOAD(&r->words[(tail + n) & r->mask]));

        if (n + words > max)
            break;
        load(r, tail + n, out + n, words);
        n += words;
        STORE(&r->out.taken, r->out.taken + 1);
    }
    __atomic_store_n(&r->out.tail, tail + n, __ATOMIC_RELEASE);
    return n;
}

/* Head is read before tail, so that what lies between them fits into the ring. */
static size_t copy_once(const struct bx_ring *r, uint64_t *out, size_t max)
{
    uint64_t head = __atomic_load_n(&r->in.head, __ATOMIC_ACQUIRE);
    uint64_t tail = __atomic_load_n(&r->out.tail, __ATOMIC_ACQUIRE), now;
    size_t n;

    if (tail >= head || head - tail > max)
        return 0;
    n = (size_t)(head - tail);
    load(r, tail, out, n);
    now = LOAD(&r->out.tail);
    if (now >= head)
        return 0;
    if (now > tail) {
        n -= (size_t)(now - tail);
        memmove(out, out + (now - tail), n * sizeof *out);
    }
    return n;
}

size_t bx_ring_copy(const struct bx_ring *r, uint64_t *out, size_t max)
{
    size_t n = 0;

    for (int tries = 0; n == 0 && tries < COPY_TRIES && LOAD(&r->in.head) > 0; tries++)
        n = copy_once(r, out, max);
    return n;
}

size_t bx_ring_used(const struct bx_ring *r)
{
    uint64_t tail = LOAD(&r->out.tail), head = LOAD(&r->in.head);

    return head > tail ? (size_t)(head - tail) : 0;
}
