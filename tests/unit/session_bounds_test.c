/* The bounds of sessions, against session.h: what is refused takes no place from what was carried
 * out, what one principal has taken is not missing to another, and nodes always find room. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include <sqlite3.h>
#include <string.h>

#define WALL 2000000u

static struct test_fsm t;

static int setup(void **state)
{
    (void)state;
    test_fsm_open(&t);
    test_fsm_cluster(&t, 2);
    test_fsm_node(&t, 1, "n1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

/* With a table of so many held sessions. */
static void bounded(uint32_t max)
{
    test_fsm_close(&t);
    t.options.sessions_max = max;
    setup(NULL);
}

static struct bx_cmd_header head_of(uint16_t kind, const char *principal, uint64_t session)
{
    struct bx_cmd_header h = {
        .kind = kind, .sequence = 1, .floor = 1, .principal = bx_str(principal)};

    bx_put64(h.session, session);
    bx_put64(h.session + 8, bx_hash(principal, strlen(principal)));
    return h;
}

/* One that changes nothing and is no refusal: it must be kept all the same. */
static int succeed(const char *principal, uint64_t session)
{
    struct bx_cmd_header h = head_of(BX_CMD_NODE_STATE, principal, session);
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};

    return test_fsm_call(&t, &h, &body);
}

static int refused(const char *principal, uint64_t session, const char *vm)
{
    struct bx_cmd_header h = head_of(BX_CMD_VM_DELETE, principal, session);

    return test_fsm_call(&t, &h, &(struct bx_cmd_vm_delete){.vm = bx_str(vm)});
}

/* Many in one entry each. */
static void flood(uint16_t kind, const void *body, const char *principal, uint64_t first,
                  uint64_t count)
{
    struct test_batch b = {0};

    for (uint64_t i = 0; i < count; i++) {
        struct bx_cmd_header h = head_of(kind, principal, first + i);

        test_batch_add(&b, &h, body);
        if (b.n < BX_BATCH_COMMANDS_MAX && i + 1 < count)
            continue;
        test_batch_seal(&b, t.index, WALL);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        test_batch_clear(&b);
    }
    bx_buf_release(&b.buf);
}

static void flood_refused(const char *principal, uint64_t first, uint64_t count)
{
    struct bx_cmd_vm_delete body = {.vm = bx_str("nothing")};

    flood(BX_CMD_VM_DELETE, &body, principal, first, count);
}

static void flood_held(const char *principal, uint64_t first, uint64_t count)
{
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};

    flood(BX_CMD_NODE_STATE, &body, principal, first, count);
}

