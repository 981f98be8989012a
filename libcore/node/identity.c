#include "node/identity.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "log/dualcopy.h"

#include <stdio.h>
#include <string.h>

#define FILE_NAME "identity"

/* The durable form: text as views, so that its fields can grow. */
struct record {
    uint64_t node;
    uint8_t cluster[16], history[16], incarnation[16];
    bool founder;
    struct bx_str name, cluster_name, peers;
};

static const struct bx_field fields[] = {
    BX_FIELD(record, node, BX_T_U64),
    BX_FIELD(record, cluster, BX_T_UUID),
    BX_FIELD(record, history, BX_T_UUID),
    BX_FIELD(record, incarnation, BX_T_UUID),
    BX_FIELD(record, founder, BX_T_BOOL),
    BX_FIELD(record, name, BX_T_STR, .max = 63),
    BX_FIELD(record, cluster_name, BX_T_STR, .max = 63),
    BX_FIELD(record, peers, BX_T_STR, .max = 511),
};
static const struct bx_schema schema = BX_SCHEMA("identity", BX_KIND_IDENTITY, record, fields);

static void copy_text(char *dst, size_t size, struct bx_str s)
{
    snprintf(dst, size, BX_STR_FMT, BX_STR_ARG(s));
}

static int decode(const uint8_t *value, size_t len, struct bx_identity *out, struct bx_err *err)
{
    struct bx_arena arena = {0};
    struct record r = {0};
    int rc = bx_flat_read(&schema, value, len, &r, &arena, NULL, err);

    if (rc == BX_OK) {
        out->node = r.node;
        memcpy(out->cluster, r.cluster, 16);
        memcpy(out->history, r.history, 16);
        memcpy(out->incarnation, r.incarnation, 16);
        out->founder = r.founder;
        copy_text(out->name, sizeof out->name, r.name);
        copy_text(out->cluster_name, sizeof out->cluster_name, r.cluster_name);
        copy_text(out->peers, sizeof out->peers, r.peers);
    }
    bx_arena_close(&arena);
    return rc;
}

int bx_identity_load(struct bx_fs *fs, struct bx_identity *out, struct bx_err *err)
{
    _Alignas(8) uint8_t value[BX_DUALCOPY_MAX];
    struct bx_dualcopy slots = {0};
    size_t len = 0;
    int rc;

    memset(out, 0, sizeof *out);
    rc = bx_dualcopy_open(&slots, fs, FILE_NAME, BX_KIND_IDENTITY, value, &len, err);
    out->repaired = slots.repaired;
    bx_dualcopy_close(&slots);
    if (rc != BX_OK || len == 0)
        return rc;
    return decode(value, len, out, err);
}

int bx_identity_save(struct bx_fs *fs, const struct bx_identity *id, struct bx_err *err)
{
    _Alignas(8) uint8_t value[BX_DUALCOPY_MAX];
    struct bx_dualcopy slots = {0};
    struct record r = {.node = id->node, .founder = id->founder};
    size_t len = 0;
    int rc;

    memcpy(r.cluster, id->cluster, 16);
    memcpy(r.history, id->history, 16);
    memcpy(r.incarnation, id->incarnation, 16);
    r.name = bx_str(id->name);
    r.cluster_name = bx_str(id->cluster_name);
    r.peers = bx_str(id->peers);
    rc = bx_dualcopy_open(&slots, fs, FILE_NAME, BX_KIND_IDENTITY, value, &len, err);
    if (rc == BX_OK) {
        /* 63 + 63 + 511 bytes of text and the slots fit a slot value with room to spare. */
        len = bx_flat_write(&schema, &r, value);
        rc = bx_dualcopy_save(&slots, value, len, err);
    }
    bx_dualcopy_close(&slots);
    return rc;
}
