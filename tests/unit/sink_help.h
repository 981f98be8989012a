/* sink_help - what the tests of the sinks share: a log with sinks, events for it, and its files. */
#ifndef SINK_HELP_H
#define SINK_HELP_H

#include "lib/testlib.h"

#include "rec/recfile.h"
#include "sys/log.h"
#include "sys/log_threads.h"
#include "sys/router.h"

#define DRAIN_NS 5000000000u
#define DEADLINE_NS 20000000000u

extern char *sink_dir; /* DATA, made for each test */
int sink_setup(void **state);
int sink_teardown(void **state);

/* Open the log with these sinks, separated by blanks. */
void sink_open_log(const char *filter, const char *sinks);
void sink_counts_of(const char *name, struct bx_sink_counts *out);
/* Wait until the calling thread's queue is empty. */
void sink_wait_taken(void);
/* Record n events "counted" of the target "test", with numbers from `from` on, in portions that the
 * queue has room for. They do not compress well. */
void sink_record(unsigned from, unsigned n);

/* What is in DATA/recorder/log-*. */
struct sink_files {
    unsigned n, whole, archives;
    unsigned told;                                /* which program and build wrote them */
    uint64_t bytes, events, first, last, damaged; /* events of the target "test" */
    bool in_order;                                /* no number is missing, or there twice */
};
void sink_read_files(struct sink_files *out);
/* The same in another directory below DATA. */
void sink_read_files_in(const char *dir, struct sink_files *out);

/* A file of the recorder in memory, of two items at least. */
extern struct sink_sample {
    uint8_t p[BX_RECFILE_BUF];
    size_t n, first; /* bytes; of its first item */
} sink_sample;
void sink_make_sample(void);

#endif
