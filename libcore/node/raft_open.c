/* Starting the core: from log, vote and snapshot, or with the first entry of a new cluster. */
#include "node/raft_priv.h"

#include <string.h>

/* Write entry 1 of a new cluster: the same bytes on every founder. Term 1 is saved after it is
 * durable, so that a term without a log later means that the log was removed. */
static int found(struct bx_raft *r, struct bx_err *err)
{
    struct bx_wal_entry e = {.term = 1, .type = RAFT_CHANGE};
    struct raft_buffer buf;
    int rc;

    if (raft_configuration_encode(r->o.founding, &buf) != 0)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    e.len = (uint32_t)buf.len;
    e.data = buf.base;
    rc = bx_wal_append(r->o.wal, 1, &e, 1);
    raft_free(buf.base);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "cannot write the first log entry");
    while (bx_wal_begin(r->o.wal)) {
        rc = bx_wal_run(r->o.wal, err);
        bx_wal_finish(r->o.wal, rc);
        if (rc != BX_OK)
            return rc;
    }
    return bx_vote_save(r->o.vote, 1, 0, err);
}

/* The core needs (term, type) of each entry, and the data of configurations only. */
static int load_entries(struct bx_raft *r, struct raft_entry *out, struct bx_err *err)
{
    uint64_t first = bx_wal_first(r->o.wal), last = bx_wal_last(r->o.wal);

    for (uint64_t i = first; i <= last; i++) {
        struct raft_entry *e = &out[i - first];
        struct bx_wal_entry w;
        int rc = bx_wal_get(r->o.wal, i, &w, &r->scratch, err);

        if (rc != BX_OK)
            return rc;
        e->term = w.term;
        e->type = (enum raft_entry_type)w.type;
        if (w.type != RAFT_CHANGE)
            continue;
        e->buf.len = w.len;
        e->buf.base = raft_malloc(w.len);
        if (e->buf.base == NULL)
            return bx_err_set(err, BX_NO_MEMORY, "out of memory");
        memcpy(e->buf.base, w.data, w.len);
    }
    return BX_OK;
}

static void free_entries(struct raft_entry *entries, size_t n)
{
    for (size_t i = 0; entries != NULL && i < n; i++)
        raft_free(entries[i].buf.base);
    raft_free(entries);
}

static int start(struct bx_raft *r, struct bx_err *err)
{
    uint64_t first = bx_wal_first(r->o.wal), last = bx_wal_last(r->o.wal);
    struct raft_snapshot_metadata meta;
    struct raft_event e;
    size_t n = (size_t)(last + 1 - first);
    int rc = BX_OK;

    memset(&e, 0, sizeof e);
    memset(&meta, 0, sizeof meta);
    e.type = RAFT_START;
    e.start.term = r->o.vote->term;
    e.start.voted_for = r->o.vote->voted_for;
    e.start.start_index = first;
    e.start.n_entries = (unsigned)n;
    e.start.entries = n == 0 ? NULL : raft_calloc(n, sizeof *e.start.entries);
    if (n > 0 && e.start.entries == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (n > 0)
        rc = load_entries(r, e.start.entries, err);
    if (rc == BX_OK && r->o.snapshot != NULL) {
        meta.index = r->o.snapshot->index;
        meta.term = r->o.snapshot->term;
        meta.configuration_index = r->o.snapshot->conf_index;
        rc = bx_raft_copy_configuration(r->o.snapshot->conf, &meta.configuration);
        e.start.metadata = &meta;
        r->cursor = meta.index;
        r->cursor_term = meta.term;
    }
    if (rc == BX_OK)
        bx_raft_step(r, &e);
    free_entries(e.start.entries, n);
    return rc;
}

int bx_raft_open(struct bx_raft *r, const struct bx_raft_options *o, struct bx_err *err)
{
    unsigned seed;
    int rc = BX_OK;

    memset(r, 0, sizeof *r);
    r->o = *o;
    if (raft_init(&r->core, NULL, NULL, o->id, o->address) != 0)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    o->clock->ops->random(o->clock, &seed, sizeof seed);
    raft_seed(&r->core, seed);
    raft_set_pre_vote(&r->core, true);
    raft_set_election_timeout(&r->core, o->election_ms);
    raft_set_heartbeat_timeout(&r->core, o->heartbeat_ms);
    raft_set_max_inflight_entries(&r->core, BX_RAFT_INFLIGHT);
    if (o->founding != NULL && bx_wal_last(o->wal) == 0 && o->vote->term == 0)
        rc = found(r, err);
    if (rc == BX_OK)
        rc = start(r, err);
    if (rc != BX_OK)
        bx_raft_close(r);
    return rc;
}
