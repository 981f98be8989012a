/* lease against its header: a node (2) and a leader (1), a wire that the test delivers by hand, and
 * barriers that the test lets succeed or fail. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "lib/testfsm.h"
#include "mem/arena.h"
#include "node/lease.h"

#include <string.h>

#define WIRE_MAX 512u

struct message {
    uint64_t from, to;
    enum bx_frame kind;
    struct bx_buf record;
};

struct host {
    uint64_t id, leader;
    struct bx_lease *lease;
    struct test_fsm *fsm;
    uint32_t granted;
};

static struct test_clock the_clock;
static struct test_fsm state_1, state_2;
static struct host leader, node;
static struct message wire[WIRE_MAX];
static uint32_t n_wire;
static struct {
    void (*done)(void *arg, int code);
    void *arg;
    uint32_t submitted;
    int refuse; /* answer from inside the call */
} barrier;
static uint8_t web[16];

/* ---- ports ---- */

static uint64_t leader_of(void *ctx)
{
    return ((struct host *)ctx)->leader;
}

static void send_to(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                    const void *obj)
{
    struct message *m = &wire[n_wire++];

    assert_true(n_wire < WIRE_MAX);
    assert_ptr_equal(s, kind == BX_FRAME_HEARTBEAT ? &bx_heartbeat_schema : &bx_grant_schema);
    m->from = ((struct host *)ctx)->id;
    m->to = to;
    m->kind = kind;
    m->record = (struct bx_buf){0};
    bx_flat_write(s, obj, bx_buf_extend(&m->record, bx_flat_size(s, obj)));
}

static void submit_barrier(void *ctx, void (*done)(void *arg, int code), void *arg)
{
    (void)ctx;
    barrier.submitted++;
    if (barrier.refuse != BX_OK) {
        done(arg, barrier.refuse);
        return;
    }
    assert_null(barrier.done); /* one at a time */
    barrier.done = done;
    barrier.arg = arg;
}

static const struct bx_view *view_of(void *ctx)
{
    return bx_fsm_view(((struct host *)ctx)->fsm->fsm);
}

static void granted(void *ctx)
{
    ((struct host *)ctx)->granted++;
}

/* ---- the world ---- */

static struct bx_lease *lease_of(struct host *h)
{
    struct bx_lease_ports p = {&the_clock.base, leader_of, send_to, submit_barrier,
                               view_of,         granted,   h};

    return bx_lease_create(&p);
}

static void add_host(struct host *h, uint64_t id, struct test_fsm *fsm)
{
    *h = (struct host){.id = id, .leader = 1, .fsm = fsm};
    h->lease = lease_of(h);
    assert_non_null(h->lease);
}

/* A VM on node 2, in both states. */
static void place(const char *name, uint8_t uuid[16])
{
    assert_int_equal(test_fsm_vm(&state_1, name, BX_RESTART_ALWAYS, uuid), BX_OK);
    assert_int_equal(test_fsm_vm(&state_2, name, BX_RESTART_ALWAYS, NULL), BX_OK);
}

static int create(void **state)
{
    (void)state;
    test_clock_init(&the_clock);
    memset(&barrier, 0, sizeof barrier);
    n_wire = 0;
    test_fsm_open(&state_1);
    test_fsm_open(&state_2);
    test_fsm_node(&state_1, 2, "n2");
    test_fsm_node(&state_2, 2, "n2");
    place("web", web);
    add_host(&leader, 1, &state_1);
    add_host(&node, 2, &state_2);
    bx_lease_on_role(leader.lease, true);
    return 0;
}

static void drop_wire(void)
{
    while (n_wire > 0)
        bx_buf_release(&wire[--n_wire].record);
}

static int destroy(void **state)
{
    (void)state;
    drop_wire();
    bx_lease_destroy(leader.lease);
    bx_lease_destroy(node.lease);
    test_fsm_close(&state_1);
    test_fsm_close(&state_2);
    return 0;
}

