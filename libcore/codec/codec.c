#include "codec/codec.h"

#include "codec/flat.h"
#include "codec/json.h"
#include "codec/lz.h"

void bx_decoder_close(struct bx_decoder *d)
{
    bx_arena_close(&d->arena);
    bx_pack_destroy(d->pack);
    bx_buf_release(&d->text);
    memset(d, 0, sizeof *d);
}

static int no_memory(struct bx_err *err)
{
    return bx_err_set(err, BX_NO_MEMORY, "out of memory");
}

/* ---- flat ---- */

static int flat_encode(struct bx_buf *out, const struct bx_schema *s, const struct bx_items *items,
                       struct bx_err *err)
{
    size_t before = out->len;

    if (s->kind == 0)
        return bx_err_set(err, BX_UNSUPPORTED, "%s has no flat form", s->name);
    for (uint32_t i = 0; i < items->n; i++) {
        const void *obj = items->get(items->ctx, i);
        uint8_t *p = bx_buf_extend(out, bx_flat_size(s, obj));

        if (p == NULL) {
            out->len = before;
            return no_memory(err);
        }
        bx_flat_write(s, obj, p);
    }
    return BX_OK;
}

/* Data received inside a larger message may be unaligned; copy it once, as a whole. */
static int flat_decode(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                       const struct bx_taker *taker, struct bx_err *err)
{
    int rc = BX_OK;

    if (s->kind == 0)
        return bx_err_set(err, BX_UNSUPPORTED, "%s has no flat form", s->name);
    if ((uintptr_t)p % 8 != 0) {
        d->text.len = 0;
        if (bx_buf_append(&d->text, p, n) != BX_OK)
            return no_memory(err);
        p = d->text.data;
    }
    for (size_t at = 0, used = 0; rc == BX_OK && at < n; at += used) {
        bx_arena_reset(&d->arena);
        rc = bx_flat_read(s, p + at, n - at, taker->obj, &d->arena, &used, err);
        if (rc == BX_OK)
            taker->take(taker->ctx, taker->obj);
    }
    return rc;
}

/* ---- LZ ---- */

static int lz_encode(struct bx_buf *out, const struct bx_schema *s, const struct bx_items *items,
                     struct bx_err *err)
{
    struct bx_buf flat = {0};
    int rc = flat_encode(&flat, s, items, err);

    if (rc == BX_OK) {
        rc = bx_lz_pack(out, flat.data, flat.len);
        if (rc == BX_TOO_LARGE)
            rc = bx_err_set(err, BX_UNSUPPORTED, "%s: compression saves less than an eighth",
                            s->name);
        else if (rc != BX_OK)
            no_memory(err);
    }
    bx_buf_release(&flat);
    return rc;
}

static int lz_decode(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                     const struct bx_taker *taker, struct bx_err *err)
{
    int rc;

    d->text.len = 0;
    rc = bx_lz_unpack(&d->text, p, n, BX_CODEC_MAX);
    if (rc == BX_NO_MEMORY)
        return no_memory(err);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "%s: invalid compressed data", s->name);
    return flat_decode(d, s, d->text.data, d->text.len, taker, err);
}

/* ---- MessagePack ---- */

static int pack_encode(struct bx_buf *out, const struct bx_schema *s, const struct bx_items *items,
                       struct bx_err *err)
{
    size_t before = out->len;
    int rc = items->list ? bx_pw_array(out, items->n) : BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < items->n; i++) {
        const void *obj = items->get(items->ctx, i);

        rc = bx_pw_map(out, bx_pack_fields(s, obj));
        if (rc == BX_OK)
            rc = bx_pack_write(out, s, obj);
    }
    if (rc == BX_OK)
        return BX_OK;
    out->len = before;
    return no_memory(err);
}

static bx_val parse(struct bx_decoder *d, const uint8_t *p, size_t n, struct bx_err *err)
{
    if (d->pack == NULL)
        d->pack = bx_pack_create();
    if (d->pack == NULL) {
        no_memory(err);
        return NULL;
    }
    return bx_pack_parse(d->pack, p, n, BX_CODEC_MAX, err);
}

static int pack_decode(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                       const struct bx_taker *taker, struct bx_err *err)
{
    struct bx_err own = {0};
    bx_val root = parse(d, p, n, &own);
    bool list = bx_val_type(root) == BX_V_ARRAY;
    uint32_t items = list ? bx_val_len(root) : 1;
    int rc = root == NULL ? own.code : BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < items; i++) {
        bx_arena_reset(&d->arena);
        if (taker->initial != NULL)
            memcpy(taker->obj, taker->initial, s->size);
        else
            memset(taker->obj, 0, s->size);
        rc = bx_pack_read(s, list ? bx_val_at(root, i) : root, taker->obj, &d->arena, &own);
        if (rc == BX_OK)
            taker->take(taker->ctx, taker->obj);
        else if (rc == BX_INVALID)
            rc = BX_MALFORMED;
    }
    return rc == BX_OK ? BX_OK : bx_err_set(err, rc, "%s: %s", s->name, own.msg);
}

/* ---- JSON ---- */

static int json_encode(struct bx_buf *out, const struct bx_schema *s, const struct bx_items *items,
                       struct bx_err *err)
{
    struct bx_decoder d = {.pack = NULL};
    struct bx_buf packed = {0};
    int rc = pack_encode(&packed, s, items, err);
    bx_val root;

    if (rc == BX_OK) {
        root = parse(&d, packed.data, packed.len, err);
        rc = root == NULL ? BX_NO_MEMORY : bx_json_write(out, root, 0);
        if (rc != BX_OK)
            bx_err_set(err, rc, "%s: not representable in JSON", s->name);
    }
    bx_buf_release(&packed);
    bx_decoder_close(&d);
    return rc;
}

static int json_decode(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                       const struct bx_taker *taker, struct bx_err *err)
{
    int rc;

    d->text.len = 0;
    rc = bx_json_read(&d->text, (const char *)p, n, BX_CODEC_MAX, err);
    return rc == BX_OK ? pack_decode(d, s, d->text.data, d->text.len, taker, err) : rc;
}

/* ---- the table ---- */

static const struct bx_codec_ops table[BX__CODECS] = {
    [BX_CODEC_FLAT] = {BX_CODEC_FLAT, "flat", "application/vnd.blixard.flat", flat_encode,
                       flat_decode, NULL},
    [BX_CODEC_MSGPACK] = {BX_CODEC_MSGPACK, "msgpack", "application/msgpack", pack_encode,
                          pack_decode, NULL},
    [BX_CODEC_JSON] = {BX_CODEC_JSON, "json", "application/json", json_encode, json_decode, NULL},
    [BX_CODEC_LZ] = {BX_CODEC_LZ, "lz", "application/vnd.blixard.flat+lz4", lz_encode, lz_decode,
                     bx_lz_size},
};

const struct bx_codec_ops *bx_codec_ops(unsigned id)
{
    return id < BX__CODECS && table[id].id == id && id > 0 ? &table[id] : NULL;
}

const struct bx_codec_ops *bx_codec_named(struct bx_str name)
{
    for (unsigned id = 1; id < BX__CODECS; id++) {
        if (bx_str_eq(bx_str(table[id].name), name))
            return &table[id];
    }
    return NULL;
}
