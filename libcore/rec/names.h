/* names - the process's table of strings (mem/intern.h): one for VM names, labels, tags and events.
 *
 * It exists from the start of the program, before there is a cluster, and serves all threads. It
 * has the common keys and the targets of this program's events from the start. */
#ifndef BX_NAMES_H
#define BX_NAMES_H

#include "mem/intern.h"

/* The calling thread becomes its owner; bounds and fence are those of mem/intern.h. NULL: no
 * memory. */
struct bx_intern *bx_names_open(uint64_t max_strings, uint64_t max_bytes, void (*fence)(void));
/* NULL before open and after close. Any thread. */
struct bx_intern *bx_names(void);
/* Every string must have been released. Without an open it does nothing. */
void bx_names_close(void);

#endif
