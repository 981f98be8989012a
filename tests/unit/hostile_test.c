/* A member that means harm, or is mistaken: what its frames may not do to the others. Real nodes;
 * the test writes the frames. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "node/internal.h"
#include "wire/raftmsg.h"

#include <stdlib.h>
#include <string.h>

#define STRANGER 9 /* no row and no configuration names it */
#define AGENT 7

static struct test_cluster w;

static struct test_member *leader(void)
{
    return test_member(&w, 1);
}

static void open_three(void)
{
    test_cluster_open(&w, 3);
}

static void receive(uint64_t to, uint64_t from, enum bx_frame kind, const void *p, size_t n)
{
    bx_node_receive(test_member(&w, to)->node, from, kind, p, n);
    test_cluster_settle(&w);
}

/* ---- terms ---- */

static uint64_t term_of(uint64_t id)
{
    return test_member_status(test_member(&w, id)).term;
}

static void receive_raft(uint64_t to, uint64_t from, const struct raft_message *m)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write(&b, m), BX_OK);
    receive(to, from, BX_FRAME_RAFT, b.data, b.len);
    bx_buf_release(&b);
}

static void receive_append(uint64_t to, uint64_t from, uint64_t term)
{
    struct raft_append_entries m = {.term = term, .prev_log_index = 1, .prev_log_term = 1};
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write_append(&b, &m), BX_OK);
    receive(to, from, BX_FRAME_RAFT, b.data, b.len);
    bx_buf_release(&b);
}

/* Every kind of message, at a follower of node 1 and at node 1, from node 3. */
static void receive_every_kind(uint64_t term)
{
    struct raft_message vote = {.type = RAFT_REQUEST_VOTE,
                                .request_vote = {.version = 2,
                                                 .term = term,
                                                 .candidate_id = 3,
                                                 .last_log_index = UINT64_MAX,
                                                 .last_log_term = term,
                                                 .disrupt_leader = true}};
    struct raft_message voted = {.type = RAFT_REQUEST_VOTE_RESULT,
                                 .request_vote_result = {.version = 2, .term = term}};
    struct raft_message result = {.type = RAFT_APPEND_ENTRIES_RESULT,
                                  .append_entries_result = {.version = 2, .term = term}};
    struct raft_message now = {
        .type = RAFT_TIMEOUT_NOW,
        .timeout_now = {.term = term, .last_log_index = 1, .last_log_term = 1}};

    for (uint64_t to = 1; to <= 2; to++) {
        receive_raft(to, 3, &vote);
        receive_raft(to, 3, &voted);
        receive_raft(to, 3, &result);
        receive_raft(to, 3, &now);
        receive_append(to, 3, term);
    }
}

TEST(an_absurd_term_is_not_adopted)
{
    uint64_t term;

    open_three();
    term = term_of(1);
    receive_every_kind(UINT64_MAX);
    receive_every_kind(UINT64_MAX / 2);
    receive_every_kind(term + BX_RAFT_TERM_STEP + 1);
    assert_int_equal(term_of(1), term);
    assert_int_equal(term_of(2), term);
    assert_true(test_rec.warnings > 0);
    assert_true(test_member_leads(leader()));
    test_cluster_close(&w);
}

TEST(a_term_within_the_step_is_adopted)
{
    uint64_t term;

    open_three();
    term = term_of(1) + BX_RAFT_TERM_STEP;
    receive_append(2, 3, term);
    assert_int_equal(term_of(2), term);
    test_cluster_close(&w);
}

TEST(a_term_has_one_leader)
{
    open_three();
    receive_append(2, 3, term_of(2));
    assert_int_equal(test_member_status(test_member(&w, 2)).leader, 1);
    test_cluster_close(&w);
}

/* It has stepped down, and hears in its own term of another who says to lead. */
TEST(the_leader_of_a_term_is_not_followed_by_another_in_it)
{
    uint64_t term;

    open_three();
    term = term_of(1);
    test_member_isolate(leader(), true);
    for (int i = 0; test_member_leads(leader()); i++) {
        assert_true(i < 100);
        test_cluster_run(&w, 100);
    }
    assert_int_equal(term_of(1), term);
    receive_append(1, 3, term);
    assert_int_equal(test_member_status(leader()).leader, 0);
    test_cluster_close(&w);
}

