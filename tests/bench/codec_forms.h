/* codec_forms - one document, and the forms it can be written in: ours, and those it is measured
 * against. All carry the same values. */
#ifndef BENCH_CODEC_FORMS_H
#define BENCH_CODEC_FORMS_H

#include "config.h"

#include "codec/pack.h"
#include "wire/command.h"

struct document {
    unsigned n;                          /* items */
    const struct bx_schema *head, *body; /* head NULL: an item is its body alone */
    uint32_t vcpus;                      /* which field of the body they are */
    struct bx_cmd_header *heads;
    void *bodies;                     /* n structs of body->size bytes */
    struct bx_cmd_header *read_heads; /* what decode fills */
    void *read_bodies;
    struct bx_arena arena; /* of what was read */
    struct bx_pack *pack;
    struct bx_buf scratch;
};

static inline void *document_body(const struct document *d, void *bodies, unsigned i)
{
    return (char *)bodies + (size_t)i * d->body->size;
}

/* Encode replaces what is in the buffer. decode fills the read halves; one reads and checks all and
 * returns the vcpus of the last item. Views that decode made hold until the next call. */
struct form {
    const char *name;
    void (*encode)(struct document *d, struct bx_buf *out);
    void (*decode)(struct document *d, const struct bx_buf *in);
    uint64_t (*one)(struct document *d, const struct bx_buf *in);
    void (*begin)(void); /* before and after a run of them; may be NULL */
    void (*end)(void);
};

extern const struct form form_flat, form_msgpack, form_json, form_jansson;
#ifdef HAVE_CJSON
extern const struct form form_cjson;
#endif

#endif
