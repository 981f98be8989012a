/* session_help - what the tests of sessions share: requests under ids, at times that the test
 * gives, and their answers. */
#ifndef SESSION_HELP_H
#define SESSION_HELP_H

#include "lib/testlib.h"

#include "lib/testfsm.h"

#define WALL 2000000u

extern struct test_fsm t;

struct request {
    uint8_t session;
    uint64_t sequence, floor, at_ms;
    uint64_t wall_ms; /* 0: the leader's clock goes right */
    const char *principal, *name;
    uint8_t body; /* makes bodies differ */
};

struct answer {
    struct bx_outcome o;
    char message[BX_ERR_MSG], hint[BX_ERR_HINT];
    uint64_t revision, digest;
};

int session_setup(void **state);
int session_teardown(void **state);
/* What passed since the entry before; at 0: nothing. */
void seal_at(struct test_batch *b, uint64_t at_ms, uint64_t wall_ms);
/* A create of the VM `name` under a request id; returns the outcome's code. */
int request(struct request r);
/* The last one. */
struct answer answer(void);
/* The answer is the first one, and nothing was done. */
void is_first_answer(const struct answer *a);
/* With words and a hint; since the answer nothing was done. */
void refused(int code, const char *words, const struct answer *a);

#endif
