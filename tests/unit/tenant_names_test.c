/* Names of VMs are unique within their tenant from feature level 3 on: what that changes for
 * creating, renaming, looking up and listing, and for events; and that nothing changes below. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/fsm_priv.h"
#include "state/reference.h"
#include "state/tenant.h"

#include <string.h>

static int open_at(uint32_t level)
{
    struct bx_cmd_tenant_create a = {.name = bx_str("a")}, b = {.name = bx_str("b")};

    t = (struct test_fsm){.index = 0};
    test_fsm_open(&t);
    test_fsm_cluster(&t, level);
    test_fsm_node(&t, 1, "n1");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &a), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &b), BX_OK);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return open_at(BX_LEVEL);
}

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static int create_if(const char *tenant, const char *name, bool if_not_exists, uint8_t uuid[16])
{
    struct bx_cmd_vm_create c = {.if_not_exists = if_not_exists};
    int rc;

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.tenant = bx_str(tenant);
    c.config.memory_mib = 100;
    c.config.stopped = true;
    rc = test_fsm_apply(&t, BX_CMD_VM_CREATE, &c);
    if (uuid != NULL)
        memcpy(uuid, t.last.object, 16);
    return rc;
}

static int create(const char *tenant, const char *name, uint8_t uuid[16])
{
    return create_if(tenant, name, false, uuid);
}

static int rename_vm(const char *tenant, const char *ref, const uint8_t uuid[16], const char *name)
{
    struct bx_cmd_vm_rename b = {.vm = bx_str(ref), .name = bx_str(name)};
    struct bx_cmd_header head = {.kind = BX_CMD_VM_RENAME, .tenant = bx_str(tenant)};

    memcpy(b.uuid, uuid, 16);
    return test_fsm_call(&t, &head, &b);
}

/* NULL: not found. */
static const struct bx_vm *find(const char *tenant, const char *ref)
{
    const struct bx_vm *vm;
    struct bx_err err = {0};
    int rc = bx_view_find_vm_of(view(), bx_str(tenant), bx_str(ref), &vm, &err);

    assert_true(rc == BX_OK || (rc == BX_NOT_FOUND && err.hint[0] != '\0'));
    return rc == BX_OK ? vm : NULL;
}

static void is(const struct bx_vm *vm, const uint8_t uuid[16])
{
    assert_non_null(vm);
    assert_memory_equal(vm->uuid, uuid, 16);
}

static const char *beginning(const uint8_t uuid[16], unsigned n)
{
    static char text[BX_UUID_TEXT];

    bx_uuid_format(uuid, text);
    text[n] = '\0';
    return text;
}

/* ---- unique within the tenant ---- */

TEST(two_tenants_use_one_name)
{
    uint8_t a[16], b[16];

    assert_int_equal(create("a", "web", a), BX_OK);
    assert_int_equal(create("b", "web", b), BX_OK);
    assert_memory_not_equal(a, b, 16);
    assert_int_equal(create("a", "web", NULL), BX_EXISTS);
    is(find("a", "web"), a);
    is(find("b", "web"), b);
    test_fsm_reopen(&t);
    is(find("a", "web"), a);
    is(find("b", "web"), b);
}

TEST(if_not_exists_looks_at_its_tenant)
{
    uint8_t a[16], b[16], again[16];

    assert_int_equal(create("a", "web", a), BX_OK);
    assert_int_equal(create_if("b", "web", true, b), BX_OK);
    assert_false(t.last.existed);
    assert_memory_not_equal(a, b, 16);
    assert_int_equal(create_if("b", "web", true, again), BX_OK);
    assert_true(t.last.existed);
    assert_memory_equal(again, b, 16);
}

TEST(a_vm_may_get_the_name_of_another_tenants)
{
    uint8_t a[16], b[16], db[16];

    create("a", "web", a);
    create("b", "web", b);
    create("b", "db", db);
    assert_int_equal(rename_vm("b", "db", db, "web"), BX_EXISTS);
    assert_int_equal(rename_vm("b", "web", b, "www"), BX_OK);
    is(find("a", "web"), a);
    assert_null(find("b", "web"));
    assert_int_equal(rename_vm("b", "db", db, "web"), BX_OK);
    is(find("b", "web"), db);
    is(find("a", "web"), a);
}

TEST(a_dry_run_looks_at_its_tenant)
{
    struct bx_candidates cs;
    struct bx_decision d;
    struct bx_vm_config c;

    create("a", "web", NULL);
    bx_vm_config_init(&c);
    bx_candidates_init(&cs);
    c.name = bx_str("web");
    c.tenant = bx_str("b");
    assert_int_equal(bx_fsm_dry_run(t.fsm, &c, &cs, &d, NULL), BX_OK);
    c.tenant = bx_str("a");
    assert_int_equal(bx_fsm_dry_run(t.fsm, &c, &cs, &d, NULL), BX_EXISTS);
    bx_candidates_close(&cs);
}

