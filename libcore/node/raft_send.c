/* Messages of the core as frames: entries come from our log, snapshots from their owner. */
#include "node/raft_priv.h"

#include "mutant.h"
#include "wire/raftmsg.h"

#include <string.h>

static bool send_frame(struct bx_raft *r, uint64_t to, struct bx_buf *frame)
{
    bx_frame_end(frame, BX_FRAME_RAFT);
    return r->o.send(r->o.ctx, to, frame);
}

/* How many of the entries after prev go into one message: up to BX_RAFT_BYTES_MAX, and a
 * configuration only as the first. A follower's core takes the index of the first new entry of a
 * message for that of a configuration in it, and would never see it committed otherwise. */
static unsigned append_some(struct bx_raft *r, uint64_t first, unsigned n, struct bx_buf *frame)
{
    struct bx_wal_entry e;
    struct bx_err err;
    unsigned i;

    for (i = 0; i < n; i++) {
        if (bx_wal_get(r->o.wal, first + i, &e, &r->scratch, &err) != BX_OK) {
            bx_err_wrap(&err, "log: entry %llu", (unsigned long long)(first + i));
            r->o.fatal(r->o.ctx, &err);
        }
        if (i > 0 && (e.type == RAFT_CHANGE || frame->len + e.len > BX_RAFT_BYTES_MAX))
            break;
        if (bx_raftmsg_write_entry(frame, e.term, e.type, e.data, e.len) != BX_OK)
            break;
    }
    return i;
}

static struct bx_raft_sent *sent_to(struct bx_raft *r, uint64_t id)
{
    struct bx_raft_sent *s = r->sent, *end = r->sent + BX_MEMBERS_MAX;

    while (s < end && s->id != 0 && s->id != id)
        s++;
    if (s == end) { /* servers have come and gone */
        memset(r->sent, 0, sizeof r->sent);
        s = r->sent;
    }
    s->id = id;
    return s;
}

/* On a slow link entries wait while heartbeats overtake them. A follower answers these that it
 * lacks entries, and the core sends all of them again with each: the copies would fill the link. So
 * what was sent is left out while the link is behind; what is left may be an empty message. */
static void leave_out_sent(struct bx_raft *r, uint64_t to, struct raft_append_entries *m)
{
    const struct bx_raft_sent *s = sent_to(r, to);
    uint64_t n;

    if (r->o.queued(r->o.ctx, to) < BX_RAFT_BACKLOG || s->last <= m->prev_log_index ||
        BX_MUTATED(SEND_COPIES))
        return;
    n = s->last - m->prev_log_index;
    if (n >= m->n_entries) {
        m->n_entries = 0;
        return;
    }
    m->n_entries -= (unsigned)n;
    m->prev_log_index = s->last;
    m->prev_log_term = bx_wal_term(r->o.wal, s->last);
}

static void note_sent(struct bx_raft *r, uint64_t to, const struct raft_append_entries *m)
{
    struct bx_raft_sent *s = sent_to(r, to);

    if (m->n_entries > 0 && s->last < m->prev_log_index)
        s->last = m->prev_log_index;
    if (s->commit < m->leader_commit && m->leader_commit <= m->prev_log_index)
        s->commit = m->leader_commit;
}

void bx_raft_on_link(struct bx_raft *r, uint64_t id)
{
    struct bx_raft_sent *s = sent_to(r, id);

    s->last = s->commit = 0;
}

/* The core names entries by index; the log has them. They are sent in as many messages as needed.
 * Each entry is written once, into the frame; the count in the message's header is set afterwards.
 */
