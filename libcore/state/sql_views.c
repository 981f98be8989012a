#include "state/sql_views.h"

#include "codec/flat.h"
#include "codec/json.h"
#include "codec/pack.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define VIEW_MAX 2048 /* SQL text of a view */

bool bx_sql_is_open(const struct bx_kind_desc *k)
{
    for (uint32_t i = 0; i < k->n_columns; i++) {
        if (k->columns[i].open)
            return true;
    }
    return false;
}

/* ---- functions ---- */

static void uuid_text(sqlite3_context *c, int n, sqlite3_value **v)
{
    char text[BX_UUID_TEXT];
    uint8_t uuid[16];

    (void)n;
    if (sqlite3_value_bytes(v[0]) != (int)sizeof uuid) {
        sqlite3_result_value(c, v[0]);
        return;
    }
    memcpy(uuid, sqlite3_value_blob(v[0]), sizeof uuid);
    bx_uuid_format(uuid, text);
    sqlite3_result_text(c, text, -1, SQLITE_TRANSIENT);
}

static const struct bx_field *field_named(const struct bx_schema *s, const char *name)
{
    uint32_t i = 0;

    while (strcmp(s->fields[i].name, name) != 0)
        i++;
    return &s->fields[i];
}

static int write_pairs_json(struct bx_buf *out, const struct bx_pairs *pairs)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf b = {0};
    bx_val map;

    bx_pw_map(&b, pairs->n);
    for (uint32_t i = 0; i < pairs->n; i++) {
        bx_pw_strn(&b, pairs->v[i].key.p, pairs->v[i].key.n);
        bx_pw_strn(&b, pairs->v[i].value.p, pairs->v[i].value.n);
    }
    map = b.failed || pack == NULL ? NULL : bx_pack_parse(pack, b.data, b.len, b.len, NULL);
    if (map == NULL || bx_json_write(out, map, 0) != BX_OK)
        out->failed = true;
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    return out->failed ? BX_NO_MEMORY : BX_OK;
}

/* KIND_json(data): the kind's pairs as JSON, from a record that may be unaligned. */
static void record_json(sqlite3_context *c, int n, sqlite3_value **v)
{
    const struct bx_kind_desc *k = sqlite3_user_data(c);
    const struct bx_field *f = field_named(k->schema, k->json);
    size_t len = (size_t)sqlite3_value_bytes(v[0]);
    struct bx_arena arena = {0};
    void *record = bx_arena_alloc(&arena, len), *object = bx_arena_alloc(&arena, k->schema->size);
    struct bx_buf text = {0};
    int rc = record == NULL || object == NULL ? BX_NO_MEMORY : BX_OK;

    (void)n;
    if (rc == BX_OK && len > 0)
        memcpy(record, sqlite3_value_blob(v[0]), len);
    if (rc == BX_OK)
        rc = bx_flat_read(k->schema, record, len, object, &arena, NULL, NULL);
    if (rc == BX_OK)
        rc = write_pairs_json(&text, (const void *)((const char *)object + f->offset));
    if (rc == BX_OK)
        sqlite3_result_text(c, (const char *)text.data, (int)text.len, SQLITE_TRANSIENT);
    else if (rc == BX_NO_MEMORY)
        sqlite3_result_error_nomem(c);
    else
        sqlite3_result_null(c);
    bx_buf_release(&text);
    bx_arena_close(&arena);
}

/* In place of SQLite's trim with a list of characters, which compares each one of the text with
 * each one of the list, and can not be interrupted. */
static void refuse_list(sqlite3_context *c, int n, sqlite3_value **v)
{
    (void)n;
    (void)v;
    sqlite3_result_error(c, "a query can trim spaces only", -1);
}

static int create_function(sqlite3 *db, const char *name, int n, const struct bx_kind_desc *k,
                           void (*f)(sqlite3_context *c, int n, sqlite3_value **v))
{
    return sqlite3_create_function_v2(db, name, n,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                      (void *)(uintptr_t)k, f, NULL, NULL, NULL);
}

static int create_functions(sqlite3 *db)
{
    static const char *const trims[] = {"trim", "ltrim", "rtrim"};
    int rc = create_function(db, "uuid_text", 1, NULL, uuid_text);
    char name[32];

    for (size_t i = 0; rc == SQLITE_OK && i < sizeof trims / sizeof trims[0]; i++)
        rc = create_function(db, trims[i], 2, NULL, refuse_list);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_kinds[i]->json == NULL)
            continue;
        snprintf(name, sizeof name, "%s_json", bx_kinds[i]->name);
        rc = create_function(db, name, 1, bx_kinds[i], record_json);
    }
    return rc;
}

/* ---- views ---- */

void bx_sql_view_name(const struct bx_kind_desc *k, const char token[BX_SQL_TOKEN],
                      char out[BX_SQL_VIEW_NAME])
{
    snprintf(out, BX_SQL_VIEW_NAME, "%s_%s", k->sql, token);
}

/* Create the view with the kind's open columns, if it has any: under the name that no query can
 * name, and behind it the one under the name of the table. */
static int create_view(sqlite3 *db, const struct bx_kind_desc *k, const char token[BX_SQL_TOKEN])
{
    char sql[VIEW_MAX], name[BX_SQL_VIEW_NAME];
    int n;
    const char *comma = "";

    bx_sql_view_name(k, token, name);
    n = snprintf(sql, sizeof sql, "CREATE TEMP VIEW %s AS SELECT ", name);
    for (uint32_t i = 0; i < k->n_columns; i++) {
        const struct bx_column *c = &k->columns[i];
        bool uuid = c->type == BX_COLUMN_UUID;

        if (!c->open)
            continue;
        n += snprintf(sql + n, sizeof sql - (size_t)n, "%s%s%s%s%s", comma,
                      uuid ? "uuid_text(" : "", c->name, uuid ? ") AS " : "", uuid ? c->name : "");
        comma = ", ";
        assert(n < VIEW_MAX / 2); /* the text comes from a static table */
    }
    if (k->json != NULL)
        n += snprintf(sql + n, sizeof sql - (size_t)n, "%s%s_json(data) AS %s", comma, k->name,
                      k->json);
    snprintf(sql + n, sizeof sql - (size_t)n,
             " FROM main.%s; CREATE TEMP VIEW %s AS SELECT * FROM %s", k->sql, k->sql, name);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int bx_sql_create_views(sqlite3 *db, const char token[BX_SQL_TOKEN])
{
    int rc = create_functions(db);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA temp_store = MEMORY;", NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_sql_is_open(bx_kinds[i]))
            rc = create_view(db, bx_kinds[i], token);
    }
    return rc == SQLITE_OK ? sqlite3_exec(db, "PRAGMA query_only = ON;", NULL, NULL, NULL) : rc;
}
