/* Raft messages against raftmsg.h. The core believes what it is given, so nothing may get past the
 * reader that is cut off, out of range or lies about itself; and what is refused leaves no memory.
 */
#include "raftmsg_help.h"

#include "codec/header.h"

static struct raft_message there_and_back(const struct raft_message *m)
{
    struct bx_buf b = {0};
    struct raft_message out;

    assert_int_equal(bx_raftmsg_write(&b, m), BX_OK);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &out, NULL), BX_OK);
    assert_int_equal(out.type, m->type);
    assert_string_equal(out.server_address, "3");
    every_damage(&b);
    return out;
}

/* ---- the plain messages ---- */

TEST(a_vote_request_comes_back_as_it_was)
{
    for (int flags = 0; flags < 4; flags++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE,
                                 .request_vote = {.term = 9,
                                                  .candidate_id = FROM,
                                                  .last_log_index = 77,
                                                  .last_log_term = 8,
                                                  .disrupt_leader = (flags & 1) != 0,
                                                  .pre_vote = (flags & 2) != 0}};
        struct raft_request_vote v = there_and_back(&m).request_vote;

        assert_int_equal(v.term, 9);
        assert_int_equal(v.candidate_id, FROM);
        assert_int_equal(v.last_log_index, 77);
        assert_int_equal(v.last_log_term, 8);
        assert_int_equal(v.disrupt_leader, m.request_vote.disrupt_leader);
        assert_int_equal(v.pre_vote, m.request_vote.pre_vote);
    }
}

TEST(the_answer_to_a_vote_request_comes_back_as_it_was)
{
    for (int flags = 0; flags < 4; flags++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE_RESULT,
                                 .request_vote_result = {.term = 9,
                                                         .vote_granted = (flags & 1) != 0,
                                                         .pre_vote = (flags & 2) != 0,
                                                         .features = 5,
                                                         .capacity = 65535}};
        struct raft_request_vote_result v = there_and_back(&m).request_vote_result;

        assert_int_equal(v.term, 9);
        assert_int_equal(v.vote_granted, m.request_vote_result.vote_granted);
        assert_int_equal(v.pre_vote, m.request_vote_result.pre_vote);
        assert_int_equal(v.features, 5);
        assert_int_equal(v.capacity, 65535);
    }
}

TEST(the_answer_to_entries_comes_back_as_it_was)
{
    struct raft_message m = {
        .type = RAFT_APPEND_ENTRIES_RESULT,
        .append_entries_result = {
            .term = 9, .rejected = 4, .last_log_index = 1ull << 40, .features = 1, .capacity = 2}};
    struct raft_append_entries_result r;

    r = there_and_back(&m).append_entries_result;
    assert_int_equal(r.term, 9);
    assert_int_equal(r.rejected, 4);
    assert_true(r.last_log_index == 1ull << 40);
    assert_int_equal(r.features, 1);
    assert_int_equal(r.capacity, 2);
}

TEST(a_timeout_now_comes_back_as_it_was)
{
    struct raft_message m = {.type = RAFT_TIMEOUT_NOW,
                             .timeout_now = {.term = 9, .last_log_index = 100, .last_log_term = 8}};
    struct raft_timeout_now t;

    t = there_and_back(&m).timeout_now;
    assert_int_equal(t.term, 9);
    assert_int_equal(t.last_log_index, 100);
    assert_int_equal(t.last_log_term, 8);
}

/* A vote is asked for in one's own name, and a log is empty in both numbers or in none. */
TEST(votes_that_cannot_be_are_refused)
{
    static const struct raft_request_vote lies[] = {
        {.term = 0, .candidate_id = FROM},
        {.term = 9, .candidate_id = FROM + 1, .last_log_index = 1, .last_log_term = 1},
        {.term = 9, .candidate_id = FROM, .last_log_index = 0, .last_log_term = 1},
        {.term = 9, .candidate_id = FROM, .last_log_index = 1, .last_log_term = 0},
        {.term = 9, .candidate_id = FROM, .last_log_index = 1, .last_log_term = 10},
    };

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct raft_message m = {.type = RAFT_REQUEST_VOTE, .request_vote = lies[i]};
        struct bx_buf b = {0};

        assert_int_equal(bx_raftmsg_write(&b, &m), BX_OK);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
}

/* Sixteen bits in the library, sixty-four in the message; and bits that nothing gives a meaning. */
TEST(numbers_and_flags_that_no_sender_writes_are_refused)
{
    struct raft_message vote = {.type = RAFT_REQUEST_VOTE_RESULT,
                                .request_vote_result = {.term = 9}};
    struct raft_message appended = {.type = RAFT_APPEND_ENTRIES_RESULT,
                                    .append_entries_result = {.term = 9}};
    static const struct {
        bool append;
        size_t at; /* of a byte that is changed */
    } lies[] = {{false, 1}, {false, 2}, {false, 7},     {false, 16 + 2}, {false, 24 + 7},
                {true, 1},  {true, 5},  {true, 32 + 2}, {true, 40 + 2}};

    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct bx_buf b = {0};

        assert_int_equal(bx_raftmsg_write(&b, lies[i].append ? &appended : &vote), BX_OK);
        assert_int_equal(read_exact(b.data, b.len), BX_OK);
        b.data[lies[i].at] ^= 0x80;
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
}

