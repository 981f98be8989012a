#include "state/sql_memory.h"

#include "state/sql_log.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdint.h>

static sqlite3_mem_methods base; /* SQLite's own allocator */

static _Thread_local struct {
    bool bounded, refused;
    int64_t left; /* bytes; memory may be freed by another thread than the one that took it */
} mine;

static bool may_take(int64_t n)
{
    if (!mine.bounded || n <= mine.left)
        return true;
    mine.refused = true;
    return false;
}

static void count(void *p, int64_t sign)
{
    if (mine.bounded)
        mine.left -= sign * base.xSize(p);
}

static void *take(int n)
{
    void *p = may_take(n) ? base.xMalloc(n) : NULL;

    if (p != NULL)
        count(p, 1);
    return p;
}

static void give(void *p)
{
    count(p, -1);
    base.xFree(p);
}

static void *resize(void *p, int n)
{
    int was = base.xSize(p);
    void *now = may_take((int64_t)n - was) ? base.xRealloc(p, n) : NULL;

    if (now == NULL)
        return NULL;
    count(now, 1);
    if (mine.bounded)
        mine.left += was;
    return now;
}

/* Before anything in the process uses SQLite: afterwards its allocator can not be changed, nor who
 * hears of its errors. Its statistics of memory, which nobody reads, would take a lock of all
 * threads for each block: a query's thread, which has a low priority, holds it while other
 * processes run, and the loop waits. */
__attribute__((constructor)) static void install(void)
{
    sqlite3_mem_methods counted;
    int rc = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &base);

    counted = base;
    counted.xMalloc = take;
    counted.xFree = give;
    counted.xRealloc = resize;
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &counted);
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (rc == SQLITE_OK)
        rc = sqlite3_config(SQLITE_CONFIG_LOG, bx_sql_log, NULL);
    assert(rc == SQLITE_OK);
    (void)rc;
}

void bx_sql_memory_begin(size_t max)
{
    assert(!mine.bounded);
    mine.bounded = true;
    mine.refused = false;
    mine.left = (int64_t)max;
}

void bx_sql_memory_end(void)
{
    mine.bounded = false;
}

bool bx_sql_memory_refused(void)
{
    return mine.refused;
}
