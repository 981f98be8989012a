/* config - what blixardd was told: flags, then the file of --config, then defaults.
 *
 * The file is YAML, one map whose keys are the flags' long names without dashes in front; a flag
 * wins over the file. Without certificates the link and the API's TCP listener accept loopback
 * addresses only. */
#ifndef CONFIG_H
#define CONFIG_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_TEXT 256
#define CONFIG_PATH 4096

enum config_driver { CONFIG_DRIVER_AUTO, CONFIG_DRIVER_QEMU, CONFIG_DRIVER_SIM };
/* What main does with a parsed command line. */
enum config_ask { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

struct config {
    enum config_ask ask;
    char data[CONFIG_PATH];
    char name[64];                 /* of this node */
    char listen[CONFIG_TEXT];      /* HOST:PORT of the link */
    char api[CONFIG_TEXT];         /* HOST:PORT, or empty: no TCP */
    char socket[CONFIG_PATH];      /* of the API */
    char shim[CONFIG_PATH];        /* blixard-vm */
    char qemu[CONFIG_PATH];        /* empty: the driver looks for it */
    char datacenter[64], zone[64], rack[64];
    char config[CONFIG_PATH];
    enum config_driver driver;
    int log;                       /* highest level that is written: 3 error ... 7 debug */
    uint32_t election_ms, heartbeat_ms; /* 0: the node's own default */
    uint64_t snapshot_bytes;
};

/* Fill *c. BX_OK, BX_INVALID (a flag), BX_UNREACHABLE (the file can not be used), with a hint.
 * With ask other than CONFIG_RUN only ask is meant. argv is permuted as getopt does. */
int config_parse(struct config *c, int argc, char **argv, struct bx_err *err);
/* The text of --help. */
const char *config_usage(void);

#endif
