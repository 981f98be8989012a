/* The memory layer against malloc and free. */
#include "bench.h"

#include "heap.h"
#include "mem/alloc.h"
#include "mem/arena.h"
#include "mem/buf.h"
#include "mem/fifo.h"
#include "mem/pool.h"
#include "mem/slab.h"

#include <string.h>

#define OBJECT 512
#define BURST_MAX 64

/* ---- blocks: pool, buffers, slabs and fifo against malloc and free ---- */

struct blocks {
    struct bx_pool pool;
    struct bx_slab slab;
    struct bx_fifo fifo;
    unsigned burst;
    void *held[BURST_MAX];
    struct bx_buf bufs[BURST_MAX];
};

static void *open_blocks(const struct bench_case *c, unsigned size)
{
    const struct bx_pool_size most = {.max = BURST_MAX};
    struct blocks *b = bx_must_calloc(1, sizeof *b);

    (void)c;
    b->burst = size;
    bench_must(bx_pool_init(&b->pool, "bench", OBJECT, most, NULL) == BX_OK, "pool");
    return b;
}

static void close_blocks(void *ctx)
{
    struct blocks *b = ctx;

    bx_pool_close(&b->pool);
    bx_slab_close(&b->slab);
    bx_fifo_close(&b->fifo);
    bx_free(b);
}

static void pool_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(b->held[i] = bx_pool_acquire(&b->pool));
        for (unsigned i = 0; i < b->burst; i++)
            bx_pool_release(&b->pool, b->held[i]);
    }
}

/* A pool's object comes zeroed. */
static void zeroed_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++) {
            b->held[i] = heap_plain_malloc(OBJECT);
            memset(b->held[i], 0, OBJECT);
            bench_use(b->held[i]);
        }
        for (unsigned i = 0; i < b->burst; i++)
            heap_plain_free(b->held[i]);
    }
}

static bool same_objects(void *ctx)
{
    static const uint8_t zero[OBJECT];
    struct blocks *b = ctx;
    bool same = true;

    for (int i = 0; i < 2; i++) {
        void *p = bx_pool_acquire(&b->pool);

        same = same && p != NULL && memcmp(p, zero, OBJECT) == 0;
        memset(p, 0xa5, OBJECT);
        bx_pool_release(&b->pool, p);
    }
    return same;
}

static void buf_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(bx_buf_extend(&b->bufs[i], OBJECT));
        for (unsigned i = 0; i < b->burst; i++)
            bx_buf_release(&b->bufs[i]);
    }
}

static void malloc_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(b->held[i] = heap_plain_malloc(OBJECT));
        for (unsigned i = 0; i < b->burst; i++)
            heap_plain_free(b->held[i]);
    }
}

static void alloc_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(b->held[i] = bx_alloc(OBJECT));
        for (unsigned i = 0; i < b->burst; i++)
            bx_free(b->held[i]);
    }
}

static void slab_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(b->held[i] = bx_slab_alloc(&b->slab, OBJECT));
        for (unsigned i = 0; i < b->burst; i++)
            bx_slab_free(&b->slab, b->held[i], OBJECT);
    }
}

static void fifo_bursts(void *ctx, uint64_t n)
{
    struct blocks *b = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < b->burst; i++)
            bench_use(b->held[i] = bx_fifo_alloc(&b->fifo, OBJECT));
        for (unsigned i = 0; i < b->burst; i++)
            bx_fifo_free(b->held[i]);
    }
}

/* Every block of a burst is its own, from either. */
static bool same_blocks(void *ctx)
{
    struct blocks *b = ctx;
    bool same = true;

    for (unsigned i = 0; i < b->burst; i++) {
        void *slab = bx_slab_alloc(&b->slab, OBJECT), *fifo = bx_fifo_alloc(&b->fifo, OBJECT);

        memset(slab, (int)i, OBJECT);
        memcpy(fifo, slab, OBJECT);
        b->held[i] = slab;
        b->bufs[i].data = fifo;
    }
    for (unsigned i = 0; i < b->burst; i++) {
        same = same && memcmp(b->held[i], b->bufs[i].data, OBJECT) == 0 && b->bufs[i].data[9] == i;
        bx_slab_free(&b->slab, b->held[i], OBJECT);
        bx_fifo_free(b->bufs[i].data);
        b->bufs[i].data = NULL;
    }
    return same;
}

