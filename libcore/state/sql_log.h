/* sql_log - what SQLite says of its own: into the recorder, as lines of the target sqlite.
 *
 * It tells every error of a statement, also those of a query that a user has mistyped, and its
 * caller hears of them anyway. So only what is about a file, or a misuse, is more than a detail. */
#ifndef BX_SQL_LOG_H
#define BX_SQL_LOG_H

/* For SQLITE_CONFIG_LOG. Any thread. */
void bx_sql_log(void *ctx, int code, const char *text);

#endif
