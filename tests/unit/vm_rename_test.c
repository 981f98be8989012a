/* vm rename: another name for the same VM. The index of names follows, a refusal leaves everything
 * as it was, and both survive a restart and a dump. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/fsm_priv.h"
#include "state/tenant.h"

#include <string.h>

static uint8_t web[16], db[16];

static int setup(void **state)
{
    test_fsm_setup(state);
    test_fsm_vm(&t, "web", BX_RESTART_ALWAYS, web);
    test_fsm_vm(&t, "db", BX_RESTART_NEVER, db);
    return 0;
}

static int rename_vm(const char *vm, const char *name)
{
    struct bx_cmd_vm_rename c = {.vm = bx_str(vm), .name = bx_str(name)};

    return test_fsm_apply(&t, BX_CMD_VM_RENAME, &c);
}

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static void is_named(const uint8_t uuid[16], const char *name)
{
    const struct bx_vm *vm = bx_view_named(view(), BX_TABLE_VM, bx_str(name));

    assert_non_null(vm);
    assert_memory_equal(vm->uuid, uuid, 16);
    assert_ptr_equal(vm, bx_view_vm(view(), uuid));
    assert_string_equal(vm->name->s, name);
}

static void nobody_is_named(const char *name)
{
    assert_null(bx_view_named(view(), BX_TABLE_VM, bx_str(name)));
}

static void refused(int code, const char *words, const char *hint)
{
    test_fsm_refused(&t, code, words, hint);
}

TEST(only_the_name_changes)
{
    struct bx_vm before = *bx_view_vm(view(), web);
    const struct bx_vm_config *config = before.config;
    const struct bx_vm *vm;

    assert_int_equal(rename_vm("web", "www"), BX_OK);
    assert_false(t.last.existed);
    assert_memory_equal(t.last.object, web, 16);
    assert_int_equal(t.last.node, 1);
    is_named(web, "www");
    nobody_is_named("web");
    vm = bx_view_vm(view(), web);
    assert_int_equal(vm->epoch, before.epoch);
    assert_int_equal(vm->phase, before.phase);
    assert_int_equal(vm->desired, before.desired);
    assert_int_equal(vm->node, before.node);
    assert_int_equal(vm->created_index, before.created_index);
    assert_int_equal(vm->modified_index, test_fsm_revision(&t));
    assert_ptr_equal(vm->config, config); /* shared as before */
    assert_int_equal(bx_view_usage(view(), bx_str("default")).vms, 2);
}

static void check_event(void *ctx, const struct bx_event *e)
{
    (void)ctx;
    assert_int_equal(e->type, BX_EVENT_VM_RENAMED);
    assert_true(bx_str_eq(e->object, bx_str("www")));
    assert_true(bx_str_eq(e->node, bx_str("n1")));
    assert_true(bx_str_eq(e->detail, bx_str("web")));
}

TEST(the_event_has_both_names)
{
    uint64_t before = test_fsm_revision(&t);
    uint32_t n;

    rename_vm("web", "www");
    assert_int_equal(bx_fsm_events(t.fsm, before, 9, check_event, NULL, &n, NULL), BX_OK);
    assert_int_equal(n, 1);
}

TEST(a_vm_is_named_by_its_uuid_as_well)
{
    char text[BX_UUID_TEXT];

    bx_uuid_format(web, text);
    assert_int_equal(rename_vm(text, "www"), BX_OK);
    is_named(web, "www");
}

TEST(its_own_name_changes_nothing)
{
    uint64_t digest = test_fsm_digest(&t), revision = test_fsm_revision(&t);

    assert_int_equal(rename_vm("web", "web"), BX_OK);
    assert_true(t.last.existed);
    assert_memory_equal(t.last.object, web, 16);
    assert_true(test_fsm_digest(&t) == digest);
    assert_int_equal(test_fsm_revision(&t), revision);
}

TEST(a_refusal_changes_nothing)
{
    uint64_t digest = test_fsm_digest(&t);

    assert_int_equal(rename_vm("web", "db"), BX_EXISTS);
    refused(BX_EXISTS, "a VM named \"db\" exists", "choose another name");
    assert_int_equal(rename_vm("nothing", "www"), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "no VM \"nothing\"", "vm list");
    assert_int_equal(rename_vm("web", "W"), BX_INVALID);
    refused(BX_INVALID, "\"W\" is not a valid name", "a-z");
    assert_int_equal(rename_vm("web", ""), BX_INVALID);
    assert_true(test_fsm_digest(&t) == digest);
    is_named(web, "web");
    is_named(db, "db");
    nobody_is_named("www");
}

static int rename_and_refuse(struct bx_fsm *f, struct bx_call *c)
{
    assert_int_equal(bx_fsm_vm_rename(f, c), BX_OK);
    is_named(web, "www");
    return bx_err_set(c->err, BX_CONFLICT, "no");
}

