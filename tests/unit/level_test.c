/* Feature levels: what needs which, what is refused where it is submitted, and when the cluster's
 * level can be raised. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "lib/testfsm.h"
#include "node/internal.h"

#include <string.h>

static const struct bx_pair pairs[] = {{{"owner", 5}, {"ops", 3}}};

static uint16_t level_of(uint16_t kind, uint16_t preset, const void *body)
{
    struct bx_cmd_header head = {.kind = kind, .level = preset};
    struct bx_buf b = {0};

    assert_int_equal(bx_cmd_encode(&b, &head, body), BX_OK);
    bx_buf_release(&b);
    return head.level;
}

TEST(a_command_is_of_the_level_that_its_kind_and_its_fields_need)
{
    struct bx_cmd_vm_create create = {.config = {.name = bx_str("a")}};
    struct bx_cmd_vm_rename rename = {.vm = bx_str("a"), .name = bx_str("b")};

    assert_int_equal(level_of(BX_CMD_VM_CREATE, 0, &create), 1);
    create.config.metadata = (struct bx_pairs){pairs, 1};
    assert_int_equal(level_of(BX_CMD_VM_CREATE, 0, &create), 2);
    create.config = (struct bx_vm_config){.name = bx_str("a"), .reserve = true};
    assert_int_equal(level_of(BX_CMD_VM_CREATE, 0, &create), 2);
    assert_int_equal(level_of(BX_CMD_VM_RENAME, 0, &rename), 2);
    assert_int_equal(level_of(BX_CMD_VM_RENAME, 7, &rename), 7);
}

TEST(a_body_is_lowered_to_a_level_or_names_what_it_can_not_do_without)
{
    struct bx_cmd_vm_create create = {.config = {.name = bx_str("a")}, .admit = true};
    const struct bx_schema *s = &bx_cmd_vm_create_schema;
    struct bx_field fields[64];
    struct bx_schema lenient = *s;

    memcpy(fields, s->fields, s->n * sizeof *fields);
    lenient.fields = fields;

    assert_null(bx_record_lower(s, &create, 2));
    assert_string_equal(bx_record_lower(s, &create, 1)->name, "admit");
    for (uint32_t i = 0; i < s->n; i++)
        fields[i].droppable = strcmp(fields[i].name, "admit") == 0;
    assert_null(bx_record_lower(&lenient, &create, 1));
    assert_false(create.admit);
    create.config.metadata = (struct bx_pairs){pairs, 1};
    assert_string_equal(bx_record_lower(s, &create, 1)->name, "metadata");
    assert_int_equal(create.config.metadata.n, 1);
}

/* ---- the state machine ---- */

static uint32_t level_in(const struct test_fsm *t)
{
    struct bx_cluster_info c;

    bx_view_cluster(bx_fsm_view(t->fsm), &c);
    return c.level;
}

static int upgrade(struct test_fsm *t, uint32_t level)
{
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = (uint16_t)level};
    struct bx_cmd_cluster_upgrade body = {level};

    return test_fsm_call(t, &head, &body);
}

TEST(the_level_is_raised_once_and_never_lowered)
{
    struct bx_cmd_cluster_create create = {.cluster = {1}, .history = {2}, .name = bx_str("lab")};
    struct test_fsm t = {0};

    test_fsm_open(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &create), BX_OK);
    assert_int_equal(level_in(&t), 1);
    assert_int_equal(upgrade(&t, 2), BX_OK);
    assert_false(t.last.existed);
    assert_int_equal(level_in(&t), 2);
    assert_int_equal(upgrade(&t, 2), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(upgrade(&t, 1), BX_OK);
    assert_int_equal(level_in(&t), 2);
    test_fsm_reopen(&t);
    assert_int_equal(level_in(&t), 2);
    test_fsm_close(&t);
}

TEST(a_new_cluster_has_the_level_of_its_founder)
{
    struct bx_cmd_cluster_create create = {.cluster = {1}, .history = {2}, .level = 2};
    struct test_fsm t = {0};

    test_fsm_open(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &create), BX_OK);
    assert_int_equal(level_in(&t), 2);
    test_fsm_close(&t);
}

