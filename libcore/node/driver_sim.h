/* driver_sim - the simulated driver: VMs without processes, for tests, scale runs and machines
 * without QEMU. Offers 16,384 vcpus, 16 TiB and 1 PiB, starts a VM in 50 ms and never fails unless
 * told to. Its time comes from the clock port. Observations are made from tick alone: in the order
 * of time, and of the calls where times are equal.
 *
 * A start beyond BX_SIM_RUNS_MAX runs fails. When memory for a run is out the process ends. */
#ifndef BX_DRIVER_SIM_H
#define BX_DRIVER_SIM_H

#include "node/ports.h"

#define BX_SIM_RUNS_MAX 16384u

struct bx_driver_sim_options {
    struct bx_clock *clock;
    uint32_t start_ms; /* 0: 50 */
    uint32_t stop_ms;  /* 0: 20; a stop with a shorter timeout ends in a kill */
    /* Called for each run that begins or ends, so that a test can check that no two overlap; may be
     * NULL. A run that fails to start begins and ends. */
    void (*trace)(void *ctx, const uint8_t vm[16], uint64_t epoch, bool running);
    void *ctx;
};
/* NULL when memory is out. */
struct bx_driver *bx_driver_sim_create(const struct bx_driver_sim_options *o);
/* Add a run that began under an earlier driver on this host: it is RUNNING. */
void bx_driver_sim_adopt(struct bx_driver *d, const uint8_t vm[16], uint64_t epoch);
/* Add the disk of a VM that ran under an earlier driver on this host, and did not end with it. */
void bx_driver_sim_store(struct bx_driver *d, const uint8_t vm[16]);
/* Every run ends; NULL is allowed. */
void bx_driver_sim_destroy(struct bx_driver *d);
/* Fail the next n starts. */
void bx_driver_sim_fail(struct bx_driver *d, uint32_t n);
/* The guest of a VM reboots. False: it does not run. */
bool bx_driver_sim_reboot(struct bx_driver *d, const uint8_t vm[16]);
/* How often it did so in its run; 0 when there is none. */
uint32_t bx_driver_sim_reboots(struct bx_driver *d, const uint8_t vm[16]);
/* Observe what is due; returns the boot time of the next, UINT64_MAX when there is none. */
uint64_t bx_driver_sim_tick(struct bx_driver *d);

#endif
