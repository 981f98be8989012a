/* snapshot_receive: what a node does while its disk takes long to verify a snapshot, and what
 * becomes of the message that announced it. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "log/snapitem.h"
#include "node/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BEHIND 3
#define MESSAGE_MAX 1024

static struct test_cluster w;
static unsigned made; /* VMs */

static struct {
    uint64_t no_snapshot_of;      /* nothing of a snapshot arrives from this member */
    uint32_t answers;             /* Raft messages from the one that is behind */
    uint8_t message[MESSAGE_MAX]; /* the last that announced a snapshot */
    size_t len;
} seen;

static struct bx_node *node(uint64_t id)
{
    return test_member(&w, id)->node;
}

static uint64_t snapshot(uint64_t id)
{
    return test_member_status(test_member(&w, id)).snapshot_index;
}

static const struct bx_arrival *arrival(void)
{
    return &node(BEHIND)->snapshots.arrival;
}

static bool see(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                const uint8_t *p, size_t len)
{
    bool announces = kind == BX_FRAME_RAFT && p[0] == RAFT_INSTALL_SNAPSHOT;

    (void)c;
    seen.answers += from == BEHIND && kind == BX_FRAME_RAFT;
    if (announces && to == BEHIND) {
        assert_true(len <= MESSAGE_MAX);
        memcpy(seen.message, p, len);
        seen.len = len;
    }
    return from == seen.no_snapshot_of && (announces || kind == BX_FRAME_SNAP_DATA);
}

static void write_one(void)
{
    struct test_answer a = {0};
    char text[32];

    snprintf(text, sizeof text, "vm-%u", made++);
    assert_int_equal(test_submit_vm(test_member(&w, 1), text, 0, UINT64_MAX, &a), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.code, BX_OK);
}

static bool has_last(void)
{
    char text[32];

    snprintf(text, sizeof text, "vm-%u", made - 1);
    return test_has_vm(test_member(&w, BEHIND), text);
}

/* Member 3 has received a snapshot, and its disk stands still before it is verified. */
static void open_behind(void)
{
    struct test_member *m;

    memset(&seen, 0, sizeof seen);
    made = 0;
    w = (struct test_cluster){.snapshot_bytes = 20000};
    test_cluster_open(&w, 3);
    w.drop = see;
    m = test_member(&w, BEHIND);
    test_member_isolate(m, true);
    while (bx_wal_first(node(1)->wal) <= bx_wal_last(m->node->wal) + 1) {
        assert_true(made < 1000);
        write_one();
    }
    m->hold_disk = true;
    test_member_isolate(m, false);
    for (int i = 0; !arrival()->busy; i++) {
        assert_true(i < 500);
        test_cluster_run(&w, 10);
    }
}

static void release(void)
{
    test_member(&w, BEHIND)->hold_disk = false;
    test_cluster_settle(&w);
    assert_false(arrival()->busy);
    assert_null(arrival()->reader);
}

static void catch_up(void)
{
    for (int i = 0; !has_last(); i++) {
        assert_true(i < 300);
        test_cluster_run(&w, 100);
    }
    test_cluster_close(&w);
}

/* ---- meanwhile ---- */

TEST(a_node_answers_while_its_disk_verifies_a_snapshot)
{
    uint64_t term, before, index;

    open_behind();
    term = bx_raft_term(&node(1)->raft);
    before = snapshot(BEHIND);
    index = arrival()->index;
    seen.answers = 0;
    test_cluster_run(&w, 5000);
    assert_true(arrival()->busy);
    assert_int_equal(snapshot(BEHIND), before);
    assert_true(seen.answers >= 40); /* a heartbeat each 100 ms */
    assert_true(test_member_leads(test_member(&w, 1)));
    assert_int_equal(bx_raft_term(&node(1)->raft), term);
    assert_true(test_member_status(test_member(&w, BEHIND)).quorum);
    release();
    assert_int_equal(snapshot(BEHIND), index);
    catch_up();
}

TEST(a_piece_that_arrives_meanwhile_does_not_change_the_file)
{
    static const uint8_t piece[64] = "\0\0\0\0\0\0\0\0begins anew";
    uint64_t index;

    open_behind();
    index = arrival()->index;
    bx_node_receive(node(BEHIND), 1, BX_FRAME_SNAP_DATA, piece, sizeof piece);
    release();
    assert_int_equal(snapshot(BEHIND), index);
    catch_up();
}

TEST(a_transfer_that_begins_anew_meanwhile_is_of_no_harm)
{
    uint64_t index;

    open_behind();
    index = arrival()->index;
    test_member_isolate(test_member(&w, BEHIND), true);
    test_cluster_run(&w, 200); /* the leader ends the transfer */
    test_member_isolate(test_member(&w, BEHIND), false);
    seen.len = 0;
    test_cluster_run(&w, 2000);
    assert_true(seen.len > 0); /* it was sent again, whole */
    release();
    assert_int_equal(snapshot(BEHIND), index);
    catch_up();
}

