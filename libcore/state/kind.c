#include "state/kind.h"

#include "mem/map.h"

#define BX_KIND_ROW(number, upper, lower) [BX_TABLE_##upper] = &bx_kind_##lower,
const struct bx_kind_desc *const bx_kinds[BX__TABLES] = {BX_KINDS(BX_KIND_ROW)};

#define BX_KIND_COUNT(number, upper, lower) +1
_Static_assert(0 BX_KINDS(BX_KIND_COUNT) == BX__TABLES, "the numbers of kinds have no gap");

static int compare_text(const struct bx_str *a, const struct bx_str *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n == 0 ? 0 : memcmp(a->p, b->p, n);

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

int bx_kind_compare(const struct bx_kind_desc *k, const void *a, const void *b)
{
    uint64_t x, y;

    switch (k->key) {
    case BX_KEY_U64:
        x = *(const uint64_t *)a;
        y = *(const uint64_t *)b;
        return (x > y) - (x < y);
    case BX_KEY_BYTES:
        return memcmp(a, b, 16);
    case BX_KEY_NAME:
        return compare_text(a, b);
    case BX_KEY_NONE:
        break;
    }
    return 0;
}

uint64_t bx_kind_hash(const struct bx_kind_desc *k, const void *key)
{
    const struct bx_str *text = key;

    switch (k->key) {
    case BX_KEY_U64:
        return bx_hash(key, sizeof(uint64_t));
    case BX_KEY_BYTES:
        return bx_hash(key, 16) << BX_KIND_PREFIX_BITS | bx_kind_prefix(key);
    case BX_KEY_NAME:
        return bx_hash(text->p, text->n);
    case BX_KEY_NONE:
        break;
    }
    return 0;
}

const struct bx_column *bx_kind_key_column(const struct bx_kind_desc *k)
{
    const struct bx_column *c = k->columns;

    while (!c->key)
        c++;
    return c;
}

int bx_kinds_admit(const struct bx_view *v, const struct bx_vm_config *config, struct bx_err *err)
{
    int rc = BX_OK;

    for (int t = 0; t < BX__TABLES && rc == BX_OK; t++) {
        if (bx_kinds[t]->admit != NULL)
            rc = bx_kinds[t]->admit(v, config, err);
    }
    return rc;
}
