/* targets - every decoder, as a function of bytes that nobody vouches for.
 *
 * A target decodes, touches all that the result names, and asserts what must hold of anything that
 * was accepted: most of all that encoding it again gives the same. The fuzzers run them, and so do
 * the golden vectors with each byte changed. */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include "wire/frame.h"

struct fuzz_target {
    const char *name;
    /* What the decoder said: BX_OK, or why it refused. p may have any alignment. */
    int (*run)(const uint8_t *p, size_t n);
    const char *seeds; /* the golden vectors whose names begin so are its seeds */
    bool selector;     /* the byte that chooses the sample stands before them */
    bool sealed;       /* no changed byte of a seed may be accepted */
    /* Make the checksums right, so that what lies behind them is reached. NULL: there are none. */
    void (*reseal)(uint8_t *p, size_t n);
};
extern const struct fuzz_target fuzz_targets[];
extern const size_t fuzz_targets_n;

/* Call f with each seed of t; golden.txt is open. */
void fuzz_each_seed(const struct fuzz_target *t,
                    void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n), void *ctx);

/* ---- targets_codec.c ---- */
int fuzz_head(const uint8_t *p, size_t n);
int fuzz_flat(const uint8_t *p, size_t n); /* first byte: which of the golden samples' schemas */
int fuzz_pack(const uint8_t *p, size_t n);
int fuzz_record(const uint8_t *p, size_t n); /* first byte as for flat, then MessagePack */
int fuzz_json(const uint8_t *p, size_t n);
int fuzz_lz(const uint8_t *p, size_t n);
int fuzz_hybrid(const uint8_t *p, size_t n); /* a list of VMs, by its header */

/* ---- targets_wire.c ---- */
int fuzz_frame(const uint8_t *p, size_t n);
/* Call f with each frame of a stream until one is refused; the payload is 16-aligned. */
int fuzz_frames(const uint8_t *p, size_t n,
                int (*f)(enum bx_frame kind, const uint8_t *p, size_t n));
int fuzz_raft(const uint8_t *p, size_t n);
int fuzz_batch(const uint8_t *p, size_t n);
int fuzz_request(const uint8_t *p, size_t n); /* of a client, to create a VM */

/* ---- targets_http.c ---- */
int fuzz_http(const uint8_t *p, size_t n); /* what is answered to a request that was parsed */

/* ---- targets_node.c ---- */
int fuzz_node(const uint8_t *p, size_t n);
void fuzz_node_close(void); /* afterwards */

/* ---- targets_log.c ---- */
int fuzz_wal(const uint8_t *p, size_t n);     /* what the file of a segment begins with */
int fuzz_segment(const uint8_t *p, size_t n); /* one header of a segment */
int fuzz_log_record(const uint8_t *p, size_t n);
int fuzz_slots(const uint8_t *p, size_t n);    /* what both copies of a value begin with */
int fuzz_snapshot(const uint8_t *p, size_t n); /* a file that a peer sent */
int fuzz_dump(const uint8_t *p, size_t n);     /* a chunk of it */

/* ---- targets_audit.c ---- */
int fuzz_refusals(const uint8_t *p, size_t n); /* a file of DATA/audit */

/* ---- targets_rec.c ---- */
int fuzz_recorder(const uint8_t *p, size_t n);  /* a snapshot of the recorder */
int fuzz_log_query(const uint8_t *p, size_t n); /* what is asked for, a text in a line */
int fuzz_filter(const uint8_t *p, size_t n);    /* of --log and log.level */

/* ---- targets_diag.c ---- */
int fuzz_envelope(const uint8_t *p, size_t n); /* of the spool, without its header */
int fuzz_dsn(const uint8_t *p, size_t n);      /* of --diag-dsn */
int fuzz_answer(const uint8_t *p, size_t n);   /* the header of what a service answers */

/* ---- targets_spool.c; with BX_DIAGNOSTICS ---- */
int fuzz_outgoing(const uint8_t *p, size_t n); /* an envelope on its way out */
int fuzz_crash(const uint8_t *p, size_t n);    /* a crash file that becomes an envelope */
int fuzz_notes(const uint8_t *p, size_t n);    /* of the last run, and of what was looked at */

/* ---- targets_pki.c ---- */
int fuzz_csr(const uint8_t *p, size_t n);         /* a request for a certificate */
int fuzz_certificate(const uint8_t *p, size_t n); /* of a CA, a node or a user */

/* A copy in a block of exactly n bytes, 16-aligned, so that a step beyond it is seen; bx_free. */
uint8_t *fuzz_copy(const uint8_t *p, size_t n);
/* Items one after the other, each with a header: give each its checksum. */
void fuzz_reseal_items(uint8_t *p, size_t n);
/* The same for frames and batches, whose commands contain the hash of their body. */
void fuzz_reseal_commands(uint8_t *p, size_t n);
/* The same for a segment of the log, whose records also carry the checksum of the one before. */
void fuzz_reseal_wal(uint8_t *p, size_t n);

#endif
