#include "diag/crumb.h"

#include "mem/alloc.h"

#include <assert.h>

#define TEXT_KEPT 8192u /* bytes of text that a kept list may have */
#define PAIR_HEAD 4u

const struct bx_str bx_severities[BX__SEVERITIES] = {
    {"debug", 5}, {"info", 4}, {"warning", 7}, {"error", 5}, {"fatal", 5}};

/* ---- the store ---- */

int bx_crumb_store_init(struct bx_crumb_store *s, uint32_t max, uint32_t kept)
{
    assert(max <= BX_CRUMBS_BOUND);
    *s = (struct bx_crumb_store){
        .stats = {.name = "breadcrumbs",
                  .object_bytes = sizeof(struct bx_crumbs),
                  .size = {.max = kept == 0 ? BX_CRUMBS_POOLED : kept}},
        .max = max == 0 ? BX_CRUMBS : max,
    };
    s->free = bx_calloc(s->stats.size.max, sizeof *s->free);
    return s->free == NULL ? BX_NO_MEMORY : BX_OK;
}

static void weigh(struct bx_crumb_store *s, struct bx_crumbs *c)
{
    bx_weigh(&s->weight, &c->weighed, sizeof *c + c->cap * sizeof *c->slots + c->text.cap);
}

static void destroy(struct bx_crumb_store *s, struct bx_crumbs *c)
{
    bx_weigh(&s->weight, &c->weighed, 0);
    bx_free(c->slots);
    bx_buf_release(&c->text);
    bx_free(c);
}

void bx_crumb_store_close(struct bx_crumb_store *s)
{
    assert(s->stats.in_use == 0);
    while (s->stats.available > 0)
        destroy(s, s->free[--s->stats.available]);
    bx_free(s->free);
    *s = (struct bx_crumb_store){.free = NULL};
}

static struct bx_crumbs *create(void)
{
    struct bx_crumbs *c = bx_calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->cap = BX_CRUMBS_INITIAL;
    c->slots = bx_alloc(c->cap * sizeof *c->slots);
    if (c->slots == NULL) {
        bx_free(c);
        return NULL;
    }
    return c;
}

static struct bx_crumbs *take(struct bx_crumb_store *s)
{
    struct bx_pool_stats *st = &s->stats;
    struct bx_crumbs *c;

    if (st->available > 0) {
        c = s->free[--st->available];
        st->hits++;
    } else {
        c = create();
        if (c == NULL)
            return NULL;
        st->misses++;
        st->created++;
        weigh(s, c);
    }
    c->refs = 1;
    if (++st->in_use > st->high_water)
        st->high_water = st->in_use;
    return c;
}

void bx_crumbs_give(struct bx_crumb_store *s, struct bx_crumbs *c)
{
    struct bx_pool_stats *st = &s->stats;

    if (c == NULL || --c->refs > 0)
        return;
    st->in_use--;
    if (st->available == st->size.max || c->cap > BX_CRUMBS_KEPT) {
        destroy(s, c);
        return;
    }
    c->n = c->first = 0;
    if (c->text.cap > TEXT_KEPT)
        bx_buf_release(&c->text);
    c->text.len = 0;
    weigh(s, c);
    s->free[st->available++] = c;
}

struct bx_crumbs *bx_crumbs_ref(struct bx_crumbs *c)
{
    if (c != NULL)
        c->refs++;
    return c;
}

/* ---- the ring ---- */

/* Where the text of the crumbs begins: they lie in the order in which they were added. */
static uint32_t text_begin(const struct bx_crumbs *c)
{
    return c->n == 0 ? (uint32_t)c->text.len : bx_crumbs_slot(c, 0)->at;
}

/* Copy crumbs and their text to where they start at 0; `to` has room. */
static void move(struct bx_crumbs *to, const struct bx_crumbs *from)
{
    uint32_t begin = text_begin(from);

    for (uint32_t i = 0; i < from->n; i++) {
        to->slots[i] = *bx_crumbs_slot(from, i);
        to->slots[i].at -= begin;
    }
    to->first = 0;
    to->n = from->n;
    to->text.len = 0;
    if (from->n > 0)
        bx_buf_append(&to->text, from->text.data + begin, from->text.len - begin);
}

