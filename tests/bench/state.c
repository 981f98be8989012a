/* The replicated state, from the encoded command to the committed row: what a batch costs beside
 * what SQLite alone takes for it, how that grows with the number of VMs, what batching is worth,
 * and snapshots. An operation creates a number of VMs and deletes them again, so that every one
 * finds the same state. */
#include "bench.h"

#include "mem/alloc.h"
#include "replica.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPLICAS 3
#define FEW 1000u /* VMs there are, where growth is measured against */

struct scene {
    struct replica own[REPLICAS], ref[REPLICAS];
    unsigned n_own, n_ref; /* replicas */
    unsigned vms;          /* created and deleted by an operation */
    uint64_t sequence, ref_sequence;
    struct bx_buf entry;
    struct plain_store *plain;
};

static unsigned at_most(unsigned n, unsigned bound)
{
    return n < bound ? n : bound;
}

static void turn(struct replica *r, unsigned replicas, const struct bx_buf *entry)
{
    for (unsigned i = 0; i < replicas; i++) {
        replica_apply(&r[i], entry);
        replica_commit(&r[i]);
    }
}

/* Create and delete vm-0 and up, `batch` of them an entry. */
static void create_and_delete(struct scene *s, struct replica *r, unsigned replicas,
                              uint64_t *sequence, unsigned batch)
{
    for (unsigned i = 0; i < s->vms; i += batch) {
        entry_of_creates(&s->entry, sequence, i, at_most(batch, s->vms - i));
        turn(r, replicas, &s->entry);
    }
    for (unsigned i = 0; i < s->vms; i += batch) {
        entry_of_deletes(&s->entry, sequence, i, at_most(batch, s->vms - i));
        turn(r, replicas, &s->entry);
    }
}

static void close_scene(void *ctx)
{
    struct scene *s = ctx;

    for (unsigned i = 0; i < s->n_own; i++)
        replica_close(&s->own[i]);
    for (unsigned i = 0; i < s->n_ref; i++)
        replica_close(&s->ref[i]);
    if (s->plain != NULL)
        plain_store_close(s->plain);
    bx_buf_release(&s->entry);
    bx_free(s);
}

static uint64_t vms_of(const struct replica *r)
{
    return bx_view_vms(bx_fsm_view(r->fsm));
}

/* ---- growth: the same batch among many VMs and among few ---- */

static void *open_growth(const struct bench_case *c, unsigned size)
{
    struct scene *s = bx_must_calloc(1, sizeof *s);

    (void)c;
    s->vms = 64;
    s->n_own = s->n_ref = 1;
    replica_open(s->own, 8);
    replica_open(s->ref, 8);
    replica_fill(s->own, s->vms, size);
    replica_fill(s->ref, s->vms, at_most(size, FEW));
    return s;
}

static void among_many(void *ctx, uint64_t n)
{
    struct scene *s = ctx;

    while (n-- > 0)
        create_and_delete(s, s->own, 1, &s->sequence, 64);
}

static void among_few(void *ctx, uint64_t n)
{
    struct scene *s = ctx;

    while (n-- > 0)
        create_and_delete(s, s->ref, 1, &s->ref_sequence, 64);
}

/* Every command of both was carried out, and nothing is left over. */
static bool same_growth(void *ctx)
{
    struct scene *s = ctx;
    uint64_t own = vms_of(s->own), ref = vms_of(s->ref), done = s->own->done;

    among_many(s, 1);
    among_few(s, 1);
    return s->own->done == done + 2 * s->vms && s->own->refused == 0 && s->ref->refused == 0 &&
           vms_of(s->own) == own && vms_of(s->ref) == ref;
}

/* ---- beside SQLite alone ---- */

static void *open_beside(const struct bench_case *c, unsigned size)
{
    struct scene *s = bx_must_calloc(1, sizeof *s);

    (void)c;
    s->vms = 64;
    s->n_own = 1;
    replica_open(s->own, 8);
    replica_fill(s->own, s->vms, size);
    s->plain = plain_store_open(size + s->vms);
    plain_store_delete(s->plain, s->vms);
    return s;
}

