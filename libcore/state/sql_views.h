/* sql_views - the temporary views that users' queries read: one per table, with its open columns.
 */
#ifndef BX_SQL_VIEWS_H
#define BX_SQL_VIEWS_H

#include "state/kind.h"

#include <sqlite3.h>

/* True if a kind has a view: it has at least one open column. */
bool bx_sql_is_open(const struct bx_kind_desc *k);
/* Create the views on this connection and the functions they call, and make the connection
 * read-only. Call it before an authorizer is set. Returns a SQLite code. */
int bx_sql_create_views(sqlite3 *db);

#endif
