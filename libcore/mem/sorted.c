#include "mem/sorted.h"

#include "err.h"
#include "mem/alloc.h"

#include <string.h>

/* ---- search ---- */

/* The block that has the key, or would have it: the last one whose first item is not greater. */
static uint32_t find_block(const struct bx_sorted *s, bx_sorted_cmp cmp, const void *key)
{
    uint32_t lo = 0, hi = s->n_blocks;

    while (lo + 1 < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (cmp(s->blocks[mid]->items[0], key) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The first item of the block that is not less than the key; *found: it is equal. */
static uint32_t find_item(const struct bx_sorted_block *b, bx_sorted_cmp cmp, const void *key,
                          bool *found)
{
    uint32_t lo = 0, hi = b->n;

    *found = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int order = cmp(b->items[mid], key);

        *found = *found || order == 0;
        if (order < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct bx_sorted_place bx_sorted_after(const struct bx_sorted *s, bx_sorted_cmp cmp,
                                       const void *key)
{
    struct bx_sorted_place at = {0, 0};
    bool found;

    if (s->n_blocks == 0)
        return at;
    at.block = find_block(s, cmp, key);
    at.item = find_item(s->blocks[at.block], cmp, key, &found);
    at.item += found;
    return at;
}

const void *bx_sorted_next(const struct bx_sorted *s, struct bx_sorted_place *at)
{
    if (at->block < s->n_blocks && at->item == s->blocks[at->block]->n)
        *at = (struct bx_sorted_place){at->block + 1, 0};
    return at->block < s->n_blocks ? s->blocks[at->block]->items[at->item++] : NULL;
}

/* ---- blocks ---- */

/* Ensure that there is a block after those in use. */
static int make_block(struct bx_sorted *s)
{
    if (s->n_blocks < s->n_made)
        return BX_OK;
    if (s->n_made == s->cap_blocks) {
        uint32_t cap = s->cap_blocks + s->cap_blocks / 2 + 4;
        struct bx_sorted_block **blocks = bx_realloc(s->blocks, cap * sizeof *blocks);

        if (blocks == NULL)
            return BX_NO_MEMORY;
        s->blocks = blocks;
        s->cap_blocks = cap;
    }
    s->blocks[s->n_made] = bx_alloc(sizeof **s->blocks);
    if (s->blocks[s->n_made] == NULL)
        return BX_NO_MEMORY;
    s->n_made++;
    return BX_OK;
}

/* An empty block at this place of the list; NULL when memory is exhausted. */
static struct bx_sorted_block *insert_block(struct bx_sorted *s, uint32_t at)
{
    struct bx_sorted_block *b;

    if (make_block(s) != BX_OK)
        return NULL;
    b = s->blocks[s->n_blocks];
    b->n = 0;
    memmove(&s->blocks[at + 1], &s->blocks[at], (s->n_blocks - at) * sizeof *s->blocks);
    s->blocks[at] = b;
    s->n_blocks++;
    return b;
}

static void remove_block(struct bx_sorted *s, uint32_t at)
{
    struct bx_sorted_block *b = s->blocks[at];

    s->n_blocks--;
    memmove(&s->blocks[at], &s->blocks[at + 1], (s->n_blocks - at) * sizeof *s->blocks);
    s->blocks[s->n_blocks] = b;
}

/* The block is full and an item is to be added at this place: move the second half to a new block.
 * An item greater than all others starts a new block, so items added in order fill their blocks. */
static int split(struct bx_sorted *s, struct bx_sorted_place *at)
{
    struct bx_sorted_block *from = s->blocks[at->block];
    bool last = at->block + 1 == s->n_blocks && at->item == from->n;
    struct bx_sorted_block *to = insert_block(s, at->block + 1);
    uint32_t keep = last ? from->n : from->n / 2;

    if (to == NULL)
        return BX_NO_MEMORY;
    to->n = from->n - keep;
    memcpy(to->items, &from->items[keep], to->n * sizeof *to->items);
    from->n = keep;
    if (last || at->item > keep)
        *at = (struct bx_sorted_place){at->block + 1, at->item - keep};
    return BX_OK;
}

/* Merge the block with the next one if both together fill at most half of it. */
static void merge(struct bx_sorted *s, uint32_t at)
{
    struct bx_sorted_block *b = s->blocks[at], *next;

    if (at + 1 >= s->n_blocks)
        return;
    next = s->blocks[at + 1];
    if (b->n + next->n > BX_SORTED_BLOCK / 2)
        return;
    memcpy(&b->items[b->n], next->items, next->n * sizeof *next->items);
    b->n += next->n;
    remove_block(s, at + 1);
}

/* ---- changing ---- */

int bx_sorted_add(struct bx_sorted *s, bx_sorted_cmp cmp, const void *key, const void *item)
{
    struct bx_sorted_place at;
    struct bx_sorted_block *b;

    if (s->n_blocks == 0 && insert_block(s, 0) == NULL)
        return BX_NO_MEMORY;
    at = s->n == 0 ? (struct bx_sorted_place){0, 0} : bx_sorted_after(s, cmp, key);
    if (s->blocks[at.block]->n == BX_SORTED_BLOCK && split(s, &at) != BX_OK)
        return BX_NO_MEMORY;
    b = s->blocks[at.block];
    memmove(&b->items[at.item + 1], &b->items[at.item], (b->n - at.item) * sizeof *b->items);
    b->items[at.item] = item;
    b->n++;
    s->n++;
    return BX_OK;
}

bool bx_sorted_remove(struct bx_sorted *s, bx_sorted_cmp cmp, const void *key)
{
    uint32_t at = find_block(s, cmp, key), item;
    struct bx_sorted_block *b;
    bool found = false;

    if (s->n == 0)
        return false;
    b = s->blocks[at];
    item = find_item(b, cmp, key, &found);
    if (!found)
        return false;
    b->n--;
    s->n--;
    memmove(&b->items[item], &b->items[item + 1], (b->n - item) * sizeof *b->items);
    if (b->n == 0)
        remove_block(s, at);
    else
        merge(s, at);
    return true;
}

void bx_sorted_close(struct bx_sorted *s)
{
    for (uint32_t i = 0; i < s->n_made; i++)
        bx_free(s->blocks[i]);
    bx_free(s->blocks);
    *s = (struct bx_sorted){0};
}
