/* testfsm_random - commands that a seed draws: some sound, some refused, some repeated.
 *
 * They are drawn with an eye on a view, so that reports fit and names are known; what is fed to one
 * state machine can be fed to another as it is. */
#ifndef BX_TESTFSM_RANDOM_H
#define BX_TESTFSM_RANDOM_H

#include "lib/testfsm.h"

#define TEST_SESSIONS 24

struct test_commands { /* zero but for the seed; close it */
    uint64_t seed;
    uint64_t wall_ms;
    uint64_t repeats; /* commands drawn that were sent before, word for word */
    struct {
        uint64_t sequence;
        struct bx_buf last; /* its last command, as it was sent */
    } sessions[TEST_SESSIONS];
};

void test_commands_add(struct test_commands *g, const struct bx_view *v, struct test_batch *b);
/* Time passes, now and then enough for a session or a token to expire; seal the batch with it. */
void test_commands_seal(struct test_commands *g, struct test_batch *b, uint64_t index);
/* The next entry for t: n commands, sealed; *b is cleared before. */
void test_commands_fill(struct test_commands *g, const struct test_fsm *t, struct test_batch *b,
                        uint64_t n);
void test_commands_close(struct test_commands *g);

#endif
