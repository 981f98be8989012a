/* reads against node.h and internal.h: what a barrier serves, on the leader and on a follower, and
 * what becomes of a read when leadership moves. Real nodes; the test decides what is durable and
 * what arrives. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "node/internal.h"

#include <string.h>

#define NEVER UINT64_MAX

static struct test_cluster w;

struct read {
    uint32_t times;
    int code;
};

static void on_read(void *ctx, const struct bx_err *err)
{
    struct read *r = ctx;

    r->times++;
    r->code = err == NULL ? BX_OK : err->code;
}

static void on_code(void *ctx, int code)
{
    struct read *r = ctx;

    r->times++;
    r->code = code;
}

static int read_by(uint64_t id, uint64_t deadline, struct read *r)
{
    return bx_node_barrier(test_member(&w, id)->node, deadline, on_read, r, NULL);
}

static void start_read(uint64_t id, struct read *r)
{
    assert_int_equal(read_by(id, NEVER, r), BX_OK);
}

static void good(const struct read *r, uint32_t times)
{
    assert_int_equal(r->times, times);
    assert_int_equal(r->code, BX_OK);
}

static uint64_t last_index(uint64_t id)
{
    return test_member_status(test_member(&w, id)).last_index;
}

static void hold_disk(bool hold)
{
    test_member(&w, 1)->hold_disk = hold;
    test_cluster_settle(&w);
}

static void create_vm(uint64_t id, const char *name)
{
    struct test_answer a = {0};

    assert_int_equal(test_submit_vm(test_member(&w, id), name, 0, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
}

/* ---- on the leader ---- */

TEST(one_barrier_serves_all_reads_that_arrived_before_it)
{
    struct read r = {0};
    uint64_t before;

    test_cluster_open(&w, 1);
    before = last_index(1);
    for (int i = 0; i < 100; i++)
        start_read(1, &r);
    assert_int_equal(last_index(1), before);
    hold_disk(true);
    assert_int_equal(last_index(1), before + 1);
    assert_int_equal(r.times, 0);
    assert_int_equal(test_member_status(test_member(&w, 1)).reads, 100);
    hold_disk(false);
    good(&r, 100);
    assert_int_equal(last_index(1), before + 1);
    assert_int_equal(test_member_status(test_member(&w, 1)).reads, 0);
    test_cluster_close(&w);
}

TEST(a_read_that_arrives_after_the_barrier_waits_for_the_next)
{
    struct read first = {0}, second = {0};
    struct test_member *m;
    uint64_t before;

    test_cluster_open(&w, 1);
    m = test_member(&w, 1);
    before = last_index(1);
    start_read(1, &first);
    hold_disk(true);
    start_read(1, &second);
    test_cluster_settle(&w);
    assert_int_equal(last_index(1), before + 1); /* one barrier at a time */
    /* The first becomes durable, what comes after it does not. */
    assert_int_equal(m->n_jobs, 1);
    m->jobs[0]->done(m->jobs[0], m->jobs[0]->run(m->jobs[0]));
    m->n_jobs = 0;
    test_cluster_settle(&w);
    good(&first, 1);
    assert_int_equal(second.times, 0);
    assert_int_equal(last_index(1), before + 2);
    hold_disk(false);
    good(&second, 1);
    test_cluster_close(&w);
}

TEST(reads_are_bounded)
{
    struct read r = {0};

    test_cluster_open(&w, 1);
    for (uint32_t i = 0; i < BX_READS_MAX; i++)
        start_read(1, &r);
    assert_int_equal(read_by(1, NEVER, &r), BX_BUSY);
    assert_int_equal(r.times, 0);
    test_cluster_settle(&w);
    good(&r, BX_READS_MAX);
    start_read(1, &r);
    test_cluster_close(&w);
    assert_int_equal(r.times, BX_READS_MAX + 1);
    assert_int_equal(r.code, BX_SHUTDOWN);
}

TEST(at_its_deadline_a_read_is_told_that_no_leader_confirmed_it)
{
    struct read early = {0}, late = {0};

    test_cluster_open(&w, 3);
    test_member_isolate(test_member(&w, 1), true);
    assert_int_equal(read_by(1, w.clock.now + 500, &early), BX_OK);
    test_cluster_settle(&w); /* under way */
    assert_int_equal(read_by(1, w.clock.now + 500, &late), BX_OK);
    test_cluster_run(&w, 400);
    assert_int_equal(early.times + late.times, 0);
    test_cluster_run(&w, 300);
    assert_int_equal(early.times, 1);
    assert_int_equal(early.code, BX_NO_LEADER);
    assert_int_equal(late.times, 1);
    assert_int_equal(late.code, BX_NO_LEADER);
    assert_int_equal(test_member_status(test_member(&w, 1)).reads, 0);
    test_cluster_close(&w);
}

