/* bag - a small map of texts, shared by reference and copied when it is written: the tags, extra
 * values, contexts, user, fingerprint or attachments of a scope.
 *
 * Keys and values lie in one buffer; the common keys are not stored at all. At most BX_BAG_MAX
 * entries of BX_BAG_VALUE bytes: what is longer is cut and counted, what is more is refused and
 * counted. Bags come from a store of their thread, which keeps some of them with their memory; one
 * that other scopes use too only loses a reference when it is given back. Not thread-safe. */
#ifndef BX_BAG_H
#define BX_BAG_H

#include "codec/schema.h"
#include "diag/weight.h"
#include "mem/buf.h"
#include "mem/intern.h"
#include "mem/pool.h"

#define BX_BAG_INITIAL 8u /* entries without growing */
#define BX_BAG_KEPT 64u   /* one that has room for more is freed, not kept */
#define BX_BAG_POOLED 4u  /* bags that a store keeps, unless told otherwise */
#define BX_BAG_MAX 128u
#define BX_BAG_KEY 200u
#define BX_BAG_VALUE 4096u

/* The common keys of mem/intern.h: an entry has their number. */
#define X(id, text) BX_TAG_##id,
enum bx_common_key { BX_TAG_NONE, BX_COMMON_KEYS(X) BX__TAGS };
#undef X
extern const struct bx_istr *const bx_common_keys[BX__TAGS]; /* NULL for NONE */
/* BX_TAG_NONE: it is none of them. */
enum bx_common_key bx_common_key(struct bx_str key);

struct bx_bag_entry {
    uint32_t key_at, value_at; /* in text */
    uint16_t key_n, value_n;
    uint8_t common; /* enum bx_common_key; NONE: the key is in text */
    bool json;      /* the value is JSON, not text */
};

struct bx_bag_store;
struct bx_bag {
    uint32_t refs, n, cap;
    struct bx_bag_entry *entries;
    struct bx_buf text;
    uint32_t garbage; /* bytes of text that no entry has */
    size_t weighed;   /* bytes that the store's weight has of it */
};

struct bx_bag_store {
    struct bx_pool_stats stats; /* of bags; hits: taken from those kept */
    uint64_t cut, refused;      /* keys and values that were cut; entries that did not fit */
    struct bx_weight weight;    /* of all its bags, kept ones included */
    struct bx_bag **free;
};

/* kept: how many bags it keeps; 0: BX_BAG_POOLED. BX_OK, BX_NO_MEMORY. */
int bx_bag_store_init(struct bx_bag_store *s, const char *name, uint32_t kept);
/* Every bag must have been given back. */
void bx_bag_store_close(struct bx_bag_store *s);

/* One more holder; NULL is an empty bag. */
static inline struct bx_bag *bx_bag_ref(struct bx_bag *b)
{
    if (b != NULL)
        b->refs++;
    return b;
}
/* NULL is allowed. */
void bx_bag_give(struct bx_bag_store *s, struct bx_bag *b);
/* Set a value; *b, which may be NULL, is replaced by a copy first if others hold it. BX_OK; BX_BUSY
 * (BX_BAG_MAX), BX_NO_MEMORY: unchanged. */
int bx_bag_set(struct bx_bag_store *s, struct bx_bag **b, struct bx_str key, struct bx_str value,
               bool json);

static inline uint32_t bx_bag_n(const struct bx_bag *b)
{
    return b == NULL ? 0 : b->n;
}
static inline struct bx_str bx_bag_key(const struct bx_bag *b, uint32_t i)
{
    const struct bx_bag_entry *e = &b->entries[i];

    if (e->common != BX_TAG_NONE)
        return (struct bx_str){bx_common_keys[e->common]->s, bx_common_keys[e->common]->len};
    return (struct bx_str){(const char *)b->text.data + e->key_at, e->key_n};
}
static inline struct bx_str bx_bag_value(const struct bx_bag *b, uint32_t i)
{
    const struct bx_bag_entry *e = &b->entries[i];

    return (struct bx_str){(const char *)b->text.data + e->value_at, e->value_n};
}
/* The value of a key; p is NULL when there is none. */
struct bx_str bx_bag_get(const struct bx_bag *b, struct bx_str key);

#endif