static void deliver_one(const struct message *m)
{
    struct host *h = m->to == 1 ? &leader : &node;
    struct bx_arena arena = {0};
    struct bx_err err;
    struct bx_heartbeat heartbeat;
    struct bx_grant grant;

    if (m->kind == BX_FRAME_HEARTBEAT) {
        assert_int_equal(bx_flat_read(&bx_heartbeat_schema, m->record.data, m->record.len,
                                      &heartbeat, &arena, NULL, &err),
                         BX_OK);
        bx_lease_on_heartbeat(h->lease, m->from, &heartbeat);
    } else {
        assert_int_equal(bx_flat_read(&bx_grant_schema, m->record.data, m->record.len, &grant,
                                      &arena, NULL, &err),
                         BX_OK);
        bx_lease_on_grant(h->lease, m->from, &grant);
    }
    bx_arena_close(&arena);
}

static void deliver(void)
{
    for (uint32_t i = 0; i < n_wire; i++)
        deliver_one(&wire[i]);
    drop_wire();
}

static void finish_barrier(int code)
{
    void (*done)(void *arg, int code) = barrier.done;

    assert_non_null(done);
    barrier.done = NULL;
    done(barrier.arg, code);
}

/* A heartbeat there, a barrier, a grant back. */
static void round_trip(void)
{
    bx_lease_tick(node.lease);
    assert_true(n_wire > 0);
    deliver();
    finish_barrier(BX_OK);
    deliver();
}

static bool holds(const uint8_t vm[16], uint64_t epoch)
{
    return bx_lease_holds(node.lease, vm, epoch);
}

static uint32_t requests_in(const struct message *m)
{
    struct bx_arena arena = {0};
    struct bx_heartbeat heartbeat;

    assert_int_equal(bx_flat_read(&bx_heartbeat_schema, m->record.data, m->record.len, &heartbeat,
                                  &arena, NULL, NULL),
                     BX_OK);
    bx_arena_close(&arena);
    return heartbeat.wants.n / BX_WANT_SIZE;
}

/* ---- granting ---- */

TEST(a_grant_is_held_until_t1_after_its_heartbeat)
{
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_OK);
    assert_false(holds(web, 1));
    bx_lease_tick(node.lease);
    deliver();
    assert_int_equal(barrier.submitted, 1);
    assert_int_equal(n_wire, 0); /* no answer before the barrier has succeeded */
    the_clock.now += 4000;       /* which takes its time */
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    assert_false(holds(web, 1));
    deliver();
    assert_int_equal(node.granted, 1);
    assert_true(holds(web, 1));
    assert_false(holds(web, 2));
    assert_false(bx_lease_holds(leader.lease, web, 1));
    the_clock.now = 1000 + BX_T1_MS - 1; /* the heartbeat was sent at 1000 */
    assert_true(holds(web, 1));
    the_clock.now++;
    assert_false(holds(web, 1));
    bx_lease_cancel(node.lease, web);
    bx_lease_cancel(node.lease, web);
}

TEST(heartbeats_renew_a_grant)
{
    bx_lease_request(node.lease, web, 1);
    round_trip();
    for (int i = 0; i < 20; i++) {
        uint64_t next = bx_lease_tick(node.lease);

        assert_int_equal(n_wire, 0);
        assert_int_equal(next, the_clock.now + BX_LEASE_HEARTBEAT_MS);
        the_clock.now = next;
        round_trip();
        assert_true(holds(web, 1));
    }
    bx_lease_cancel(node.lease, web);
    assert_false(holds(web, 1));
}