static void alone(void *ctx, uint64_t n)
{
    struct scene *s = ctx;

    while (n-- > 0) {
        plain_store_create(s->plain, 0, s->vms);
        plain_store_delete(s->plain, s->vms);
    }
}

static bool same_rows(void *ctx)
{
    struct scene *s = ctx;

    among_many(s, 1);
    alone(s, 1);
    return s->own->refused == 0 && vms_of(s->own) == plain_store_rows(s->plain);
}

/* ---- proposals: encoded, applied and committed by three replicas, in batches and one by one ----
 */

static void *open_proposals(const struct bench_case *c, unsigned size)
{
    struct scene *s = bx_must_calloc(1, sizeof *s);
    unsigned nodes = *(const unsigned *)c->arg;

    s->vms = size;
    s->n_own = s->n_ref = REPLICAS;
    for (unsigned i = 0; i < REPLICAS; i++) {
        replica_open(&s->own[i], nodes);
        replica_open(&s->ref[i], nodes);
    }
    return s;
}

static void in_batches(void *ctx, uint64_t n)
{
    struct scene *s = ctx;

    while (n-- > 0)
        create_and_delete(s, s->own, REPLICAS, &s->sequence, 100);
}

static void one_by_one(void *ctx, uint64_t n)
{
    struct scene *s = ctx;

    while (n-- > 0)
        create_and_delete(s, s->ref, REPLICAS, &s->ref_sequence, 1);
}

/* All replicas have one digest; both ways carried out every command and left nothing. */
static bool same_replicas(void *ctx)
{
    struct scene *s = ctx;
    uint64_t own = s->own->done, ref = s->ref->done;
    bool same;

    in_batches(s, 1);
    one_by_one(s, 1);
    same = s->own->done - own == 2 * s->vms && s->ref->done - ref == 2 * s->vms;
    for (unsigned i = 0; same && i < REPLICAS; i++)
        same = replica_digest(&s->own[i]) == replica_digest(&s->own[0]) &&
               replica_digest(&s->ref[i]) == replica_digest(&s->ref[0]) && s->own[i].refused == 0 &&
               s->ref[i].refused == 0 && vms_of(&s->own[i]) == 0;
    return same;
}

/* ---- snapshots ---- */

#define CHUNKS_MAX 512

struct snapshot {
    struct replica from, to;
    struct bx_buf chunks[CHUNKS_MAX];
    unsigned n, vms;
    char copy[BENCH_DIR_MAX + 16];
};

static void take_dump(struct snapshot *s)
{
    struct bx_dump *d;
    struct bx_err err;

    s->n = 0;
    bench_must(bx_dump_open(&d, s->from.fsm, &err) == BX_OK, "dump");
    do {
        bench_must(s->n < CHUNKS_MAX, "a dump that long");
        bench_must(bx_dump_next(d, &s->chunks[s->n], &err) == BX_OK, "dump");
    } while (s->chunks[s->n++].len > 0);
    bx_dump_close(d);
}

static void *open_snapshot(const struct bench_case *c, unsigned size)
{
    struct snapshot *s = bx_must_calloc(1, sizeof *s);

    (void)c;
    s->vms = size;
    replica_open(&s->from, 8);
    replica_open(&s->to, 0);
    replica_fill(&s->from, 0, size);
    snprintf(s->copy, sizeof s->copy, "%s/copy.db", s->from.dir);
    take_dump(s);
    return s;
}

static void close_snapshot(void *ctx)
{
    struct snapshot *s = ctx;

    unlink(s->copy);
    for (unsigned i = 0; i < CHUNKS_MAX; i++)
        bx_buf_release(&s->chunks[i]);
    replica_close(&s->from);
    replica_close(&s->to);
    bx_free(s);
}

