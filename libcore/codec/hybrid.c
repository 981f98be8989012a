#include "codec/hybrid.h"
#include "mem/track.h"

#include <assert.h>

#define FORM_VERSION 1

static size_t plain_of(const struct bx_codec_ops *codec, const uint8_t *p, size_t n)
{
    return codec->plain == NULL ? n : codec->plain(p, n);
}

static int encode_as(enum bx_codec id, enum bx_codec_use use, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, struct bx_err *err)
{
    struct bx_codec_call call = bx_codec_encoding(id, use);
    const struct bx_codec_ops *codec = bx_codec_ops(id);
    size_t before = out->len, n;
    int rc = codec->encode(out, s, items, err);

    n = out->len - before;
    if (rc == BX_OK)
        bx_codec_encoded(call, n, plain_of(codec, out->data + before, n));
    else if (rc != BX_UNSUPPORTED)
        bx_codec_failed(call);
    return rc;
}

int bx_hybrid_encode(uint32_t peer, enum bx_codec_use use, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, enum bx_codec *codec,
                     struct bx_err *err)
{
    static const enum bx_codec order[] = {BX_CODEC_LZ, BX_CODEC_FLAT, BX_CODEC_MSGPACK,
                                          BX_CODEC_JSON};

    BX_TRACK_SCOPE("encode");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        bool takes = peer & 1u << order[i];
        int rc = BX_UNSUPPORTED;

        *codec = order[i];
        if (takes)
            rc = encode_as(order[i], use, s, items, out, err);
        if (rc != BX_UNSUPPORTED)
            return rc;
        if (takes || order[i] != BX_CODEC_LZ)
            bx_codec_fell_back(order[i], use);
    }
    return bx_err_set(err, BX_UNSUPPORTED, "%s: no common codec", s->name);
}

int bx_hybrid_write(uint32_t peer, enum bx_codec_use use, uint16_t kind, const struct bx_schema *s,
                    const struct bx_items *items, struct bx_buf *out, struct bx_err *err)
{
    size_t at = out->len, length;
    enum bx_codec used;
    int rc;

    if (bx_buf_extend(out, BX_HEADER_SIZE) == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    rc = bx_hybrid_encode(peer, use, s, items, out, &used, err);
    length = out->len - at - BX_HEADER_SIZE;
    if (rc == BX_OK && length > UINT32_MAX)
        rc = bx_err_set(err, BX_TOO_LARGE, "%s: %zu bytes", s->name, length);
    if (rc == BX_OK)
        bx_header_seal(out->data + at, kind, FORM_VERSION, (uint8_t)used, (uint32_t)length);
    else
        out->len = at;
    return rc;
}

bool bx_hybrid_is_json(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
        i++;
    return i < n && (p[i] == '{' || p[i] == '[');
}

int bx_hybrid_read(struct bx_decoder *d, enum bx_codec_use use, uint16_t kind,
                   const struct bx_schema *s, const uint8_t *p, size_t n,
                   const struct bx_taker *taker, struct bx_err *err)
{
    struct bx_header header = {.codec = BX_CODEC_JSON, .length = (uint32_t)n};
    const struct bx_codec_ops *codec;
    struct bx_codec_call call;
    int rc;

    assert(n <= UINT32_MAX);
    if (!bx_hybrid_is_json(p, n)) {
        rc = bx_header_check(p, n, kind, FORM_VERSION, &header);
        if (rc == BX_OK && header.length != n - BX_HEADER_SIZE)
            rc = BX_MALFORMED;
        if (rc != BX_OK)
            return bx_err_set(err, rc, "%s: %s", s->name, bx_code_name(rc));
        p += BX_HEADER_SIZE;
    }
    codec = bx_codec_ops(header.codec);
    if (codec == NULL)
        return bx_err_set(err, BX_UNSUPPORTED, "%s: unknown codec %u", s->name, header.codec);
    call = bx_codec_decoding(codec->id, use);
    rc = codec->decode(d, s, p, header.length, taker, err);
    if (rc == BX_OK)
        bx_codec_decoded(call, header.length, plain_of(codec, p, header.length));
    else
        bx_codec_failed(call);
    return rc;
}
