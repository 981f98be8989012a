/* host - one host: a process that lives and dies, on a clock, a disk and a driver that outlive it.
 */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/driver_sim.h"

#include <string.h>

#define BOOT_US (10 * SIM_S) /* boot time when a host has just booted */
#define WALL_MS 1700000000000ll
#define LOOP_US 50u /* a loop takes so long, at most, to come to its next turn */

/* ---- clock ---- */

static uint64_t boot_us(const struct sim_host *h)
{
    int64_t since = (int64_t)(h->sim->now - h->clock.booted);

    return BOOT_US + (uint64_t)(since + since * h->clock.drift_ppm / 1000000);
}

uint64_t sim_boot_ms(const struct sim_host *h)
{
    return boot_us(h) / SIM_MS;
}

/* Boot time moves in steps of its own: what is asked for is reached at or just after this. */
uint64_t sim_when(const struct sim_host *h, uint64_t ms)
{
    uint64_t now = boot_us(h), want;

    if (ms == UINT64_MAX)
        return SIM_NEVER;
    want = ms * SIM_MS;
    return want <= now ? h->sim->now : h->sim->now + (want - now);
}

static uint64_t clock_boot(struct bx_clock *c)
{
    return sim_boot_ms((const struct sim_host *)(const void *)((const char *)c -
                                                               offsetof(struct sim_host, clock)));
}

static uint64_t clock_wall(struct bx_clock *c)
{
    return (uint64_t)((int64_t)clock_boot(c) + ((struct sim_clock *)c)->wall_ms);
}

static void clock_random(struct bx_clock *c, void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)rng_next(&((struct sim_clock *)c)->rng);
}

static void boot(struct sim_host *h)
{
    struct sim *s = h->sim;
    static const struct bx_clock_ops ops = {clock_boot, clock_wall, clock_random};

    h->clock.base.ops = &ops;
    h->clock.booted = s->now;
    h->clock.wall_ms = WALL_MS + (int64_t)(s->now / SIM_MS) + (int64_t)rng_below(&s->rng, 2000);
    h->clock.drift_ppm = (int64_t)rng_below(&s->rng, 20001) - 10000; /* 1 % either way */
    h->clock.base.ops->random(&h->clock.base, h->boot_id, sizeof h->boot_id);
}

/* ---- driver ---- */

static void on_run(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running)
{
    sim_check_run(ctx, vm, epoch, running);
}

/* The driver's own table, and what the product sees of it: a run is ended when there is cause. */
static const struct bx_driver_ops *own_ops;
static struct bx_driver_ops seen_ops;
static struct sim *world;

static void check_end(const struct bx_driver *d, const uint8_t vm[16])
{
    for (unsigned i = 0; i < world->n_hosts; i++) {
        if (world->hosts[i].driver == d)
            sim_safety_ended(&world->hosts[i], vm);
    }
}

static void stop_run(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    check_end(d, vm);
    own_ops->stop(d, vm, timeout_ms);
}

static void kill_run(struct bx_driver *d, const uint8_t vm[16])
{
    check_end(d, vm);
    own_ops->kill(d, vm);
}

void sim_host_end_guest(struct sim_host *h, const uint8_t vm[16])
{
    own_ops->kill(h->driver, vm);
}

static void new_driver(struct sim_host *h)
{
    struct bx_driver_sim_options o = {.clock = &h->clock.base, .trace = on_run, .ctx = h};

    h->driver = bx_driver_sim_create(&o);
    if (h->driver == NULL)
        bx_oom(0);
    world = h->sim;
    own_ops = h->driver->ops;
    seen_ops = *own_ops;
    seen_ops.stop = stop_run;
    seen_ops.kill = kill_run;
    h->driver->ops = &seen_ops;
}

static void keep_disk(void *ctx, const uint8_t vm[16])
{
    bx_driver_sim_store(ctx, vm);
}

/* Runs end with the power; disks stay. */
static void lose_runs(struct sim_host *h)
{
    struct bx_driver *old = h->driver;

    new_driver(h);
    own_ops->each_stored(old, keep_disk, h->driver);
    bx_driver_sim_destroy(old);
}

/* ---- entering ---- */

_Noreturn void sim_die(struct sim_host *h, const char *why)
{
    h->why = why;
    longjmp(h->sim->escape, 1);
}

static void ended(struct sim_host *h)
{
    struct sim *s = h->sim;
    bool crash = h->power_lost;

    h->life = SIM_DOWN;
    h->lives++;
    h->node = NULL;
    h->turn_at = h->tick_at = h->look_at = SIM_NEVER;
    h->proposed = h->power_lost = false;
    h->kept = 0;
    h->paused_until = 0;
    sim_trace(s, h, "ended: %s", h->why);
    if (crash) {
        memfs_crash(h->fs, rng_next(&s->rng));
        sim_db_crash(h->db, rng_next(&s->rng));
        lose_runs(h);
        boot(h);
    } else {
        memfs_kill(h->fs);
        sim_db_kill(h->db);
    }
    sim_net_life(h, !crash);
    sim_clients_lost(h);
    h->start_at = s->now + rng_between(&s->rng, SIM_S / 10, s->quiet ? SIM_S : 20 * SIM_S);
}