static int64_t query(const char *sql)
{
    sqlite3_stmt *st;
    sqlite3 *db;
    int64_t n;

    assert_int_equal(sqlite3_open_v2(t.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static int64_t stored_bytes(void)
{
    return query("SELECT coalesce(sum(length(data)), 0) FROM outcomes");
}

/* ---- refusals ---- */

TEST(refusals_take_no_place_from_what_was_carried_out)
{
    flood_refused("mallory", 1, 70000);
    assert_int_equal(succeed("mallory", 100000), BX_OK);
    assert_int_equal(succeed("alice", 1), BX_OK);
    assert_int_equal(succeed("node", 1), BX_OK);
}

TEST(refusals_take_bounded_space)
{
    int64_t bytes;

    flood_refused("mallory", 1, 20000);
    bytes = stored_bytes();
    flood_refused("mallory", 100000, 20000);
    assert_int_equal(stored_bytes(), bytes);
    assert_true(bytes < 4 << 20);
}

/* A copy of a refused request must not be carried out after the client was told. */
TEST(a_refusal_is_remembered_until_its_principal_has_many_others)
{
    assert_int_equal(refused("alice", 1, "web"), BX_NOT_FOUND);
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK);
    flood_refused("mallory", 1, 20000);
    assert_int_equal(refused("alice", 1, "web"), BX_NOT_FOUND);
    flood_refused("alice", 100, 1000);
    assert_int_equal(refused("alice", 1, "web"), BX_NOT_FOUND);
    flood_refused("alice", 10000, 20000);
    assert_int_equal(refused("alice", 1, "web"), BX_OK);
}

/* What goes on is a session that has carried out something. */
TEST(a_held_session_keeps_its_place_with_refusals)
{
    struct bx_cmd_header h = head_of(BX_CMD_VM_DELETE, "alice", 1);
    uint64_t revision;

    bounded(16);
    assert_int_equal(succeed("alice", 1), BX_OK);
    h.sequence = h.floor = 2; /* the outcome of 1 is of no use any more */
    assert_int_equal(test_fsm_call(&t, &h, &(struct bx_cmd_vm_delete){.vm = bx_str("web")}),
                     BX_NOT_FOUND);
    flood_refused("alice", 100, 100);
    test_fsm_reopen(&t);
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK);
    revision = test_fsm_revision(&t);
    assert_int_equal(test_fsm_call(&t, &h, &(struct bx_cmd_vm_delete){.vm = bx_str("web")}),
                     BX_NOT_FOUND);
    assert_int_equal(test_fsm_revision(&t), revision);
}

static struct bx_session_stats stats(void)
{
    struct bx_session_stats s;

    bx_fsm_session_stats(t.fsm, &s);
    return s;
}

/* Builds word them differently, and all must come to the same table. */
TEST(refusals_count_alike_however_they_are_worded)
{
    char name[256] = {0};
    uint64_t one;

    memset(name, 'x', sizeof name - 1);
    refused("alice", 1, "a");
    one = stats().spare_bytes;
    refused("bob", 1, name);
    assert_int_equal(stats().spare_bytes, 2 * one);
    assert_int_equal(succeed("alice", 2), BX_OK);
    assert_true(stats().held_bytes < one);
    test_fsm_reopen(&t);
    assert_int_equal(stats().spare_bytes, 2 * one);
}

/* ---- rows ---- */

static void add_refused(struct test_batch *b, uint64_t session, uint64_t sequence)
{
    struct bx_cmd_header h = head_of(BX_CMD_VM_DELETE, "alice", session);

    h.sequence = h.floor = sequence;
    test_batch_add(b, &h, &(struct bx_cmd_vm_delete){.vm = bx_str("nothing")});
}

static void add_held(struct test_batch *b, uint64_t session)
{
    struct bx_cmd_header h = head_of(BX_CMD_NODE_STATE, "alice", session);

    test_batch_add(b, &h, &(struct bx_cmd_node_state){.id = 1, .state = BX_NODE_UP});
}

static void feed(struct test_batch *b)
{
    test_batch_seal(b, t.index, WALL);
    test_fsm_feed(&t, b);
    test_fsm_commit(&t);
    test_batch_clear(b);
}

/* A refused session whose first outcome is below its floor, and in a row that others keep. When it
 * is displaced, no row tells of it any more. */
TEST(what_was_displaced_stays_away_after_a_restart)
{
    struct test_batch b = {0};

    bounded(64);
    add_refused(&b, 1, 1);
    for (uint64_t i = 0; i < 4; i++)
        add_held(&b, 10 + i);
    feed(&b);
    add_refused(&b, 1, 2);
    feed(&b);
    flood_refused("alice", 100, 20);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_int_equal(test_fsm_vm(&t, "nothing", 0, NULL), BX_OK);
    assert_int_equal(refused("alice", 1, "nothing"), BX_OK);
    bx_buf_release(&b.buf);
}

/* What a row holds of no use is at most as much as the rest. */
TEST(rows_are_written_again_when_most_of_them_is_dropped)
{
    struct bx_cmd_header h = head_of(BX_CMD_NODE_STATE, "alice", 1);
    struct bx_cmd_node_state up = {.id = 1, .state = BX_NODE_UP};
    struct test_batch b = {0};
    int64_t full;

    add_held(&b, 2);
    for (h.sequence = 1; h.sequence <= 400; h.sequence++)
        test_batch_add(&b, &h, &up);
    feed(&b);
    full = stored_bytes();
    h.floor = 150;
    assert_int_equal(test_fsm_call(&t, &h, &up), BX_OK);
    assert_true(stored_bytes() >= full);
    h.floor = h.sequence = 402;
    assert_int_equal(test_fsm_call(&t, &h, &up), BX_OK);
    assert_true(stored_bytes() < full / 50);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_int_equal(succeed("alice", 2), BX_OK);
    bx_buf_release(&b.buf);
}

/* ---- shares ---- */

TEST(one_principal_takes_half_and_is_told_so)
{
    bounded(72); /* an eighth is for those who have little */
    flood_held("mallory", 1, 32);
    assert_int_equal(t.last.code, BX_OK);
    assert_int_equal(succeed("mallory", 33), BX_BUSY);
    assert_string_equal(t.message, "too many request ids of \"mallory\" are kept (32)");
    assert_non_null(strstr(t.hint, "sys.done"));
    assert_int_equal(refused("mallory", 34, "nothing"), BX_BUSY);
    assert_int_equal(succeed("mallory", 1), BX_OK); /* a repeat */
    for (uint64_t i = 1; i <= 16; i++)
        assert_int_equal(succeed("alice", i), BX_OK);
    assert_int_equal(succeed("alice", 17), BX_BUSY);
    assert_int_equal(succeed("bob", 1), BX_OK);
}

/* However many they are, the next one finds room. */
TEST(many_principals_leave_room_for_one_more)
{
    bounded(64);
    for (int i = 0; i < 10; i++) {
        char name[] = {'p', (char)('a' + i), 0};

        flood_held(name, 1, 64);
    }
    assert_int_equal(succeed("alice", 1), BX_OK);
    assert_int_equal(succeed("node", 1), BX_OK);
}

TEST(refusals_of_one_do_not_displace_those_of_another)
{
    bounded(64); /* 8 spare ones */
    assert_int_equal(refused("alice", 1, "web"), BX_NOT_FOUND);
    assert_int_equal(refused("bob", 1, "web"), BX_NOT_FOUND);
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK);
    flood_refused("mallory", 1, 1000);
    assert_int_equal(refused("alice", 1, "web"), BX_NOT_FOUND);
    assert_int_equal(refused("bob", 1, "web"), BX_NOT_FOUND);
}

