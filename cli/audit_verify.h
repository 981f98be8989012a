/* audit_verify - what a check of the audit finds, and how it is told. */
#ifndef CLI_AUDIT_VERIFY_H
#define CLI_AUDIT_VERIFY_H

#include "audit.h"

#include "wire/chain.h"

#define VERIFY_FAULTS_MAX 1000u /* that are told; others are counted */

struct verify_fault {
    char node[256];
    const char *record;   /* "revision", "number" or "file" */
    uint64_t first, last; /* 0: of a file */
    char problem[400];
};

/* One chain: the events that a node tells, or its refusals. */
struct verify_chain {
    struct verify *verify;
    char node[256];
    const char *record; /* "revision" or "number" */
    struct bx_chain chain;
    uint64_t n_faults;
};

struct verify {
    struct run *r;
    struct verify_chain *chains; /* at most two a node */
    uint32_t n_chains;
    struct verify_fault *faults;
    uint64_t n_faults;
    uint32_t lost; /* nodes that could not be asked */
    uint32_t nodes;
    /* ---- the events of the node that was asked first ---- */
    const char *base;    /* its name; NULL: none yet */
    uint64_t base_first; /* revision of the first hash */
    struct bx_buf hashes;
};

void verify_open(struct verify *v, struct run *r);
void verify_close(struct verify *v);

void verify_fault(struct verify *v, const char *node, const char *record, uint64_t first,
                  uint64_t last, const char *problem);
/* The chain of this node and record, which is begun if there is none. */
struct verify_chain *verify_chain(struct verify *v, const char *node, const char *record);
/* The next record of it. Those before the chain of events are passed over. */
void verify_record(struct verify_chain *c, const struct bx_audit_reply *a);

/* Tell what was found; an exit code. */
int verify_tell(struct verify *v);

#endif
