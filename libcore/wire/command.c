#include "wire/command.h"

#include "codec/count.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "mem/track.h"
#include "rec/rec.h"

#include <assert.h>

static const struct bx_field header_fields[] = {
    BX_FIELD(bx_cmd_header, kind, BX_T_U16),
    BX_FIELD(bx_cmd_header, level, BX_T_U16),
    BX_FIELD(bx_cmd_header, session, BX_T_UUID),
    BX_FIELD(bx_cmd_header, sequence, BX_T_U64),
    BX_FIELD(bx_cmd_header, floor, BX_T_U64),
    BX_FIELD(bx_cmd_header, body_hash, BX_T_U64),
    BX_FIELD(bx_cmd_header, deadline_ms, BX_T_U64),
    BX_FIELD(bx_cmd_header, trace, BX_T_UUID),
    BX_FIELD(bx_cmd_header, principal, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_header, tenant, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_header, source, BX_T_STR, .max = BX_SOURCE_MAX, .omit = true, .since = 3,
             .droppable = true),
};
const struct bx_schema bx_cmd_header_schema =
    BX_SCHEMA("command", 100, bx_cmd_header, header_fields);

#define BX_CMD_ROW(number, level, upper, lower, type) [BX_CMD_##upper] = &bx_cmd_##lower##_schema,
static const struct bx_schema *const schemas[BX__CMDS] = {BX_COMMANDS(BX_CMD_ROW)};

#define BX_CMD_COUNT(number, level, upper, lower, type) +1
_Static_assert(1 BX_COMMANDS(BX_CMD_COUNT) == BX__CMDS, "the numbers of commands have no gap");

const struct bx_schema *bx_cmd_schema(uint16_t kind)
{
    return kind > 0 && kind < BX__CMDS ? schemas[kind] : NULL;
}

#define BX_CMD_LEVEL(number, level, upper, lower, type) [BX_CMD_##upper] = (level),
static const uint8_t levels[BX__CMDS] = {BX_COMMANDS(BX_CMD_LEVEL)};

uint32_t bx_cmd_level(uint16_t kind)
{
    return levels[kind];
}

const char *bx_cmd_name(uint16_t kind)
{
    const struct bx_schema *s = bx_cmd_schema(kind);

    return s == NULL ? NULL : s->name;
}

uint32_t bx_cmd_needs(uint16_t kind, const void *body)
{
    uint32_t fields = bx_record_level(schemas[kind], body);

    return levels[kind] > fields ? levels[kind] : fields;
}

uint64_t bx_cmd_identity(const struct bx_cmd_header *header, const void *body)
{
    const struct bx_schema *s = schemas[header->kind];
    union bx_cmd_body without;
    struct bx_buf b = {0};
    uint64_t hash;
    size_t n;

    memcpy(&without, body, s->size);
    if (!bx_record_drop(s, &without))
        return header->body_hash;
    n = bx_flat_size(s, &without);
    bx_flat_write(s, &without, bx_must(bx_buf_extend(&b, n), n));
    hash = bx_hash(b.data, n);
    bx_buf_release(&b);
    return hash;
}

static void raise_level(struct bx_cmd_header *header, uint32_t level)
{
    if (header->level < level)
        header->level = (uint16_t)level;
}

int bx_cmd_encode(struct bx_buf *b, struct bx_cmd_header *header, const void *body)
{
    const struct bx_schema *s = bx_cmd_schema(header->kind);
    struct bx_codec_call call = bx_codec_encoding(BX_CODEC_FLAT, BX_USE_ENTRY);
    size_t header_size = bx_flat_size(&bx_cmd_header_schema, header), body_size;
    uint8_t *p;

    BX_TRACK_SCOPE("encode");
    assert(s != NULL);
    body_size = bx_flat_size(s, body);
    if (header_size + body_size > BX_COMMAND_BYTES_MAX)
        return BX_TOO_LARGE;
    p = bx_buf_extend(b, header_size + body_size);
    if (p == NULL)
        return BX_NO_MEMORY;
    bx_flat_write(s, body, p + header_size);
    raise_level(header, bx_cmd_needs(header->kind, body));
    raise_level(header, bx_record_level(&bx_cmd_header_schema, header));
    header->body_hash = bx_hash(p + header_size, body_size);
    bx_flat_write(&bx_cmd_header_schema, header, p);
    bx_codec_encoded(call, header_size + body_size, header_size + body_size);
    return BX_OK;
}

/* The body's schema, or NULL with err set. */
static const struct bx_schema *schema_for(uint64_t kind, uint64_t level, struct bx_err *err)
{
    const struct bx_schema *s = bx_cmd_schema((uint16_t)kind);

    if (s != NULL && level <= BX_LEVEL)
        return s;
    bx_err_set(err, BX_UNSUPPORTED, "command %u of feature level %u is newer than this build",
               (unsigned)kind, (unsigned)level);
    return NULL;
}

static int check_hash(const struct bx_schema *s, const uint8_t *body, size_t n, uint64_t hash,
                      struct bx_err *err)
{
    if (bx_hash(body, n) == hash)
        return BX_OK;
    return bx_err_set(err, BX_MALFORMED, "command %s: body hash mismatch", s->name);
}

