#include "state/rows.h"

#include "codec/count.h"
#include "codec/flat.h"
#include "mem/alloc.h"

#include <assert.h>

void bx_row_home_init(struct bx_row_home *h, struct bx_intern *in)
{
    *h = (struct bx_row_home){.intern = in};
    bx_row_configs_init(h);
}

void bx_row_home_close(struct bx_row_home *h)
{
    bx_arena_close(&h->arena);
    bx_rc_close(&h->configs);
    bx_slab_close(&h->slab);
}

void *bx_row_alloc(struct bx_row_home *h, size_t n)
{
    void *p = bx_slab_alloc(&h->slab, n);

    if (p == NULL)
        bx_oom(n);
    return p;
}

bool bx_row_read(struct bx_row_home *h, const struct bx_schema *s, const uint8_t *p, size_t n,
                 void *obj)
{
    struct bx_codec_call call = bx_codec_decoding(BX_CODEC_FLAT, BX_USE_ROW);
    int rc = bx_flat_read(s, p, n, obj, &h->arena, NULL, NULL);

    if (rc == BX_NO_MEMORY)
        bx_oom(n); /* a valid record must not be reported as damaged */
    if (rc == BX_OK)
        bx_codec_decoded(call, n, n);
    else
        bx_codec_failed(call);
    return rc == BX_OK;
}

void bx_row_write(const struct bx_schema *s, const void *obj, uint8_t *dst)
{
    struct bx_codec_call call = bx_codec_encoding(BX_CODEC_FLAT, BX_USE_ROW);
    size_t n = bx_flat_write(s, obj, dst);

    bx_codec_encoded(call, n, n);
}

const struct bx_istr *bx_row_name(struct bx_intern *in, struct bx_str s)
{
    const struct bx_istr *i = bx_intern_hold(in, s.p, s.n);

    if (i == NULL)
        bx_oom(s.n);
    return i;
}

/* ---- rows that include their record: header, object, record ---- */

static struct bx_row *block(struct bx_row_home *h, enum bx_table table, size_t len)
{
    size_t at = (sizeof(struct bx_row) + bx_kinds[table]->size + 15) & ~(size_t)15;
    struct bx_row *r = bx_row_alloc(h, at + len);

    memset(r, 0, at);
    r->table = table;
    r->size = (uint32_t)(at + len);
    r->len = (uint32_t)len;
    r->data = (uint8_t *)r + at;
    return r;
}

/* Read the record into the object. Records of these kinds have no lists. */
static bool finish(struct bx_row_home *h, struct bx_row *r, const void *draft)
{
    const struct bx_kind_desc *kind = bx_kinds[r->table];

    r->hash = bx_hash(r->data, r->len);
    if (!bx_row_read(h, kind->schema, r->data, r->len, r + 1))
        return false;
    if (kind->finish != NULL)
        kind->finish(h, r + 1, draft);
    return true;
}

struct bx_row *bx_row_make(struct bx_row_home *h, enum bx_table table, const void *draft)
{
    const struct bx_kind_desc *kind = bx_kinds[table];
    struct bx_row *r;
    bool ok;

    if (kind->make != NULL)
        return kind->make(h, draft);
    r = block(h, table, bx_flat_size(kind->schema, draft));
    bx_row_write(kind->schema, draft, r->data);
    ok = finish(h, r, draft);
    assert(ok); /* the record was just written */
    (void)ok;
    return r;
}

/* Keep the record as it was stored, even if this version would write it differently: the digest
 * covers its bytes. */
struct bx_row *bx_row_load(struct bx_row_home *h, enum bx_table table, const uint8_t *p, size_t n)
{
    struct bx_row *r;

    if (table >= BX__TABLES || n == 0 || n > BX_COMMAND_RECORD_MAX)
        return NULL;
    if (bx_kinds[table]->load != NULL)
        return bx_kinds[table]->load(h, p, n);
    r = block(h, table, n);
    memcpy(r->data, p, n);
    if (finish(h, r, NULL))
        return r;
    bx_slab_free(&h->slab, r, r->size);
    return NULL;
}

void bx_row_settle(struct bx_row_home *h, struct bx_row *row)
{
    if (bx_kinds[row->table]->settle != NULL)
        bx_kinds[row->table]->settle(h, row);
}

void bx_row_free(struct bx_row_home *h, struct bx_row *row)
{
    if (row == NULL)
        return;
    if (bx_kinds[row->table]->release != NULL)
        bx_kinds[row->table]->release(h, row);
    bx_slab_free(&h->slab, row, row->size);
}
