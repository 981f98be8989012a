/* The memory layer against what it stands in for: malloc and free, a table of strings on the heap,
 * a chained hash table, a vector that begins empty. */
#include "bench.h"

#include "heap.h"
#include "mem/alloc.h"
#include "mem/arena.h"
#include "mem/buf.h"
#include "mem/fifo.h"
#include "mem/intern.h"
#include "mem/map.h"
#include "mem/pool.h"
#include "mem/rc.h"
#include "mem/slab.h"
#include "mem/vec.h"

#include <stdio.h>
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

/* ---- names: the interner and the map against chains on the heap ---- */

struct link {
    struct link *next;
    char *name;
};

struct name {
    uint32_t len;
    char s[24];
};

struct names {
    unsigned n;
    struct name *all;
    uint32_t *order; /* in which they are asked for */
    struct bx_intern *intern;
    struct bx_map map;
    const struct bx_istr **interned;
    struct bx_rc_cache shared;
    const void **held; /* of the shared values */
    struct link **chains, *links;
    size_t n_chains;
    uint64_t at;
};

static bool name_is(const void *item, const void *key)
{
    const struct name *a = item, *b = key;

    return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static void make_shared(void *value, const void *key)
{
    memcpy(value, key, sizeof(struct name));
}

static const void *share(struct names *t, const struct name *name)
{
    return bx_rc_get_or_create(&t->shared, bx_hash(name->s, name->len), name, sizeof *name,
                               make_shared);
}

static void add_link(struct names *t, struct link *l, const struct name *name)
{
    struct link **chain = &t->chains[bx_hash(name->s, name->len) & (t->n_chains - 1)];

    l->name = bx_must_strdup(name->s);
    l->next = *chain;
    *chain = l;
}

static void *open_names(const struct bench_case *c, unsigned size)
{
    struct names *t = bx_must_calloc(1, sizeof *t);
    uint64_t seed = 7;

    (void)c;
    t->n = size;
    t->all = bx_must_calloc(size, sizeof *t->all);
    t->order = bx_must_calloc(size, sizeof *t->order);
    t->links = bx_must_calloc(size, sizeof *t->links);
    for (t->n_chains = 1; t->n_chains < size; t->n_chains *= 2)
        ;
    t->chains = bx_must_calloc(t->n_chains, sizeof *t->chains);
    t->intern = bx_intern_create(0, 0);
    bench_must(t->intern != NULL, "interner");
    t->interned = bx_must_calloc(size, sizeof *t->interned);
    t->held = bx_must_calloc(size, sizeof *t->held);
    bx_rc_init(&t->shared, size, 0, name_is);
    for (unsigned i = 0; i < size; i++) {
        struct name *name = &t->all[i];

        name->len = (uint32_t)snprintf(name->s, sizeof name->s, "web-%u.prod", i * 7919);
        t->order[i] = (uint32_t)(bench_random(&seed) % size);
        t->interned[i] = bx_intern_get(t->intern, name->s, name->len);
        bench_must(t->interned[i] != NULL, "intern");
        bench_must(bx_map_add(&t->map, bx_hash(name->s, name->len), name) == BX_OK, "map");
        bench_must((t->held[i] = share(t, name)) != NULL, "share");
        add_link(t, &t->links[i], name);
    }
    return t;
}

static void close_names(void *ctx)
{
    struct names *t = ctx;

    for (unsigned i = 0; i < t->n; i++) {
        bx_intern_release(t->intern, t->interned[i]);
        bx_rc_release(&t->shared, t->held[i]);
        bx_free(t->links[i].name);
    }
    bx_rc_close(&t->shared);
    bx_free(t->held);
    bx_free(t->interned);
    bx_intern_destroy(t->intern);
    bx_map_close(&t->map);
    bx_free(t->chains);
    bx_free(t->links);
    bx_free(t->order);
    bx_free(t->all);
    bx_free(t);
}

static const struct name *next_name(struct names *t)
{
    return &t->all[t->order[t->at++ % t->n]];
}

static void interned(void *ctx, uint64_t n)
{
    struct names *t = ctx;

    while (n-- > 0) {
        const struct name *name = next_name(t);
        const struct bx_istr *s = bx_intern_get(t->intern, name->s, name->len);

        bench_use(s);
        bx_intern_release(t->intern, s);
    }
}

static char *find_link(const struct names *t, const struct name *name)
{
    struct link *l = t->chains[bx_hash(name->s, name->len) & (t->n_chains - 1)];

    while (strcmp(l->name, name->s) != 0)
        l = l->next;
    return l->name;
}

/* Without an interner who wants to hold a name holds a copy. */
static void copied(void *ctx, uint64_t n)
{
    struct names *t = ctx;

    while (n-- > 0) {
        const struct name *name = next_name(t);
        const char *found = find_link(t, name);
        size_t size = strlen(found) + 1;
        char *copy = heap_plain_malloc(size);

        memcpy(copy, found, size);
        bench_use(copy);
        heap_plain_free(copy);
    }
}

static void shared(void *ctx, uint64_t n)
{
    struct names *t = ctx;

    while (n-- > 0) {
        const void *value = share(t, next_name(t));

        bench_use(value);
        bx_rc_release(&t->shared, value);
    }
}

static void mapped(void *ctx, uint64_t n)
{
    struct names *t = ctx;

    while (n-- > 0) {
        const struct name *name = next_name(t);

        bench_use(bx_map_get(&t->map, bx_hash(name->s, name->len), name_is, name));
    }
}

static void chained(void *ctx, uint64_t n)
{
    struct names *t = ctx;

    while (n-- > 0)
        bench_use(find_link(t, next_name(t)));
}

static bool same_names(void *ctx)
{
    struct names *t = ctx;
    bool same = true;

    for (unsigned i = 0; same && i < t->n; i++) {
        const struct name *name = &t->all[i];
        const struct bx_istr *s = bx_intern_get(t->intern, name->s, name->len);

        bx_intern_release(t->intern, s);
        same = s == t->interned[i] && strcmp(s->s, find_link(t, name)) == 0 &&
               name_is(t->held[i], name) &&
               bx_map_get(&t->map, bx_hash(name->s, name->len), name_is, name) == name;
    }
    return same;
}

/* ---- vectors: inside the struct against a heap vector that doubles ---- */

BX_VEC(numbers, uint64_t, 32);

struct vectors {
    unsigned n;
    uint64_t sum, plain_sum;
};

static void *open_vectors(const struct bench_case *c, unsigned size)
{
    struct vectors *v = bx_must_calloc(1, sizeof *v);

    (void)c;
    v->n = size;
    return v;
}

static void inlined(void *ctx, uint64_t n)
{
    struct vectors *v = ctx;

    while (n-- > 0) {
        struct numbers list;

        numbers_init(&list);
        for (unsigned i = 0; i < v->n; i++)
            bench_must(numbers_push(&list, i) == BX_OK, "push");
        bench_use(&list);
        v->sum = list.items[v->n - 1] + list.len;
        numbers_close(&list);
    }
}

static void on_the_heap(void *ctx, uint64_t n)
{
    struct vectors *v = ctx;

    while (n-- > 0) {
        uint64_t *items = NULL;
        size_t len = 0, cap = 0;

        for (unsigned i = 0; i < v->n; i++) {
            if (len == cap) {
                cap = cap == 0 ? 4 : 2 * cap;
                items = bx_must_realloc(items, cap * sizeof *items);
            }
            items[len++] = i;
        }
        bench_use(items);
        v->plain_sum = items[v->n - 1] + len;
        bx_free(items);
    }
}

static bool same_vectors(void *ctx)
{
    struct vectors *v = ctx;

    inlined(v, 1);
    on_the_heap(v, 1);
    return v->sum == v->plain_sum;
}

#define BLOCKS(nam, burst, own, other, what, equal, g)                                             \
    {                                                                                              \
        .name = "mem/" nam, .reference = (what), .size = (burst), .open = open_blocks,             \
        .close = close_blocks, .run = (own), .refer = (other), .same = (equal), .goal = (g)        \
    }
#define NAMES(nam, own, other, what)                                                               \
    {                                                                                              \
        .name = "mem/" nam, .reference = (what), .size = 20000, .open = open_names,                \
        .close = close_names, .run = (own), .refer = (other), .same = same_names                   \
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
    NAMES("intern-20000", interned, copied, "strcmp table, strdup"),
    NAMES("shared-20000", shared, copied, "strcmp table, strdup"),
    NAMES("map-20000", mapped, chained, "chained table"),
    {.name = "mem/vec-32",
     .reference = "heap vector",
     .size = 32,
     .open = open_vectors,
     .close = bx_free,
     .run = inlined,
     .refer = on_the_heap,
     .same = same_vectors},
};
const struct bench_group bench_mem = {cases, sizeof cases / sizeof cases[0]};
