/* sql_memory - a bound on the memory that one thread's use of SQLite takes.
 *
 * SQLite has a bound for the process only, and the thread that writes the state must not run into
 * it. While it compiles a query it asks nobody whether to go on: a few common table expressions of
 * which each names the one before twice take gigabytes. So SQLite's allocator counts what a thread
 * takes between begin and end, and refuses it what is beyond the bound; SQLite reports SQLITE_NOMEM
 * then. */
#ifndef BX_SQL_MEMORY_H
#define BX_SQL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Of the calling thread; not nested. */
void bx_sql_memory_begin(size_t max);
void bx_sql_memory_end(void);
/* Something was refused since begin. */
bool bx_sql_memory_refused(void);

#endif
