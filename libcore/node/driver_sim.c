#include "node/driver_sim.h"

#include "mem/alloc.h"
#include "mem/slab.h"
#include "mem/map.h"
#include "node/timerheap.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#define START_MS 50u
#define STOP_MS 20u
#define VCPUS 16384u
#define MEMORY_MIB (16ull << 20)
#define DISK_GIB (1ull << 20)

/* A run moves STARTING -> RUNNING -> EXITED; `next` is what tick observes when it is due. */
struct run {
    struct bx_timer due; /* first: a pointer to it is one to the run */
    TAILQ_ENTRY(run) link;
    uint8_t vm[16];
    uint64_t epoch, started_ms;
    enum bx_observed observed, next;
    bool stopping, will_fail, failed;
    const char *message; /* static text */
    uint32_t reboots;
};
TAILQ_HEAD(runs, run);

struct sim {
    struct bx_driver base; /* first */
    struct bx_driver_sim_options o;
    struct bx_slab slab; /* of runs */
    struct bx_map map;
    struct runs runs; /* in the order of their starts: each() must not depend on hashes */
    struct bx_timer_heap dues;
    struct bx_map stored; /* of uint8_t[16]: VMs that have run, and so have a disk */
    uint32_t fail;
};

static struct sim *sim_of(struct bx_driver *d)
{
    return (struct sim *)d;
}

static uint64_t now_ms(const struct sim *s)
{
    return s->o.clock->ops->boot_ms(s->o.clock);
}

static bool is_vm(const void *item, const void *vm)
{
    return memcmp(((const struct run *)item)->vm, vm, 16) == 0;
}

static struct run *find(const struct sim *s, const uint8_t vm[16])
{
    return bx_map_get(&s->map, bx_hash(vm, 16), is_vm, vm);
}

static void trace(const struct sim *s, const struct run *r, bool running)
{
    if (s->o.trace != NULL)
        s->o.trace(s->o.ctx, r->vm, r->epoch, running);
}

static void expect(struct sim *s, struct run *r, enum bx_observed next, uint64_t at)
{
    r->next = next;
    bx_timer_heap_set(&s->dues, &r->due, at);
}

static struct run *new_run(struct sim *s)
{
    struct run *r = bx_slab_calloc(&s->slab, sizeof *r);

    if (r == NULL)
        bx_oom(sizeof *r);
    return r;
}

/* ---- disks ---- */

static bool is_id(const void *item, const void *vm)
{
    return memcmp(item, vm, 16) == 0;
}

void bx_driver_sim_store(struct bx_driver *d, const uint8_t vm[16])
{
    struct sim *s = sim_of(d);
    uint8_t *id;

    if (bx_map_get(&s->stored, bx_hash(vm, 16), is_id, vm) != NULL)
        return;
    id = bx_slab_calloc(&s->slab, 16);
    if (id == NULL || bx_map_add(&s->stored, bx_hash(vm, 16), id) != BX_OK)
        bx_oom(16);
    memcpy(id, vm, 16);
}

static void sim_each_stored(struct bx_driver *d, void (*fn)(void *ctx, const uint8_t vm[16]),
                            void *ctx)
{
    const uint8_t *id;
    size_t pos = 0;

    while ((id = bx_map_next(&sim_of(d)->stored, &pos)) != NULL)
        fn(ctx, id);
}

static void sim_remove(struct bx_driver *d, const uint8_t vm[16])
{
    struct sim *s = sim_of(d);
    uint8_t *id = bx_map_get(&s->stored, bx_hash(vm, 16), is_id, vm);

    assert(find(s, vm) == NULL);
    if (id == NULL)
        return;
    bx_map_remove(&s->stored, bx_hash(vm, 16), id);
    bx_slab_free(&s->slab, id, 16);
}

/* ---- the driver's functions ---- */