TEST(an_upgrade_is_refused_whose_command_would_stop_nobody)
{
    struct bx_cmd_cluster_upgrade body = {BX_LEVEL + 1};
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = 2};
    struct bx_cmd_cluster_create create = {.cluster = {1}, .history = {2}};
    struct test_fsm t = {0};

    test_fsm_open(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &create), BX_OK);
    assert_int_equal(test_fsm_call(&t, &head, &body), BX_INVALID);
    assert_int_equal(level_in(&t), 1);
    test_fsm_close(&t);
}

/* A node stops at what it does not read, and its state is as before. */
TEST(an_older_build_stops_at_a_newer_command)
{
    struct bx_cmd_header head = {.kind = BX_CMD_TENANT_CREATE};
    struct bx_cmd_tenant_create body = {.name = bx_str("acme")};
    struct test_fsm t = {.options = {.level = 1}};
    struct test_batch b = {0};
    struct bx_err err;

    test_fsm_open(&t);
    test_batch_add(&b, &head, &body);
    test_batch_seal(&b, t.index + 1, 5);
    assert_int_equal(bx_fsm_apply(t.fsm, t.index + 1, b.buf.data, b.buf.len, &err), BX_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "tenant.create needs feature level 2"));
    test_fsm_reopen(&t);
    bx_buf_release(&b.buf);
    test_fsm_close(&t);
}

/* ---- a cluster ---- */

static struct test_cluster w;

static int submit(uint64_t id, uint16_t kind, const void *body, struct test_answer *a,
                  struct bx_err *err)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("uid:0"),
                          .tenant = bx_str("default"),
                          .deadline = UINT64_MAX,
                          .done = test_on_answer,
                          .ctx = a};
    int rc = bx_node_submit(test_member(&w, id)->node, &s, err);

    if (rc == BX_OK)
        test_cluster_run(&w, 1000);
    return rc;
}

static int make_tenant(uint64_t id, struct bx_err *err)
{
    struct bx_cmd_tenant_create body = {.name = bx_str("acme")};
    struct test_answer a = {0};
    int rc = submit(id, BX_CMD_TENANT_CREATE, &body, &a, err);

    return rc == BX_OK ? a.code : rc;
}

static int finalize(uint64_t id, uint32_t level, struct bx_err *err)
{
    struct bx_cmd_cluster_upgrade body = {level};
    struct test_answer a = {0};
    int rc = submit(id, BX_CMD_CLUSTER_UPGRADE, &body, &a, err);

    return rc == BX_OK ? a.code : rc;
}

static void restart_at(uint64_t id, uint32_t level)
{
    test_member_stop(test_member(&w, id));
    test_member(&w, id)->level = level;
    test_member_start(test_member(&w, id));
    (void)test_cluster_elect(&w, 0);
    test_cluster_run(&w, 1000);
}

TEST(what_is_above_the_level_is_refused_where_it_is_submitted)
{
    struct bx_cmd_vm_create create = {.config = {.name = bx_str("a"),
                                                 .tenant = bx_str("default"),
                                                 .vcpus = 1,
                                                 .memory_mib = 128,
                                                 .stopped = true}};
    struct test_answer a = {0};
    struct bx_err err;

    test_cluster_open_at(&w, 3, 1);
    for (uint64_t id = 1; id <= 3; id++)
        restart_at(id, 2);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(make_tenant(id, &err), BX_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "tenant.create is not available"));
        assert_non_null(strstr(err.hint, "cluster upgrade finalize"));
    }
    assert_int_equal(submit(2, BX_CMD_VM_CREATE, &create, &a, &err), BX_OK);
    assert_int_equal(a.code, BX_OK);
    create.config.metadata = (struct bx_pairs){pairs, 1};
    assert_int_equal(submit(2, BX_CMD_VM_CREATE, &create, &a, &err), BX_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "metadata"));
    test_cluster_close(&w);
}