static void send_append(struct bx_raft *r, uint64_t to, const struct raft_append_entries *m)
{
    struct raft_append_entries part = *m;
    unsigned left;

    leave_out_sent(r, to, &part);
    left = part.n_entries;
    do {
        struct bx_buf frame = {0};
        bool whole =
            bx_frame_begin(&frame) == BX_OK && bx_raftmsg_write_append(&frame, &part) == BX_OK;

        part.n_entries = whole ? append_some(r, part.prev_log_index + 1, left, &frame) : 0;
        whole = whole && (left == 0 || part.n_entries > 0);
        if (whole) {
            bx_raftmsg_count_entries(frame.data + BX_HEADER_SIZE, part.n_entries);
            whole = send_frame(r, to, &frame);
        }
        bx_buf_release(&frame);
        if (!whole)
            return; /* no memory, or no room on the link: like a lost message */
        left -= part.n_entries;
        part.prev_log_index += part.n_entries;
        note_sent(r, to, &part);
        if (left > 0)
            part.prev_log_term = bx_wal_term(r->o.wal, part.prev_log_index);
    } while (left > 0);
}

/* The core tells followers what is committed with the next entries or heartbeat. When nothing more
 * is under way, whoever waits for an answer at a follower would wait for the heartbeat; so those
 * that have everything get an empty message, as one that a heartbeat is. */
void bx_raft_tell_commit(struct bx_raft *r)
{
    const struct raft_configuration *c = &r->core.configuration;
    uint64_t commit = raft_commit_index(&r->core);
    struct raft_append_entries m = {.prev_log_index = commit, .leader_commit = commit};

    if (!bx_raft_is_leader(r) || r->silent || commit == 0 || commit < raft_last_index(&r->core))
        return;
    m.term = raft_current_term(&r->core);
    m.prev_log_term = bx_wal_term(r->o.wal, commit);
    for (unsigned i = 0; i < c->n; i++) {
        uint64_t id = c->servers[i].id;

        if (id != r->o.id && sent_to(r, id)->commit < commit && bx_raft_match(r, id) >= commit &&
            r->o.reachable(r->o.ctx, id))
            send_append(r, id, &m);
    }
}

/* The core of libraft 0.22.1 answers a message of an old term without setting last_log_index. A
 * server that has become leader again would take the garbage for entries that this server has. */
static void send_result(struct bx_raft *r, const struct raft_message *m)
{
    struct raft_message whole = *m;
    struct bx_buf frame = {0};

    if (r->answers_old_term)
        whole.append_entries_result.last_log_index = 0;
    if (bx_frame_begin(&frame) == BX_OK && bx_raftmsg_write(&frame, &whole) == BX_OK)
        send_frame(r, m->server_id, &frame);
    bx_buf_release(&frame);
}

void bx_raft_send(struct bx_raft *r, const struct raft_message *m)
{
    struct bx_buf frame = {0};

    if (r->silent)
        return;
    switch (m->type) {
    case RAFT_APPEND_ENTRIES_RESULT:
        send_result(r, m);
        break;
    case RAFT_APPEND_ENTRIES:
        if (r->o.reachable(r->o.ctx, m->server_id))
            send_append(r, m->server_id, &m->append_entries);
        break;
    case RAFT_INSTALL_SNAPSHOT:
        r->o.send_snapshot(r->o.ctx, m->server_id, &m->install_snapshot);
        break;
    default:
        if (bx_frame_begin(&frame) == BX_OK && bx_raftmsg_write(&frame, m) == BX_OK)
            send_frame(r, m->server_id, &frame);
        bx_buf_release(&frame);
        break;
    }
}

void bx_raft_snapshot_sent(struct bx_raft *r, uint64_t to, const struct bx_snap_meta *meta,
                           uint64_t term)
{
    struct raft_install_snapshot m = {.term = term,
                                      .last_index = meta->index,
                                      .last_term = meta->term,
                                      .conf_index = meta->conf_index};
    struct bx_buf frame = {0};

    if (bx_frame_begin(&frame) == BX_OK &&
        bx_raftmsg_write_install(&frame, &m, meta->conf.p, meta->conf.n) == BX_OK)
        send_frame(r, to, &frame);
    bx_buf_release(&frame);
}