TEST(a_command_that_fails_later_gives_the_name_back)
{
    uint64_t digest = test_fsm_digest(&t), revision = test_fsm_revision(&t);
    bx_command_fn commands[BX__CMDS];

    memcpy(commands, t.fsm->commands, sizeof commands);
    commands[BX_CMD_VM_RENAME] = rename_and_refuse;
    t.fsm->commands = commands;
    assert_int_equal(rename_vm("web", "www"), BX_CONFLICT);
    assert_true(test_fsm_digest(&t) == digest);
    assert_int_equal(test_fsm_revision(&t), revision);
    is_named(web, "web");
    nobody_is_named("www");
}

TEST(a_vm_that_is_being_deleted_keeps_its_name)
{
    test_fsm_delete(&t, "web");
    assert_int_equal(rename_vm("web", "www"), BX_CONFLICT);
    refused(BX_CONFLICT, "is being deleted", "vm show web");
    assert_int_equal(rename_vm("db", "web"), BX_EXISTS);
    is_named(web, "web");
}

TEST(the_old_name_is_free)
{
    uint8_t uuid[16];

    rename_vm("web", "www");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_NEVER, uuid), BX_OK);
    is_named(uuid, "web");
    is_named(web, "www");
    assert_int_equal(rename_vm("db", "www"), BX_EXISTS);
    assert_int_equal(rename_vm("www", "web"), BX_EXISTS);
}

TEST(a_name_goes_back_and_forth)
{
    uint64_t digest = test_fsm_digest(&t);

    rename_vm("web", "x");
    rename_vm("db", "web");
    rename_vm("x", "db");
    is_named(db, "web");
    is_named(web, "db");
    rename_vm("web", "x");
    rename_vm("db", "web");
    rename_vm("x", "db");
    is_named(web, "web");
    is_named(db, "db");
    assert_true(test_fsm_digest(&t) != digest); /* their modified_index moved */
}

/* ---- one batch ---- */

static void add_rename(struct test_batch *b, const char *vm, const char *name)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_RENAME};
    struct bx_cmd_vm_rename body = {.vm = bx_str(vm), .name = bx_str(name)};

    test_batch_add(b, &head, &body);
}

static void apply_batch(struct test_batch *b)
{
    test_batch_seal(b, t.index + 1, 1000000);
    test_fsm_feed(&t, b);
    test_fsm_commit(&t);
    bx_buf_release(&b->buf);
}

static void reloads_equal(void)
{
    uint64_t digest = test_fsm_digest(&t);

    test_fsm_reopen(&t);
    assert_true(test_fsm_digest(&t) == digest);
}

TEST(of_two_in_one_batch_the_first_gets_the_name)
{
    struct test_batch b = {0};

    add_rename(&b, "web", "www");
    add_rename(&b, "db", "www");
    apply_batch(&b);
    refused(BX_EXISTS, "a VM named \"www\" exists", "");
    is_named(web, "www");
    is_named(db, "db");
    nobody_is_named("web");
    reloads_equal();
    is_named(web, "www");
    is_named(db, "db");
}

TEST(in_one_batch_a_name_is_left_and_taken)
{
    struct test_batch b = {0};

    add_rename(&b, "web", "www");
    add_rename(&b, "db", "web");
    add_rename(&b, "www", "db");
    apply_batch(&b);
    assert_int_equal(t.last.code, BX_OK);
    is_named(web, "db");
    is_named(db, "web");
    nobody_is_named("www");
    reloads_equal();
    is_named(web, "db");
    is_named(db, "web");
}

TEST(a_repeat_gets_the_first_answer)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_VM_RENAME, .session = {7}, .sequence = 1, .floor = 1};
    struct bx_cmd_vm_rename body = {.vm = bx_str("web"), .name = bx_str("www")};
    uint64_t revision;

    assert_int_equal(test_fsm_call(&t, &head, &body), BX_OK);
    revision = test_fsm_revision(&t);
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_OK);
    assert_memory_equal(t.last.object, web, 16);
    assert_false(t.last.existed);
    assert_int_equal(test_fsm_revision(&t), revision);
}

/* ---- what is kept ---- */

TEST(the_name_survives_a_restart)
{
    rename_vm("web", "www");
    reloads_equal();
    is_named(web, "www");
    nobody_is_named("web");
}

TEST(the_name_survives_a_dump)
{
    struct bx_buf dump = {0};
    uint64_t digest, index;

    rename_vm("web", "www");
    digest = test_fsm_digest(&t);
    index = bx_fsm_applied(t.fsm);
    test_fsm_dump(&t, &dump);
    assert_int_equal(test_fsm_restore(t.fsm, dump.data, dump.len, index, digest), BX_OK);
    bx_buf_release(&dump);
    is_named(web, "www");
    is_named(db, "db");
    nobody_is_named("web");
}

int main(void)
{
    return test_run(setup, test_fsm_teardown);
}
