/* Guests reboot by themselves. That is no fault, so it happens all the time. */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/driver_sim.h"

#define REBOOT_MIN_US (2 * SIM_S)
#define REBOOT_MAX_US (20 * SIM_S)

static void on_reboot(struct sim *s, struct sim_host *none, void *arg)
{
    uint64_t *rng = bx_must_alloc(sizeof *rng);
    struct sim_host *h;
    uint8_t vm[16];

    (void)none;
    *rng = *(uint64_t *)arg;
    h = &s->hosts[rng_below(rng, s->n_hosts)];
    /* Its daemon may be dead. */
    if (sim_check_some_run(h, rng_below(rng, 1000), vm) && bx_driver_sim_reboot(h->driver, vm) &&
        h->node != NULL)
        sim_host_wake(h);
    if (s->quiet)
        bx_free(rng);
    else
        sim_at(s, s->now + rng_between(rng, REBOOT_MIN_US, REBOOT_MAX_US), NULL, on_reboot, rng);
}

void sim_guests_start(struct sim *s)
{
    uint64_t *rng = bx_must_alloc(sizeof *rng);

    *rng = sim_stream(s);
    sim_at(s, REBOOT_MAX_US, NULL, on_reboot, rng);
}
