/* raft_priv - what the files of the raft module share. Nobody else includes it. */
#ifndef BX_RAFT_PRIV_H
#define BX_RAFT_PRIV_H

#include "node/raft.h"

/* One step and all its updates. Only SUBMIT, START and a transfer may fail; anything else is a
 * broken core or no memory, and going on would be guessing. */
int bx_raft_step(struct bx_raft *r, struct raft_event *e);
/* Decode what bx_raft_committed_configuration encoded. BX_OK or BX_CORRUPT. */
int bx_raft_copy_configuration(struct bx_str encoded, struct raft_configuration *out);

#endif