static int grow(struct bx_crumbs *c, uint32_t n)
{
    uint32_t cap = c->cap;
    struct bx_crumb_slot *slots;

    while (cap < n)
        cap *= 2;
    if (cap == c->cap)
        return BX_OK;
    slots = bx_alloc(cap * sizeof *slots);
    if (slots == NULL)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < c->n; i++)
        slots[i] = *bx_crumbs_slot(c, i);
    bx_free(c->slots);
    c->slots = slots;
    c->cap = cap;
    c->first = 0;
    return BX_OK;
}

/* Make room for n bytes of text: first where that of dropped crumbs was. */
static int reserve_text(struct bx_crumbs *c, size_t n)
{
    uint32_t begin = text_begin(c);

    if (begin > 0 && c->text.cap - c->text.len < n && begin >= c->text.len / 2) {
        memmove(c->text.data, c->text.data + begin, c->text.len - begin);
        c->text.len -= begin;
        for (uint32_t i = 0; i < c->n; i++)
            bx_crumbs_slot(c, i)->at -= begin;
    }
    return bx_buf_reserve(&c->text, n);
}

/* Drop the oldest ones, so that n more fit. */
static void evict(struct bx_crumb_store *s, struct bx_crumbs *c, uint32_t n)
{
    uint32_t over = c->n + n > s->max ? c->n + n - s->max : 0;

    c->first = (c->first + over) & (c->cap - 1);
    c->n -= over;
    s->evicted += over;
    if (c->n == 0)
        c->text.len = 0;
}

static int own(struct bx_crumb_store *s, struct bx_crumbs **c, uint32_t n)
{
    struct bx_crumbs *mine = *c;

    if (mine == NULL || mine->refs > 1) {
        mine = take(s);
        if (mine == NULL)
            return BX_NO_MEMORY;
        if (*c != NULL && (grow(mine, (*c)->n) != BX_OK ||
                           bx_buf_reserve(&mine->text, (*c)->text.len) != BX_OK)) {
            bx_crumbs_give(s, mine);
            return BX_NO_MEMORY;
        }
        if (*c != NULL)
            move(mine, *c);
        bx_crumbs_give(s, *c);
        *c = mine;
    }
    return grow(mine, mine->n + n < s->max ? mine->n + n : s->max);
}

/* ---- adding ---- */

/* As much of a text as is kept, and not half a character. */
static struct bx_str clip(struct bx_str text)
{
    if (text.n <= BX_CRUMB_TEXT)
        return text;
    text.n = BX_CRUMB_TEXT;
    while (text.n > 0 && ((uint8_t)text.p[text.n] & 0xc0) == 0x80)
        text.n--;
    return text;
}

static uint8_t *put(uint8_t *at, struct bx_str s)
{
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    return at + s.n;
}

static size_t size_of(const struct bx_crumb *crumb)
{
    size_t n = crumb->fixed ? 0 : clip(crumb->category).n + clip(crumb->message).n;

    for (uint32_t i = 0; i < crumb->n && i < BX_CRUMB_PAIRS; i++)
        n += PAIR_HEAD + clip(crumb->data[i].key).n + clip(crumb->data[i].value).n;
    return n;
}

static void add_pairs(struct bx_crumb_store *s, struct bx_crumbs *c, const struct bx_crumb *crumb,
                      uint32_t n)
{
    uint8_t *at = c->text.data + c->text.len;

    for (uint32_t i = 0; i < n; i++) {
        const struct bx_pair *pair = &crumb->data[i];
        struct bx_str key = clip(pair->key), value = clip(pair->value);
        uint16_t head[2] = {(uint16_t)key.n, (uint16_t)value.n};

        s->cut += (key.n < pair->key.n) + (value.n < pair->value.n);
        memcpy(at, head, PAIR_HEAD);
        at = put(put(at + PAIR_HEAD, key), value);
    }
    c->text.len = (size_t)(at - c->text.data);
}

