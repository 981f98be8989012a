/* testfsm - a state machine in a directory of its own, fed one command an entry. */
#ifndef BX_TESTFSM_H
#define BX_TESTFSM_H

#include "state/fsm.h"

struct test_fsm {
    struct bx_fsm *fsm;
    struct bx_intern *intern;
    char *dir, path[256];
    uint64_t index;           /* of the last entry */
    void (*on_vm)(void *ctx, const struct bx_vm *vm, bool gone); /* of the sink; may be NULL */
    void *ctx;
    struct bx_outcome last;   /* of the last command, without message and hint */
};

void test_fsm_open(struct test_fsm *t);
/* Removes the directory too. */
void test_fsm_close(struct test_fsm *t);
/* Apply and commit; returns the outcome's code. */
int test_fsm_apply(struct test_fsm *t, uint16_t kind, const void *body);
void test_fsm_node(struct test_fsm *t, uint64_t id, const char *name);
/* A VM of 1 vcpu and 128 MiB, without disk; its uuid to `uuid`, which may be NULL. */
int test_fsm_vm(struct test_fsm *t, const char *name, uint8_t restart, uint8_t uuid[16]);
int test_fsm_desire(struct test_fsm *t, const char *name, uint8_t desired, bool restart,
                    bool force);
int test_fsm_delete(struct test_fsm *t, const char *name);

#endif
