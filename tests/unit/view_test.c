/* The view against view.h: finding by name, uuid and prefix, order, columns, and that what was
 * swapped in and out again leaves no trace. */
#include "view_help.h"

#include <stdio.h>
#include <string.h>

/* ---- finding ---- */

static int find(const char *ref, const char *name)
{
    struct bx_err err = {0};
    const struct bx_vm *vm;
    int rc = bx_view_find_vm(&v, bx_str(ref), &vm, &err);

    if (rc == BX_OK)
        assert_string_equal(vm->name->s, name);
    else
        assert_true(err.msg[0] != '\0' && err.hint[0] != '\0');
    return rc;
}

TEST(a_vm_is_found_by_name_uuid_or_prefix)
{
    add_vm("web", U1, 0);
    add_vm("db", U2, 0);
    add_vm("bbbb", U3, 0); /* a name that looks like a prefix */
    assert_int_equal(find("web", "web"), BX_OK);
    assert_int_equal(find(U2, "db"), BX_OK);
    assert_int_equal(find("AAAA0000-2222-4111-8111-000000000002", "db"), BX_OK);
    assert_int_equal(find("aaaa0000-1", "web"), BX_OK);
    assert_int_equal(find("aaaa0000-2222-4111-8111-00000000000", "db"), BX_OK);
    assert_int_equal(find("bbbb", "bbbb"), BX_OK);
    assert_int_equal(find("bbbb0", "bbbb"), BX_OK);

    assert_int_equal(find("aaaa", NULL), BX_CONFLICT);
    assert_int_equal(find("aaaa0000-", NULL), BX_CONFLICT);
    assert_int_equal(find("bbb", NULL), BX_NOT_FOUND); /* four digits at least */
    assert_int_equal(find("aaaa0001", NULL), BX_NOT_FOUND);
    assert_int_equal(find("aaaa00001", NULL), BX_NOT_FOUND); /* dashes count */
    assert_int_equal(find("aaaa0000-1111-4111-8111-0000000000019", NULL), BX_NOT_FOUND);
    assert_int_equal(find("we", NULL), BX_NOT_FOUND);
    assert_int_equal(find("", NULL), BX_NOT_FOUND);
    assert_int_equal(find("zzzz", NULL), BX_NOT_FOUND);
}

/* As the uuid itself, a prefix may be written in capitals. */
TEST(a_prefix_may_be_in_capitals)
{
    add_vm("web", U1, 0);
    add_vm("db", U3, 0);
    assert_int_equal(find("AAAA", "web"), BX_OK);
    assert_int_equal(find("BBBB0000-2", "db"), BX_OK);
}

TEST(what_was_not_found_is_quoted_in_short)
{
    char text[200];
    struct bx_err err;
    const struct bx_vm *vm;
    const struct bx_node_row *node;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(bx_view_find_vm(&v, bx_str(text), &vm, &err), BX_NOT_FOUND);
    assert_true(strlen(err.msg) < 100); /* cut, not told in full */
    assert_int_equal(bx_view_find_node(&v, bx_str(text), &node, &err), BX_NOT_FOUND);
    assert_true(strlen(err.msg) < 100);
    assert_int_equal(bx_view_find_vm(&v, (struct bx_str){NULL, 0}, &vm, &err), BX_NOT_FOUND);
}

TEST(a_node_is_found_by_name_or_id)
{
    const struct bx_node_row *n;

    add_node(7, "n7");
    add_node(3, "12");
    add_node(12, "n12");
    assert_int_equal(bx_view_find_node(&v, bx_str("n7"), &n, NULL), BX_OK);
    assert_int_equal(n->info.id, 7);
    assert_int_equal(bx_view_find_node(&v, bx_str("7"), &n, NULL), BX_OK);
    assert_int_equal(n->info.id, 7);
    assert_int_equal(bx_view_find_node(&v, bx_str("12"), &n, NULL), BX_OK);
    assert_int_equal(n->info.id, 3); /* lowest id first, name or not */
    assert_int_equal(bx_view_find_node(&v, bx_str("07"), &n, NULL), BX_NOT_FOUND);
    assert_null(n);
    assert_non_null(bx_view_node(&v, 12));
    assert_null(bx_view_node(&v, 4));
}

/* ---- order and columns ---- */

/* The names from `after` on are vm-FROM and so on to vm-199. */
static void lists_from(const char *after, unsigned from)
{
    struct bx_str key = bx_str(after);
    struct bx_index_place at = bx_view_after(&v, BX_TABLE_VM, after == NULL ? NULL : &key);
    const struct bx_vm *vm;
    char name[32];

    while ((vm = bx_view_step(&v, BX_TABLE_VM, &at)) != NULL) {
        snprintf(name, sizeof name, "vm-%03u", from++);
        assert_string_equal(vm->name->s, name);
        assert_ptr_equal(vm, bx_view_named(&v, BX_TABLE_VM, bx_str(name)));
    }
    assert_int_equal(from, 200);
}