TEST(below_level_3_a_name_is_unique_in_the_cluster)
{
    uint8_t a[16], db[16];

    test_fsm_close(&t);
    open_at(2);
    assert_int_equal(create("a", "web", a), BX_OK);
    assert_int_equal(create("b", "web", NULL), BX_EXISTS);
    assert_int_equal(create("b", "db", db), BX_OK);
    assert_int_equal(rename_vm("default", "db", db, "web"), BX_EXISTS);
}

TEST(raising_the_level_changes_no_row)
{
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = 3};
    struct bx_cmd_cluster_upgrade upgrade = {3};
    uint8_t a[16];
    uint64_t revision;

    test_fsm_close(&t);
    open_at(2);
    create("a", "web", a);
    revision = bx_view_vm(view(), a)->modified_index;
    assert_int_equal(test_fsm_call(&t, &head, &upgrade), BX_OK);
    assert_int_equal(bx_view_vm(view(), a)->modified_index, revision);
    assert_int_equal(create("b", "web", NULL), BX_OK);
    assert_int_equal(create("a", "web", NULL), BX_EXISTS);
    test_fsm_reopen(&t);
    is(find("a", "web"), a);
}

TEST(a_dump_keeps_both)
{
    struct test_fsm other = {0};
    struct bx_buf dump = {0};
    uint8_t a[16], b[16];
    const struct bx_vm *vm;

    create("a", "web", a);
    create("b", "web", b);
    test_fsm_dump(&t, &dump);
    test_fsm_open(&other);
    assert_int_equal(test_fsm_restore(other.fsm, dump.data, dump.len, t.index, test_fsm_digest(&t)),
                     BX_OK);
    vm = bx_view_vm_named(bx_fsm_view(other.fsm), bx_str("b"), bx_str("web"));
    is(vm, b);
    test_fsm_close(&other);
    bx_buf_release(&dump);
}

/* ---- what a reference means ---- */

TEST(a_tenant_finds_no_vm_of_another)
{
    uint8_t a[16];

    create("a", "web", a);
    is(find("a", beginning(a, 36)), a);
    is(find("a", beginning(a, 8)), a);
    is(find("", beginning(a, 8)), a);
    assert_null(find("b", "web"));
    assert_null(find("b", beginning(a, 36)));
    assert_null(find("b", beginning(a, 8)));
}

TEST(a_name_of_several_tenants_is_refused_with_their_names)
{
    const struct bx_vm *vm;
    struct bx_err err;
    uint8_t a[16];

    create("a", "web", a);
    is(find("", "web"), a);
    create("default", "web", NULL);
    create("b", "web", NULL);
    assert_int_equal(bx_view_find_vm(view(), bx_str("web"), &vm, &err), BX_CONFLICT);
    assert_string_equal(err.msg, "3 tenants have a VM named \"web\"");
    assert_string_equal(err.hint, "pass --tenant: a, b, default");
}

/* The beginning of a uuid becomes the name of another VM before the command is applied. */
static int rename_by_beginning(const char *tenant, const uint8_t uuid[16])
{
    char ref[9];

    memcpy(ref, beginning(uuid, 8), sizeof ref);
    return rename_vm(tenant, ref, uuid, "new");
}

TEST(a_name_of_another_tenant_takes_no_reference_away)
{
    uint8_t a[16];

    create("a", "web", a);
    assert_int_equal(create("b", beginning(a, 8), NULL), BX_OK);
    assert_int_equal(rename_by_beginning("", a), BX_CONFLICT);
    assert_int_equal(rename_by_beginning("a", a), BX_OK);
    assert_int_equal(create("a", beginning(a, 8), NULL), BX_OK);
    assert_int_equal(rename_by_beginning("a", a), BX_CONFLICT);
}

TEST(a_reference_is_looked_up_in_its_tenant)
{
    struct bx_reference r = {.ref = bx_str("web"), .tenant = bx_str("b")};
    uint8_t b[16], found[16];

    create("a", "web", NULL);
    assert_int_equal(bx_reference_vm(t.fsm, &r, found, NULL), BX_NOT_FOUND);
    create("b", "web", b);
    assert_int_equal(bx_reference_vm(t.fsm, &r, found, NULL), BX_OK);
    assert_memory_equal(found, b, 16);
}

