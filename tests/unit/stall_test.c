/* A disk that stands still, under load: the log's queue stays within its bound, the lead goes to a
 * node whose disk moves, and nothing that was acknowledged is lost. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "node/internal.h"

#include <string.h>

#define QUEUE (256u << 10)
#define PAIRS 16u
#define VALUE 1000u
#define LEAST (PAIRS * VALUE)
#define NEVER UINT64_MAX

static struct test_cluster w;
static uint32_t made;
static struct test_answer answers[TEST_MEMBERS_MAX + 1]; /* by member */

static void open_three(void)
{
    made = 0;
    memset(answers, 0, sizeof answers);
    w.log_queue_bytes = QUEUE;
    test_cluster_open(&w, 3);
}

/* A VM whose command takes a little more than LEAST bytes. */
static int submit(uint64_t id)
{
    static char text[VALUE], keys[PAIRS][4];
    struct bx_pair pairs[PAIRS];
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE,
                          .body = &c,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = NEVER,
                          .done = test_on_answer,
                          .ctx = &answers[id]};
    char name[32];
    int rc;

    memset(text, 'x', sizeof text);
    snprintf(name, sizeof name, "vm-%u", made);
    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.stopped = true;
    c.config.metadata = (struct bx_pairs){pairs, PAIRS};
    for (uint32_t i = 0; i < PAIRS; i++) {
        snprintf(keys[i], sizeof keys[i], "k%02u", i);
        pairs[i] = (struct bx_pair){bx_str(keys[i]), {text, sizeof text}};
    }
    rc = bx_node_submit(test_member(&w, id)->node, &s, NULL);
    made += rc == BX_OK;
    return rc;
}

static uint64_t queued(uint64_t id)
{
    return bx_wal_queued(test_member(&w, id)->node->wal);
}

static uint64_t leader(void)
{
    for (uint64_t id = 1; id <= w.n; id++) {
        if (test_member_leads(test_member(&w, id)))
            return id;
    }
    return 0;
}

/* Load, for so long: a command each 10 ms. */
static void load(uint64_t id, uint64_t ms)
{
    for (uint64_t until = w.clock.now + ms; w.clock.now < until;) {
        assert_int_equal(submit(id), BX_OK);
        test_cluster_run(&w, 10);
        assert_true(queued(1) <= QUEUE && queued(2) <= QUEUE && queued(3) <= QUEUE);
    }
}

/* Every request is answered, and every member has what it made. */
static void complete(void)
{
    uint32_t times = 0;

    test_cluster_run(&w, 10000);
    for (uint64_t id = 1; id <= w.n; id++) {
        times += answers[id].times;
        assert_int_equal(answers[id].code, BX_OK);
    }
    assert_int_equal(times, made);
    for (uint64_t id = 1; id <= w.n; id++) {
        for (uint32_t i = 0; i < made; i++) {
            char name[32];

            snprintf(name, sizeof name, "vm-%u", i);
            assert_true(test_has_vm(test_member(&w, id), name));
        }
    }
    test_cluster_close(&w);
}

TEST(a_stalled_leader_pushes_back_and_hands_over)
{
    open_three();
    test_member(&w, 1)->hold_disk = true;
    load(1, 1000);
    assert_int_equal(leader(), 1);
    assert_true(answers[1].times > 0); /* the others commit */
    assert_true(answers[1].times < made);
    load(1, 3000);
    assert_int_not_equal(leader(), 1);
    load(leader(), 1000);
    assert_true(answers[leader()].times > 90);
    test_member(&w, 1)->hold_disk = false;
    complete();
}

static bool drop_transfers(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                           const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)len;
    return kind == BX_FRAME_RAFT && p[0] == RAFT_TIMEOUT_NOW;
}

TEST(a_stalled_leader_that_can_not_hand_over_steps_down)
{
    open_three();
    w.drop = drop_transfers;
    test_member(&w, 1)->hold_disk = true;
    load(1, 5000);
    assert_int_equal(leader(), 1);
    load(1, 5000);
    assert_int_not_equal(leader(), 1);
    test_member(&w, 1)->hold_disk = false;
    complete();
}

TEST(a_stalled_leader_stays_when_nothing_can_be_committed_without_it)
{
    open_three();
    test_member_isolate(test_member(&w, 3), true);
    test_member(&w, 1)->hold_disk = true;
    load(1, 12000);
    assert_int_equal(leader(), 1);
    assert_int_equal(answers[1].times, 0);
    test_member(&w, 1)->hold_disk = false;
    test_member_isolate(test_member(&w, 3), false);
    complete();
}

TEST(a_stalled_follower_takes_what_its_queue_takes)
{
    open_three();
    test_member(&w, 2)->hold_disk = true;
    load(1, 8000);
    assert_int_equal(leader(), 1);
    assert_true(queued(2) > QUEUE / 2);
    assert_true(answers[1].times > made - 8);
    test_member(&w, 2)->hold_disk = false;
    complete();
}

TEST(what_waits_is_bounded_by_bytes)
{
    open_three();
    test_member(&w, 1)->hold_disk = test_member(&w, 2)->hold_disk = true;
    test_member(&w, 3)->hold_disk = true;
    while (submit(1) == BX_OK)
        assert_true(made < BX_PENDING_BYTES_MAX / LEAST);
    assert_true(made > BX_PENDING_BYTES_MAX / LEAST * 9 / 10);
    test_cluster_close(&w);
    assert_int_equal(answers[1].times, made);
    assert_int_equal(answers[1].code, BX_SHUTDOWN);
}

int main(void)
{
    return test_run(NULL, NULL);
}
