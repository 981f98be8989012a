#include "node/raft_priv.h"

#include "mutant.h"
#include "rec/rec.h"
#include "wire/raftmsg.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void follow_role(struct bx_raft *r);
static void perform(struct bx_raft *r, struct raft_update *u);

uint64_t bx_raft_now(const struct bx_raft *r)
{
    return r->o.clock->ops->boot_ms(r->o.clock);
}

/* The core of a standby has no election timeout, so it keeps its last leader until it hears of a
 * newer one, and grants no vote while it has one. A voter would have given up the leader by now
 * (Ongaro, "Consensus: Bridging Theory and Practice", 4.2.3). */
static void forget_lost_leader(struct bx_raft *r)
{
    if (r->core.state != RAFT_FOLLOWER || bx_raft_now(r) - r->leader_contact_ms < r->o.election_ms)
        return;
    raft_free(r->core.follower_state.current_leader.address);
    r->core.follower_state.current_leader.address = NULL;
    r->core.follower_state.current_leader.id = 0;
}

/* The core refuses its vote while its own configuration has it as standby. But a server is a voter
 * from the moment that the candidate's log says so, and that entry may not have reached the server
 * itself: the candidate may need just its vote to become the leader that sends it. Voting depends
 * on logs and terms alone (4.1 there); a candidate that has it as standby does not count the vote.
 */
static int step_as_voter(struct bx_raft *r, struct raft_event *e, struct raft_update *u)
{
    struct raft_server *self = NULL;
    int rv, role = 0;

    for (unsigned i = 0; i < r->core.configuration.n; i++) {
        if (r->core.configuration.servers[i].id == r->o.id)
            self = &r->core.configuration.servers[i];
    }
    if (self != NULL) {
        role = self->role;
        if (role != RAFT_VOTER)
            forget_lost_leader(r);
        self->role = RAFT_VOTER;
    }
    rv = raft_step(&r->core, e, u);
    if (self != NULL)
        self->role = role; /* a request for a vote never changes the configuration */
    return rv;
}

/* What the core says of each message and decision: nothing that a program that works needs. */
static void on_line(struct raft_tracer *t, int type, const void *info)
{
    static const int levels[] = {BX_LEVEL_ERROR, BX_LEVEL_ERROR, BX_LEVEL_WARNING};
    const struct raft_tracer_info *i = info;

    (void)t;
    if (type == RAFT_TRACER_DIAGNOSTIC && i->diagnostic.level >= 0)
        bx_rec_line(BX_LINE_RAFT,
                    i->diagnostic.level < 3 ? levels[i->diagnostic.level] : BX_LEVEL_TRACE,
                    i->diagnostic.message, strlen(i->diagnostic.message));
}

static struct raft_tracer tracer = {.version = 2, .emit = on_line};

int bx_raft_step(struct bx_raft *r, struct raft_event *e)
{
    struct raft_update u;
    struct bx_err err;
    int rv;

    memset(&u, 0, sizeof u);
    e->time = bx_raft_now(r);
    e->capacity = UINT16_MAX;
    r->core.tracer = bx_rec_line_on(BX_LINE_RAFT, BX_LEVEL_TRACE) ? &tracer : NULL;
    if (e->type == RAFT_RECEIVE && e->receive.message->type == RAFT_REQUEST_VOTE)
        rv = step_as_voter(r, e, &u);
    else
        rv = raft_step(&r->core, e, &u);
    if (rv != 0) {
        if (e->type == RAFT_SUBMIT)
            return rv;
        bx_err_set(&err, BX_FAILED, "Raft core refused event %d: %s (%s)", (int)e->type,
                   raft_strerror(rv), raft_errmsg(&r->core));
        r->o.fatal(r->o.ctx, &err);
    }
    perform(r, &u);
    return rv;
}

/* ---- after a step ---- */

static void save_vote(struct bx_raft *r)
{
    struct bx_err err;

    if (bx_vote_save(r->o.vote, raft_current_term(&r->core), raft_voted_for(&r->core), &err) !=
        BX_OK) {
        bx_err_wrap(&err, "term and vote");
        r->o.fatal(r->o.ctx, &err);
    }
}

