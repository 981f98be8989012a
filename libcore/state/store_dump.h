/* store_dump - reads a whole state database on a separate connection, table by table. */
#ifndef BX_STORE_DUMP_H
#define BX_STORE_DUMP_H

#include "err.h"
#include "state/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bx_store_dump;

struct bx_dump_row {
    uint8_t table; /* enum bx_table, or BX_DUMP_* */
    uint64_t entry, first, last;
    const void *data; /* valid until the next call */
    size_t n;
};
enum { BX_DUMP_EVENTS = 16, BX_DUMP_OUTCOMES, BX_DUMP_META };
_Static_assert((int)BX__TABLES <= (int)BX_DUMP_EVENTS,
               "kinds beyond take numbers above those of the parts");

/* Open a connection and begin a read transaction, which sees the state committed now. */
int bx_store_dump_open(struct bx_store_dump **d, const char *path, struct bx_err *err);
/* The next row, in a fixed order; *end after the last. */
int bx_store_dump_next(struct bx_store_dump *d, struct bx_dump_row *row, bool *end,
                       struct bx_err *err);
void bx_store_dump_close(struct bx_store_dump *d);

#endif
