/* idle - the last thing in a history: nothing is asked for a while, a host starts again, and is
 * asked. Nothing is committed that would tell it the time (node/deadline.c). */
#include "sim/sim.h"

#include "mem/alloc.h"

#include <string.h>

#define DEADLINE_MS 10000u

static bool leads(const struct sim_host *h)
{
    struct bx_node_status st;

    bx_node_status(h->node, &st);
    return st.is_leader;
}

struct sim_host *sim_idle_restart(struct sim *s)
{
    struct sim_host *h = &s->hosts[0];

    for (unsigned i = 1; i < s->n_hosts && leads(h); i++)
        h = &s->hosts[i];
    sim_host_kill(h, "killed on an idle cluster");
    sim_host_start(h);
    return h;
}

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    (void)err;
    *(bool *)ctx = o != NULL;
}

/* It is refused, by apply: whatever the level, it changes nothing. */
static void ask(struct sim_host *h, void *answered)
{
    struct bx_cmd_vm_delete body = {.vm = bx_str("nothing"), .uuid = {0xff}};
    struct bx_submit s = {.kind = BX_CMD_VM_DELETE,
                          .body = &body,
                          .session = {0xff},
                          .sequence = 1,
                          .floor = 1,
                          .principal = bx_str("late"),
                          .deadline = sim_boot_ms(h) + DEADLINE_MS,
                          .done = on_outcome,
                          .ctx = answered};

    if (bx_node_submit(h->node, &s, NULL) != BX_OK)
        sim_violation(h->sim, "%s takes no request on an idle cluster", h->name);
}

/* Never freed: the answer may come late. */
const bool *sim_idle_ask(struct sim_host *h)
{
    bool *answered = bx_must_calloc(1, sizeof *answered);

    if (h->node == NULL || !sim_enter(h, ask, answered))
        sim_violation(h->sim, "%s did not start on an idle cluster", h->name);
    sim_host_wake(h);
    return answered;
}
