/* forget - blixardd --forget-cluster: the data directory of a member becomes that of a host which
 * belongs to no cluster.
 *
 * Identity, vote, log, snapshots and the state are removed. Everything else stays: the VMs' files
 * with their disks (vms), images, kernels (boot). The disks are marked (VM_FILE_KEPT), so that they
 * stay, too, when the host joins a cluster which does not know their VMs. So this is the way out
 * for a node that was removed, and for one whose log or identity is damaged, without losing a disk.
 * The identity goes first and the log's mark last: a directory in between is refused by the daemon,
 * and can be forgotten again. */
#ifndef FORGET_H
#define FORGET_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct forgotten {
    bool forgot;    /* false: it belonged to no cluster */
    uint32_t vms;   /* directories of VMs that are kept */
    uint32_t disks; /* those with a disk */
};

/* force: although VMs of this host still run, which run on. BX_OK, BX_NOT_FOUND (no such
 * directory), BX_CONFLICT (a daemon uses it, or VMs run, or it can not be told whether
 * they do), BX_IO. */
int forget_cluster(const char *data, bool force, struct forgotten *out, struct bx_err *err);

#endif
