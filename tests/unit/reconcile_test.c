/* reconcile against its header: one node with the real state machine, the real lease and the
 * simulated driver, in virtual time. The test decides when barriers succeed and which reports get
 * lost. The trace of the driver is watched all the time: no two runs of a VM at once, no epoch
 * twice. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "lib/testfsm.h"
#include "mem/map.h"
#include "mem/vec.h"
#include "node/driver_sim.h"
#include "node/reconcile.h"

#include <string.h>

struct report {
    struct bx_cmd_vm_report r;
    char message[512];
};
BX_VEC(reports, struct report, 64);

struct traced {
    uint8_t vm[16];
    uint64_t epoch, began, ended; /* ended 0: it runs */
};
BX_VEC(trace, struct traced, 64);

static struct {
    struct test_clock clock;
    struct test_fsm t;
    struct bx_driver *driver;
    struct bx_lease *lease;
    struct bx_reconcile *reconcile;
    struct reports reports; /* on their way into the log */
    struct trace trace;
    uint64_t sent;  /* reports, lost ones too */
    uint32_t lose;  /* this many of the next reports */
    bool hold;      /* barriers get no answer */
    bool no_memory; /* while the reconciler is told of a row or an observation */
    void (*done)(void *arg, int code);
    void *arg;
    bool more; /* something came in that a tick must see */
} w;

/* ---- ports ---- */

static uint64_t leader_of(void *ctx)
{
    (void)ctx;
    return 1;
}

static void send_to_self(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                         const void *obj)
{
    (void)ctx;
    (void)s;
    assert_int_equal(to, 1);
    if (kind == BX_FRAME_HEARTBEAT)
        bx_lease_on_heartbeat(w.lease, 1, obj);
    else
        bx_lease_on_grant(w.lease, 1, obj);
}

static void submit_barrier(void *ctx, void (*done)(void *arg, int code), void *arg)
{
    (void)ctx;
    w.done = done;
    w.arg = arg;
}

static const struct bx_view *view_of(void *ctx)
{
    (void)ctx;
    return bx_fsm_view(w.t.fsm);
}

static void granted(void *ctx)
{
    (void)ctx;
    w.more = true;
    bx_reconcile_on_grant(w.reconcile);
}

static void on_report(void *ctx, const struct bx_cmd_vm_report *r)
{
    struct report kept = {.r = *r};

    (void)ctx;
    assert_true(bx_utf8_valid(r->message.p, r->message.n));
    snprintf(kept.message, sizeof kept.message, BX_STR_FMT, BX_STR_ARG(r->message));
    w.sent++;
    if (w.lose > 0)
        w.lose--;
    else
        assert_int_equal(reports_push(&w.reports, kept), BX_OK);
}

static void on_wake(void *ctx)
{
    (void)ctx;
    w.more = true;
}

static int no_memory(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return w.no_memory;
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    (void)ctx;
    bx_alloc_set_fault(no_memory, NULL);
    bx_reconcile_on_vm(w.reconcile, vm, gone);
    bx_alloc_set_fault(NULL, NULL);
}

static void on_trace(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running)
{
    struct traced run = {.epoch = epoch, .began = w.clock.now};

    (void)ctx;
    memcpy(run.vm, vm, 16);
    for (size_t i = w.trace.len; i > 0; i--) {
        struct traced *before = &w.trace.items[i - 1];

        if (memcmp(before->vm, vm, 16) != 0)
            continue;
        if (!running) {
            assert_int_equal(before->epoch, epoch);
            before->ended = w.clock.now;
            return;
        }
        assert_true(before->ended != 0);
        assert_true(before->epoch < epoch);
        break;
    }
    assert_true(running);
    assert_int_equal(trace_push(&w.trace, run), BX_OK);
}

/* ---- the world ---- */

static struct bx_driver *new_driver(uint32_t start_ms)
{
    struct bx_driver_sim_options o = {
        .clock = &w.clock.base, .start_ms = start_ms, .trace = on_trace};

    return bx_driver_sim_create(&o);
}

