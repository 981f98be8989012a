/* log - what the commands of recorded events share: the question, and where events come from. */
#ifndef CLI_LOG_H
#define CLI_LOG_H

#include "run.h"

#include "rec/recfile.h"
#include "rec/recquery.h"

/* Flags that make a query; a command has them after its own. */
#define LOG_QUERY_FLAGS                                                                            \
    {.name = "filter", .value = "SPEC", .help = "a level, levels of targets, values of fields"},   \
        {.name = "where",                                                                          \
         .value = "CONDITION",                                                                     \
         .help = "only events whose field meets it: vm=web1, ms>=250, path~text"},                 \
        {.name = "since", .value = "TIME", .help = "not before: 2026-11-29T13:00:00Z, or 5m ago"}, \
        {.name = "until", .value = "TIME", .help = "only before this time"},                       \
    {                                                                                              \
        .name = "trace", .value = "ID", .help = "only what one request caused"                     \
    }
#define LOG_NODE_FLAGS                                                                             \
    {.name = "node", .value = "NODE", .help = "ask only this node", .completes = "node"},          \
    {                                                                                              \
        .name = "of", .value = "NODE",                                                             \
        .help = "the log that NODE, which may be gone, has sent to those asked",                   \
        .completes = "node"                                                                        \
    }

/* The query of these flags. BX_OK, or r->err is set. */
int log_query_of(struct run *r, struct bx_recquery *q);

/* A reader of events: takes those that the query selects, one by one. */
struct log_reader {
    struct run *r;
    struct bx_recscan scan;
    bool quiet; /* do not tell of damage: it is read again */
    bool progress;
    int (*each)(void *ctx, const struct bx_recevent *e); /* BX_OK, or a code that ends it */
    void (*others)(void *ctx); /* the sites are others from now on; may be NULL */
    void *ctx;
};

/* Whether files are read, or else the nodes are asked. */
static inline bool log_of_files(const struct run *r)
{
    return r->n_arguments > 0;
}
/* Whether the time or the trace that is asked for may be gone from the memory of nodes. */
static inline bool log_of_past(const struct run *r)
{
    return args_has(&r->args, "since") || args_has(&r->args, "until") ||
           args_has(&r->args, "trace");
}
/* Read all events of the files that are the command's arguments. An exit code; errors are printed,
 * and those of a damaged file come after what could be read. */
int log_read_files(struct log_reader *l);

/* log_nodes.c: the same for the recorders of the nodes, merged; limit: the newest so many, 0: all
 * that is in memory, and in log files if log_of_past. log_follow_nodes goes on with new events,
 * until it is interrupted. */
int log_read_nodes(struct log_reader *l, uint64_t limit);
int log_follow_nodes(struct log_reader *l, uint64_t limit);

/* log_query.c, log_agg.c */
int log_query(struct run *r);
int log_tail(struct run *r);
int log_agg(struct run *r);
extern const struct flag log_query_flags[], log_tail_flags[], log_agg_flags[];

/* log_snapshot.c */
int log_snapshot(struct run *r);
extern const struct flag log_snapshot_flags[];
extern const struct column log_snapshot_columns[];

#endif