/* ---- on a follower ---- */

static bool drop_raft_to_2(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                           const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)p, (void)len;
    return kind == BX_FRAME_RAFT && to == 2;
}

TEST(a_follower_answers_once_it_has_applied_the_leaders_barrier)
{
    struct read r = {0};

    test_cluster_open(&w, 3);
    w.drop = drop_raft_to_2;
    create_vm(1, "web");
    start_read(2, &r);
    test_cluster_run(&w, 300);
    assert_int_equal(r.times, 0); /* the leader has confirmed it, but the log is not here */
    assert_false(test_has_vm(test_member(&w, 2), "web"));
    w.drop = NULL;
    test_cluster_run(&w, 500);
    good(&r, 1);
    assert_true(test_has_vm(test_member(&w, 2), "web"));
    test_cluster_close(&w);
}

static uint32_t asked; /* READ frames that arrived */

static bool drop_first_read(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                            const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)p, (void)len;
    return kind == BX_FRAME_READ && asked++ == 0;
}

/* No time passes, so there is no heartbeat that would tell it. */
TEST(a_follower_learns_at_once_what_is_committed)
{
    struct test_answer a = {0};

    test_cluster_open(&w, 3);
    test_cluster_settle(&w);
    assert_int_equal(test_submit_vm(test_member(&w, 2), "vm-1", 1, w.clock.now + 1000, &a), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
    for (uint64_t id = 1; id <= 3; id++)
        assert_true(test_has_vm(test_member(&w, id), "vm-1"));
    test_cluster_close(&w);
}

TEST(reads_of_a_follower_share_a_frame_and_a_lost_one_is_asked_again)
{
    struct read r = {0};

    asked = 0;
    test_cluster_open(&w, 3);
    w.drop = drop_first_read;
    for (int i = 0; i < 10; i++)
        start_read(2, &r);
    test_cluster_run(&w, BX_READ_AGAIN_MS - 200);
    assert_int_equal(asked, 1);
    assert_int_equal(r.times, 0);
    test_cluster_run(&w, 600);
    good(&r, 10);
    assert_int_equal(asked, 2);
    test_cluster_close(&w);
}

/* ---- leadership moves ---- */

TEST(a_deposed_leader_answers_only_what_the_next_one_confirms)
{
    struct test_member *leader;
    struct read r = {0};

    test_cluster_open(&w, 3);
    test_member_isolate(test_member(&w, 1), true);
    start_read(1, &r);
    leader = test_cluster_elect(&w, 1);
    test_cluster_run(&w, 1000);
    create_vm(leader->id, "web");
    test_cluster_run(&w, 3000);
    assert_int_equal(r.times, 0);
    test_member_isolate(test_member(&w, 1), false);
    test_cluster_run(&w, 3000);
    good(&r, 1);
    assert_true(test_has_vm(test_member(&w, 1), "web"));
    test_cluster_close(&w);
}

TEST(a_follower_asks_the_new_leader)
{
    struct read r = {0};

    test_cluster_open(&w, 3);
    hold_disk(true);
    start_read(2, &r);
    test_cluster_settle(&w);
    test_member_isolate(test_member(&w, 1), true);
    (void)test_cluster_elect(&w, 1);
    test_cluster_run(&w, 1000);
    good(&r, 1);
    test_cluster_close(&w);
}

TEST(a_read_as_leader_fails_where_there_is_no_leader)
{
    struct read follower = {0}, leader = {0};

    test_cluster_open(&w, 3);
    bx_reads_as_leader(test_member(&w, 2)->node, on_code, &follower);
    assert_int_equal(follower.times, 1); /* from inside the call */
    assert_int_equal(follower.code, BX_NO_LEADER);
    bx_reads_as_leader(test_member(&w, 1)->node, on_code, &leader);
    test_cluster_settle(&w);
    good(&leader, 1);
    test_cluster_close(&w);
}

TEST(a_read_as_leader_ends_with_the_leadership)
{
    struct read r = {0};

    test_cluster_open(&w, 3);
    test_member_isolate(test_member(&w, 1), true);
    bx_reads_as_leader(test_member(&w, 1)->node, on_code, &r);
    test_cluster_settle(&w); /* its barrier is in the log of this node alone */
    assert_int_equal(r.times, 0);
    (void)test_cluster_elect(&w, 1);
    test_member_isolate(test_member(&w, 1), false);
    test_cluster_run(&w, 3000);
    assert_int_equal(r.times, 1);
    assert_int_equal(r.code, BX_NO_LEADER);
    test_cluster_close(&w);
}

/* It waits for the next barrier when the leadership ends: the next leader's word is not this
 * node's. */
TEST(a_read_as_leader_that_was_not_asked_yet_ends_too)
{
    struct read under_way = {0}, waiting = {0};

    test_cluster_open(&w, 3);
    test_member_isolate(test_member(&w, 1), true);
    start_read(1, &under_way);
    test_cluster_settle(&w);
    bx_reads_as_leader(test_member(&w, 1)->node, on_code, &waiting);
    test_cluster_settle(&w);
    (void)test_cluster_elect(&w, 1);
    test_member_isolate(test_member(&w, 1), false);
    test_cluster_run(&w, 3000);
    good(&under_way, 1);
    assert_int_equal(waiting.times, 1);
    assert_int_equal(waiting.code, BX_NO_LEADER);
    test_cluster_close(&w);
}

static uint64_t first_id, read_ids;

static bool note_read_id(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    struct bx_arena arena = {0};
    struct bx_read m = {0};

    (void)c, (void)from, (void)to;
    if (kind != BX_FRAME_READ)
        return false;
    assert_int_equal(bx_flat_read(&bx_read_schema, p, len, &m, &arena, NULL, NULL), BX_OK);
    bx_arena_close(&arena);
    if (read_ids++ == 0)
        first_id = m.id;
    else
        assert_int_not_equal(m.id, first_id);
    return true;
}

/* A leader may answer a READ of an earlier life of this node when it has started again, with a
 * barrier older than the reads that wait now. */
TEST(a_restarted_follower_does_not_reuse_the_ids_of_its_reads)
{
    struct read r = {0};

    read_ids = 0;
    test_cluster_open(&w, 3);
    w.drop = note_read_id;
    start_read(2, &r);
    test_cluster_settle(&w);
    test_member_stop(test_member(&w, 2));
    assert_int_equal(r.code, BX_SHUTDOWN);
    test_member_start(test_member(&w, 2));
    test_cluster_run(&w, 1000);
    start_read(2, &r);
    test_cluster_settle(&w);
    assert_true(read_ids >= 2);
    w.drop = NULL;
    test_cluster_close(&w);
}

TEST(an_answer_to_another_read_is_ignored)
{
    struct bx_read ok = {.index = 1};
    struct read r = {0};
    struct bx_node *n;

    test_cluster_open(&w, 3);
    n = test_member(&w, 2)->node;
    w.drop = drop_raft_to_2;
    start_read(2, &r);
    bx_node_turn(n);
    ok.id = n->reads.id + 1;
    bx_reads_on_ok(n, 1, &ok);
    ok.id = n->reads.id;
    bx_reads_on_ok(n, 3, &ok); /* from somebody who was not asked */
    ok.index = 0;
    bx_reads_on_ok(n, 1, &ok); /* a refusal */
    bx_node_turn(n);
    assert_int_equal(r.times, 0);
    w.drop = NULL;
    test_cluster_run(&w, 3000);
    good(&r, 1);
    test_cluster_close(&w);
}

/* ---- stale reads ---- */

TEST(local_state_tells_how_old_it_may_be)
{
    struct bx_node_status s;

    test_cluster_open(&w, 3);
    s = test_member_status(test_member(&w, 1));
    assert_true(s.age_known);
    assert_int_equal(s.age_ms, 0);
    s = test_member_status(test_member(&w, 2));
    assert_true(s.age_known);
    assert_true(s.age_ms <= 200);
    assert_true(s.quorum);
    test_member_isolate(test_member(&w, 2), true);
    test_cluster_run(&w, 5000);
    s = test_member_status(test_member(&w, 2));
    assert_true(s.age_known);
    assert_true(s.age_ms >= 5000 && s.age_ms <= 5200);
    assert_false(s.quorum);
    test_member_isolate(test_member(&w, 2), false);
    test_cluster_run(&w, 5000);
    assert_true(test_member_status(test_member(&w, 2)).age_ms <= 200);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
