/* Messages for the core: what could harm it is dropped before. */
#include "node/raft_priv.h"

#include "mutant.h"
#include "wire/raftmsg.h"

#include <stdio.h>
#include <string.h>

static raft_term term_of(const struct raft_message *m)
{
    switch (m->type) {
    case RAFT_REQUEST_VOTE:
        return m->request_vote.term;
    case RAFT_REQUEST_VOTE_RESULT:
        return m->request_vote_result.term;
    case RAFT_APPEND_ENTRIES:
        return m->append_entries.term;
    case RAFT_APPEND_ENTRIES_RESULT:
        return m->append_entries_result.term;
    case RAFT_INSTALL_SNAPSHOT:
        return m->install_snapshot.term;
    case RAFT_TIMEOUT_NOW:
        return m->timeout_now.term;
    }
    return 0;
}

static bool is_of_leader(const struct raft_message *m)
{
    return m->type == RAFT_APPEND_ENTRIES || m->type == RAFT_INSTALL_SNAPSHOT;
}

/* Messages that are well formed and would still corrupt the core, whose asserts are compiled out,
 * or the cluster:
 * - a term out of all proportion: it would be adopted, and one more of that kind is the last;
 * - a second leader in a term: the core would append its entries as a follower;
 * - a rejection by a log that goes on behind what it lacks: the core would count from there;
 * - an acknowledgement of entries that this leader does not have: it would count them. */
static const char *unsafe(struct bx_raft *r, const struct raft_message *m)
{
    const struct raft_append_entries_result *res = &m->append_entries_result;
    raft_term term = term_of(m);

    if (BX_MUTATED(FRAMES_UNCHECKED))
        return NULL;
    if (term > BX_TERM_MAX || term > raft_current_term(&r->core) + BX_RAFT_TERM_STEP)
        return "term out of range";
    if (m->type == RAFT_APPEND_ENTRIES_RESULT && res->rejected != 0 &&
        res->last_log_index >= res->rejected)
        return "inconsistent log indexes";
    if (is_of_leader(m) && term == r->leader_term && m->server_id != r->leader_id)
        return "second leader in this term";
    if (m->type == RAFT_APPEND_ENTRIES_RESULT && bx_raft_is_leader(r) && res->rejected == 0 &&
        res->term == raft_current_term(&r->core) && res->last_log_index > bx_wal_last(r->o.wal))
        return "acknowledges entries beyond the leader's log";
    return NULL;
}

/* A leader that has lost an answer sends again what the log has dropped by now for a snapshot. The
 * core would reject that, because it cannot compare the entry before, or take it for new entries.
 * The leader would go back ever further, up to a snapshot that is not needed, and whose answer
 * tells it nothing new. What the snapshot covers is committed, so the leader has the same: the
 * message is made to begin there, or to end there. */
static void skip_covered(const struct bx_raft *r, struct raft_message *m)
{
    struct raft_append_entries *a = &m->append_entries;
    uint64_t index = r->core.trail.snapshot.index, n;

    if (m->type != RAFT_APPEND_ENTRIES || a->prev_log_index >= index ||
        a->prev_log_index >= bx_wal_first(r->o.wal))
        return;
    n = index - a->prev_log_index;
    if (n >= a->n_entries) {
        bx_raftmsg_close(m);
        n = a->n_entries;
        a->entries = NULL;
    } else { /* within the array, which is freed by its address */
        memmove(a->entries, a->entries + n, (a->n_entries - n) * sizeof *a->entries);
    }
    a->n_entries -= (unsigned)n;
    a->prev_log_index = index;
    a->prev_log_term = r->core.trail.snapshot.term;
}

/* While the disk stands still the log has no room for all: the message is cut to those entries that
 * it has already or has room for, and the leader sends the others again. */
