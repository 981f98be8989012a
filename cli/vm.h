/* vm - what the commands about VMs share. */
#ifndef CLI_VM_H
#define CLI_VM_H

#include "command.h"

/* ---- vm_create.c ---- */
extern const struct flag vm_create_flags[];
int vm_create(struct run *r);

/* ---- vm.c ---- */
extern const struct column vm_decision_columns[];
/* A sentence and the candidates, or these alone where there are columns. An exit code. */
int vm_show_decision(struct run *r, bx_val decision);
/* Wait until the VM of this answer is as asked; *result becomes the VM as it is then. An exit
 * code. */
int vm_wait(struct run *r, bx_val vm, const char *until, bx_val *result);

#endif