/* One by one to the newer build, back, and again: what both can do goes on working. */
TEST(until_the_level_is_raised_every_step_can_be_taken_back)
{
    static const uint32_t steps[][2] = {{1, 2}, {2, 2}, {2, 1}, {1, 1}, {3, 2}, {2, 2}, {1, 2}};
    struct bx_err err;

    test_cluster_open_at(&w, 3, 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct test_answer a = {0};
        char name[16];

        restart_at(steps[i][0], steps[i][1]);
        for (uint64_t id = 1; id <= 3; id++) {
            snprintf(name, sizeof name, "vm-%u-%u", (unsigned)i, (unsigned)id);
            assert_int_equal(test_submit_vm(test_member(&w, id), name, 0, UINT64_MAX, &a), BX_OK);
        }
        test_cluster_run(&w, 1000);
        assert_int_equal(a.times, 3);
        assert_int_equal(a.code, BX_OK);
    }
    assert_int_equal(finalize(2, 2, &err), BX_OK);
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(bx_node_level(test_member(&w, id)->node), 2);
    assert_int_equal(make_tenant(3, &err), BX_OK);
    test_cluster_close(&w);
}

static int stop_vm(struct test_answer *a, struct bx_err *err)
{
    struct bx_cmd_vm_desire body = {.vm = bx_str("a"), .desired = BX_DESIRED_STOPPED};
    struct bx_submit s = {.kind = BX_CMD_VM_DESIRE,
                          .body = &body,
                          .session = {7},
                          .sequence = 1,
                          .floor = 1,
                          .principal = bx_str("uid:0"),
                          .deadline = UINT64_MAX,
                          .done = test_on_answer,
                          .ctx = a};
    const struct bx_vm *vm;
    int rc;

    assert_int_equal(bx_view_find_vm(bx_node_view(test_member(&w, 1)->node), body.vm, &vm, NULL),
                     BX_OK);
    memcpy(body.uuid, vm->uuid, 16);
    rc = bx_node_submit(test_member(&w, 1)->node, &s, err);
    test_cluster_run(&w, 1000);
    return rc == BX_OK ? a->code : rc;
}

/* Its uuid was omitted then, and its answer is kept under the hash of what was sent. */
TEST(a_request_from_before_the_level_was_raised_can_be_repeated)
{
    struct test_answer made = {0}, first = {0}, again = {0};
    struct bx_err err;

    test_cluster_open_at(&w, 1, 1);
    restart_at(1, 2);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "a", 0, UINT64_MAX, &made), BX_OK);
    test_cluster_run(&w, 1000);
    assert_int_equal(stop_vm(&first, &err), BX_OK);
    assert_int_equal(finalize(1, 2, &err), BX_OK);
    assert_int_equal(stop_vm(&again, &err), BX_OK);
    assert_true(again.outcome && again.revision == first.revision);
    test_cluster_close(&w);
}

static int desire(struct test_fsm *t, const uint8_t uuid[16])
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_DESIRE, .session = {9}, .sequence = 1};
    struct bx_cmd_vm_desire body = {
        .vm = bx_str("a"), .desired = BX_DESIRED_STOPPED, .keep_disk = uuid != NULL};

    if (uuid != NULL)
        memcpy(body.uuid, uuid, 16);
    return test_fsm_call(t, &head, &body);
}

/* One copy was sent before the level was raised, the other after it: in either order. */
TEST(a_copy_without_droppable_fields_is_the_same_request)
{
    for (int later = 0; later < 2; later++) {
        struct test_fsm t = {0};
        const struct bx_vm *vm;
        uint8_t uuid[16];
        uint64_t revision;

        test_fsm_open(&t);
        test_fsm_cluster(&t, 2);
        test_fsm_node(&t, 1, "n1");
        assert_int_equal(test_fsm_vm(&t, "a", 0, NULL), BX_OK);
        assert_int_equal(bx_view_find_vm(bx_fsm_view(t.fsm), bx_str("a"), &vm, NULL), BX_OK);
        memcpy(uuid, vm->uuid, 16);
        assert_int_equal(desire(&t, later == 0 ? NULL : uuid), BX_OK);
        revision = test_fsm_revision(&t);
        assert_int_equal(desire(&t, later == 0 ? uuid : NULL), BX_OK);
        assert_int_equal(test_fsm_revision(&t), revision);
        test_fsm_close(&t);
    }
}

