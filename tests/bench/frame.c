/* Frames between nodes: the heartbeat as the daemon writes it, into one buffer, against one small
 * block for each of its nine parts that are then joined; a batch of items the same way; and reading
 * where the bytes lie against reading a copy. */
#include "bench.h"

#include "heap.h"
#include "mem/alloc.h"
#include "wire/frame.h"
#include "wire/raftmsg.h"

#include <string.h>

#define PARTS 9

struct part {
    uint8_t *p;
    size_t n;
};

struct frames {
    bool sealed; /* with head and checksum; else the room for them alone */
    struct raft_append_entries beat;
    struct bx_buf frame;
    struct part parts[PARTS];
    struct part joined;
    uint8_t *wants;
    unsigned n_wants;
    struct bx_heartbeat read, copied;
};

static void must(int rc)
{
    bench_must(rc == BX_OK, "frame");
}

static void *open_frames(const struct bench_case *c, unsigned size)
{
    struct frames *f = bx_must_calloc(1, sizeof *f);

    f->sealed = c->arg != NULL;
    f->beat = (struct raft_append_entries){
        .term = 7, .prev_log_index = 123456, .prev_log_term = 7, .leader_commit = 123450};
    f->n_wants = size;
    f->wants = bx_must_calloc(size, BX_WANT_SIZE);
    for (unsigned i = 0; i < size; i++)
        f->wants[i * BX_WANT_SIZE] = (uint8_t)i;
    return f;
}

static void close_frames(void *ctx)
{
    struct frames *f = ctx;

    bx_buf_release(&f->frame);
    heap_plain_free(f->joined.p);
    bx_free(f->wants);
    bx_free(f);
}

/* ---- writing ---- */

static void heartbeats(void *ctx, uint64_t n)
{
    struct frames *f = ctx;

    while (n-- > 0) {
        f->frame.len = 0;
        must(bx_frame_begin(&f->frame));
        must(bx_raftmsg_write_append(&f->frame, &f->beat));
        if (f->sealed)
            bx_frame_end(&f->frame, BX_FRAME_RAFT);
        bench_use(f->frame.data);
    }
}

static struct part block(size_t n)
{
    struct part p = {heap_plain_malloc(n), n};

    memset(p.p, 0, n);
    return p;
}

static struct part number(uint64_t v)
{
    struct part p = block(8);

    bx_put64(p.p, v);
    return p;
}

/* One block a field: the head, type and flags, five numbers, and what stands for entries. */
static void make_parts(struct frames *f)
{
    const uint64_t fields[] = {f->beat.term, f->beat.prev_log_index, f->beat.prev_log_term,
                               f->beat.leader_commit, 0};
    unsigned n = 0;

    f->parts[n++] = block(BX_HEADER_SIZE);
    f->parts[n++] = block(2);
    f->parts[n - 1].p[0] = RAFT_APPEND_ENTRIES;
    f->parts[n++] = block(6);
    for (unsigned i = 0; i < 5; i++)
        f->parts[n++] = number(fields[i]);
    f->parts[n++] = block(0);
}

static void join_parts(struct frames *f)
{
    size_t at = 0, n = 0;

    for (unsigned i = 0; i < PARTS; i++)
        n += f->parts[i].n;
    heap_plain_free(f->joined.p);
    f->joined = block(n);
    for (unsigned i = 0; i < PARTS; i++) {
        memcpy(f->joined.p + at, f->parts[i].p, f->parts[i].n);
        at += f->parts[i].n;
        heap_plain_free(f->parts[i].p);
    }
    if (f->sealed)
        bx_header_seal(f->joined.p, BX_KIND_FRAME + BX_FRAME_RAFT, 1, BX_CODEC_FLAT,
                       (uint32_t)(n - BX_HEADER_SIZE));
}

static void nested(void *ctx, uint64_t n)
{
    struct frames *f = ctx;

    while (n-- > 0) {
        make_parts(f);
        join_parts(f);
        bench_use(f->joined.p);
    }
}

static bool same_heartbeat(void *ctx)
{
    struct frames *f = ctx;

    heartbeats(f, 1);
    nested(f, 1);
    if (!f->sealed) /* the room for a head holds whatever was there */
        memset(f->frame.data, 0, BX_HEADER_SIZE);
    return f->frame.len == f->joined.n && memcmp(f->frame.data, f->joined.p, f->joined.n) == 0;
}

/* ---- reading ---- */

static void *open_heartbeat(const struct bench_case *c, unsigned size)
{
    struct frames *f = open_frames(c, size);
    struct bx_heartbeat beat = {.seq = 12, .incarnation = {1, 2, 3}};

    beat.wants = (struct bx_str){(const char *)f->wants, f->n_wants * BX_WANT_SIZE};
    must(bx_frame_write(&f->frame, BX_FRAME_HEARTBEAT, &bx_heartbeat_schema, &beat));
    return f;
}

static void read_frame(const uint8_t *p, size_t n, struct bx_heartbeat *out)
{
    struct bx_header head;

    must(bx_header_check(p, n, BX_KIND_FRAME + BX_FRAME_HEARTBEAT, 1, &head));
    must(
        bx_flat_read(&bx_heartbeat_schema, p + BX_HEADER_SIZE, head.length, out, NULL, NULL, NULL));
    bench_use(out);
}

