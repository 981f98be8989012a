#include "state/sql_views.h"

#include "state/sql_functions.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define VIEW_MAX 4096 /* SQL text of a view */

bool bx_sql_is_open(const struct bx_kind_desc *k)
{
    for (uint32_t i = 0; i < k->n_columns; i++) {
        if (k->columns[i].open)
            return true;
    }
    return false;
}

bool bx_sql_is_shown(const struct bx_kind_desc *k, const struct bx_sql_options *o)
{
    return bx_sql_is_open(k) && (o->tenant.n == 0 || k->tenant_column != NULL || k->all_tenants);
}

static const struct bx_column *find_column(const struct bx_kind_desc *k, const char *name)
{
    for (uint32_t i = 0; i < k->n_columns; i++) {
        if (strcasecmp(name, k->columns[i].name) == 0)
            return &k->columns[i];
    }
    return NULL;
}

static const struct bx_shown_column *find_shown(const struct bx_kind_desc *k, const char *name)
{
    for (const struct bx_shown_column *s = k->shown; s != NULL && s->name != NULL; s++) {
        if (strcasecmp(name, s->name) == 0)
            return s;
    }
    return NULL;
}

bool bx_sql_is_open_column(const struct bx_kind_desc *k, const char *name)
{
    const struct bx_column *c = find_column(k, name);

    return c == NULL ? find_shown(k, name) != NULL : c->open;
}

/* ---- views ---- */

struct text { /* of the statements that create a view */
    char sql[VIEW_MAX];
    int n;
    const char *comma; /* before the next column */
};

void bx_sql_view_name(const struct bx_kind_desc *k, const char token[BX_SQL_TOKEN],
                      char out[BX_SQL_VIEW_NAME])
{
    snprintf(out, BX_SQL_VIEW_NAME, "%s_%s", k->sql, token);
}

/* The next column of a view's text. */
__attribute__((format(printf, 2, 3))) static void add_column(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    t->n += snprintf(t->sql + t->n, sizeof t->sql - (size_t)t->n, "%s", t->comma);
    t->n += vsnprintf(t->sql + t->n, sizeof t->sql - (size_t)t->n, fmt, ap);
    va_end(ap);
    t->comma = ", ";
    assert(t->n < VIEW_MAX / 2); /* the text comes from a static table */
}

static void add_columns(struct text *t, const struct bx_kind_desc *k, bool limited)
{
    for (uint32_t i = 0; i < k->n_columns; i++) {
        const struct bx_column *c = &k->columns[i];
        const struct bx_shown_column *s = find_shown(k, c->name);

        if (!c->open)
            continue;
        if (c->location && limited)
            add_column(t, "NULL AS %s", c->name);
        else if (s != NULL)
            add_column(t, "%s AS %s", s->sql, s->name);
        else if (c->type == BX_COLUMN_UUID)
            add_column(t, "uuid_text(t.%s) AS %s", c->name, c->name);
        else
            add_column(t, "t.%s", c->name);
    }
    for (const struct bx_shown_column *s = k->shown; s != NULL && s->name != NULL; s++) {
        if (find_column(k, s->name) == NULL)
            add_column(t, "%s AS %s", s->sql, s->name);
    }
}

/* The rows that are a tenant's. The limit, which is none, keeps SQLite from making view and query
 * one: then conditions of the query could be evaluated before this one, and an error would tell of
 * rows that are not seen; and a table could seem to be read by the query. */
static void add_condition(struct text *t, const struct bx_kind_desc *k,
                          const struct bx_sql_options *o)
{
    char *where = NULL;

    if (o->tenant.n > 0 && k->tenant_column != NULL)
        where =
            sqlite3_mprintf(" WHERE t.%s = %.*Q", k->tenant_column, (int)o->tenant.n, o->tenant.p);
    if (o->limited)
        t->n += snprintf(t->sql + t->n, sizeof t->sql - (size_t)t->n, "%s LIMIT -1",
                         where == NULL ? "" : where);
    sqlite3_free(where);
}

/* Create the view with the kind's open columns and those it shows besides: under the name that no
 * query can name, and behind it the one under the name of the table. */
static int create_view(sqlite3 *db, const struct bx_kind_desc *k, const char token[BX_SQL_TOKEN],
                       const struct bx_sql_options *o)
{
    struct text t = {.comma = ""};
    char name[BX_SQL_VIEW_NAME];

    bx_sql_view_name(k, token, name);
    t.n = snprintf(t.sql, sizeof t.sql, "CREATE TEMP VIEW %s AS SELECT ", name);
    add_columns(&t, k, o->limited);
    t.n += snprintf(t.sql + t.n, sizeof t.sql - (size_t)t.n, " FROM main.%s t", k->sql);
    add_condition(&t, k, o);
    snprintf(t.sql + t.n, sizeof t.sql - (size_t)t.n, "; CREATE TEMP VIEW %s AS SELECT * FROM %s",
             k->sql, name);
    return sqlite3_exec(db, t.sql, NULL, NULL, NULL);
}

int bx_sql_create_views(sqlite3 *db, const char token[BX_SQL_TOKEN], const struct bx_sql_options *o)
{
    int rc = bx_sql_create_functions(db, &o->absent);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "PRAGMA temp_store = MEMORY;", NULL, NULL, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < BX__TABLES; i++) {
        if (bx_sql_is_shown(bx_kinds[i], o))
            rc = create_view(db, bx_kinds[i], token, o);
    }
    return rc == SQLITE_OK ? sqlite3_exec(db, "PRAGMA query_only = ON;", NULL, NULL, NULL) : rc;
}
