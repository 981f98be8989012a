#include "unit/golden_priv.h"

#include "codec/hybrid.h"
#include "codec/lz.h"
#include "lib/memfs.h"
#include "lib/testfsm.h"
#include "log/record.h"
#include "log/snapfile.h"
#include "log/vote.h"
#include "log/wal.h"
#include "node/identity.h"
#include "wire/command.h"
#include "wire/frame.h"

#include <string.h>

#define SLOT_SIZE 4096
#define SEGMENT_USED 36 /* of a segment's header; zeros follow */

static const struct golden_sample *sample(const char *name)
{
    size_t n;
    const struct golden_sample *s = golden_samples(&n);

    while (strcmp(s->name, name) != 0)
        s++;
    return s;
}

/* ---- header ---- */

static int make_header(struct bx_buf *out)
{
    uint8_t *p = bx_buf_extend(out, BX_HEADER_SIZE + 5);

    memcpy(p + BX_HEADER_SIZE, "hello", 5);
    bx_header_seal(p, BX_KIND_VM_CONFIG, 3, BX_CODEC_MSGPACK, 5);
    return BX_OK;
}

/* ---- replies, with the header that names their form ---- */

static const void *the_sample(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

static int make_hybrid(struct bx_buf *out, uint32_t peer)
{
    const struct golden_sample *s = sample("vm-reply");
    struct bx_items items = {2, true, the_sample, (void *)(uintptr_t)s->object};

    return bx_hybrid_write(peer, BX_USE_REPLY, BX_KIND_VM, s->schema, &items, out, NULL);
}

static int make_lz(struct bx_buf *out)
{
    static const char text[] = "packed, packed, packed, and packed again: packed, packed, packed.";

    return bx_lz_pack(out, text, sizeof text - 1);
}

static int make_hybrid_flat(struct bx_buf *out)
{
    return make_hybrid(out, 1u << BX_CODEC_FLAT);
}

static int make_hybrid_pack(struct bx_buf *out)
{
    return make_hybrid(out, 1u << BX_CODEC_MSGPACK);
}

static int make_hybrid_json(struct bx_buf *out)
{
    return make_hybrid(out, 1u << BX_CODEC_JSON);
}

/* ---- the log ---- */

static int make_segment(struct bx_buf *out)
{
    const struct bx_segment s = {.seq = 7, .first_lsn = 1234, .prev = 0x89abcdef};

    bx_segment_put(bx_buf_extend(out, BX_SEGMENT_HEADER), &s);
    out->len = SEGMENT_USED;
    return BX_OK;
}

static int make_record(struct bx_buf *out)
{
    const struct bx_record r = {.lsn = 1234,
                                .durable = 1230,
                                .index = 99,
                                .term = 4,
                                .len = 16,
                                .type = 1,
                                .data = (const uint8_t *)"sixteen bytes ok"};
    uint8_t *p = bx_buf_extend(out, bx_record_size(r.len));

    bx_record_put(p, &r);
    bx_record_seal(p, 0x89abcdef);
    return BX_OK;
}

/* The contents of a file without the zeros at its end. */
static void take_file(struct bx_buf *out, struct memfs *m, const char *name, size_t max)
{
    size_t n;
    const uint8_t *p = memfs_bytes(m, name, &n);

    n = n > max ? max : n;
    while (n > 0 && p[n - 1] == 0)
        n--;
    bx_buf_append(out, p, n);
}

static int write_log(struct memfs *m)
{
    static const struct bx_wal_entry entries[] = {{1, 3, 5, "first"}, {1, 1, 6, "second"}},
                                     other = {2, 1, 5, "other"};
    struct bx_wal_options o = {.fs = memfs_fs(m), .segment_size = SLOT_SIZE};
    struct bx_wal *w;
    int rc = bx_wal_open(&w, &o, NULL);

    if (rc == BX_OK)
        rc = bx_wal_append(w, 1, entries, 2);
    if (rc == BX_OK)
        rc = bx_wal_append(w, 2, &other, 1); /* in the place of the second */
    if (rc == BX_OK)
        bx_wal_raise_high_water(w);
    while (rc == BX_OK && bx_wal_begin(w))
        rc = bx_wal_finish(w, bx_wal_run(w, NULL));
    bx_wal_close(w);
    return rc;
}

static int make_wal(struct bx_buf *out)
{
    struct memfs *m = memfs_create();
    int rc = write_log(m);

    take_file(out, m, "wal-0000000000000001", SIZE_MAX);
    memfs_destroy(m);
    return rc;
}

static int make_high_water(struct bx_buf *out)
{
    struct memfs *m = memfs_create();
    int rc = write_log(m);

    take_file(out, m, "mark", SLOT_SIZE);
    memfs_destroy(m);
    return rc;
}

/* ---- small values: the first of their two equal copies ---- */

static int make_vote(struct bx_buf *out)
{
    struct memfs *m = memfs_create();
    struct bx_vote v = {.term = 0};
    int rc = bx_vote_open(&v, memfs_fs(m), NULL);

    if (rc == BX_OK)
        rc = bx_vote_save(&v, 0x0102030405060708, 3, NULL);
    bx_vote_close(&v);
    take_file(out, m, "vote", SLOT_SIZE);
    memfs_destroy(m);
    return rc;
}

static int make_identity(struct bx_buf *out)
{
    struct memfs *m = memfs_create();
    struct bx_identity id = {.node = 3,
                             .cluster = {0xc1},
                             .history = {0xc2},
                             .incarnation = {0xf1},
                             .founder = true,
                             .name = "gamma",
                             .cluster_name = "lab",
                             .peers = "1 10.0.0.1:7420"};
    int rc = bx_identity_save(memfs_fs(m), &id, NULL);

    take_file(out, m, "identity", SLOT_SIZE);
    memfs_destroy(m);
    return rc;
}

/* ---- snapshot ---- */

static int make_snapshot(struct bx_buf *out, bool packs)
{
    static const struct bx_snap_meta meta = {.index = 99,
                                             .term = 4,
                                             .conf_index = 17,
                                             .conf = {"conf", 4},
                                             .revision = 78,
                                             .digest = 0x1122334455667788,
                                             .history = {0xc2}};
    struct memfs *m = memfs_create();
    struct bx_snap_writer *w;
    uint8_t chunk[300];
    int rc = bx_snap_create(&w, memfs_fs(m), &meta, NULL);

    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = packs ? (uint8_t)(i / 100) : (uint8_t)(i * i >> 3);
    if (rc == BX_OK)
        rc = bx_snap_write(w, chunk, sizeof chunk, NULL);
    if (rc == BX_OK)
        rc = bx_snap_write(w, "a second chunk", 14, NULL);
    if (rc == BX_OK)
        rc = bx_snap_finish(w, NULL);
    take_file(out, m, "snapshot-0000000000000063", SIZE_MAX);
    memfs_destroy(m);
    return rc;
}

/* A file of version 1, and what is written still where packing gains nothing. */
static int make_plain_snapshot(struct bx_buf *out)
{
    return make_snapshot(out, false);
}

static int make_packed_snapshot(struct bx_buf *out)
{
    return make_snapshot(out, true);
}

/* ---- the log's content ---- */

/* The commands there were when this was pinned; each later one has a sample of its own. */
#define BATCH_KINDS 9

static int make_batch_stamped(struct bx_buf *out, uint32_t elapsed_ms)
{
    const struct bx_stamp stamp = {
        1700000000789, elapsed_ms, {0x5e, 0xed, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}};
    int rc = bx_batch_begin(out);

    for (uint16_t kind = 1; rc == BX_OK && kind <= BATCH_KINDS; kind++) {
        struct bx_cmd_header head = *(const struct bx_cmd_header *)sample("command")->object;

        head.kind = kind;
        rc = bx_cmd_encode(out, &head, sample(bx_cmd_name(kind))->object);
    }
    bx_batch_seal(out, BATCH_KINDS, &stamp);
    return rc;
}

/* Before the stamp told of the time that had passed. */
static int make_batch_1(struct bx_buf *out)
{
    int rc = make_batch_stamped(out, 0);

    bx_header_seal(out->data, BX_KIND_BATCH, 1, BX_CODEC_FLAT,
                   (uint32_t)(out->len - BX_HEADER_SIZE));
    return rc;
}

static int make_batch(struct bx_buf *out)
{
    return make_batch_stamped(out, 0x01020304);
}

/* ---- the state, as a snapshot has it ---- */

/* Of one node, so that nothing depends on placement. */
static int make_dump(struct bx_buf *out)
{
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    test_fsm_vm(&t, "a", 1, NULL);
    test_fsm_vm(&t, "b", 0, NULL);
    test_fsm_desire(&t, "a", BX_DESIRED_STOPPED, false, true);
    test_fsm_delete(&t, "b");
    test_fsm_vm(&t, "c", 2, NULL);
    test_fsm_dump(&t, out);
    test_fsm_close(&t);
    return BX_OK;
}

static int make_tenant_dump(struct bx_buf *out)
{
    struct bx_cmd_tenant_create acme = {.name = bx_str("acme"), .quota = {8, 4096, 0, 5}};
    struct bx_cmd_tenant_set bounds = {
        .name = bx_str("default"), .quota = {.vms = 10}, .vms = true};
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    test_fsm_vm(&t, "a", 1, NULL);
    test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &acme);
    test_fsm_apply(&t, BX_CMD_TENANT_SET, &bounds);
    test_fsm_dump(&t, out);
    test_fsm_close(&t);
    return BX_OK;
}

