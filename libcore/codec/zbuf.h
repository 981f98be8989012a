/* zbuf - items in one buffer, found by their number.
 *
 * Items stand one after the other, each 8-aligned, behind whatever the buffer held before the
 * first: a batch of commands is written so, behind the room for its head, and leaves as one piece;
 * the rows of a snapshot's chunk are found so. The bytes come from the pool that all buffers share
 * (mem/buf.h) and go back there, also through who takes them over; the list of places is kept for
 * the next use. A zeroed struct is ready. */
#ifndef BX_ZBUF_H
#define BX_ZBUF_H

#include "mem/buf.h"

#include <stdint.h>

struct bx_zitem {
    uint32_t at, n; /* in bytes */
};

struct bx_zbuf {
    struct bx_buf bytes;
    struct bx_zitem *items;
    uint32_t len, cap; /* of items */
};

/* Append an item that the caller fills, at the next multiple of 8: its number is z->len - 1 then.
 * NULL when memory is out or 4 GiB are full, and nothing is appended. Valid until the next
 * append. */
uint8_t *bx_zbuf_extend(struct bx_zbuf *z, size_t n);
/* Append a copy; *index is its number. BX_OK or BX_NO_MEMORY. */
int bx_zbuf_append(struct bx_zbuf *z, const void *src, size_t n, uint32_t *index);
/* What stands at `at` in the bytes already, and nowhere before the last item, becomes the next
 * item. BX_OK or BX_NO_MEMORY. */
int bx_zbuf_mark(struct bx_zbuf *z, size_t at, size_t n);
/* Item i, which is there, and its size. */
const uint8_t *bx_zbuf_get(const struct bx_zbuf *z, uint32_t i, size_t *n);
/* No items and no bytes; the memory stays. */
void bx_zbuf_clear(struct bx_zbuf *z);
void bx_zbuf_close(struct bx_zbuf *z);

#endif
