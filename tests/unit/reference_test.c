/* reference.h: what a request means is looked up before it is proposed, and a command is refused
 * when that has changed until it is applied. Commands of older builds, which carry no uuid and no
 * id, do what they did. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "mem/alloc.h"
#include "state/fsm_priv.h"
#include "state/reference.h"

#include <string.h>
#include <time.h>

static uint8_t web[16], db[16];
static const uint8_t none[16];

static int setup(void **state)
{
    test_fsm_setup(state);
    test_fsm_node(&t, 2, "n2");
    test_fsm_vm(&t, "web", BX_RESTART_ALWAYS, web);
    test_fsm_vm(&t, "db", BX_RESTART_NEVER, db);
    return 0;
}

static const struct bx_vm *vm_of(const uint8_t uuid[16])
{
    return bx_view_vm(bx_fsm_view(t.fsm), uuid);
}

/* The first n characters of the uuid's text. */
static const char *prefix(const uint8_t uuid[16], unsigned n)
{
    static char text[BX_UUID_TEXT];

    bx_uuid_format(uuid, text);
    text[n] = '\0';
    return text;
}

/* As clients do: a session of its own for each request. */
static int send_in(uint8_t session, uint16_t kind, const void *body)
{
    struct bx_cmd_header head = {
        .kind = kind, .session = {session}, .sequence = session != 0, .floor = session != 0};

    return test_fsm_call(&t, &head, body);
}

static int delete_vm(const char *ref, const uint8_t uuid[16])
{
    struct bx_cmd_vm_delete b = {.vm = bx_str(ref)};

    memcpy(b.uuid, uuid, 16);
    return send_in(0, BX_CMD_VM_DELETE, &b);
}

static int rename_vm(const char *ref, const uint8_t uuid[16], const char *name)
{
    struct bx_cmd_vm_rename b = {.vm = bx_str(ref), .name = bx_str(name)};

    memcpy(b.uuid, uuid, 16);
    return send_in(0, BX_CMD_VM_RENAME, &b);
}

static int stop_vm(const char *ref, const uint8_t uuid[16])
{
    struct bx_cmd_vm_desire b = {.vm = bx_str(ref), .desired = BX_DESIRED_STOPPED};

    memcpy(b.uuid, uuid, 16);
    return send_in(0, BX_CMD_VM_DESIRE, &b);
}

static void refused(int code, const char *words, const uint8_t about[16])
{
    assert_int_equal(t.last.code, code);
    assert_memory_equal(t.last.object, about, 16);
    if (strstr(t.message, words) == NULL || t.hint[0] == '\0')
        fail_msg("\"%s\" lacks \"%s\", or the hint is missing", t.message, words);
}

/* ---- looking up ---- */

static int look_up(const char *ref, bool exact, uint8_t uuid[16])
{
    struct bx_reference r = {.ref = bx_str(ref), .exact = exact};
    struct bx_err err = {0};
    int rc = bx_reference_vm(t.fsm, &r, uuid, &err);

    if (rc != BX_OK)
        assert_true(err.msg[0] != '\0' && err.hint[0] != '\0');
    return rc;
}

static void is_meant(const char *ref, bool exact, const uint8_t vm[16])
{
    uint8_t uuid[16];

    assert_int_equal(look_up(ref, exact, uuid), BX_OK);
    assert_memory_equal(uuid, vm, 16);
}

TEST(a_name_a_uuid_and_its_beginning_are_looked_up)
{
    uint8_t uuid[16];

    is_meant("web", true, web);
    is_meant(prefix(web, 36), true, web);
    is_meant(prefix(web, 35), false, web);
    is_meant(prefix(web, 8), false, web);
    assert_int_equal(look_up("nothing", false, uuid), BX_NOT_FOUND);
}

TEST(an_exact_reference_is_no_beginning_of_a_uuid)
{
    uint8_t uuid[16];

    assert_int_equal(look_up(prefix(web, 35), true, uuid), BX_NOT_FOUND);
    assert_int_equal(look_up(prefix(web, 8), true, uuid), BX_NOT_FOUND);
}

TEST(a_whole_uuid_is_no_name_of_another_vm)
{
    rename_vm("db", db, prefix(web, 36));
    is_meant(prefix(web, 36), false, web);
    assert_int_equal(delete_vm(prefix(web, 36), web), BX_OK);
    assert_memory_equal(t.last.object, web, 16);
}

