/* propose_help - what the tests of requests to the log share: a cluster of real nodes; the test
 * decides what is durable and what arrives. */
#ifndef PROPOSE_HELP_H
#define PROPOSE_HELP_H

#include "lib/testlib.h"

#include "lib/testcluster.h"

#define NEVER UINT64_MAX

extern struct test_cluster w;

void open_one(void);
void open_three(void);
uint64_t last_index(uint64_t id);
/* A create of a VM at a member. */
int submit(uint64_t id, const char *name, uint64_t sequence, struct test_answer *a);
/* At member 1, under names of their own. */
void submit_many(uint32_t n, struct test_answer *a);
/* One turn of member 1 with its disk held: nothing is committed. */
void turn_without_disk(void);
void release_disk(void);
/* By an outcome, so many times. */
void answered(const struct test_answer *a, uint32_t times, int code);
/* Without an outcome. */
void failed(const struct test_answer *a, int code);

#endif