/* The daemon begins, with the state and the driver that are there. */
static void begin(void)
{
    struct bx_lease_ports lp = {&w.clock.base, leader_of, send_to_self, submit_barrier,
                                view_of,       granted,   NULL};
    struct bx_reconcile_ports rp = {.clock = &w.clock.base,
                                    .driver = w.driver,
                                    .view = view_of,
                                    .report = on_report,
                                    .wake = on_wake};

    w.lease = bx_lease_create(&lp);
    assert_non_null(w.lease);
    bx_lease_on_role(w.lease, true);
    rp.lease = w.lease;
    w.reconcile = bx_reconcile_create(1, &rp);
    assert_non_null(w.reconcile);
    bx_alloc_set_fault(no_memory, NULL);
    bx_reconcile_resync(w.reconcile);
    bx_alloc_set_fault(NULL, NULL);
}

static void end(void)
{
    bx_reconcile_destroy(w.reconcile);
    bx_lease_destroy(w.lease);
    w.done = NULL;
    reports_clear(&w.reports);
}

static void create_with(uint32_t start_ms)
{
    memset(&w, 0, sizeof w);
    test_clock_init(&w.clock);
    reports_init(&w.reports);
    trace_init(&w.trace);
    test_fsm_open(&w.t);
    test_fsm_node(&w.t, 1, "n1");
    w.t.on_vm = on_vm;
    w.driver = new_driver(start_ms);
    begin();
}

static int create(void **state)
{
    (void)state;
    create_with(0);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    end();
    bx_driver_sim_destroy(w.driver);
    test_fsm_close(&w.t);
    reports_close(&w.reports);
    trace_close(&w.trace);
    return 0;
}

static void apply_reports(void)
{
    for (size_t i = 0; i < w.reports.len; i++) {
        struct report r = w.reports.items[i];

        r.r.message = bx_str(r.message);
        test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r.r);
    }
    reports_clear(&w.reports);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* One turn of the loop; the boot time of what is due next. */
static uint64_t turn(void)
{
    uint64_t at;

    w.more = false;
    apply_reports();
    if (w.done != NULL && !w.hold) {
        void (*done)(void *arg, int code) = w.done;

        w.done = NULL;
        done(w.arg, BX_OK);
    }
    at = bx_reconcile_tick(w.reconcile);
    at = earlier(at, bx_lease_tick(w.lease));
    bx_alloc_set_fault(no_memory, NULL);
    at = earlier(at, bx_driver_sim_tick(w.driver));
    bx_alloc_set_fault(NULL, NULL);
    return w.more || w.reports.len > 0 || (w.done != NULL && !w.hold) ? w.clock.now : at;
}

static void run(uint64_t ms)
{
    uint64_t until = w.clock.now + ms, next;

    while ((next = turn()) <= until) {
        assert_true(next >= w.clock.now);
        w.clock.now = next > w.clock.now ? next : w.clock.now + 1;
    }
    w.clock.now = until;
}

static const struct bx_vm *row(const uint8_t uuid[16])
{
    return bx_view_vm(view_of(NULL), uuid);
}

static void create_vm(const char *name, uint8_t restart, uint8_t uuid[16])
{
    assert_int_equal(test_fsm_vm(&w.t, name, restart, uuid), BX_OK);
}

static void is(const uint8_t uuid[16], enum bx_phase phase, uint64_t epoch)
{
    assert_non_null(row(uuid));
    assert_string_equal(bx_phase_names[row(uuid)->phase], bx_phase_names[phase]);
    assert_int_equal(row(uuid)->epoch, epoch);
}

static void count_one(void *ctx, const struct bx_observation *o)
{
    (void)o;
    ++*(uint32_t *)ctx;
}

static uint32_t in_driver(void)
{
    uint32_t n = 0;

    w.driver->ops->each(w.driver, count_one, &n);
    return n;
}

static uint32_t running(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w.trace.len; i++)
        n += w.trace.items[i].ended == 0;
    return n;
}

/* ---- what is asked for is done ---- */

TEST(a_vm_is_started_and_reported)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(40);
    is(vm, BX_PHASE_STARTING, 1);
    run(100);
    is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.sent, 2); /* starting, running */
    run(60000);
    assert_int_equal(w.sent, 2); /* and no more once the row agrees */
    assert_int_equal(w.trace.len, 1);
}