TEST(only_what_the_state_allows_is_granted)
{
    uint8_t unknown[16] = {9}, stopped[16], running[16];
    struct bx_cmd_vm_report r = {.node = 2, .epoch = 1, .phase = BX_PHASE_RUNNING};

    place("stopped", stopped);
    place("running", running);
    test_fsm_desire(&state_1, "stopped", BX_DESIRED_STOPPED, false, false);
    memcpy(r.vm, running, 16);
    assert_int_equal(test_fsm_apply(&state_1, BX_CMD_VM_REPORT, &r), BX_OK);
    state_2.index = state_1.index; /* the revision is what counts: one is ahead */
    bx_lease_request(node.lease, unknown, 1);
    bx_lease_request(node.lease, stopped, 1);
    bx_lease_request(node.lease, running, 1);
    bx_lease_request(node.lease, web, 2); /* an epoch that was not ordered */
    round_trip();
    test_fsm_node(&state_2, 8, "n8");
    test_fsm_node(&state_2, 9, "n9");
    assert_true(bx_lease_current(node.lease));
    assert_false(holds(unknown, 1));
    assert_false(holds(stopped, 1));
    assert_false(holds(running, 1));
    assert_false(holds(web, 2));
    bx_lease_request(node.lease, web, 1); /* replaces the epoch */
    round_trip();
    assert_true(holds(web, 1));
    assert_false(holds(web, 2));
}

TEST(a_vm_of_another_node_is_not_granted)
{
    node.id = 3; /* the link tells who sent a heartbeat */
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_OK);
    assert_int_equal(wire[0].to, 3);
    deliver();
    assert_false(holds(web, 1));
}

TEST(a_grant_waits_for_its_revision)
{
    test_fsm_node(&state_1, 3, "n3"); /* not applied at the node yet */
    bx_lease_request(node.lease, web, 1);
    round_trip();
    assert_int_equal(node.granted, 1);
    assert_false(holds(web, 1));
    assert_false(bx_lease_current(node.lease));
    bx_lease_tick(node.lease);
    assert_int_equal(node.granted, 1);
    test_fsm_node(&state_2, 3, "n3");
    assert_true(holds(web, 1));
    assert_true(bx_lease_current(node.lease));
    bx_lease_tick(node.lease); /* and says so */
    assert_int_equal(node.granted, 2);
    bx_lease_tick(node.lease);
    assert_int_equal(node.granted, 2);
}

/* ---- grants that must not count ---- */

TEST(a_grant_must_answer_a_heartbeat_of_this_life)
{
    struct bx_grant_request pair = {.epoch = 1};
    uint8_t packed[BX_WANT_SIZE], right[16];
    struct bx_grant g = {.granted = {(const char *)packed, BX_WANT_SIZE}};
    struct bx_arena arena = {0};
    struct bx_heartbeat heartbeat;

    memcpy(pair.vm, web, 16);
    bx_want_put(packed, &pair);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    assert_int_equal(bx_flat_read(&bx_heartbeat_schema, wire[0].record.data, wire[0].record.len,
                                  &heartbeat, &arena, NULL, NULL),
                     BX_OK);
    bx_arena_close(&arena);
    memcpy(right, heartbeat.incarnation, 16);

    memcpy(g.incarnation, right, 16);
    g.seq = heartbeat.seq + 1; /* a heartbeat that was never sent */
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = 0;
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = heartbeat.seq + 16;
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = heartbeat.seq;
    bx_lease_on_grant(node.lease, 3, &g); /* from somebody who was not asked */
    g.incarnation[0] ^= 1;                /* for the daemon before this one */
    bx_lease_on_grant(node.lease, 1, &g);
    memcpy(g.incarnation, right, 16);
    the_clock.now += BX_T1_MS; /* too late */
    bx_lease_on_grant(node.lease, 1, &g);
    assert_false(holds(web, 1));
    assert_false(bx_lease_current(node.lease));
    assert_int_equal(node.granted, 0);
    the_clock.now--;
    bx_lease_on_grant(node.lease, 1, &g);
    assert_true(holds(web, 1));
    assert_int_equal(node.granted, 1);
}

TEST(a_restarted_daemon_has_another_incarnation)
{
    struct bx_lease *old;

    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    old = node.lease;
    node.lease = lease_of(&node);
    bx_lease_destroy(old);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease); /* its first heartbeat has the number of the old one's first */
    drop_wire();
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_false(holds(web, 1));
}

