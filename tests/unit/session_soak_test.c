/* Calls of the command line, one after the other, in a cluster of three nodes and in virtual time:
 * each under an id of its own, at one of the nodes, which ends it when it has its answer, as
 * cli/run.c and daemon/api/sys.c do. No call is told to wait. After the first hour of leader time,
 * from which on outcomes expire, nothing gets larger: sessions, memory and files.
 *
 * The calls are made in PARTS parts, and the first part takes more than an hour. What is largest in
 * each of the others is compared with what was largest in the first, because logs grow until they
 * are written back. In the end nodes are restarted, and the calls go on.
 *
 * BLIXARD_SOAK_WRITES says how many, 100 or more; make soak-sessions makes a million of them. */
#include "lib/testlib.h"

#include "lib/memfs.h"
#include "lib/testcluster.h"
#include "mem/alloc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITES 10000u
#define MEMBERS 3u
#define PARTS 5u
#define PERIOD 53u      /* calls between two looks; prime, so that each kind of call has its turn */
#define AFTERWARDS 100u /* calls after nodes were restarted */
#define HOUR_MS 3600000u
#define DISK_BYTES (1ull << 40)
#define SEGMENT_BYTES (128u << 10)
#define EVENTS 500u
/* A call takes 20 ms or more with the pause that follows, and each node ends what it has answered
 * in half a second at a time. */
#define HELD_MAX 64u
/* Of the nodes: one for each start, until it was not used for an hour. */
#define NODES_MAX (MEMBERS + 2)

static const char principal[] = "admin";
static struct test_cluster w;

/* ---- what may not grow ---- */

enum { HEAP, RESIDENT, LOG, DATABASE, SESSIONS, OUTCOMES, KINDS };

/* The slack is what may be added to the largest of the first part. Few looks come between the
 * beginning of a file of the log and the end of the oldest one, so the first part may have had none
 * then. The C library takes memory in large pieces. */
static const struct {
    const char *name;
    uint64_t slack;
} kinds[KINDS] = {
    [HEAP] = {"live bytes of the heap", 256 << 10},
    [RESIDENT] = {"bytes resident", 2 << 20},
    [LOG] = {"bytes of logs and snapshots", (MEMBERS * SEGMENT_BYTES)},
    [DATABASE] = {"bytes of state.db", 128 << 10},
    [SESSIONS] = {"held and spare sessions", 3},
    [OUTCOMES] = {"bytes of their outcomes", 2 << 10},
};

/* Without the disks, which are in the heap here. */
static uint64_t heap_bytes(void)
{
    struct bx_alloc_stats s;
    uint64_t disks = 0;

    for (uint64_t id = 1; id <= MEMBERS; id++)
        disks += memfs_heap(test_member(&w, id)->fs);
    bx_alloc_stats(&s);
    return s.live_bytes - disks;
}

/* With SQLite's memory. A sanitizer keeps what is freed, and the tracking build writes down more
 * with each allocation. */
static uint64_t resident_bytes(void)
{
#if defined __SANITIZE_ADDRESS__ || defined BX_TRACK_ALLOCATIONS
    return 0;
#else
    unsigned long all, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    assert_true(f != NULL && fscanf(f, "%lu %lu", &all, &pages) == 2);
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
#endif
}

static uint64_t log_bytes(const struct test_member *m)
{
    return DISK_BYTES - memfs_free(m->fs);
}

static uint64_t database_bytes(const struct test_member *m)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[300];
        struct stat st;

        snprintf(path, sizeof path, "%s%s", m->path, suffixes[i]);
        bytes += stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    return bytes;
}

static void look_at(const struct test_member *m, uint64_t now[KINDS])
{
    struct bx_session_stats s;

    bx_fsm_session_stats(bx_node_fsm(m->node), &s);
    assert_true(s.held + s.spare <= HELD_MAX);
    assert_true(s.nodes <= NODES_MAX);
    assert_true(s.rows <= HELD_MAX + NODES_MAX);
    now[LOG] += log_bytes(m);
    now[DATABASE] += database_bytes(m);
    now[SESSIONS] += s.held + s.spare;
    now[OUTCOMES] += s.held_bytes + s.spare_bytes;
}

/* At all members together. */
static void look(uint64_t largest[KINDS])
{
    uint64_t now[KINDS] = {[HEAP] = heap_bytes(), [RESIDENT] = resident_bytes()};

    for (uint64_t id = 1; id <= MEMBERS; id++)
        look_at(test_member(&w, id), now);
    for (int i = 0; i < KINDS; i++)
        largest[i] = now[i] > largest[i] ? now[i] : largest[i];
}

/* ---- calls ---- */

/* A call of the command line, and the answer that is right. */
struct call {
    struct test_member *at;
    uint8_t session[16];
    char name[32];
    bool deletes;
    int code;
};

/* A machine is created and deleted at the same node, which so knows it; and of ten calls two are
 * refused, because there is a machine of this name. */
static struct call plan(uint32_t i)
{
    struct call c = {.at = test_member(&w, 1 + i / 2 % MEMBERS), .code = BX_OK};

    bx_put64(c.session, 0x1234567890abcdefu * (i + 1));
    bx_put64(c.session + 8, i);
    snprintf(c.name, sizeof c.name, "vm-%u", i / 2);
    c.deletes = i % 2 == 1;
    if (i % 10 >= 8) {
        snprintf(c.name, sizeof c.name, "taken");
        c.deletes = false;
        c.code = BX_EXISTS;
    }
    return c;
}