TEST(a_vm_is_stopped_started_restarted_and_deleted)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(100);
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false), BX_OK);
    is(vm, BX_PHASE_STOPPING, 1);
    run(100);
    is(vm, BX_PHASE_STOPPED, 1);
    assert_int_equal(in_driver(), 0); /* forgotten */
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false), BX_OK);
    run(100);
    is(vm, BX_PHASE_RUNNING, 2);
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, true, false), BX_OK);
    run(200); /* at once: what was asked for makes no pause */
    is(vm, BX_PHASE_RUNNING, 3);
    assert_int_equal(w.trace.len, 3);
    assert_int_equal(test_fsm_delete(&w.t, "web"), BX_OK);
    run(100);
    assert_null(row(vm));
    assert_int_equal(in_driver(), 0);
    assert_int_equal(running(), 0);
}

/* The state places this VM elsewhere: what runs of it here must end, and nothing of it begins. */
TEST(a_vm_of_another_node_does_not_run_here)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_run here = {.epoch = 1, .node = 1, .config = &c.config};

    test_fsm_node(&w.t, 2, "n2");
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("elsewhere");
    c.config.node = bx_str("n2");
    c.config.disk_gib = 0;
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_CREATE, &c), BX_OK);
    run(60000);
    assert_int_equal(w.trace.len, 0);
    memcpy(here.vm, w.t.last.object, 16);
    w.driver->ops->start(w.driver, &here);
    run(100);
    assert_int_equal(running(), 0);
    assert_int_equal(in_driver(), 0);
    is(here.vm, BX_PHASE_CREATING, 1);
    assert_int_equal(w.sent, 0); /* it is not this node's to report */
}

TEST(a_stop_before_the_start_is_reported)
{
    uint8_t vm[16];

    w.hold = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(10);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run(10);
    is(vm, BX_PHASE_STOPPED, 1);
    w.hold = false;
    run(60000);
    assert_int_equal(w.trace.len, 0);
}

TEST(nothing_is_started_without_a_grant)
{
    uint8_t vm[16];

    w.hold = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(600000);
    assert_int_equal(w.trace.len, 0);
    is(vm, BX_PHASE_CREATING, 1);
    w.hold = false;
    run(2200); /* the grant of the heartbeat that waited is too old; the next is good */
    is(vm, BX_PHASE_RUNNING, 1);
}

TEST(a_lost_report_is_sent_again)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(20);
    w.lose = 2;
    run(100);
    assert_int_equal(w.lose, 1); /* "running" was lost */
    is(vm, BX_PHASE_STARTING, 1);
    bx_reconcile_on_vm(w.reconcile, row(vm), false); /* being looked at is no reason */
    run(BX_REPORT_AGAIN_MS - 100);
    is(vm, BX_PHASE_STARTING, 1);
    assert_int_equal(w.sent, 2); /* not again before its time */
    run(200);
    assert_int_equal(w.lose, 0);
    run(BX_REPORT_AGAIN_MS + 100);
    is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.sent, 4);
}

/* ---- failures ---- */

TEST(failing_starts_make_growing_pauses)
{
    static const uint64_t pauses[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    uint8_t vm[16];

    bx_driver_sim_fail(w.driver, 9);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(400000);
    assert_int_equal(w.trace.len, 10);
    for (size_t i = 0; i < 9; i++) {
        uint64_t pause = w.trace.items[i + 1].began - w.trace.items[i].ended;

        assert_true(pause >= pauses[i] * 1000 && pause < pauses[i] * 1000 + 10);
    }
    is(vm, BX_PHASE_RUNNING, 10);
    run(60000); /* it ran long enough: the count begins anew */
    bx_driver_sim_fail(w.driver, 1);
    /* Somebody else's doing: an end that nobody here asked for. */
    w.driver->ops->kill(w.driver, vm);
    run(1200);
    assert_int_equal(w.trace.len, 11);
    assert_true(w.trace.items[10].began - w.trace.items[9].ended < 1010);
}

TEST(a_vm_that_rests_may_start_at_once)
{
    uint8_t vm[16];

    bx_driver_sim_fail(w.driver, 1);
    create_vm("web", BX_RESTART_NEVER, vm);
    run(100);
    is(vm, BX_PHASE_FAILED, 1);
    assert_int_equal(row(vm)->message.n, strlen("told to fail"));
    assert_int_equal(in_driver(), 0);
    test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false);
    run(100); /* no pause: somebody asked for it */
    is(vm, BX_PHASE_RUNNING, 2);
    w.driver->ops->kill(w.driver, vm);
    run(60000);
    is(vm, BX_PHASE_STOPPED, 2);
    assert_int_equal(w.trace.len, 2);
}

