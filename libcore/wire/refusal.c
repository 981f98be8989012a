#include "wire/refusal.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "mem/alloc.h"
#include "wire/command.h"
#include "wire/event.h"

#define FORMAT 1u

#define BX_REFUSAL_TEXT(name, text) text,
const char *const bx_refusal_names[] = {BX_REFUSALS(BX_REFUSAL_TEXT) NULL};

static const struct bx_field record_fields[] = {
    BX_FIELD(bx_refusal, number, BX_T_U64),
    BX_FIELD(bx_refusal, time, BX_T_U64),
    BX_FIELD(bx_refusal, type, BX_T_ENUM, .names = bx_refusal_names),
    BX_FIELD(bx_refusal, principal, BX_T_STR, .max = BX_EVENT_PRINCIPAL_MAX),
    BX_FIELD(bx_refusal, source, BX_T_STR, .max = BX_SOURCE_MAX),
    BX_FIELD(bx_refusal, method, BX_T_STR, .max = 64),
    BX_FIELD(bx_refusal, object, BX_T_STR, .max = 255),
    BX_FIELD(bx_refusal, code, BX_T_STR, .max = 32),
    BX_FIELD(bx_refusal, message, BX_T_STR, .max = BX_REFUSAL_MESSAGE_MAX),
    BX_FIELD(bx_refusal, count, BX_T_U64),
    BX_FIELD(bx_refusal, trace, BX_T_UUID),
    BX_FIELD(bx_refusal, previous, BX_T_BYTES, .max = BX_SHA256),
};
const struct bx_schema bx_refusal_schema =
    BX_SCHEMA("refusal", BX_KIND_REFUSAL, bx_refusal, record_fields);

static const struct bx_field head_fields[] = {
    BX_FIELD(bx_refusals_head, file, BX_T_U64),
    BX_FIELD(bx_refusals_head, first, BX_T_U64),
    BX_FIELD(bx_refusals_head, previous, BX_T_BYTES, .max = BX_SHA256),
};
const struct bx_schema bx_refusals_head_schema =
    BX_SCHEMA("refusals", BX_KIND_REFUSALS, bx_refusals_head, head_fields);

/* ---- writing ---- */

static int write_item(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    size_t n = bx_flat_size(s, obj);
    uint8_t *p = bx_buf_extend(b, BX_HEADER_SIZE + n);

    if (p == NULL)
        return BX_NO_MEMORY;
    bx_flat_write(s, obj, p + BX_HEADER_SIZE);
    bx_header_seal(p, s->kind, FORMAT, BX_CODEC_FLAT, (uint32_t)n);
    return BX_OK;
}

int bx_refusal_write(struct bx_buf *b, const struct bx_refusal *r)
{
    return write_item(b, &bx_refusal_schema, r);
}

int bx_refusals_head_write(struct bx_buf *b, const struct bx_refusals_head *h)
{
    return write_item(b, &bx_refusals_head_schema, h);
}

void bx_refusal_hash(const struct bx_refusal *r, uint8_t out[BX_SHA256])
{
    struct bx_buf b = {0};
    size_t n = bx_flat_size(&bx_refusal_schema, r);

    bx_flat_write(&bx_refusal_schema, r, bx_must(bx_buf_extend(&b, n), n));
    bx_sha256(b.data, n, out);
    bx_buf_release(&b);
}

/* ---- reading ---- */

/* A whole record of this schema, and nothing behind it. Another encoding of the same values would
 * have another hash: there is none. */
static bool read_record(struct bx_refusals *r, const uint8_t *p, size_t n,
                        const struct bx_schema *s, void *obj)
{
    size_t used = 0;

    r->aligned.len = 0;
    bx_must_ok(bx_buf_append(&r->aligned, p, n));
    memset(obj, 0, s->size);
    return bx_flat_read(s, r->aligned.data, n, obj, NULL, &used, NULL) == BX_OK && used == n &&
           bx_flat_size(s, obj) == n;
}

static enum bx_refusals_found item_at(struct bx_refusals *r, size_t at)
{
    const uint8_t *p = r->p + at;
    size_t left = r->n - at;
    struct bx_header h;

    if (left < BX_HEADER_SIZE || bx_header_read(p, &h) != BX_OK ||
        h.length > BX_REFUSAL_ITEM_MAX - BX_HEADER_SIZE || h.codec != BX_CODEC_FLAT ||
        h.version != FORMAT || (h.kind != BX_KIND_REFUSAL && h.kind != BX_KIND_REFUSALS) ||
        bx_header_check(p, left, h.kind, FORMAT, &h) != BX_OK)
        return BX_REFUSALS_DAMAGE;
    r->size = BX_HEADER_SIZE + h.length;
    p += BX_HEADER_SIZE;
    if (h.kind == BX_KIND_REFUSAL)
        return read_record(r, p, h.length, &bx_refusal_schema, &r->record) &&
                       r->record.previous.n == BX_SHA256
                   ? BX_REFUSALS_RECORD
                   : BX_REFUSALS_DAMAGE;
    return read_record(r, p, h.length, &bx_refusals_head_schema, &r->head) &&
                   r->head.previous.n == BX_SHA256
               ? BX_REFUSALS_HEAD
               : BX_REFUSALS_DAMAGE;
}

enum bx_refusals_found bx_refusals_next(struct bx_refusals *r)
{
    enum bx_refusals_found found;
    size_t end;

    r->at += r->size;
    r->size = 0;
    if (r->at >= r->n)
        return BX_REFUSALS_END;
    found = item_at(r, r->at);
    if (found != BX_REFUSALS_DAMAGE)
        return found;
    for (end = r->at + 1; end < r->n && item_at(r, end) == BX_REFUSALS_DAMAGE; end++)
        ;
    r->size = end - r->at;
    return BX_REFUSALS_DAMAGE;
}

void bx_refusals_close(struct bx_refusals *r)
{
    bx_buf_release(&r->aligned);
}
