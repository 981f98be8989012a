/* config - what VMs were asked to be, once for all that were asked alike.
 *
 * Name and tenant are a VM's own and interned; the rest of a configuration is the same for most VMs
 * of a fleet. A shared one is made of the canonical record of it, which is also what is compared:
 * so a field that is added to the schema is shared with the others, not forgotten. */
#include "state/rows.h"

#include "codec/flat.h"
#include "mem/alloc.h"

#define CONFIGS_MAX 65536u /* that can be found again */
#define CONFIGS_IDLE 256u  /* of these, without a VM */

struct shared { /* then the pairs of the labels, then the record */
    struct bx_vm_config config;
    uint32_t len; /* of the record */
};

struct key {
    struct bx_row_home *home;
    const uint8_t *record;
    uint32_t len, labels;
};

static struct bx_pair *pairs_of(struct shared *s)
{
    return (struct bx_pair *)(void *)(s + 1);
}

static const uint8_t *record_of(const struct shared *s)
{
    return (const uint8_t *)(s + 1) + s->config.labels.n * sizeof(struct bx_pair);
}

static bool same(const void *value, const void *key)
{
    const struct shared *s = value;
    const struct key *k = key;

    return s->len == k->len && memcmp(record_of(s), k->record, k->len) == 0;
}

static void make(void *value, const void *key)
{
    const struct key *k = key;
    struct shared *s = value;
    uint8_t *record = (uint8_t *)(s + 1) + k->labels * sizeof(struct bx_pair);

    memset(s, 0, sizeof *s);
    memcpy(record, k->record, k->len);
    s->len = k->len;
    /* What was just written reads, if there is memory for the list of the labels. */
    if (bx_flat_read(&bx_vm_config_schema, record, k->len, &s->config, &k->home->arena, NULL,
                     NULL) != BX_OK)
        bx_oom(k->len);
    if (k->labels > 0)
        memcpy(pairs_of(s), s->config.labels.v, k->labels * sizeof(struct bx_pair));
    s->config.labels.v = pairs_of(s);
}

void bx_row_configs_init(struct bx_rc_cache *configs)
{
    bx_rc_init(configs, CONFIGS_MAX, CONFIGS_IDLE, same);
}

const struct bx_vm_config *bx_row_config(struct bx_row_home *h, const struct bx_vm_config *c)
{
    struct bx_vm_config alike = *c;
    struct key k = {.home = h, .labels = c->labels.n};
    const struct shared *s;
    uint8_t *record;
    size_t size;

    alike.name = alike.tenant = (struct bx_str){NULL, 0};
    k.len = (uint32_t)bx_flat_size(&bx_vm_config_schema, &alike);
    record = bx_arena_alloc(&h->arena, k.len);
    if (record == NULL)
        bx_oom(k.len);
    bx_flat_write(&bx_vm_config_schema, &alike, record);
    k.record = record;
    size = sizeof *s + k.labels * sizeof(struct bx_pair) + k.len;
    s = bx_rc_get_or_create(&h->configs, bx_hash(record, k.len), &k, size, make);
    if (s == NULL)
        bx_oom(size);
    return &s->config;
}
