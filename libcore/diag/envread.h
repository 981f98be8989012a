/* envread - reads an envelope (envelope.h), item by item.
 *
 * Of headers only the members below are looked at; an item of an unknown type, or with unknown
 * members, is returned like any other, so that it can be passed on as it is. An item whose header
 * has no length ends at the next newline. Ids are read with hyphens and without. */
#ifndef BX_ENVREAD_H
#define BX_ENVREAD_H

#include "codec/pack.h"
#include "diag/envelope.h"

#define BX_ENVREAD_HEADER 65536u /* bytes of a header line */

struct bx_envread {
    const char *p;
    size_t n, at;
    bool has_event;
    uint8_t event[16];
    uint64_t sent_ns; /* 0: none */

    struct bx_buf packed; /* what follows is of the module's own */
    struct bx_pack *pack;
};

/* Texts are views: type and header into what is read, the others until the next item. */
struct bx_envread_item {
    enum bx_item_type type;
    struct bx_str name; /* of the type */
    struct bx_str header, payload, filename, content_type;
    uint64_t count; /* item_count; 0: none */
};

/* p holds the whole envelope and outlives it. BX_OK, BX_MALFORMED, BX_TOO_LARGE (a header),
 * BX_NO_MEMORY. Close it in any case. */
int bx_envread_open(struct bx_envread *r, const void *p, size_t n, struct bx_err *err);
void bx_envread_close(struct bx_envread *r);
/* BX_OK; BX_NOT_FOUND: there are no more; else as above, and what follows can not be found. */
int bx_envread_next(struct bx_envread *r, struct bx_envread_item *item, struct bx_err *err);

/* Append the first line again, with the time when it is sent and all else that it has; before the
 * first item. BX_OK, BX_NO_MEMORY, or as for reading. */
int bx_envread_head_again(struct bx_envread *r, uint64_t sent_ns, struct bx_buf *out);

/* Read the header of an item alone, for who has the rest elsewhere: everything but the payload, of
 * which *length is that of its bytes. BX_ENVREAD_LINE: it is the next line. r was opened with the
 * first line at least. The same codes, but never BX_NOT_FOUND. */
#define BX_ENVREAD_LINE UINT64_MAX
int bx_envread_header(struct bx_envread *r, struct bx_str line, struct bx_envread_item *item,
                      uint64_t *length, struct bx_err *err);

/* 32 hexadecimal digits, or 36 characters with hyphens. */
bool bx_id_parse(struct bx_str s, uint8_t out[16]);

#endif
