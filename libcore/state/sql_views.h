/* sql_views - what users' queries see of the state: a temporary view in front of each table, with
 * the columns that are meant for people. */
#ifndef BX_SQL_VIEWS_H
#define BX_SQL_VIEWS_H

#include "state/fsm.h"
#include "state/kind.h"

#include <sqlite3.h>

/* SQLite tells an authorizer the name of the view that reads a table, but a common table expression
 * can have the same name. So the view that may read whole records has a name with a token that is
 * drawn for each connection. */
#define BX_SQL_TOKEN 17u     /* bytes: 16 hexadecimal digits and the NUL */
#define BX_SQL_VIEW_NAME 64u /* bytes of the name with the NUL */
void bx_sql_view_name(const struct bx_kind_desc *k, const char token[BX_SQL_TOKEN],
                      char out[BX_SQL_VIEW_NAME]);

/* Whether a kind has a view: it has a column that users' queries may read. */
bool bx_sql_is_open(const struct bx_kind_desc *k);
/* Whether the view of this kind has a column of this name, in any case of letters. */
bool bx_sql_is_open_column(const struct bx_kind_desc *k, const char *name);
/* Whether there is one in the queries of these options. */
bool bx_sql_is_shown(const struct bx_kind_desc *k, const struct bx_sql_options *o);
/* Create the views of this connection and the functions they call, and make it read-only. Call
 * before the authorizer is set; *o outlives the connection. Returns an SQLite result code. */
int bx_sql_create_views(sqlite3 *db, const char token[BX_SQL_TOKEN],
                        const struct bx_sql_options *o);

#endif