/* The core would take the end of the log for the place to go on from, and add one to it. */
TEST(a_rejection_that_cannot_be_is_dropped)
{
    static const uint64_t last[] = {4, 5, UINT64_MAX};

    open_three();
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        struct raft_message m = {
            .type = RAFT_APPEND_ENTRIES_RESULT,
            .append_entries_result = {
                .version = 2, .term = term_of(1), .rejected = 4, .last_log_index = last[i]}};

        w.clock.now += 2000; /* warnings have a pause */
        test_rec.warnings = 0;
        receive_raft(1, 3, &m);
        assert_int_equal(test_rec.warnings, 1);
    }
    test_cluster_close(&w);
}

/* ---- relays ---- */

static void relay(uint64_t from, uint16_t kind, const void *body)
{
    struct bx_cmd_header head = {.kind = kind, .principal = bx_str("node")};
    struct bx_buf b = {0};
    static uint64_t sequence;

    head.session[0] = (uint8_t)(100 + from);
    head.sequence = ++sequence;
    bx_put64(bx_buf_extend(&b, 8), 1);
    assert_int_equal(bx_cmd_encode(&b, &head, body), BX_OK);
    receive(1, from, BX_FRAME_RELAY, b.data, b.len);
    bx_buf_release(&b);
}

static uint64_t last_index(void)
{
    return test_member_status(leader()).last_index;
}

static void relay_is_refused(uint64_t from, uint16_t kind, const void *body)
{
    uint64_t before = last_index();

    w.clock.now += 2000; /* warnings have a pause */
    test_rec.warnings = 0;
    relay(from, kind, body);
    assert_int_equal(last_index(), before);
    assert_int_equal(test_rec.warnings, 1);
}

TEST(a_report_is_relayed_by_its_node_alone)
{
    struct bx_cmd_vm_report r = {.node = 3, .epoch = 1, .phase = BX_PHASE_FAILED};
    uint64_t before;

    open_three();
    relay_is_refused(2, BX_CMD_VM_REPORT, &r);
    before = last_index();
    relay(3, BX_CMD_VM_REPORT, &r);
    assert_int_equal(last_index(), before + 1);
    test_cluster_close(&w);
}

TEST(a_row_is_relayed_by_its_node_alone)
{
    struct bx_node_info info;

    open_three();
    info = bx_view_node(bx_node_view(leader()->node), 3)->info;
    relay_is_refused(2, BX_CMD_NODE_PUT, &info);
    test_cluster_close(&w);
}

TEST(what_leaders_decide_is_not_relayed)
{
    struct bx_cmd_node_state down = {.id = 3, .state = BX_NODE_DOWN};
    struct bx_cmd_cluster_create create = {.name = bx_str("mine")};

    open_three();
    relay_is_refused(2, BX_CMD_NODE_STATE, &down);
    relay_is_refused(2, BX_CMD_CLUSTER_CREATE, &create);
    test_cluster_close(&w);
}

static bool see_relay(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                      const uint8_t *p, size_t len)
{
    (void)c, (void)to, (void)p, (void)len;
    if (kind == BX_FRAME_RELAY && from == 1)
        fail_msg("a command was relayed");
    return false;
}

/* What it wanted to tell of others is for the next leader to find out. */
TEST(a_deposed_leader_relays_no_state_of_others)
{
    struct bx_cmd_node_state down = {.id = 3, .state = BX_NODE_DOWN};

    open_three();
    test_member_isolate(leader(), true);
    bx_propose_internal(leader()->node, BX_CMD_NODE_STATE, &down);
    (void)test_cluster_elect(&w, 1);
    w.drop = see_relay;
    test_member_isolate(leader(), false);
    test_cluster_run(&w, 1000);
    assert_int_equal(test_member_status(leader()).pending, 0);
    w.drop = NULL;
    test_cluster_close(&w);
}

/* ---- who sends what ---- */

TEST(a_piece_of_a_snapshot_comes_from_the_leader)
{
    static const uint8_t piece[64];
    struct memfs *fs;

    open_three();
    fs = test_member(&w, 2)->fs;
    receive(2, 3, BX_FRAME_SNAP_DATA, piece, sizeof piece);
    assert_false(memfs_exists(fs, BX_SNAP_INCOMING));
    receive(2, 1, BX_FRAME_SNAP_DATA, piece, sizeof piece);
    assert_true(memfs_exists(fs, BX_SNAP_INCOMING));
    test_cluster_close(&w);
}

