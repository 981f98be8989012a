/* sql_functions - the functions of users' queries that are not SQLite's own: those that the views
 * call, and others in place of those of SQLite's that take too long. */
#ifndef BX_SQL_FUNCTIONS_H
#define BX_SQL_FUNCTIONS_H

#include "state/fsm.h"

#include <sqlite3.h>

/* For this connection; *absent outlives it. Returns an SQLite result code. */
int bx_sql_create_functions(sqlite3 *db, const struct bx_sql_absent *absent);

#endif
