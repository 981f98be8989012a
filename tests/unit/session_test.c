/* Exactly once, against session.h: a repeat gets the first answer, and whatever is not that
 * repeat is refused; on every replica alike, after a restart, and after a restore. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include "codec/header.h"
#include "state/session.h"

#include <string.h>

#define WALL 2000000u

static struct test_fsm t;
static uint64_t now_ms; /* that leaders have measured */

static int setup(void **state)
{
    (void)state;
    t.options.sessions_max = 3;
    t.options.session_ttl_ms = 10000;
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    now_ms = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

struct request {
    uint8_t session;
    uint64_t sequence, floor, at_ms;
    uint64_t wall_ms; /* 0: the leader's clock goes right */
    const char *principal, *name;
    uint8_t body; /* makes bodies differ */
};

/* What passed since the entry before; at 0: nothing. */
static void seal_at(struct test_batch *b, uint64_t at_ms, uint64_t wall_ms)
{
    if (at_ms > now_ms) {
        b->elapsed_ms = (uint32_t)(at_ms - now_ms);
        now_ms = at_ms;
    }
    test_batch_seal(b, t.index, wall_ms == 0 ? WALL + now_ms : wall_ms);
}

/* A create of the VM `name` under a request id; returns the outcome's code. */
static int request(struct request r)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE,
                                 .session = {r.session},
                                 .sequence = r.sequence,
                                 .floor = r.floor,
                                 .principal = bx_str(r.principal == NULL ? "alice" : r.principal)};
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct test_batch b = {0};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(r.name);
    c.config.disk_gib = 0;
    c.config.memory_mib = 128 + r.body;
    test_batch_add(&b, &head, &c);
    seal_at(&b, r.at_ms, r.wall_ms);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    return t.last.code;
}

struct answer {
    struct bx_outcome o;
    char message[BX_ERR_MSG], hint[BX_ERR_HINT];
    uint64_t revision, digest;
};

static struct answer answer(void)
{
    struct answer a = {
        .o = t.last, .revision = test_fsm_revision(&t), .digest = test_fsm_digest(&t)};

    memcpy(a.message, t.message, sizeof a.message);
    memcpy(a.hint, t.hint, sizeof a.hint);
    return a;
}

/* The answer is the first one, and nothing was done. */
static void is_first_answer(const struct answer *a)
{
    assert_int_equal(t.last.code, a->o.code);
    assert_memory_equal(t.last.object, a->o.object, 16);
    assert_int_equal(t.last.revision, a->o.revision);
    assert_int_equal(t.last.node, a->o.node);
    assert_int_equal(t.last.existed, a->o.existed);
    assert_string_equal(t.message, a->message);
    assert_string_equal(t.hint, a->hint);
    assert_int_equal(test_fsm_revision(&t), a->revision);
    assert_true(test_fsm_digest(&t) == a->digest);
}

static void refused(int code, const char *words, const struct answer *a)
{
    assert_int_equal(t.last.code, code);
    assert_non_null(strstr(t.message, words));
    assert_true(t.hint[0] != '\0');
    assert_int_equal(test_fsm_revision(&t), a->revision);
    assert_true(test_fsm_digest(&t) == a->digest);
}

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
    refused(BX_BUSY, "full", &a);
    request((struct request){.session = 3, .sequence = 2, .name = "e", .at_ms = 10000});
    assert_int_equal(t.last.code, BX_OK); /* a session that is known goes on */

    /* The first is used no more: after its time to live, not before, there is room. */
    assert_int_equal(
        request((struct request){.session = 4, .sequence = 1, .name = "d", .at_ms = 10001}), BX_OK);
    a = answer();
    request((struct request){.session = 1, .sequence = 1, .name = "a", .at_ms = 10001});
    refused(BX_BUSY, "full", &a); /* forgotten; a new one finds no room */

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
    refused(BX_BUSY, "full", &a);
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

/* ---- what is stored ---- */

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
    refused(BX_BUSY, "full", &a[2]);
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
    assert_int_equal(bx_fsm_restore_begin(t.fsm, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_chunk(t.fsm, dump.data, dump.len, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_finish(t.fsm, index, digest, NULL), BX_OK);
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
    assert_int_equal(bx_fsm_restore_begin(t.fsm, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_chunk(t.fsm, dump.data, dump.len, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_finish(t.fsm, t.index, test_fsm_digest(&t), NULL), BX_OK);
    request((struct request){.session = 4, .sequence = 1, .name = "a", .at_ms = 10000});
    assert_int_equal(t.last.code, BX_BUSY);
    request((struct request){.session = 4, .sequence = 1, .name = "a", .at_ms = 10001});
    assert_int_equal(t.last.code, BX_OK);
    bx_buf_release(&dump);
}

int main(void)
{
    return test_run(setup, teardown);
}
