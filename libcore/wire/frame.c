#include "wire/frame.h"

#include "codec/count.h"

#include <assert.h>
#include <string.h>

const char *bx_frame_name(enum bx_frame kind)
{
    static const char *const names[] = {
        [BX_FRAME_HELLO] = "HELLO",     [BX_FRAME_PING] = "PING",
        [BX_FRAME_PONG] = "PONG",       [BX_FRAME_RAFT] = "RAFT",
        [BX_FRAME_RELAY] = "RELAY",     [BX_FRAME_READ] = "READ",
        [BX_FRAME_READ_OK] = "READ_OK", [BX_FRAME_HEARTBEAT] = "HEARTBEAT",
        [BX_FRAME_GRANT] = "GRANT",     [BX_FRAME_SNAP_DATA] = "SNAP_DATA",
        [BX_FRAME_JOIN] = "JOIN",       [BX_FRAME_JOINED] = "JOINED",
        [BX_FRAME_QUERY] = "QUERY",     [BX_FRAME_ANSWER] = "ANSWER",
        [BX_FRAME_STORED] = "STORED",
    };
    _Static_assert(sizeof names / sizeof names[0] == BX__FRAMES, "each kind has a name");

    return (unsigned)kind < BX__FRAMES && names[kind] != NULL ? names[kind] : "unknown";
}

#define HELLO 1
#define READ 2
#define BEAT 3
#define GRANT 4
#define JOIN 5
#define JOINED 6
#define STORED 7