static int sim_start(struct bx_driver *d, const struct bx_run *run, struct bx_err *err)
{
    struct sim *s = sim_of(d);
    uint64_t hash = bx_hash(run->vm, 16);
    bool full = s->map.n >= BX_SIM_RUNS_MAX;
    struct run *r;

    assert(find(s, run->vm) == NULL);
    r = new_run(s);
    memcpy(r->vm, run->vm, 16);
    r->epoch = run->epoch;
    r->started_ms = now_ms(s);
    r->observed = BX_OBSERVED_STARTING;
    r->message = "";
    if (full) {
        r->will_fail = true;
        r->message = "the simulated host is full";
    } else if (s->fail > 0) {
        s->fail--;
        r->will_fail = true;
        r->message = "told to fail";
    }
    if (bx_map_add(&s->map, hash, r) != BX_OK || bx_timer_heap_reserve(&s->dues, s->map.n) != BX_OK)
        bx_oom(sizeof *r);
    TAILQ_INSERT_TAIL(&s->runs, r, link);
    bx_driver_sim_store(d, run->vm);
    trace(s, r, true);
    expect(s, r, BX_OBSERVED_STARTING, r->started_ms);
    return full ? bx_err_set(err, BX_BUSY, "%s", r->message) : BX_OK;
}

void bx_driver_sim_adopt(struct bx_driver *d, const uint8_t vm[16], uint64_t epoch)
{
    struct sim *s = sim_of(d);
    struct run *r = new_run(s);

    assert(find(s, vm) == NULL);
    memcpy(r->vm, vm, 16);
    r->epoch = epoch;
    r->started_ms = now_ms(s);
    r->observed = r->next = BX_OBSERVED_RUNNING;
    r->message = "";
    if (bx_map_add(&s->map, bx_hash(vm, 16), r) != BX_OK ||
        bx_timer_heap_reserve(&s->dues, s->map.n) != BX_OK)
        bx_oom(sizeof *r);
    TAILQ_INSERT_TAIL(&s->runs, r, link);
    bx_driver_sim_store(d, vm);
}

static void sim_stop(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    struct sim *s = sim_of(d);
    struct run *r = find(s, vm);
    bool obeys = timeout_ms >= s->o.stop_ms;

    if (r == NULL || r->observed == BX_OBSERVED_EXITED || r->stopping)
        return;
    r->stopping = true;
    r->message = obeys ? "exit 0" : "killed: it did not stop in time";
    expect(s, r, BX_OBSERVED_EXITED, now_ms(s) + (obeys ? s->o.stop_ms : timeout_ms));
}

static void sim_kill(struct bx_driver *d, const uint8_t vm[16])
{
    struct sim *s = sim_of(d);
    struct run *r = find(s, vm);

    if (r == NULL || r->observed == BX_OBSERVED_EXITED)
        return;
    r->stopping = true;
    r->message = "killed by signal 9";
    expect(s, r, BX_OBSERVED_EXITED, now_ms(s));
}

static void sim_forget(struct bx_driver *d, const uint8_t vm[16])
{
    struct sim *s = sim_of(d);
    struct run *r = find(s, vm);

    if (r == NULL)
        return;
    assert(r->observed == BX_OBSERVED_EXITED);
    bx_map_remove(&s->map, bx_hash(vm, 16), r);
    TAILQ_REMOVE(&s->runs, r, link);
    bx_slab_free(&s->slab, r, sizeof *r);
}

static struct bx_observation observation(const struct run *r)
{
    struct bx_observation o = {
        .epoch = r->epoch, .observed = r->observed, .failed = r->failed, .reboots = r->reboots};

    if (r->stopping && r->observed != BX_OBSERVED_EXITED)
        o.observed = BX_OBSERVED_STOPPING;
    memcpy(o.vm, r->vm, 16);
    o.message = r->observed == BX_OBSERVED_EXITED ? r->message : "";
    return o;
}

static void sim_each(struct bx_driver *d, void (*fn)(void *ctx, const struct bx_observation *o),
                     void *ctx)
{
    struct run *r;

    TAILQ_FOREACH(r, &sim_of(d)->runs, link)
    {
        struct bx_observation o = observation(r);

        fn(ctx, &o);
    }
}

static int sim_console(struct bx_driver *d, const uint8_t vm[16], unsigned back, size_t max,
                       struct bx_console_place *at, struct bx_buf *out, struct bx_err *err)
{
    const struct run *r = find(sim_of(d), vm);
    char text[128];
    size_t n, part, from;

