#include "state/sql_views.h"

#include "state/sql_functions.h"

#include <assert.h>
#include <stdio.h>

#define VIEW_MAX 2048 /* SQL text of a view */

bool bx_sql_is_open(const struct bx_kind_desc *k)
{
    for (uint32_t i = 0; i < k->n_columns; i++) {
        if (k->columns[i].open)
            return true;
    }
    return false;
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
    int rc = bx_sql_create_functions(db);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA temp_store = MEMORY;", NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_sql_is_open(bx_kinds[i]))
            rc = create_view(db, bx_kinds[i], token);
    }
    return rc == SQLITE_OK ? sqlite3_exec(db, "PRAGMA query_only = ON;", NULL, NULL, NULL) : rc;
}
