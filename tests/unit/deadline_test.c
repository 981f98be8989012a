/* Deadlines by leader time: a command that waited too long, wherever that was, does not enter the
 * log any more. Real nodes; the test decides what is durable and what arrives, and when. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "node/internal.h"

#include <string.h>

#define WAIT 10000u /* ms for which callers wait */
#define HOUR (3600u * 1000u)

static struct test_cluster w;

static void open_three(void)
{
    test_cluster_open(&w, 3);
}

static struct test_member *member(uint64_t id)
{
    return test_member(&w, id);
}

static int submit_for(uint64_t id, const char *name, uint64_t sequence, uint64_t ms,
                      struct test_answer *a)
{
    return test_submit_vm(member(id), name, sequence, w.clock.now + ms, a);
}

static int submit(uint64_t id, const char *name, uint64_t sequence, struct test_answer *a)
{
    return submit_for(id, name, sequence, WAIT, a);
}

static void is_created(const struct test_answer *a, uint32_t times)
{
    assert_int_equal(a->times, times);
    assert_true(a->outcome);
    assert_int_equal(a->code, BX_OK);
}

static void failed(const struct test_answer *a, int code)
{
    assert_int_equal(a->times, 1);
    assert_false(a->outcome);
    assert_int_equal(a->code, code);
}

/* Leader 1 has as many entries in flight as it may: what comes now waits in its queue. */
static void fill_pipeline(struct test_answer *a)
{
    member(2)->hold_disk = member(3)->hold_disk = true;
    for (uint64_t i = 0; i < BX_INFLIGHT_BATCHES; i++) {
        char name[32];

        snprintf(name, sizeof name, "fill-%u", (unsigned)i);
        assert_int_equal(submit_for(1, name, 100 + i, HOUR, a), BX_OK);
        test_cluster_settle(&w);
    }
}

static void drain_pipeline(void)
{
    member(2)->hold_disk = member(3)->hold_disk = false;
    test_cluster_run(&w, 1000);
}

/* ---- what waits at the leader ---- */

TEST(what_waited_too_long_at_the_leader_is_not_carried_out)
{
    struct test_answer fill = {0}, a = {0};

    open_three();
    fill_pipeline(&fill);
    assert_int_equal(submit(2, "late", 200, &a), BX_OK);
    test_cluster_run(&w, 2 * WAIT);
    failed(&a, BX_NO_LEADER);
    assert_true(test_member_leads(member(1)));
    drain_pipeline();
    is_created(&fill, BX_INFLIGHT_BATCHES);
    assert_false(test_has_vm(member(1), "late"));
    assert_int_equal(test_member_status(member(1)).pending, 0);
    test_cluster_close(&w);
}

TEST(what_waits_at_the_leader_is_carried_out_in_time)
{
    struct test_answer fill = {0}, a = {0};

    open_three();
    fill_pipeline(&fill);
    assert_int_equal(submit(2, "web", 200, &a), BX_OK);
    test_cluster_run(&w, WAIT - 2000);
    drain_pipeline();
    is_created(&a, 1);
    assert_true(test_has_vm(member(1), "web"));
    test_cluster_close(&w);
}

/* ---- what waits on the way ---- */

static struct bx_buf caught;

static bool catch_relays(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to;
    if (kind != BX_FRAME_RELAY)
        return false;
    if (caught.len == 0)
        assert_int_equal(bx_buf_append(&caught, p, len), BX_OK);
    return true;
}

/* A relay of member 2's that is kept; its request is sent again and answered. */
static void keep_relay(const char *name)
{
    struct test_answer a = {0};

    caught.len = 0;
    w.drop = catch_relays;
    assert_int_equal(submit(2, name, 1, &a), BX_OK);
    test_cluster_run(&w, 200);
    w.drop = NULL;
    assert_true(caught.len > 0);
    test_cluster_run(&w, WAIT);
    is_created(&a, 1);
}

static void deliver_kept(uint64_t to)
{
    bx_node_receive(member(to)->node, 2, BX_FRAME_RELAY, caught.data, caught.len);
    test_cluster_run(&w, 500);
    bx_buf_release(&caught);
}

static void delete_vm(const char *name)
{
    struct bx_cmd_vm_delete c = {.vm = bx_str(name)};

    bx_propose_internal(member(1)->node, BX_CMD_VM_DELETE, &c);
    test_cluster_run(&w, 500);
    assert_false(test_has_vm(member(1), name));
}

