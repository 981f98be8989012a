/* Sessions are the same on every replica, after a restart, and after a restore. */
#include "session_help.h"

#include "codec/header.h"

#include <string.h>

static void three_requests(struct answer a[3])
{
    request((struct request){.session = 1, .sequence = 1, .name = "a"});
    request((struct request){.session = 1, .sequence = 2, .floor = 2, .name = "a"});
    a[0] = answer();
    request((struct request){.session = 2, .sequence = 7, .name = "b", .principal = "bob"});
    a[1] = answer();
    request((struct request){.session = 3, .sequence = 1, .name = "c", .at_ms = 9000});
    a[2] = answer();
}

/* The same answers, refusals and expiries as before. */
static void still_known(const struct answer a[3])
{
    request((struct request){.session = 1, .sequence = 2, .floor = 2, .name = "a"});
    assert_int_equal(t.last.code, BX_EXISTS);
    assert_string_equal(t.message, a[0].message);
    assert_string_equal(t.hint, a[0].hint);
    request((struct request){.session = 1, .sequence = 1, .name = "a"});
    refused(BX_CONFLICT, "was dropped", &a[2]);
    request((struct request){.session = 2, .sequence = 7, .name = "b", .principal = "bob"});
    assert_memory_equal(t.last.object, a[1].o.object, 16);
    request((struct request){.session = 2, .sequence = 7, .name = "b"});
    refused(BX_CONFLICT, "another user", &a[2]);
    request((struct request){.session = 4, .sequence = 1, .name = "d", .at_ms = 10000});
    refused(BX_BUSY, "too many", &a[2]);
    assert_int_equal(
        request((struct request){.session = 4, .sequence = 1, .name = "d", .at_ms = 10001}), BX_OK);
}

TEST(answers_survive_a_restart)
{
    struct answer a[3];

    three_requests(a);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    still_known(a);
}

/* Two clients in one entry, whose outcomes are stored together: one of them goes on. */
static void two_at_once(void)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_NODE_STATE, .sequence = 5, .principal = {"alice", 5}};
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};
    struct test_batch b = {0};

    for (uint8_t i = 1; i <= 2; i++) {
        head.session[0] = i;
        test_batch_add(&b, &head, &body);
    }
    test_batch_seal(&b, t.index, WALL);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    request((struct request){.session = 2, .sequence = 6, .name = "a", .at_ms = 9000});
    assert_int_equal(t.last.code, BX_OK);
}

static void reopens_alike(void)
{
    uint64_t digest = test_fsm_digest(&t);

    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_true(test_fsm_digest(&t) == digest);
}

/* What has expired stays so after a restart, though its outcome is still stored beside another's.
 */
TEST(what_has_expired_stays_so_after_a_restart)
{
    struct bx_cmd_vm_delete gone = {.vm = bx_str("nothing")};
    struct test_batch b = {0};

    two_at_once();
    test_batch_add(&b, &(struct bx_cmd_header){.kind = BX_CMD_VM_DELETE}, &gone);
    seal_at(&b, 10001, 0); /* an entry that leaves no outcome behind */
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    reopens_alike();
    assert_int_equal(
        request((struct request){
            .session = 1, .sequence = 1, .name = "b", .principal = "bob", .at_ms = 10001}),
        BX_OK);
    reopens_alike();
    request((struct request){.session = 1, .sequence = 2, .name = "c", .at_ms = 10001});
    assert_int_equal(t.last.code, BX_CONFLICT);
    request((struct request){.session = 2, .sequence = 6, .name = "a", .at_ms = 10001});
    assert_int_equal(t.last.code, BX_OK);
    bx_buf_release(&b.buf);
}

static size_t dumped(void)
{
    struct bx_buf dump = {0};
    size_t n;

    test_fsm_dump(&t, &dump);
    n = dump.len;
    bx_buf_release(&dump);
    return n;
}

/* An outcome that nobody may ask for any more is not stored any more, either. */
TEST(outcomes_below_the_floor_are_not_stored)
{
    struct request r = {.session = 1, .sequence = 1, .name = "a"};
    size_t before;

    assert_int_equal(request(r), BX_OK);
    r.sequence = 2;
    assert_int_equal(request(r), BX_EXISTS);
    r.sequence = r.floor = 3;
    assert_int_equal(request(r), BX_EXISTS);
    before = dumped();
    while (r.sequence < 50) {
        r.sequence = ++r.floor;
        assert_int_equal(request(r), BX_EXISTS);
    }
    assert_int_equal(dumped(), before);
}

