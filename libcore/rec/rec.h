/* rec - the flight recorder: what this program did, as packed records in memory.
 *
 *     BX_INFO("node", "connected", "node", id, "address", address);
 *
 * records an event of the target "node": a message, then pairs of a key and a value, at most
 * BX_SITE_FIELDS of them. Target, message and keys are string literals. A value is a number, a
 * bool, a string (char *, struct bx_str, struct bx_istr *) or bx_uuid(bytes); it is evaluated only
 * when somebody takes events of this level. No text is made: that is left to who reads (text.h).
 *
 * Each thread that records has a ring of its own, which overwrites the oldest records, and a queue
 * to the sinks, which drops the newest (ring.h). A thread without them records nothing. An event
 * that no filter lets through costs the load of one byte and a predicted branch; nothing at all
 * below BX_LEVEL_COMPILED.
 *
 * There is no clock here: the program passes one. */
#ifndef BX_REC_H
#define BX_REC_H

#include "rec/filter.h"
#include "rec/ring.h"
#include "rec/site.h"

#define BX_REC_RING 65536u   /* words: the default, 512 KiB, about 10,000 events */
#define BX_REC_QUEUE 131072u /* 1 MiB: five million events a second for 6 ms */
#define BX_REC_NAME 15u
#define BX_REC_SAMPLE 256u /* one of so many events of a thread is timed; a power of two */
#define BX_REC_BOUNDS 16u

/* The least severe level that is compiled in, an enum bx_level. With --disable-recorder it is
 * BX_LEVEL_INFO: less severe events are nothing at all, the others go to the sinks and into the
 * rings as ever, so that log and crash files remain. */
#ifndef BX_LEVEL_COMPILED
#define BX_LEVEL_COMPILED 8
#endif
#define BX_REC_RING_SPEC (BX_LEVEL_COMPILED > 6 ? "debug" : "info") /* the filter of the rings */

/* How long the timed events took to record, each from the reading of its time to another reading
 * after it, so that reading the time is included once, as in every event. */
struct bx_rec_latency {
    uint64_t counts[BX_REC_BOUNDS + 1]; /* the last one: all beyond the last bound */
    uint64_t sum_ns;
};
extern const uint64_t bx_rec_bounds_ns[BX_REC_BOUNDS]; /* inclusive */

struct bx_rec_thread {
    char name[BX_REC_NAME + 1];
    uint16_t index;
    struct bx_ring ring, queue;
    uint64_t (*now_ns)(void); /* wall time */
    void (*wake)(void);       /* called after an event was queued; NULL: nobody is told */
    uint64_t trace;           /* of what the thread is doing; 0: none */
    uint32_t seq;
    uint64_t cut; /* events with a string that was cut */
    struct bx_rec_latency latency;
};
/* Add the thread's to *out. Any thread. */
void bx_rec_add_latency(const struct bx_rec_thread *t, struct bx_rec_latency *out);

/* Which events each of the two takes; both nothing at first. The queue takes what any of n filters
 * lets through. Any thread, but one at a time. */
void bx_rec_filter_ring(const struct bx_filter *f);
void bx_rec_filter_queue(const struct bx_filter *const *f, uint32_t n);

/* Open the rings; words of each, powers of two; queue_words may be 0: no sinks. BX_OK,
 * BX_NO_MEMORY. */
int bx_rec_thread_open(struct bx_rec_thread *t, const char *name, uint16_t index, size_t ring_words,
                       size_t queue_words, uint64_t (*now_ns)(void));
/* No thread may use it any more. */
void bx_rec_thread_close(struct bx_rec_thread *t);
/* From now on the calling thread records into t, or nothing if it is NULL. */
void bx_rec_use(struct bx_rec_thread *t);
struct bx_rec_thread *bx_rec_used(void);

/* What the calling thread records from now on belongs to this trace; 0: to none. Returns the one
 * before, to be set again. */
uint64_t bx_rec_trace(uint64_t trace);
/* The trace that it records for; 0: none. */
uint64_t bx_rec_traced(void);
/* What a record holds of a trace id: its last 8 bytes, the first of them most significant, so it
 * reads as the last 16 digits of the id. */
static inline uint64_t bx_trace_of(const uint8_t id[16])
{
    uint64_t v;

    memcpy(&v, id + 8, sizeof v);
    return __builtin_bswap64(v);
}
/* The trace id of a request that nodes make for something of this trace. */
static inline void bx_trace_id(uint64_t trace, uint8_t id[16])
{
    memset(id, 0, 8);
    trace = __builtin_bswap64(trace);
    memcpy(id + 8, &trace, sizeof trace);
}

/* Record an event; what the macros call. */
void bx_rec_write(const struct bx_site *s, const struct bx_arg *args);
/* Record a line of text, for libraries that make their own. The level is as in syslog. */
enum bx_rec_source { BX_LINE_DAEMON, BX_LINE_RAFT, BX_LINE_SQLITE, BX_LINE_OPENSSL, BX__LINES };
void bx_rec_line(enum bx_rec_source source, int level, const char *text, size_t n);
/* Whether anybody takes such lines. */
bool bx_rec_line_on(enum bx_rec_source source, int level);