    if (r == NULL || back > 0)
        return bx_err_set(err, BX_NOT_FOUND, "a simulated VM that does not run has no console");
    n = (size_t)snprintf(text, sizeof text,
                         "This VM is simulated (epoch %" PRIu64 "): it has no console.\n",
                         r->epoch);
    if (at != NULL && at->file == r->epoch)
        from = at->offset < n ? (size_t)at->offset : n;
    else
        from = n < max ? 0 : n - max;
    part = n - from < max ? n - from : max;
    if (bx_buf_append(out, text + from, part) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (at != NULL)
        *at = (struct bx_console_place){r->epoch, from + part};
    return BX_OK;
}

static void sim_capacity(struct bx_driver *d, uint32_t *vcpus, uint64_t *memory_mib,
                         uint64_t *disk_gib)
{
    (void)d;
    *vcpus = VCPUS;
    *memory_mib = MEMORY_MIB;
    *disk_gib = DISK_GIB;
}

static const struct bx_driver_ops ops = {
    .name = "sim",
    .start = sim_start,
    .stop = sim_stop,
    .kill = sim_kill,
    .forget = sim_forget,
    .each = sim_each,
    .each_stored = sim_each_stored,
    .remove = sim_remove,
    .console = sim_console,
    .capacity = sim_capacity,
};

/* ---- life and time ---- */

struct bx_driver *bx_driver_sim_create(const struct bx_driver_sim_options *o)
{
    struct sim *s = bx_calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->base.ops = &ops;
    s->o = *o;
    if (s->o.start_ms == 0)
        s->o.start_ms = START_MS;
    if (s->o.stop_ms == 0)
        s->o.stop_ms = STOP_MS;
    TAILQ_INIT(&s->runs);
    return &s->base;
}

void bx_driver_sim_destroy(struct bx_driver *d)
{
    struct sim *s = sim_of(d);
    struct run *r;
    uint8_t *id;
    size_t pos = 0;

    if (d == NULL)
        return;
    while ((r = TAILQ_FIRST(&s->runs)) != NULL) {
        TAILQ_REMOVE(&s->runs, r, link);
        if (r->observed != BX_OBSERVED_EXITED)
            trace(s, r, false);
        bx_slab_free(&s->slab, r, sizeof *r);
    }
    while ((id = bx_map_next(&s->stored, &pos)) != NULL)
        bx_slab_free(&s->slab, id, 16);
    bx_map_close(&s->stored);
    bx_map_close(&s->map);
    bx_timer_heap_close(&s->dues);
    bx_slab_close(&s->slab);
    bx_free(s);
}

void bx_driver_sim_fail(struct bx_driver *d, uint32_t n)
{
    sim_of(d)->fail = n;
}

bool bx_driver_sim_reboot(struct bx_driver *d, const uint8_t vm[16])
{
    struct sim *s = sim_of(d);
    struct run *r = find(s, vm);

    if (r == NULL || r->observed != BX_OBSERVED_RUNNING || r->stopping)
        return false;
    r->reboots++;
    expect(s, r, BX_OBSERVED_RUNNING, now_ms(s));
    return true;
}

uint32_t bx_driver_sim_reboots(struct bx_driver *d, const uint8_t vm[16])
{
    const struct run *r = find(sim_of(d), vm);

    return r == NULL ? 0 : r->reboots;
}

static void advance(struct sim *s, struct run *r)
{
    r->observed = r->next;
    if (r->observed == BX_OBSERVED_STARTING) {
        expect(s, r, r->will_fail ? BX_OBSERVED_EXITED : BX_OBSERVED_RUNNING,
               r->started_ms + s->o.start_ms);
    } else if (r->observed == BX_OBSERVED_EXITED) {
        r->failed = r->will_fail && !r->stopping;
        trace(s, r, false);
    }
}

/* observe may start, stop and forget runs, so this one is not touched after it. */
uint64_t bx_driver_sim_tick(struct bx_driver *d)
{
    struct sim *s = sim_of(d);
    uint64_t now = now_ms(s);
    struct bx_timer *due;

    while ((due = bx_timer_heap_first(&s->dues)) != NULL && due->at <= now) {
        struct run *r = (struct run *)due;
        struct bx_observation o;

        bx_timer_heap_remove(&s->dues, due);
        advance(s, r);
        o = observation(r);
        if (s->base.observe != NULL)
            s->base.observe(s->base.ctx, &o);
    }
    return due == NULL ? UINT64_MAX : due->at;
}
