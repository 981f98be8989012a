#include "unit/golden_priv.h"

#include "wire/raftmsg.h"

static const uint8_t conf[] = {1, 1, 0, 0, 0, 0, 0,   0,   0,   3, 0,
                               0, 0, 0, 0, 0, 0, 'h', ':', '1', 0, 1};

int golden_raft_vote_request(struct bx_buf *out)
{
    const struct raft_message m = {.type = RAFT_REQUEST_VOTE,
                                   .request_vote = {.term = 5,
                                                    .candidate_id = 3,
                                                    .last_log_index = 99,
                                                    .last_log_term = 4,
                                                    .disrupt_leader = true,
                                                    .pre_vote = true}};

    return bx_raftmsg_write(out, &m);
}

int golden_raft_vote_result(struct bx_buf *out)
{
    const struct raft_message m = {
        .type = RAFT_REQUEST_VOTE_RESULT,
        .request_vote_result = {
            .term = 5, .vote_granted = true, .pre_vote = true, .features = 1, .capacity = 0xfffe}};

    return bx_raftmsg_write(out, &m);
}

int golden_raft_append(struct bx_buf *out)
{
    const struct raft_append_entries m = {
        .term = 5, .prev_log_index = 99, .prev_log_term = 4, .leader_commit = 98, .n_entries = 3};
    int rc = bx_raftmsg_write_append(out, &m);

    if (rc == BX_OK)
        rc = bx_raftmsg_write_entry(out, 4, RAFT_COMMAND, "a command", 9);
    if (rc == BX_OK)
        rc = bx_raftmsg_write_entry(out, 5, RAFT_BARRIER, "barrier!", 8);
    return rc == BX_OK ? bx_raftmsg_write_entry(out, 5, RAFT_CHANGE, conf, sizeof conf) : rc;
}

int golden_raft_append_result(struct bx_buf *out)
{
    const struct raft_message m = {
        .type = RAFT_APPEND_ENTRIES_RESULT,
        .append_entries_result = {
            .term = 5, .rejected = 97, .last_log_index = 99, .features = 1, .capacity = 0xfffe}};

    return bx_raftmsg_write(out, &m);
}

int golden_raft_install(struct bx_buf *out)
{
    const struct raft_install_snapshot m = {
        .term = 5, .last_index = 99, .last_term = 4, .conf_index = 17};

    return bx_raftmsg_write_install(out, &m, conf, sizeof conf);
}

int golden_raft_timeout_now(struct bx_buf *out)
{
    const struct raft_message m = {
        .type = RAFT_TIMEOUT_NOW,
        .timeout_now = {.term = 5, .last_log_index = 99, .last_log_term = 4}};

    return bx_raftmsg_write(out, &m);
}
