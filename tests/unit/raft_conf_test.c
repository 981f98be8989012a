/* The configuration of the Raft core as its module reports it: once for each that is the newest
 * one, whether it is committed, truncated or found at the start. And what a follower answers that
 * is sent entries which its log has dropped for a snapshot. */
#include "lib/memfs.h"
#include "lib/testclock.h"
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "node/raft.h"
#include "wire/raftmsg.h"

#include <string.h>

#define SERVERS_MAX 8u

/* ---- one server, of which the others are a matter of messages ---- */

static struct test_clock test_time;
static struct bx_disk disk;
static struct memfs *fs;
static struct bx_wal *wal;
static struct bx_vote vote;
static struct bx_raft raft;
static struct {
    uint32_t reports;
    unsigned n; /* servers of the last one */
    uint64_t ids[SERVERS_MAX];
    int roles[SERVERS_MAX];
} told;
static struct raft_append_entries_result answer; /* the last that was sent */
static uint64_t asked_behind; /* of server 2: the entry before those that were sent last */

static void run_now(struct bx_disk *d, struct bx_job *j)
{
    (void)d;
    j->done(j, j->run(j));
}

static bool note_answer(void *ctx, uint64_t to, struct bx_buf *frame)
{
    uint8_t type = frame->data[BX_HEADER_SIZE];
    struct raft_message m;
    struct bx_err err;

    (void)ctx;
    if (type == RAFT_APPEND_ENTRIES_RESULT || (type == RAFT_APPEND_ENTRIES && to == 2)) {
        assert_int_equal(bx_raftmsg_read(&frame->data[BX_HEADER_SIZE], frame->len - BX_HEADER_SIZE,
                                         to, "", &m, &err),
                         BX_OK);
        if (type == RAFT_APPEND_ENTRIES)
            asked_behind = m.append_entries.prev_log_index;
        else
            answer = m.append_entries_result;
        bx_raftmsg_close(&m);
    }
    bx_buf_release(frame);
    return true;
}

static bool is_reachable(void *ctx, uint64_t to)
{
    (void)ctx, (void)to;
    return bx_raft_is_leader(&raft);
}

static size_t none_queued(void *ctx, uint64_t to)
{
    (void)ctx, (void)to;
    return 0;
}

static void on_configuration(void *ctx, const struct raft_configuration *c)
{
    (void)ctx;
    assert_true(c->n <= SERVERS_MAX);
    told.reports++;
    told.n = c->n;
    for (unsigned i = 0; i < c->n; i++) {
        told.ids[i] = c->servers[i].id;
        told.roles[i] = c->servers[i].role;
    }
}

