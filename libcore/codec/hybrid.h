/* hybrid - the best form that both sides know.
 *
 * Encoding takes the flat form, compressed for a peer that takes it so and where that makes it
 * shorter. Only when flat is unsupported, by the peer or for this type, it falls back: to
 * MessagePack, then to JSON. Each fallback is counted for the codec that was not to be had, for lz
 * when the peer takes it. Decoding goes by the header before the bytes. JSON without one is read
 * too: no header and no MessagePack array or map begins like JSON text does. What is neither is
 * refused, never tried. */
#ifndef BX_HYBRID_H
#define BX_HYBRID_H

#include "codec/codec.h"

struct bx_codec_stats {
    uint64_t encoded, decoded; /* objects and lists, well */
    uint64_t failed;           /* to encode, or to decode */
    uint64_t fallbacks;        /* wanted, and unsupported */
    uint64_t bytes;            /* encoded and decoded */
    uint64_t plain_bytes;      /* the same before compression, and after it was undone */
    uint64_t encode_ns, decode_ns;
};

struct bx_hybrid {
    uint64_t (*now_ns)(void);                /* NULL: times stay 0 */
    struct bx_codec_stats stats[BX__CODECS]; /* by enum bx_codec */
};

/* Append items in the best form that the peer, a set of 1 << enum bx_codec, takes; *used is that
 * form. BX_UNSUPPORTED when there is none; else codes as in codec.h. */
int bx_hybrid_encode(struct bx_hybrid *h, uint32_t peer, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, enum bx_codec *used,
                     struct bx_err *err);
/* The same, behind a head of this kind. */
int bx_hybrid_write(struct bx_hybrid *h, uint32_t peer, uint16_t kind, const struct bx_schema *s,
                    const struct bx_items *items, struct bx_buf *out, struct bx_err *err);
/* Decode what begins with a head of this kind, or JSON without one. BX_CORRUPT: the checksum. */
int bx_hybrid_read(struct bx_hybrid *h, struct bx_decoder *d, uint16_t kind,
                   const struct bx_schema *s, const uint8_t *p, size_t n,
                   const struct bx_taker *taker, struct bx_err *err);
/* Does it begin as JSON text does? The magic does not, nor do MessagePack's arrays and maps. */
bool bx_hybrid_is_json(const uint8_t *p, size_t n);

#endif