/* A grant for an older heartbeat does not shorten a newer one's. */
TEST(answers_out_of_order_keep_the_later_end)
{
    struct message first;

    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    first = wire[--n_wire]; /* held up */
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    deliver_one(&first);
    bx_buf_release(&first.record);
    the_clock.now = 1000 + BX_T1_MS + BX_LEASE_HEARTBEAT_MS - 1;
    assert_true(holds(web, 1));
}

TEST(a_deposed_leader_does_not_answer)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    bx_lease_on_role(leader.lease, false);
    finish_barrier(BX_OK); /* even if the barrier's answer should come late */
    assert_int_equal(n_wire, 0);
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* a follower does not care for heartbeats */
    assert_null(barrier.done);
    assert_int_equal(n_wire, 0);
}

TEST(a_barrier_of_an_earlier_leadership_answers_nothing)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    bx_lease_on_role(leader.lease, false);
    bx_lease_on_role(leader.lease, true);
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* waits: only one barrier at a time */
    assert_int_equal(barrier.submitted, 1);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 0);
    bx_lease_tick(leader.lease);
    drop_wire(); /* the leader's own heartbeat */
    assert_int_equal(barrier.submitted, 2);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1));
}

TEST(a_barrier_that_fails_answers_nothing)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_NO_LEADER);
    assert_int_equal(n_wire, 0);
    barrier.refuse = BX_NO_LEADER;
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* refused from inside the call */
    bx_lease_tick(leader.lease);
    drop_wire();
    assert_int_equal(barrier.submitted, 2);
    barrier.refuse = BX_OK;
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    assert_true(holds(web, 1));
}

/* ---- heartbeats ---- */

TEST(a_new_request_leaves_at_once)
{
    uint8_t second[16], third[16];

    place("second", second);
    place("third", third);
    round_trip(); /* the first heartbeat asks even when nothing is wanted */
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    assert_int_equal(requests_in(&wire[0]), 1);
    bx_lease_request(node.lease, second, 1); /* these ride with the next one */
    bx_lease_request(node.lease, third, 1);
    bx_lease_request(node.lease, web, 1); /* nothing new */
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    deliver();
    finish_barrier(BX_OK);
    deliver();
    assert_true(holds(web, 1));
    bx_lease_tick(node.lease); /* the answer lets the next go */
    assert_int_equal(n_wire, 1);
    assert_int_equal(requests_in(&wire[0]), 3);
    deliver();
    finish_barrier(BX_OK);
    deliver();
    assert_true(holds(third, 1));
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
}

TEST(a_new_leader_gets_a_heartbeat_at_once)
{
    bx_lease_request(node.lease, web, 1);
    node.leader = 0;
    assert_true(bx_lease_tick(node.lease) > the_clock.now);
    assert_int_equal(n_wire, 0); /* nobody to send to */
    node.leader = 3;
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    assert_int_equal(wire[0].to, 3);
    drop_wire();
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
    node.leader = 1;
    round_trip();
    assert_true(holds(web, 1));
}

TEST(a_heartbeat_without_requests_needs_no_barrier)
{
    round_trip(); /* the first heartbeat of a life asks how far to apply */
    assert_true(bx_lease_current(node.lease));
    assert_int_equal(node.granted, 1);
    for (int i = 0; i < 10; i++) {
        the_clock.now += BX_LEASE_HEARTBEAT_MS;
        bx_lease_tick(node.lease);
        assert_int_equal(n_wire, 1);
        deliver();
        assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), the_clock.now);
    }
    assert_int_equal(barrier.submitted, 1);
}

TEST(heartbeats_ask_until_one_was_answered)
{
    bx_lease_tick(node.lease);
    drop_wire(); /* lost */
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    assert_true(bx_lease_current(node.lease));
}

TEST(heartbeats_count_in_the_present_leadership_only)
{
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    bx_lease_tick(node.lease);
    deliver();
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 1000);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 3), 0);
    bx_lease_on_role(leader.lease, false);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    bx_lease_on_role(leader.lease, true);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    finish_barrier(BX_NO_LEADER);
}

