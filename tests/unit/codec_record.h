/* codec_record - one record with a field of every type, for the tests of the codecs. */
#ifndef CODEC_RECORD_H
#define CODEC_RECORD_H

#include "codec/schema.h"

struct record {
    bool flag;
    uint8_t small;
    uint16_t port;
    uint32_t count;
    uint64_t big;
    uint8_t mode;
    uint8_t id[16];
    uint64_t digest;
    struct bx_str name;
    struct bx_str blob;
    struct bx_strs tags;
    struct bx_pairs labels;
};

static const char *const record_modes[] = {"never", "on-failure", "always", NULL};
static const struct bx_field record_fields[] = {
    BX_FIELD(record, flag, BX_T_BOOL),
    BX_FIELD(record, small, BX_T_U8),
    BX_FIELD(record, port, BX_T_U16),
    BX_FIELD(record, count, BX_T_U32),
    BX_FIELD(record, big, BX_T_U64),
    BX_FIELD(record, mode, BX_T_ENUM, .names = record_modes),
    BX_FIELD(record, id, BX_T_UUID),
    BX_FIELD(record, digest, BX_T_HEX64),
    BX_FIELD(record, name, BX_T_STR, .max = 20),
    BX_FIELD(record, blob, BX_T_BYTES),
    BX_FIELD(record, tags, BX_T_STRS, .max = 4),
    BX_FIELD(record, labels, BX_T_PAIRS, .max = 3),
};
static const struct bx_schema record_schema = BX_SCHEMA("record", 7, record, record_fields);

static const struct bx_str record_tags[] = {{"blue", 4}, {NULL, 0}, {"gr\xc3\xbcn", 5}};
static const struct bx_pair record_labels[] = {{{"env", 3}, {"prod", 4}}, {{"tier", 4}, {"1", 1}}};

static inline struct record record_sample(void)
{
    return (struct record){
        .flag = true,
        .small = 200,
        .port = 0x1234,
        .count = 70000,
        .big = UINT64_MAX,
        .mode = 1,
        .id = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        .digest = 0xabcdef,
        .name = {"web-1", 5},
        .blob = {"\0\xff\n", 3},
        .tags = {record_tags, 3},
        .labels = {record_labels, 2},
    };
}

static inline bool record_equal(const struct record *a, const struct record *b)
{
    bool same = a->flag == b->flag && a->small == b->small && a->port == b->port &&
                a->count == b->count && a->big == b->big && a->mode == b->mode &&
                memcmp(a->id, b->id, 16) == 0 && a->digest == b->digest &&
                bx_str_eq(a->name, b->name) && bx_str_eq(a->blob, b->blob) &&
                a->tags.n == b->tags.n && a->labels.n == b->labels.n;

    for (uint32_t i = 0; same && i < a->tags.n; i++)
        same = bx_str_eq(a->tags.v[i], b->tags.v[i]);
    for (uint32_t i = 0; same && i < a->labels.n; i++)
        same = bx_str_eq(a->labels.v[i].key, b->labels.v[i].key) &&
               bx_str_eq(a->labels.v[i].value, b->labels.v[i].value);
    return same;
}

#endif
