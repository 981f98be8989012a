#include "lib/testlib.h"

#include "lib/testcluster.h"

#include "lib/memfs.h"
#include "mem/alloc.h"
#include "node/driver_sim.h"

#include <string.h>

#define MOVES_MAX 100000u /* more without coming to rest is a loop */

struct test_member *test_member(struct test_cluster *c, uint64_t id)
{
    assert_true(id >= 1 && id <= c->n);
    return &c->members[id - 1];
}

/* ---- links ---- */

static struct test_member *of_link(struct bx_link *l)
{
    return (struct test_member *)(void *)((char *)l - offsetof(struct test_member, link));
}

static bool is_connected(struct bx_link *l, uint64_t id)
{
    struct test_member *m = of_link(l);
    struct test_cluster *c = m->cluster;

    return id >= 1 && id <= c->n && id != m->id && !c->cut[m->id][id] && !c->cut[id][m->id] &&
           c->members[id - 1].node != NULL;
}

static bool send_frame(struct bx_link *l, uint64_t to, struct bx_buf *frame)
{
    struct test_member *m = of_link(l);
    struct test_frame *f;

    if (!is_connected(l, to) || m->link_full)
        return false;
    f = bx_must_calloc(1, sizeof *f);
    f->from = m->id;
    f->to = to;
    bx_buf_move(&f->bytes, frame);
    TAILQ_INSERT_TAIL(&m->cluster->frames, f, link);
    m->cluster->n_frames++;
    return true;
}

static uint32_t codecs_of(struct bx_link *l, uint64_t id)
{
    return is_connected(l, id) ? 1u << BX_CODEC_FLAT | 1u << BX_CODEC_LZ : 0;
}

static bool build_of(struct bx_link *l, uint64_t id, struct bx_build *out)
{
    if (!is_connected(l, id))
        return false;
    *out = (struct bx_build){.level = test_member(of_link(l)->cluster, id)->level, .version = "1"};
    return true;
}

static size_t bytes_queued(struct bx_link *l, uint64_t id)
{
    (void)l, (void)id;
    return 0;
}

static void note_peers(struct bx_link *l, const struct bx_peer *peers, uint32_t n)
{
    struct test_member *m = of_link(l);

    assert_true(n <= TEST_PEERS_MAX);
    m->n_peers = n;
    for (uint32_t i = 0; i < n; i++)
        m->peers[i] = peers[i].id;
}

static const struct bx_link_ops link_ops = {.send = send_frame,
                                            .connected = is_connected,
                                            .codecs = codecs_of,
                                            .build = build_of,
                                            .queued = bytes_queued,
                                            .set_peers = note_peers};

static void arrive(struct test_cluster *c, const struct test_frame *f)
{
    struct test_member *m = test_member(c, f->to);
    const uint8_t *p = f->bytes.data + BX_HEADER_SIZE;
    struct bx_header head;
    enum bx_frame kind;

    assert_int_equal(bx_header_read(f->bytes.data, &head), BX_OK);
    kind = (enum bx_frame)(head.kind - BX_KIND_FRAME);
    if (m->node == NULL || c->cut[f->from][f->to] ||
        (c->drop != NULL && c->drop(c, f->from, f->to, kind, p, head.length)))
        return;
    bx_node_receive(m->node, f->from, kind, p, head.length);
}

static void discard(struct test_cluster *c, struct test_frame *f)
{
    TAILQ_REMOVE(&c->frames, f, link);
    c->n_frames--;
    bx_buf_release(&f->bytes);
    bx_free(f);
}

/* The frames that are under way now; what they cause to be sent comes later. */
static bool deliver(struct test_cluster *c)
{
    uint32_t n = c->n_frames;

    for (uint32_t i = 0; i < n; i++) {
        arrive(c, TAILQ_FIRST(&c->frames));
        discard(c, TAILQ_FIRST(&c->frames));
    }
    return n > 0;
}

/* ---- disks ---- */

static void queue_job(struct bx_disk *d, struct bx_job *j)
{
    struct test_member *m =
        (struct test_member *)(void *)((char *)d - offsetof(struct test_member, disk));

    assert_true(m->n_jobs < TEST_JOBS_MAX);
    m->jobs[m->n_jobs++] = j;
}

static const struct bx_disk_ops disk_ops = {.write = queue_job, .offload = queue_job};

static bool work(struct test_member *m)
{
    struct bx_job *jobs[TEST_JOBS_MAX];
    uint32_t n = m->n_jobs;

    if (m->hold_disk || n == 0)
        return false;
    memcpy(jobs, m->jobs, sizeof jobs);
    m->n_jobs = 0;
    for (uint32_t i = 0; i < n; i++)
        jobs[i]->done(jobs[i], jobs[i]->run(jobs[i]));
    return true;
}

/* ---- calls out of the node ---- */

static void on_wake(void *ctx)
{
    ((struct test_member *)ctx)->awake = true;
}

static void on_event(void *ctx, const struct bx_event *e)
{
    (void)ctx, (void)e;
}

