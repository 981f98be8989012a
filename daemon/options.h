/* options - the configuration of blixardd: flags, then the file of --config, then defaults.
 *
 * The file is a YAML map whose keys are the flags' names without the leading dashes; a flag
 * overrides the file. With --insecure-loopback the link and the API's TCP listener accept loopback
 * addresses only. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "config.h"
#include "err.h"
#include "mem/buf.h"
#include "mem/pool.h"
#include "rec/filter.h"
#include "sys/sink.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define OPTIONS_TEXT 256
#define OPTIONS_PATH 4096

enum options_driver { OPTIONS_DRIVER_AUTO, OPTIONS_DRIVER_QEMU, OPTIONS_DRIVER_SIM };
/* What main is to do. */
enum options_ask { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_FORGET };

struct options_range {
    uint32_t first, last; /* 0: none */
};

struct options {
    enum options_ask ask;
    char data[OPTIONS_PATH];
    char name[64];             /* of this node */
    char listen[OPTIONS_TEXT]; /* HOST:PORT of the link */
    char api[OPTIONS_TEXT];    /* HOST:PORT, or empty: no TCP */
    char http[OPTIONS_TEXT];   /* HOST:PORT of the HTTP server, or empty: none */
    char socket[OPTIONS_PATH]; /* of the API */
    char admin_group[OPTIONS_TEXT];
    char operator_group[OPTIONS_TEXT];
    gid_t admin_gid, operator_gid;  /* of these groups; 0: there is none */
    char shim[OPTIONS_PATH];        /* blixard-vm */
    char qemu[OPTIONS_PATH];        /* empty: the driver looks for it */
    struct options_range qemu_user; /* none: the driver chooses one if it is root */
    char boot_dir[OPTIONS_PATH];    /* directories, separated by colons; empty: the defaults */
    uint32_t overcommit_vcpus_pct;  /* 0: not given */
    uint32_t overcommit_memory_pct; /* 100: none */
    char datacenter[64], zone[64], rack[64];
    char config[OPTIONS_PATH];
    enum options_driver driver;
    struct options_sinks {
        uint32_t n; /* 0: text on standard error */
        struct sink_spec v[SINKS_MAX];
    } log_sinks;
    bool force;
    bool insecure_loopback; /* nodes without TLS, and clients over TCP without a token */
    struct bx_filter log;   /* events for the sinks that have no filter of their own */
#ifdef BX_DIAGNOSTICS
    int diag;                    /* bool: keep errors and crashes in DATA/diag */
    int diag_names;              /* bool: they name users and hosts */
    char diag_dsn[OPTIONS_TEXT]; /* empty: nothing is sent */
    char diag_environment[64];
    uint32_t diag_sample, diag_crumbs; /* sample 0: no request is traced */
    uint64_t diag_spool;
#endif
    uint32_t election_ms, heartbeat_ms;
    uint32_t feature_level;                            /* 0: that of the build */
    uint64_t snapshot_bytes;                           /* 0: the node's own default */
    uint32_t log_snapshot_every_s;                     /* 0: none */
    uint64_t ballast;                                  /* bytes; 0: none */
    struct bx_pool_size frame_pool;                    /* of the link */
    struct bx_pool_size proposal_pool, read_pool;      /* of the node */
    struct bx_pool_size vm_config_pool, metadata_pool; /* of the API, as are these: */
    struct bx_pool_size call_pool, answer_pool, connection_pool;
#ifdef BX_TRACK_ALLOCATIONS
    struct bx_pool_size scope_pool;
#endif
    uint32_t buffers[BX_BUF_CLASSES];      /* blocks of each class that the loop's thread keeps */
    uint64_t log_cache;                    /* bytes; 0: the log's own default */
    uint64_t shared_configs;               /* 0: the state's own default */
    uint64_t intern_strings, intern_bytes; /* 0: the table's own bounds */
};

/* Fill *o; err must not be NULL. BX_OK, BX_INVALID (a flag) or BX_UNREACHABLE (the file can not be
 * used), with a hint. If ask is OPTIONS_HELP or OPTIONS_VERSION, no other member of *o is
 * meaningful. getopt permutes argv. */
int options_parse(struct options *o, int argc, char **argv, struct bx_err *err);
/* Print the text of --help. */
void options_usage(FILE *out);

#endif
