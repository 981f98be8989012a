/* Tenants and their quotas: what each command does and refuses, what counts against a quota, and
 * what is kept. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/tenant.h"

#include <stdio.h>
#include <string.h>

static int create(const char *name, struct bx_quota quota)
{
    struct bx_cmd_tenant_create c = {bx_str(name), quota};

    return test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &c);
}

static int set_vcpus(const char *name, uint64_t vcpus)
{
    struct bx_cmd_tenant_set c = {.name = bx_str(name), .quota = {.vcpus = vcpus}, .vcpus = true};

    return test_fsm_apply(&t, BX_CMD_TENANT_SET, &c);
}

static int drop(const char *name)
{
    struct bx_cmd_tenant_delete c = {bx_str(name)};

    return test_fsm_apply(&t, BX_CMD_TENANT_DELETE, &c);
}

static int vm(const char *tenant, const char *name, uint32_t vcpus)
{
    struct bx_cmd_vm_create c = {.admit = true};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.tenant = bx_str(tenant);
    c.config.vcpus = vcpus;
    c.config.memory_mib = 100;
    c.config.disk_gib = 1;
    c.config.stopped = true;
    return test_fsm_apply(&t, BX_CMD_VM_CREATE, &c);
}

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static void refused(int code, const char *words, const char *hint)
{
    test_fsm_refused(&t, code, words, hint);
}

static void uses(const char *tenant, uint64_t vms, uint64_t vcpus)
{
    struct bx_quota used = bx_view_usage(view(), bx_str(tenant));

    assert_int_equal(used.vms, vms);
    assert_int_equal(used.vcpus, vcpus);
    assert_int_equal(used.memory_mib, 100 * vms);
    assert_int_equal(used.disk_gib, vms);
}

static uint32_t tenants(void)
{
    const struct bx_tenant *found;
    struct bx_str after = {"", 0};
    uint32_t n = 0;

    for (; (found = bx_view_tenant_after(view(), after)) != NULL; n++)
        after = found->name;
    return n;
}

static void exists(const char *name, uint64_t vcpus)
{
    struct bx_tenant found;

    assert_int_equal(bx_view_tenant(view(), bx_str(name), &found, NULL), BX_OK);
    assert_true(bx_str_eq(found.name, bx_str(name)));
    assert_int_equal(found.quota.vcpus, vcpus);
}

TEST(default_always_exists_without_a_quota)
{
    exists("default", 0);
    assert_int_equal(tenants(), 1);
    assert_int_equal(create("default", (struct bx_quota){0}), BX_EXISTS);
    refused(BX_EXISTS, "exists", "tenant set default");
    assert_int_equal(drop("default"), BX_CONFLICT);
    refused(BX_CONFLICT, "always exists", "tenant set");
    assert_int_equal(vm("default", "web", 500), BX_OK);
    assert_int_equal(set_vcpus("default", 501), BX_OK);
    exists("default", 501);
    assert_int_equal(tenants(), 1);
    assert_int_equal(drop("default"), BX_CONFLICT);
    assert_int_equal(vm("default", "db", 2), BX_UNPLACEABLE);
}

TEST(a_quota_bounds_what_is_created)
{
    assert_int_equal(create("acme", (struct bx_quota){4, 250, 0, 0}), BX_OK);
    assert_int_equal(vm("acme", "a", 3), BX_OK);
    assert_int_equal(vm("acme", "b", 3), BX_UNPLACEABLE);
    refused(BX_UNPLACEABLE, "\"acme\": quota exceeded by 2 vcpus", "tenant set acme");
    assert_int_equal(vm("acme", "b", 1), BX_OK);
    assert_int_equal(vm("acme", "c", 1), BX_UNPLACEABLE);
    refused(BX_UNPLACEABLE, "exceeded by 1 vcpus, 50 MiB of memory", "");
    assert_int_equal(vm("default", "c", 9), BX_OK); /* it is nobody else's */
    uses("acme", 2, 4);
    assert_int_equal(test_fsm_delete(&t, "a"), BX_OK);
    uses("acme", 1, 1);
    assert_int_equal(vm("acme", "d", 3), BX_OK);
}

TEST(the_number_of_vms_is_bounded)
{
    assert_int_equal(create("acme", (struct bx_quota){.vms = 1}), BX_OK);
    assert_int_equal(vm("acme", "a", 1), BX_OK);
    assert_int_equal(vm("acme", "b", 1), BX_UNPLACEABLE);
    refused(BX_UNPLACEABLE, "exceeded by 1 VMs", "");
}

TEST(an_unknown_tenant_gets_no_vm)
{
    assert_int_equal(vm("acme", "a", 1), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "no tenant \"acme\"", "tenant list");
}

