#include "codec/hybrid.h"
#include "mem/track.h"

#include <assert.h>

#define FORM_VERSION 1

static uint64_t now(const struct bx_hybrid *h)
{
    return h->now_ns == NULL ? 0 : h->now_ns();
}

static void count_bytes(struct bx_codec_stats *stats, const struct bx_codec_ops *codec,
                        const uint8_t *p, size_t n)
{
    stats->bytes += n;
    stats->plain_bytes += codec->plain == NULL ? n : codec->plain(p, n);
}

static int encode_as(struct bx_hybrid *h, enum bx_codec id, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, struct bx_err *err)
{
    struct bx_codec_stats *stats = &h->stats[id];
    size_t before = out->len;
    const struct bx_codec_ops *codec = bx_codec_ops(id);
    uint64_t start = now(h);
    int rc = codec->encode(out, s, items, err);

    if (rc == BX_OK) {
        stats->encoded++;
        count_bytes(stats, codec, out->data + before, out->len - before);
        stats->encode_ns += now(h) - start;
    } else if (rc != BX_UNSUPPORTED) {
        stats->failed++;
    }
    return rc;
}

int bx_hybrid_encode(struct bx_hybrid *h, uint32_t peer, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, enum bx_codec *used,
                     struct bx_err *err)
{
    static const enum bx_codec order[] = {BX_CODEC_LZ, BX_CODEC_FLAT, BX_CODEC_MSGPACK,
                                          BX_CODEC_JSON};

    BX_TRACK_SCOPE("encode");
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        bool takes = peer & 1u << order[i];
        int rc = BX_UNSUPPORTED;

        *used = order[i];
        if (takes)
            rc = encode_as(h, order[i], s, items, out, err);
        if (rc != BX_UNSUPPORTED)
            return rc;
        h->stats[order[i]].fallbacks += takes || order[i] != BX_CODEC_LZ;
    }
    return bx_err_set(err, BX_UNSUPPORTED, "%s: no common codec", s->name);
}

int bx_hybrid_write(struct bx_hybrid *h, uint32_t peer, uint16_t kind, const struct bx_schema *s,
                    const struct bx_items *items, struct bx_buf *out, struct bx_err *err)
{
    size_t at = out->len, length;
    enum bx_codec used;
    int rc;

    if (bx_buf_extend(out, BX_HEADER_SIZE) == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    rc = bx_hybrid_encode(h, peer, s, items, out, &used, err);
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

int bx_hybrid_read(struct bx_hybrid *h, struct bx_decoder *d, uint16_t kind,
                   const struct bx_schema *s, const uint8_t *p, size_t n,
                   const struct bx_taker *taker, struct bx_err *err)
{
    struct bx_header head = {.codec = BX_CODEC_JSON, .length = (uint32_t)n};
    const struct bx_codec_ops *codec;
    struct bx_codec_stats *stats;
    uint64_t start = now(h);
    int rc;

    assert(n <= UINT32_MAX);
    if (!bx_hybrid_is_json(p, n)) {
        rc = bx_header_check(p, n, kind, FORM_VERSION, &head);
        if (rc == BX_OK && head.length != n - BX_HEADER_SIZE)
            rc = BX_MALFORMED;
        if (rc != BX_OK)
            return bx_err_set(err, rc, "%s: %s", s->name, bx_code_name(rc));
        p += BX_HEADER_SIZE;
    }
    codec = bx_codec_ops(head.codec);
    if (codec == NULL)
        return bx_err_set(err, BX_UNSUPPORTED, "%s: codec %u is not known", s->name, head.codec);
    rc = codec->decode(d, s, p, head.length, taker, err);
    stats = &h->stats[head.codec];
    if (rc == BX_OK) {
        stats->decoded++;
        count_bytes(stats, codec, p, head.length);
        stats->decode_ns += now(h) - start;
    } else {
        stats->failed++;
    }
    return rc;
}