static void wait_for(const struct test_answer *a)
{
    uint64_t until = w.clock.now + 10000;

    test_cluster_settle(&w);
    while (a->times == 0 && w.clock.now < until)
        test_cluster_run(&w, 1);
    assert_int_equal(a->times, 1);
    if (!a->outcome)
        fail_msg("no outcome: %s", a->message);
}

static int submit(const struct call *c, uint16_t kind, const void *body)
{
    struct test_answer a = {0};
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .sequence = 1,
                          .floor = 1,
                          .principal = bx_str(principal),
                          .tenant = bx_str("default"),
                          .deadline = w.clock.now + 10000,
                          .done = test_on_answer,
                          .ctx = &a};

    memcpy(s.session, c->session, sizeof s.session);
    assert_int_equal(bx_node_submit(c->at->node, &s, NULL), BX_OK);
    wait_for(&a);
    return a.code;
}

static int create(const struct call *c)
{
    struct bx_cmd_vm_create body = {.if_not_exists = false};

    bx_vm_config_init(&body.config);
    body.config.name = bx_str(c->name);
    body.config.disk_gib = 0;
    body.config.stopped = true;
    return submit(c, BX_CMD_VM_CREATE, &body);
}

static int delete (const struct call *c)
{
    struct bx_cmd_vm_delete body = {.vm = bx_str(c->name)};
    const struct bx_vm *vm;

    assert_int_equal(bx_view_find_vm(bx_node_view(c->at->node), body.vm, &vm, NULL), BX_OK);
    memcpy(body.uuid, vm->uuid, sizeof body.uuid);
    return submit(c, BX_CMD_VM_DELETE, &body);
}

static void make(const struct call *c)
{
    assert_int_equal(c->deletes ? delete (c) : create(c), c->code);
    assert_true(bx_node_end_session(c->at->node, c->session, bx_str(principal)));
}

/* The machine whose name is taken. */
static void make_first_call(void)
{
    make(&(struct call){.at = test_member(&w, 1), .session = {7}, .name = "taken"});
}

/* ---- parts ---- */

static uint32_t writes(void)
{
    const char *text = getenv("BLIXARD_SOAK_WRITES");

    return text == NULL ? WRITES : (uint32_t)strtoul(text, NULL, 10);
}

static uint64_t leader_ms(void)
{
    return bx_fsm_time(bx_node_fsm(test_member(&w, 1)->node));
}

/* A member that has just answered a call is restarted, and has its table of sessions from what it
 * has stored. */
static void restart(uint64_t id, uint32_t i)
{
    struct test_member *m = test_member(&w, id);
    struct bx_session_stats before, after;
    struct call c = plan(i);

    c.at = m;
    make(&c);
    bx_fsm_session_stats(bx_node_fsm(m->node), &before);
    assert_true(before.held + before.spare > 0);
    test_member_stop(m);
    test_member_start(m);
    bx_fsm_session_stats(bx_node_fsm(m->node), &after);
    assert_memory_equal(&after, &before, sizeof after);
    test_cluster_run(&w, 2000);
}

static void make_part(uint32_t from, uint32_t n, uint64_t largest[KINDS])
{
    uint64_t pause_ms = HOUR_MS / (n - 1) + 2;

    for (uint32_t i = 0; i < n; i++) {
        struct call c = plan(from + i);

        make(&c);
        if (i % PERIOD == PERIOD - 1 || i + 1 == n)
            look(largest);
        test_cluster_run(&w, pause_ms);
    }
}

static void print_part(uint32_t writes_made, uint64_t ms, const uint64_t largest[KINDS])
{
    printf("# %u writes, %.1f h:", writes_made, (double)ms / HOUR_MS);
    for (int i = 0; i < KINDS; i++)
        printf(" %" PRIu64 " %s%s", largest[i], kinds[i].name, i + 1 < KINDS ? "," : "\n");
    fflush(stdout);
}

static void is_no_larger(const uint64_t first[KINDS], const uint64_t largest[KINDS])
{
    for (int i = 0; i < KINDS; i++) {
        if (largest[i] > first[i] + kinds[i].slack)
            fail_msg("%" PRIu64 " %s, and %" PRIu64 " in the first part", largest[i], kinds[i].name,
                     first[i]);
    }
}

static void open_cluster(void)
{
    w = (struct test_cluster){.snapshot_bytes = 256 << 10,
                              .state_log_bytes = 1 << 20,
                              .segment_bytes = SEGMENT_BYTES,
                              .events_max = EVENTS};
    test_cluster_open(&w, MEMBERS);
    for (uint64_t id = 1; id <= MEMBERS; id++)
        memfs_limit(test_member(&w, id)->fs, DISK_BYTES, NULL, NULL);
}

TEST(calls_of_the_command_line_leave_nothing_behind)
{
    uint64_t begun, largest[PARTS][KINDS] = {{0}}, last[KINDS] = {0};
    uint32_t n = writes() / PARTS / 2 * 2; /* what a part creates it deletes */

    open_cluster();
    begun = leader_ms();
    make_first_call();
    for (uint32_t part = 0; part < PARTS; part++) {
        make_part(part * n, n, largest[part]);
        assert_true(leader_ms() - begun > (part + 1) * (uint64_t)HOUR_MS);
        print_part((part + 1) * n, leader_ms() - begun, largest[part]);
        is_no_larger(largest[0], largest[part]);
    }
    for (uint64_t id = 2; id <= MEMBERS; id++)
        restart(id, PARTS * n + 2 * (uint32_t)id);
    make_part(PARTS * n + 10, AFTERWARDS, last);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
