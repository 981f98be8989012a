/* ports - clock, disk, link and driver, as const tables of functions.
 *
 * The daemon implements them with libuv and the kernel, the simulator with virtual ones. libcore
 * reaches clocks, threads, sockets and processes in no other way. All functions are called on the
 * loop's thread; all callbacks run on it, too, and never from inside the call that caused them. */
#ifndef BX_PORTS_H
#define BX_PORTS_H

#include "log/fs.h"
#include "state/plan.h"
#include "wire/frame.h"

/* ---- clock ---- */

struct bx_clock;
struct bx_clock_ops {
    uint64_t (*boot_ms)(struct bx_clock *c); /* CLOCK_BOOTTIME: goes on in suspend, never jumps */
    uint64_t (*wall_ms)(struct bx_clock *c); /* since 1970; may jump */
    void (*random)(struct bx_clock *c, void *p, size_t n);
};
struct bx_clock {
    const struct bx_clock_ops *ops;
};

/* ---- disk ---- */

struct bx_job {
    int (*run)(struct bx_job *j);           /* on another thread; touches only the job */
    void (*done)(struct bx_job *j, int rc); /* on the loop's thread, with what run returned */
};
struct bx_disk;
struct bx_disk_ops {
    void (*write)(struct bx_disk *d, struct bx_job *j);   /* the one writer thread, in order */
    void (*offload)(struct bx_disk *d, struct bx_job *j); /* any thread: snapshots, long reads */
};
struct bx_disk {
    const struct bx_disk_ops *ops;
    struct bx_fs *fs; /* may be called directly for small synced writes (term and vote) */
};

/* ---- link ---- */

struct bx_peer {
    uint64_t id;
    const char *address; /* HOST:PORT, or empty */
};
/* What the hello of a peer says about its build. */
struct bx_build {
    uint32_t level; /* highest feature level that it reads */
    char version[BX_VERSION_MAX + 1];
};
struct bx_link;
struct bx_link_ops {
    /* Queue one whole frame (header and payload); the link takes over the buffer's memory and
     * leaves *frame empty. False: not connected, or the queue is full; the frame is dropped, which
     * every caller must tolerate. Frames of at most 64 KiB may overtake larger ones that are
     * queued. Never called for the node itself. */
    bool (*send)(struct bx_link *l, uint64_t to, struct bx_buf *frame);
    bool (*connected)(struct bx_link *l, uint64_t id);
    /* A set of 1 << enum bx_codec that the peer reads, from its hello; 0: not connected. */
    uint32_t (*codecs)(struct bx_link *l, uint64_t id);
    /* False: not connected. */
    bool (*build)(struct bx_link *l, uint64_t id, struct bx_build *out);
    /* Bytes queued to a peer and not yet taken by the kernel; large frames wait while it is high.
     */
    size_t (*queued)(struct bx_link *l, uint64_t id);
    /* All nodes to talk with; connections to anybody else are closed. One without an address dials.
     * Called from bx_node_open and bx_node_turn. Copied. */
    void (*set_peers)(struct bx_link *l, const struct bx_peer *peers, uint32_t n);
};
struct bx_link {
    const struct bx_link_ops *ops;
};

/* ---- driver ---- */

#define BX_CONSOLES 4u /* of a VM that are kept: of the newest run and of those before it */

/* A place in the consoles of a VM, for whoever reads on from there. */
struct bx_console_place {
    uint64_t file;   /* below 2^53; 0: none */
    uint64_t offset; /* in the file */
};

struct bx_run { /* one run of one VM */
    uint8_t vm[16];
    uint64_t epoch, node;
    const struct bx_vm_config *config; /* valid during the call */
};
struct bx_observation {
    uint8_t vm[16];
    uint64_t epoch;
    enum bx_observed observed;
    bool failed;         /* with EXITED: not as requested, or a failure of the guest */
    const char *message; /* "exit 0", "killed by signal 9", "no such file: ..."; may be "" */
    uint32_t reboots;    /* resets by the guest in this run, as far as is known; never lowered */
};
struct bx_driver;
struct bx_driver_ops {
    const char *name; /* "qemu", "sim" */
    /* Begin a run. Its progress is observed: STARTING, RUNNING, EXITED; RUNNING again with each
     * reboot, or with several of them. The VM must be ABSENT. Not BX_OK, with the cause in err,
     * which may be NULL: it could not begin, which is observed, too, as its end. */
    int (*start)(struct bx_driver *d, const struct bx_run *run, struct bx_err *err);
    /* Ask the guest to stop; kill it after timeout_ms. Ends in EXITED. */
    void (*stop)(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms);
    void (*kill)(struct bx_driver *d, const uint8_t vm[16]);
    /* Remove what an EXITED run left behind: the VM is ABSENT afterwards, without observation. */
    void (*forget)(struct bx_driver *d, const uint8_t vm[16]);
    /* List every VM that is not ABSENT; used once after opening, when runs were adopted. */
    void (*each)(struct bx_driver *d, void (*fn)(void *ctx, const struct bx_observation *o),
                 void *ctx);
    /* List every VM that this host has files of, whether or not it runs. */
    void (*each_stored)(struct bx_driver *d, void (*fn)(void *ctx, const uint8_t vm[16]),
                        void *ctx);
    /* The VM was deleted and is ABSENT: remove its files, disk and consoles included. */
    void (*remove)(struct bx_driver *d, const uint8_t vm[16]);
    /* The last `max` bytes of the console of a VM's newest run here, or of the one so many runs
     * before it, below BX_CONSOLES. They outlive their runs. When `at` is a place, the at most
     * `max` bytes after it instead, also of newer runs. `at`, which may be NULL, becomes the place
     * after what was read. BX_OK, BX_NOT_FOUND (also: the place is no longer kept), BX_IO,
     * BX_NO_MEMORY. */
    int (*console)(struct bx_driver *d, const uint8_t vm[16], unsigned back, size_t max,
                   struct bx_console_place *at, struct bx_buf *out, struct bx_err *err);
    /* What this host offers. */
    void (*capacity)(struct bx_driver *d, uint32_t *vcpus, uint64_t *memory_mib,
                     uint64_t *disk_gib);
};
struct bx_driver {
    const struct bx_driver_ops *ops;
    void (*observe)(void *ctx, const struct bx_observation *o); /* set by reconcile */
    void *ctx;
};

#endif
