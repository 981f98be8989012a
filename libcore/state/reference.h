/* reference - what a request means by a VM or a node.
 *
 * A client names a VM by its name, its uuid or a prefix of the uuid, and may say of which tenant.
 * Between the request and its effect the name can get to another VM, and what was a name can become
 * a mere prefix of another VM's uuid. So a reference is looked up before the command is proposed,
 * after a barrier; the command carries the reference and what it meant; and it is refused when the
 * reference no longer means that when it is applied. The tenant is in the head of the command;
 * below feature level 3, when names are unique in the cluster, it says nothing.
 *
 * Commands of builds that looked references up in apply carry the reference alone. They are applied
 * as those builds did, because every replica must come to the same state from the same log. */
#ifndef BX_STATE_REFERENCE_H
#define BX_STATE_REFERENCE_H

#include "state/fsm.h"

struct bx_reference {
    struct bx_str ref;
    struct bx_str tenant; /* whose VMs may be meant; empty: those of all */
    /* Of the request; zero: it is not repeated. A repeat must be the same command, so it concerns
     * what its outcome was about, if that is still kept. */
    uint8_t session[16];
    uint64_t sequence;
    struct bx_str principal; /* of whom; empty: of anybody */
    bool exact;              /* a prefix of a uuid is refused: for what can not be undone */
    /* Set if an outcome is kept of this request. */
    bool answered;
    struct bx_outcome outcome; /* views into the state */
};

/* Call it on the loop's thread, after a barrier. BX_OK, BX_NOT_FOUND, or BX_CONFLICT when several
 * are meant; with hints. A repeat whose outcome names no VM or node, as that of a refusal below
 * feature level 2, returns the error of that outcome. */
int bx_reference_vm(const struct bx_fsm *f, struct bx_reference *r, uint8_t uuid[16],
                    struct bx_err *err);
int bx_reference_node(const struct bx_fsm *f, struct bx_reference *r, uint64_t *id,
                      struct bx_err *err);

#endif
