/* vm - what the commands about VMs share. */
#ifndef CLI_VM_H
#define CLI_VM_H

#include "result.h"

/* ---- vm_create.c ---- */
extern const struct flag vm_create_flags[];
int vm_create(struct run *r);

/* ---- vm_wait.c ---- */
/* Wait until the VM of an answer is "running", "stopped" or "deleted"; *result becomes the VM as it
 * is then, nil once it is deleted. An exit code; an error is printed. */
int vm_wait(struct run *r, bx_val vm, const char *until, bx_val *result);

/* ---- vm_change.c ---- */
int vm_start(struct run *r);
int vm_stop(struct run *r);
int vm_restart(struct run *r);
int vm_delete(struct run *r);
int vm_rename(struct run *r);

/* ---- vm_logs.c ---- */
extern const struct flag vm_logs_flags[];
int vm_logs(struct run *r);

/* ---- vm.c ---- */
/* Add the parameters of the flags that narrow a list of VMs. BX_OK, or r->err is set. */
int vm_filter(struct run *r, struct params *p);
extern const struct column vm_decision_columns[];
/* Print a decision of the scheduler: a sentence and the candidates, or these alone when columns
 * were named. An exit code. */
int vm_print_decision(struct run *r, bx_val decision);

#endif
