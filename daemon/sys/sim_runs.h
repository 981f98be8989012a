/* sim_runs - simulated VMs outlive the daemon, as real ones do: what runs is noted in
 * DATA/sim-runs, and a daemon that starts again in the same boot of the host takes it over.
 *
 * File: boot id 16 bytes, then records of 32: uuid 16, epoch u64, running u8, 7 zero. Appended and
 * never synced: a host that goes down takes its VMs with it. Written anew, with what runs, at each
 * start and after SIM_RUNS_MAX records. One a process. */
#ifndef SIM_RUNS_H
#define SIM_RUNS_H

#include "node/ports.h"

#define SIM_RUNS_MAX 262144u

/* Take over what runs, and note what changes from here on. A file that can not be used is said, and
 * nothing is noted: simulated VMs then end with the daemon. */
void sim_runs_open(const char *dir, const uint8_t boot_id[16], struct bx_driver *d);
/* For bx_driver_sim_options. */
void sim_runs_note(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running);
/* Note nothing more. */
void sim_runs_close(void);

#endif