enum {
    HEADER_KIND = 0,
    HEADER_LEVEL = 1,
    HEADER_BODY_HASH = 5,
    HEADER_DEADLINE = 6,
    HEADER_TRACE = 7
}; /* places in header_fields */

uint16_t bx_cmd_kind(const uint8_t *src)
{
    return (uint16_t)bx_flat_u64(&bx_cmd_header_schema, src, HEADER_KIND);
}

uint64_t bx_cmd_deadline(const uint8_t *src)
{
    return bx_flat_u64(&bx_cmd_header_schema, src, HEADER_DEADLINE);
}

uint64_t bx_cmd_trace(const uint8_t *src)
{
    const uint8_t *id = bx_flat_uuid(&bx_cmd_header_schema, src, HEADER_TRACE);

    return id == NULL ? 0 : bx_trace_of(id);
}

void bx_cmd_set_deadline(uint8_t *src, uint64_t deadline_ms)
{
    bx_flat_set_u64(&bx_cmd_header_schema, src, HEADER_DEADLINE, deadline_ms);
}

int bx_cmd_check(const uint8_t *src, size_t len, size_t *used, struct bx_err *err)
{
    const struct bx_schema *s;
    size_t n, m;
    int rc = bx_flat_check(&bx_cmd_header_schema, src, len, &n, err);

    if (rc != BX_OK)
        return rc;
    s = schema_for(bx_flat_u64(&bx_cmd_header_schema, src, HEADER_KIND),
                   bx_flat_u64(&bx_cmd_header_schema, src, HEADER_LEVEL), err);
    if (s == NULL)
        return BX_UNSUPPORTED;
    rc = bx_flat_check(s, src + n, len - n, &m, err);
    if (rc != BX_OK)
        return rc;
    *used = n + m;
    return check_hash(s, src + n, m, bx_flat_u64(&bx_cmd_header_schema, src, HEADER_BODY_HASH),
                      err);
}

static int decode(const uint8_t *src, size_t len, struct bx_cmd_header *header,
                  union bx_cmd_body *body, struct bx_arena *arena, size_t *used, struct bx_err *err)
{
    const struct bx_schema *s;
    size_t n, m;
    int rc;

    memset(header, 0, sizeof *header);
    memset(body, 0, sizeof *body);
    rc = bx_flat_read(&bx_cmd_header_schema, src, len, header, arena, &n, err);
    if (rc != BX_OK)
        return rc;
    s = schema_for(header->kind, header->level, err);
    if (s == NULL)
        return BX_UNSUPPORTED;
    rc = bx_flat_read(s, src + n, len - n, body, arena, &m, err);
    if (rc != BX_OK)
        return rc;
    *used = n + m;
    return check_hash(s, src + n, m, header->body_hash, err);
}

int bx_cmd_decode(const uint8_t *src, size_t len, struct bx_cmd_header *header,
                  union bx_cmd_body *body, struct bx_arena *arena, size_t *used, struct bx_err *err)
{
    struct bx_codec_call call = bx_codec_decoding(BX_CODEC_FLAT, BX_USE_ENTRY);
    int rc = decode(src, len, header, body, arena, used, err);

    if (rc == BX_OK)
        bx_codec_decoded(call, *used, *used);
    else
        bx_codec_failed(call);
    return rc;
}

/* ---- batches ---- */

#define STAMP 32u /* wall u64, seed 16, count u32, elapsed u32: zero in version 1 */
#define BATCH_VERSION 2u

int bx_batch_begin(struct bx_buf *b)
{
    uint8_t *p;

    assert(b->len == 0);
    p = bx_buf_extend(b, BX_HEADER_SIZE + STAMP);
    if (p == NULL)
        return BX_NO_MEMORY;
    memset(p, 0, BX_HEADER_SIZE + STAMP);
    return BX_OK;
}

void bx_batch_seal(struct bx_buf *b, uint32_t commands, const struct bx_stamp *stamp)
{
    uint8_t *p = b->data + BX_HEADER_SIZE;

    bx_put64(p, stamp->wall_ms);
    memcpy(p + 8, stamp->seed, 16);
    bx_put32(p + 24, commands);
    bx_put32(p + 28, stamp->elapsed_ms);
    bx_header_seal(b->data, BX_KIND_BATCH, BATCH_VERSION, BX_CODEC_FLAT,
                   (uint32_t)(b->len - BX_HEADER_SIZE));
}

int bx_batch_open(const uint8_t *src, size_t len, struct bx_batch *out, struct bx_err *err)
{
    struct bx_header header;
    int rc = bx_header_check(src, len, BX_KIND_BATCH, BATCH_VERSION, &header);

    if (rc == BX_OK && header.length < STAMP)
        rc = BX_MALFORMED;
    if (rc != BX_OK)
        return bx_err_set(err, rc, "batch of %zu bytes: %s", len, bx_code_name(rc));
    src += BX_HEADER_SIZE;
    out->stamp.wall_ms = bx_get64(src);
    memcpy(out->stamp.seed, src + 8, 16);
    out->commands = bx_get32(src + 24);
    out->stamp.elapsed_ms = bx_get32(src + 28);
    out->measured = header.version > 1;
    out->p = src + STAMP;
    out->len = header.length - STAMP;
    if (out->commands > BX_BATCH_COMMANDS_MAX)
        return bx_err_set(err, BX_MALFORMED, "batch of %u commands", out->commands);
    return BX_OK;
}
