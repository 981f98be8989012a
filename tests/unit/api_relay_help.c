#include "lib/testlib.h"

#include "api_relay_help.h"

#include "codec/header.h"

struct relay_sent relay_sent;
bool relay_connected;

static struct bx_link_ops ops;

static bool send_frame(struct bx_link *l, uint64_t to, struct bx_buf *frame)
{
    struct bx_header head;
    struct bx_numbered m;

    (void)l;
    if (!relay_connected)
        return false;
    assert_int_equal(bx_header_read(frame->data, &head), BX_OK);
    assert_true(bx_frame_numbered(frame->data + BX_HEADER_SIZE, head.length, &m));
    relay_sent.n++;
    relay_sent.to = to;
    relay_sent.number = m.number;
    relay_sent.kind = (enum bx_frame)(head.kind - BX_KIND_FRAME);
    relay_sent.message.len = 0;
    assert_int_equal(bx_buf_append(&relay_sent.message, m.p, m.n), BX_OK);
    bx_buf_release(frame);
    return true;
}

void relay_link_open(void)
{
    struct test_member *m = test_member(&w, 1);

    ops = *m->link.ops;
    ops.send = send_frame;
    m->link.ops = &ops;
    relay_connected = true;
    relay_sent.n = 0;
}

void relay_link_close(void)
{
    bx_buf_release(&relay_sent.message);
}

static void arrive(uint64_t from, enum bx_frame kind, uint64_t number, struct bx_buf *message)
{
    struct bx_buf payload = {0};
    uint8_t id[8];

    assert_false(message->failed);
    bx_put64(id, number);
    assert_int_equal(bx_buf_append(&payload, id, 8), BX_OK);
    assert_int_equal(bx_buf_append(&payload, message->data, message->len), BX_OK);
    bx_buf_release(message);
    api_on_frame(api, from, kind, payload.data, payload.len);
    bx_buf_release(&payload);
}

void relay_refuse(uint64_t from, uint64_t query, int code)
{
    struct bx_buf b = {0};
    struct bx_err err;

    bx_err_set(&err, code, "refused");
    api_rpc_put_error(&b, api, 0, &err);
    arrive(from, BX_FRAME_ANSWER, query, &b);
}

static const void *only_one(void *ctx, uint32_t i)
{
    (void)i;
    return ctx;
}

void relay_answer(uint64_t from, uint64_t query, const struct bx_schema *s, const void *obj)
{
    struct bx_items one = {1, false, only_one, (void *)(uintptr_t)obj};
    struct bx_buf b = {0};

    assert_int_equal(api_rpc_put_result(&b, 0, 1u << BX_CODEC_MSGPACK, s, &one), BX_OK);
    arrive(from, BX_FRAME_ANSWER, query, &b);
}

static void put_map(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    bx_pw_map(b, bx_pack_fields(s, obj));
    bx_pack_write(b, s, obj);
}

void relay_ask(uint64_t from, uint64_t number, enum bx_method method, const void *params)
{
    relay_ask_for(from, number, method, params, NULL);
}

void relay_ask_for(uint64_t from, uint64_t number, enum bx_method method, const void *params,
                   const struct bx_caller *as)
{
    struct bx_buf b = {0};

    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 0);
    bx_pw_u64(&b, 0);
    bx_pw_str(&b, bx_methods[method]->name);
    bx_pw_array(&b, as == NULL ? 1 : 2);
    put_map(&b, bx_methods[method]->params, params);
    if (as != NULL)
        put_map(&b, &bx_caller_schema, as);
    arrive(from, BX_FRAME_QUERY, number, &b);
}
