/* codec - a common interface to the encodings of schema objects.
 *
 * An encoded item is one object or a list of them. Lists are encoded and decoded object by object,
 * so the whole list need not be in memory on either side.
 *
 *   flat      the records one after the other (flat.h); each has its own size
 *   msgpack   a map, or an array of maps
 *   json      the same as text; reads whole numbers up to 2^63 - 1
 *   lz        the flat form, compressed (lz.h); used only if it saves at least an eighth
 *
 * Errors: BX_INVALID, the object can not be expressed in this encoding; BX_MALFORMED, BX_TOO_LARGE
 * and BX_CORRUPT, the input is not valid; BX_UNSUPPORTED, the encoding does not support the type,
 * or compression saves too little; BX_NO_MEMORY. On error the buffer's contents are unchanged.
 * Input that declares more than BX_CODEC_MAX bytes is not decoded. */
#ifndef BX_CODEC_H
#define BX_CODEC_H

#include "codec/header.h"
#include "codec/pack.h"

#define BX_CODEC_MAX ((size_t)256 << 20)

struct bx_items {
    uint32_t n;
    bool list;                                 /* false: one object, and n is 1 */
    const void *(*get)(void *ctx, uint32_t i); /* valid until the next call */
    void *ctx;
};

/* State of a decoder. A zeroed struct is ready for use. Decoded data is valid until the next object
 * is decoded; close frees the memory. */
struct bx_decoder {
    struct bx_arena arena;
    struct bx_pack *pack;
    struct bx_buf text;
};
void bx_decoder_close(struct bx_decoder *d);

/* Receives each object after it has been decoded into obj. */
struct bx_taker {
    void *obj;           /* s->size bytes */
    const void *initial; /* initial value of members that MessagePack and JSON omit; NULL: zero */
    void (*take)(void *ctx, const void *obj);
    void *ctx;
};

struct bx_codec_ops {
    enum bx_codec id;
    const char *name;
    const char *content_type;
    /* Append. */
    int (*encode)(struct bx_buf *out, const struct bx_schema *s, const struct bx_items *items,
                  struct bx_err *err);
    /* Decode all n bytes. Objects that precede a damaged one have already been passed to take. */
    int (*decode)(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                  const struct bx_taker *taker, struct bx_err *err);
    /* Size of the encoded data before compression; NULL: not compressed. */
    size_t (*plain)(const uint8_t *p, size_t n);
};

/* NULL for an unknown codec, or one that does not encode objects. */
const struct bx_codec_ops *bx_codec_ops(unsigned id);
const struct bx_codec_ops *bx_codec_named(struct bx_str name);

#endif
