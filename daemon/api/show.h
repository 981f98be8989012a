/* show - objects of the state as the API shows them: replies of wire/vm.h and wire/node.h filled
 * from rows.
 *
 * Texts stay views of the row and are good until the next command is applied; lists come from the
 * arena. */
#ifndef API_SHOW_H
#define API_SHOW_H

#include "api/dispatch.h"
#include "state/sched.h"
#include "wire/node.h"
#include "wire/vm.h"

/* A node's name, or NULL. */
const char *api_node_name(const struct bx_view *v, uint64_t id);
void api_show_vm(const struct bx_view *v, const struct bx_vm *vm, struct bx_vm_reply *out);
void api_show_node(const struct bx_node_row *n, struct bx_node_reply *out);
/* recorded: the decision that was taken, not what would be decided now. */
void api_show_decision(struct api_call *c, const struct bx_view *v, const struct bx_decision *d,
                       const struct bx_candidates *cs, bool recorded,
                       struct bx_decision_reply *out);

#endif
