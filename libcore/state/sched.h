/* sched - placement: filter, score, choose. Pure; ties go to the lowest id; integers alone, and the
 * same ones on every machine.
 *
 * filter   each node either fits or has one reason not to: pinned elsewhere, not up, or the first
 *          resource that is short; what is not asked for is never short. manual considers only the
 *          pinned node
 * score    0 to 1000 for each node that fits, by the strategy: the smallest part of a resource that
 *          stays free, in thousandths (most-available, manual), or 1000 less that (least-available)
 * choose   the highest score, compared in millionths: on a host of 16,384 vcpus one VM more or less
 *          must still make a difference
 *
 * The strategies are a table (sched_strategy.c). Runs inside apply on every replica, for --dry-run
 * and for explain: the same code. No heap for a cluster of up to 64 nodes. */
#ifndef BX_SCHED_H
#define BX_SCHED_H

#include "mem/vec.h"
#include "state/view.h"

enum bx_reject {
    BX_FITS,
    BX_REJECT_NOT_UP, /* down, suspect, draining, in maintenance */
    BX_REJECT_PINNED, /* the VM names another node */
    BX_REJECT_VCPUS,
    BX_REJECT_MEMORY,
    BX_REJECT_DISK,
    BX__REJECTS
};
/* "not up", "pinned elsewhere", "not enough vcpus" ... */
extern const char *const bx_reject_names[];
/* What follows an amount of the resource that was short: " MiB"; "" of what has no unit. */
const char *bx_reject_unit(uint8_t reject);

struct bx_candidate {
    uint64_t node;
    uint32_t score;  /* 0 when rejected */
    uint8_t reject;  /* enum bx_reject */
    int64_t missing; /* how much of the rejecting resource is missing */
};
BX_VEC(bx_candidates, struct bx_candidate, 64);

struct bx_sched_request {
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint64_t node;    /* pinned, or 0 */
    uint8_t strategy; /* enum bx_strategy */
};

#define BX_RELAXATIONS_MAX (BX__REJECTS - 1) /* one of each kind, resources first */
struct bx_relaxation { /* the smallest change of one kind that alone would make it fit */
    uint8_t reject;    /* what it removes */
    uint64_t node;     /* where it then fits */
    int64_t by;        /* to take from the request, or free on the node; 0 when not an amount */
};

#define BX_BEST 3
struct bx_decision {
    bool placed;
    uint64_t node;
    uint32_t score, margin;       /* margin: ahead of the second; score when alone */
    uint32_t counts[BX__REJECTS]; /* candidates by reason, BX_FITS those that fit */
    uint32_t n_best;
    struct bx_candidate best[BX_BEST];
    uint32_t n_relaxations;
    struct bx_relaxation relaxations[BX_RELAXATIONS_MAX]; /* only when nothing fits */
};

/* Decide. candidates receives every node in the order of the columns (it must be initialised and is
 * cleared first). BX_OK also when nothing fits (placed is false), or BX_NO_MEMORY. */
int bx_sched_decide(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    struct bx_candidates *candidates, struct bx_decision *out);
/* One sentence for each of the first nodes, why nothing fits: "n1: not enough memory (needs 4096
 * MiB, 1024 free); n2: ...", nodes other than the pinned one last, then "and N more" for those that
 * find no room. name_of gives a node's name; size is 64 or more. */
void bx_sched_why(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  const struct bx_candidates *candidates,
                  const char *(*name_of)(const void *ctx, uint64_t node), const void *ctx,
                  char *out, size_t size);

#endif
