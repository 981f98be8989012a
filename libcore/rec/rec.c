#include "rec/rec.h"

#include "mem/alloc.h"
#include "rec/pack.h"

#include <assert.h>
#include <string.h>

static _Thread_local struct bx_rec_thread *mine;

int bx_rec_thread_open(struct bx_rec_thread *t, const char *name, uint16_t index, size_t ring_words,
                       size_t queue_words, uint64_t (*now_ns)(void))
{
    size_t n = strlen(name);

    *t = (struct bx_rec_thread){.index = index, .now_ns = now_ns};
    memcpy(t->name, name, n > BX_REC_NAME ? BX_REC_NAME : n);
    if (!bx_ring_open(&t->ring, ring_words))
        return BX_NO_MEMORY;
    if (queue_words > 0 && !bx_ring_open(&t->queue, queue_words)) {
        bx_ring_close(&t->ring);
        return BX_NO_MEMORY;
    }
    return BX_OK;
}

void bx_rec_thread_close(struct bx_rec_thread *t)
{
    assert(mine != t);
    bx_ring_close(&t->ring);
    bx_ring_close(&t->queue);
}

void bx_rec_use(struct bx_rec_thread *t)
{
    mine = t;
}

struct bx_rec_thread *bx_rec_used(void)
{
    return mine;
}

uint64_t bx_rec_trace(uint64_t trace)
{
    uint64_t before = bx_rec_traced();

    if (mine != NULL)
        mine->trace = trace;
    return before;
}

uint64_t bx_rec_traced(void)
{
    return mine == NULL ? 0 : mine->trace;
}

/* ---- which sites are on ---- */

static bool wanted(const struct bx_site *s, const struct bx_filter *const *f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (bx_filter_site(f[i], s))
            return true;
    return false;
}

static void set_sites(uint8_t bit, const struct bx_filter *const *f, uint32_t n)
{
    struct bx_sites all = bx_sites();

    for (uint32_t i = 0; i < all.n; i++) {
        struct bx_site *s = all.v[i];
        uint8_t on = __atomic_load_n(&s->on, __ATOMIC_RELAXED);

        if (s->id != i)
            s->id = i; /* only once: other threads read it */
        if (s->object != NULL)
            bx_site_find_fields(s);
        on = wanted(s, f, n) ? on | bit : on & (uint8_t)~bit;
        __atomic_store_n(&s->on, on, __ATOMIC_RELAXED);
    }
}

void bx_rec_filter_ring(const struct bx_filter *f)
{
    set_sites(BX_SITE_RING, &f, 1);
}

void bx_rec_filter_queue(const struct bx_filter *const *f, uint32_t n)
{
    set_sites(BX_SITE_QUEUE, f, n);
}

/* ---- how long it takes ---- */

const uint64_t bx_rec_bounds_ns[BX_REC_BOUNDS] = {
    10, 15, 20, 25, 30, 40, 50, 75, 100, 250, 500, 1000, 5000, 25000, 100000, 1000000};

