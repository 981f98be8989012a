/* Names, shared values and vectors against a table of strings on the heap, a chained hash table,
 * and a vector that begins empty. */
#include "bench.h"

#include "heap.h"
#include "mem/alloc.h"
#include "mem/intern.h"
#include "mem/map.h"
#include "mem/rc.h"
#include "mem/vec.h"
#include "sys/fence.h"

#include <stdio.h>
#include <string.h>

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
    bx_intern_share(t->intern, fence_open()); /* as in the daemon */
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

#define NAMES(nam, own, other, what)                                                               \
    {                                                                                              \
        .name = "mem/" nam, .reference = (what), .size = 20000, .open = open_names,                \
        .close = close_names, .run = (own), .refer = (other), .same = same_names                   \
    }

static const struct bench_case cases[] = {
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
const struct bench_group bench_names = {cases, sizeof cases / sizeof cases[0]};
