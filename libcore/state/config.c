/* config - VM configurations, shared by all VMs that have an equal one.
 *
 * Name and tenant belong to a VM and are interned; the rest of the configuration is the same for
 * most VMs of a fleet. A shared configuration holds its labels as interned keys and values, because
 * a fleet has few of them in many combinations. All other fields are kept in their canonical
 * record, which is also what is compared. So a new field of the schema is shared and compared
 * without changes here. */
#include "state/rows.h"

#include "codec/flat.h"
#include "mem/alloc.h"

#include <assert.h>

#define CONFIGS_MAX 65536u /* bound on configurations that can be found */
#define CONFIGS_IDLE 256u  /* bound on those not used by any VM */

struct label { /* the interned strings that a label's pair refers to */
    const struct bx_istr *key, *value;
};

/* Followed by the pairs of labels and metadata, the strings of the labels, and the record of the
 * other fields. Metadata rarely repeats between VMs, so it stays in the record. */
struct shared {
    struct bx_vm_config config;
    uint32_t len; /* of the record */
};

struct key {
    struct bx_row_home *home;
    struct bx_pairs labels;
    uint32_t metadata; /* number of pairs */
    const uint8_t *record;
    uint32_t len;
};

static struct bx_pair *pairs_of(struct shared *s)
{
    return (struct bx_pair *)(void *)(s + 1);
}

static struct label *labels_of(struct shared *s, uint32_t labels, uint32_t metadata)
{
    return (struct label *)(void *)(pairs_of(s) + labels + metadata);
}

static uint8_t *record_of(struct shared *s, const struct key *k)
{
    return (uint8_t *)(labels_of(s, k->labels.n, k->metadata) + k->labels.n);
}

static size_t size_with(const struct key *k)
{
    return sizeof(struct shared) + (k->labels.n + k->metadata) * sizeof(struct bx_pair) +
           k->labels.n * sizeof(struct label) + k->len;
}

/* Compare bytes, not pointers: an equal string may be a private copy. */
static bool same_labels(const struct bx_pairs *a, const struct bx_pairs *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        if (!bx_str_eq(a->v[i].key, b->v[i].key) || !bx_str_eq(a->v[i].value, b->v[i].value))
            return false;
    }
    return true;
}

static bool same(const void *value, const void *key)
{
    struct shared *s = (struct shared *)(uintptr_t)value;
    const struct key *k = key;

    return s->len == k->len && s->config.labels.n == k->labels.n &&
           s->config.metadata.n == k->metadata && memcmp(record_of(s, k), k->record, k->len) == 0 &&
           same_labels(&s->config.labels, &k->labels);
}

static uint64_t hash_of(const struct key *k)
{
    uint64_t hash = bx_hash(k->record, k->len);

    for (uint32_t i = 0; i < k->labels.n; i++) {
        const struct bx_pair *p = &k->labels.v[i];

        hash = (hash ^ bx_hash(p->key.p, p->key.n)) * UINT64_C(0x9e3779b97f4a7c15);
        hash = (hash ^ bx_hash(p->value.p, p->value.n)) * UINT64_C(0x9e3779b97f4a7c15);
    }
    return hash ^ hash >> 32; /* the map uses the low bits */
}

static struct bx_str view(const struct bx_istr *s)
{
    return (struct bx_str){s->s, s->len};
}

static void hold_labels(struct shared *s, const struct key *k)
{
    struct label *labels = labels_of(s, k->labels.n, k->metadata);
    struct bx_pair *pairs = pairs_of(s);

    for (uint32_t i = 0; i < k->labels.n; i++) {
        labels[i].key = bx_row_name(k->home->intern, k->labels.v[i].key);
        labels[i].value = bx_row_name(k->home->intern, k->labels.v[i].value);
        pairs[i] = (struct bx_pair){view(labels[i].key), view(labels[i].value)};
    }
    s->config.labels = (struct bx_pairs){pairs, k->labels.n};
}

static void make(void *value, const void *key)
{
    const struct key *k = key;
    struct shared *s = value;
    uint8_t *record = record_of(s, k);
    struct bx_pair *metadata = pairs_of(s) + k->labels.n;
    int rc;

    s->len = k->len;
    memcpy(record, k->record, k->len);
    rc =
        bx_flat_read(&bx_vm_config_schema, record, k->len, &s->config, &k->home->arena, NULL, NULL);
    if (rc == BX_NO_MEMORY)
        bx_oom(k->len);
    assert(rc == BX_OK && s->config.metadata.n == k->metadata); /* the record was just written */
    if (k->metadata > 0)
        memcpy(metadata, s->config.metadata.v, k->metadata * sizeof *metadata);
    s->config.metadata.v = metadata;
    hold_labels(s, k);
}

static void let_go(void *intern, void *value)
{
    struct shared *s = value;
    const struct label *labels = labels_of(s, s->config.labels.n, s->config.metadata.n);

    for (uint32_t i = 0; i < s->config.labels.n; i++) {
        bx_intern_release(intern, labels[i].key);
        bx_intern_release(intern, labels[i].value);
    }
}

void bx_row_configs_init(struct bx_row_home *h)
{
    bx_rc_init(&h->configs, CONFIGS_MAX, CONFIGS_IDLE, same);
    h->configs.fini = let_go;
    h->configs.ctx = h->intern;
}

void bx_row_configs_bound(struct bx_row_home *h, uint64_t max)
{
    h->configs.max = max == 0 ? CONFIGS_MAX : max > UINT32_MAX ? UINT32_MAX : (uint32_t)max;
    h->configs.stats.max = h->configs.max;
}

const struct bx_vm_config *bx_row_config(struct bx_row_home *h, const struct bx_vm_config *c)
{
    struct bx_vm_config alike = *c;
    struct key k = {.home = h, .labels = c->labels, .metadata = c->metadata.n};
    const struct shared *s;
    uint8_t *record;
    size_t size;

    alike.name = alike.tenant = (struct bx_str){NULL, 0};
    alike.labels = (struct bx_pairs){NULL, 0};
    k.len = (uint32_t)bx_flat_size(&bx_vm_config_schema, &alike);
    record = bx_arena_alloc(&h->arena, k.len);
    if (record == NULL)
        bx_oom(k.len);
    bx_flat_write(&bx_vm_config_schema, &alike, record);
    k.record = record;
    size = size_with(&k);
    s = bx_rc_get_or_create(&h->configs, hash_of(&k), &k, size, make);
    if (s == NULL)
        bx_oom(size);
    return &s->config;
}
