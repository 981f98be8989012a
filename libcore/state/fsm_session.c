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

#define STATS(X, at)                                                                               \
    X(at, LEVEL, held, "sessions whose requests were carried out")                                 \
    X(at, LEVEL, spare, "sessions with nothing but refusals")                                      \
    X(at, LEVEL, nodes, "sessions of nodes")                                                       \
    X(at, BYTES, held_bytes, "outcomes kept in held sessions")                                     \
    X(at, BYTES, spare_bytes, "outcomes kept in spare sessions")                                   \
    X(at, BYTES, nodes_bytes, "outcomes kept in nodes' sessions")                                  \
    X(at, LEVEL, rows, "log entries of which an outcome is kept")
BX_METRIC_SET(bx_session_metrics, "sessions", bx_session_stats, STATS, NULL);

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
