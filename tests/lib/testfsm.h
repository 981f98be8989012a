/* testfsm - a state machine in a directory of its own, fed one command an entry, or whole batches.
 */
#ifndef BX_TESTFSM_H
#define BX_TESTFSM_H

#include "state/fsm.h"

struct test_fsm {                  /* zeroed at first */
    struct bx_fsm_options options; /* bounds, set before open; the rest is filled in */
    uint64_t intern_strings;       /* bound of the interner, 0: its own */
    struct bx_fsm *fsm;
    struct bx_intern *intern;
    char *dir, path[256];
    uint64_t index;                                              /* of the last entry */
    void (*on_vm)(void *ctx, const struct bx_vm *vm, bool gone); /* of the sink; may be NULL */
    void *ctx;
    struct bx_outcome last;                      /* of the last command */
    char message[BX_ERR_MSG], hint[BX_ERR_HINT]; /* what its views point to */
    uint64_t outcomes, events;                   /* handed out since open */
    uint64_t event_index; /* of the last event: each must be one above the one before */
    uint64_t outcome_hash, event_hash; /* of all that was handed out, in order */
};

void test_fsm_open(struct test_fsm *t);
/* Close, and open what is in the directory, as a daemon does after a restart. */
void test_fsm_reopen(struct test_fsm *t);
/* Removes the directory too. */
void test_fsm_close(struct test_fsm *t);
/* Apply and commit; returns the outcome's code. */
int test_fsm_apply(struct test_fsm *t, uint16_t kind, const void *body);
/* The same with a head of the caller's. */
int test_fsm_call(struct test_fsm *t, const struct bx_cmd_header *head, const void *body);
/* The last command was refused with this code, and with these words in message and hint. */
void test_fsm_refused(const struct test_fsm *t, int code, const char *words, const char *hint);
/* Create the cluster, at a feature level; without, it is 1. */
void test_fsm_cluster(struct test_fsm *t, uint32_t level);
void test_fsm_node(struct test_fsm *t, uint64_t id, const char *name);
/* A VM of 1 vcpu and 128 MiB, without disk; its uuid to `uuid`, which may be NULL. */
int test_fsm_vm(struct test_fsm *t, const char *name, uint8_t restart, uint8_t uuid[16]);
int test_fsm_desire(struct test_fsm *t, const char *name, uint8_t desired, bool restart,
                    bool force);
int test_fsm_delete(struct test_fsm *t, const char *name);
/* What the digest is of the state as it stands. */
uint64_t test_fsm_digest(const struct test_fsm *t);
uint64_t test_fsm_revision(const struct test_fsm *t);
/* Restore a whole dump; what restore said. */
int test_fsm_restore(struct bx_fsm *f, const uint8_t *p, size_t n, uint64_t index, uint64_t digest);
/* The whole dump, appended to *out, which the caller releases. */
void test_fsm_dump(struct test_fsm *t, struct bx_buf *out);

/* ---- entries of several commands ---- */

struct test_batch { /* zeroed at first; clear before the next, release buf in the end */
    struct bx_buf buf;
    uint32_t n;
    uint32_t elapsed_ms; /* of the stamp; stays when cleared */
};
void test_batch_add(struct test_batch *b, const struct bx_cmd_header *head, const void *body);
void test_batch_seal(struct test_batch *b, uint64_t index, uint64_t wall_ms);
void test_batch_clear(struct test_batch *b);
/* Apply a sealed batch as the next entry, without a commit. */
void test_fsm_feed(struct test_fsm *t, const struct test_batch *b);
void test_fsm_commit(struct test_fsm *t);

#endif