static void grow(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Apart, so that the events that are not timed save no register for it. */
static __attribute__((noinline, cold)) void took(struct bx_rec_thread *t, uint64_t from_ns)
{
    uint64_t ns = t->now_ns() - from_ns;
    uint32_t i = 0;

    while (i < BX_REC_BOUNDS && ns > bx_rec_bounds_ns[i])
        i++;
    grow(&t->latency.counts[i], 1);
    grow(&t->latency.sum_ns, ns);
}

void bx_rec_add_latency(const struct bx_rec_thread *t, struct bx_rec_latency *out)
{
    for (uint32_t i = 0; i <= BX_REC_BOUNDS; i++)
        out->counts[i] += __atomic_load_n(&t->latency.counts[i], __ATOMIC_RELAXED);
    out->sum_ns += __atomic_load_n(&t->latency.sum_ns, __ATOMIC_RELAXED);
}

/* ---- recording ---- */

/* Compiled twice: most sites have no strings, and are done in two thirds of the time when nothing
 * of what strings need is in the way. */
#define INLINE static inline __attribute__((always_inline))

INLINE void put(struct bx_ring *r, const struct bx_site *s, const struct bx_recevent *e,
                const struct bx_arg *args, const struct bx_packed *p, bool plain)
{
    struct bx_cursor c = bx_ring_cursor(r);

    bx_pack_put(&c, s, e, args, p, plain);
    bx_ring_end(r, c);
}

INLINE void record(struct bx_rec_thread *t, const struct bx_site *s, const struct bx_arg *args,
                   const struct bx_packed *p, bool plain)
{
    uint8_t on = __atomic_load_n(&s->on, __ATOMIC_RELAXED);
    struct bx_recevent e = {.time_ns = t->now_ns(), .thread = t->index, .trace = t->trace};

    e.seq = t->seq++;
    if (on & BX_SITE_RING) {
        bx_ring_room_over(&t->ring, p->words);
        put(&t->ring, s, &e, args, p, plain);
    }
    if ((on & BX_SITE_QUEUE) && t->queue.words != NULL && bx_ring_room_if(&t->queue, p->words)) {
        put(&t->queue, s, &e, args, p, plain);
        if (t->wake != NULL)
            t->wake();
    }
    if (__builtin_expect(e.seq % BX_REC_SAMPLE == BX_REC_SAMPLE - 1, 0))
        took(t, e.time_ns);
}

static __attribute__((noinline)) void
write_strings(struct bx_rec_thread *t, const struct bx_site *s, const struct bx_arg *args)
{
    struct bx_packed p;

    bx_pack(s, args, &p);
    t->cut += p.cut;
    record(t, s, args, &p, false);
}

void bx_rec_write(const struct bx_site *s, const struct bx_arg *args)
{
    struct bx_rec_thread *t = mine;

    if (t == NULL)
        return;
    if (s->plain) {
        struct bx_packed p = {.words = (uint16_t)(BX_RECEVENT_HEADER + s->n)};

        record(t, s, args, &p, true);
    } else {
        write_strings(t, s, args);
    }
}

/* ---- lines of text ---- */

#define LINE(target_, level_)                                                                      \
    {                                                                                              \
        .target = target_, .file = __FILE__, .line = __LINE__, .level = level_, .n = 1,            \
        .fields = {{"msg", BX_ARG_STR}},                                                           \
    }
#define LINE_LEVELS 5u
#define SOURCE(target_)                                                                            \
    {                                                                                              \
        LINE(target_, BX_LEVEL_ERROR), LINE(target_, BX_LEVEL_WARNING),                            \
            LINE(target_, BX_LEVEL_INFO), LINE(target_, BX_LEVEL_DEBUG),                           \
            LINE(target_, BX_LEVEL_TRACE),                                                         \
    }

static struct bx_site lines[BX__LINES][LINE_LEVELS] = {
    [BX_LINE_DAEMON] = SOURCE("daemon"),
    [BX_LINE_RAFT] = SOURCE("libraft"),
    [BX_LINE_SQLITE] = SOURCE("sqlite"),
    [BX_LINE_OPENSSL] = SOURCE("openssl"),
};

#define ENTRIES(source)                                                                            \
    &lines[source][0], &lines[source][1], &lines[source][2], &lines[source][3], &lines[source][4]
static struct bx_site *line_entries[] BX_SITE_ENTRY = {
    ENTRIES(BX_LINE_DAEMON), ENTRIES(BX_LINE_RAFT), ENTRIES(BX_LINE_SQLITE),
    ENTRIES(BX_LINE_OPENSSL)};
_Static_assert(sizeof line_entries / sizeof line_entries[0] == BX__LINES * LINE_LEVELS,
               "a source has no entry");

static const struct bx_site *line_site(enum bx_rec_source source, int level)
{
    static const uint8_t rows[BX_LEVELS] = {0, 0, 0, 0, 1, 2, 2, 3, 4};

    assert(source < BX__LINES);
    return &lines[source][level < 0 ? 0 : level < (int)BX_LEVELS ? rows[level] : LINE_LEVELS - 1];
}

bool bx_rec_line_on(enum bx_rec_source source, int level)
{
    return mine != NULL && bx_site_on(line_site(source, level));
}

void bx_rec_line(enum bx_rec_source source, int level, const char *text, size_t n)
{
    const struct bx_site *s = line_site(source, level);

    if (bx_site_on(s))
        bx_rec_write(s, &(const struct bx_arg){.p = text, .n = n});
}