/* Nor do answers expire because a leader's clock is wrong: only time that passed makes them. */
TEST(a_wrong_clock_makes_no_answer_expire)
{
    const uint64_t ahead = WALL + 3600000;
    struct answer a;

    request((struct request){.session = 1, .sequence = 1, .name = "a"});
    a = answer();
    request((struct request){.session = 1, .sequence = 1, .name = "a", .wall_ms = ahead});
    is_first_answer(&a);
    request((struct request){.session = 2, .sequence = 1, .name = "b", .wall_ms = ahead});
    test_fsm_reopen(&t);
    request((struct request){
        .session = 1, .sequence = 1, .name = "a", .at_ms = 10000, .wall_ms = ahead});
    assert_memory_equal(t.last.object, a.o.object, 16);
    /* And a clock that was ahead does not make them live longer. */
    assert_int_equal(
        request((struct request){
            .session = 1, .sequence = 1, .name = "c", .principal = "bob", .at_ms = 10001}),
        BX_OK);
}

/* The entry of a build that knew no other time than the leader's wall clock. */
static int request_of_version_1(uint8_t session, uint64_t sequence, uint64_t wall_ms)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_VM_DELETE, .session = {session}, .sequence = sequence};
    struct bx_cmd_vm_delete body = {.vm = bx_str("nothing")};
    struct test_batch b = {0};

    test_batch_add(&b, &head, &body);
    test_batch_seal(&b, t.index, wall_ms);
    bx_header_seal(b.buf.data, BX_KIND_BATCH, 1, BX_CODEC_FLAT,
                   (uint32_t)(b.buf.len - BX_HEADER_SIZE));
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    return t.last.code;
}

/* There sessions expired by the wall clock, and do so again when such a log is replayed. */
TEST(entries_of_version_1_expire_by_the_wall_clock)
{
    for (uint8_t i = 1; i <= 3; i++)
        assert_int_equal(request_of_version_1(i, 1, WALL), BX_NOT_FOUND);
    assert_int_equal(request_of_version_1(4, 1, WALL + 10000), BX_BUSY);
    assert_int_equal(request_of_version_1(4, 1, WALL + 10001), BX_NOT_FOUND);
    /* From then on what leaders measure counts. */
    assert_int_equal(request((struct request){.session = 5, .sequence = 1, .name = "a"}), BX_OK);
    request((struct request){
        .session = 6, .sequence = 1, .name = "b", .at_ms = 9999, .wall_ms = WALL + 99999});
    assert_int_equal(t.last.code, BX_OK);
    request((struct request){.session = 7, .sequence = 1, .name = "c", .at_ms = 10000});
    assert_int_equal(t.last.code, BX_BUSY);
    request((struct request){.session = 7, .sequence = 1, .name = "c", .at_ms = 10001});
    assert_int_equal(t.last.code, BX_OK);
}

TEST(answers_survive_a_restore)
{
    struct answer a[3];
    struct bx_buf dump = {0};
    uint64_t digest, index;

    three_requests(a);
    test_fsm_dump(&t, &dump);
    digest = test_fsm_digest(&t);
    index = t.index;
    /* What comes after the dump was taken is forgotten again. */
    request((struct request){.session = 1, .sequence = 3, .floor = 3, .name = "x"});
    assert_int_equal(test_fsm_restore(t.fsm, dump.data, dump.len, index, digest), BX_OK);
    t.event_index = test_fsm_revision(&t);
    t.index = index;
    still_known(a);
    bx_buf_release(&dump);
}

/* A dump from before sessions had a time of their own: theirs is that of the cluster. */
TEST(a_dump_of_version_1_takes_the_time_of_the_cluster)
{
    uint64_t at, session_ms = htole64(WALL);
    struct bx_buf dump = {0};

    for (uint8_t i = 1; i <= 3; i++)
        request_of_version_1(i, 1, WALL);
    test_fsm_dump(&t, &dump);
    for (at = 0; memcmp(dump.data + at, &session_ms, 8) != 0; at++)
        assert_true(at < 64);
    memset(dump.data + at, 0, 8); /* the first of the two, its own */
    assert_int_equal(test_fsm_restore(t.fsm, dump.data, dump.len, t.index, test_fsm_digest(&t)),
                     BX_OK);
    request((struct request){.session = 4, .sequence = 1, .name = "a", .at_ms = 10000});
    assert_int_equal(t.last.code, BX_BUSY);
    request((struct request){.session = 4, .sequence = 1, .name = "a", .at_ms = 10001});
    assert_int_equal(t.last.code, BX_OK);
    bx_buf_release(&dump);
}

int main(void)
{
    return test_run(session_setup, session_teardown);
}