_Static_assert(BX_RAFTMSG_ENTRY_MAX == BX_WAL_ENTRY_MAX, "the log takes what is received");

/* What the log is given: the data is not copied. */
static void as_log_entries(const struct raft_entry *from, unsigned n, struct bx_wal_entry *to)
{
    assert(n <= BX_RAFTMSG_ENTRIES_MAX);
    for (unsigned i = 0; i < n; i++)
        to[i] = (struct bx_wal_entry){.term = from[i].term,
                                      .type = (uint8_t)from[i].type,
                                      .len = (uint32_t)from[i].buf.len,
                                      .data = from[i].buf.base};
}

unsigned bx_raft_room(const struct bx_raft *r, const struct raft_entry *entries, unsigned n)
{
    struct bx_wal_entry log[BX_RAFTMSG_ENTRIES_MAX];

    if (BX_MUTATED(LOG_OVERRUN))
        return n;
    as_log_entries(entries, n, log);
    return bx_wal_room(r->o.wal, log, n);
}

static void persist(struct bx_raft *r, const struct raft_update *u)
{
    struct bx_wal_entry entries[BX_RAFTMSG_ENTRIES_MAX];
    struct bx_err err;
    int rc;

    as_log_entries(u->entries.batch, u->entries.n, entries);
    for (unsigned i = 0; i < u->entries.n; i++)
        r->new_configuration |= entries[i].type == RAFT_CHANGE;
    rc = bx_wal_append(r->o.wal, u->entries.index, entries, u->entries.n);
    if (rc != BX_OK) {
        bx_err_set(&err, rc, "cannot append log entry %llu: %s",
                   (unsigned long long)u->entries.index, bx_code_name(rc));
        r->o.fatal(r->o.ctx, &err);
    }
    /* The log has copied the data; the core has given the batch back. */
    raft_free(u->entries.batch[0].batch);
}

static void install(struct bx_raft *r, struct raft_update *u)
{
    struct raft_event done;
    struct bx_err err;

    raft_free(u->snapshot.chunk.base);
    if (r->o.install(r->o.ctx, u->snapshot.metadata.index, u->snapshot.metadata.term, &err) !=
        BX_OK) {
        bx_err_wrap(&err, "snapshot at entry %llu", (unsigned long long)u->snapshot.metadata.index);
        r->o.fatal(r->o.ctx, &err);
    }
    r->cursor = u->snapshot.metadata.index;
    r->cursor_term = u->snapshot.metadata.term;
    memset(&done, 0, sizeof done);
    done.type = RAFT_PERSISTED_SNAPSHOT;
    done.persisted_snapshot.metadata = u->snapshot.metadata;
    done.persisted_snapshot.last = true;
    bx_raft_step(r, &done);
}

static void perform(struct bx_raft *r, struct raft_update *u)
{
    if (u->flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) {
        r->elections += raft_voted_for(&r->core) == r->o.id;
        save_vote(r);
    }
    if (u->flags & (RAFT_UPDATE_ENTRIES))
        persist(r, u);
    /* The messages' array belongs to the core and is reused by the next step, so they leave before
     * an installed snapshot takes one of its own. Entries and a snapshot never come together. */
    if (u->flags & (RAFT_UPDATE_MESSAGES)) {
        for (unsigned i = 0; i < u->messages.n; i++)
            bx_raft_send(r, &u->messages.batch[i]);
    }
    if (u->flags & (RAFT_UPDATE_SNAPSHOT))
        install(r, u);
    bx_raft_follow_configuration(r);
    follow_role(r);
    r->o.wake(r->o.ctx);
}

static void follow_role(struct bx_raft *r)
{
    bool leader = bx_raft_is_leader(r);

    if (leader == r->was_leader)
        return;
    r->was_leader = leader;
    if (leader) {
        r->leader_term = raft_current_term(&r->core);
        r->leader_id = r->o.id;
        memset(r->sent, 0, sizeof r->sent);
    }
    r->silent = false;
    r->relieve_ms = 0;
    r->o.role(r->o.ctx, leader);
}

/* ---- writing the log ---- */

