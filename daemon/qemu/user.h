/* qemu_users - the users that QEMU runs as when the daemon is root: one for each VM, out of a range
 * of numbers that needs no entry in passwd.
 *
 * A VM's user owns its directory and its disk, which is where the assignment is kept: it is read at
 * the start of the driver and stays as long as the directory does. The group has the same number.
 */
#ifndef QEMU_USER_H
#define QEMU_USER_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct qemu_users {
    uid_t first;
    uint32_t n;    /* 0: QEMU runs as the daemon does */
    uint8_t *used; /* a bit for each */
    uint32_t next; /* where the search for a free one begins */
};

/* first 0: QEMU runs as the daemon does. BX_OK, BX_INVALID (the range), BX_DENIED (not root),
 * BX_NO_MEMORY. */
int qemu_users_open(struct qemu_users *u, uid_t first, uid_t last, struct bx_err *err);
void qemu_users_close(struct qemu_users *u);

/* The directory of a VM that was found. */
void qemu_users_note(struct qemu_users *u, int dir);
/* It was removed. */
void qemu_users_release(struct qemu_users *u, int dir);
/* The user of the VM with this directory, which becomes its owner; 0: that of the daemon. BX_OK,
 * BX_BUSY (all are in use), BX_IO. */
int qemu_users_take(struct qemu_users *u, int dir, uid_t *uid, struct bx_err *err);

/* The first range of the usual ones that exists in this user namespace; false: none does. */
bool qemu_users_usual(uid_t *first, uid_t *last);

#endif
