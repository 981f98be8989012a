/* Taking a node out: refused while anything may run there, and what becomes of its VMs. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include "mem/alloc.h"

#include <string.h>
#include <unistd.h>

static int set_state(struct test_fsm *t, uint64_t id, uint8_t state)
{
    struct bx_cmd_node_state c = {.id = id, .state = state};

    return test_fsm_apply(t, BX_CMD_NODE_STATE, &c);
}

static int remove_node(struct test_fsm *t, const char *name, bool confirm_dead)
{
    struct bx_cmd_node_remove c = {.node = bx_str(name), .confirm_dead = confirm_dead};

    return test_fsm_apply(t, BX_CMD_NODE_REMOVE, &c);
}

static const struct bx_vm *vm_named(struct test_fsm *t, const char *name)
{
    const struct bx_vm *vm = NULL;

    (void)bx_view_find_vm(bx_fsm_view(t->fsm), bx_str(name), &vm, NULL);
    return vm;
}

/* Node 1 holds "web", which runs, "rest", which is stopped, and "going", which is being deleted. */
static void open_with_vms(struct test_fsm *t)
{
    test_fsm_open(t);
    test_fsm_node(t, 1, "n1");
    assert_int_equal(test_fsm_vm(t, "web", BX_RESTART_NEVER, NULL), BX_OK);
    assert_int_equal(test_fsm_vm(t, "rest", BX_RESTART_NEVER, NULL), BX_OK);
    assert_int_equal(test_fsm_vm(t, "going", BX_RESTART_NEVER, NULL), BX_OK);
    assert_int_equal(test_fsm_desire(t, "rest", BX_DESIRED_STOPPED, false, false), BX_OK);
    assert_int_equal(test_fsm_delete(t, "going"), BX_OK);
    test_fsm_node(t, 2, "n2");
}

TEST(a_node_that_may_run_something_stays)
{
    struct test_fsm t = {0};
    uint64_t digest;

    open_with_vms(&t);
    digest = test_fsm_digest(&t);
    assert_int_equal(remove_node(&t, "n3", true), BX_NOT_FOUND);
    assert_int_equal(remove_node(&t, "n1", true), BX_CONFLICT);
    assert_non_null(strstr(t.hint, "stop its daemon"));
    assert_int_equal(test_fsm_digest(&t), digest);
    assert_int_equal(set_state(&t, 1, BX_NODE_SUSPECT), BX_OK);
    assert_int_equal(remove_node(&t, "n1", true), BX_CONFLICT);
    assert_int_equal(set_state(&t, 1, BX_NODE_DOWN), BX_OK);
    digest = test_fsm_digest(&t);
    assert_int_equal(remove_node(&t, "n1", false), BX_CONFLICT);
    assert_non_null(strstr(t.message, "has 3 VMs"));
    assert_non_null(strstr(t.hint, "--confirm-dead"));
    assert_int_equal(test_fsm_digest(&t), digest);
    test_fsm_close(&t);
}

