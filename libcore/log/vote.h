/* vote - the current term of a server and the candidate it voted for in that term.
 *
 * Two votes in one term could elect two leaders, so the value is made durable before any message is
 * sent. */
#ifndef BX_VOTE_H
#define BX_VOTE_H

#include "log/dualcopy.h"

struct bx_vote {
    struct bx_dualcopy copies;
    uint64_t term, voted_for; /* 0: none */
};

/* Open or create; a new one has term 0. Codes as for bx_dualcopy_open. */
int bx_vote_open(struct bx_vote *v, struct bx_fs *fs, struct bx_err *err);
/* Durable when it returns BX_OK; after BX_IO the process must end. */
int bx_vote_save(struct bx_vote *v, uint64_t term, uint64_t voted_for, struct bx_err *err);
/* Accepts a zeroed struct. */
void bx_vote_close(struct bx_vote *v);

#endif