static void on_vm(void *ctx, const struct bx_vm *vm, bool gone)
{
    (void)ctx, (void)vm, (void)gone;
}

static void on_frame(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    (void)from, (void)kind, (void)p, (void)n;
    ((struct test_member *)ctx)->queries++;
}

static void on_fatal(void *ctx, const struct bx_err *err)
{
    (void)ctx;
    fail_msg("a node gave up: %s", err->msg);
}

/* ---- members ---- */

static struct bx_node_info describe(const struct test_member *m, char name[32], char address[32])
{
    snprintf(name, 32, "n%u", (unsigned)m->id);
    snprintf(address, 32, "127.0.0.1:%u", (unsigned)m->port);
    return (struct bx_node_info){.id = m->id,
                                 .name = bx_str(name),
                                 .address = bx_str(address),
                                 .driver = bx_str("sim"),
                                 .vcpus = 16384,
                                 .memory_mib = 16 << 20,
                                 .disk_gib = 1 << 20,
                                 .overcommit_vcpus_pct = 100,
                                 .overcommit_memory_pct = 100,
                                 .role = BX_ROLE_VOTER};
}

void test_member_start(struct test_member *m)
{
    char name[32], address[32];
    struct bx_node_options o = {.clock = &m->cluster->clock.base,
                                .disk = &m->disk,
                                .link = &m->link,
                                .driver = m->driver,
                                .state_path = m->path,
                                .identity = {.node = m->id, .founder = m->id == 1},
                                .log_queue_bytes = m->cluster->log_queue_bytes,
                                .snapshot_bytes = m->cluster->snapshot_bytes,
                                .state_log_bytes = m->cluster->state_log_bytes,
                                .ballast_bytes = m->cluster->ballast_bytes,
                                .segment_bytes = m->cluster->segment_bytes,
                                .events_max = m->cluster->events_max,
                                .self = describe(m, name, address),
                                .level = m->level,
                                .now_ns = m->cluster->now_ns,
                                .wake = on_wake,
                                .event = on_event,
                                .vm = on_vm,
                                .frame = on_frame,
                                .fatal = on_fatal,
                                .ctx = m};
    struct bx_err err = {0};

    memset(o.identity.cluster, 7, 16);
    memset(o.identity.history, 8, 16);
    o.identity.incarnation[0] = (uint8_t)m->id;
    snprintf(o.identity.name, sizeof o.identity.name, "%s", name);
    if (bx_node_open(&m->node, &o, &err) != BX_OK)
        fail_msg("node %u can not start: %s", (unsigned)m->id, err.msg);
    for (uint64_t id = 1; id <= m->cluster->n; id++) {
        if (is_connected(&m->link, id))
            bx_node_on_peer(test_member(m->cluster, id)->node, m->id, true);
    }
}

void test_member_stop(struct test_member *m)
{
    m->hold_disk = false;
    while (work(m))
        ;
    bx_node_close(m->node);
    m->node = NULL;
    for (uint64_t id = 1; id <= m->cluster->n; id++) {
        if (test_member(m->cluster, id)->node != NULL)
            bx_node_on_peer(test_member(m->cluster, id)->node, m->id, false);
    }
}

void test_member_isolate(struct test_member *m, bool isolated)
{
    struct test_cluster *c = m->cluster;

    for (uint64_t id = 1; id <= c->n; id++)
        c->cut[m->id][id] = c->cut[id][m->id] = isolated;
    for (uint64_t id = 1; id <= c->n; id++) {
        if (id == m->id || test_member(c, id)->node == NULL)
            continue;
        bx_node_on_peer(test_member(c, id)->node, m->id, !isolated);
        bx_node_on_peer(m->node, id, !isolated);
    }
}

struct bx_node_status test_member_status(const struct test_member *m)
{
    struct bx_node_status s;

    bx_node_status(m->node, &s);
    return s;
}

bool test_member_leads(const struct test_member *m)
{
    return test_member_status(m).is_leader;
}

static void add_member(struct test_cluster *c, uint64_t id)
{
    struct test_member *m = &c->members[id - 1];
    struct bx_driver_sim_options o = {.clock = &c->clock.base};

    m->cluster = c;
    m->id = id;
    m->port = 7000 + (uint32_t)id;
    m->link.ops = &link_ops;
    m->disk.ops = &disk_ops;
    m->fs = memfs_create();
    m->disk.fs = memfs_fs(m->fs);
    m->driver = bx_driver_sim_create(&o);
    assert_non_null(m->driver);
    m->dir = test_make_dir();
    snprintf(m->path, sizeof m->path, "%s/state.db", m->dir);
    c->n = (uint32_t)id;
    test_member_start(m);
}

/* ---- time ---- */

static bool turn(struct test_member *m)
{
    bool any = m->awake;

    m->awake = false;
    if (any)
        bx_node_turn(m->node);
    return work(m) || any;
}

