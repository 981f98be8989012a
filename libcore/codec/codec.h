/* codec - one interface to every form that objects of a schema can have.
 *
 * What is encoded is one object or a list of them. A list is handed out object by object, and taken
 * object by object, so that it need not exist as a whole on either side.
 *
 *   flat      the records one after the other (flat.h); each tells its own size
 *   msgpack   a map, or an array of maps
 *   json      the same as text; reads whole numbers up to 2^63 - 1
 *   lz        the flat form compressed (lz.h), at least an eighth shorter than that
 *
 * The codes say what went wrong: BX_INVALID, the object can not be expressed in this form;
 * BX_MALFORMED, BX_TOO_LARGE and BX_CORRUPT, the bytes are not of it; BX_UNSUPPORTED, this form
 * does not know the type, or does not make it shorter; BX_NO_MEMORY. After an error the buffer's
 * contents are unchanged. What claims to be more than BX_CODEC_MAX bytes is not decoded. */
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

/* What decoding needs besides the bytes. A zeroed struct is ready; what was decoded is valid until
 * the next object, and close gives the memory back. */
struct bx_decoder {
    struct bx_arena arena;
    struct bx_pack *pack;
    struct bx_buf text;
};
void bx_decoder_close(struct bx_decoder *d);

/* Called with each object, after it was read into obj. */
struct bx_taker {
    void *obj;           /* s->size bytes */
    const void *initial; /* what members have that MessagePack and JSON leave out; NULL: zero */
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
    /* All n bytes. Objects before a damaged one have been taken when it is found. */
    int (*decode)(struct bx_decoder *d, const struct bx_schema *s, const uint8_t *p, size_t n,
                  const struct bx_taker *taker, struct bx_err *err);
    /* How many bytes of encoded form there were before they were compressed; NULL: as many. */
    size_t (*plain)(const uint8_t *p, size_t n);
};

/* NULL for a codec that does not encode objects, or that this build does not know. */
const struct bx_codec_ops *bx_codec_ops(unsigned id);
const struct bx_codec_ops *bx_codec_named(struct bx_str name);

#endif