TEST(vms_are_sorted_by_name)
{
    char name[32], uuid[BX_UUID_TEXT];

    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "vm-%03u", i * 77 % 200);
        snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-000000000000", i * 2654435761u);
        add_vm(name, uuid, 0);
    }
    assert_int_equal(bx_view_vms(&v), 200);
    lists_from(NULL, 0);
    lists_from("", 0);
    lists_from("vm-000", 1);
    lists_from("vm-0995", 100);
    lists_from("vm-1", 100);
    lists_from("vm-198", 199);
    lists_from("vm-199", 200);
    lists_from("z", 200);
}

TEST(lists_of_an_ordered_kind_begin_behind_a_key)
{
    static const struct {
        uint64_t after, first;
    } cases[] = {{0, 2}, {1, 2}, {2, 5}, {4, 5}, {5, 9}, {9, 0}, {UINT64_MAX, 0}};
    const struct bx_node_row *n;

    add_node(9, "n9");
    add_node(2, "n2");
    add_node(5, "n5");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bx_index_place at = bx_view_after(&v, BX_TABLE_NODE, &cases[i].after);

        n = bx_view_step(&v, BX_TABLE_NODE, &at);
        assert_int_equal(n == NULL ? 0 : n->info.id, cases[i].first);
    }
}

TEST(the_columns_follow_the_rows)
{
    struct bx_node_columns c;
    struct bx_row *vm, *moved;
    size_t pos = 0;

    add_node(9, "n9");
    add_node(2, "n2");
    vm = add_vm("web", U1, 9);
    bx_view_columns(&v, &c);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.id[0], 2);
    assert_int_equal(c.id[1], 9);
    assert_int_equal(c.total_vcpus[1], 12);        /* (10 - 2) * 150 % */
    assert_int_equal(c.total_memory_mib[1], 2700); /* (4000 - 1000) * 90 % */
    assert_int_equal(c.total_disk_gib[1], 90);
    assert_int_equal(c.free_vcpus[1], 9);
    assert_int_equal(c.free_memory_mib[1], 2200);
    assert_int_equal(c.free_disk_gib[1], 83);
    assert_int_equal(c.free_vcpus[0], 12);
    assert_int_equal(bx_view_node(&v, 9)->vms, 1);
    assert_ptr_equal(bx_view_next_on_node(&v, 9, &pos), bx_row_as_vm(vm));
    assert_null(bx_view_next_on_node(&v, 9, &pos));

    moved = vm_row("web", U1, 2);
    bx_view_swap(&v, vm, moved);
    bx_row_free(&v.home, vm);
    bx_view_columns(&v, &c);
    assert_int_equal(c.free_vcpus[0], 9);
    assert_int_equal(c.free_vcpus[1], 12);
    assert_int_equal(bx_view_node(&v, 9)->vms, 0);
    assert_int_equal(bx_view_node(&v, 9)->allocated_disk_gib, 0);
}

/* ---- undo ---- */

/* Many swaps, undone from the end: digest, order and columns are what they were. */
TEST(swaps_that_are_undone_leave_nothing)
{
    struct bx_row *nodes[8], *vms[40], *tokens[8];
    struct bx_node_columns before, after;
    uint64_t digest;
    char name[16], uuid[BX_UUID_TEXT];

    add_node(100, "stays");
    add_vm("stays", U1, 100);
    digest = v.digest;
    for (unsigned i = 0; i < 8; i++) {
        struct bx_token token = {.secret_hash = {(uint8_t)i, 1}, .expires_ms = i};

        snprintf(name, sizeof name, "n%u", i);
        nodes[i] = add_node(90 + 3 * i, name);
        tokens[i] = bx_row_make(&v.home, BX_TABLE_TOKEN, &token);
        bx_view_swap(&v, NULL, tokens[i]);
        assert_ptr_equal(bx_view_row(&v, BX_TABLE_TOKEN, token.secret_hash), tokens[i]);
    }
    for (unsigned i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "v%u", i);
        snprintf(uuid, sizeof uuid, "%08x-0000-4000-8000-000000000000", i * 2654435761u);
        vms[i] = add_vm(name, uuid, i % 2 == 0 ? 100 : 90);
    }
    bx_view_columns(&v, &before);
    assert_int_equal(before.free_vcpus[0], 12 - 3 * 20);
    assert_true(v.digest != digest);
    for (unsigned i = 40; i-- > 0;) {
        bx_view_swap(&v, vms[i], NULL);
        bx_row_free(&v.home, vms[i]);
    }
    for (unsigned i = 8; i-- > 0;) {
        bx_view_swap(&v, nodes[i], NULL);
        bx_row_free(&v.home, nodes[i]);
        bx_view_swap(&v, tokens[i], NULL);
        bx_row_free(&v.home, tokens[i]);
    }
    bx_view_columns(&v, &after);
    assert_true(v.digest == digest);
    assert_int_equal(after.n, 1);
    assert_int_equal(after.id[0], 100);
    assert_int_equal(after.free_vcpus[0], 9);
    assert_int_equal(bx_view_count(&v, BX_TABLE_TOKEN), 0);
    assert_int_equal(bx_view_vms(&v), 1);
}

int main(void)
{
    return test_run(view_setup, view_teardown);
}