/* ---- what is relayed ---- */

static struct bx_buf relay;

static void add_command(uint16_t kind, uint16_t level, const void *body)
{
    struct bx_cmd_header head = {.kind = kind, .principal = bx_str("uid:0"), .sequence = 1};
    uint8_t *count = NULL;
    size_t at;

    if (relay.len == 0) {
        count = bx_buf_extend(&relay, BX_RELAY_HEAD);
        memset(count, 0, BX_RELAY_HEAD);
    }
    at = relay.len;
    head.session[0] = (uint8_t)at;
    assert_int_equal(bx_cmd_encode(&relay, &head, body), BX_OK);
    if (level != 0) { /* it says that it is of another level than it is */
        head.level = level;
        bx_flat_write(&bx_cmd_header_schema, &head, relay.data + at);
    }
    bx_put64(relay.data, bx_get64(relay.data) + 1);
}

static void deliver_relay(struct test_member *m)
{
    bx_node_receive(m->node, m->id % 3 + 1, BX_FRAME_RELAY, relay.data, relay.len);
    bx_buf_release(&relay);
    test_cluster_run(&w, 1000);
}

/* Of a member that does not know the rule, or breaks it: members of the older build would stop. */
TEST(what_is_above_the_level_is_refused_where_it_is_relayed_to)
{
    struct bx_cmd_tenant_create tenant = {.name = bx_str("acme")};
    struct bx_cmd_vm_create create = {.config = {.name = bx_str("a"),
                                                 .tenant = bx_str("default"),
                                                 .vcpus = 1,
                                                 .memory_mib = 128,
                                                 .stopped = true}};
    struct bx_cmd_cluster_upgrade up = {2};
    struct test_member *m;
    uint32_t warnings;

    test_cluster_open_at(&w, 3, 1);
    restart_at(1, 2);
    restart_at(2, 2);
    restart_at(3, 1); /* leads no more */
    m = test_cluster_elect(&w, 3);
    warnings = test_rec.warnings;
    add_command(BX_CMD_TENANT_CREATE, 0, &tenant);
    deliver_relay(m);
    assert_int_equal(test_rec.warnings, warnings + 1);
    assert_true(test_rec_said("tenant.create is not available"));
    add_command(BX_CMD_TENANT_CREATE, 1, &tenant);
    add_command(BX_CMD_VM_CREATE, 0, &create);
    create.config.name = bx_str("b");
    create.config.metadata = (struct bx_pairs){pairs, 1};
    add_command(BX_CMD_VM_CREATE, 1, &create);
    add_command(BX_CMD_CLUSTER_UPGRADE, 0, &up);
    deliver_relay(m);
    assert_true(test_has_vm(m, "a"));
    assert_false(test_has_vm(m, "b"));
    assert_int_equal(bx_node_level(m->node), 1);
    assert_non_null(test_member(&w, 3)->node);
    restart_at(3, 2);
    m = test_cluster_elect(&w, 0);
    add_command(BX_CMD_CLUSTER_UPGRADE, 0, &up);
    deliver_relay(m);
    assert_int_equal(bx_node_level(m->node), 2);
    test_cluster_close(&w);
}

TEST(the_level_is_raised_only_when_every_member_reads_it)
{
    struct bx_err err;

    test_cluster_open_at(&w, 3, 1);
    restart_at(1, 2);
    restart_at(2, 2);
    assert_int_equal(finalize(1, 2, &err), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "feature levels up to 1"));
    test_member_stop(test_member(&w, 3));
    assert_int_equal(finalize(1, 2, &err), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "not connected"));
    test_member(&w, 3)->level = 2;
    test_member_start(test_member(&w, 3));
    test_cluster_run(&w, 1000);
    assert_int_equal(finalize(1, 2, &err), BX_OK);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