static void on_role(void *ctx, bool leader)
{
    (void)ctx, (void)leader;
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void on_fatal(void *ctx, const struct bx_err *err)
{
    (void)ctx;
    fail_msg("%s", err->msg);
}

static void add_server(struct raft_configuration *c, uint64_t id, int role)
{
    char address[32];

    snprintf(address, sizeof address, "host:%u", (unsigned)id);
    assert_int_equal(raft_configuration_add(c, id, address, role), 0);
}

/* Voters 1 to n. */
static void voters(struct raft_configuration *c, uint64_t n)
{
    raft_configuration_init(c);
    for (uint64_t id = 1; id <= n; id++)
        add_server(c, id, RAFT_VOTER);
}

/* Server `id` of a cluster that was founded with voters 1 to n, or of the log that is there. */
static void open_raft(uint64_t id, uint64_t n)
{
    static const struct bx_disk_ops ops = {.write = run_now, .offload = run_now};
    struct bx_wal_options wo = {.fs = memfs_fs(fs)};
    struct raft_configuration founding;
    struct bx_raft_options o = {.id = id,
                                .address = "here:1",
                                .clock = &test_time.base,
                                .disk = &disk,
                                .wal = NULL,
                                .vote = &vote,
                                .founding = &founding,
                                .election_ms = 1000,
                                .heartbeat_ms = 100,
                                .send = note_answer,
                                .reachable = is_reachable,
                                .queued = none_queued,
                                .configuration = on_configuration,
                                .role = on_role,
                                .wake = on_wake,
                                .fatal = on_fatal};
    struct bx_err err = {0};

    memset(&told, 0, sizeof told);
    disk.ops = &ops;
    disk.fs = memfs_fs(fs);
    assert_int_equal(bx_vote_open(&vote, memfs_fs(fs), &err), BX_OK);
    assert_int_equal(bx_wal_open(&wal, &wo, &err), BX_OK);
    o.wal = wal;
    voters(&founding, n);
    if (bx_raft_open(&raft, &o, &err) != BX_OK)
        fail_msg("%s", err.msg);
    raft_configuration_close(&founding);
}

static void close_raft(void)
{
    bx_raft_close(&raft);
    bx_wal_close(wal);
    bx_vote_close(&vote);
}

static int setup(void **state)
{
    (void)state;
    test_clock_init(&test_time);
    bx_raft_heap_use();
    fs = memfs_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memfs_destroy(fs);
    return 0;
}

/* Let what was appended become durable, and hand out what is committed. */
static void settle(void)
{
    struct bx_wal_entry e;
    uint64_t index;

    for (int i = 0; i < 4; i++) {
        bx_raft_pump(&raft);
        while (bx_raft_next(&raft, &index, &e))
            ;
    }
}

/* ---- a leader ---- */

TEST(the_founding_configuration_is_reported_at_the_start)
{
    open_raft(1, 1);
    assert_int_equal(told.reports, 1);
    assert_int_equal(told.n, 1);
    assert_int_equal(told.ids[0], 1);
    settle();
    assert_int_equal(told.reports, 1);
    close_raft();
}

TEST(a_change_is_reported_when_it_is_appended_and_not_when_it_is_committed)
{
    struct raft_configuration c;

    open_raft(1, 1);
    settle();
    voters(&c, 1);
    add_server(&c, 2, RAFT_STANDBY);
    assert_int_equal(bx_raft_change(&raft, &c), BX_OK);
    raft_configuration_close(&c);
    assert_int_equal(told.reports, 2);
    assert_int_equal(told.n, 2);
    assert_int_equal(told.roles[1], RAFT_STANDBY);
    assert_false(bx_raft_can_change(&raft));
    settle();
    assert_true(bx_raft_can_change(&raft));
    assert_int_equal(told.reports, 2);
    close_raft();
}

TEST(a_refused_change_is_not_reported)
{
    struct raft_configuration c;

    open_raft(2, 3); /* a follower */
    voters(&c, 1);
    assert_int_equal(bx_raft_change(&raft, &c), BX_NO_LEADER);
    raft_configuration_close(&c);
    assert_int_equal(told.reports, 1);
    assert_int_equal(told.n, 3);
    close_raft();
}

TEST(other_entries_are_not_reported)
{
    uint64_t index;

    open_raft(1, 1);
    settle();
    for (int i = 0; i < 10; i++)
        assert_int_equal(bx_raft_submit(&raft, RAFT_COMMAND, "nothing.", 8, &index), BX_OK);
    settle();
    assert_int_equal(told.reports, 1);
    close_raft();
}

TEST(the_newest_configuration_of_the_log_is_reported_after_a_restart)
{
    struct raft_configuration c;

    open_raft(1, 1);
    settle();
    voters(&c, 1);
    add_server(&c, 2, RAFT_STANDBY);
    assert_int_equal(bx_raft_change(&raft, &c), BX_OK);
    raft_configuration_close(&c);
    settle();
    close_raft();
    open_raft(1, 1);
    assert_int_equal(told.reports, 1);
    assert_int_equal(told.n, 2);
    close_raft();
}

/* ---- a leader of three ---- */

static void receive(uint64_t from, const struct raft_message *m)
{
    struct bx_buf b = {0};
    struct bx_err err = {0};

    assert_int_equal(bx_raftmsg_write(&b, m), BX_OK);
    if (bx_raft_receive(&raft, from, b.data, b.len, &err) != BX_OK)
        fail_msg("%s", err.msg);
    bx_buf_release(&b);
}

static void receive_vote(uint64_t from, uint64_t term, bool pre_vote)
{
    receive(from, &(struct raft_message){
                      .type = RAFT_REQUEST_VOTE_RESULT,
                      .request_vote_result = {
                          .version = 2, .term = term, .vote_granted = true, .pre_vote = pre_vote}});
}

static void acknowledge(uint64_t from, uint64_t index)
{
    receive(from, &(struct raft_message){.type = RAFT_APPEND_ENTRIES_RESULT,
                                         .append_entries_result = {.term = bx_raft_term(&raft),
                                                                   .last_log_index = index}});
}

/* Server 1 of three, elected by server 2. What it appended in its term is not acknowledged yet. */
static void open_leader(void)
{
    open_raft(1, 3);
    settle();
    test_time.now = bx_raft_deadline(&raft);
    bx_raft_tick(&raft);
    receive_vote(2, 2, true);
    receive_vote(2, 2, false);
    assert_true(bx_raft_is_leader(&raft));
    settle();
    assert_int_equal(bx_raft_term(&raft), 2);
    assert_int_equal(bx_wal_last(wal), 2);
    assert_int_equal(bx_raft_commit(&raft), 1);
}

TEST(nothing_is_changed_before_an_entry_of_the_term_is_committed)
{
    struct raft_configuration c;

    open_leader();
    voters(&c, 4);
    assert_false(bx_raft_can_change(&raft));
    assert_int_equal(bx_raft_change(&raft, &c), BX_CONFLICT);
    assert_int_equal(told.reports, 1);
    acknowledge(2, 2);
    assert_int_equal(bx_raft_commit(&raft), 2);
    settle();
    assert_true(bx_raft_can_change(&raft));
    assert_int_equal(bx_raft_change(&raft, &c), BX_OK);
    assert_int_equal(told.n, 4);
    raft_configuration_close(&c);
    close_raft();
}

/* A follower that was not heard of for a while, and then of a rejection that is older than what it
 * has acknowledged: it is not asked for entries before that for ever. */
TEST(a_late_rejection_does_not_hold_a_follower_back)
{
    const struct raft_message late = {
        .type = RAFT_APPEND_ENTRIES_RESULT,
        .append_entries_result = {.term = 2, .rejected = 2, .last_log_index = 1}};

    open_leader();
    acknowledge(2, 2);
    for (int i = 0; i < 30; i++) {
        test_time.now += 100;
        bx_raft_tick(&raft);
        acknowledge(3, 2);
    }
    receive(2, &late);
    for (int i = 0; i < 5; i++) {
        acknowledge(2, 1);
        test_time.now += 100;
        bx_raft_tick(&raft);
        settle();
        acknowledge(3, 2);
    }
    assert_true(bx_raft_is_leader(&raft));
    assert_int_equal(asked_behind, 2);
    close_raft();
}

/* ---- a follower, whose leaders append and truncate ---- */

/* Entry 2, after the founding one of term 1: from the leader of a term. servers 0: no change. */
static void receive_entry_2(uint64_t leader, uint64_t term, uint64_t servers)
{
    struct raft_append_entries m = {
        .term = term, .prev_log_index = 1, .prev_log_term = 1, .leader_commit = 1, .n_entries = 1};
    struct raft_buffer encoded = {.base = (void *)(uintptr_t) "nothing.", .len = 8};
    struct raft_configuration c;
    struct bx_buf b = {0};
    struct bx_err err = {0};

    voters(&c, servers);
    if (servers > 0)
        assert_int_equal(raft_configuration_encode(&c, &encoded), 0);
    assert_int_equal(bx_raftmsg_write_append(&b, &m), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(&b, term, servers > 0 ? RAFT_CHANGE : RAFT_BARRIER,
                                            encoded.base, (uint32_t)encoded.len),
                     BX_OK);
    if (bx_raft_receive(&raft, leader, b.data, b.len, &err) != BX_OK)
        fail_msg("%s", err.msg);
    settle();
    if (servers > 0)
        raft_free(encoded.base);
    raft_configuration_close(&c);
    bx_buf_release(&b);
}

TEST(a_follower_reports_what_its_leader_appends)
{
    open_raft(2, 3);
    receive_entry_2(1, 2, 4);
    assert_int_equal(told.reports, 2);
    assert_int_equal(told.n, 4);
    receive_entry_2(1, 2, 4); /* again: it is there already */
    assert_int_equal(told.reports, 2);
    close_raft();
}

TEST(a_truncated_change_is_reported_as_the_one_before_it)
{
    open_raft(2, 3);
    receive_entry_2(1, 2, 4);
    receive_entry_2(3, 3, 0);
    assert_int_equal(told.reports, 3);
    assert_int_equal(told.n, 3);
    close_raft();
}

TEST(a_change_that_replaces_another_at_its_index_is_reported)
{
    open_raft(2, 3);
    receive_entry_2(1, 2, 4);
    receive_entry_2(3, 3, 5);
    assert_int_equal(told.reports, 3);
    assert_int_equal(told.n, 5);
    assert_int_equal(told.ids[4], 5);
    close_raft();
}

/* ---- a follower whose log begins after what it is sent ---- */

#define COVERED 5u /* the last entry of the snapshot */
#define FIRST 4u   /* the first that the log has kept */

/* The n entries after prev, from server 1, the leader of term 2. Entry 1 is the founding one. */
static void append(uint64_t prev, unsigned n)
{
    struct raft_append_entries m = {.term = 2,
                                    .prev_log_index = prev,
                                    .prev_log_term = prev < 2 ? prev : 2,
                                    .leader_commit = prev + n,
                                    .n_entries = n};
    struct bx_buf b = {0};
    struct bx_err err = {0};

    memset(&answer, 0, sizeof answer);
    assert_int_equal(bx_raftmsg_write_append(&b, &m), BX_OK);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(bx_raftmsg_write_entry(&b, 2, RAFT_BARRIER, "nothing.", 8), BX_OK);
    if (bx_raft_receive(&raft, 1, b.data, b.len, &err) != BX_OK)
        fail_msg("%s", err.msg);
    settle();
    bx_buf_release(&b);
}

static void open_with_snapshot(void)
{
    struct bx_snap_meta meta = {.index = COVERED, .term = 2};
    struct raft_buffer conf;
    struct bx_err err = {0};

    open_raft(2, 3);
    append(1, COVERED - 1);
    assert_int_equal(answer.last_log_index, COVERED);
    assert_true(bx_raft_committed_configuration(&raft, &conf, &meta.conf_index));
    meta.conf = (struct bx_str){conf.base, (uint32_t)conf.len};
    assert_int_equal(bx_raft_snapshot_taken(&raft, &meta, FIRST, &err), BX_OK);
    raft_free(conf.base);
    assert_int_equal(bx_wal_first(wal), FIRST);
}

static void assert_acknowledged(uint64_t last)
{
    assert_int_equal(answer.term, 2);
    assert_int_equal(answer.rejected, 0);
    assert_int_equal(answer.last_log_index, last);
    assert_int_equal(bx_wal_last(wal), last);
}

/* The answer was lost, and the entries are sent again: whatever they begin with. */
TEST(entries_that_a_snapshot_covers_are_acknowledged)
{
    open_with_snapshot();
    for (uint64_t prev = 1; prev < COVERED; prev++) {
        append(prev, 0);
        assert_int_equal(answer.rejected, 0);
        append(prev, (unsigned)(COVERED - prev));
        assert_acknowledged(COVERED);
    }
    append(1, 1);
    assert_acknowledged(COVERED);
    close_raft();
}

TEST(entries_after_a_snapshot_are_taken_with_those_that_it_covers)
{
    uint64_t last = COVERED;

    open_with_snapshot();
    for (uint64_t prev = 0; prev <= COVERED; prev++) {
        last++;
        append(prev, (unsigned)(last - prev));
        assert_acknowledged(last);
        assert_int_equal(bx_raft_commit(&raft), last);
        assert_int_equal(bx_wal_term(wal, last), 2);
    }
    close_raft();
}

int main(void)
{
    return test_run(setup, teardown);
}
