/* session_priv - what the files of the session table share. Nobody else includes it. */
#ifndef BX_SESSION_PRIV_H
#define BX_SESSION_PRIV_H

#include "state/session.h"

TAILQ_HEAD(bx_kept_list, bx_kept);

/* What a refusal counts as, in all bounds, however it is worded: more than nearly all of them have.
 * Builds word them differently, and all must keep the same outcomes. */
#define BX_REFUSAL_BYTES 512u

/* The stored outcomes of one entry: one row. It may hold outcomes that were dropped since, at most
 * as many bytes of them as of others. */
struct bx_outcome_blob {
    TAILQ_ENTRY(bx_outcome_blob) link; /* in `stale` */
    uint64_t entry, time_ms;
    struct bx_kept_list outcomes;  /* in the entry's order; also those in a session's `dropped` */
    uint32_t bytes, dropped_bytes; /* as counted */
    bool stale;                    /* the row is to be written */
};

struct bx_kept {
    TAILQ_ENTRY(bx_kept) link;  /* in its session */
    TAILQ_ENTRY(bx_kept) place; /* in its blob */
    struct bx_session *session;
    struct bx_outcome_blob *blob;
    uint64_t sequence, body_hash, hash;
    uint32_t len, counted; /* bytes of the record, and what bounds take them for */
    bool dropped;
    _Alignas(8) uint8_t record[];
};

/* What one principal has. Nodes have none: they have no share. */
struct bx_owner {
    uint64_t hash;
    uint32_t n[BX_SESSION_NODE]; /* held and spare sessions */
    uint64_t bytes[BX_SESSION_NODE];
    struct bx_session_list spare; /* oldest first */
};

struct bx_session {
    TAILQ_ENTRY(bx_session) link;  /* in its class */
    TAILQ_ENTRY(bx_session) owned; /* of a spare one: in its owner's list */
    uint8_t id[16];
    uint64_t floor, last_ms, principal_hash;
    uint64_t born; /* the entry with which it began; 0: before feature level 2 */
    uint8_t kind;  /* enum bx_session_kind */
    struct bx_owner *owner;
    uint32_t n;
    uint64_t bytes;
    struct bx_kept_list outcomes; /* by sequence */
    struct bx_kept_list dropped;  /* below the floor, and still stored */
    struct bx_kept *newest;       /* the last that was kept; never dropped before the others */
};

/* ---- session.c ---- */

/* Drop the session, or one outcome, and rewrite the rows that hold it. Floors and times, which drop
 * others, do so again when the rows are loaded; nothing but its absence tells of this. */
void bx_session_forget(struct bx_sessions *ss, struct bx_session *s);
void bx_session_forget_outcome(struct bx_sessions *ss, struct bx_session *s, struct bx_kept *k);

/* ---- session_row.c ---- */

/* The blob of the entry whose outcomes are being kept. */
struct bx_outcome_blob *bx_outcome_blob_of(struct bx_sessions *ss, uint64_t entry,
                                           uint64_t time_ms);
void bx_outcome_blob_stale(struct bx_sessions *ss, struct bx_outcome_blob *b);
/* Memory of the table; ends the process when there is none. */
void *bx_session_take(struct bx_sessions *ss, size_t n);
struct bx_kept *bx_kept_take(struct bx_sessions *ss, size_t len);
/* The outcome is in its session's `dropped`: free it when its row goes, or is written again. */
void bx_kept_dropped(struct bx_sessions *ss, struct bx_kept *k);
/* It is in no list of its session. */
void bx_kept_free(struct bx_sessions *ss, struct bx_kept *k);

/* ---- session_class.c ---- */

/* Put the session at the end of its class, or take it out. */
void bx_session_enter(struct bx_sessions *ss, struct bx_session *s);
void bx_session_leave(struct bx_sessions *ss, struct bx_session *s);
void bx_session_last(struct bx_sessions *ss, struct bx_session *s); /* only move it to the end */
/* So many bytes more, or less, in the outcomes of a session that has entered. */
void bx_session_grow(struct bx_sessions *ss, struct bx_session *s, int64_t bytes);
bool bx_session_of_node(const struct bx_sessions *ss, uint64_t principal_hash);
/* Room for the outcome of a request of this session, which is NULL when it would be a new one:
 * BX_OK or BX_BUSY. */
int bx_session_admit(struct bx_sessions *ss, const struct bx_session *s,
                     const struct bx_cmd_header *head, uint64_t principal_hash, struct bx_err *err);
/* An outcome was added to s: drop what is beyond its class's bound. */
void bx_session_trim(struct bx_sessions *ss, struct bx_session *s);

#endif
