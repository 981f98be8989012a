/* sql_views - what users' queries see of the state: a temporary view in front of each table, with
 * the columns that are meant for people. */
#ifndef BX_SQL_VIEWS_H
#define BX_SQL_VIEWS_H

#include "state/kind.h"

#include <sqlite3.h>

/* Whether a kind has a view: it has a column that users' queries may read. */
bool bx_sql_is_open(const struct bx_kind_desc *k);
/* Create the views of this connection and the functions that they call, and make it read only. Call
 * it before an authorizer is set. Returns a code of SQLite's. */
int bx_sql_create_views(sqlite3 *db);

#endif