/* While a barrier is slow a node's heartbeats do not queue up, and none of them starves. */
TEST(a_slow_barrier_answers_the_oldest_and_the_newest)
{
    bx_lease_request(node.lease, web, 1);
    for (int i = 0; i < 4; i++) {
        bx_lease_tick(node.lease);
        deliver();
        the_clock.now += BX_LEASE_HEARTBEAT_MS;
    }
    assert_int_equal(barrier.submitted, 1);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1)); /* by the first heartbeat, sent at 1000 */
    assert_int_equal(barrier.submitted, 2);
    the_clock.now = 1000 + BX_T1_MS;
    assert_false(holds(web, 1));
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1)); /* by the fourth, sent at 7000 */
    assert_null(barrier.done);
}

/* ---- bounds ---- */

TEST(requests_are_bounded)
{
    uint8_t vm[16] = {7};

    for (uint32_t i = 0; i < BX_WANTS_MAX; i++) {
        memcpy(vm + 4, &i, sizeof i);
        assert_int_equal(bx_lease_request(node.lease, vm, 1), BX_OK);
    }
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_BUSY);
    assert_int_equal(bx_lease_request(node.lease, vm, 2), BX_OK); /* known: another epoch */
    bx_lease_cancel(node.lease, vm);
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_OK);
    round_trip();
    assert_true(holds(web, 1));
}

TEST(waiting_heartbeats_are_bounded)
{
    static uint8_t wants[BX_WANTS_MAX * BX_WANT_SIZE];
    struct bx_heartbeat b = {.seq = 1, .wants = {(const char *)wants, sizeof wants}};
    uint32_t fit = BX_LEASE_WAITING_MAX / sizeof wants, answered = 0;

    for (uint64_t id = 10; id < 10 + 2 * fit; id++) {
        bx_lease_on_heartbeat(leader.lease, id, &b);
        assert_int_equal(bx_lease_last_heartbeat(leader.lease, id), the_clock.now);
    }
    while (barrier.done != NULL) {
        finish_barrier(BX_OK);
        answered += n_wire;
        drop_wire();
    }
    assert_int_equal(answered, fit); /* the rest was told nothing, and asks again */
    bx_lease_request(node.lease, web, 1);
    round_trip(); /* and there is room again */
    assert_true(holds(web, 1));
}

TEST(a_heartbeat_with_a_truncated_request_is_not_answered)
{
    struct bx_heartbeat b = {.seq = 1, .wants = {"0123456789", 10}};

    bx_lease_on_heartbeat(leader.lease, 2, &b);
    assert_int_equal(barrier.submitted, 0);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), the_clock.now);
}

/* The wire itself must not need memory while it runs out. */
static void to_nowhere(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                       const void *obj)
{
    (void)ctx;
    (void)to;
    (void)kind;
    (void)s;
    (void)obj;
}

static void live_in_little_memory(void *ctx)
{
    struct bx_lease_ports p = {&the_clock.base, leader_of, to_nowhere, submit_barrier,
                               view_of,         granted,   &node};
    struct bx_lease *l = bx_lease_create(&p);
    uint8_t wants[BX_WANT_SIZE] = {0};
    struct bx_heartbeat b = {.seq = 1, .wants = {(const char *)wants, sizeof wants}};

    (void)ctx;
    if (l == NULL)
        return;
    bx_lease_on_role(l, true);
    (void)bx_lease_request(l, web, 1);
    bx_lease_tick(l);
    bx_lease_on_heartbeat(l, 2, &b);
    bx_lease_on_heartbeat(l, 3, &b);
    if (barrier.done != NULL)
        finish_barrier(BX_OK);
    if (barrier.done != NULL)
        finish_barrier(BX_OK);
    bx_lease_destroy(l);
    bx_buf_thread_close();
}

TEST(without_memory_only_an_answer_is_missing)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(live_in_little_memory, NULL) > 0);
}

int main(void)
{
    return test_run(create, destroy);
}
