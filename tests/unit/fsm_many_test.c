/* A command that makes several objects: all or none of them, an event and a revision each, and a
 * reader that resumes after any event misses none. No command of the product does so yet; the tests
 * put one in the place of vm.create. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "state/fsm_priv.h"

#include <string.h>

static struct test_fsm t;
static uint32_t copies;       /* VMs that a command makes */
static const char *last = ""; /* name of the last one; "": as the others */

/* VMs of the name and a number. */
static int create_many(struct bx_fsm *f, struct bx_call *c)
{
    union bx_cmd_body body = *c->body;
    struct bx_call one = *c;
    int rc = BX_OK;

    one.body = &body;
    for (uint32_t i = 0; rc == BX_OK && i < copies; i++) {
        char *name = bx_arena_alloc(&f->scratch, 64);

        snprintf(name, 64, "%.*s-%u", (int)c->body->vm_create.config.name.n,
                 c->body->vm_create.config.name.p, i);
        body.vm_create.config.name = bx_str(i + 1 == copies && last[0] != '\0' ? last : name);
        rc = bx_fsm_vm_create(f, &one);
    }
    return rc;
}

static int tell_much(struct bx_fsm *f, struct bx_call *c)
{
    (void)c;
    for (uint32_t i = 0; i < BX_EVENTS_BYTES_MAX / 64; i++)
        bx_call_event(f, BX_EVENT_VM_CREATED, bx_str("web"), bx_str("n1"), bx_str("creating"));
    return BX_OK;
}

static bx_command_fn commands[BX__CMDS];

static int open_state(void **state)
{
    (void)state;
    t = (struct test_fsm){.index = 0};
    test_fsm_open(&t);
    memcpy(commands, t.fsm->commands, sizeof commands);
    commands[BX_CMD_VM_CREATE] = create_many;
    t.fsm->commands = commands;
    test_fsm_node(&t, 1, "n1");
    copies = 3;
    last = "";
    return 0;
}

static int close_state(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

static const struct bx_vm *vm_named(const char *name)
{
    return bx_view_named(bx_fsm_view(t.fsm), BX_TABLE_VM, bx_str(name));
}

TEST(each_object_has_a_revision_and_an_id)
{
    uint64_t before = test_fsm_revision(&t), digest;

    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK);
    assert_int_equal(test_fsm_revision(&t), before + 3);
    assert_int_equal(t.last.revision, before + 3);
    assert_int_equal(t.event_index, before + 3); /* the sink has seen each, without a gap */
    assert_int_equal(vm_named("web-0")->created_index, before + 1);
    assert_int_equal(vm_named("web-1")->created_index, before + 2);
    assert_int_equal(vm_named("web-2")->created_index, before + 3);
    assert_int_equal(vm_named("web-2")->modified_index, before + 3);
    assert_memory_not_equal(vm_named("web-0")->uuid, vm_named("web-1")->uuid, 16);
    assert_memory_not_equal(vm_named("web-1")->uuid, vm_named("web-2")->uuid, 16);

    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t); /* each has a row of its own in the database */
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 3);
    assert_true(test_fsm_digest(&t) == digest);
}

TEST(a_refusal_undoes_all)
{
    uint64_t before = test_fsm_revision(&t), digest = test_fsm_digest(&t);

    last = "not a name";
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_INVALID);
    assert_int_equal(test_fsm_revision(&t), before);
    assert_true(test_fsm_digest(&t) == digest);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 0);
    last = "";
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK); /* nothing is left of the events */
    assert_int_equal(test_fsm_revision(&t), before + 3);
}

static void count_up(void *ctx, const struct bx_event *e)
{
    uint64_t *newest = ctx;

    assert_int_equal(e->index, ++*newest);
}

/* Whatever the size of a page, and wherever in an entry it ends. */
TEST(pages_of_events_lose_none)
{
    for (int i = 0; i < 4; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(test_fsm_vm(&t, name, 0, NULL), BX_OK);
    }
    for (uint32_t page = 1; page < 8; page++) {
        uint64_t newest = 0;
        uint32_t n;

        do
            assert_int_equal(bx_fsm_events(t.fsm, newest, page, count_up, &newest, &n, NULL),
                             BX_OK);
        while (n > 0);
        assert_int_equal(newest, test_fsm_revision(&t));
    }
}

TEST(a_dump_is_restored)
{
    uint64_t digest, index, revision;
    struct bx_buf dump = {0};

    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_OK);
    digest = test_fsm_digest(&t);
    revision = test_fsm_revision(&t);
    index = bx_fsm_applied(t.fsm);
    test_fsm_dump(&t, &dump);
    assert_int_equal(test_fsm_restore(t.fsm, dump.data, dump.len, index, digest), BX_OK);
    assert_int_equal(test_fsm_revision(&t), revision);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 3);
    bx_buf_release(&dump);
}

/* The events of an entry are one row, which a snapshot must be able to take. */
TEST(too_many_changes_at_once_are_refused)
{
    uint64_t before = test_fsm_revision(&t);

    commands[BX_CMD_VM_CREATE] = tell_much;
    assert_int_equal(test_fsm_vm(&t, "web", 0, NULL), BX_TOO_LARGE);
    assert_non_null(strstr(t.message, "exceed the bound of one command"));
    assert_int_equal(test_fsm_revision(&t), before);
    assert_int_equal(t.event_index, before);
}

int main(void)
{
    return test_run(open_state, close_state);
}
