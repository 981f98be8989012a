#include "diag/bag.h"

#include "mem/alloc.h"

#include <assert.h>

#define X(id, text) &bx_key_##id,
const struct bx_istr *const bx_common_keys[BX__TAGS] = {NULL, BX_COMMON_KEYS(X)};
#undef X

enum bx_common_key bx_common_key(struct bx_str key)
{
    for (int i = 1; i < BX__TAGS; i++)
        if (bx_common_keys[i]->len == key.n && memcmp(bx_common_keys[i]->s, key.p, key.n) == 0)
            return (enum bx_common_key)i;
    return BX_TAG_NONE;
}

/* ---- the store ---- */

int bx_bag_store_init(struct bx_bag_store *s, const char *name, uint32_t kept)
{
    *s = (struct bx_bag_store){.stats = {.name = name,
                                         .object_bytes = sizeof(struct bx_bag),
                                         .size = {.max = kept == 0 ? BX_BAG_POOLED : kept}}};
    s->free = bx_calloc(s->stats.size.max, sizeof *s->free);
    return s->free == NULL ? BX_NO_MEMORY : BX_OK;
}

static void weigh(struct bx_bag_store *s, struct bx_bag *b)
{
    bx_weigh(&s->weight, &b->weighed, sizeof *b + b->cap * sizeof *b->entries + b->text.cap);
}

static void destroy(struct bx_bag_store *s, struct bx_bag *b)
{
    bx_weigh(&s->weight, &b->weighed, 0);
    bx_free(b->entries);
    bx_buf_release(&b->text);
    bx_free(b);
}

void bx_bag_store_close(struct bx_bag_store *s)
{
    assert(s->stats.in_use == 0);
    while (s->stats.available > 0)
        destroy(s, s->free[--s->stats.available]);
    bx_free(s->free);
    *s = (struct bx_bag_store){.free = NULL};
}

static struct bx_bag *create(uint32_t cap)
{
    struct bx_bag *b = bx_calloc(1, sizeof *b);

    if (b == NULL)
        return NULL;
    b->cap = cap;
    b->entries = bx_alloc(cap * sizeof *b->entries);
    if (b->entries == NULL) {
        bx_free(b);
        return NULL;
    }
    return b;
}

static struct bx_bag *take(struct bx_bag_store *s)
{
    struct bx_pool_stats *st = &s->stats;
    struct bx_bag *b;

    if (st->available > 0) {
        b = s->free[--st->available];
        st->hits++;
    } else {
        b = create(BX_BAG_INITIAL);
        if (b == NULL)
            return NULL;
        st->misses++;
        st->created++;
        weigh(s, b);
    }
    b->refs = 1;
    if (++st->in_use > st->high_water)
        st->high_water = st->in_use;
    return b;
}

void bx_bag_give(struct bx_bag_store *s, struct bx_bag *b)
{
    struct bx_pool_stats *st = &s->stats;

    if (b == NULL || --b->refs > 0)
        return;
    st->in_use--;
    if (st->available == st->size.max || b->cap > BX_BAG_KEPT) {
        destroy(s, b);
        return;
    }
    b->n = b->garbage = 0;
    if (b->text.cap > BX_BAG_VALUE)
        bx_buf_release(&b->text);
    b->text.len = 0;
    weigh(s, b);
    s->free[st->available++] = b;
}

/* ---- entries ---- */

static int reserve_entries(struct bx_bag *b, uint32_t n)
{
    struct bx_bag_entry *more;
    uint32_t cap = b->cap;

    while (cap < n)
        cap *= 2;
    if (cap == b->cap)
        return BX_OK;
    more = bx_realloc(b->entries, cap * sizeof *more);
    if (more == NULL)
        return BX_NO_MEMORY;
    b->entries = more;
    b->cap = cap;
    return BX_OK;
}

/* Room for n entries in all, and for so much text more. */
static int reserve(struct bx_bag_store *s, struct bx_bag *b, uint32_t n, size_t text)
{
    int rc = reserve_entries(b, n);

    if (rc == BX_OK)
        rc = bx_buf_reserve(&b->text, text);
    weigh(s, b);
    return rc;
}