/* There is room. */
static void add(struct bx_crumb_store *s, struct bx_crumbs *c, const struct bx_crumb *crumb)
{
    struct bx_str category = clip(crumb->category), message = clip(crumb->message);
    struct bx_crumb_slot *to = bx_crumbs_slot(c, c->n);
    uint32_t n = crumb->n < BX_CRUMB_PAIRS ? crumb->n : BX_CRUMB_PAIRS;

    *to = (struct bx_crumb_slot){.time_ns = crumb->time_ns,
                                 .category = crumb->fixed ? category.p : NULL,
                                 .message = crumb->fixed ? message.p : NULL,
                                 .at = (uint32_t)c->text.len,
                                 .category_n = (uint16_t)category.n,
                                 .message_n = (uint16_t)message.n,
                                 .level = (uint8_t)crumb->level,
                                 .n = (uint8_t)n};
    if (!crumb->fixed) {
        put(put(c->text.data + c->text.len, category), message);
        c->text.len += category.n + message.n;
    }
    s->cut += (category.n < crumb->category.n) + (message.n < crumb->message.n) + (crumb->n - n);
    if (n > 0)
        add_pairs(s, c, crumb, n);
    c->n++;
    s->added++;
}

bool bx_crumbs_copy(struct bx_crumb_store *s, struct bx_crumbs *c, uint64_t time_ns,
                    enum bx_severity level, struct bx_str category, struct bx_str message)
{
    uint32_t size = category.n + message.n;

    if (category.n > BX_CRUMB_TEXT || message.n > BX_CRUMB_TEXT || !bx_crumbs_make_room(s, c, size))
        return false;
    *bx_crumbs_slot(c, c->n) = (struct bx_crumb_slot){.time_ns = time_ns,
                                                      .at = (uint32_t)c->text.len,
                                                      .category_n = (uint16_t)category.n,
                                                      .message_n = (uint16_t)message.n,
                                                      .level = (uint8_t)level};
    put(put(c->text.data + c->text.len, category), message);
    c->text.len += size;
    c->n++;
    s->added++;
    return true;
}

int bx_crumbs_add(struct bx_crumb_store *s, struct bx_crumbs **c, const struct bx_crumb *crumbs,
                  uint32_t n)
{
    uint32_t skip = n > s->max ? n - s->max : 0;
    size_t size = 0;
    int rc;

    crumbs += skip;
    n -= skip;
    for (uint32_t i = 0; i < n; i++)
        size += size_of(&crumbs[i]);
    if (own(s, c, n) != BX_OK)
        return BX_NO_MEMORY;
    rc = reserve_text(*c, size);
    weigh(s, *c);
    if (rc != BX_OK)
        return rc;
    evict(s, *c, n);
    for (uint32_t i = 0; i < n; i++)
        add(s, *c, &crumbs[i]);
    s->added += skip;
    s->evicted += skip;
    return BX_OK;
}

struct bx_crumb bx_crumbs_get(const struct bx_crumbs *c, uint32_t i,
                              struct bx_pair pairs[BX_CRUMB_PAIRS])
{
    const struct bx_crumb_slot *from = bx_crumbs_slot(c, i);
    const char *at = (const char *)c->text.data + from->at;
    struct bx_crumb crumb = {.time_ns = from->time_ns,
                             .level = (enum bx_severity)from->level,
                             .category = {from->category, from->category_n},
                             .message = {from->message, from->message_n},
                             .data = pairs,
                             .n = from->n,
                             .fixed = from->category != NULL};

    if (!crumb.fixed) {
        crumb.category.p = at;
        crumb.message.p = at + from->category_n;
        at += from->category_n + from->message_n;
    }
    for (uint32_t k = 0; k < from->n; k++) {
        uint16_t head[2];

        memcpy(head, at, PAIR_HEAD);
        at += PAIR_HEAD;
        pairs[k] = (struct bx_pair){{at, head[0]}, {at + head[0], head[1]}};
        at += head[0] + head[1];
    }
    return crumb;
}