TEST(an_empty_node_needs_no_word)
{
    struct test_fsm t = {0};

    open_with_vms(&t);
    assert_int_equal(set_state(&t, 2, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(&t, "2", false), BX_OK);
    assert_null(bx_view_node(bx_fsm_view(t.fsm), 2));
    assert_int_equal(t.last.node, 2);
    test_fsm_close(&t);
}

TEST(its_vms_rest_without_a_node)
{
    struct test_fsm t = {0};
    uint64_t digest, revision;

    open_with_vms(&t);
    assert_int_equal(set_state(&t, 1, BX_NODE_DOWN), BX_OK);
    revision = test_fsm_revision(&t);
    assert_int_equal(remove_node(&t, "n1", true), BX_OK);
    assert_int_equal(test_fsm_revision(&t), revision + 1);
    assert_null(bx_view_node(bx_fsm_view(t.fsm), 1));
    assert_null(vm_named(&t, "going"));
    assert_int_equal(vm_named(&t, "web")->node, 0);
    assert_int_equal(vm_named(&t, "web")->phase, BX_PHASE_FAILED);
    assert_int_equal(vm_named(&t, "rest")->node, 0);
    assert_int_equal(vm_named(&t, "rest")->phase, BX_PHASE_STOPPED);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_int_equal(test_fsm_digest(&t), digest);
    assert_int_equal(bx_view_nodes(bx_fsm_view(t.fsm)), 1);
    test_fsm_close(&t);
}

TEST(a_start_places_them_anew)
{
    struct test_fsm t = {0};
    uint64_t epoch;

    open_with_vms(&t);
    assert_int_equal(set_state(&t, 1, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(&t, "n1", true), BX_OK);
    epoch = vm_named(&t, "web")->epoch;
    assert_int_equal(set_state(&t, 2, BX_NODE_DOWN), BX_OK);
    assert_int_equal(test_fsm_desire(&t, "web", BX_DESIRED_RUNNING, false, false), BX_UNPLACEABLE);
    assert_int_equal(vm_named(&t, "web")->phase, BX_PHASE_FAILED);
    assert_int_equal(set_state(&t, 2, BX_NODE_UP), BX_OK);
    assert_int_equal(test_fsm_desire(&t, "web", BX_DESIRED_RUNNING, false, false), BX_OK);
    assert_int_equal(vm_named(&t, "web")->node, 2);
    assert_int_equal(vm_named(&t, "web")->epoch, epoch + 1);
    assert_int_equal(vm_named(&t, "web")->phase, BX_PHASE_CREATING);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 2)->vms, 1);
    test_fsm_close(&t);
}

enum { STARTED, REFUSED, NOT_REACHED = 100 };

/* Apply the batch, which starts "web", in a child where an allocation fails. */
struct poor_start {
    struct test_fsm *t;
    const struct test_batch *b;
    struct test_countdown countdown;
};

static void start_poorly(void *ctx)
{
    struct poor_start *p = ctx;

    bx_alloc_set_fault(test_fail_one, &p->countdown);
    if (bx_fsm_apply(p->t->fsm, p->t->index + 1, p->b->buf.data, p->b->buf.len, NULL) != BX_OK ||
        vm_named(p->t, "web")->phase != BX_PHASE_CREATING)
        _exit(REFUSED);
    _exit(p->countdown.calls <= p->countdown.fail_at ? NOT_REACHED : STARTED);
}

static int start_without(struct test_fsm *t, const struct test_batch *b, uint32_t n)
{
    struct poor_start p = {t, b, {.fail_at = n}};

    return test_in_child(start_poorly, &p);
}

