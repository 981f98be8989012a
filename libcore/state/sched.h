/* sched - placement: filter, score, choose. Pure; integer arithmetic only, with equal results on
 * every machine. Ties go to the lowest id.
 *
 * filter   each node fits or has one reason not to: pinned elsewhere, not up, or the first
 *          insufficient resource; a resource that is not requested is never insufficient. manual
 *          considers only the pinned node
 * score    0 to 1000 for each node that fits, by the strategy: the smallest fraction of a resource
 *          that stays free, in thousandths (most-available, manual), or 1000 minus it
 *          (least-available)
 * choose   the highest score, compared in millionths, because on a host of 16,384 vcpus one VM must
 *          still make a difference
 *
 * The strategies are a table (sched_strategy.c). The same code runs inside apply on every replica,
 * for --dry-run and for explain. It does not use the heap for clusters of up to 64 nodes. */
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
    BX_REJECT_LOW, /* up, but its disk is low on space */
    BX__REJECTS
};
/* "not up", "pinned elsewhere", "not enough vcpus" ... */
extern const char *const bx_reject_names[];
/* The unit after an amount of this resource, such as " MiB"; "" if there is none. */
const char *bx_reject_unit(uint8_t reject);

struct bx_candidate {
    uint64_t node;
    uint32_t score;  /* 0 when rejected */
    uint8_t reject;  /* enum bx_reject */
    int64_t missing; /* missing amount of the rejecting resource */
};
BX_VEC(bx_candidates, struct bx_candidate, 64);

struct bx_sched_request {
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint64_t node;    /* pinned, or 0 */
    uint8_t strategy; /* enum bx_strategy */
};

#define BX_RELAXATIONS_MAX (BX__REJECTS - 1) /* one per reason, resources first */
struct bx_relaxation { /* the smallest change that alone would make the VM fit */
    uint8_t reject;    /* the reason that it removes */
    uint64_t node;     /* node where the VM would fit */
    int64_t by; /* amount to reduce in the request, or to free on the node; 0 if not an amount */
};

#define BX_BEST 3
struct bx_decision {
    bool placed;
    uint64_t node;
    uint32_t score, margin;       /* margin: lead over the second; score if there is no second */
    uint32_t counts[BX__REJECTS]; /* candidates by reason; BX_FITS: those that fit */
    uint32_t n_best;
    struct bx_candidate best[BX_BEST];
    uint32_t n_relaxations;
    struct bx_relaxation relaxations[BX_RELAXATIONS_MAX]; /* only if no node fits */
};

/* Decide. candidates must be initialised; it is cleared and receives every node in the order of the
 * columns. BX_OK also if nothing fits (placed is false), or BX_NO_MEMORY. */
int bx_sched_decide(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    struct bx_candidates *candidates, struct bx_decision *out);
/* Whether the node, which is one of the columns, has what is requested, up or not. If it has not,
 * say what it lacks, as bx_sched_why does. */
bool bx_sched_has_room(const struct bx_node_columns *nodes, uint64_t node,
                       const struct bx_sched_request *rq, const char *name, char *out, size_t size);
/* Write why nothing fits, one clause per node: "n1: not enough memory (needs 4096 MiB, 1024 free);
 * n2: ...". Nodes other than the pinned one come last. Nodes for which there is no space are
 * summarised as "and N more". name_of returns a node's name; size is 64 or more. */
void bx_sched_why(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  const struct bx_candidates *candidates,
                  const char *(*name_of)(const void *ctx, uint64_t node), const void *ctx,
                  char *out, size_t size);

#endif
