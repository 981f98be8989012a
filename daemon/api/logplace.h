/* logplace - places in log files as text, for the `after` of log.query.
 *
 *     @TIME:THREAD:NUMBER   behind this event
 *     #FILE:EVENTS:BYTES    behind so many events of a file of another node's log; they were all
 *                           when it had so many bytes */
#ifndef API_LOGPLACE_H
#define API_LOGPLACE_H

#include "api/logpage.h"
#include "sys/recdir.h"

#include <stdbool.h>

struct logplace {
    char file[RECDIR_NAME]; /* empty: before all of them */
    uint32_t events;
    uint64_t bytes; /* 0: others may follow */
};

/* Write the place to `text`, of BX_LOG_AFTER_MAX + 1 bytes. */
struct bx_str logplace_of_event(char *text, const struct logpage_key *k);
struct bx_str logplace_of_file(char *text, const struct logplace *p);
/* Whether the text is such a place, and which. */
bool logplace_is_event(struct bx_str text, struct logpage_key *out);
bool logplace_is_file(struct bx_str text, struct logplace *out);

#endif