/* A log that was written before there were tenants comes to the same state. */
TEST(a_create_of_an_earlier_build_is_not_checked)
{
    struct bx_cmd_vm_create c = {.admit = false};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str("old");
    c.config.tenant = bx_str("acme");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    assert_int_equal(bx_view_usage(view(), bx_str("acme")).vms, 1);
    assert_int_equal(create("acme", (struct bx_quota){.memory_mib = 1}), BX_CONFLICT);
    assert_int_equal(create("acme", (struct bx_quota){.vms = 1}), BX_OK);
}

TEST(a_dry_run_knows_the_quota)
{
    struct bx_candidates cs;
    struct bx_vm_config c;
    struct bx_decision d;

    bx_candidates_init(&cs);
    bx_vm_config_init(&c);
    c.name = bx_str("web");
    c.tenant = bx_str("acme");
    assert_int_equal(bx_fsm_dry_run(t.fsm, &c, &cs, &d, NULL), BX_NOT_FOUND);
    assert_int_equal(create("acme", (struct bx_quota){.disk_gib = 5}), BX_OK);
    assert_int_equal(bx_fsm_dry_run(t.fsm, &c, &cs, &d, NULL), BX_UNPLACEABLE);
    c.disk_gib = 5;
    assert_int_equal(bx_fsm_dry_run(t.fsm, &c, &cs, &d, NULL), BX_OK);
    bx_candidates_close(&cs);
}

TEST(a_quota_is_not_set_below_what_is_used)
{
    assert_int_equal(create("acme", (struct bx_quota){.vcpus = 8}), BX_OK);
    assert_int_equal(vm("acme", "a", 5), BX_OK);
    assert_int_equal(set_vcpus("acme", 4), BX_CONFLICT);
    refused(BX_CONFLICT, "exceed this quota by 1 vcpus", "tenant show acme");
    exists("acme", 8);
    assert_int_equal(set_vcpus("acme", 5), BX_OK);
    exists("acme", 5);
    assert_int_equal(set_vcpus("acme", 5), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(set_vcpus("acme", 0), BX_OK);
    assert_int_equal(vm("acme", "b", 500), BX_OK);
    assert_int_equal(set_vcpus("nobody", 5), BX_NOT_FOUND);
    assert_int_equal(set_vcpus("acme", BX_QUOTA_MAX + 1), BX_INVALID);
}

TEST(a_tenant_with_vms_is_not_deleted)
{
    assert_int_equal(create("acme", (struct bx_quota){0}), BX_OK);
    assert_int_equal(create("acme", (struct bx_quota){0}), BX_EXISTS);
    assert_int_equal(create("A b", (struct bx_quota){0}), BX_INVALID);
    assert_int_equal(vm("acme", "a", 5), BX_OK);
    assert_int_equal(drop("acme"), BX_CONFLICT);
    refused(BX_CONFLICT, "has 1 VMs", "delete them first");
    assert_int_equal(test_fsm_delete(&t, "a"), BX_OK);
    assert_int_equal(drop("acme"), BX_OK);
    assert_int_equal(drop("acme"), BX_NOT_FOUND);
}

TEST(tenants_are_listed_by_name)
{
    static const char *const names[] = {"", "acme", "default", "zoo"};

    assert_int_equal(create("zoo", (struct bx_quota){0}), BX_OK);
    assert_int_equal(create("acme", (struct bx_quota){0}), BX_OK);
    for (int with_row = 0; with_row < 2; with_row++) {
        assert_int_equal(tenants(), 3);
        for (int i = 0; i < 3; i++)
            assert_true(bx_str_eq(bx_view_tenant_after(view(), bx_str(names[i]))->name,
                                  bx_str(names[i + 1])));
        assert_null(bx_view_tenant_after(view(), bx_str("zoo")));
        assert_true(bx_str_eq(bx_view_tenant_after(view(), bx_str("b"))->name, bx_str("default")));
        assert_int_equal(set_vcpus("default", 9), BX_OK);
    }
}

/* By a restart, and by a dump; each change of it is an event. */
TEST(tenants_and_usage_are_kept)
{
    uint64_t digest, index = 0, revision = test_fsm_revision(&t);
    struct bx_buf dump = {0};

    assert_int_equal(create("acme", (struct bx_quota){7, 700, 70, 0}), BX_OK);
    assert_int_equal(set_vcpus("acme", 8), BX_OK);
    assert_int_equal(vm("acme", "a", 5), BX_OK);
    assert_int_equal(test_fsm_revision(&t), revision + 3);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_true(test_fsm_digest(&t) == digest);
    exists("acme", 8);
    uses("acme", 1, 5);
    index = bx_fsm_applied(t.fsm);
    test_fsm_dump(&t, &dump);
    assert_int_equal(bx_fsm_restore_begin(t.fsm, NULL), BX_OK);
    uses("acme", 0, 0);
    assert_int_equal(bx_fsm_restore_chunk(t.fsm, dump.data, dump.len, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_finish(t.fsm, index, digest, NULL), BX_OK);
    exists("acme", 8);
    uses("acme", 1, 5);
    bx_buf_release(&dump);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