static int job_run(struct bx_job *j)
{
    struct bx_raft *r = (struct bx_raft *)(void *)((char *)j - offsetof(struct bx_raft, job));
    uint64_t start = r->o.now_ns == NULL ? 0 : r->o.now_ns();
    int rc = bx_wal_run(r->o.wal, &r->job_err);

    r->write_took_ns = r->o.now_ns == NULL ? 0 : r->o.now_ns() - start;
    return rc;
}

static void job_done(struct bx_job *j, int rc)
{
    struct bx_raft *r = (struct bx_raft *)(void *)((char *)j - offsetof(struct bx_raft, job));

    if (rc == BX_NO_SPACE) {
        bx_err_wrap(&r->job_err, "log");
        r->no_space = true;
        r->again_ms = bx_raft_now(r) + BX_RAFT_SPACE_MS;
        r->o.no_space(r->o.ctx, &r->job_err);
        return;
    }
    r->writing = r->silent = false;
    r->relieve_ms = 0;
    if (r->o.now_ns != NULL)
        bx_histogram_add(&r->write_ns, &bx_latencies[BX_LATENCY_WRITE], r->write_took_ns);
    bx_wal_finish(r->o.wal, rc);
    if (rc != BX_OK) {
        bx_err_wrap(&r->job_err, "log");
        r->o.fatal(r->o.ctx, &r->job_err);
    }
    r->o.wake(r->o.ctx);
}

/* The core must not be told of a finished write while it is a candidate or while a snapshot is
 * being installed, and of each index only once. A later pump tells it. */
static void tell_persisted(struct bx_raft *r)
{
    uint64_t durable = BX_MUTATED(ACK_UNSYNCED) ? bx_wal_last(r->o.wal) : bx_wal_durable(r->o.wal);
    struct raft_event e;

    if (durable <= r->core.last_stored || raft_state(&r->core) == RAFT_CANDIDATE ||
        r->core.snapshot.installing)
        return;
    memset(&e, 0, sizeof e);
    e.type = RAFT_PERSISTED_ENTRIES;
    e.persisted_entries.index = durable;
    bx_raft_step(r, &e);
}

/* The first entry of a leader: what is committed is known, here and at the followers, once an entry
 * of its term is committed. The core appends one itself only when it has uncommitted entries. */
static void open_term(struct bx_raft *r)
{
    static const uint8_t nothing[8];
    uint64_t index;

    if (bx_raft_is_leader(r) &&
        bx_wal_term(r->o.wal, bx_wal_last(r->o.wal)) != raft_current_term(&r->core))
        (void)bx_raft_submit(r, RAFT_BARRIER, nothing, sizeof nothing, &index);
}

static void write_again(struct bx_raft *r)
{
    if (!r->no_space || bx_raft_now(r) < r->again_ms || !r->o.has_space(r->o.ctx))
        return;
    r->no_space = false;
    r->o.disk->ops->write(r->o.disk, &r->job);
}

void bx_raft_pump(struct bx_raft *r)
{
    tell_persisted(r);
    open_term(r);
    bx_raft_tell_commit(r);
    write_again(r);
    if (r->writing || !bx_wal_begin(r->o.wal))
        return;
    r->writing = true;
    r->write_ms = bx_raft_now(r);
    r->job.run = job_run;
    r->job.done = job_done;
    r->o.disk->ops->write(r->o.disk, &r->job);
}

void bx_raft_close(struct bx_raft *r)
{
    if (r->closed)
        return;
    if (r->no_space) /* it was not acknowledged */
        bx_wal_finish(r->o.wal, BX_NO_SPACE);
    assert(!r->writing || r->no_space);
    r->closed = true;
    raft_close(&r->core, NULL);
    bx_buf_release(&r->scratch);
}

/* ---- events ---- */

static int submit_code(int rv)
{
    switch (rv) {
    case 0:
        return BX_OK;
    case RAFT_CANTCHANGE:
        return BX_CONFLICT;
    case RAFT_NOMEM:
        return BX_NO_MEMORY;
    default:
        return BX_NO_LEADER;
    }
}

