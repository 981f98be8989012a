/* received - logs that other nodes have sent here, DATA/recorder/from/ID/log-TIME-0.bxr.
 *
 * A log is a file of the recorder (rec/recfile.h), which grows by parts. RECEIVED_NODES nodes may
 * have RECEIVED_LOGS each, of RECEIVED_BYTES together; those whose names tell the earliest times
 * make room for the next one. All functions wait for
 * the disk, so they are for a job in the pool; not more than one at a time for a node. */
#ifndef RECEIVED_H
#define RECEIVED_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define RECEIVED_NODES 32u
#define RECEIVED_LOGS 64u
#define RECEIVED_BYTES (64u << 20)
#define RECEIVED_LOG_MAX (10u << 20) /* bytes of one log */

/* Keep a part of the log that this node began at this time; `recorder` is the descriptor of
 * DATA/recorder. A part that is kept already changes nothing. *kept: how many bytes of the log are
 * kept then, 0 if it is not known here, or too large. BX_OK; BX_MALFORMED: these are not whole
 * items; BX_UNSUPPORTED: of a newer version; BX_TOO_LARGE: too many nodes; BX_NO_SPACE, BX_IO. */
int received_append(int recorder, uint64_t node, uint64_t begun, uint64_t offset, const void *p,
                    size_t n, uint64_t *kept, struct bx_err *err);
/* The directory of a node's logs, for recdir.h; the caller closes it. -1: there are none. */
int received_open(int recorder, uint64_t node);

#endif
