/* session - exactly-once execution of requests: keeps the outcomes that clients may request again.
 *
 * A request is identified by (session, sequence, body hash, principal). A repeat returns the first
 * outcome. The same sequence with another body, a session of another principal, and a sequence
 * below the client's floor are refused. Outcomes below the floor are dropped. A session that is
 * unused for its time to live, as leaders measure time, is dropped as a whole. Sessions are part of
 * the replicated state, with a separate digest; they are rebuilt from the stored outcomes in the
 * order of creation. */
#ifndef BX_SESSION_H
#define BX_SESSION_H

#include "mem/map.h"
#include "mem/slab.h"
#include "wire/command.h"
#include "wire/event.h"

#include <sys/queue.h>

#define BX_SESSION_OUTCOMES_MAX 4096u /* outcomes kept per session */

struct bx_session;
TAILQ_HEAD(bx_session_list, bx_session);

struct bx_sessions {
    struct bx_map by_id;
    struct bx_session_list by_use; /* least recently used first */
    struct bx_slab slab;
    uint32_t n, max;
    uint32_t blobs; /* entries with at least one kept outcome */
    uint64_t ttl_ms;
    uint64_t *digest;                /* updated for every outcome kept or dropped */
    struct bx_outcome_blob *current; /* of the entry being applied */
    void (*unused)(void *ctx,
                   uint64_t entry); /* called when no outcome of this entry is kept any more */
    void *ctx;
};

void bx_sessions_init(struct bx_sessions *ss, uint32_t max, uint64_t ttl_ms, uint64_t *digest);
void bx_sessions_close(struct bx_sessions *ss);

/* BX_OK and *repeated false: a new request; execute it. BX_OK and *repeated true: *repeat is the
 * first outcome, whose views are valid until the next keep or expire. Otherwise a refusal:
 * BX_CONFLICT, or BX_BUSY if there are too many sessions, or too many outcomes and the floor frees
 * none. */
int bx_sessions_check(struct bx_sessions *ss, const struct bx_cmd_header *head,
                      uint64_t principal_hash, struct bx_outcome *repeat, bool *repeated,
                      struct bx_err *err);
/* Keep an outcome of the entry; record is its flat form and is copied. */
void bx_sessions_keep(struct bx_sessions *ss, uint64_t entry, uint64_t now_ms,
                      const struct bx_outcome *o, const uint8_t *record, size_t len);
/* Drop all sessions that have not been used since now_ms - ttl. */
void bx_sessions_expire(struct bx_sessions *ss, uint64_t now_ms);

#endif