void test_cluster_settle(struct test_cluster *c)
{
    bool moved = true;

    for (uint32_t moves = 0; moved; moves++) {
        assert_true(moves < MOVES_MAX);
        moved = deliver(c);
        for (uint32_t i = 0; i < c->n; i++) {
            if (c->members[i].node != NULL && turn(&c->members[i]))
                moved = true;
        }
    }
}

static uint64_t next_deadline(const struct test_cluster *c)
{
    uint64_t at = UINT64_MAX;

    for (uint32_t i = 0; i < c->n; i++) {
        const struct test_member *m = &c->members[i];
        uint64_t own = m->node == NULL ? UINT64_MAX : bx_node_deadline(m->node);

        at = own < at ? own : at;
    }
    return at;
}

static void tick(struct test_cluster *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct test_member *m = &c->members[i];

        if (m->node == NULL)
            continue;
        bx_driver_sim_tick(m->driver);
        if (bx_node_deadline(m->node) <= c->clock.now)
            bx_node_tick(m->node);
    }
    test_cluster_settle(c);
}

void test_cluster_run(struct test_cluster *c, uint64_t ms)
{
    uint64_t until = c->clock.now + ms, next;

    test_cluster_settle(c);
    while ((next = next_deadline(c)) <= until) {
        c->clock.now = next > c->clock.now ? next : c->clock.now + 1;
        tick(c);
    }
    if (c->clock.now < until)
        c->clock.now = until;
    test_cluster_settle(c);
}

struct test_member *test_cluster_elect(struct test_cluster *c, uint64_t not )
{
    for (uint32_t i = 0; i < 2000; i++) {
        for (uint64_t id = 1; id <= c->n; id++) {
            struct test_member *m = test_member(c, id);

            if (id != not &&m->node != NULL && test_member_leads(m))
                return m;
        }
        test_cluster_run(c, 10);
    }
    fail_msg("nobody was elected");
    return NULL;
}

/* ---- founding ---- */

static void propose(struct test_cluster *c, uint16_t kind, const void *body)
{
    struct test_member *m = test_member(c, 1);
    struct test_answer a = {0};
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("node"),
                          .deadline = c->clock.now + 10000,
                          .done = test_on_answer,
                          .ctx = &a};

    assert_int_equal(bx_node_submit(m->node, &s, NULL), BX_OK);
    test_cluster_settle(c);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
}

static uint32_t voters(const struct test_member *m)
{
    struct bx_node_status s = test_member_status(m);
    uint32_t n = 0;

    for (uint32_t i = 0; i < s.n_members; i++)
        n += s.members[i].voter;
    return n;
}

void test_member_register(struct test_member *m)
{
    char name[32], address[32];
    struct bx_node_info info = describe(m, name, address);

    propose(m->cluster, BX_CMD_NODE_PUT, &info);
}

struct test_member *test_cluster_add(struct test_cluster *c)
{
    struct test_member *m;

    add_member(c, c->n + 1);
    m = test_member(c, c->n);
    test_member_register(m);
    return m;
}

static void add_voter(struct test_cluster *c, uint64_t id)
{
    struct test_member *m;

    if (id > 1)
        (void)test_cluster_add(c);
    else
        test_member_register(test_member(c, 1));
    m = test_member(c, id);
    for (uint32_t i = 0; voters(m) < id; i++) {
        assert_true(i < 200);
        test_cluster_run(c, 100);
    }
}

void test_cluster_open(struct test_cluster *c, uint32_t n)
{
    test_cluster_open_at(c, n, BX_LEVEL);
}

void test_cluster_open_at(struct test_cluster *c, uint32_t n, uint32_t level)
{
    struct bx_cmd_cluster_create create = {.name = bx_str("test"), .level = level > 1 ? level : 0};

    *c = (struct test_cluster){.log_queue_bytes = c->log_queue_bytes,
                               .snapshot_bytes = c->snapshot_bytes,
                               .state_log_bytes = c->state_log_bytes,
                               .ballast_bytes = c->ballast_bytes,
                               .segment_bytes = c->segment_bytes,
                               .events_max = c->events_max,
                               .now_ns = c->now_ns};
    for (uint32_t i = 0; i < TEST_MEMBERS_MAX; i++)
        c->members[i].level = level;
    memset(create.cluster, 7, 16);
    memset(create.history, 8, 16);
    test_rec_open("info");
    test_clock_init(&c->clock);
    TAILQ_INIT(&c->frames);
    add_member(c, 1);
    (void)test_cluster_elect(c, 0);
    propose(c, BX_CMD_CLUSTER_CREATE, &create);
    for (uint64_t id = 1; id <= n; id++)
        add_voter(c, id);
    test_cluster_run(c, 1000);
    assert_true(test_member_leads(test_member(c, 1)));
}

void test_cluster_close(struct test_cluster *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        struct test_member *m = &c->members[i];

        if (m->node != NULL)
            test_member_stop(m);
        bx_driver_sim_destroy(m->driver);
        memfs_destroy(m->fs);
        test_remove_dir(m->dir);
    }
    while (!TAILQ_EMPTY(&c->frames))
        discard(c, TAILQ_FIRST(&c->frames));
    test_rec_close();
}
