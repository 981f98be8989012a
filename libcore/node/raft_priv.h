/* raft_priv - what the files of the raft module share. Nobody else includes it. */
#ifndef BX_RAFT_PRIV_H
#define BX_RAFT_PRIV_H

#include "node/raft.h"

/* One step and all its updates. Only SUBMIT, START and a transfer may fail; any other failure means
 * a broken core or no memory, and ends the process. */
int bx_raft_step(struct bx_raft *r, struct raft_event *e);
uint64_t bx_raft_now(const struct bx_raft *r);
/* For how many of these, from the first on, the log has room before the disk has written more. */
unsigned bx_raft_room(const struct bx_raft *r, const struct raft_entry *entries, unsigned n);
/* Send a message of the core, with the entries that it names. */
void bx_raft_send(struct bx_raft *r, const struct raft_message *m);
/* Tell followers at once what is committed, unless entries that are under way will. */
void bx_raft_tell_commit(struct bx_raft *r);

/* Decode what bx_raft_committed_configuration encoded. BX_OK, BX_CORRUPT or BX_NO_MEMORY. */
int bx_raft_copy_configuration(struct bx_str encoded, struct raft_configuration *out);
/* This entry, which is a configuration, is committed. */
void bx_raft_configuration_committed(struct bx_raft *r, uint64_t index,
                                     const struct bx_wal_entry *w);

/* After a step: report the configuration if it changed. */
void bx_raft_follow_configuration(struct bx_raft *r);

#endif
