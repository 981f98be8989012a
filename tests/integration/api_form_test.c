/* The forms in which a real daemon sends lists, and what it counts of each codec. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include "codec/hybrid.h"
#include "wire/vm.h"

/* A client that takes flat lists gets the same VMs as one that does not. */
static void take_vm(void *ctx, const void *obj)
{
    bx_pw_map(ctx, bx_pack_fields(&bx_vm_reply_schema, obj));
    bx_pack_write(ctx, &bx_vm_reply_schema, obj);
}

TEST(a_list_comes_in_the_form_that_was_asked_for)
{
    struct rpc plain = host_dial(hosts[0].local), flat = host_dial(hosts[0].api);
    struct bx_decoder decoder = {.pack = NULL};
    struct bx_buf packed = {0}, again = {0};
    struct bx_vm_reply vm;
    struct bx_taker taker = {&vm, NULL, take_vm, &again};
    struct bx_str bytes = {"", 0};
    uint64_t until = host_now_ms() + HOST_WAIT_MS;
    bx_val list, codecs;

    codecs =
        bx_val_get(rpc_ok(&flat, "sys.hello", "{\"codecs\": [\"flat\", \"other\"]}"), "codecs");
    assert_true(bx_val_len(codecs) >= 2);
    rpc_ok(&plain, "vm.create", "{\"name\": \"a1\", \"labels\": {\"app\": \"db\"}}");
    rpc_ok(&plain, "vm.create", "{\"name\": \"a2\", \"stopped\": true}");
    rpc_ok(&plain, "vm.create", "{\"name\": \"a3\", \"stopped\": true}");
    rpc_ok(&plain, "vm.delete", "{\"vm\": \"a1\"}"); /* what is left stands still */
    while (bx_val_len(list = rpc_ok(&plain, "vm.list", "{}")) != 2)
        host_wait(until, "the deletion");
    for (uint32_t i = 0; i < 2; i++)
        bx_pw_val(&packed, bx_val_at(list, i));
    list = rpc_ok(&flat, "vm.list", "{}");
    assert_int_equal(bx_val_type(list), BX_V_BIN);
    bx_val_str(list, &bytes);
    assert_int_equal(bx_hybrid_read(&decoder, BX_USE_OTHER, BX_KIND_VM, &bx_vm_reply_schema,
                                    (const uint8_t *)bytes.p, bytes.n, &taker, NULL),
                     BX_OK);
    assert_int_equal(again.len, packed.len);
    assert_memory_equal(again.data, packed.data, packed.len);
    bx_decoder_close(&decoder);
    bx_buf_release(&packed);
    bx_buf_release(&again);
    rpc_close(&plain);
    rpc_close(&flat);
}

/* What the daemon counted of a codec. */
static uint64_t codec_count(struct rpc *c, const char *codec, const char *what)
{
    bx_val codecs = bx_val_get(rpc_ok(c, "mem.stats", "{}"), "codecs");

    return rpc_number(bx_val_get(codecs, codec), what);
}

/* How much vm.list adds to a count, beyond what looking at the count adds. */
static uint64_t list_adds(struct rpc *watcher, struct rpc *c, const char *codec, const char *what)
{
    uint64_t first = codec_count(watcher, codec, what);
    uint64_t looking = codec_count(watcher, codec, what) - first;
    uint64_t before = codec_count(watcher, codec, what);

    rpc_ok(c, "vm.list", "{}");
    return codec_count(watcher, codec, what) - before - looking;
}

/* The codec of a list: bytes have a header that names it. */
static enum bx_codec form_of(bx_val list)
{
    struct bx_header head = {.codec = 0};
    struct bx_str bytes = {"", 0};

    if (bx_val_type(list) == BX_V_ARRAY)
        return BX_CODEC_MSGPACK;
    assert_int_equal(bx_val_type(list), BX_V_BIN);
    bx_val_str(list, &bytes);
    assert_int_equal(
        bx_header_check((const uint8_t *)bytes.p, bytes.n, BX_KIND_VM, UINT8_MAX, &head), BX_OK);
    return head.codec;
}

