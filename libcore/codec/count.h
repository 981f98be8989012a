/* count - what the codecs did, by codec and by what they did it to.
 *
 * Each thread counts for itself, by plain additions; what is shown is what the loop's thread
 * counted. A job on another thread takes its counts with bx_codec_counts_take, and the thread that
 * asked for the job adds them to its own. One call in BX_CODEC_TIMED of a kind is timed, by a clock
 * that the process sets, because libcore has none; without one, times stay 0. */
#ifndef BX_CODEC_COUNT_H
#define BX_CODEC_COUNT_H

#include "codec/header.h"

#define BX_CODEC_TIMED 64u

enum bx_codec_use {
    BX_USE_ENTRY,    /* commands, in the log's entries and on their way there */
    BX_USE_FRAME,    /* frames between nodes that a schema describes */
    BX_USE_ROW,      /* what the state stores: objects, events, outcomes */
    BX_USE_SNAPSHOT, /* chunks of a snapshot's file */
    BX_USE_REQUEST,  /* parameters of clients */
    BX_USE_REPLY,    /* results for clients */
    BX_USE_OTHER,    /* files, and what the command line reads */
    BX__CODEC_USES
};
/* "entry", "frame" and so on, in that order. */
extern const char *const bx_codec_use_names[BX__CODEC_USES];

struct bx_codec_stats {
    uint64_t encoded, decoded;     /* objects and lists, well */
    uint64_t failed;               /* to encode, or to decode */
    uint64_t fallbacks;            /* wanted, and unsupported by the peer or for the type */
    uint64_t bytes;                /* encoded and decoded */
    uint64_t plain_bytes;          /* the same before compression, and after it was undone */
    uint64_t encode_ns, decode_ns; /* of the calls that were timed, */
    uint64_t encodes_timed, decodes_timed; /* which are so many */
};

struct bx_codec_counts {
    struct bx_codec_stats cells[BX__CODEC_USES][BX__CODECS]; /* codec 0 is never used */
};

/* The clock, monotonic: set once, before there are threads; NULL: none. */
void bx_codec_set_clock(uint64_t (*now_ns)(void));
/* What this thread counted, and it begins anew. */
void bx_codec_counts_take(struct bx_codec_counts *out);
void bx_codec_counts_add(const struct bx_codec_counts *more);
/* What this thread counted of a codec, and of a use: sums. */
void bx_codec_stats_of(enum bx_codec codec, struct bx_codec_stats *out);
void bx_codec_stats_of_use(enum bx_codec_use use, struct bx_codec_stats *out);

/* ---- counting ---- */

struct bx_codec_call {
    struct bx_codec_stats *stats; /* of this thread */
    uint64_t start;               /* 0: it is not timed */
};
struct bx_codec_call bx_codec_encoding(enum bx_codec codec, enum bx_codec_use use);
struct bx_codec_call bx_codec_decoding(enum bx_codec codec, enum bx_codec_use use);
/* It went well: n bytes of encoded form, which are plain ones without their compression. */
void bx_codec_encoded(struct bx_codec_call c, size_t n, size_t plain);
void bx_codec_decoded(struct bx_codec_call c, size_t n, size_t plain);
/* It did not. */
void bx_codec_failed(struct bx_codec_call c);
/* The codec was not to be had. */
void bx_codec_fell_back(enum bx_codec codec, enum bx_codec_use use);

#endif
