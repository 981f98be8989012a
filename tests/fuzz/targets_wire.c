#include "fuzz/targets.h"

#include "codec/pack.h"
#include "mem/alloc.h"
#include "wire/command.h"
#include "wire/frame.h"
#include "wire/params.h"
#include "wire/raftmsg.h"

#include <assert.h>

/* ---- commands ---- */

static int read_commands(const uint8_t *p, size_t len, uint32_t *count)
{
    struct bx_arena arena = {0};
    struct bx_buf again = {0};
    int rc = BX_OK;

    *count = 0;
    for (size_t at = 0, used; rc == BX_OK && at < len; at += used) {
        struct bx_cmd_header head;
        union bx_cmd_body body;
        size_t checked;
        uint16_t level;

        bx_arena_reset(&arena);
        rc = bx_cmd_decode(p + at, len - at, &head, &body, &arena, &used, NULL);
        assert(bx_cmd_check(p + at, len - at, &checked, NULL) == rc);
        if (rc != BX_OK)
            break;
        assert(used > 0 && used % 8 == 0 && used <= len - at && checked == used);
        ++*count;
        again.len = 0;
        level = head.level;
        if (bx_cmd_encode(&again, &head, &body) == BX_OK && level == head.level)
            assert(again.len <= used + 1024); /* the same, but for fields older or newer */
    }
    bx_buf_release(&again);
    bx_arena_close(&arena);
    return rc;
}

int fuzz_batch(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_batch b;
    uint32_t count = 0;
    int rc = bx_batch_open(src, n, &b, NULL);

    if (rc == BX_OK) {
        assert(b.p >= src && b.len <= n && b.p + b.len <= src + n);
        rc = read_commands(b.p, b.len, &count);
    }
    bx_free(src);
    return rc;
}

/* ---- Raft ---- */

static void check_append(const struct raft_append_entries *m)
{
    volatile uint8_t sum = 0;

    assert(m->term > 0 && m->n_entries <= BX_RAFTMSG_ENTRIES_MAX);
    for (unsigned i = 0; i < m->n_entries; i++) {
        const struct raft_entry *e = &m->entries[i];

        assert(e->term > 0 && e->term <= m->term && e->term >= m->prev_log_term);
        for (size_t k = 0; k < e->buf.len; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)e->buf.base)[k]);
    }
}

static int read_raft(const uint8_t *src, size_t n)
{
    struct raft_message m;
    struct bx_buf again = {0};
    int rc = bx_raftmsg_read(src, n, 3, "h:1", &m, NULL);

    if (rc != BX_OK)
        return rc;
    if (m.type == RAFT_APPEND_ENTRIES)
        check_append(&m.append_entries);
    else if (m.type != RAFT_INSTALL_SNAPSHOT)
        assert(bx_raftmsg_write(&again, &m) == BX_OK && again.len == n);
    bx_buf_release(&again);
    bx_raftmsg_close(&m);
    return BX_OK;
}

int fuzz_raft(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    int rc = read_raft(src, n);

    bx_free(src);
    return rc;
}

/* ---- frames ---- */

/* What the link and the node make of a record whose fields were checked. */
static void use_join(const struct bx_join *j)
{
    struct bx_cmd_header head = {.kind = BX_CMD_MEMBER_JOIN};
    struct bx_cmd_member_join body = {0};
    struct bx_buf b = {0};
    uint32_t count;

    bx_join_node(j, &body.node);
    if (bx_node_info_check(&body.node, NULL) == BX_OK) {
        assert(bx_cmd_encode(&b, &head, &body) == BX_OK);
        assert(read_commands(b.data, b.len, &count) == BX_OK && count == 1);
    }
    bx_buf_release(&b);
}

static void use_runs(struct bx_str runs)
{
    volatile uint64_t sum = 0;

    assert(runs.n % BX_WANT_SIZE == 0);
    for (uint32_t at = 0; at < runs.n; at += BX_WANT_SIZE) {
        struct bx_grant_request r;

        bx_want_get((const uint8_t *)runs.p + at, &r);
        sum += r.epoch + r.vm[0];
    }
}

static int read_record(enum bx_frame kind, const uint8_t *p, size_t n)
{
    union {
        struct bx_hello hello;
        struct bx_read read;
        struct bx_heartbeat heartbeat;
        struct bx_grant grant;
        struct bx_join join;
        struct bx_joined joined;
        struct bx_stored stored;
    } u;
    struct bx_arena arena = {0};
    struct bx_buf again = {0};
    int rc = bx_frame_read(kind, p, n, &u, &arena, NULL);

    if (rc == BX_OK) {
        if (kind == BX_FRAME_JOIN)
            use_join(&u.join);
        else if (kind == BX_FRAME_HEARTBEAT)
            use_runs(u.heartbeat.wants);
        else if (kind == BX_FRAME_GRANT)
            use_runs(u.grant.granted);
        assert(bx_frame_write(&again, kind, bx_frame_schema(kind), &u) == BX_OK);
        assert(again.len <= BX_HEADER_SIZE + n + 64); /* the same, but for fields older or newer */
    }
    bx_buf_release(&again);
    bx_arena_close(&arena);
    return rc;
}