TEST(a_client_gets_the_best_form_that_it_offers)
{
    static const struct {
        const char *hello;
        enum bx_codec form;
    } cases[] = {
        {"{}", BX_CODEC_MSGPACK},
        {"{\"codecs\": []}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"msgpack\"]}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"msgpack\", \"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"no-such-codec\"]}", BX_CODEC_MSGPACK},
        {"{\"codecs\": [\"no-such-codec\", \"flat\"]}", BX_CODEC_FLAT},
        {"{\"codecs\": [\"json\"]}", BX_CODEC_MSGPACK}, /* lists of the RPC are never text */
        {"{\"codecs\": [\"lz\"]}", BX_CODEC_MSGPACK},   /* lz is flat, compressed */
        {"{\"codecs\": [\"flat\", \"lz\"]}", BX_CODEC_LZ},
    };
    struct rpc watcher = host_dial(hosts[0].local);

    for (unsigned i = 0; i < 8; i++) {
        char vm[64];

        snprintf(vm, sizeof vm, "{\"name\": \"vm-%u\", \"stopped\": true}", i);
        rpc_ok(&watcher, "vm.create", vm);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rpc c = host_dial(hosts[0].api);
        const char *name = bx_codec_ops(cases[i].form)->name;
        bool falls_back = cases[i].form == BX_CODEC_MSGPACK;

        rpc_ok(&c, "sys.hello", cases[i].hello);
        assert_int_equal(form_of(rpc_ok(&c, "vm.list", "{}")), cases[i].form);
        assert_int_equal(list_adds(&watcher, &c, name, "encoded") > 0, true);
        assert_int_equal(list_adds(&watcher, &c, "flat", "fallbacks"), falls_back);
        assert_int_equal(list_adds(&watcher, &c, "lz", "fallbacks"), 0);
        rpc_close(&c);
    }
    assert_true(codec_count(&watcher, "lz", "plain_bytes") > codec_count(&watcher, "lz", "bytes"));
    rpc_close(&watcher);
}

/* Without a VM there is nothing to compress: the list comes flat. */
TEST(what_does_not_get_shorter_is_not_compressed)
{
    struct rpc c = host_dial(hosts[0].api), watcher = host_dial(hosts[0].local);

    rpc_ok(&c, "sys.hello", "{\"codecs\": [\"flat\", \"lz\"]}");
    assert_int_equal(form_of(rpc_ok(&c, "vm.list", "{}")), BX_CODEC_FLAT);
    assert_int_equal(list_adds(&watcher, &c, "lz", "fallbacks"), 1);
    assert_int_equal(codec_count(&watcher, "lz", "encoded"), 0);
    rpc_close(&c);
    rpc_close(&watcher);
}

/* Commands, rows, frames: whatever the daemon encodes is counted where it belongs. */
TEST(every_use_of_a_codec_is_counted)
{
    struct rpc c = host_dial(hosts[0].local);
    bx_val uses;

    rpc_ok(&c, "vm.create", "{\"name\": \"a1\", \"stopped\": true}");
    uses = bx_val_get(rpc_ok(&c, "mem.stats", "{}"), "codec_uses");
    assert_true(rpc_number(bx_val_get(uses, "entry"), "encoded") > 0);
    assert_true(rpc_number(bx_val_get(uses, "entry"), "decoded") > 0);
    assert_true(rpc_number(bx_val_get(uses, "entry"), "encode_ns") > 0);
    assert_true(rpc_number(bx_val_get(uses, "entry"), "encodes_timed") > 0);
    assert_true(rpc_number(bx_val_get(uses, "row"), "encoded") > 0);
    assert_true(rpc_number(bx_val_get(uses, "row"), "decoded") > 0);
    assert_true(rpc_number(bx_val_get(uses, "request"), "decoded") >= 2);
    assert_true(rpc_number(bx_val_get(uses, "reply"), "encoded") >= 1);
    assert_int_equal(rpc_number(bx_val_get(uses, "entry"), "failed"), 0);
    rpc_close(&c);
}

int main(void)
{
    return test_run(hosts_setup, hosts_teardown);
}