#define BX_ERROR(target, ...) BX_REC(BX_LEVEL_ERROR, target, __VA_ARGS__)
#define BX_WARNING(target, ...) BX_REC(BX_LEVEL_WARNING, target, __VA_ARGS__)
#define BX_INFO(target, ...) BX_REC(BX_LEVEL_INFO, target, __VA_ARGS__)
#if BX_LEVEL_COMPILED >= 7
#define BX_DEBUG(target, ...) BX_REC(BX_LEVEL_DEBUG, target, __VA_ARGS__)
#else
#define BX_DEBUG(target, ...) BX_REC_NOTHING(__VA_ARGS__)
#endif
#if BX_LEVEL_COMPILED >= 8
#define BX_TRACE(target, ...) BX_REC(BX_LEVEL_TRACE, target, __VA_ARGS__)
#else
#define BX_TRACE(target, ...) BX_REC_NOTHING(__VA_ARGS__)
#endif

/* ---- how the macros work ----
 *
 * BX_REC_EACH(m, message, k1, v1, k2, v2, ...) is m(k1, v1) m(k2, v2) ...; the number of arguments
 * selects BX_REC_0 to BX_REC_8. */
#define BX_REC_0(m, msg)
#define BX_REC_1(m, msg, k, v) m(k, v)
#define BX_REC_2(m, msg, k, v, ...) m(k, v) BX_REC_1(m, msg, __VA_ARGS__)
#define BX_REC_3(m, msg, k, v, ...) m(k, v) BX_REC_2(m, msg, __VA_ARGS__)
#define BX_REC_4(m, msg, k, v, ...) m(k, v) BX_REC_3(m, msg, __VA_ARGS__)
#define BX_REC_5(m, msg, k, v, ...) m(k, v) BX_REC_4(m, msg, __VA_ARGS__)
#define BX_REC_6(m, msg, k, v, ...) m(k, v) BX_REC_5(m, msg, __VA_ARGS__)
#define BX_REC_7(m, msg, k, v, ...) m(k, v) BX_REC_6(m, msg, __VA_ARGS__)
#define BX_REC_8(m, msg, k, v, ...) m(k, v) BX_REC_7(m, msg, __VA_ARGS__)
#define BX_REC_PICK(m0, k1, v1, k2, v2, k3, v3, k4, v4, k5, v5, k6, v6, k7, v7, k8, v8, n, ...) n
#define BX_REC_EACH(m, ...)                                                                        \
    BX_REC_PICK(__VA_ARGS__, BX_REC_8, odd, BX_REC_7, odd, BX_REC_6, odd, BX_REC_5, odd, BX_REC_4, \
                odd, BX_REC_3, odd, BX_REC_2, odd, BX_REC_1, odd, BX_REC_0, none)                  \
    (m, __VA_ARGS__)
#define BX_REC_MESSAGE(msg, ...) msg
#define BX_REC_FIELD(k, v) {k, BX_ARG_TYPE(v)},
#define BX_REC_ONE(k, v) +1
#define BX_REC_PLAIN(k, v) &&!BX_ARG_HAS_BYTES(BX_ARG_TYPE(v))
#define BX_REC_VALUE(k, v) BX_ARG(v),
#define BX_REC_UNUSED(k, v) (void)(v);
/* No code, and no value is evaluated. */
#define BX_REC_NOTHING(...)                                                                        \
    do {                                                                                           \
        if (0) {                                                                                   \
            BX_REC_EACH(BX_REC_UNUSED, __VA_ARGS__)                                                \
        }                                                                                          \
    } while (0)

/* The last value ends a list that may be empty. */
#define BX_REC(lvl, tgt, ...)                                                                      \
    do {                                                                                           \
        static struct bx_site bx_site_here = {                                                     \
            .target = tgt,                                                                         \
            .message = BX_REC_MESSAGE(__VA_ARGS__, 0),                                             \
            .file = __FILE__,                                                                      \
            .line = __LINE__,                                                                      \
            .level = lvl,                                                                          \
            .plain = true BX_REC_EACH(BX_REC_PLAIN, __VA_ARGS__),                                  \
            .n = 0 BX_REC_EACH(BX_REC_ONE, __VA_ARGS__),                                           \
            .fields = {BX_REC_EACH(BX_REC_FIELD, __VA_ARGS__){0}},                                 \
        };                                                                                         \
        static struct bx_site *bx_site_entry BX_SITE_ENTRY = &bx_site_here;                        \
        if ((lvl) <= BX_LEVEL_COMPILED && __builtin_expect(bx_site_on(&bx_site_here), 0))          \
            bx_rec_write(bx_site_entry,                                                            \
                         (const struct bx_arg[]){BX_REC_EACH(BX_REC_VALUE, __VA_ARGS__){{0}, 0}}); \
    } while (0)

#endif
