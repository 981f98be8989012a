/* show - fills the replies of wire/vm.h and wire/node.h from rows.
 *
 * Strings point into the row and are valid until the next command is applied; lists are from the
 * call's arena. */
#ifndef API_SHOW_H
#define API_SHOW_H

#include "api/dispatch.h"
#include "node/node.h"
#include "state/sched.h"
#include "wire/node.h"
#include "wire/vm.h"

/* A node's name, or NULL. */
const char *api_node_name(const struct bx_view *v, uint64_t id);
/* The phase of a VM on a node that is down is unknown. */
void api_show_vm(const struct bx_view *v, const struct bx_vm *vm, struct bx_vm_reply *out);
/* The node does not answer since then (0: not known): neither is known what became of its VM,
 * unless it had no run. */
void api_show_unknown(const struct bx_vm *vm, uint64_t since_ms, struct bx_vm_reply *out);
/* The same as this node sees it: without a quorum it is also unknown what runs on a node that is
 * not connected, and how that node is. */
void api_see_vm(const struct bx_node *node, const struct bx_vm *vm, struct bx_vm_reply *out);
void api_see_node(const struct bx_node *node, const struct bx_node_row *n,
                  struct bx_node_reply *out);
void api_show_node(const struct bx_node_row *n, struct bx_node_reply *out);
/* recorded: the decision was taken in the past; false: it is what would be decided now. */
void api_show_decision(struct api_call *c, const struct bx_view *v, const struct bx_decision *d,
                       const struct bx_candidates *cs, bool recorded,
                       struct bx_decision_reply *out);

#endif
