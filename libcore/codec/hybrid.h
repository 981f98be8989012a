/* hybrid - selects the best encoding that both sides support.
 *
 * Encoding uses the flat form, compressed if the peer supports it and it saves space. If flat is
 * not supported by the peer or for this type, it falls back to MessagePack, then to JSON. Each
 * fallback is counted for the codec that was not available; for lz only if the peer supports it.
 * Decoding uses the codec named in the header. JSON without a header is accepted too, because
 * neither the header nor a MessagePack array or map starts like JSON text. Other input is refused;
 * no codec is guessed. */
#ifndef BX_HYBRID_H
#define BX_HYBRID_H

#include "codec/codec.h"
#include "codec/count.h"

/* Append items in the best encoding of those the peer supports, a set of 1 << enum bx_codec; *codec
 * is the chosen one. BX_UNSUPPORTED if there is none; else codes as in codec.h. */
int bx_hybrid_encode(uint32_t peer, enum bx_codec_use use, const struct bx_schema *s,
                     const struct bx_items *items, struct bx_buf *out, enum bx_codec *codec,
                     struct bx_err *err);
/* The same, preceded by a header of this kind. */
int bx_hybrid_write(uint32_t peer, enum bx_codec_use use, uint16_t kind, const struct bx_schema *s,
                    const struct bx_items *items, struct bx_buf *out, struct bx_err *err);
/* Decode an item that has a header of this kind, or JSON without a header. BX_CORRUPT: checksum
 * mismatch. */
int bx_hybrid_read(struct bx_decoder *d, enum bx_codec_use use, uint16_t kind,
                   const struct bx_schema *s, const uint8_t *p, size_t n,
                   const struct bx_taker *taker, struct bx_err *err);
/* True if the data starts like JSON text. The magic does not, nor do MessagePack arrays and maps.
 */
bool bx_hybrid_is_json(const uint8_t *p, size_t n);

#endif
