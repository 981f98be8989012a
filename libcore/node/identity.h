/* identity - the node that a data directory belongs to: one durable value (log/dualcopy.h, file
 * `identity`).
 *
 * Written by `cluster init` (the founder, id 1) or by a join (the id that the cluster assigned). A
 * directory without one belongs to no cluster. Each identity has a new incarnation, so that two
 * daemons with one id can be told apart. */
#ifndef BX_IDENTITY_H
#define BX_IDENTITY_H

#include "codec/schema.h"
#include "err.h"
#include "log/fs.h"

struct bx_identity {
    uint64_t node; /* 0: none */
    uint8_t cluster[16], history[16], incarnation[16];
    bool founder;
    char name[64]; /* of the node */
    char cluster_name[64];
    bool repaired;   /* one of its copies was damaged when it was loaded; not stored */
    char peers[512]; /* where to dial first: "ID HOST:PORT" with spaces between pairs;
                      * the state's node rows replace it */
};

/* BX_OK with node 0 when there is none; BX_CORRUPT with a hint what to do. */
int bx_identity_load(struct bx_fs *fs, struct bx_identity *out, struct bx_err *err);
int bx_identity_save(struct bx_fs *fs, const struct bx_identity *id, struct bx_err *err);

#endif
