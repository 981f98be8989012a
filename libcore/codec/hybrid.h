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
#include "codec/count.h"

/* Append items in the best form that the peer, a set of 1 << enum bx_codec, takes; *codec is that
 * form. BX_UNSUPPORTED when there is none; else codes as in codec.h. */
int bx_hybrid_encode(uint32_t peer, enum bx_codec_use use, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, enum bx_codec *codec,
                     struct bx_err *err);
/* The same, behind a header of this kind. */
int bx_hybrid_write(uint32_t peer, enum bx_codec_use use, uint16_t kind, const struct bx_schema *s,
                    const struct bx_items *items, struct bx_buf *out, struct bx_err *err);
/* Decode what begins with a header of this kind, or JSON without one. BX_CORRUPT: the checksum. */
int bx_hybrid_read(struct bx_decoder *d, enum bx_codec_use use, uint16_t kind,
                   const struct bx_schema *s, const uint8_t *p, size_t n,
                   const struct bx_taker *taker, struct bx_err *err);
/* Does it begin as JSON text does? The magic does not, nor do MessagePack's arrays and maps. */
bool bx_hybrid_is_json(const uint8_t *p, size_t n);

#endif