TEST(a_lost_run_is_reported_failed)
{
    uint8_t always[16], never[16];

    create_vm("always", BX_RESTART_ALWAYS, always);
    create_vm("never", BX_RESTART_NEVER, never);
    run(200);
    end();
    bx_driver_sim_destroy(w.driver); /* the host is restarted */
    w.driver = new_driver(0);
    begin();
    run(200);
    is(always, BX_PHASE_RUNNING, 2);
    is(never, BX_PHASE_FAILED, 1);
    assert_true(row(never)->message.n > 0);
}

/* ---- bounds ---- */

static uint32_t starting_now(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w.trace.len; i++)
        n += w.trace.items[i].ended == 0 && w.trace.items[i].began + 1000 > w.clock.now;
    return n;
}

TEST(starts_are_bounded)
{
    enum { VMS = 300 };
    static uint8_t vms[VMS][16];
    uint32_t most = 0;

    destroy(state);
    create_with(1000);
    bx_driver_sim_fail(w.driver, 10); /* a failure gives its slot back too */
    for (unsigned i = 0; i < VMS; i++) {
        char name[32];

        snprintf(name, sizeof name, "vm-%u", i);
        create_vm(name, BX_RESTART_ALWAYS, vms[i]);
    }
    for (int i = 0; i < 12000; i++) {
        run(1);
        if (starting_now() > most)
            most = starting_now();
    }
    assert_int_equal(most, BX_STARTS_MAX);
    for (unsigned i = 0; i < VMS; i++)
        assert_int_equal(row(vms[i])->phase, BX_PHASE_RUNNING);
    assert_int_equal(w.trace.len, VMS + 10);
    for (unsigned i = 0; i < 200; i++) /* in the order they came */
        assert_memory_equal(w.trace.items[i].vm, vms[i], 16);
}

TEST(many_rows_are_handled_in_several_ticks)
{
    enum { VMS = 2500 };

    bx_reconcile_tick(w.reconcile);
    for (unsigned i = 0; i < VMS; i++) {
        struct bx_vm vm = {.node = 1, .epoch = 1};

        memcpy(vm.uuid, &i, sizeof i);
        bx_reconcile_on_vm(w.reconcile, &vm, false); /* rows that the state does not have */
    }
    assert_int_equal(bx_reconcile_tick(w.reconcile), w.clock.now);
    assert_int_equal(bx_reconcile_tick(w.reconcile), w.clock.now);
    assert_true(bx_reconcile_tick(w.reconcile) == UINT64_MAX);
}

/* ---- adoption ---- */

