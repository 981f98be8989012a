/* Reading and checking the payloads of frames. What a schema can not express is checked here, so
 * that whoever uses a record meets only values that an honest peer can send. */
#include "wire/frame.h"

#include "codec/count.h"

#include <assert.h>
#include <string.h>

/* ---- texts ---- */

/* The bytes are UTF-8; no C0 control character or DEL, and no space if none is allowed. */
static bool printable(struct bx_str s, bool spaces)
{
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c == 0x7f || (c == ' ' && !spaces))
            return false;
    }
    return true;
}

/* A decimal number from 1 to max. */
static bool is_number(struct bx_str s, uint64_t max)
{
    uint64_t v = 0;

    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || v > max / 10)
            return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    return v >= 1 && v <= max;
}

/* The bytes before and after the last or first c; false if there is none. */
static bool split(struct bx_str s, char c, bool last, struct bx_str *before, struct bx_str *after)
{
    const char *at = s.n == 0 ? NULL : last ? memrchr(s.p, c, s.n) : memchr(s.p, c, s.n);

    if (at == NULL)
        return false;
    *before = (struct bx_str){s.p, (uint32_t)(at - s.p)};
    *after = (struct bx_str){at + 1, s.n - before->n - 1};
    return true;
}

static bool is_address(struct bx_str s)
{
    struct bx_str host, port;

    return printable(s, false) && split(s, ':', true, &host, &port) && host.n > 0 &&
           is_number(port, UINT16_MAX);
}

/* "ID HOST:PORT". The address comes from the state and is only dialled. */
static bool is_peer(struct bx_str s)
{
    struct bx_str id, address;

    return split(s, ' ', false, &id, &address) && is_number(id, BX_NODE_ID_MAX) && address.n > 0 &&
           printable(address, false);
}

/* The first field with a text that is not printable, or NULL. */
static const char *unprintable(const struct bx_schema *s, const void *obj)
{
    for (const struct bx_field *f = s->fields; f < s->fields + s->n; f++) {
        if (f->type == BX_T_STR &&
            !printable(*(const struct bx_str *)(const void *)((const char *)obj + f->offset), true))
            return f->name;
    }
    return NULL;
}

static bool is_zero(const uint8_t uuid[16])
{
    static const uint8_t zero[16];

    return memcmp(uuid, zero, 16) == 0;
}

/* ---- records: the name of a field with an impossible value, or NULL ---- */

static const char *check_hello(const void *obj)
{
    const struct bx_hello *h = obj;

    if (h->node > BX_NODE_ID_MAX)
        return "node";
    if (h->heard_term > BX_TERM_MAX)
        return "heard_term";
    return h->level_min > h->level_max ? "level_min" : NULL;
}

static const char *check_heartbeat(const void *obj)
{
    const struct bx_heartbeat *b = obj;

    if (b->seq == 0)
        return "seq";
    return b->wants.n % BX_WANT_SIZE != 0 ? "wants" : NULL;
}

static const char *check_grant(const void *obj)
{
    const struct bx_grant *g = obj;

    if (g->seq == 0)
        return "seq";
    return g->granted.n % BX_WANT_SIZE != 0 ? "granted" : NULL;
}

static const char *check_join(const void *obj)
{
    const struct bx_join *j = obj;

    if (j->role > BX_ROLE_AGENT)
        return "role";
    if (is_zero(j->incarnation))
        return "incarnation";
    if (j->secret.n != 0 && j->secret.n != BX_JOIN_SECRET)
        return "secret";
    return j->address.n > 0 && !is_address(j->address) ? "address" : NULL;
}

static const char *check_joined(const void *obj)
{
    const struct bx_joined *a = obj;

    if (a->node > BX_NODE_ID_MAX || (a->code == BX_OK && a->node == 0))
        return "node";
    if (a->cluster_key.n % BX_CLUSTER_KEY != 0)
        return "cluster_key";
    for (uint32_t i = 0; i < a->peers.n; i++) {
        if (!is_peer(a->peers.v[i]))
            return "peers";
    }
    return NULL;
}

static const struct {
    const struct bx_schema *schema; /* NULL: the payload is not a record */
    const char *(*check)(const void *obj);
} records[BX__FRAMES] = {
    [BX_FRAME_HELLO] = {&bx_hello_schema, check_hello},
    [BX_FRAME_READ] = {&bx_read_schema, NULL},
    [BX_FRAME_READ_OK] = {&bx_read_schema, NULL},
    [BX_FRAME_HEARTBEAT] = {&bx_heartbeat_schema, check_heartbeat},
    [BX_FRAME_GRANT] = {&bx_grant_schema, check_grant},
    [BX_FRAME_JOIN] = {&bx_join_schema, check_join},
    [BX_FRAME_JOINED] = {&bx_joined_schema, check_joined},
    [BX_FRAME_STORED] = {&bx_stored_schema, NULL},
};

const struct bx_schema *bx_frame_schema(enum bx_frame kind)
{
    return kind < BX__FRAMES ? records[kind].schema : NULL;
}

static int check(enum bx_frame kind, const struct bx_schema *s, const void *obj, struct bx_err *err)
{
    const char *field = unprintable(s, obj);

    if (field != NULL)
        return bx_err_set(err, BX_MALFORMED, "%s.%s: control characters", s->name, field);
    field = records[kind].check == NULL ? NULL : records[kind].check(obj);
    if (field != NULL)
        return bx_err_set(err, BX_MALFORMED, "%s.%s: invalid value", s->name, field);
    return BX_OK;
}

int bx_frame_read(enum bx_frame kind, const uint8_t *p, size_t n, void *obj, struct bx_arena *arena,
                  struct bx_err *err)
{
    const struct bx_schema *s = bx_frame_schema(kind);
    struct bx_codec_call call = bx_codec_decoding(BX_CODEC_FLAT, BX_USE_FRAME);
    size_t used = 0;
    int rc;

    assert(s != NULL);
    rc = bx_flat_read(s, p, n, obj, arena, &used, err);
    if (rc == BX_OK && used != n)
        rc = bx_err_set(err, BX_MALFORMED, "%s: bytes after the record", s->name);
    if (rc == BX_OK)
        rc = check(kind, s, obj, err);
    if (rc == BX_OK)
        bx_codec_decoded(call, n, n);
    else
        bx_codec_failed(call);
    return rc;
}

/* ---- other payloads ---- */

bool bx_frame_numbered(const uint8_t *p, size_t n, struct bx_numbered *out)
{
    if (n < 8)
        return false;
    *out = (struct bx_numbered){bx_get64(p), p + 8, n - 8};
    return true;
}

void bx_want_put(uint8_t dst[BX_WANT_SIZE], const struct bx_grant_request *w)
{
    memcpy(dst, w->vm, 16);
    bx_put64(dst + 16, w->epoch);
}

void bx_want_get(const uint8_t src[BX_WANT_SIZE], struct bx_grant_request *w)
{
    memcpy(w->vm, src, 16);
    w->epoch = bx_get64(src + 16);
}

void bx_join_node(const struct bx_join *j, struct bx_node_info *out)
{
    *out = (struct bx_node_info){.name = j->name,
                                 .address = j->address,
                                 .api = j->api,
                                 .datacenter = j->datacenter,
                                 .zone = j->zone,
                                 .rack = j->rack,
                                 .driver = j->driver,
                                 .vcpus = j->vcpus,
                                 .memory_mib = j->memory_mib,
                                 .disk_gib = j->disk_gib,
                                 .overcommit_vcpus_pct = 100,
                                 .overcommit_memory_pct = 100,
                                 .role = j->role};
}