static const struct bx_field hello_fields[] = {
    BX_FIELD(bx_hello, cluster, BX_T_UUID),
    BX_FIELD(bx_hello, history, BX_T_UUID),
    BX_FIELD(bx_hello, node, BX_T_U64),
    BX_FIELD(bx_hello, incarnation, BX_T_UUID),
    BX_FIELD(bx_hello, level_min, BX_T_U32),
    BX_FIELD(bx_hello, level_max, BX_T_U32),
    BX_FIELD(bx_hello, codecs, BX_T_U32),
    BX_FIELD(bx_hello, refuse, BX_T_STR, .max = 512),
    BX_FIELD(bx_hello, version, BX_T_STR, .max = BX_VERSION_MAX, .omit = true, .since = 2),
    BX_FIELD(bx_hello, removed, BX_T_BOOL, .omit = true, .since = 2),
    BX_FIELD(bx_hello, heard_term, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(bx_hello, heard_index, BX_T_U64, .omit = true, .since = 2),
};
const struct bx_schema bx_hello_schema = BX_SCHEMA("hello", HELLO, bx_hello, hello_fields);

static const struct bx_field read_fields[] = {
    BX_FIELD(bx_read, id, BX_T_U64),
    BX_FIELD(bx_read, index, BX_T_U64),
};
const struct bx_schema bx_read_schema = BX_SCHEMA("read", READ, bx_read, read_fields);

#define WANTS_BYTES (BX_WANTS_MAX * BX_WANT_SIZE)

static const struct bx_field heartbeat_fields[] = {
    BX_FIELD(bx_heartbeat, seq, BX_T_U64),
    BX_FIELD(bx_heartbeat, incarnation, BX_T_UUID),
    BX_FIELD(bx_heartbeat, wants, BX_T_BYTES, .max = WANTS_BYTES),
    BX_FIELD(bx_heartbeat, ask, BX_T_BOOL),
    BX_FIELD(bx_heartbeat, low, BX_T_ENUM, .names = bx_disk_space_names, .omit = true, .since = 2),
};
const struct bx_schema bx_heartbeat_schema =
    BX_SCHEMA("heartbeat", BEAT, bx_heartbeat, heartbeat_fields);

static const struct bx_field grant_fields[] = {
    BX_FIELD(bx_grant, seq, BX_T_U64),
    BX_FIELD(bx_grant, incarnation, BX_T_UUID),
    BX_FIELD(bx_grant, revision, BX_T_U64),
    BX_FIELD(bx_grant, granted, BX_T_BYTES, .max = WANTS_BYTES),
};
const struct bx_schema bx_grant_schema = BX_SCHEMA("grant", GRANT, bx_grant, grant_fields);

static const struct bx_field join_fields[] = {
    BX_FIELD(bx_join, secret_hash, BX_T_UUID, .secret = true),
    BX_FIELD(bx_join, name, BX_T_STR, .max = BX_NAME_MAX),
    BX_FIELD(bx_join, address, BX_T_STR, .max = BX_ADDRESS_MAX),
    BX_FIELD(bx_join, api, BX_T_STR, .max = BX_ADDRESS_MAX),
    BX_FIELD(bx_join, datacenter, BX_T_STR, .max = BX_NAME_MAX),
    BX_FIELD(bx_join, zone, BX_T_STR, .max = BX_NAME_MAX),
    BX_FIELD(bx_join, rack, BX_T_STR, .max = BX_NAME_MAX),
    BX_FIELD(bx_join, driver, BX_T_STR, .max = BX_NAME_MAX),
    BX_FIELD(bx_join, vcpus, BX_T_U32),
    BX_FIELD(bx_join, memory_mib, BX_T_U64),
    BX_FIELD(bx_join, disk_gib, BX_T_U64),
    BX_FIELD(bx_join, role, BX_T_U8),
    BX_FIELD(bx_join, incarnation, BX_T_UUID),
    BX_FIELD(bx_join, secret, BX_T_BYTES, .max = BX_JOIN_SECRET, .omit = true, .since = 3,
             .secret = true),
    BX_FIELD(bx_join, csr, BX_T_BYTES, .max = BX_CSR_MAX, .omit = true, .since = 3),
};
const struct bx_schema bx_join_schema = BX_SCHEMA("join", JOIN, bx_join, join_fields);

static const struct bx_field joined_fields[] = {
    BX_FIELD(bx_joined, code, BX_T_U16),
    BX_FIELD(bx_joined, node, BX_T_U64),
    BX_FIELD(bx_joined, cluster, BX_T_UUID),
    BX_FIELD(bx_joined, history, BX_T_UUID),
    BX_FIELD(bx_joined, peers, BX_T_STRS, .max = BX_NODES_MAX),
    BX_FIELD(bx_joined, message, BX_T_STR, .max = BX_ERR_MSG),
    BX_FIELD(bx_joined, hint, BX_T_STR, .max = BX_ERR_HINT),
    BX_FIELD(bx_joined, certificate, BX_T_BYTES, .max = BX_CERTIFICATE_MAX, .omit = true,
             .since = 3),
    BX_FIELD(bx_joined, ca, BX_T_BYTES, .max = BX_CERTIFICATE_MAX, .omit = true, .since = 3),
    BX_FIELD(bx_joined, cluster_key, BX_T_BYTES, .max = BX_CLUSTER_KEYS_MAX * BX_CLUSTER_KEY,
             .omit = true, .since = 3, .secret = true),
};
const struct bx_schema bx_joined_schema = BX_SCHEMA("joined", JOINED, bx_joined, joined_fields);

static const struct bx_field stored_fields[] = {
    BX_FIELD(bx_stored, term, BX_T_U64),
    BX_FIELD(bx_stored, index, BX_T_U64),
};
const struct bx_schema bx_stored_schema = BX_SCHEMA("stored", STORED, bx_stored, stored_fields);

int bx_frame_write(struct bx_buf *b, enum bx_frame kind, const struct bx_schema *s, const void *obj)
{
    struct bx_codec_call call = bx_codec_encoding(BX_CODEC_FLAT, BX_USE_FRAME);
    size_t size = bx_flat_size(s, obj);
    uint8_t *p = bx_buf_extend(b, BX_HEADER_SIZE + size);

    if (p == NULL)
        return BX_NO_MEMORY;
    bx_flat_write(s, obj, p + BX_HEADER_SIZE);
    bx_header_seal(p, (uint16_t)(BX_KIND_FRAME + kind), 1, BX_CODEC_FLAT, (uint32_t)size);
    bx_codec_encoded(call, size, size);
    return BX_OK;
}

int bx_frame_write_raw(struct bx_buf *b, enum bx_frame kind, const void *p, size_t n, const void *q,
                       size_t m)
{
    uint8_t *dst = bx_buf_extend(b, BX_HEADER_SIZE + n + m);

    if (dst == NULL)
        return BX_NO_MEMORY;
    if (n > 0)
        memcpy(dst + BX_HEADER_SIZE, p, n);
    if (m > 0)
        memcpy(dst + BX_HEADER_SIZE + n, q, m);
    bx_header_seal(dst, (uint16_t)(BX_KIND_FRAME + kind), 1, BX_CODEC_FLAT, (uint32_t)(n + m));
    return BX_OK;
}

int bx_frame_begin(struct bx_buf *b)
{
    assert(b->len == 0);
    return bx_buf_extend(b, BX_HEADER_SIZE) == NULL ? BX_NO_MEMORY : BX_OK;
}

void bx_frame_end(struct bx_buf *b, enum bx_frame kind)
{
    bx_header_seal(b->data, (uint16_t)(BX_KIND_FRAME + kind), 1, BX_CODEC_FLAT,
                   (uint32_t)(b->len - BX_HEADER_SIZE));
}