/* There are so many nodes that placing has to allocate. */
TEST(no_memory_is_no_refusal)
{
    struct bx_cmd_vm_desire start = {.vm = bx_str("web"), .desired = BX_DESIRED_RUNNING};
    struct test_fsm t = {0};
    struct test_batch b = {0};
    int ended = STARTED;
    char name[16];

    open_with_vms(&t);
    assert_int_equal(set_state(&t, 1, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(&t, "n1", true), BX_OK);
    for (uint32_t id = 3; id < 100; id++) {
        snprintf(name, sizeof name, "n%u", id);
        test_fsm_node(&t, id, name);
    }
    test_batch_add(&b, &(struct bx_cmd_header){.kind = BX_CMD_VM_DESIRE}, &start);
    test_batch_seal(&b, t.index, 2000000);
    for (uint32_t n = 0; ended != NOT_REACHED; n++) {
        ended = start_without(&t, &b, n);
        if (ended == REFUSED)
            fail_msg("allocation %u: refused", n);
    }
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

TEST(a_pinned_one_is_free)
{
    struct bx_cmd_vm_create c = {0};
    struct test_fsm t = {0};

    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("here");
    c.config.strategy = BX_STRATEGY_MANUAL;
    c.config.node = bx_str("n1");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(set_state(&t, 1, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(&t, "n1", true), BX_OK);
    assert_int_equal(test_fsm_desire(&t, "here", BX_DESIRED_RUNNING, false, false), BX_OK);
    assert_int_equal(vm_named(&t, "here")->node, 2);
    test_fsm_close(&t);
}

/* ---- disks ---- */

/* A VM on n1, which is removed; n2 would have room for it. */
static void lose_node(struct test_fsm *t, uint64_t disk_gib, bool ephemeral, bool stopped)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};

    test_fsm_open(t);
    test_fsm_node(t, 1, "n1");
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("web");
    c.config.disk_gib = disk_gib;
    c.config.disk_ephemeral = ephemeral;
    c.config.stopped = stopped;
    assert_int_equal(test_fsm_apply(t, BX_CMD_VM_CREATE, &c), BX_OK);
    test_fsm_node(t, 2, "n2");
    assert_int_equal(set_state(t, 1, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(t, "n1", true), BX_OK);
    assert_int_equal(vm_named(t, "web")->node, 0);
}

static int start_keeping(struct test_fsm *t, bool keep_disk, bool restart)
{
    struct bx_cmd_vm_desire b = {.vm = bx_str("web"),
                                 .desired = BX_DESIRED_RUNNING,
                                 .restart = restart,
                                 .keep_disk = keep_disk};

    return test_fsm_apply(t, BX_CMD_VM_DESIRE, &b);
}

TEST(a_vm_that_lost_its_disk_starts_only_when_told_to_discard_it)
{
    struct test_fsm t = {0};
    uint64_t digest;

    lose_node(&t, 10, false, false);
    digest = test_fsm_digest(&t);
    assert_int_equal(start_keeping(&t, true, false), BX_CONFLICT);
    assert_string_equal(t.message, "the disk of VM \"web\" is lost: its node was removed");
    assert_non_null(strstr(t.hint, "vm start web --discard-disk"));
    assert_int_equal(start_keeping(&t, true, true), BX_CONFLICT);
    assert_true(test_fsm_digest(&t) == digest);
    assert_int_equal(start_keeping(&t, false, false), BX_OK);
    assert_int_equal(vm_named(&t, "web")->node, 2);
    assert_int_equal(start_keeping(&t, true, false), BX_OK); /* it has a disk again */
    assert_true(t.last.existed);
    test_fsm_close(&t);
}

TEST(a_stopped_vm_has_lost_its_disk_as_well)
{
    struct test_fsm t = {0};

    lose_node(&t, 10, false, false);
    assert_int_equal(test_fsm_desire(&t, "web", BX_DESIRED_STOPPED, false, false), BX_OK);
    assert_int_equal(start_keeping(&t, true, false), BX_CONFLICT);
    test_fsm_close(&t);
}

TEST(a_vm_that_loses_nothing_starts)
{
    static const struct {
        uint64_t disk_gib;
        bool ephemeral, stopped;
    } cases[] = {{0, false, false}, {10, true, false}, {10, false, true}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_fsm t = {0};

        lose_node(&t, cases[i].disk_gib, cases[i].ephemeral, cases[i].stopped);
        assert_int_equal(start_keeping(&t, true, false), BX_OK);
        assert_int_equal(vm_named(&t, "web")->node, 2);
        test_fsm_close(&t);
    }
}

TEST(its_id_never_comes_back)
{
    struct bx_cmd_token_create token = {.secret_hash = {1}, .ttl_ms = 1000};
    struct bx_cmd_member_join join = {.secret_hash = {1},
                                      .node = {.id = 2,
                                               .name = bx_str("n2"),
                                               .address = bx_str("127.0.0.1:7002"),
                                               .vcpus = 8,
                                               .memory_mib = 4096,
                                               .overcommit_vcpus_pct = 100,
                                               .overcommit_memory_pct = 100}};
    struct test_fsm t = {0};

    open_with_vms(&t);
    assert_int_equal(set_state(&t, 2, BX_NODE_DOWN), BX_OK);
    assert_int_equal(remove_node(&t, "n2", false), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &join.node), BX_CONFLICT);
    assert_non_null(strstr(t.hint, "join again"));
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &token), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_MEMBER_JOIN, &join), BX_OK);
    assert_int_equal(t.last.node, 3);
    test_fsm_close(&t);
}

TEST(nobody_joins_before_the_founder)
{
    struct bx_cmd_token_create token = {.secret_hash = {1}, .ttl_ms = 1000};
    struct bx_cmd_member_join join = {.secret_hash = {1}};
    struct test_fsm t = {0};

    test_fsm_open(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &token), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_MEMBER_JOIN, &join), BX_BUSY);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
