/* reconcile_help - what the tests of the reconciler share: one node with the real state machine,
 * the real lease and the simulated driver, in virtual time. The test decides when barriers succeed
 * and which reports get lost. The trace of the driver is watched all the time: no two runs of a VM
 * at once, no epoch twice. */
#ifndef RECONCILE_HELP_H
#define RECONCILE_HELP_H

#include "lib/testlib.h"

#include "lib/testclock.h"
#include "lib/testfsm.h"
#include "lib/testrec.h"
#include "mem/vec.h"
#include "node/driver_sim.h"
#include "node/reconcile.h"

struct report {
    struct bx_cmd_vm_report r;
    char message[512];
};
BX_VEC(reports, struct report, 64);

struct traced {
    uint8_t vm[16];
    uint64_t epoch, began, ended; /* ended 0: it runs */
};
BX_VEC(trace, struct traced, 64);

extern struct world {
    struct test_clock clock;
    struct test_fsm t;
    struct bx_driver *driver;
    struct bx_lease *lease;
    struct bx_reconcile *reconcile;
    struct reports reports; /* on their way into the log */
    struct trace trace;
    uint64_t sent;  /* reports, lost ones too */
    uint32_t lose;  /* this many of the next reports */
    bool hold;      /* barriers get no answer */
    bool no_memory; /* while the reconciler is told of a row or an observation */
    void (*done)(void *arg, int code);
    void *arg;
    bool more; /* something came in that a tick must see */
    /* ---- what was told of steps ---- */
    const char *step;       /* under way */
    uint32_t steps, failed; /* that ended; of them, with an error */
    char failed_step[32];   /* the last of those */
    struct bx_err failed_err;
} w;

/* Of w.t: NULL while the daemon is to miss what becomes of its VMs. */
void on_vm(void *ctx, const struct bx_vm *vm, bool gone);
struct bx_driver *new_driver(uint32_t start_ms);
/* The daemon begins, with the state and the driver that are there. */
void begin_daemon(void);
void end_daemon(void);

int reconcile_setup(void **state);
/* The same with a driver whose starts take so long. */
void setup_with(uint32_t start_ms);
int reconcile_teardown(void **state);

/* So much time passes, and everything that is due in it happens. */
void run_ms(uint64_t ms);
/* NULL: there is no such VM. */
const struct bx_vm *row_of(const uint8_t uuid[16]);
void create_vm(const char *name, uint8_t restart, uint8_t uuid[16]);
void vm_is(const uint8_t uuid[16], enum bx_phase phase, uint64_t epoch);
/* How many VMs the driver knows, and how many of them run. */
uint32_t known_to_driver(void);
uint32_t running_now(void);

#endif