TEST(a_repeat_means_what_its_outcome_was_about)
{
    struct bx_cmd_vm_delete b = {.vm = bx_str("web")};
    struct bx_reference r = {.ref = bx_str("web"), .session = {7}, .sequence = 1, .exact = true};
    uint64_t revision;
    uint8_t uuid[16];

    memcpy(b.uuid, web, 16);
    assert_int_equal(send_in(7, BX_CMD_VM_DELETE, &b), BX_OK);
    revision = t.last.revision;
    rename_vm("web", web, "www"); /* refused: it is being deleted */
    rename_vm("db", db, "db2");
    assert_int_equal(bx_reference_vm(t.fsm, &r, uuid, NULL), BX_OK);
    assert_memory_equal(uuid, web, 16);
    assert_int_equal(send_in(7, BX_CMD_VM_DELETE, &b), BX_OK);
    assert_int_equal(t.last.revision, revision);
    r.sequence = 2; /* a new request */
    r.ref = bx_str("db2");
    assert_int_equal(bx_reference_vm(t.fsm, &r, uuid, NULL), BX_OK);
    assert_memory_equal(uuid, db, 16);
}

TEST(a_repeat_of_a_refusal_means_the_same_vm)
{
    struct bx_cmd_vm_delete b = {.vm = bx_str("web")};
    struct bx_reference r = {.ref = bx_str("web"), .session = {7}, .sequence = 1};
    uint8_t uuid[16];

    rename_vm("web", web, "www");
    rename_vm("db", db, "web");
    memcpy(b.uuid, web, 16);
    assert_int_equal(send_in(7, BX_CMD_VM_DELETE, &b), BX_CONFLICT);
    assert_int_equal(bx_reference_vm(t.fsm, &r, uuid, NULL), BX_OK);
    assert_memory_equal(uuid, web, 16);
    assert_int_equal(send_in(7, BX_CMD_VM_DELETE, &b), BX_CONFLICT);
}

/* As below feature level 2, where a command has no uuid. */
TEST(a_repeat_of_a_refusal_that_names_no_vm_is_refused_again)
{
    struct bx_cmd_vm_delete b = {.vm = bx_str("nothing")};
    struct bx_reference r = {.ref = bx_str("nothing"), .session = {7}, .sequence = 1};
    struct bx_err err = {0};
    uint8_t uuid[16];

    assert_int_equal(send_in(7, BX_CMD_VM_DELETE, &b), BX_NOT_FOUND);
    rename_vm("web", web, "nothing");
    assert_int_equal(bx_reference_vm(t.fsm, &r, uuid, &err), BX_NOT_FOUND);
    assert_true(r.answered);
    assert_string_equal(err.msg, "no VM \"nothing\"");
    assert_string_equal(err.hint, "blixardctl vm list shows the VMs");
}

TEST(an_id_that_was_used_for_something_else_is_refused)
{
    struct bx_cmd_tenant_create b = {.name = bx_str("acme")};
    struct bx_reference r = {.ref = bx_str("web"), .session = {7}, .sequence = 1};
    uint8_t uuid[16];

    assert_int_equal(send_in(7, BX_CMD_TENANT_CREATE, &b), BX_OK);
    assert_int_equal(bx_reference_vm(t.fsm, &r, uuid, NULL), BX_CONFLICT);
}

TEST(a_node_is_looked_up_by_name_and_id)
{
    struct bx_reference r = {.ref = bx_str("n2")};
    struct bx_err err;
    uint64_t id = 0;

    assert_int_equal(bx_reference_node(t.fsm, &r, &id, &err), BX_OK);
    assert_int_equal(id, 2);
    r.ref = bx_str("1");
    assert_int_equal(bx_reference_node(t.fsm, &r, &id, &err), BX_OK);
    assert_int_equal(id, 1);
    r.ref = bx_str("n3");
    assert_int_equal(bx_reference_node(t.fsm, &r, &id, &err), BX_NOT_FOUND);
}

/* ---- applying ---- */

TEST(a_command_concerns_the_vm_that_was_looked_up)
{
    assert_int_equal(stop_vm("web", web), BX_OK);
    assert_memory_equal(t.last.object, web, 16);
    assert_int_equal(rename_vm(prefix(web, 8), web, "www"), BX_OK);
    assert_int_equal(delete_vm("www", web), BX_OK);
    assert_int_equal(vm_of(web)->desired, BX_DESIRED_DELETED);
    assert_int_equal(vm_of(db)->desired, BX_DESIRED_RUNNING);
}

TEST(a_name_that_went_to_another_vm_is_refused)
{
    rename_vm("web", web, "www");
    rename_vm("db", db, "web");
    assert_int_equal(delete_vm("web", web), BX_CONFLICT);
    refused(BX_CONFLICT, "\"web\" no longer means VM \"www\"", web);
    assert_int_equal(stop_vm("web", web), BX_CONFLICT);
    assert_int_equal(rename_vm("web", web, "x"), BX_CONFLICT);
    assert_int_equal(vm_of(web)->desired, BX_DESIRED_RUNNING);
    assert_int_equal(vm_of(db)->desired, BX_DESIRED_RUNNING);
}