static int read_payload(enum bx_frame kind, const uint8_t *p, size_t n)
{
    struct bx_numbered m;
    uint32_t count;

    if (bx_frame_schema(kind) != NULL)
        return read_record(kind, p, n);
    if (kind == BX_FRAME_RAFT)
        return read_raft(p, n);
    if (kind == BX_FRAME_PING || kind == BX_FRAME_PONG)
        return n == 0 ? BX_OK : BX_MALFORMED;
    if (!bx_frame_numbered(p, n, &m))
        return BX_MALFORMED;
    return kind == BX_FRAME_RELAY ? read_commands(m.p, m.n, &count) : BX_OK;
}

static int each_frame(const uint8_t *src, size_t n,
                      int (*f)(enum bx_frame kind, const uint8_t *p, size_t n))
{
    int rc = n == 0 ? BX_MALFORMED : BX_OK;

    for (size_t at = 0; rc == BX_OK && at < n;) {
        struct bx_header h;
        uint8_t *payload;

        rc = n - at < BX_HEADER_SIZE ? BX_MALFORMED : bx_header_read(src + at, &h);
        if (rc == BX_OK && (h.kind <= BX_KIND_FRAME || h.kind >= BX_KIND_FRAME + BX__FRAMES))
            rc = BX_MALFORMED;
        if (rc == BX_OK)
            rc = bx_header_check(src + at, n - at, h.kind, 1, &h);
        if (rc != BX_OK)
            break;
        payload = fuzz_copy(src + at + BX_HEADER_SIZE, h.length);
        rc = f((enum bx_frame)(h.kind - BX_KIND_FRAME), payload, h.length);
        bx_free(payload);
        at += BX_HEADER_SIZE + (size_t)h.length;
    }
    return rc;
}

int fuzz_frames(const uint8_t *p, size_t n,
                int (*f)(enum bx_frame kind, const uint8_t *p, size_t n))
{
    uint8_t *src = fuzz_copy(p, n);
    int rc = each_frame(src, n, f);

    bx_free(src);
    return rc;
}

int fuzz_frame(const uint8_t *p, size_t n)
{
    return fuzz_frames(p, n, read_payload);
}

/* ---- requests ---- */

/* What is let in can be written into the log, and read from it. */
static int write_create(const struct bx_cmd_vm_create *body)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE};
    struct bx_buf again = {0};
    uint32_t count;

    assert(bx_cmd_encode(&again, &head, body) == BX_OK);
    assert(read_commands(again.data, again.len, &count) == BX_OK && count == 1);
    bx_buf_release(&again);
    return BX_OK;
}

static int read_request(bx_val root, struct bx_arena *arena)
{
    _Alignas(16) uint8_t params[BX_PARAMS_SIZE_MAX];
    bx_val list = bx_val_at(root, 3);
    struct bx_str name = {"", 0};
    enum bx_method m;
    int rc;

    bx_val_str(bx_val_at(root, 2), &name);
    m = bx_method_find(name.p, name.n);
    if (bx_val_len(root) != 4 || bx_val_type(list) != BX_V_ARRAY || bx_val_len(list) != 1 ||
        m == BX__METHODS)
        return BX_MALFORMED;
    bx_params_init(m, params);
    rc = bx_params_read(m, bx_val_at(list, 0), params, arena, NULL);
    if (rc == BX_OK && m == BX_M_VM_CREATE) {
        const struct bx_cmd_vm_create *body = &((struct bx_vm_create_params *)(void *)params)->body;

        rc = bx_vm_config_check(&body->config, NULL);
        if (rc == BX_OK)
            rc = write_create(body);
    }
    return rc;
}

int fuzz_request(const uint8_t *p, size_t n)
{
    uint8_t *src = fuzz_copy(p, n);
    struct bx_pack *pack = bx_pack_create();
    struct bx_arena arena = {0};
    struct bx_pack_scan scan;
    int rc;

    bx_pack_scan_init(&scan);
    rc = bx_pack_scan(&scan, src, n, BX_RPC_FRAME_MAX);
    if (rc == BX_OK)
        rc = read_request(bx_pack_parse(pack, src, scan.at, BX_RPC_FRAME_MAX, NULL), &arena);
    bx_arena_close(&arena);
    bx_pack_destroy(pack);
    bx_free(src);
    return rc;
}