/* It lay in a buffer for longer than outcomes are kept. */
TEST(a_copy_is_not_carried_out_after_its_session_expired)
{
    open_three();
    keep_relay("web");
    delete_vm("web");
    w.clock.now += HOUR + 60000;
    test_cluster_run(&w, 5000);
    (void)test_cluster_elect(&w, 0);
    delete_vm("nothing"); /* a batch, with its time */
    deliver_kept(test_cluster_elect(&w, 0)->id);
    assert_false(test_has_vm(member(1), "web"));
    test_cluster_close(&w);
}

TEST(a_copy_that_comes_in_time_gets_the_first_outcome)
{
    uint64_t last;

    open_three();
    keep_relay("web");
    last = test_member_status(member(1)).last_index;
    deliver_kept(1);
    assert_true(test_has_vm(member(1), "web"));
    assert_true(test_member_status(member(1)).last_index <= last + 1);
    test_cluster_close(&w);
}

/* ---- what waits on an ex-leader ---- */

static uint32_t relays; /* of member 1 */

static bool count_relays(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    (void)c, (void)to, (void)p, (void)len;
    relays += kind == BX_FRAME_RELAY && from == 1;
    return false;
}

TEST(an_ex_leader_hands_on_nothing_that_it_was_relayed)
{
    struct test_answer fill = {0}, a = {0};

    open_three();
    member(2)->hold_disk = member(3)->hold_disk = true;
    for (uint64_t i = 0; i < BX_INFLIGHT_BATCHES; i++) {
        assert_int_equal(submit_for(2,
                                    i == 0   ? "a"
                                    : i == 1 ? "b"
                                    : i == 2 ? "c"
                                             : "d",
                                    100 + i, HOUR, &fill),
                         BX_OK);
        test_cluster_settle(&w);
    }
    assert_int_equal(submit(2, "web", 200, &a), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(test_member_status(member(1)).pending, 1);
    test_member_isolate(member(1), true);
    member(2)->hold_disk = member(3)->hold_disk = false;
    (void)test_cluster_elect(&w, 1);
    relays = 0;
    w.drop = count_relays;
    test_member_isolate(member(1), false);
    test_cluster_run(&w, 3000);
    assert_int_equal(relays, 0);
    assert_int_equal(test_member_status(member(1)).pending, 0);
    is_created(&a, 1);
    test_cluster_close(&w);
}

/* ---- leader time ---- */

TEST(an_idle_cluster_takes_requests_at_any_member)
{
    struct test_answer a = {0};

    open_three();
    test_cluster_run(&w, 5 * 60000);
    assert_int_equal(submit(2, "one", 1, &a), BX_OK);
    test_cluster_run(&w, 500);
    is_created(&a, 1);
    assert_int_equal(submit(1, "two", 2, &a), BX_OK);
    test_cluster_run(&w, 500);
    is_created(&a, 2);
    test_cluster_close(&w);
}

static void submit_idle(uint64_t id, uint64_t sequence)
{
    struct test_answer a = {0};
    char name[32];

    snprintf(name, sizeof name, "idle-%u", (unsigned)sequence);
    assert_int_equal(submit(id, name, sequence, &a), BX_OK);
    test_cluster_run(&w, 1000);
    is_created(&a, 1);
}

/* Nobody commits anything that would tell it the time. */
TEST(an_idle_cluster_takes_requests_at_a_member_whose_link_broke)
{
    open_three();
    test_cluster_run(&w, 5 * 60000);
    test_member_isolate(member(2), true);
    test_cluster_run(&w, 50);
    test_member_isolate(member(2), false);
    test_cluster_run(&w, 200);
    submit_idle(2, 1);
    test_cluster_run(&w, 5 * 60000);
    test_member_isolate(member(2), true);
    test_cluster_run(&w, 20000); /* it has given up the leader */
    test_member_isolate(member(2), false);
    (void)test_cluster_elect(&w, 0);
    test_cluster_run(&w, 1000);
    submit_idle(2, 2);
    test_cluster_close(&w);
}

TEST(an_idle_cluster_takes_requests_at_a_member_that_starts_again)
{
    open_three();
    test_cluster_run(&w, 5 * 60000);
    test_member_stop(member(2));
    test_cluster_run(&w, 1000);
    test_member_start(member(2));
    test_cluster_run(&w, 1000);
    submit_idle(2, 1);
    test_cluster_close(&w);
}

/* It was sent twice, and the first copy can not be carried out any more: its session can end. */
TEST(what_is_sent_again_by_the_right_time_has_no_copy)
{
    static const uint8_t session[16] = {1}; /* of test_submit_vm */
    uint64_t last;

    open_three();
    test_cluster_run(&w, 5 * 60000);
    test_member_stop(member(2));
    test_member_start(member(2));
    test_cluster_run(&w, 1000);
    last = test_member_status(member(1)).last_index;
    submit_idle(2, 1);
    assert_int_equal(test_member_status(member(1)).last_index, last + 2); /* one tells the time */
    assert_true(bx_node_end_session(member(2)->node, session, bx_str("operator")));
    test_cluster_close(&w);
}

/* It learns the time from the first entry of its term, and waits for nothing else. */
TEST(a_new_leader_takes_requests_with_its_first_entry)
{
    struct test_answer a = {0};
    struct test_member *leader;

    open_three();
    test_member_isolate(member(1), true);
    member(2)->hold_disk = member(3)->hold_disk = true;
    leader = test_cluster_elect(&w, 1);
    assert_int_equal(submit(leader->id, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.times, 0);
    member(2)->hold_disk = member(3)->hold_disk = false;
    test_cluster_settle(&w);
    is_created(&a, 1);
    test_cluster_close(&w);
}

/* Leaders do not count the time without one. */
TEST(requests_are_taken_after_a_time_without_leader)
{
    struct test_answer a = {0};

    open_three();
    for (uint64_t id = 1; id <= 3; id++)
        test_member_isolate(member(id), true);
    test_cluster_run(&w, 60000);
    for (uint64_t id = 1; id <= 3; id++)
        test_member_isolate(member(id), false);
    (void)test_cluster_elect(&w, 0);
    test_cluster_run(&w, 5000);
    for (uint64_t id = 1; id <= 3; id++) {
        static const char *const names[] = {"", "one", "two", "three"};

        assert_int_equal(submit(id, names[id], id, &a), BX_OK);
    }
    test_cluster_run(&w, 2000);
    is_created(&a, 3);
    test_cluster_close(&w);
}

TEST(a_member_that_starts_again_relays_when_it_has_caught_up)
{
    struct test_answer fill = {0}, a = {0};

    open_three();
    test_member_stop(member(2));
    for (uint64_t i = 0; i < 20; i++) {
        char name[32];

        test_cluster_run(&w, 2000);
        snprintf(name, sizeof name, "vm-%u", (unsigned)i);
        assert_int_equal(submit(1, name, 100 + i, &fill), BX_OK);
    }
    test_cluster_run(&w, 500);
    is_created(&fill, 20);
    w.cut[1][2] = w.cut[2][1] = w.cut[2][3] = w.cut[3][2] = true;
    test_member_start(member(2));
    assert_int_equal(submit(2, "web", 200, &a), BX_OK);
    test_cluster_run(&w, 3000);
    memset(w.cut, 0, sizeof w.cut);
    test_member_isolate(member(2), false);
    test_cluster_run(&w, 5000);
    is_created(&a, 1);
    test_cluster_close(&w);
}

/* ---- answers ---- */

TEST(what_was_never_sent_was_not_carried_out)
{
    struct test_answer a = {0};

    open_three();
    test_member_isolate(member(2), true);
    test_cluster_run(&w, 5000);
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_run(&w, WAIT + 500);
    failed(&a, BX_NO_LEADER);
    assert_non_null(strstr(a.message, "nothing was done"));
    test_cluster_close(&w);
}

static bool drop_relays(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                        const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)p, (void)len;
    return kind == BX_FRAME_RELAY;
}

TEST(what_was_lost_on_its_way_may_still_be_carried_out)
{
    struct test_answer a = {0};

    open_three();
    w.drop = drop_relays;
    assert_int_equal(submit_for(2, "web", 1, 1000, &a), BX_OK);
    test_cluster_run(&w, 1200);
    failed(&a, BX_NO_LEADER);
    assert_non_null(strstr(a.message, "may still be carried out"));
    test_cluster_close(&w);
}

/* Member 2 has applied a batch of a later time: none that comes can have it. */
TEST(what_can_not_be_carried_out_any_more_is_said_so)
{
    struct test_answer a = {0}, others = {0};

    open_three();
    w.drop = drop_relays;
    assert_int_equal(submit_for(2, "web", 1, 1000, &a), BX_OK);
    test_cluster_settle(&w);
    w.clock.now += 1500;
    assert_int_equal(submit(1, "one", 2, &others), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(submit(1, "two", 3, &others), BX_OK);
    test_cluster_settle(&w);
    test_cluster_run(&w, 200);
    failed(&a, BX_TIMEOUT);
    assert_non_null(strstr(a.message, "nothing was done"));
    w.drop = NULL;
    test_cluster_run(&w, 10000);
    assert_false(test_has_vm(member(1), "web"));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
