/* The sessions of clients: from time to time a client begins a new one, and says of the old one
 * that its answers have arrived. */
#include "sim/client.h"

#include "mem/alloc.h"

#include <string.h>

#define MOVES_ON 8u /* to a new session, one in so many requests that are alone */

void sim_client_draw_session(struct client *c, uint64_t *rng)
{
    for (size_t i = 0; i < sizeof c->session; i++)
        c->session[i] = (uint8_t)rng_next(rng);
}

struct ending {
    uint8_t session[16];
};

static void end_session(struct sim_host *h, void *arg)
{
    bool ended = bx_node_end_session(h->node, ((struct ending *)arg)->session, bx_str("user"));

    h->sim->stats.ended += ended;
}

static void on_end_session(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    if (h->node != NULL && sim_enter(h, end_session, arg))
        sim_host_wake(h);
}

/* Whoever answered all requests of the session is told that the answers are here. */
static void leave_session(struct client *c)
{
    struct ending *e;

    if (c->answered != NULL && !c->spread && c->answered->lives == c->life) {
        e = bx_must_alloc(sizeof *e);
        memcpy(e->session, c->session, sizeof e->session);
        sim_at(c->sim, c->sim->now + SIM_ANSWER_US, c->answered, on_end_session, e);
    }
    c->answered = NULL;
    c->spread = false;
}

void sim_client_move_on(struct client *c)
{
    for (unsigned i = 0; i < c->n_lanes; i++) {
        if (c->lanes[i].doing != LANE_IDLE)
            return;
    }
    if (rng_below(&c->sessions, c->brief ? 1 : MOVES_ON) != 0)
        return;
    leave_session(c);
    sim_client_draw_session(c, &c->sessions);
}
