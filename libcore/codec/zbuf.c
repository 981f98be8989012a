#include "codec/zbuf.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/vec.h"

#include <assert.h>
#include <string.h>

#define ALIGN 8u

static int reserve_item(struct bx_zbuf *z)
{
    struct bx_zitem *items;
    size_t cap;

    if (z->len < z->cap)
        return BX_OK;
    cap = bx_vec_headroom((size_t)z->len + 64);
    if (cap > UINT32_MAX)
        return BX_NO_MEMORY;
    items = bx_realloc(z->items, cap * sizeof *items);
    if (items == NULL)
        return BX_NO_MEMORY;
    z->items = items;
    z->cap = (uint32_t)cap;
    return BX_OK;
}

uint8_t *bx_zbuf_extend(struct bx_zbuf *z, size_t n)
{
    size_t gap = (size_t)-z->bytes.len % ALIGN;
    uint8_t *p;

    if (n > UINT32_MAX - ALIGN || z->bytes.len > UINT32_MAX - ALIGN - n || reserve_item(z) != BX_OK)
        return NULL;
    p = bx_buf_extend(&z->bytes, gap + n);
    if (p == NULL)
        return NULL;
    memset(p, 0, gap);
    z->items[z->len++] = (struct bx_zitem){(uint32_t)(z->bytes.len - n), (uint32_t)n};
    return p + gap;
}

int bx_zbuf_append(struct bx_zbuf *z, const void *src, size_t n, uint32_t *index)
{
    uint8_t *p = bx_zbuf_extend(z, n);

    if (p == NULL)
        return BX_NO_MEMORY;
    if (n > 0)
        memcpy(p, src, n);
    *index = z->len - 1;
    return BX_OK;
}

int bx_zbuf_mark(struct bx_zbuf *z, size_t at, size_t n)
{
    assert(n <= z->bytes.len && at <= z->bytes.len - n && z->bytes.len <= UINT32_MAX);
    assert(z->len == 0 || at >= (size_t)z->items[z->len - 1].at + z->items[z->len - 1].n);
    if (reserve_item(z) != BX_OK)
        return BX_NO_MEMORY;
    z->items[z->len++] = (struct bx_zitem){(uint32_t)at, (uint32_t)n};
    return BX_OK;
}

const uint8_t *bx_zbuf_get(const struct bx_zbuf *z, uint32_t i, size_t *n)
{
    assert(i < z->len);
    *n = z->items[i].n;
    return z->bytes.data + z->items[i].at;
}

void bx_zbuf_clear(struct bx_zbuf *z)
{
    z->bytes.len = 0;
    z->len = 0;
}

void bx_zbuf_close(struct bx_zbuf *z)
{
    bx_buf_release(&z->bytes);
    bx_free(z->items);
    *z = (struct bx_zbuf){.items = NULL};
}
