/* audit - the records of the audit, as nodes tell them, a page at a time. */
#ifndef CLI_AUDIT_H
#define CLI_AUDIT_H

#include "run.h"

#include "wire/audit.h"

#define AUDIT_NODES_MAX 256u

/* The events, or the refusals, of one node. */
struct audit_source {
    struct run *r;
    char node[256]; /* empty: the daemon that is asked, which belongs to no cluster */
    bool refused;
    bool stale;                  /* of events: as the node has them, without a barrier */
    bool alone;                  /* it is the only one: that it can not be asked is an error */
    uint64_t since_ms, until_ms; /* 0: none */
    uint64_t after;
    /* ---- the page ---- */
    struct bx_buf bytes;
    struct bx_pack *pack;
    struct bx_arena arena;
    struct bx_audit_list_reply page;
    uint32_t at;
    bool lost; /* it could not be asked, which was told */
};

/* The nodes to ask: that of --node, those of the cluster, or the daemon itself where there is none;
 * how many in *n. BX_OK, or r->err is set. */
int audit_nodes(struct run *r, char (*names)[256], uint32_t *n);
/* Begin to read; the rest of *s is set, or zero. */
void audit_open(struct audit_source *s);
void audit_close(struct audit_source *s);
/* Ask for the next page, if this one is used up and there are more. BX_OK: s->at is below the
 * number of the page's records, or there are no more of them; a node that can not be asked is named
 * on standard error, and has no more. Else r->err is set. */
int audit_fill(struct audit_source *s);
/* The next record; NULL: fill the source. */
const struct bx_audit_reply *audit_peek(const struct audit_source *s);

extern const struct flag audit_verify_flags[];
int audit_verify(struct run *r);

#endif
