/* fsm_session - the command about sessions, and their metrics. */
#include "state/fsm_priv.h"

int bx_fsm_session_end(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_list *ends = &c->body->session_end.sessions;
    const struct bx_session_end *end = ends->v;

    for (uint32_t i = 0; i < ends->n; i++)
        bx_sessions_end(&f->sessions, end[i].session, end[i].principal_hash);
    return BX_OK;
}

#define F(member) BX_FIELD(bx_session_stats, member, BX_T_U64)
static const struct bx_field stats_fields[] = {
    F(held), F(spare), F(nodes), F(held_bytes), F(spare_bytes), F(nodes_bytes), F(rows),
};
#undef F
static const struct bx_schema stats_schema =
    BX_SCHEMA("sessions", 0, bx_session_stats, stats_fields);
static const struct bx_metric stats_rows[] = {
    {"blixard_sessions_held", NULL, BX_GAUGE, "sessions whose requests were carried out"},
    {"blixard_sessions_spare", NULL, BX_GAUGE, "sessions with nothing but refusals"},
    {"blixard_sessions_nodes", NULL, BX_GAUGE, "sessions of nodes"},
    {"blixard_sessions_held_bytes", "bytes", BX_GAUGE, "outcomes kept in held sessions"},
    {"blixard_sessions_spare_bytes", "bytes", BX_GAUGE, "outcomes kept in spare sessions"},
    {"blixard_sessions_nodes_bytes", "bytes", BX_GAUGE, "outcomes kept in nodes' sessions"},
    {"blixard_sessions_rows", NULL, BX_GAUGE, "log entries of which an outcome is kept"},
};
BX_METRIC_EACH(stats_fields, stats_rows);
const struct bx_metric_set bx_session_metrics = {&stats_schema, stats_rows, NULL};

void bx_fsm_session_stats(const struct bx_fsm *f, struct bx_session_stats *out)
{
    const struct bx_session_class *c = f->sessions.classes;

    *out = (struct bx_session_stats){.held = c[BX_SESSION_HELD].n,
                                     .spare = c[BX_SESSION_SPARE].n,
                                     .nodes = c[BX_SESSION_NODE].n,
                                     .held_bytes = c[BX_SESSION_HELD].bytes,
                                     .spare_bytes = c[BX_SESSION_SPARE].bytes,
                                     .nodes_bytes = c[BX_SESSION_NODE].bytes,
                                     .rows = f->sessions.blobs};
}

uint64_t bx_fsm_sessions_digest(const struct bx_fsm *f)
{
    return f->sessions.born_digest;
}
