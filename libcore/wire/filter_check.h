/* filter_check - whether this program has events that a filter names. */
#ifndef BX_FILTER_CHECK_H
#define BX_FILTER_CHECK_H

#include "err.h"
#include "rec/filter.h"

/* A word that is misspelled would select nothing; a level that is, all events but those with a
 * field of the target's name: the log would be silent. BX_OK, or BX_INVALID with a hint. */
int bx_filter_check(const struct bx_filter *f, struct bx_err *err);

#endif