/* At feature level 1 refusals have places, too, and one principal can have all. */
TEST(shares_begin_with_level_2)
{
    struct bx_cmd_cluster_upgrade up = {2};

    test_fsm_close(&t);
    t.options.sessions_max = 16;
    test_fsm_open(&t);
    test_fsm_cluster(&t, 1);
    test_fsm_node(&t, 1, "n1");
    flood_refused("mallory", 1, 16);
    assert_int_equal(succeed("alice", 1), BX_BUSY);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_UPGRADE, &up), BX_OK);
    assert_int_equal(succeed("node", 1), BX_OK);
    assert_int_equal(succeed("mallory", 1000), BX_BUSY);
    test_fsm_reopen(&t);
    assert_int_equal(succeed("node", 2), BX_OK);
    assert_int_equal(succeed("mallory", 1000), BX_BUSY);
}

/* ---- ends ---- */

static void end(const char *principal, uint64_t first, uint32_t count)
{
    struct bx_session_end ends[BX_SESSION_ENDS_MAX];
    struct bx_cmd_session_end body = {{ends, count}};

    for (uint32_t i = 0; i < count; i++) {
        struct bx_cmd_header h = head_of(BX_CMD_SESSION_END, principal, first + i);

        memcpy(ends[i].session, h.session, 16);
        ends[i].principal_hash = bx_hash(principal, strlen(principal));
    }
    assert_int_equal(test_fsm_apply(&t, BX_CMD_SESSION_END, &body), BX_OK);
}

TEST(what_is_ended_gives_its_place_back)
{
    bounded(72);
    flood_held("alice", 1, 32);
    assert_int_equal(succeed("alice", 33), BX_BUSY);
    end("alice", 1, 10);
    assert_int_equal(stats().held, 22);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_int_equal(stats().held, 22);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(succeed("alice", 100 + i), BX_OK);
    assert_int_equal(succeed("alice", 111), BX_BUSY);
    end("alice", 11, 22);
    end("alice", 101, 10);
    assert_int_equal(stats().held, 0);
    assert_int_equal(stored_bytes(), 0);
}

TEST(only_its_owner_ends_a_session)
{
    assert_int_equal(succeed("alice", 1), BX_OK);
    assert_int_equal(succeed("node", 1), BX_OK);
    end("bob", 1, 1);
    end("node", 1, 1); /* a node does not end its own */
    assert_int_equal(stats().held, 1);
    assert_int_equal(stats().nodes, 1);
    end("alice", 2, 1); /* there is none */
    end("alice", 1, 1);
    assert_int_equal(stats().held, 0);
}

/* ---- nodes ---- */

TEST(nodes_find_room_in_a_full_table)
{
    bounded(32);
    for (int i = 0; i < 26 * 4; i++) {
        char name[] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};

        flood_held(name, 1, 32);
    }
    assert_int_equal(succeed("zoe", 1), BX_BUSY);
    for (uint64_t i = 1; i < 1000; i++)
        assert_int_equal(succeed("node", i), BX_OK);
}

/* A node with many reports in one turn, of which none is answered yet. */
TEST(a_node_is_not_told_to_raise_its_floor)
{
    struct bx_cmd_header h = head_of(BX_CMD_NODE_STATE, "node", 1);
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};
    struct test_batch b = {0};

    for (h.sequence = 1; h.sequence <= 10 * 512; h.sequence++) {
        test_batch_add(&b, &h, &body);
        if (b.n < BX_BATCH_COMMANDS_MAX)
            continue;
        test_batch_seal(&b, t.index, WALL);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        assert_int_equal(t.last.code, BX_OK);
        test_batch_clear(&b);
    }
    bx_buf_release(&b.buf);
}

int main(void)
{
    return test_run(setup, teardown);
}
