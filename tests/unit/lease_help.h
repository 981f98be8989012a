/* lease_help - what the tests of leases share: a node (2) and a leader (1), a wire that the test
 * delivers by hand, and barriers that the test lets succeed or fail. */
#ifndef LEASE_HELP_H
#define LEASE_HELP_H

#include "lib/testlib.h"

#include "lib/testclock.h"
#include "lib/testfsm.h"
#include "node/lease.h"

struct message {
    uint64_t from, to;
    enum bx_frame kind;
    struct bx_buf record;
};

struct host {
    uint64_t id, leader;
    struct bx_lease *lease;
    struct test_fsm *fsm;
    uint32_t granted;
};

extern struct test_clock the_clock;
extern struct test_fsm state_1, state_2; /* of the leader and of the node */
extern struct host leader, node;
extern struct message wire[]; /* what was sent and not delivered */
extern uint32_t n_wire;
extern struct barrier {
    void (*done)(void *arg, int code);
    void *arg;
    uint32_t submitted;
    int refuse; /* answer from inside the call */
} barrier;
extern uint8_t web[16]; /* a VM on node 2 */

/* Made anew for each test: the leader leads, and the VM web is to run. */
int lease_setup(void **state);
int lease_teardown(void **state);
struct bx_lease_ports ports_of(struct host *h);
/* Another life of the daemon of h. */
struct bx_lease *lease_of(struct host *h);

/* A VM on node 2, in both states. */
void place(const char *name, uint8_t uuid[16]);
void drop_wire(void);
void deliver_one(const struct message *m);
/* All that is on the wire. */
void deliver(void);
void finish_barrier(int code);
/* A heartbeat there, a barrier, a grant back. */
void round_trip(void);
/* The node holds the lease. */
bool holds(const uint8_t vm[16], uint64_t epoch);

#endif
