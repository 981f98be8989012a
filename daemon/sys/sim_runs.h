/* sim_runs - keeps simulated VMs across restarts of the daemon, as real VMs are kept: runs are
 * recorded in DATA/sim-runs, and a daemon that restarts in the same boot of the host takes them
 * over.
 *
 * File: boot id 16 bytes, then records of 32: uuid 16, epoch u64, running u8, 7 zero. Appended and
 * never synced, because a host that goes down loses its VMs anyway. Rewritten with the current runs
 * at each start and after SIM_RUNS_MAX records. One per process. */
#ifndef SIM_RUNS_H
#define SIM_RUNS_H

#include "node/ports.h"

#define SIM_RUNS_MAX 262144u

/* Take over the recorded runs, and record changes from here on. If the file is unusable, this is
 * logged and nothing is recorded: simulated VMs then end with the daemon. */
void sim_runs_open(const char *dir, const uint8_t boot_id[16], struct bx_driver *d);
/* The runs that are recorded for this boot of the host and have not ended; needs no open. BX_OK, or
 * BX_IO: the record can not be read, and there may be others. */
int sim_runs_each(const char *dir, const uint8_t boot_id[16],
                  void (*fn)(void *ctx, const uint8_t vm[16]), void *ctx, struct bx_err *err);
/* For bx_driver_sim_options. */
void sim_runs_note(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running);
/* Stop recording. */
void sim_runs_close(void);

#endif
