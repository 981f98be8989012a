/* Exactly once, against session.h: a repeat gets the first answer, and whatever is not that repeat
 * is refused. */
#include "session_help.h"

#include "state/session.h"

#include <string.h>

TEST(a_repeat_gets_the_first_answer)
{
    struct answer made, not ;

    assert_int_equal(request((struct request){.session = 1, .sequence = 1, .name = "web"}), BX_OK);
    made = answer();
    request((struct request){.session = 1, .sequence = 1, .name = "web"});
    is_first_answer(&made);

    /* A refusal is an answer too: it stays when the reason for it is gone. */
    assert_int_equal(request((struct request){.session = 1, .sequence = 2, .name = "web"}),
                     BX_EXISTS);
    assert_int_equal(test_fsm_desire(&t, "web", BX_DESIRED_STOPPED, false, true), BX_OK);
    not = answer();
    request((struct request){.session = 1, .sequence = 2, .name = "web"});
    assert_int_equal(t.last.code, BX_EXISTS);
    assert_non_null(strstr(t.message, "web"));
    assert_int_equal(test_fsm_revision(&t), not .revision);
    request((struct request){.session = 1, .sequence = 1, .name = "web"});
    assert_int_equal(t.last.code, BX_OK);
    assert_memory_equal(t.last.object, made.o.object, 16);
}

/* Twice in one entry, and twice in one turn: the second finds what is not committed yet. */
TEST(a_repeat_within_a_turn_gets_the_first_answer)
{
    struct bx_cmd_header head = {.kind = BX_CMD_TOKEN_CREATE, .session = {1}, .sequence = 1};
    struct bx_cmd_token_create token = {.secret_hash = "x", .ttl_ms = 5};
    struct test_batch b = {0};
    uint64_t revision = test_fsm_revision(&t);

    test_batch_add(&b, &head, &token);
    test_batch_add(&b, &head, &token);
    test_batch_seal(&b, t.index, 2000000);
    test_fsm_feed(&t, &b);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    assert_int_equal(t.last.code, BX_OK);
    assert_int_equal(t.last.revision, revision + 1);
    assert_int_equal(test_fsm_revision(&t), revision + 1);
    bx_buf_release(&b.buf);
}

TEST(another_request_or_user_is_not_a_repeat)
{
    struct answer a;

    request((struct request){.session = 1, .sequence = 1, .name = "a"});
    a = answer();
    request((struct request){.session = 1, .sequence = 1, .name = "a", .body = 1});
    refused(BX_CONFLICT, "another request", &a);
    request((struct request){.session = 1, .sequence = 1, .name = "a", .principal = "bob"});
    refused(BX_CONFLICT, "another user", &a);
    request((struct request){.session = 1, .sequence = 2, .name = "b", .principal = "bob"});
    refused(BX_CONFLICT, "another user", &a);
    request((struct request){.session = 1, .sequence = 1, .name = "a"});
    is_first_answer(&a);
    assert_int_equal(
        request((struct request){.session = 2, .sequence = 1, .name = "c", .principal = "bob"}),
        BX_OK);
}

/* What the client no longer waits for is dropped, and a request below that refused. */
TEST(what_is_below_the_floor_is_dropped_and_refused)
{
    struct answer a;

    for (uint64_t i = 1; i <= 5; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(request((struct request){
                             .session = 1, .sequence = i, .floor = i == 5 ? 4 : 0, .name = name}),
                         BX_OK);
    }
    a = answer();
    for (uint64_t i = 1; i <= 3; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        request((struct request){.session = 1, .sequence = i, .name = name});
        refused(BX_CONFLICT, "was dropped", &a);
    }
    request((struct request){.session = 1, .sequence = 4, .name = "v4"});
    assert_int_equal(t.last.code, BX_OK);
    assert_int_equal(test_fsm_revision(&t), a.revision);
    /* A floor above its own sequence gives up what is below, not itself. */
    assert_int_equal(
        request((struct request){.session = 1, .sequence = 6, .floor = 99, .name = "v6"}), BX_OK);
    a = answer();
    request((struct request){.session = 1, .sequence = 6, .floor = 99, .name = "v6"});
    is_first_answer(&a);
    assert_int_equal(request((struct request){.session = 1, .sequence = 7, .name = "v7"}), BX_OK);
}

