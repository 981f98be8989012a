#include "replica.h"

#include "state/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILL_BATCH 512u
#define FILL_SEQUENCE                                                                              \
    ((uint64_t)1 << 40) /* a session of its own, and uuids that no other seed makes */

static void must(int rc, const struct bx_err *err)
{
    if (rc != BX_OK)
        bench_die(err->msg);
}

/* ---- entries ---- */

static void begin(struct bx_buf *out)
{
    out->len = 0;
    bench_must(bx_batch_begin(out) == BX_OK, "batch");
}

static void add(struct bx_buf *out, uint16_t kind, uint64_t *sequence, const void *body)
{
    struct bx_cmd_header head = {.kind = kind,
                                 .session = {1, *sequence >= FILL_SEQUENCE},
                                 .sequence = ++*sequence,
                                 .floor = *sequence,
                                 .principal = bx_str("operator"),
                                 .tenant = bx_str("default")};

    bench_must(bx_cmd_encode(out, &head, body) == BX_OK, "command");
}

/* The seed makes the uuids: that of the first command's number. */
static void seal(struct bx_buf *out, unsigned n, uint64_t sequence)
{
    struct bx_stamp stamp = {.wall_ms = 1700000000000 + sequence, .elapsed_ms = 1};

    memcpy(stamp.seed, &sequence, sizeof sequence);
    bx_batch_seal(out, n, &stamp);
}

void entry_of_creates(struct bx_buf *out, uint64_t *sequence, unsigned from, unsigned n)
{
    begin(out);
    for (unsigned i = from; i < from + n; i++) {
        struct bx_cmd_vm_create c = {.if_not_exists = false};
        char name[32];

        snprintf(name, sizeof name, "vm-%u", i);
        bx_vm_config_init(&c.config);
        c.config.name = bx_str(name);
        c.config.vcpus = 1;
        c.config.memory_mib = 128;
        c.config.disk_gib = 0;
        c.config.stopped = true; /* goes at once when it is deleted */
        add(out, BX_CMD_VM_CREATE, sequence, &c);
    }
    seal(out, n, *sequence);
}

void entry_of_deletes(struct bx_buf *out, uint64_t *sequence, unsigned from, unsigned n)
{
    begin(out);
    for (unsigned i = from; i < from + n; i++) {
        struct bx_cmd_vm_delete d;
        char name[32];

        snprintf(name, sizeof name, "vm-%u", i);
        d.vm = bx_str(name);
        add(out, BX_CMD_VM_DELETE, sequence, &d);
    }
    seal(out, n, *sequence);
}

/* ---- replicas ---- */

static void on_outcome(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o)
{
    struct replica *r = ctx;

    (void)index;
    (void)place;
    if (o->code == BX_OK)
        r->done++;
    else
        r->refused++;
}

static void open_fsm(struct replica *r, bool trusted)
{
    const struct bx_fsm_options o = {.path = r->path,
                                     .trusted = trusted,
                                     .intern = r->intern,
                                     .sink = {.outcome = on_outcome, .ctx = r}};
    struct bx_err err;

    must(bx_fsm_open(&r->fsm, &o, &err), &err);
}

/* A node's command has no session: it comes from the daemon. */
static void add_node(struct replica *r, uint64_t id)
{
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_PUT};
    struct bx_buf b = {0};
    char name[32], address[32];
    struct bx_node_info n = {.id = id,
                             .api = bx_str(""),
                             .driver = bx_str("sim"),
                             .vcpus = 16384,
                             .memory_mib = 16 << 20,
                             .disk_gib = 1 << 20,
                             .overcommit_vcpus_pct = 100,
                             .overcommit_memory_pct = 100};

    snprintf(name, sizeof name, "n%llu", (unsigned long long)id);
    snprintf(address, sizeof address, "127.0.0.1:%u", 7000 + (unsigned)id);
    n.name = bx_str(name);
    n.address = bx_str(address);
    begin(&b);
    bench_must(bx_cmd_encode(&b, &head, &n) == BX_OK, "node");
    seal(&b, 1, id);
    replica_apply(r, &b);
    bx_buf_release(&b);
}

void replica_open(struct replica *r, unsigned nodes)
{
    memset(r, 0, sizeof *r);
    bench_make_dir(r->dir);
    snprintf(r->path, sizeof r->path, "%s/state.db", r->dir);
    r->intern = bx_intern_create(0, 0);
    bench_must(r->intern != NULL, "interner");
    open_fsm(r, false);
    for (unsigned i = 1; i <= nodes; i++)
        add_node(r, i);
    replica_commit(r);
    r->done = 0;
}

void replica_close(struct replica *r)
{
    bx_fsm_close(r->fsm);
    bx_intern_destroy(r->intern);
    bx_store_remove(r->path);
    rmdir(r->dir);
}

void replica_reopen(struct replica *r)
{
    bx_fsm_close(r->fsm);
    open_fsm(r, true);
}

void replica_apply(struct replica *r, const struct bx_buf *entry)
{
    struct bx_err err;

    must(bx_fsm_apply(r->fsm, ++r->index, entry->data, entry->len, &err), &err);
}

void replica_commit(struct replica *r)
{
    struct bx_err err;

    must(bx_fsm_commit(r->fsm, &err), &err);
}

void replica_fill(struct replica *r, unsigned first, unsigned n)
{
    uint64_t sequence = FILL_SEQUENCE;
    struct bx_buf b = {0};

    while (n > 0) {
        unsigned now = n < FILL_BATCH ? n : FILL_BATCH;

        entry_of_creates(&b, &sequence, first, now);
        replica_apply(r, &b);
        replica_commit(r);
        first += now;
        n -= now;
    }
    bx_buf_release(&b);
    bench_must(r->refused == 0, "a create was refused");
}

uint64_t replica_digest(const struct replica *r)
{
    struct bx_cluster_info info;

    bx_view_cluster(bx_fsm_view(r->fsm), &info);
    return info.digest;
}
