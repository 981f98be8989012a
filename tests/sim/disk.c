/* disk - the disk port: jobs run at a time of their own, and are reported at a later one.
 *
 * Between the two a host can die: what a job wrote is then there though nobody was told. The files
 * themselves, and what a loss of power does to them, are tests/lib/memfs's. */
#include "sim/sim.h"

#include "mem/alloc.h"

#define WRITE_US 400u /* at most, for a write with its sync */
#define OFFLOAD_US 5000u
#define REPORT_US 100u /* from another thread back to the loop */

struct work {
    struct bx_job *job;
    int rc;
};

static void run_job(struct sim_host *h, void *arg)
{
    struct work *w = arg;

    (void)h;
    w->rc = w->job->run(w->job);
}

static void report_job(struct sim_host *h, void *arg)
{
    const struct work *w = arg;

    (void)h;
    w->job->done(w->job, w->rc);
}

static void on_done(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    if (sim_enter(h, report_job, arg))
        sim_host_wake(h);
}

static void on_run(struct sim *s, struct sim_host *h, void *arg)
{
    struct work *w = arg, *next;

    if (!sim_enter(h, run_job, w))
        return;
    next = bx_must_alloc(sizeof *next);
    *next = *w;
    sim_at(s, s->now + 1 + rng_below(&h->disk.rng, REPORT_US), h, on_done, next);
}

static void start(struct sim_disk *d, struct bx_job *job, uint64_t at)
{
    struct work *w = bx_must_alloc(sizeof *w);

    *w = (struct work){job, 0};
    sim_at(d->host->sim, at, d->host, on_run, w);
}

static uint64_t slowness(struct sim_disk *d)
{
    return d->slow_us == 0 ? 0 : rng_below(&d->rng, d->slow_us);
}

static void disk_write(struct bx_disk *base, struct bx_job *job)
{
    struct sim_disk *d = (struct sim_disk *)base;
    uint64_t now = d->host->sim->now;

    if (d->busy_until < now)
        d->busy_until = now;
    if (d->busy_until < d->stalled_until)
        d->busy_until = d->stalled_until;
    d->busy_until += 20 + rng_below(&d->rng, WRITE_US) + slowness(d);
    start(d, job, d->busy_until);
}

static void disk_offload(struct bx_disk *base, struct bx_job *job)
{
    struct sim_disk *d = (struct sim_disk *)base;
    uint64_t now = d->host->sim->now, from = now < d->stalled_until ? d->stalled_until : now;

    start(d, job, from + 50 + rng_below(&d->rng, OFFLOAD_US) + slowness(d));
}

/* ---- space ---- */

static uint64_t beside(void *ctx)
{
    return sim_db_size(ctx);
}

static uint64_t room(void *ctx)
{
    return memfs_free(((struct sim_host *)ctx)->fs);
}

void sim_disk_leave(struct sim_host *h, uint64_t bytes)
{
    uint64_t taken;

    memfs_limit(h->fs, SIM_NEVER, beside, h->db);
    taken = SIM_NEVER - memfs_free(h->fs);
    memfs_limit(h->fs, bytes == SIM_NEVER ? 0 : taken + bytes, beside, h->db);
    sim_db_limit(h->db, bytes == SIM_NEVER ? NULL : room, h);
}

/* ---- opening ---- */

void sim_disk_init(struct sim_host *h)
{
    static const struct bx_disk_ops ops = {disk_write, disk_offload};

    h->disk =
        (struct sim_disk){.base = {&ops, memfs_fs(h->fs)}, .host = h, .rng = sim_stream(h->sim)};
}
