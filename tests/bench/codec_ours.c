/* The three forms of libcore's codec layer, used as the daemon uses them. */
#include "codec_forms.h"

#include "bench.h"
#include "codec/flat.h"
#include "codec/json.h"

static void must(int rc)
{
    bench_must(rc == BX_OK, "codec");
}

/* ---- flat: records one after the other; commands as a batch of the log ---- */

static void flat_encode(struct document *d, struct bx_buf *out)
{
    static const struct bx_stamp stamp = {.wall_ms = 1700000000000, .elapsed_ms = 1, .seed = {1}};

    out->len = 0;
    if (d->head != NULL) {
        must(bx_batch_begin(out));
        for (unsigned i = 0; i < d->n; i++)
            must(bx_cmd_encode(out, &d->heads[i], document_body(d, d->bodies, i)));
        bx_batch_seal(out, d->n, &stamp);
        return;
    }
    for (unsigned i = 0; i < d->n; i++) {
        const void *body = document_body(d, d->bodies, i);

        bx_flat_write(d->body, body, bx_buf_extend(out, bx_flat_size(d->body, body)));
    }
}

static void commands_decode(struct document *d, const struct bx_buf *in)
{
    struct bx_batch batch;
    size_t at = 0, used = 0;

    must(bx_batch_open(in->data, in->len, &batch, NULL));
    for (unsigned i = 0; i < d->n; i++, at += used) {
        union bx_cmd_body body;

        must(bx_cmd_decode(batch.p + at, batch.len - at, &d->read_heads[i], &body, &d->arena, &used,
                           NULL));
        memcpy(document_body(d, d->read_bodies, i), &body, d->body->size);
    }
}

static void flat_decode(struct document *d, const struct bx_buf *in)
{
    size_t at = 0, used = 0;

    bx_arena_reset(&d->arena);
    if (d->head != NULL) {
        commands_decode(d, in);
        return;
    }
    for (unsigned i = 0; i < d->n; i++, at += used)
        must(bx_flat_read(d->body, in->data + at, in->len - at, document_body(d, d->read_bodies, i),
                          &d->arena, &used, NULL));
}

/* Nothing is copied out but the one field. */
static uint64_t flat_one(struct document *d, const struct bx_buf *in)
{
    const uint8_t *p = in->data, *last = p;
    size_t len = in->len, used = 0;
    struct bx_batch batch;

    if (d->head != NULL) {
        must(bx_batch_open(in->data, in->len, &batch, NULL));
        p = batch.p;
        len = batch.len;
    }
    for (unsigned i = 0; i < d->n; i++, p += used, len -= used) {
        if (d->head != NULL) {
            must(bx_flat_check(d->head, p, len, &used, NULL));
            p += used;
            len -= used;
        }
        must(bx_flat_check(d->body, p, len, &used, NULL));
        last = p;
    }
    return bx_flat_u64(d->body, last, d->vcpus);
}

/* ---- MessagePack ---- */

static void write_map(struct bx_buf *out, const struct bx_schema *s, const void *obj)
{
    must(bx_pw_map(out, bx_pack_fields(s, obj)));
    must(bx_pack_write(out, s, obj));
}

static void msgpack_encode(struct document *d, struct bx_buf *out)
{
    out->len = 0;
    must(bx_pw_array(out, d->n));
    for (unsigned i = 0; i < d->n; i++) {
        if (d->head != NULL) {
            must(bx_pw_array(out, 2));
            write_map(out, d->head, &d->heads[i]);
        }
        write_map(out, d->body, document_body(d, d->bodies, i));
    }
}

static bx_val msgpack_parse(struct document *d, const struct bx_buf *in)
{
    bx_val v = bx_pack_parse(d->pack, in->data, in->len, in->len, NULL);

    bench_must(v != NULL && bx_val_len(v) == d->n, "msgpack");
    return v;
}

static void msgpack_decode(struct document *d, const struct bx_buf *in)
{
    bx_val list = msgpack_parse(d, in);

    bx_arena_reset(&d->arena);
    for (unsigned i = 0; i < d->n; i++) {
        bx_val item = bx_val_at(list, i);

        if (d->head != NULL) {
            memset(&d->read_heads[i], 0, sizeof d->read_heads[i]);
            must(bx_pack_read(d->head, bx_val_at(item, 0), &d->read_heads[i], &d->arena, NULL));
            item = bx_val_at(item, 1);
        }
        memset(document_body(d, d->read_bodies, i), 0, d->body->size);
        must(bx_pack_read(d->body, item, document_body(d, d->read_bodies, i), &d->arena, NULL));
    }
}

static uint64_t msgpack_one(struct document *d, const struct bx_buf *in)
{
    bx_val item = bx_val_at(msgpack_parse(d, in), d->n - 1);
    uint64_t vcpus = 0;

    if (d->head != NULL)
        item = bx_val_at(item, 1);
    bench_must(bx_val_u64(bx_val_get(item, "vcpus"), &vcpus), "msgpack");
    return vcpus;
}

/* ---- JSON, by way of MessagePack ---- */

static void json_encode(struct document *d, struct bx_buf *out)
{
    out->len = 0;
    msgpack_encode(d, &d->scratch);
    must(bx_json_write(out, msgpack_parse(d, &d->scratch), 0));
}

static void json_to_msgpack(struct document *d, const struct bx_buf *in)
{
    d->scratch.len = 0;
    must(bx_json_read(&d->scratch, (const char *)in->data, in->len, in->len, NULL));
}

static void json_decode(struct document *d, const struct bx_buf *in)
{
    json_to_msgpack(d, in);
    msgpack_decode(d, &d->scratch);
}

static uint64_t json_one(struct document *d, const struct bx_buf *in)
{
    json_to_msgpack(d, in);
    return msgpack_one(d, &d->scratch);
}

const struct form form_flat = {"flat", flat_encode, flat_decode, flat_one, NULL, NULL};
const struct form form_msgpack = {"msgpack",   msgpack_encode, msgpack_decode,
                                  msgpack_one, NULL,           NULL};
const struct form form_json = {"json", json_encode, json_decode, json_one, NULL, NULL};