static void cut_to_room(const struct bx_raft *r, struct raft_message *m)
{
    struct raft_append_entries *a = &m->append_entries;
    unsigned n = 0;

    if (m->type != RAFT_APPEND_ENTRIES)
        return;
    while (n < a->n_entries &&
           bx_wal_term(r->o.wal, a->prev_log_index + 1 + n) == a->entries[n].term)
        n++;
    if (n < a->n_entries)
        n += bx_raft_room(r, a->entries + n, a->n_entries - n);
    if (n == 0)
        bx_raftmsg_close(m);
    a->n_entries = n;
    a->entries = n == 0 ? NULL : a->entries;
}

/* The message that announces a snapshot waits until its file is verified. One of a term that is
 * over does not: the core only answers it. */
static bool is_held(const struct bx_raft *r, const struct raft_message *m, const uint8_t *p,
                    size_t len)
{
    return m->type == RAFT_INSTALL_SNAPSHOT && term_of(m) >= raft_current_term(&r->core) &&
           !r->o.received(r->o.ctx, m->server_id, p, len, m->install_snapshot.last_index,
                          m->install_snapshot.last_term);
}

/* The message has been taken. One that announces a snapshot may have been held back since the
 * leader was heard. */
static void note_leader(struct bx_raft *r, const struct raft_message *m)
{
    if (!is_of_leader(m) || term_of(m) != raft_current_term(&r->core))
        return;
    if (m->type == RAFT_APPEND_ENTRIES && r->claim_ms == 0) {
        r->claim_ms = bx_raft_now(r);
        r->claim_commit = m->append_entries.leader_commit;
    }
    if (m->type != RAFT_INSTALL_SNAPSHOT)
        r->leader_contact_ms = bx_raft_now(r);
    r->leader_term = term_of(m);
    r->leader_id = m->server_id;
}

/* An answer that was overtaken tells less than the server has acknowledged since. After a rejection
 * that was overtaken, too, the core would go on from there, again and again: it asks for the entry
 * before those that are held for the server, which gets none of them, and at last a snapshot that
 * it does not need. */
static void raise_to_match(const struct bx_raft *r, uint64_t from, struct raft_message *m)
{
    struct raft_append_entries_result *res = &m->append_entries_result;
    uint64_t match;

    if (m->type != RAFT_APPEND_ENTRIES_RESULT || res->rejected != 0 ||
        res->term != raft_current_term(&r->core))
        return;
    match = bx_raft_match(r, from);
    if (res->last_log_index < match)
        res->last_log_index = match;
}

int bx_raft_receive(struct bx_raft *r, uint64_t from, const uint8_t *p, size_t len,
                    struct bx_err *err)
{
    struct raft_entry *entries = NULL;
    char address[24];
    struct raft_message m;
    struct raft_event e;
    const char *why;
    int rc;

    /* The core needs some text as the address of the sender. */
    snprintf(address, sizeof address, "%llu", (unsigned long long)from);
    rc = bx_raftmsg_read(p, len, from, address, &m, err);
    if (rc != BX_OK)
        return rc;
    why = unsafe(r, &m);
    if (why != NULL) {
        bx_raftmsg_close(&m);
        return bx_err_set(err, BX_CONFLICT, "%s", why);
    }
    raise_to_match(r, from, &m);
    skip_covered(r, &m);
    cut_to_room(r, &m);
    if (is_held(r, &m, p, len)) {
        bx_raftmsg_close(&m);
        return BX_OK;
    }
    if (m.type == RAFT_APPEND_ENTRIES)
        entries = m.append_entries.entries;
    memset(&e, 0, sizeof e);
    e.type = RAFT_RECEIVE;
    e.receive.message = &m;
    r->answers_old_term = is_of_leader(&m) && term_of(&m) < raft_current_term(&r->core);
    bx_raft_step(r, &e);
    r->answers_old_term = false;
    raft_free(entries); /* the array only: core or log own the batch */
    note_leader(r, &m);
    return BX_OK;
}
