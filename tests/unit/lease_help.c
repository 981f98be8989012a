#include "lease_help.h"

#include "mem/arena.h"

#include <string.h>

#define WIRE_MAX 512u

struct test_clock the_clock;
struct test_fsm state_1, state_2;
struct host leader, node;
struct message wire[WIRE_MAX];
uint32_t n_wire;
struct barrier barrier;
uint8_t web[16];

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

struct bx_lease_ports ports_of(struct host *h)
{
    return (struct bx_lease_ports){&the_clock.base, leader_of, send_to, submit_barrier,
                                   view_of,         granted,   h};
}

struct bx_lease *lease_of(struct host *h)
{
    struct bx_lease_ports p = ports_of(h);

    return bx_lease_create(&p);
}

static void add_host(struct host *h, uint64_t id, struct test_fsm *fsm)
{
    *h = (struct host){.id = id, .leader = 1, .fsm = fsm};
    h->lease = lease_of(h);
    assert_non_null(h->lease);
}

void place(const char *name, uint8_t uuid[16])
{
    assert_int_equal(test_fsm_vm(&state_1, name, BX_RESTART_ALWAYS, uuid), BX_OK);
    assert_int_equal(test_fsm_vm(&state_2, name, BX_RESTART_ALWAYS, NULL), BX_OK);
}

int lease_setup(void **state)
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

void drop_wire(void)
{
    while (n_wire > 0)
        bx_buf_release(&wire[--n_wire].record);
}

int lease_teardown(void **state)
{
    (void)state;
    drop_wire();
    bx_lease_destroy(leader.lease);
    bx_lease_destroy(node.lease);
    test_fsm_close(&state_1);
    test_fsm_close(&state_2);
    return 0;
}

void deliver_one(const struct message *m)
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

void deliver(void)
{
    for (uint32_t i = 0; i < n_wire; i++)
        deliver_one(&wire[i]);
    drop_wire();
}

void finish_barrier(int code)
{
    void (*done)(void *arg, int code) = barrier.done;

    assert_non_null(done);
    barrier.done = NULL;
    done(barrier.arg, code);
}

void round_trip(void)
{
    bx_lease_tick(node.lease);
    assert_true(n_wire > 0);
    deliver();
    finish_barrier(BX_OK);
    deliver();
}

bool holds(const uint8_t vm[16], uint64_t epoch)
{
    return bx_lease_holds(node.lease, vm, epoch);
}
