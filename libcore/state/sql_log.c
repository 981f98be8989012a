#include "state/sql_log.h"

#include "rec/rec.h"

#include <sqlite3.h>
#include <string.h>

static enum bx_level level_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
    case SQLITE_MISUSE:
        return BX_LEVEL_ERROR;
    case SQLITE_WARNING:
        return BX_LEVEL_WARNING;
    default:
        return BX_LEVEL_DEBUG;
    }
}

void bx_sql_log(void *ctx, int code, const char *text)
{
    (void)ctx;
    bx_rec_line(BX_LINE_SQLITE, level_of(code), text, strlen(text));
}