bool sim_enter(struct sim_host *h, void (*fn)(struct sim_host *h, void *arg), void *arg)
{
    struct sim *s = h->sim;

    s->inside = h;
    sim_record_use(h);
    if (setjmp(s->escape) == 0) {
        fn(h, arg);
        s->inside = NULL;
        sim_record_use(NULL);
        return true;
    }
    s->inside = NULL;
    sim_record_use(NULL);
    ended(h);
    return false;
}

/* The planned change of its disk or of state.db is reached. */
static void on_stop(void *ctx)
{
    struct sim_host *h = ctx;

    sim_die(h, h->power_lost ? "power lost at a write" : "killed at a write");
}

void sim_host_kill(struct sim_host *h, const char *why)
{
    bool sound = h->node != NULL && !h->rotten && !h->damaged;
    uint64_t applied = sound ? bx_fsm_applied(bx_node_fsm(h->node)) : 0;

    h->why = why;
    h->power_lost = false;
    ended(h);
    h->kept = applied;
}

void sim_host_crash(struct sim_host *h, const char *why)
{
    h->why = why;
    h->power_lost = true;
    ended(h);
}

/* ---- what the node calls ---- */

void sim_host_wake(struct sim_host *h)
{
    uint64_t at = h->sim->now + rng_below(&h->sim->rng, LOOP_US);

    if (at < h->turn_at)
        h->turn_at = at;
}

static void on_wake(void *ctx)
{
    sim_host_wake(ctx);
}

static void on_event(void *ctx, const struct bx_event *e)
{
    sim_check_event(ctx, e);
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    (void)ctx;
    (void)vm;
    (void)gone;
}

static void on_frame(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)from;
    (void)kind;
    (void)p;
    (void)n;
}

/* A start needs some room: it may be that of the ballast, but for once. */
static bool may_not_start(const struct sim_host *h, int code)
{
    return code == BX_NO_SPACE && memfs_free(h->fs) < SIM_BALLAST / 2;
}

/* A disk that fails explains that it can not go on; one that lied, what it reads there, too. */
static bool may_end(const struct sim_host *h, int code)
{
    return h->damaged || (h->excused && (code == BX_IO || code == BX_NO_SPACE));
}

static void on_fatal(void *ctx, const struct bx_err *err)
{
    struct sim_host *h = ctx;

    if (!may_end(h, err->code) && !(h->rotten && err->code == BX_CORRUPT))
        sim_violation(h->sim, "%s gave up without cause: %s", h->name, err->msg);
    sim_trace(h->sim, h, "gave up: %s", err->msg);
    sim_die(h, "its disk failed");
}

/* ---- starting ---- */

void sim_describe(const struct sim_host *h, struct bx_node_info *out)
{
    *out = (struct bx_node_info){.id = h->identity.node,
                                 .name = bx_str(h->name),
                                 .address = bx_str(h->address),
                                 .driver = bx_str("sim"),
                                 .vcpus = 8,
                                 .memory_mib = 16384,
                                 .disk_gib = 1000,
                                 .overcommit_vcpus_pct = 200,
                                 .overcommit_memory_pct = 100,
                                 .role = BX_ROLE_VOTER};
}

static void open_node(struct sim_host *h, void *arg)
{
    struct bx_node_options o = {.clock = &h->clock.base,
                                .disk = &h->disk.base,
                                .link = &h->link.base,
                                .driver = h->driver,
                                .state_path = sim_db_path(h->db),
                                .level = h->level,
                                .snapshot_bytes = 48u << 10,
                                .trailing_bytes = 8u << 10,
                                .state_log_bytes = 1u << 20,
                                .segment_bytes = SIM_SEGMENT,
                                .ballast_bytes = SIM_BALLAST,
                                .log_queue_bytes = SIM_LOG_QUEUE,
                                .session_ttl_ms = h->sim->session_ttl / SIM_MS,
                                .sessions_max = SIM_SESSIONS_MAX,
                                .wake = on_wake,
                                .event = on_event,
                                .vm = on_vm,
                                .frame = on_frame,
                                .fatal = on_fatal,
                                .ctx = h};
    struct bx_err err = {0};
    int rc = bx_identity_load(memfs_fs(h->fs), &h->identity, &err);

    (void)arg;
    if (rc == BX_OK && h->identity.node != 0) {
        o.identity = h->identity;
        memcpy(o.boot_id, h->boot_id, 16);
        sim_describe(h, &o.self);
        rc = bx_node_open(&h->node, &o, &err);
    }
    if (rc == BX_OK)
        return;
    if (!may_end(h, rc) && !may_not_start(h, rc))
        sim_violation(h->sim, "%s can not start: %s", h->name, err.msg);
    sim_trace(h->sim, h, "can not start: %s", err.msg);
    h->refused = rc == BX_CORRUPT;
    sim_die(h, "it could not start");
}

