#include "state/store_sql.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const sql_types[BX__COLUMNS] = {
    [BX_COLUMN_ONE] = "INTEGER",   [BX_COLUMN_U8] = "INTEGER",  [BX_COLUMN_U16] = "INTEGER",
    [BX_COLUMN_U32] = "INTEGER",   [BX_COLUMN_U64] = "INTEGER", [BX_COLUMN_ENUM] = "TEXT",
    [BX_COLUMN_UUID] = "BLOB",     [BX_COLUMN_BYTES] = "BLOB",  [BX_COLUMN_TEXT] = "TEXT",
    [BX_COLUMN_INTERNED] = "TEXT",
};

__attribute__((format(printf, 2, 3))) static void append(char to[BX_STORE_SQL_MAX], const char *fmt,
                                                         ...)
{
    size_t n = strlen(to);
    va_list ap;

    va_start(ap, fmt);
    n += (size_t)vsnprintf(to + n, BX_STORE_SQL_MAX - n, fmt, ap);
    va_end(ap);
    assert(n < BX_STORE_SQL_MAX); /* the text comes from a static table */
}

static const char *or_empty(const char *s)
{
    return s == NULL ? "" : s;
}

void bx_store_create_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX])
{
    to[0] = '\0';
    append(to, "CREATE TABLE IF NOT EXISTS %s(", k->sql);
    for (uint32_t i = 0; i < k->n_columns; i++) {
        const struct bx_column *c = &k->columns[i];

        append(to, "%s %s%s%s%s, ", c->name, sql_types[c->type], c->key ? " PRIMARY KEY" : "",
               c->constraint == NULL ? "" : " ", or_empty(c->constraint));
    }
    append(to, "data BLOB)%s", or_empty(k->sql_suffix));
}

void bx_store_put_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX])
{
    to[0] = '\0';
    append(to, "INSERT OR REPLACE INTO %s VALUES(", k->sql);
    for (uint32_t i = 0; i < k->n_columns; i++)
        append(to, "?,");
    append(to, "?)");
}

void bx_store_delete_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX])
{
    to[0] = '\0';
    append(to, "DELETE FROM %s WHERE %s=?", k->sql, bx_kind_key_column(k)->name);
}

void bx_store_select_sql(const struct bx_kind_desc *k, char to[BX_STORE_SQL_MAX])
{
    to[0] = '\0';
    append(to, "SELECT 0, 0, 0, data FROM %s ORDER BY %s", k->sql, bx_kind_key_column(k)->name);
}

void bx_store_clear_sql(char to[BX_STORE_SQL_MAX])
{
    to[0] = '\0';
    append(to, "DELETE FROM events; DELETE FROM outcomes; DELETE FROM meta;");
    for (size_t i = 0; i < BX__TABLES; i++)
        append(to, "DELETE FROM %s;", bx_kinds[i]->sql);
}