/* Out of order: what was sent first may arrive last. */
TEST(requests_may_arrive_out_of_order)
{
    struct answer a[4];

    for (uint64_t i = 4; i > 0; i--) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(request((struct request){.session = 1, .sequence = i, .name = name}),
                         BX_OK);
        a[i - 1] = answer();
    }
    for (uint64_t i = 1; i <= 4; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        request((struct request){.session = 1, .sequence = i, .name = name});
        assert_memory_equal(t.last.object, a[i - 1].o.object, 16);
        assert_int_equal(t.last.revision, a[i - 1].o.revision);
    }
}

TEST(full_sessions_wait_for_one_to_expire)
{
    struct answer a;

    request((struct request){.session = 1, .sequence = 1, .name = "a", .at_ms = 0});
    request((struct request){.session = 2, .sequence = 1, .name = "b", .at_ms = 5000});
    request((struct request){.session = 3, .sequence = 1, .name = "c", .at_ms = 5000});
    a = answer();
    request((struct request){.session = 4, .sequence = 1, .name = "d", .at_ms = 10000});
    refused(BX_BUSY, "too many request ids are kept (3)", &a);
    request((struct request){.session = 3, .sequence = 2, .name = "e", .at_ms = 10000});
    assert_int_equal(t.last.code, BX_OK); /* a session that is known goes on */

    /* The first is used no more: after its time to live, not before, there is room. */
    assert_int_equal(
        request((struct request){.session = 4, .sequence = 1, .name = "d", .at_ms = 10001}), BX_OK);
    a = answer();
    request((struct request){.session = 1, .sequence = 1, .name = "a", .at_ms = 10001});
    refused(BX_BUSY, "too many request ids are kept (3)",
            &a); /* forgotten; a new one finds no room */

    /* 3 was used at 10000, so it outlives 2. Forgotten means new: another principal may have it. */
    assert_int_equal(
        request((struct request){
            .session = 2, .sequence = 1, .name = "f", .principal = "bob", .at_ms = 15001}),
        BX_OK);
    a = answer();
    request((struct request){.session = 3, .sequence = 2, .name = "e", .at_ms = 15001});
    assert_int_equal(test_fsm_revision(&t), a.revision);
    assert_int_equal(t.last.code, BX_OK);

    /* Time that goes back is not followed. */
    request((struct request){.session = 5, .sequence = 1, .name = "g", .at_ms = 20001});
    assert_int_equal(t.last.code, BX_OK);
    a = answer();
    request((struct request){.session = 6, .sequence = 1, .name = "h", .wall_ms = 1});
    refused(BX_BUSY, "too many request ids are kept (3)", &a);
}

TEST(a_session_keeps_a_bounded_number_of_answers)
{
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_STATE, .session = {1}};
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};
    struct test_batch b = {0};

    while (head.sequence < BX_SESSION_OUTCOMES_MAX) {
        test_batch_clear(&b);
        for (int i = 0; i < 512; i++) {
            head.sequence++;
            test_batch_add(&b, &head, &body);
        }
        test_batch_seal(&b, t.index, WALL);
        test_fsm_feed(&t, &b);
    }
    test_fsm_commit(&t);
    assert_int_equal(t.last.code, BX_OK);
    head.sequence++;
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_BUSY);
    assert_non_null(strstr(t.hint, "lowest"));
    head.floor = 1; /* still waits for all of them */
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_BUSY);
    head.floor = 2; /* as the hint says */
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_OK);
    head.sequence++;
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_BUSY);
    head.floor = head.sequence;
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_OK);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    bx_buf_release(&b.buf);
}

/* A floor gives up what is below the request that brings it, and no more: an old one makes no room.
 */
TEST(an_old_request_makes_no_room)
{
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_STATE, .session = {1}, .sequence = 1};
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};

    while (head.sequence <= BX_SESSION_OUTCOMES_MAX) {
        head.sequence++;
        assert_int_equal(test_fsm_call(&t, &head, &body), BX_OK);
    }
    head.sequence = 1;
    head.floor = 99;
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_BUSY);
}

/* The leader's clock may go back; time does not. */
TEST(time_goes_on_when_a_clock_goes_back)
{
    struct bx_cluster_info info;

    request((struct request){.session = 1, .sequence = 1, .name = "a", .wall_ms = WALL + 5000});
    request((struct request){.session = 1, .sequence = 2, .name = "b", .wall_ms = WALL + 4000});
    bx_view_cluster(bx_fsm_view(t.fsm), &info);
    assert_int_equal(info.time_ms, WALL + 5000);
    request((struct request){.session = 1, .sequence = 3, .name = "c", .wall_ms = WALL + 5001});
    bx_view_cluster(bx_fsm_view(t.fsm), &info);
    assert_int_equal(info.time_ms, WALL + 5001);
}

int main(void)
{
    return test_run(session_setup, session_teardown);
}
