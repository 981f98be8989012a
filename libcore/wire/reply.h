/* reply - what the API shows of the state, each described once: the table is its MessagePack form,
 * its JSON and its flat form. */
#ifndef BX_REPLY_H
#define BX_REPLY_H

#include "diag/metric.h"

/* The kinds of flat replies, beyond BX_KIND_REPLY; a VM has BX_KIND_VM. Numbers are for ever. */
enum bx_reply {
    BX_REPLY_LINK = 1,
};

struct bx_vm_reply {
    struct bx_str name;
    uint8_t uuid[16];
    struct bx_str tenant;
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint8_t desired, phase;
    struct bx_str node; /* by name; empty: not placed */
    uint64_t epoch;
    uint16_t priority;
    struct bx_pairs labels;
    uint64_t created_index, modified_index;
    struct bx_str address;
    struct bx_str kernel, initrd, cmdline;
    uint8_t strategy, restart, on_lost;
    bool disk_ephemeral;
    uint64_t created_ms, modified_ms;
    struct bx_str message;
    uint32_t score;
};
extern const struct bx_schema bx_vm_reply_schema;

/* What came over the link between nodes, and was not taken. */
struct bx_link_reply {
    uint64_t connections; /* now */
    uint64_t refused;     /* for what the hello said */
    uint64_t malformed;   /* closed for what came: no frame, too large, damaged, out of turn */
    uint64_t turned_away; /* a bound was reached, or this host is no member */
};
extern const struct bx_schema bx_link_reply_schema;
extern const struct bx_metric_set bx_link_metrics;

#endif