/* Every buffer of a burst is its own. */
static bool same_buffers(void *ctx)
{
    struct blocks *b = ctx;
    bool same = true;

    for (unsigned i = 0; i < b->burst; i++)
        memset(bx_buf_extend(&b->bufs[i], OBJECT), (int)i, OBJECT);
    for (unsigned i = 0; i < b->burst; i++) {
        same = same && b->bufs[i].len == OBJECT && b->bufs[i].data[0] == i &&
               b->bufs[i].data[OBJECT - 1] == i;
        bx_buf_release(&b->bufs[i]);
    }
    return same;
}

/* ---- requests: an arena against a block each ---- */

#define PIECES 16

struct pieces {
    struct bx_arena arena;
    void *held[PIECES];
};

static void *open_pieces(const struct bench_case *c, unsigned size)
{
    (void)c;
    (void)size;
    return bx_must_calloc(1, sizeof(struct pieces));
}

static void close_pieces(void *ctx)
{
    bx_arena_close(&((struct pieces *)ctx)->arena);
    bx_free(ctx);
}

static size_t piece_size(unsigned i)
{
    return 16 + 24 * (size_t)(i % 5);
}

static void arena_requests(void *ctx, uint64_t n)
{
    struct pieces *p = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < PIECES; i++)
            bench_use(p->held[i] = bx_arena_alloc(&p->arena, piece_size(i)));
        bx_arena_reset(&p->arena);
    }
}

static void malloc_requests(void *ctx, uint64_t n)
{
    struct pieces *p = ctx;

    while (n-- > 0) {
        for (unsigned i = 0; i < PIECES; i++)
            bench_use(p->held[i] = heap_plain_malloc(piece_size(i)));
        for (unsigned i = 0; i < PIECES; i++)
            heap_plain_free(p->held[i]);
    }
}

static bool same_pieces(void *ctx)
{
    struct pieces *p = ctx;
    bool same = true;

    for (unsigned i = 0; i < PIECES; i++)
        memset(p->held[i] = bx_arena_alloc(&p->arena, piece_size(i)), (int)i, piece_size(i));
    for (unsigned i = 0; i < PIECES; i++)
        same = same && ((uint8_t *)p->held[i])[0] == i && (uintptr_t)p->held[i] % 16 == 0;
    bx_arena_reset(&p->arena);
    return same;
}

#define BLOCKS(nam, burst, own, other, what, equal, g)                                             \
    {                                                                                              \
        .name = "mem/" nam, .reference = (what), .size = (burst), .open = open_blocks,             \
        .close = close_blocks, .run = (own), .refer = (other), .same = (equal), .goal = (g)        \
    }

static const struct bench_case cases[] = {
    BLOCKS("alloc-512", 1, alloc_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    BLOCKS("alloc-512-burst-64", 64, alloc_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    BLOCKS("pool-512", 1, pool_bursts, zeroed_bursts, "malloc, zero, free", same_objects, 5),
    BLOCKS("pool-512-burst-64", 64, pool_bursts, zeroed_bursts, "malloc, zero, free", same_objects,
           5),
    BLOCKS("buf-512", 1, buf_bursts, malloc_bursts, "malloc, free", same_buffers, 0),
    BLOCKS("buf-512-burst-32", 32, buf_bursts, malloc_bursts, "malloc, free", same_buffers, 0),
    BLOCKS("buf-512-burst-64", 64, buf_bursts, malloc_bursts, "malloc, free", same_buffers, 0),
    BLOCKS("slab-512", 1, slab_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    BLOCKS("slab-512-burst-64", 64, slab_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    BLOCKS("fifo-512", 1, fifo_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    BLOCKS("fifo-512-burst-64", 64, fifo_bursts, malloc_bursts, "malloc, free", same_blocks, 0),
    {.name = "mem/arena-16-pieces",
     .reference = "malloc, free each",
     .size = PIECES,
     .open = open_pieces,
     .close = close_pieces,
     .run = arena_requests,
     .refer = malloc_requests,
     .same = same_pieces},
};
const struct bench_group bench_mem = {cases, sizeof cases / sizeof cases[0]};
