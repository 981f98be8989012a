#include "state/blob.h"

#include <assert.h>

#define KEYS 24u
#define BEFORE (BX_HEADER_SIZE + KEYS)
#define VERSION 1u

_Static_assert(BEFORE % 8 == 0, "records are aligned when the buffer is");

int bx_blob_begin(struct bx_buf *b)
{
    b->len = 0;
    return bx_buf_extend(b, BEFORE) == NULL ? BX_NO_MEMORY : BX_OK;
}

bool bx_blob_has_records(const struct bx_buf *b)
{
    return b->len > BEFORE;
}

void bx_blob_seal(struct bx_buf *b, enum bx_kind kind, uint64_t entry, uint64_t first,
                  uint64_t last)
{
    uint8_t *keys = b->data + BX_HEADER_SIZE;

    assert(bx_blob_has_records(b));
    bx_put64(keys, entry);
    bx_put64(keys + 8, first);
    bx_put64(keys + 16, last);
    bx_header_seal(b->data, (uint16_t)kind, VERSION, BX_CODEC_FLAT,
                   (uint32_t)(b->len - BX_HEADER_SIZE));
}

/* A record starts with its size. The magic of a header read as a size is far larger than any
 * record, even with one bit flipped. */
static bool is_headless(const struct bx_blob *b)
{
    return b->n >= 4 && bx_get32(b->p) <= b->n;
}

int bx_blob_open(const struct bx_blob *stored, enum bx_kind kind, struct bx_blob *records)
{
    const uint8_t *keys;
    struct bx_header head;

    *records = *stored;
    if (is_headless(stored))
        return BX_OK;
    if (bx_header_check(stored->p, stored->n, (uint16_t)kind, VERSION, &head) != BX_OK ||
        head.length != stored->n - BX_HEADER_SIZE || head.length < KEYS)
        return BX_CORRUPT;
    keys = stored->p + BX_HEADER_SIZE;
    if (bx_get64(keys) != stored->entry || bx_get64(keys + 8) != stored->first ||
        bx_get64(keys + 16) != stored->last)
        return BX_CORRUPT;
    records->p += BEFORE;
    records->n -= BEFORE;
    return BX_OK;
}