static void in_place(void *ctx, uint64_t n)
{
    struct frames *f = ctx;

    while (n-- > 0)
        read_frame(f->frame.data, f->frame.len, &f->read);
}

/* Each part that may be of any length becomes a block of its own. */
static void from_copies(void *ctx, uint64_t n)
{
    struct frames *f = ctx;

    while (n-- > 0) {
        uint8_t *copy = heap_plain_malloc(f->frame.len), *wants;

        memcpy(copy, f->frame.data, f->frame.len);
        read_frame(copy, f->frame.len, &f->copied);
        wants = heap_plain_malloc(f->copied.wants.n);
        memcpy(wants, f->copied.wants.p, f->copied.wants.n);
        bench_use(wants);
        heap_plain_free(copy);
        heap_plain_free(wants);
    }
}

static bool same_lease_heartbeat(void *ctx)
{
    struct frames *f = ctx;

    in_place(f, 1);
    from_copies(f, 1);
    return f->read.seq == 12 && f->copied.seq == 12 && f->read.wants.n == f->copied.wants.n &&
           memcmp(f->read.wants.p, f->wants, f->n_wants * BX_WANT_SIZE) == 0;
}

/* ---- a batch: items in one buffer against a block each, joined ---- */

#define ITEMS_MAX 64
#define ITEM 200 /* bytes: about a create */

struct batch {
    struct bx_buf bytes;
    unsigned n;
    uint8_t item[ITEM];
    uint8_t *blocks[ITEMS_MAX], *joined;
    uint64_t sum, plain_sum;
};

static void *open_batch(const struct bench_case *c, unsigned size)
{
    struct batch *b = bx_must_calloc(1, sizeof *b);

    (void)c;
    b->n = size;
    for (unsigned i = 0; i < ITEM; i++)
        b->item[i] = (uint8_t)i;
    return b;
}

static void close_batch(void *ctx)
{
    struct batch *b = ctx;

    bx_buf_release(&b->bytes);
    heap_plain_free(b->joined);
    bx_free(b);
}

static void in_one_buffer(void *ctx, uint64_t n)
{
    struct batch *b = ctx;

    while (n-- > 0) {
        b->bytes.len = 0;
        for (unsigned i = 0; i < b->n; i++) {
            b->item[0] = (uint8_t)i;
            must(bx_buf_append(&b->bytes, b->item, ITEM));
        }
        b->sum = 0;
        for (unsigned i = 0; i < b->n; i++)
            b->sum += (uint64_t)b->bytes.data[(size_t)i * ITEM] * ITEM;
        bench_use(b->bytes.data);
    }
}

static void in_blocks(void *ctx, uint64_t n)
{
    struct batch *b = ctx;

    while (n-- > 0) {
        heap_plain_free(b->joined);
        for (unsigned i = 0; i < b->n; i++) {
            b->item[0] = (uint8_t)i;
            b->blocks[i] = heap_plain_malloc(ITEM);
            memcpy(b->blocks[i], b->item, ITEM);
        }
        b->joined = heap_plain_malloc((size_t)b->n * ITEM);
        b->plain_sum = 0;
        for (unsigned i = 0; i < b->n; i++) {
            b->plain_sum += (uint64_t)b->blocks[i][0] * ITEM;
            memcpy(b->joined + (size_t)i * ITEM, b->blocks[i], ITEM);
            heap_plain_free(b->blocks[i]);
        }
        bench_use(b->joined);
    }
}

static bool same_batch(void *ctx)
{
    struct batch *b = ctx;

    in_one_buffer(b, 1);
    in_blocks(b, 1);
    return b->sum == b->plain_sum && b->bytes.len == (size_t)b->n * ITEM &&
           memcmp(b->bytes.data, b->joined, b->bytes.len) == 0;
}

static const bool sealed = true;

static const struct bench_case cases[] = {
    {.name = "frame/batch-64-items",
     .reference = "blocks, joined",
     .size = ITEMS_MAX,
     .open = open_batch,
     .close = close_batch,
     .run = in_one_buffer,
     .refer = in_blocks,
     .same = same_batch},
    {.name = "frame/heartbeat-unsealed",
     .reference = "nine blocks, joined",
     .size = 1,
     .goal = 20,
     .open = open_frames,
     .close = close_frames,
     .run = heartbeats,
     .refer = nested,
     .same = same_heartbeat},
    {.name = "frame/heartbeat",
     .reference = "nine blocks, joined",
     .size = 1,
     .arg = &sealed,
     .open = open_frames,
     .close = close_frames,
     .run = heartbeats,
     .refer = nested,
     .same = same_heartbeat},
    {.name = "frame/beat-8-read",
     .reference = "from copies",
     .size = 8,
     .open = open_heartbeat,
     .close = close_frames,
     .run = in_place,
     .refer = from_copies,
     .same = same_lease_heartbeat},
    {.name = "frame/beat-512-read",
     .reference = "from copies",
     .size = 512,
     .open = open_heartbeat,
     .close = close_frames,
     .run = in_place,
     .refer = from_copies,
     .same = same_lease_heartbeat},
};
const struct bench_group bench_frame = {cases, sizeof cases / sizeof cases[0]};