static void receive_record(uint64_t from, enum bx_frame kind, const struct bx_schema *s,
                           const void *obj)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_frame_write(&b, kind, s, obj), BX_OK);
    receive(1, from, kind, b.data + BX_HEADER_SIZE, b.len - BX_HEADER_SIZE);
    bx_buf_release(&b);
}

TEST(a_stranger_may_send_raft_messages_only)
{
    static const uint8_t query[16];
    struct bx_heartbeat beat = {.seq = 1};
    struct bx_read read = {.id = 1};
    uint64_t before;

    open_three();
    before = last_index();
    receive_record(STRANGER, BX_FRAME_READ, &bx_read_schema, &read);
    assert_int_equal(last_index(), before); /* no barrier */
    receive_record(STRANGER, BX_FRAME_HEARTBEAT, &bx_heartbeat_schema, &beat);
    assert_int_equal(bx_lease_last_heartbeat(leader()->node->lease, STRANGER), 0);
    receive(1, STRANGER, BX_FRAME_QUERY, query, sizeof query);
    assert_int_equal(leader()->queries, 0);
    receive(1, 2, BX_FRAME_QUERY, query, sizeof query);
    assert_int_equal(leader()->queries, 1);
    relay_is_refused(STRANGER, BX_CMD_VM_REPORT,
                     &(struct bx_cmd_vm_report){.node = STRANGER, .phase = BX_PHASE_FAILED});
    receive_append(2, STRANGER, term_of(2) + 1);
    assert_int_equal(test_member_status(test_member(&w, 2)).leader, STRANGER);
    test_cluster_close(&w);
}

TEST(an_agent_takes_no_part_in_raft)
{
    struct bx_node_info info = {.id = AGENT,
                                .name = bx_str("agent"),
                                .address = bx_str("127.0.0.1:7007"),
                                .driver = bx_str("sim"),
                                .vcpus = 1,
                                .memory_mib = 1024,
                                .disk_gib = 1,
                                .overcommit_vcpus_pct = 100,
                                .overcommit_memory_pct = 100,
                                .role = BX_ROLE_AGENT};
    uint64_t term;

    open_three();
    bx_propose_internal(leader()->node, BX_CMD_NODE_PUT, &info);
    test_cluster_run(&w, 1000);
    assert_non_null(bx_view_node(bx_node_view(test_member(&w, 2)->node), AGENT));
    term = term_of(2);
    receive_append(2, AGENT, term + 1);
    assert_int_equal(term_of(2), term);
    assert_int_equal(bx_node_check_heard(test_member(&w, 2)->node, AGENT,
                                         &(struct bx_stored){term + 1, 1}, NULL),
                     BX_OK);
    assert_int_equal(test_member_status(test_member(&w, 2)).leader, 1);
    test_cluster_close(&w);
}

TEST(a_flood_of_bad_frames_is_a_few_lines)
{
    static const uint8_t piece[64];

    open_three();
    test_rec.warnings = 0;
    for (int i = 0; i < 1000; i++)
        receive(2, 3, BX_FRAME_SNAP_DATA, piece, sizeof piece);
    assert_int_equal(test_rec.warnings, 1);
    w.clock.now += 1000;
    receive(2, 3, BX_FRAME_SNAP_DATA, piece, sizeof piece);
    assert_int_equal(test_rec.warnings, 2);
    test_cluster_close(&w);
}

/* ---- entries ---- */

TEST(an_entry_that_no_log_takes_ends_nobody)
{
    struct raft_append_entries m = {
        .term = 1, .prev_log_index = 1, .prev_log_term = 1, .n_entries = 1};
    uint32_t n = BX_WAL_ENTRY_MAX + 1;
    uint8_t *data = calloc(1, n);
    struct bx_buf b = {0};
    uint64_t last;

    assert_non_null(data);
    open_three();
    last = test_member_status(test_member(&w, 2)).last_index;
    m.term = term_of(2);
    m.prev_log_index = last;
    m.prev_log_term = bx_wal_term(test_member(&w, 2)->node->wal, last);
    assert_int_equal(bx_raftmsg_write_append(&b, &m), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(&b, m.term, RAFT_COMMAND, data, n), BX_OK);
    receive(2, 1, BX_FRAME_RAFT, b.data, b.len);
    assert_int_equal(test_member_status(test_member(&w, 2)).last_index, last);
    bx_buf_release(&b);
    free(data);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