static int make_user_dump(struct bx_buf *out)
{
    struct bx_cmd_user_create alice = {bx_str("alice"), BX_USER_ADMIN, bx_str("default")};
    struct bx_cmd_user_token_create token = {
        .user = bx_str("alice"), .secret_hash = {1, 2, [31] = 3}, .ttl_ms = 86400000};
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_apply(&t, BX_CMD_USER_CREATE, &alice);
    test_fsm_apply(&t, BX_CMD_USER_TOKEN_CREATE, &token);
    test_fsm_dump(&t, out);
    test_fsm_close(&t);
    return BX_OK;
}

static int make_certificate_dump(struct bx_buf *out)
{
    struct bx_cmd_user_create alice = {bx_str("alice"), BX_USER_VIEWER, bx_str("")};
    struct bx_cmd_user_token_create c = {.user = bx_str("alice"),
                                         .secret_hash = {1, 2, [31] = 3},
                                         .ttl_ms = 86400000,
                                         .certificate = true};
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_apply(&t, BX_CMD_USER_CREATE, &alice);
    test_fsm_apply(&t, BX_CMD_USER_TOKEN_CREATE, &c);
    test_fsm_dump(&t, out);
    test_fsm_close(&t);
    return BX_OK;
}

/* What was carried out, and what was refused. */
static int make_outcome_dump(struct bx_buf *out)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_VM_DELETE, .sequence = 1, .session = {1}, .principal = bx_str("alice")};
    struct bx_cmd_vm_delete body = {.vm = bx_str("a")};
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_cluster(&t, 2);
    test_fsm_node(&t, 1, "n1");
    test_fsm_vm(&t, "a", 1, NULL);
    test_fsm_call(&t, &head, &body);
    head.session[0] = 2;
    body.vm = bx_str("nothing");
    test_fsm_call(&t, &head, &body);
    test_fsm_dump(&t, out);
    test_fsm_close(&t);
    return BX_OK;
}