TEST(a_message_of_an_unknown_type_is_refused)
{
    struct raft_message m = {.type = RAFT_APPEND_ENTRIES};
    uint8_t bytes[64] = {0};
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write(&b, &m), BX_UNSUPPORTED); /* these have their own writers */
    m.type = RAFT_INSTALL_SNAPSHOT;
    assert_int_equal(bx_raftmsg_write(&b, &m), BX_UNSUPPORTED);
    assert_int_equal(b.len, 0);
    for (int type = 0; type < 256; type++) {
        bytes[0] = (uint8_t)type;
        if (type < RAFT_REQUEST_VOTE || type > RAFT_TIMEOUT_NOW)
            assert_int_equal(read_exact(bytes, sizeof bytes), BX_MALFORMED);
    }
}

/* ---- entries ---- */

static void write_entries(struct bx_buf *b, const struct bx_buf *conf)
{
    write_append(b, 5);
    assert_int_equal(bx_raftmsg_write_entry(b, 7, RAFT_COMMAND, "hello", 5), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 8, RAFT_BARRIER, NULL, 0), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 8, RAFT_CHANGE, conf->data, (uint32_t)conf->len),
                     BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 9, RAFT_COMMAND, "12345678", 8), BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(b, 9, RAFT_COMMAND, "x", 1), BX_OK);
}

TEST(entries_come_back_as_they_were)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};
    struct raft_append_entries *a;
    struct raft_message m;

    write_entries(&b, &conf);
    assert_int_equal(bx_raftmsg_read(b.data, b.len, FROM, "3", &m, NULL), BX_OK);
    a = &m.append_entries;
    assert_int_equal(a->term, 9);
    assert_int_equal(a->prev_log_index, 10);
    assert_int_equal(a->prev_log_term, 7);
    assert_int_equal(a->leader_commit, 11);
    assert_int_equal(a->n_entries, 5);
    assert_int_equal(a->entries[0].buf.len, 5);
    assert_memory_equal(a->entries[0].buf.base, "hello", 5);
    assert_int_equal(a->entries[1].type, RAFT_BARRIER);
    assert_int_equal(a->entries[1].buf.len, 0);
    assert_int_equal(a->entries[2].type, RAFT_CHANGE);
    assert_memory_equal(a->entries[2].buf.base, conf.data, conf.len);
    assert_int_equal(a->entries[4].term, 9);
    assert_memory_equal(a->entries[4].buf.base, "x", 1);
    bx_raftmsg_close(&m);
    every_damage(&b);
    write_append(&b, 0);
    every_damage(&b);
    bx_buf_release(&conf);
}

static void refused_append(struct raft_append_entries a, uint64_t term, uint8_t type)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_raftmsg_write_append(&b, &a), BX_OK);
    for (unsigned i = 0; i < a.n_entries; i++)
        assert_int_equal(bx_raftmsg_write_entry(&b, term, type, "12345678", 8), BX_OK);
    assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
    bx_buf_release(&b);
}

TEST(entries_that_cannot_be_are_refused)
{
    const struct raft_append_entries sound = {
        .term = 9, .prev_log_index = 10, .prev_log_term = 7, .n_entries = 1};
    struct raft_append_entries a;

    refused_append(sound, 6, RAFT_COMMAND);  /* older than the one before */
    refused_append(sound, 10, RAFT_COMMAND); /* newer than the leader */
    refused_append(sound, 0, RAFT_COMMAND);
    refused_append(sound, 9, 0);
    refused_append(sound, 9, RAFT_CHANGE + 1);
    refused_append(sound, 9, RAFT_CHANGE); /* no configuration */
    a = sound;
    a.term = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_term = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_index = 0;
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.prev_log_term = 10;
    refused_append(a, 10, RAFT_COMMAND);
    a = sound;
    a.prev_log_index = UINT64_MAX - 1; /* the index of what follows would wrap */
    refused_append(a, 9, RAFT_COMMAND);
    a = sound;
    a.n_entries = BX_RAFTMSG_ENTRIES_MAX + 1;
    refused_append(a, 9, RAFT_COMMAND);
}

/* An entry's length is the sender's word: not beyond the end, and not so long that it wraps. */
TEST(lengths_beyond_the_message_are_refused)
{
    static const uint32_t lengths[] = {9, 16, 17, 1u << 20, INT32_MAX, UINT32_MAX - 7, UINT32_MAX};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct bx_buf b = {0};

        write_append(&b, 1);
        assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_COMMAND, "12345678", 8), BX_OK);
        bx_put32(b.data + b.len - 12, lengths[i]);
        assert_int_equal(read_exact(b.data, b.len), BX_MALFORMED);
        bx_buf_release(&b);
    }
}

/* ---- memory ---- */

static void every_allocation_fails(const struct bx_buf *b)
{
    int rc = BX_NO_MEMORY;

    for (uint32_t i = 0; rc != BX_OK; i++) {
        heap.calls = 0;
        heap.fail_at = i;
        rc = read_exact(b->data, b->len);
        if (heap.calls > i)
            assert_int_equal(rc, BX_NO_MEMORY);
        assert_true(i < 100);
    }
    heap.fail_at = UINT32_MAX;
}

TEST(a_failed_allocation_is_told_and_leaves_nothing)
{
    struct bx_buf conf = conf_of(1, 3, three, 3), b = {0};

    write_install(&b, &conf);
    every_allocation_fails(&b);
    b.len = 0;
    write_append(&b, 2);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_CHANGE, conf.data, (uint32_t)conf.len),
                     BX_OK);
    assert_int_equal(bx_raftmsg_write_entry(&b, 9, RAFT_COMMAND, "x", 1), BX_OK);
    every_allocation_fails(&b);
    bx_buf_release(&b);
    bx_buf_release(&conf);
}

int main(void)
{
    return test_run(raftmsg_setup, raftmsg_teardown);
}