TEST(a_restarted_daemon_adopts)
{
    uint8_t web[16], gone[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    create_vm("gone", BX_RESTART_ALWAYS, gone);
    run(200);
    end();
    w.t.on_vm = NULL;
    test_fsm_desire(&w.t, "gone", BX_DESIRED_STOPPED, false, true); /* while nobody looked */
    w.t.on_vm = on_vm;
    begin();
    run(200);
    is(web, BX_PHASE_RUNNING, 1);
    is(gone, BX_PHASE_STOPPED, 1);
    assert_int_equal(w.trace.len, 2);
    assert_int_equal(running(), 1);
}

/* The state of a daemon that just began may be older than its runs. */
TEST(an_old_state_ends_nothing)
{
    struct bx_vm_config config = {.vcpus = 1};
    struct bx_run stranger = {.vm = {9}, .epoch = 5, .node = 1, .config = &config};
    uint8_t web[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    run(200);
    end();
    w.t.on_vm = NULL;
    test_fsm_delete(&w.t, "web");
    w.t.on_vm = on_vm;
    w.driver->ops->start(w.driver, &stranger);
    bx_driver_sim_tick(w.driver);
    w.hold = true;
    begin();
    run(60000);
    assert_int_equal(running(), 2); /* no leader has confirmed the state: nothing is ended */
    w.hold = false;
    run(4000);
    assert_int_equal(running(), 0);
    assert_int_equal(in_driver(), 0);
    assert_null(row(web));
}

/* Until all runs are known nothing is started: this might be the second of its VM. */
TEST(adoption_without_memory_is_done_again)
{
    uint8_t web[16], more[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    run(200);
    end();
    w.no_memory = true;
    begin();
    w.no_memory = false;
    create_vm("more", BX_RESTART_ALWAYS, more);
    run(900);
    assert_int_equal(w.trace.len, 1);
    run(3000);
    is(web, BX_PHASE_RUNNING, 1);
    is(more, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.trace.len, 2);
}

TEST(a_row_without_memory_is_looked_at_again)
{
    uint8_t vm[16];

    w.no_memory = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    w.no_memory = false;
    run(500);
    is(vm, BX_PHASE_CREATING, 1);
    run(1000);
    is(vm, BX_PHASE_RUNNING, 1);
}

/* ---- a driver that does not obey ---- */

static struct {
    struct bx_driver base;
    uint32_t starts, stops, kills, forgets;
    uint32_t timeout_ms;
    uint64_t last_kill;
    bool silent; /* a start is observed by nothing */
} stubborn;

static void stubborn_start(struct bx_driver *d, const struct bx_run *r)
{
    struct bx_observation o = {.epoch = r->epoch, .observed = BX_OBSERVED_RUNNING};

    stubborn.starts++;
    if (stubborn.silent)
        return;
    memcpy(o.vm, r->vm, 16);
    o.message = "\xff\xfe no text";
    d->observe(d->ctx, &o); /* as a driver does that has no memory left */
}

static void stubborn_stop(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    (void)d;
    (void)vm;
    stubborn.stops++;
    stubborn.timeout_ms = timeout_ms;
}

static void stubborn_kill(struct bx_driver *d, const uint8_t vm[16])
{
    (void)d;
    (void)vm;
    stubborn.kills++;
    stubborn.last_kill = w.clock.now;
}

static void stubborn_forget(struct bx_driver *d, const uint8_t vm[16])
{
    (void)d;
    (void)vm;
    stubborn.forgets++;
}

static void stubborn_each(struct bx_driver *d,
                          void (*fn)(void *ctx, const struct bx_observation *o), void *ctx)
{
    (void)d;
    (void)fn;
    (void)ctx;
}

/* The daemon with a driver that does not obey; the simulated one stays idle beside it. */
static void begin_stubborn(void)
{
    static const struct bx_driver_ops ops = {
        "stubborn",      stubborn_start, stubborn_stop, stubborn_kill,
        stubborn_forget, stubborn_each,  NULL,          NULL};
    struct bx_driver *sim = w.driver;

    end();
    memset(&stubborn, 0, sizeof stubborn);
    stubborn.base.ops = &ops;
    w.driver = &stubborn.base;
    begin();
    w.driver = sim;
}

TEST(a_stop_that_is_not_obeyed_becomes_a_kill)
{
    uint8_t vm[16];
    uint64_t asked;

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(100);
    is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(stubborn.starts, 1);
    asked = w.clock.now;
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run(60000 + BX_KILL_MS - 10);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.timeout_ms, 60000);
    assert_int_equal(stubborn.kills, 0);
    run(20);
    assert_int_equal(stubborn.kills, 1);
    assert_true(stubborn.last_kill >= asked + 60000 + BX_KILL_MS);
    run(3 * BX_KILL_MS);
    assert_int_equal(stubborn.kills, 4);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.forgets, 0);
}

/* The row may change before the driver has observed anything of the new run. */
TEST(the_message_of_a_run_ends_with_it)
{
    struct bx_observation failed = {
        .epoch = 1, .observed = BX_OBSERVED_EXITED, .failed = true, .message = "broken"};
    uint8_t vm[16];

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(100);
    memcpy(failed.vm, vm, 16);
    stubborn.base.observe(stubborn.base.ctx, &failed);
    stubborn.silent = true;
    run(2 * BX_PAUSE_MIN_MS);
    assert_int_equal(stubborn.starts, 2);
    bx_reconcile_on_vm(w.reconcile, row(vm), false);
    run(100);
    is(vm, BX_PHASE_STARTING, 2);
    assert_int_equal(row(vm)->message.n, 0);
}

TEST(force_makes_a_stop_a_kill)
{
    uint8_t vm[16];

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run(100);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run(100);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.kills, 0);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, true);
    run(100);
    assert_int_equal(stubborn.kills, 1);
    run(1000);
    assert_int_equal(stubborn.kills, 1);
}