/* A user who was moved repeats what it asked for in the tenant before. */
TEST(a_repeat_does_not_reach_into_another_tenant)
{
    struct bx_cmd_header head = {
        .kind = BX_CMD_VM_DESIRE, .session = {7}, .sequence = 1, .principal = bx_str("user:eve")};
    struct bx_cmd_vm_desire b = {.vm = bx_str("web"), .desired = BX_DESIRED_STOPPED};
    struct bx_reference r = {.ref = bx_str("web"),
                             .tenant = bx_str("a"),
                             .session = {7},
                             .sequence = 1,
                             .principal = bx_str("user:eve")};
    uint8_t a[16], found[16];

    create("a", "web", a);
    memcpy(b.uuid, a, 16);
    assert_int_equal(test_fsm_call(&t, &head, &b), BX_OK);
    assert_int_equal(bx_reference_vm(t.fsm, &r, found, NULL), BX_OK);
    assert_true(r.answered);
    assert_memory_equal(found, a, 16);
    r.tenant = bx_str("b");
    assert_int_equal(bx_reference_vm(t.fsm, &r, found, NULL), BX_CONFLICT);
    r.principal = bx_str("user:mallory");
    r.tenant = bx_str("a");
    assert_int_equal(bx_reference_vm(t.fsm, &r, found, NULL), BX_OK);
    assert_false(r.answered);
}

/* ---- lists ---- */

static void lists(const char *tenant, const char *name, const char *among, const char *expected)
{
    struct bx_index_place at =
        bx_view_vms_after(view(), bx_str(tenant), bx_str(name), bx_str(among));
    const struct bx_vm *vm;
    char text[256] = "";
    size_t n = 0;

    while ((vm = bx_view_vms_step(view(), bx_str(tenant), &at)) != NULL)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s/%s ", vm->name->s, vm->tenant->s);
    assert_string_equal(text, expected);
}

TEST(lists_are_in_the_order_of_names_and_then_of_tenants)
{
    uint8_t x[16];

    create("b", "web", NULL);
    create("a", "x", x);
    create("a", "db", NULL);
    create("default", "web", NULL);
    create("a", "web", NULL);
    lists("", "", "", "db/a web/a web/b web/default x/a ");
    lists("", "db", "", "web/a web/b web/default x/a ");
    lists("", "web", "", "x/a ");
    lists("", "web", "a", "web/b web/default x/a ");
    lists("", "web", "aa", "web/b web/default x/a ");
    lists("", "web", "default", "x/a ");
    lists("a", "", "", "db/a web/a x/a ");
    lists("a", "db", "", "web/a x/a ");
    lists("b", "", "", "web/b ");
    lists("b", "web", "", "");
    lists("c", "", "", "");
    rename_vm("a", "x", x, "c");
    lists("a", "", "", "c/a db/a web/a ");
    lists("", "", "", "c/a db/a web/a web/b web/default ");
}

/* ---- events ---- */

struct told {
    char text[512];
    size_t n;
};

static void tell(void *ctx, const struct bx_event *e)
{
    struct told *to = ctx;

    to->n += (size_t)snprintf(to->text + to->n, sizeof to->text - to->n, "%s:" BX_STR_FMT " ",
                              bx_event_names[e->type], BX_STR_ARG(e->tenant));
}

static void tells(uint64_t since, const char *expected)
{
    struct told told = {.n = 0};
    uint32_t n;

    assert_int_equal(bx_fsm_events(t.fsm, since, 100, tell, &told, &n, NULL), BX_OK);
    assert_string_equal(told.text, expected);
}

TEST(events_tell_the_tenant)
{
    struct bx_cmd_user_create user = {bx_str("eve"), BX_USER_VIEWER, bx_str("b")};
    struct bx_cmd_user_delete no_user = {.name = bx_str("eve")};
    struct bx_cmd_tenant_delete no_tenant = {bx_str("b")};
    uint64_t since = test_fsm_revision(&t);
    uint8_t a[16];

    create("a", "web", a);
    rename_vm("a", "web", a, "www");
    test_fsm_apply(&t, BX_CMD_USER_CREATE, &user);
    test_fsm_apply(&t, BX_CMD_USER_DELETE, &no_user);
    test_fsm_apply(&t, BX_CMD_TENANT_DELETE, &no_tenant);
    test_fsm_node(&t, 2, "n2");
    tells(since, "vm.created:a vm.renamed:a user.created:b user.deleted:b tenant.deleted:b "
                 "node.joined: ");
}

TEST(below_level_3_events_tell_none)
{
    uint64_t since;

    test_fsm_close(&t);
    open_at(2);
    since = test_fsm_revision(&t);
    create("a", "web", NULL);
    tells(since, "vm.created: ");
}

int main(void)
{
    return test_run(setup, test_fsm_teardown);
}