static void dump(void *ctx, uint64_t n)
{
    while (n-- > 0)
        take_dump(ctx);
}

static void copy(void *ctx, uint64_t n)
{
    struct snapshot *s = ctx;

    while (n-- > 0)
        plain_copy(s->from.path, s->copy);
}

static void restore(void *ctx, uint64_t n)
{
    struct snapshot *s = ctx;
    uint64_t digest = replica_digest(&s->from), index = bx_fsm_applied(s->from.fsm);
    struct bx_err err;

    while (n-- > 0) {
        bench_must(bx_fsm_restore_begin(s->to.fsm, &err) == BX_OK, "restore");
        for (unsigned i = 0; i + 1 < s->n; i++)
            bench_must(bx_fsm_restore_chunk(s->to.fsm, s->chunks[i].data, s->chunks[i].len, &err) ==
                           BX_OK,
                       "restore");
        if (bx_fsm_restore_finish(s->to.fsm, index, digest, &err) != BX_OK)
            bench_die(err.msg);
    }
}

static void start(void *ctx, uint64_t n)
{
    struct snapshot *s = ctx;

    while (n-- > 0)
        replica_reopen(&s->from);
}

static void scan(void *ctx, uint64_t n)
{
    struct snapshot *s = ctx;

    while (n-- > 0)
        bench_must(plain_scan(s->from.path) > 0, "scan");
}

static bool same_snapshot(void *ctx)
{
    struct snapshot *s = ctx;
    uint64_t digest = replica_digest(&s->from), bytes;

    dump(s, 1);
    restore(s, 1);
    start(s, 1);
    copy(s, 1);
    bytes = plain_scan(s->from.path);
    return replica_digest(&s->from) == digest && replica_digest(&s->to) == digest &&
           vms_of(&s->to) == s->vms && vms_of(&s->from) == s->vms && bytes > 0 &&
           plain_scan(s->copy) == bytes;
}

static const unsigned three = 3, eight = 8, many = 64, most = BX_NODES_MAX;

#define GROWTH(nam, count)                                                                         \
    {                                                                                              \
        .name = "state/batch-64-of-" nam, .reference = "among 1,000 VMs", .size = (count),         \
        .goal = 0.77, .open = open_growth, .close = close_scene, .run = among_many,                \
        .refer = among_few, .same = same_growth                                                    \
    }
#define PROPOSALS(nam, count, nodes)                                                               \
    {                                                                                              \
        .name = "state/" nam, .reference = "one an entry", .arg = (nodes), .size = (count),        \
        .open = open_proposals, .close = close_scene, .run = in_batches, .refer = one_by_one,      \
        .same = same_replicas                                                                      \
    }
#define SNAPSHOT(nam, count, own, other, what)                                                     \
    {                                                                                              \
        .name = "state/" nam, .reference = (what), .size = (count), .open = open_snapshot,         \
        .close = close_snapshot, .run = (own), .refer = (other), .same = same_snapshot             \
    }

static const struct bench_case cases[] = {
    {.name = "state/batch-64-of-1000",
     .reference = "SQLite alone",
     .size = FEW,
     .open = open_beside,
     .close = close_scene,
     .run = among_many,
     .refer = alone,
     .same = same_rows},
    GROWTH("10000", 10000),
    GROWTH("100000", 100000),
    PROPOSALS("propose-1000", 1000, &three),
    PROPOSALS("schedule-100-on-8", 100, &eight),
    PROPOSALS("schedule-100-on-64", 100, &many),
    PROPOSALS("schedule-100-on-4096", 100, &most),
    SNAPSHOT("dump-40000", 40000, dump, copy, "SQLite's backup"),
    SNAPSHOT("restore-40000", 40000, restore, copy, "SQLite's backup"),
    SNAPSHOT("start-100000", 100000, start, scan, "SQLite's scan"),
};
const struct bench_group bench_state = {cases, sizeof cases / sizeof cases[0]};