/* What a process had committed to state.db when it was killed is believed at the next start. */
static void check_kept(const struct sim_host *h)
{
    uint64_t applied = bx_fsm_applied(bx_node_fsm(h->node));

    if (applied < h->kept && !h->rotten && !h->damaged)
        sim_violation(h->sim, "%s does not believe its state.db: it had entry %llu, and has %llu",
                      h->name, (unsigned long long)h->kept, (unsigned long long)applied);
}

void sim_host_start(struct sim_host *h)
{
    struct sim *s = h->sim;

    h->life = SIM_UP;
    h->level = sim_level_to_start(h);
    h->lives++;
    h->node = NULL;
    h->why = NULL;
    h->shown = 0;
    h->start_at = SIM_NEVER;
    h->started = s->now;
    s->stats.lives++;
    sim_link_init(h);
    sim_disk_init(h);
    sim_trace(s, h, "starts");
    h->refused = false;
    if (!sim_enter(h, open_node, NULL)) {
        if (h->refused)
            sim_nemesis_refused(h);
        return;
    }
    if (h->node == NULL) {
        sim_join(h);
        return;
    }
    check_kept(h);
    sim_safety_start(h);
    h->event_seen = sim_check_shown(h);
    h->damaged = false;         /* all of it was read and found good */
    h->rotten -= h->rotten > 0; /* some pages are read only when they are written */
    h->excused = memfs_failing(h->fs);
    sim_net_life(h, true);
    h->look_at = s->now;
    h->tick_at = s->now;
    sim_host_wake(h);
}

void sim_host_init(struct sim *s, struct sim_host *h, unsigned at)
{
    memset(h, 0, sizeof *h);
    h->sim = s;
    h->at = at;
    h->level = sim_first_level(s);
    h->life = SIM_DOWN;
    h->turn_at = h->tick_at = h->look_at = h->start_at = SIM_NEVER;
    snprintf(h->name, sizeof h->name, "h%u", at + 1);
    snprintf(h->address, sizeof h->address, "h%u:1", at + 1);
    h->clock.rng = sim_stream(s);
    h->fs = memfs_create();
    memfs_on_stop(h->fs, on_stop, h);
    h->db = sim_db_create(h->name);
    boot(h);
    new_driver(h);
}

void sim_host_plan(struct sim_host *h, bool database, uint64_t change, bool after, bool power)
{
    h->power_lost = power;
    if (database)
        sim_db_plan(h->db, change, on_stop, h);
    else
        memfs_plan(h->fs, after ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE,
                   memfs_changes(h->fs) + change, 0);
}

/* Half of the time the new name is at the old address. */
void sim_host_rename(struct sim_host *h)
{
    h->wipes++;
    snprintf(h->name, sizeof h->name, "h%u-%u", h->at + 1, h->wipes);
    if (rng_below(&h->sim->rng, 2) == 0)
        snprintf(h->address, sizeof h->address, "h%u:%u", h->at + 1, h->wipes + 1);
}

void sim_host_wipe(struct sim_host *h)
{
    struct sim *s = h->sim;

    bx_driver_sim_destroy(h->driver);
    new_driver(h);
    memfs_destroy(h->fs);
    h->fs = memfs_create();
    memfs_on_stop(h->fs, on_stop, h);
    sim_db_limit(h->db, NULL, NULL);
    sim_db_wipe(h->db);
    memset(&h->identity, 0, sizeof h->identity);
    sim_host_rename(h);
    h->checked = h->noted = h->promised = h->snapshot = h->kept = 0;
    h->damaged = h->excused = false;
    boot(h);
    sim_trace(s, h, "wiped");
}

/* ---- the loop ---- */

static void look_ahead(struct sim_host *h)
{
    uint64_t at = sim_when(h, bx_node_deadline(h->node)), driver = sim_when(h, h->driver_ms);

    h->tick_at = driver < at ? driver : at;
    if (h->look_at < h->tick_at)
        h->tick_at = h->look_at;
}

static void turn(struct sim_host *h, void *arg)
{
    (void)arg;
    bx_node_turn(h->node);
    h->driver_ms = bx_driver_sim_tick(h->driver);
    sim_check_turn(h); /* it reads events, and may find them damaged */
}

void sim_host_turn(struct sim_host *h)
{
    h->turn_at = SIM_NEVER;
    h->sim->stats.turns++;
    if (!sim_enter(h, turn, NULL))
        return;
    sim_safety_turn(h);
    sim_deadline_turn(h);
    sim_nemesis_turn(h);
    look_ahead(h);
}

static void tick(struct sim_host *h, void *arg)
{
    uint64_t now = sim_boot_ms(h);

    (void)arg;
    if (now >= bx_node_deadline(h->node))
        bx_node_tick(h->node);
    if (now >= h->driver_ms)
        h->driver_ms = bx_driver_sim_tick(h->driver);
    if (h->sim->now >= h->look_at)
        sim_register(h);
}

void sim_host_tick(struct sim_host *h)
{
    h->tick_at = SIM_NEVER;
    if (sim_enter(h, tick, NULL))
        look_ahead(h);
}

struct sim_host *sim_host_of(struct sim *s, uint64_t node)
{
    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (s->hosts[i].identity.node == node && node != 0)
            return &s->hosts[i];
    }
    return NULL;
}