/* Copy what entries still have; there is room. */
static void pack(struct bx_bag *b, const struct bx_bag *from)
{
    for (uint32_t i = 0; i < from->n; i++) {
        struct bx_bag_entry e = from->entries[i];
        struct bx_str value = bx_bag_value(from, i);

        if (e.common == BX_TAG_NONE) {
            struct bx_str key = bx_bag_key(from, i);

            e.key_at = (uint32_t)b->text.len;
            bx_buf_append(&b->text, key.p, key.n);
        }
        e.value_at = (uint32_t)b->text.len;
        bx_buf_append(&b->text, value.p, value.n);
        b->entries[b->n++] = e;
    }
}

/* A copy without what no entry has any more; NULL: out of memory. */
static struct bx_bag *copy(struct bx_bag_store *s, const struct bx_bag *from)
{
    struct bx_bag *b = take(s);

    if (b == NULL)
        return NULL;
    if (reserve(s, b, from->n, from->text.len) != BX_OK) {
        bx_bag_give(s, b);
        return NULL;
    }
    if (from->garbage == 0) {
        memcpy(b->entries, from->entries, from->n * sizeof *b->entries);
        bx_buf_append(&b->text, from->text.data, from->text.len);
        b->n = from->n;
        return b;
    }
    pack(b, from);
    return b;
}

/* Make *b one that only the caller holds, without much garbage. */
static int own(struct bx_bag_store *s, struct bx_bag **b)
{
    struct bx_bag *mine;

    if (*b != NULL && (*b)->refs == 1 && (*b)->garbage <= BX_BAG_VALUE)
        return BX_OK;
    mine = *b == NULL ? take(s) : copy(s, *b);
    if (mine == NULL)
        return BX_NO_MEMORY;
    bx_bag_give(s, *b);
    *b = mine;
    return BX_OK;
}

static uint32_t find(const struct bx_bag *b, enum bx_common_key common, struct bx_str key)
{
    uint32_t i = 0;

    for (; i < b->n; i++) {
        const struct bx_bag_entry *e = &b->entries[i];

        if (e->common != common)
            continue;
        if (common != BX_TAG_NONE ||
            (e->key_n == key.n && memcmp(b->text.data + e->key_at, key.p, key.n) == 0))
            break;
    }
    return i;
}

/* Not in the middle of a character. */
static struct bx_str cut(struct bx_bag_store *s, struct bx_str text, uint32_t most)
{
    if (text.n <= most)
        return text;
    s->cut++;
    text.n = most;
    while (text.n > 0 && ((uint8_t)text.p[text.n] & 0xc0) == 0x80)
        text.n--;
    return text;
}

static int put(struct bx_bag_store *s, struct bx_bag **bag, enum bx_common_key common,
               struct bx_str key, struct bx_str value, bool json)
{
    struct bx_bag *b;
    struct bx_bag_entry *e;
    uint32_t i;

    if (own(s, bag) != BX_OK)
        return BX_NO_MEMORY;
    b = *bag;
    i = find(b, common, key);
    if (i == b->n && b->n == BX_BAG_MAX) {
        s->refused++;
        return BX_BUSY;
    }
    if (reserve(s, b, i + 1, (size_t)key.n + value.n) != BX_OK)
        return BX_NO_MEMORY;
    e = &b->entries[i];
    if (i < b->n) {
        b->garbage += e->value_n;
    } else {
        *e = (struct bx_bag_entry){
            .common = (uint8_t)common, .key_at = (uint32_t)b->text.len, .key_n = (uint16_t)key.n};
        bx_buf_append(&b->text, key.p, key.n);
        b->n++;
    }
    e->json = json;
    e->value_at = (uint32_t)b->text.len;
    e->value_n = (uint16_t)value.n;
    bx_buf_append(&b->text, value.p, value.n);
    return BX_OK;
}

int bx_bag_set(struct bx_bag_store *s, struct bx_bag **b, struct bx_str key, struct bx_str value,
               bool json)
{
    enum bx_common_key common = bx_common_key(key);

    if (json && value.n > BX_BAG_VALUE) { /* half of it would be no JSON */
        s->refused++;
        return BX_BUSY;
    }
    key = common == BX_TAG_NONE ? cut(s, key, BX_BAG_KEY) : (struct bx_str){"", 0};
    return put(s, b, common, key, cut(s, value, BX_BAG_VALUE), json);
}

struct bx_str bx_bag_get(const struct bx_bag *b, struct bx_str key)
{
    uint32_t i = b == NULL ? 0 : find(b, bx_common_key(key), key);

    return i == bx_bag_n(b) ? (struct bx_str){NULL, 0} : bx_bag_value(b, i);
}
