/* catchup - a follower that is behind comes up with its leader, however slow the link is:
 *
 *   - who has got a snapshot finds the entries after it: the same leader does not send it another
 *     one, unless it has more log by now than it has to hold;
 *   - entries that are still under way are not sent again. */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/internal.h"
#include "wire/raftmsg.h"

#define MESSAGE (32u << 10) /* more than that is waiting: it is not the rest of one message */

struct way { /* from one host to another */
    uint64_t connection, term;
    uint64_t snapshot; /* index of the one that was sent; 0: none */
    uint64_t entry;    /* the last that was sent */
};

struct sim_catchup {
    struct way ways[SIM_HOSTS_MAX][SIM_HOSTS_MAX];
};

void sim_catchup_init(struct sim *s)
{
    s->catchup = bx_must_calloc(1, sizeof *s->catchup);
}

static void sent_snapshot(struct sim_host *h, struct sim_host *to, struct way *w)
{
    uint64_t had = w->snapshot, log = bx_wal_bytes_after(h->node->wal, 0);

    w->snapshot = h->node->snapshots.index;
    if (had == 0 || to->node == NULL || bx_fsm_applied(bx_node_fsm(to->node)) < had)
        return;
    sim_violation(h->sim, "%s sends %s snapshot %llu after snapshot %llu, and holds %llu bytes",
                  h->name, to->name, (unsigned long long)w->snapshot, (unsigned long long)had,
                  (unsigned long long)log);
}

static void sent_entries(struct sim_host *h, const struct sim_host *to, struct way *w,
                         size_t queued, const struct raft_append_entries *m)
{
    uint64_t last = m->prev_log_index + m->n_entries;

    if (queued >= BX_RAFT_BACKLOG + MESSAGE && last <= w->entry &&
        h->sim->now > h->sim->crowded_until)
        sim_violation(h->sim, "%s sends %s entries up to %llu again, while %zu bytes wait", h->name,
                      to->name, (unsigned long long)last, queued);
    if (last > w->entry)
        w->entry = last;
}

void sim_catchup_sent(struct sim_host *h, struct sim_host *to, uint64_t connection, size_t queued,
                      const struct bx_buf *frame)
{
    struct way *w = &h->sim->catchup->ways[h->at][to->at];
    const uint8_t *p = frame->data + BX_HEADER_SIZE;
    size_t n = frame->len - BX_HEADER_SIZE;
    uint64_t term = bx_raft_term(&h->node->raft);
    struct raft_message m;
    struct bx_header head;
    struct bx_err err;

    if (bx_header_read(frame->data, &head) != BX_OK)
        return;
    if (w->connection != connection || w->term != term)
        *w = (struct way){connection, term, 0, 0};
    if (head.kind == BX_KIND_FRAME + BX_FRAME_SNAP_DATA && bx_get64(p) == 0)
        sent_snapshot(h, to, w);
    /* An answer that is lost, or more log than is held when the next one is taken, makes another
     * one necessary. */
    if (sim_net_faults(h->sim)->loss_ppm > 0 ||
        bx_wal_bytes_after(h->node->wal, w->snapshot) + h->node->o.snapshot_bytes >
            h->node->o.hold_bytes)
        w->snapshot = 0;
    if (head.kind != BX_KIND_FRAME + BX_FRAME_RAFT || p[0] != RAFT_APPEND_ENTRIES ||
        bx_raftmsg_read(p, n, h->identity.node, "", &m, &err) != BX_OK)
        return;
    if (m.append_entries.n_entries > 0) {
        sent_entries(h, to, w, queued, &m.append_entries);
        raft_free(m.append_entries.entries[0].batch);
        raft_free(m.append_entries.entries);
    }
}