/* ---- a client's request ---- */

static int make_request(struct bx_buf *out)
{
    const struct golden_sample *s = sample("vm.create");

    bx_pw_array(out, 4);
    bx_pw_u64(out, 0);
    bx_pw_u64(out, 7);
    bx_pw_str(out, "vm.create");
    bx_pw_array(out, 1);
    bx_pw_map(out, bx_pack_fields(s->schema, s->object));
    return bx_pack_write(out, s->schema, s->object);
}

/* ---- between nodes ---- */

#define MAKE_FRAME(kind, name)                                                                     \
    static int make_##kind(struct bx_buf *out)                                                     \
    {                                                                                              \
        const struct golden_sample *s = sample(name);                                              \
        return bx_frame_write(out, BX_FRAME_##kind, s->schema, s->object);                         \
    }

MAKE_FRAME(HELLO, "hello")
MAKE_FRAME(READ, "read")
MAKE_FRAME(HEARTBEAT, "beat")
MAKE_FRAME(GRANT, "grant")
MAKE_FRAME(JOIN, "join")
MAKE_FRAME(JOINED, "joined")
MAKE_FRAME(STORED, "stored")

/* Not a format: what the fuzzer of the HTTP server reads. */
static int make_http_page(struct bx_buf *out)
{
    static const char text[] = "GET\n/\nlocalhost:7480\n\"1\"\n";

    return bx_buf_append(out, text, sizeof text - 1);
}

static int make_http_head(struct bx_buf *out)
{
    static const char text[] = "HEAD\n/v1/sd\n[::1]:80\n";

    return bx_buf_append(out, text, sizeof text - 1);
}

static int make_ping(struct bx_buf *out)
{
    return bx_frame_write_raw(out, BX_FRAME_PING, NULL, 0, NULL, 0);
}

static void put_command(struct bx_buf *out, uint16_t kind, const char *name)
{
    struct bx_cmd_header head = {
        .kind = kind, .sequence = kind, .session = {1}, .principal = bx_str("alice")};

    bx_cmd_encode(out, &head, sample(name)->object);
}

static int make_relay(struct bx_buf *out)
{
    int rc = bx_frame_begin(out);

    bx_put64(bx_buf_extend(out, 8), 3);
    put_command(out, BX_CMD_VM_CREATE, "vm.create");
    put_command(out, BX_CMD_VM_REPORT, "vm.report");
    put_command(out, BX_CMD_TOKEN_CREATE, "token.create");
    bx_frame_end(out, BX_FRAME_RELAY);
    return rc;
}

static int make_query(struct bx_buf *out)
{
    return bx_frame_write_raw(out, BX_FRAME_QUERY, "\7\0\0\0\0\0\0", 8,
                              "\x94\0\0\xa8sys.ping\x91\x80", 14);
}

static int make_snap_data(struct bx_buf *out)
{
    return bx_frame_write_raw(out, BX_FRAME_SNAP_DATA, "\0\0\1\0\0\0\0", 8, "some of the file", 16);
}

const struct golden_item golden_items[] = {
    {"head", make_header, false},
    {"hybrid-flat", make_hybrid_flat, false},
    {"hybrid-msgpack", make_hybrid_pack, false},
    {"hybrid-json", make_hybrid_json, false},
    {"lz-text", make_lz, true},
    {"wal-segment", make_segment, false},
    {"wal-record", make_record, false},
    {"wal-file", make_wal, false},
    {"slots-mark", make_high_water, false},
    {"slots-vote", make_vote, false},
    {"slots-identity", make_identity, false},
    {"snapshot-1", make_plain_snapshot, false},
    {"snapshot-2", make_packed_snapshot, true},
    {"batch-1", make_batch_1, false},
    {"batch-2", make_batch, false},
    {"dump", make_dump, true}, /* of two nodes, when events and outcomes were not sealed */
    {"dump-2", make_dump, false},
    {"dump-3", make_tenant_dump, false}, /* with a kind that dump-2 is older than */
    {"dump-4", make_outcome_dump, true}, /* before outcomes told when their session began */
    {"dump-5", make_outcome_dump, false},
    {"dump-6", make_user_dump, false},        /* with users and their tokens */
    {"dump-7", make_certificate_dump, false}, /* and a certificate */
    {"request", make_request, false},
    {"http-page", make_http_page, false},
    {"http-head", make_http_head, false},
    {"frame-hello", make_HELLO, false},
    {"frame-ping", make_ping, false},
    {"frame-read", make_READ, false},
    {"frame-beat", make_HEARTBEAT, false},
    {"frame-grant", make_GRANT, false},
    {"frame-snap-data", make_snap_data, false},
    {"frame-join", make_JOIN, false},
    {"frame-joined", make_JOINED, false},
    {"frame-stored", make_STORED, false},
    {"frame-relay", make_relay, false},
    {"frame-query", make_query, false},
    {"raft-vote", golden_raft_vote_request, false},
    {"raft-vote-result", golden_raft_vote_result, false},
    {"raft-append", golden_raft_append, false},
    {"raft-append-result", golden_raft_append_result, false},
    {"raft-install", golden_raft_install, false},
    {"raft-timeout-now", golden_raft_timeout_now, false},
    {"refusals-file", golden_refusals, false},
    {"recorder-plain", golden_recorder_plain, false},
    {"recorder-packed", golden_recorder_packed, true},
    {"recorder-archive", golden_recorder_archive, true},
    {"log-query", golden_log_query, false},
    {"filter-1", golden_filter, false},
    {"dsn-1", golden_dsn, false},
    {"answer-1", golden_answer, false},
    {"notes-1", golden_notes, false},
    {"crash-1", golden_crash, false},
    {"envelope-1", golden_envelope, true}, /* it has the version of the build */
};
const size_t golden_items_n = sizeof golden_items / sizeof golden_items[0];
