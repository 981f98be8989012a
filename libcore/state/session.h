/* session - exactly-once execution of requests: keeps the outcomes that clients may request again.
 *
 * A request is identified by (session, sequence, body hash, principal). A repeat returns the first
 * outcome. The same sequence with another body, a session of another principal, and a sequence
 * below the client's floor are refused. Outcomes below the floor are dropped. A session that is
 * unused for its time to live, as leaders measure time, is dropped as a whole. Sessions are part of
 * the replicated state, with digests of their own; they are rebuilt from the stored outcomes in the
 * order of creation. The result is the same table, whatever sequences and floors clients chose:
 *
 *   outcomes   those that are stored and not below the floor. What is dropped by its floor, or with
 *              its session because of time, may still be stored beside others; what is dropped to
 *              make room is not.
 *   floor      the newest outcome has it, and is dropped only with its session
 *   last use   the time of the newest outcome; so sessions have the same order, too
 *   beginning  each outcome tells with which entry its session began. So what remains of a session
 *              that expired is not taken for the beginning of the next one of this id, nor is a
 *              session taken for expired because outcomes of its use in between are dropped.
 *
 * Before feature level 2 outcomes do not tell of the beginning, and it is guessed by their times.
 * From that level on, a session from before it keeps an outcome for its time to live at most, so
 * that no gap is long enough to be taken for the end of one.
 *
 * Sessions are of three classes, each bounded by number and bytes:
 *
 *   held    has carried out a request. Its outcomes must not be forgotten: kept until the client
 *           ends it or it expires. Beyond the bound a new one is BX_BUSY.
 *   spare   has only been refused. Nothing was done, so it protects only against a copy of a
 *           refused request that is still under way. Beyond the bound the oldest is dropped.
 *   node    of the nodes themselves. Beyond the bound the least recently used is dropped, so a
 *           node always finds room.
 *
 * Of held and of spare sessions a principal may have as many as it leaves free, and an eighth is
 * for those who have little, so whatever a few have taken, there is room for others. All of this
 * holds from feature level 2; at level 1 there is one table for all, without shares. */
#ifndef BX_SESSION_H
#define BX_SESSION_H

#include "mem/buf.h"
#include "mem/map.h"
#include "mem/slab.h"
#include "wire/command.h"
#include "wire/event.h"

#include <sys/queue.h>

#define BX_SESSION_OUTCOMES_MAX 4096u /* outcomes kept per session */
#define BX_OUTCOME_BYTES_MAX (BX_ERR_MSG + BX_ERR_HINT + 192u)

struct bx_session;
struct bx_outcome_blob;
TAILQ_HEAD(bx_session_list, bx_session);
TAILQ_HEAD(bx_outcome_blobs, bx_outcome_blob);

enum bx_session_kind { BX_SESSION_HELD, BX_SESSION_SPARE, BX_SESSION_NODE, BX__SESSION_KINDS };

struct bx_session_class {
    struct bx_session_list by_use; /* least recently used first */
    uint32_t n, max;
    uint64_t bytes, bytes_max; /* of outcomes; a refusal counts alike however it is worded */
};

struct bx_sessions {
    struct bx_map by_id, owners;
    struct bx_session_class classes[BX__SESSION_KINDS];
    struct bx_slab slab;
    uint32_t blobs; /* entries with at least one kept outcome */
    uint64_t ttl_ms, node_hash;
    bool shared;                     /* false: at feature level 1 */
    uint64_t *digest;                /* updated for every outcome kept or dropped */
    uint64_t born_digest;            /* the same of outcomes that tell how their session began */
    struct bx_outcome_blob *current; /* of the entry being applied */
    struct bx_outcome_blobs stale;   /* whose rows are to be written */
    void (*unused)(void *ctx,
                   uint64_t entry); /* called when no outcome of this entry is kept any more */
    void *ctx;
};

/* max: held sessions; the other bounds follow from it. */
void bx_sessions_init(struct bx_sessions *ss, uint32_t max, uint64_t ttl_ms, uint64_t *digest);
void bx_sessions_close(struct bx_sessions *ss);

/* BX_OK and *repeated false: a new request; execute it. BX_OK and *repeated true: *repeat is the
 * first outcome, whose views are valid until the next keep or expire. Otherwise a refusal:
 * BX_CONFLICT, or BX_BUSY if there is no room for its outcome. */
int bx_sessions_check(struct bx_sessions *ss, const struct bx_cmd_header *head,
                      uint64_t principal_hash, struct bx_outcome *repeat, bool *repeated,
                      struct bx_err *err);
/* The outcome that is kept of this request, whoever sent it; false if there is none. */
bool bx_sessions_kept(const struct bx_sessions *ss, const uint8_t session[16], uint64_t sequence,
                      struct bx_outcome *o);
/* Keep an outcome of the entry being applied, and drop what is beyond a bound. o->spare and
 * o->floor are set to what is stored. */
void bx_sessions_keep(struct bx_sessions *ss, uint64_t entry, uint64_t now_ms,
                      struct bx_outcome *o);
/* Keep a stored outcome; record is its flat form and is copied. To be called in the order in which
 * they were kept; at the end, bx_sessions_expire with the time of the newest entry. */
void bx_sessions_load(struct bx_sessions *ss, uint64_t entry, uint64_t time_ms,
                      const struct bx_outcome *o, const uint8_t *record, size_t len);
/* The end of an entry: call put with each row that has to be written, as a sealed blob. */
void bx_sessions_write(struct bx_sessions *ss, struct bx_buf *scratch,
                       void (*put)(void *ctx, uint64_t entry, uint64_t time_ms,
                                   const struct bx_buf *row),
                       void *ctx);
/* The principal will not repeat a request of this session: drop it. */
void bx_sessions_end(struct bx_sessions *ss, const uint8_t session[16], uint64_t principal_hash);
/* The feature level was raised to 2: drop the outcomes of which only some replicas may know. */
void bx_sessions_share(struct bx_sessions *ss, uint64_t now_ms);
/* Drop all sessions that have not been used since now_ms - ttl. */
void bx_sessions_expire(struct bx_sessions *ss, uint64_t now_ms);

#endif
