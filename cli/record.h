/* record - what blixardctl itself does, as events on standard error, if BLIXARD_LOG asks for them.
 *
 * They are events of the recorder (rec/rec.h), with the targets "cli" and "client". Nobody reads
 * the ring of a program that ends at once, so the thread has only a queue, which is emptied after
 * each event: the lines stand between those that the command prints, and no other thread is
 * needed. Other threads, which the bench has, record nothing. Never recorded are words of the
 * command line, parameters, and what a server answers: any of them may be a secret. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include "err.h"

#include <stdint.h>

/* Without BLIXARD_LOG, or with an empty one, nothing is opened or recorded. A word that no event
 * has is a warning on standard error. BX_OK, BX_NO_MEMORY, or BX_UNREACHABLE with a hint: it is no
 * filter. */
int record_open(struct bx_err *err);
/* Also if nothing is open. */
void record_close(void);
/* Monotonic, to take durations. */
uint64_t record_now_ns(void);

#endif
