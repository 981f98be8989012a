/* count - statistics of the codecs, by codec and by use.
 *
 * Each thread has its own counters, updated by plain additions; the metrics show those of the
 * loop's thread. A job on another thread returns its counts with bx_codec_counts_take, and the
 * thread that started the job adds them to its own. One call in BX_CODEC_TIMED per codec and use is
 * timed with a clock that the process sets, because libcore has none. Without a clock, times stay
 * 0. */
#ifndef BX_CODEC_COUNT_H
#define BX_CODEC_COUNT_H

#include "codec/header.h"

#define BX_CODEC_TIMED 64u

enum bx_codec_use {
    BX_USE_ENTRY,    /* commands in log entries and in proposals */
    BX_USE_FRAME,    /* frames between nodes that have a schema */
    BX_USE_ROW,      /* records stored in the state: objects, events, outcomes */
    BX_USE_SNAPSHOT, /* chunks of snapshot files */
    BX_USE_REQUEST,  /* request parameters from clients */
    BX_USE_REPLY,    /* results to clients */
    BX_USE_OTHER,    /* files, and decoding in blixardctl */
    BX__CODEC_USES
};
/* "entry", "frame" and so on, in that order. */
extern const char *const bx_codec_use_names[BX__CODEC_USES];

struct bx_codec_stats {
    uint64_t encoded, decoded; /* objects and lists, successfully */
    uint64_t failed;           /* failed calls, of both directions */
    uint64_t fallbacks;        /* codec preferred but not supported by the peer or for the type */
    uint64_t bytes;            /* encoded and decoded bytes */
    uint64_t plain_bytes;      /* the same without compression */
    uint64_t encode_ns, decode_ns;         /* total time of the timed calls */
    uint64_t encodes_timed, decodes_timed; /* number of timed calls */
};

struct bx_codec_counts {
    struct bx_codec_stats cells[BX__CODEC_USES][BX__CODECS]; /* codec 0 is never used */
};

/* Set the monotonic clock, once, before threads are started; NULL: no timing. */
void bx_codec_set_clock(uint64_t (*now_ns)(void));
/* Return the counts of this thread and reset them. */
void bx_codec_counts_take(struct bx_codec_counts *out);
void bx_codec_counts_add(const struct bx_codec_counts *more);
/* Sums of this thread's counts by codec, and by use. */
void bx_codec_stats_of(enum bx_codec codec, struct bx_codec_stats *out);
void bx_codec_stats_of_use(enum bx_codec_use use, struct bx_codec_stats *out);

/* ---- counting ---- */

struct bx_codec_call {
    struct bx_codec_stats *stats; /* counters of this thread */
    uint64_t start;               /* 0: the call is not timed */
};
struct bx_codec_call bx_codec_encoding(enum bx_codec codec, enum bx_codec_use use);
struct bx_codec_call bx_codec_decoding(enum bx_codec codec, enum bx_codec_use use);
/* The call succeeded: n bytes of encoded form, `plain` bytes without compression. */
void bx_codec_encoded(struct bx_codec_call c, size_t n, size_t plain);
void bx_codec_decoded(struct bx_codec_call c, size_t n, size_t plain);
/* The call failed. */
void bx_codec_failed(struct bx_codec_call c);
/* The codec was not available, and another one was used. */
void bx_codec_fell_back(enum bx_codec codec, enum bx_codec_use use);

#endif
