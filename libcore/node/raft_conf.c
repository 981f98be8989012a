/* raft_conf - configurations of the core: who holds the log, and who votes; in entries, in
 * snapshots and in use. */
#include "node/raft_priv.h"

#include "model/node.h"
#include "mutant.h"
#include "wire/raftmsg.h"

#include <assert.h>
#include <string.h>

int bx_raft_copy_configuration(struct bx_str encoded, struct raft_configuration *out)
{
    int rc = bx_raftmsg_conf(encoded.p, encoded.n, out);

    return rc == BX_MALFORMED ? BX_CORRUPT : rc;
}

void bx_raft_configuration_committed(struct bx_raft *r, uint64_t index,
                                     const struct bx_wal_entry *w)
{
    struct bx_str encoded = {w->data, w->len};
    struct raft_event e;
    struct bx_err err;
    int rc;

    memset(&e, 0, sizeof e);
    e.type = RAFT_CONFIGURATION;
    e.configuration.index = index;
    rc = bx_raft_copy_configuration(encoded, &e.configuration.conf);
    if (rc != BX_OK) {
        bx_err_set(&err, rc, "log entry %llu: malformed configuration", (unsigned long long)index);
        r->o.fatal(r->o.ctx, &err);
    }
    bx_raft_step(r, &e);
}

/* ---- changes ---- */

const struct raft_configuration *bx_raft_configuration(const struct bx_raft *r)
{
    return &r->core.configuration;
}

const struct raft_server *bx_raft_server(const struct bx_raft *r, uint64_t id)
{
    const struct raft_configuration *c = bx_raft_configuration(r);

    for (unsigned i = 0; i < c->n; i++) {
        if (c->servers[i].id == id)
            return &c->servers[i];
    }
    return NULL;
}

/* A change that was not committed can be truncated and another one appended in its place, in one
 * step and at the same index. */
void bx_raft_follow_configuration(struct bx_raft *r)
{
    uint64_t pending = r->core.configuration_uncommitted_index;
    uint64_t index = pending != 0 ? pending : r->core.configuration_committed_index;

    if (index == r->configuration_index && !r->new_configuration)
        return;
    r->configuration_index = index;
    r->new_configuration = false;
    r->o.configuration(r->o.ctx, &r->core.configuration);
}

/* Until an entry of this term is committed, a change that an earlier leader made may be unknown
 * here and still be committed: with an even number of voters each of the two changes can have a
 * majority without a server in common (Ongaro, "bug in single-server membership changes", raft-dev,
 * 2015). The core does not check that. */
bool bx_raft_can_change(const struct bx_raft *r)
{
    return bx_raft_is_leader(r) && (bx_raft_caught_up(r) || BX_MUTATED(CONF_CHANGE_EARLY)) &&
           r->core.configuration_uncommitted_index == 0 && r->core.leader_state.promotee_id == 0 &&
           r->core.leader_state.transferee == 0;
}

int bx_raft_change(struct bx_raft *r, const struct raft_configuration *c)
{
    struct raft_buffer buf;
    uint64_t index;
    int rc;

    assert(c->n <= BX_MEMBERS_MAX);
    if (!bx_raft_can_change(r))
        return bx_raft_is_leader(r) ? BX_CONFLICT : BX_NO_LEADER;
    if (raft_configuration_encode(c, &buf) != 0)
        return BX_NO_MEMORY;
    rc = bx_raft_submit(r, RAFT_CHANGE, buf.base, buf.len, &index);
    raft_free(buf.base);
    return rc;
}

void bx_raft_catch_up(struct bx_raft *r, uint64_t id)
{
    struct raft_event e;

    memset(&e, 0, sizeof e);
    e.type = RAFT_CATCH_UP;
    e.catch_up.server_id = id;
    bx_raft_step(r, &e);
}

int bx_raft_catch_up_status(const struct bx_raft *r, uint64_t id)
{
    int status = RAFT_CATCH_UP_NONE;

    return raft_catch_up(&r->core, id, &status) == 0 ? status : RAFT_CATCH_UP_NONE;
}

/* ---- snapshots ---- */

bool bx_raft_committed_configuration(const struct bx_raft *r, struct raft_buffer *out,
                                     uint64_t *index)
{
    if (r->core.configuration_uncommitted_index != 0 || r->core.snapshot.installing ||
        r->core.configuration_committed_index == 0)
        return false;
    *index = r->core.configuration_committed_index;
    return raft_configuration_encode(&r->core.configuration_committed, out) == 0;
}

int bx_raft_snapshot_taken(struct bx_raft *r, const struct bx_snap_meta *meta, uint64_t keep,
                           struct bx_err *err)
{
    struct raft_event e;
    int rc;

    memset(&e, 0, sizeof e);
    e.type = RAFT_SNAPSHOT;
    e.snapshot.metadata.index = meta->index;
    e.snapshot.metadata.term = meta->term;
    e.snapshot.metadata.configuration_index = meta->conf_index;
    e.snapshot.trailing = (unsigned)(meta->index + 1 - keep);
    rc = bx_raft_copy_configuration(meta->conf, &e.snapshot.metadata.configuration);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "snapshot: malformed configuration");
    bx_raft_step(r, &e);
    return bx_wal_compact(r->o.wal, keep);
}
