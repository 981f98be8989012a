/* session - exactly once: the outcomes that clients may still ask for again.
 *
 * A request is (session, sequence, body hash, principal). A repeat gets the first outcome; the same
 * sequence with another body, another principal's session and a sequence below the client's floor
 * are refused. Outcomes below the floor are dropped; a session that nobody used for its time to
 * live, as leaders measured time, is dropped whole. Part of the replicated state, with a digest of
 * its own: rebuilt from the stored outcomes in the order in which they were made. */
#ifndef BX_SESSION_H
#define BX_SESSION_H

#include "mem/map.h"
#include "mem/slab.h"
#include "wire/command.h"
#include "wire/event.h"

#include <sys/queue.h>

#define BX_SESSION_OUTCOMES_MAX 4096u /* kept for one session */

struct bx_session;
TAILQ_HEAD(bx_session_list, bx_session);

struct bx_sessions {
    struct bx_map by_id;
    struct bx_session_list by_use; /* least recently used first */
    struct bx_slab slab;
    uint32_t n, max;
    uint32_t blobs; /* entries of which an outcome is kept */
    uint64_t ttl_ms;
    uint64_t *digest;                          /* follows every outcome kept or dropped */
    struct bx_outcome_blob *current;           /* of the entry being applied */
    void (*unused)(void *ctx, uint64_t entry); /* nothing of this entry's outcomes is kept */
    void *ctx;
};

void bx_sessions_init(struct bx_sessions *ss, uint32_t max, uint64_t ttl_ms, uint64_t *digest);
void bx_sessions_close(struct bx_sessions *ss);

/* BX_OK and *repeated false: new, carry it out. BX_OK and *repeated true: *repeat is the first
 * outcome, its views valid until the next keep or expire. Otherwise a refusal, BX_CONFLICT or
 * BX_BUSY: too many sessions, or too many answers kept and a floor that makes no room. */
int bx_sessions_check(struct bx_sessions *ss, const struct bx_cmd_header *head,
                      uint64_t principal_hash, struct bx_outcome *repeat, bool *repeated,
                      struct bx_err *err);
/* Keep an outcome of the entry; record is its flat form, which is copied. */
void bx_sessions_keep(struct bx_sessions *ss, uint64_t entry, uint64_t now_ms,
                      const struct bx_outcome *o, const uint8_t *record, size_t len);
/* All sessions that nobody used since now_ms - ttl go. */
void bx_sessions_expire(struct bx_sessions *ss, uint64_t now_ms);

#endif