/* Its estimate of leader time counts for how long it has heard of the leader. */
TEST(a_message_that_was_held_is_no_sign_of_life)
{
    uint64_t heard, index;

    open_behind();
    index = arrival()->index;
    test_member_isolate(test_member(&w, 1), true);
    heard = node(BEHIND)->raft.leader_contact_ms;
    test_cluster_run(&w, 500);
    assert_int_equal(node(BEHIND)->raft.leader_contact_ms, heard);
    release();
    assert_int_equal(snapshot(BEHIND), index);
    assert_int_equal(node(BEHIND)->raft.leader_contact_ms, heard);
    (void)test_cluster_elect(&w, 1);
    catch_up();
}

/* ---- another leader ---- */

static void elect_second(void)
{
    seen.no_snapshot_of = 2;
    test_member_isolate(test_member(&w, 1), true);
    assert_int_equal(test_cluster_elect(&w, 1)->id, 2);
    test_cluster_run(&w, 500); /* member 3 has heard of it */
    assert_true(arrival()->busy);
    assert_int_equal(bx_raft_leader(&node(BEHIND)->raft), 2);
}

TEST(a_snapshot_of_a_deposed_leader_is_not_installed)
{
    uint64_t before, index;
    char name[BX_SNAP_NAME];

    open_behind();
    before = snapshot(BEHIND);
    index = arrival()->index;
    elect_second();
    release();
    assert_int_equal(snapshot(BEHIND), before);
    bx_snap_name(name, index);
    assert_true(memfs_exists(test_member(&w, BEHIND)->fs, name)); /* a start would use it */
    seen.no_snapshot_of = 0;
    catch_up();
}

TEST(a_start_uses_a_snapshot_that_was_verified_and_not_installed)
{
    struct test_member *m;
    uint64_t index;

    open_behind();
    m = test_member(&w, BEHIND);
    index = arrival()->index;
    elect_second();
    release();
    test_member_stop(m);
    test_member_start(m);
    assert_int_equal(snapshot(BEHIND), index);
    assert_true(test_member_status(m).applied_index >= index);
    seen.no_snapshot_of = 0;
    catch_up();
}

TEST(the_same_snapshot_of_the_next_leader_is_installed)
{
    uint64_t index;

    open_behind();
    index = arrival()->index;
    elect_second();
    bx_put64(seen.message + 8, bx_raft_term(&node(2)->raft));
    bx_node_receive(node(BEHIND), 2, BX_FRAME_RAFT, seen.message, seen.len);
    assert_true(arrival()->busy);
    release();
    assert_int_equal(snapshot(BEHIND), index);
    seen.no_snapshot_of = 0;
    catch_up();
}

/* ---- ends ---- */

TEST(a_node_that_is_stopped_meanwhile_comes_back)
{
    struct test_member *m;

    open_behind();
    m = test_member(&w, BEHIND);
    test_member_stop(m);
    test_member_start(m);
    catch_up();
}

TEST(a_damaged_snapshot_is_removed_and_sent_again)
{
    struct test_member *m;
    uint64_t before;

    open_behind();
    m = test_member(&w, BEHIND);
    before = snapshot(BEHIND);
    memfs_flip(m->fs, BX_SNAP_INCOMING, 40, 0x20);
    release();
    assert_int_equal(snapshot(BEHIND), before);
    assert_false(memfs_exists(m->fs, BX_SNAP_INCOMING));
    assert_true(test_rec_said("warning snapshot: a received snapshot was dropped"));
    catch_up();
}

/* What the sync has not written may look right, and be lost. */
TEST(a_snapshot_that_can_not_be_synced_is_removed_and_sent_again)
{
    struct test_member *m;
    uint64_t before;

    open_behind();
    m = test_member(&w, BEHIND);
    before = snapshot(BEHIND);
    memfs_plan(m->fs, MEMFS_FAIL, memfs_changes(m->fs), -EIO);
    m->hold_disk = false;
    test_cluster_settle(&w);
    assert_true(memfs_faulted(m->fs));
    assert_int_equal(snapshot(BEHIND), before);
    assert_false(memfs_exists(m->fs, BX_SNAP_INCOMING));
    catch_up();
}

TEST(a_disk_that_gets_full_keeps_a_snapshot_that_is_verified)
{
    struct test_member *m;
    uint64_t index;

    open_behind();
    m = test_member(&w, BEHIND);
    index = arrival()->index;
    bx_snapshots_drop(m->node);
    assert_true(memfs_exists(m->fs, BX_SNAP_INCOMING));
    release();
    assert_int_equal(snapshot(BEHIND), index);
    catch_up();
}

int main(void)
{
    return test_run(NULL, NULL);
}