int bx_raft_submit_taken(struct bx_raft *r, uint8_t type, struct bx_buf *data, uint64_t *index)
{
    struct raft_entry entry;
    struct raft_event e;
    int rv;

    if (!bx_raft_is_leader(r))
        return BX_NO_LEADER;
    memset(&entry, 0, sizeof entry);
    memset(&e, 0, sizeof e);
    entry.term = raft_current_term(&r->core);
    entry.type = (enum raft_entry_type)type;
    entry.buf.len = data->len;
    entry.buf.base = entry.batch = data->data;
    e.type = RAFT_SUBMIT;
    e.submit.entries = &entry;
    e.submit.n = 1;
    if (bx_raft_room(r, &entry, 1) == 0)
        return BX_BUSY;
    *index = raft_last_index(&r->core) + 1;
    rv = bx_raft_step(r, &e);
    if (rv == 0)
        *data = (struct bx_buf){0};
    return submit_code(rv);
}

int bx_raft_submit(struct bx_raft *r, uint8_t type, const void *data, size_t len, uint64_t *index)
{
    struct bx_buf copy = {0};
    int rc = bx_buf_append(&copy, data, len);

    if (rc == BX_OK)
        rc = bx_raft_submit_taken(r, type, &copy, index);
    bx_buf_release(&copy);
    return rc;
}

void bx_raft_tick(struct bx_raft *r)
{
    struct raft_event e;

    if (bx_raft_now(r) < raft_timeout(&r->core))
        return;
    memset(&e, 0, sizeof e);
    e.type = RAFT_TIMEOUT;
    bx_raft_step(r, &e);
}

uint64_t bx_raft_deadline(const struct bx_raft *r)
{
    return raft_timeout(&r->core);
}

/* ---- committed entries ---- */

/* All that is known to be committed is applied. Was that all when the leader's last message came? A
 * leader knows what is committed once an entry of its own term is (Ongaro, 6.4), and that it is
 * still leader while a majority answers. */
static void note_fresh(struct bx_raft *r)
{
    if (r->cursor_term != raft_current_term(&r->core))
        return;
    if (bx_raft_is_leader(r)) {
        r->fresh_ms = r->core.election_timer_start;
    } else if (r->claim_ms != 0 && r->cursor >= r->claim_commit) {
        r->fresh_ms = r->claim_ms;
        r->claim_ms = 0;
    }
}

bool bx_raft_next(struct bx_raft *r, uint64_t *index, struct bx_wal_entry *e)
{
    struct bx_err err;
    uint64_t end = BX_MUTATED(ACK_EARLY) ? bx_wal_last(r->o.wal) : raft_commit_index(&r->core);

    if (r->cursor >= end) {
        note_fresh(r);
        return false;
    }
    *index = r->cursor + 1;
    if (bx_wal_get(r->o.wal, *index, e, &r->scratch, &err) != BX_OK) {
        bx_err_wrap(&err, "log: entry %llu", (unsigned long long)*index);
        r->o.fatal(r->o.ctx, &err);
    }
    r->cursor = *index;
    r->cursor_term = e->term;
    if (e->type == RAFT_CHANGE)
        bx_raft_configuration_committed(r, *index, e);
    return true;
}

/* ---- state of the core ---- */

bool bx_raft_is_leader(const struct bx_raft *r)
{
    return r->core.state == RAFT_LEADER;
}

bool bx_raft_caught_up(const struct bx_raft *r)
{
    return bx_raft_is_leader(r) && r->cursor_term == raft_current_term(&r->core);
}

uint64_t bx_raft_leader(const struct bx_raft *r)
{
    const char *address;
    raft_id id;

    raft_leader((struct raft *)(uintptr_t)&r->core, &id, &address);
    return id;
}

uint64_t bx_raft_term(const struct bx_raft *r)
{
    return raft_current_term(&r->core);
}

uint64_t bx_raft_commit(const struct bx_raft *r)
{
    return raft_commit_index(&r->core);
}

uint64_t bx_raft_fresh(const struct bx_raft *r)
{
    return r->fresh_ms;
}

uint64_t bx_raft_uncommitted(const struct bx_raft *r)
{
    return bx_wal_last(r->o.wal) - raft_commit_index(&r->core);
}

uint64_t bx_raft_match(const struct bx_raft *r, uint64_t id)
{
    raft_index match;

    if (!bx_raft_is_leader(r) || raft_match_index(&r->core, id, &match) != 0)
        return 0;
    return match;
}