/* ---- everything at once ---- */

static void disturb(uint64_t *seed, uint8_t vms[][16], unsigned n)
{
    unsigned i = (unsigned)(test_random(seed) % n);
    char name[32];

    snprintf(name, sizeof name, "vm-%u", i);
    switch (test_random(seed) % 12) {
    case 0:
        w.lose = (uint32_t)(test_random(seed) % 4);
        break;
    case 1:
        w.hold = !w.hold;
        break;
    case 2:
        bx_driver_sim_fail(w.driver, (uint32_t)(test_random(seed) % 3));
        break;
    case 3:
        end(); /* the daemon is killed, its VMs run on */
        begin();
        break;
    case 4:
        w.driver->ops->kill(w.driver, vms[i]); /* the guest dies */
        break;
    case 5:
        test_fsm_delete(&w.t, name);
        break;
    case 6:
    case 7:
        test_fsm_desire(&w.t, name, BX_DESIRED_STOPPED, false, test_random(seed) % 2 == 0);
        break;
    case 8:
        test_fsm_desire(&w.t, name, BX_DESIRED_RUNNING, true, false);
        break;
    case 9:
        w.no_memory = !w.no_memory;
        break;
    default:
        if (test_fsm_vm(&w.t, name, (uint8_t)(test_random(seed) % 3), NULL) == BX_OK)
            memcpy(vms[i], w.t.last.object, 16);
        else
            test_fsm_desire(&w.t, name, BX_DESIRED_RUNNING, false, false);
        break;
    }
}

static void settle_and_check(uint8_t vms[][16], unsigned n)
{
    uint32_t should_run = 0;

    w.lose = 0;
    w.hold = w.no_memory = false;
    bx_driver_sim_fail(w.driver, 0);
    run(130000); /* the longest stop, and the longest pause */
    for (unsigned i = 0; i < n; i++) {
        const struct bx_vm *vm = row(vms[i]);

        if (vm == NULL)
            continue;
        assert_true(vm->phase == BX_PHASE_RUNNING || vm->phase == BX_PHASE_STOPPED ||
                    vm->phase == BX_PHASE_FAILED);
        assert_true(vm->desired != BX_DESIRED_DELETED && !vm->restart_pending);
        should_run += vm->phase == BX_PHASE_RUNNING;
    }
    assert_int_equal(running(), should_run);
    assert_int_equal(in_driver(), should_run);
}

TEST(every_disturbance_ends_in_the_desired_state)
{
    enum { VMS = 12 };
    uint32_t runs = 0;

    for (uint64_t seed_of_round = 1; seed_of_round <= 20; seed_of_round++) {
        uint8_t vms[VMS][16] = {{0}};
        uint64_t seed = seed_of_round;

        destroy(state);
        create(state);
        for (int i = 0; i < 200; i++) {
            disturb(&seed, vms, VMS);
            run(test_random(&seed) % 400);
        }
        settle_and_check(vms, VMS);
        runs += (uint32_t)w.trace.len;
    }
    assert_true(runs > 400);
}

int main(void)
{
    return test_run(create, destroy);
}
