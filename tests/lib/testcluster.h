/* testcluster - the nodes of one cluster in one process: real ones, on a clock, disks and links
 * that the test moves. Nothing happens but in test_cluster_settle and test_cluster_run.
 *
 * A frame arrives unless its way is cut, or `drop` takes it. Disks work at once unless held. */
#ifndef BX_TESTCLUSTER_H
#define BX_TESTCLUSTER_H

#include "lib/testclock.h"
#include "lib/testrec.h"
#include "node/node.h"

#include <sys/queue.h>

#define TEST_MEMBERS_MAX 3u
#define TEST_JOBS_MAX 16u
#define TEST_PEERS_MAX 128u

struct test_cluster;

struct test_member {
    struct bx_link link;
    struct bx_disk disk;
    struct test_cluster *cluster;
    uint64_t id;
    struct bx_node *node; /* NULL: it does not run */
    struct memfs *fs;
    struct bx_driver *driver;
    char *dir, path[256];
    uint32_t level; /* of its build, from its next start on; 0: BX_LEVEL */
    uint32_t port;  /* of its address, from its next start on */
    bool awake;
    bool hold_disk; /* nothing becomes durable, and no job ends */
    bool link_full; /* the link takes no frame */
    struct bx_job *jobs[TEST_JOBS_MAX];
    uint32_t n_jobs;
    uint64_t peers[TEST_PEERS_MAX]; /* ids of the link's, as the node said last */
    uint32_t n_peers;
    uint32_t queries; /* and answers to them that were handed on */
};

struct test_frame {
    TAILQ_ENTRY(test_frame) link;
    uint64_t from, to;
    struct bx_buf bytes;
};
TAILQ_HEAD(test_frames, test_frame);

struct test_cluster {
    struct test_clock clock;
    struct test_member members[TEST_MEMBERS_MAX]; /* ids 1, 2, 3 */
    uint32_t n;
    size_t log_queue_bytes;    /* set before it is opened; 0: the nodes' own default */
    uint64_t snapshot_bytes;   /* the same */
    uint64_t state_log_bytes;  /* the same */
    uint64_t ballast_bytes;    /* the same; 0: none */
    size_t segment_bytes;      /* the same */
    uint32_t events_max;       /* the same */
    uint64_t (*now_ns)(void);  /* the same; NULL: no latency is measured */
    struct test_frames frames; /* under way, in the order they were sent */
    uint32_t n_frames;
    bool cut[TEST_MEMBERS_MAX + 1][TEST_MEMBERS_MAX + 1]; /* from, to: nothing arrives */
    /* Sees every frame that would arrive; true: it is lost. p is the payload. */
    bool (*drop)(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                 const uint8_t *p, size_t len);
};

/* Found a cluster of n voters, led by member 1. *c is zero, but for what is set before. */
void test_cluster_open(struct test_cluster *c, uint32_t n);
/* The same with builds of this feature level. */
void test_cluster_open_at(struct test_cluster *c, uint32_t n, uint32_t level);
void test_cluster_close(struct test_cluster *c);
/* One more member, led by member 1, whose row says that it is to be a voter. */
struct test_member *test_cluster_add(struct test_cluster *c);
struct test_member *test_member(struct test_cluster *c, uint64_t id);
/* Stop a member in order, and start it again from what its disk holds. */
void test_member_stop(struct test_member *m);
void test_member_start(struct test_member *m);
/* Have its row written as the daemon does after a start, through member 1. */
void test_member_register(struct test_member *m);
/* Cut a member off from all others, or connect it again; the nodes are told. */
void test_member_isolate(struct test_member *m, bool isolated);
struct bx_node_status test_member_status(const struct test_member *m);
bool test_member_leads(const struct test_member *m);

/* Deliver, write and turn until nothing moves; time stands still. */
void test_cluster_settle(struct test_cluster *c);
/* Let time pass, and do what is due in it. */
void test_cluster_run(struct test_cluster *c, uint64_t ms);
/* Run until a member other than `not` leads, and its quorum is there; 20 s at most. */
struct test_member *test_cluster_elect(struct test_cluster *c, uint64_t not );

/* ---- requests ---- */

struct test_answer { /* zeroed at first */
    uint32_t times;  /* how often it was called */
    bool outcome;    /* the last time with an outcome, */
    int code;        /* whose code this is; else the error's */
    uint64_t revision;
    char message[BX_ERR_MSG];
};
void test_on_answer(void *ctx, const struct bx_outcome *o, const struct bx_err *err);
/* Submit the creation of a stopped VM, within the trace of the calling thread; sequence 0: in the
 * node's own session. What submit said. */
int test_submit_vm(struct test_member *m, const char *name, uint64_t sequence, uint64_t deadline,
                   struct test_answer *a);
/* The VM is in the state as this member has applied it. */
bool test_has_vm(const struct test_member *m, const char *name);

#endif
