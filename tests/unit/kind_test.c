/* The table of kinds against kind.h: each descriptor is complete, and the SQL tables are those that
 * earlier builds wrote. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "lib/testfsm.h"
#include "state/rows.h"

#include <sqlite3.h>
#include <string.h>

TEST(every_kind_is_complete)
{
    for (size_t i = 0; i < BX__TABLES; i++) {
        const struct bx_kind_desc *k = bx_kinds[i];
        unsigned keys = 0;

        assert_non_null(k);
        assert_true(k->name[0] != '\0' && k->sql[0] != '\0');
        assert_true(k->n_columns > 0 && k->key_at < k->size);
        assert_true(k->schema->n > 0 && k->schema->kind != 0);
        assert_true((k->make == NULL) == (k->load == NULL));
        assert_true(k->make != NULL || k->schema->size <= k->size);
        assert_true(k->ordered || k->key != BX_KEY_NONE);
        assert_true(!k->listed_by_name || (k->named && k->scope_at != 0));
        for (uint32_t c = 0; c < k->n_columns; c++) {
            keys += k->columns[c].key;
            assert_true((k->columns[c].type == BX_COLUMN_ENUM) == (k->columns[c].names != NULL));
        }
        assert_int_equal(keys, 1);
    }
}

TEST(no_two_kinds_share_a_name_a_table_or_a_schema)
{
    for (size_t i = 0; i < BX__TABLES; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(bx_kinds[i]->name, bx_kinds[j]->name);
            assert_string_not_equal(bx_kinds[i]->sql, bx_kinds[j]->sql);
            assert_int_not_equal(bx_kinds[i]->schema->kind, bx_kinds[j]->schema->kind);
        }
    }
}

/* ---- keys ---- */

TEST(keys_are_in_ascending_order)
{
    struct bx_kind_desc k = {.key = BX_KEY_U64};
    uint64_t two = 2, big = UINT64_MAX;
    uint8_t low[16] = {1}, high[16] = {1, [15] = 1};
    struct bx_str a = bx_str("a"), ab = bx_str("ab"), b = bx_str("b"), none = {NULL, 0};

    assert_true(bx_kind_compare(&k, &two, &big) < 0 && bx_kind_compare(&k, &big, &two) > 0);
    assert_true(bx_kind_compare(&k, &two, &two) == 0);
    k.key = BX_KEY_BYTES;
    assert_true(bx_kind_compare(&k, low, high) < 0 && bx_kind_compare(&k, high, high) == 0);
    k.key = BX_KEY_NAME;
    assert_true(bx_kind_compare(&k, &a, &ab) < 0 && bx_kind_compare(&k, &ab, &b) < 0);
    assert_true(bx_kind_compare(&k, &none, &a) < 0 && bx_kind_compare(&k, &a, &a) == 0);
    assert_true(bx_kind_hash(&k, &a) != bx_kind_hash(&k, &b));
}

TEST(an_object_may_get_another_name)
{
    struct bx_intern *in = bx_intern_create(0, 0);
    struct bx_node_row d = {.info = {.id = 7, .name = bx_str("old")}};
    struct bx_row *old, *with;
    struct bx_view v;

    bx_view_init(&v, in);
    old = bx_row_make(&v.home, BX_TABLE_NODE, &d);
    bx_view_swap(&v, NULL, old);
    d.info.name = bx_str("new");
    with = bx_row_make(&v.home, BX_TABLE_NODE, &d);
    bx_view_swap(&v, old, with);
    bx_row_free(&v.home, old);
    assert_null(bx_view_named(&v, BX_TABLE_NODE, bx_str("old")));
    assert_ptr_equal(bx_view_named(&v, BX_TABLE_NODE, bx_str("new")), bx_row_object(with));
    assert_ptr_equal(bx_view_node(&v, 7), bx_row_object(with));
    bx_view_close(&v);
    bx_intern_destroy(in);
}

/* ---- the database ---- */

/* As the builds before the table of kinds wrote them. A database of theirs is opened as it is. */
static const char *const tables[][2] = {
    {"vms", "CREATE TABLE vms(uuid BLOB, name TEXT, tenant TEXT, vcpus INTEGER,"
            " memory_mib INTEGER, disk_gib INTEGER, desired TEXT, phase TEXT, node INTEGER,"
            " epoch INTEGER, priority INTEGER, created_index INTEGER PRIMARY KEY,"
            " modified_index INTEGER, data BLOB)"},
    {"nodes", "CREATE TABLE nodes(id INTEGER PRIMARY KEY, name TEXT UNIQUE, address TEXT,"
              " api TEXT, state TEXT, role TEXT, driver TEXT, vcpus INTEGER, memory_mib INTEGER,"
              " disk_gib INTEGER, data BLOB)"},
    {"tokens", "CREATE TABLE tokens(secret_hash BLOB PRIMARY KEY, expires_ms INTEGER, data BLOB)"
               " WITHOUT ROWID"},
    {"cluster", "CREATE TABLE cluster(one INTEGER PRIMARY KEY, name TEXT, data BLOB)"},
};

TEST(the_tables_are_those_of_earlier_builds)
{
    struct test_fsm t = {0};
    sqlite3_stmt *st;
    sqlite3 *db;

    test_fsm_open(&t);
    assert_int_equal(sqlite3_open_v2(t.path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        assert_int_equal(
            sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_master WHERE name=?1", -1, &st, NULL),
            SQLITE_OK);
        sqlite3_bind_text(st, 1, tables[i][0], -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(st, 0), tables[i][1]);
        sqlite3_finalize(st);
    }
    sqlite3_close(db);
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
