#include "reconcile_help.h"

#include "mem/map.h"

#include <string.h>

struct world w;

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

static void on_action(void *ctx, const char *name, const uint8_t vm[16])
{
    (void)ctx;
    assert_null(w.step);
    assert_non_null(vm);
    w.step = name;
}

static void on_action_ended(void *ctx, const struct bx_err *err)
{
    (void)ctx;
    assert_non_null(w.step);
    w.steps++;
    if (err != NULL) {
        w.failed++;
        w.failed_err = *err;
        snprintf(w.failed_step, sizeof w.failed_step, "%s", w.step);
    }
    w.step = NULL;
}

static int no_memory(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return w.no_memory;
}

void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    (void)ctx;
    (void)gone;
    bx_alloc_set_fault(no_memory, NULL);
    bx_reconcile_on_vm(w.reconcile, vm);
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

struct bx_driver *new_driver(uint32_t start_ms)
{
    struct bx_driver_sim_options o = {
        .clock = &w.clock.base, .start_ms = start_ms, .trace = on_trace};

    return bx_driver_sim_create(&o);
}

void begin_daemon(void)
{
    struct bx_lease_ports lp = {&w.clock.base, leader_of, send_to_self, submit_barrier,
                                view_of,       granted,   NULL};
    struct bx_reconcile_ports rp = {.clock = &w.clock.base,
                                    .driver = w.driver,
                                    .view = view_of,
                                    .report = on_report,
                                    .wake = on_wake,
                                    .action = on_action,
                                    .action_ended = on_action_ended};

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

void end_daemon(void)
{
    bx_reconcile_destroy(w.reconcile);
    bx_lease_destroy(w.lease);
    w.done = NULL;
    reports_clear(&w.reports);
}

void setup_with(uint32_t start_ms)
{
    memset(&w, 0, sizeof w);
    test_rec_open("info");
    test_clock_init(&w.clock);
    reports_init(&w.reports);
    trace_init(&w.trace);
    test_fsm_open(&w.t);
    test_fsm_node(&w.t, 1, "n1");
    w.t.on_vm = on_vm;
    w.driver = new_driver(start_ms);
    begin_daemon();
}

int reconcile_setup(void **state)
{
    (void)state;
    setup_with(0);
    return 0;
}

int reconcile_teardown(void **state)
{
    (void)state;
    end_daemon();
    bx_driver_sim_destroy(w.driver);
    test_fsm_close(&w.t);
    reports_close(&w.reports);
    trace_close(&w.trace);
    test_rec_close();
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

void run_ms(uint64_t ms)
{
    uint64_t until = w.clock.now + ms, next;

    while ((next = turn()) <= until) {
        assert_true(next >= w.clock.now);
        w.clock.now = next > w.clock.now ? next : w.clock.now + 1;
    }
    w.clock.now = until;
}

const struct bx_vm *row_of(const uint8_t uuid[16])
{
    return bx_view_vm(view_of(NULL), uuid);
}

void create_vm(const char *name, uint8_t restart, uint8_t uuid[16])
{
    assert_int_equal(test_fsm_vm(&w.t, name, restart, uuid), BX_OK);
}

void vm_is(const uint8_t uuid[16], enum bx_phase phase, uint64_t epoch)
{
    assert_non_null(row_of(uuid));
    assert_string_equal(bx_phase_names[row_of(uuid)->phase], bx_phase_names[phase]);
    assert_int_equal(row_of(uuid)->epoch, epoch);
}

static void count_one(void *ctx, const struct bx_observation *o)
{
    (void)o;
    ++*(uint32_t *)ctx;
}

uint32_t known_to_driver(void)
{
    uint32_t n = 0;

    w.driver->ops->each(w.driver, count_one, &n);
    return n;
}

uint32_t running_now(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w.trace.len; i++)
        n += w.trace.items[i].ended == 0;
    return n;
}