TEST(a_vm_that_is_gone_is_not_the_next_one_of_its_name)
{
    struct bx_cmd_vm_report r = {.phase = BX_PHASE_STOPPED};
    uint8_t next[16];

    delete_vm("web", web);
    r.node = vm_of(web)->node;
    r.epoch = vm_of(web)->epoch;
    memcpy(r.vm, web, 16);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &r), BX_OK);
    assert_null(vm_of(web));
    test_fsm_vm(&t, "web", BX_RESTART_NEVER, next);
    assert_int_equal(delete_vm("web", web), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "\"web\" was deleted", web);
    assert_int_equal(vm_of(next)->desired, BX_DESIRED_RUNNING);
}

TEST(a_beginning_that_became_a_name_is_refused)
{
    char digits[5];

    snprintf(digits, sizeof digits, "%.4s", prefix(web, 36));
    rename_vm("db", db, digits);
    assert_int_equal(stop_vm(digits, web), BX_CONFLICT);
    refused(BX_CONFLICT, "no longer means VM \"web\"", web);
    assert_int_equal(stop_vm(digits, db), BX_OK);
    assert_int_equal(stop_vm(prefix(web, 36), web), BX_OK);
}

TEST(a_node_of_the_name_that_is_not_the_one_meant_stays)
{
    struct bx_cmd_node_state down = {.id = 2, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove b = {.node = bx_str("n2"), .id = 1, .confirm_dead = true};

    test_fsm_apply(&t, BX_CMD_NODE_STATE, &down);
    assert_int_equal(send_in(0, BX_CMD_NODE_REMOVE, &b), BX_CONFLICT);
    refused(BX_CONFLICT, "\"n2\" no longer means node \"n1\"", none);
    assert_int_equal(t.last.node, 1);
    b.id = 9;
    assert_int_equal(send_in(0, BX_CMD_NODE_REMOVE, &b), BX_NOT_FOUND);
    b.id = 2;
    assert_int_equal(send_in(0, BX_CMD_NODE_REMOVE, &b), BX_OK);
    assert_null(bx_view_node(bx_fsm_view(t.fsm), 2));
}

/* ---- logs of older builds ---- */

TEST(old_entries_do_what_they_did)
{
    char digits[5];

    snprintf(digits, sizeof digits, "%.4s", prefix(web, 36));
    rename_vm("db", none, digits);
    assert_int_equal(stop_vm(digits, none), BX_OK); /* a name first */
    assert_memory_equal(t.last.object, db, 16);
    rename_vm(digits, none, "db");
    assert_int_equal(delete_vm(digits, none), BX_OK); /* and then the beginning of a uuid */
    assert_memory_equal(t.last.object, web, 16);
    assert_int_equal(rename_vm("db", none, prefix(web, 36)), BX_OK);
    assert_int_equal(delete_vm(prefix(web, 36), none), BX_OK); /* a name before a whole uuid */
    assert_memory_equal(t.last.object, db, 16);
    assert_int_equal(delete_vm("nothing", none), BX_NOT_FOUND);
    assert_string_equal(t.message, "no VM \"nothing\"");
    assert_memory_equal(t.last.object, none, 16);
}

/* ---- what it costs ---- */

#define MANY 20000u
#define LOOK_UPS 20000u

static void add_many(struct bx_view *v)
{
    struct bx_vm_config c;
    struct bx_vm d = {.config = &c};
    uint64_t seed = 5, r;
    char name[24];

    bx_vm_config_init(&c);
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many-%u", i);
        c.name = bx_str(name);
        d.created_index = 1000 + i;
        for (size_t at = 0; at < 16; at += 8) {
            r = test_random(&seed);
            memcpy(d.uuid + at, &r, 8);
        }
        bx_view_swap(v, NULL, bx_row_make(&v->home, BX_TABLE_VM, &d));
    }
}

/* Comparing each of them takes seconds. */
TEST(no_reference_looks_at_all_vms)
{
    struct bx_alloc_stats before, after;
    const struct bx_vm *vm;
    const struct bx_node_row *node;
    char ref[8];
    clock_t start;

    add_many(&t.fsm->view);
    bx_alloc_stats(&before);
    start = clock();
    for (uint32_t i = 0; i < LOOK_UPS; i++) {
        snprintf(ref, sizeof ref, "%05x", i * 37 % 0xfffff);
        (void)bx_view_find_vm(bx_fsm_view(t.fsm), bx_str(ref), &vm, NULL);
    }
    assert_true(clock() - start < CLOCKS_PER_SEC / 10);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(bx_view_find_node(bx_fsm_view(t.fsm), bx_str("n2"), &node, NULL), BX_OK);
        assert_int_equal(bx_view_find_node(bx_fsm_view(t.fsm), bx_str("2"), &node, NULL), BX_OK);
    }
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations);
}

int main(void)
{
    return test_run(setup, test_fsm_teardown);
}
