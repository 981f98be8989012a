/* snapshot: a file on its way to a member, over a link where small frames overtake large ones. */
#include "lib/memfs.h"
#include "lib/testclock.h"
#include "lib/testrec.h"

#include "mem/alloc.h"
#include "node/internal.h"

#include <string.h>

#define FRAMES 16
#define LARGE (64u << 10) /* see ports.h: frames above this may be overtaken */
#define PEER 2

/* ---- a link that sends nothing until it is told to ---- */

struct slow_link {
    struct bx_link base;
    struct memfs *peer; /* where the pieces arrive */
    struct bx_buf frames[FRAMES];
    unsigned n;
    uint32_t codecs; /* what the peer reads */
    bool down;       /* nobody is connected */
    bool damaged;    /* the file is */
    bool taking;     /* the next file is being written */
    bool announced;  /* the message came... */
    int received;    /* ...and this is what the peer said to the file */
};

static bool queue_frame(struct bx_link *base, uint64_t to, struct bx_buf *frame)
{
    struct slow_link *l = (struct slow_link *)(void *)base;

    assert_int_equal(to, PEER);
    if (l->n == FRAMES)
        return false;
    bx_buf_move(&l->frames[l->n++], frame);
    return true;
}

static bool is_connected(struct bx_link *base, uint64_t id)
{
    return id == PEER && !((struct slow_link *)(void *)base)->down;
}

static bool no_build(struct bx_link *base, uint64_t id, struct bx_build *out)
{
    (void)base, (void)id, (void)out;
    return false;
}

static uint32_t known_codecs(struct bx_link *base, uint64_t id)
{
    return is_connected(base, id) ? ((struct slow_link *)(void *)base)->codecs : 0;
}

static size_t bytes_queued(struct bx_link *base, uint64_t id)
{
    struct slow_link *l = (struct slow_link *)(void *)base;
    size_t bytes = 0;

    (void)id;
    for (unsigned i = 0; i < l->n; i++)
        bytes += l->frames[i].len;
    return bytes;
}

static const struct bx_link_ops slow_ops = {.build = no_build,
                                            .send = queue_frame,
                                            .connected = is_connected,
                                            .codecs = known_codecs,
                                            .queued = bytes_queued};

static void arrive(struct slow_link *l, const struct bx_buf *f)
{
    struct bx_header head;

    assert_int_equal(bx_header_read(f->data, &head), BX_OK);
    if (head.kind == BX_KIND_FRAME + BX_FRAME_SNAP_DATA) {
        const uint8_t *p = f->data + BX_HEADER_SIZE;

        bx_snap_receive(memfs_fs(l->peer), bx_get64(p), p + 8, f->len - BX_HEADER_SIZE - 8, NULL);
    } else {
        struct bx_snap_reader *r;

        l->announced = true;
        l->received = bx_snap_receive_finish(&r, memfs_fs(l->peer), 10, 3, NULL);
        bx_snap_close(r);
    }
}

static void deliver(struct slow_link *l)
{
    for (int large = 0; large < 2; large++) {
        for (unsigned i = 0; i < l->n; i++) {
            if ((l->frames[i].len > LARGE) != (large == 1))
                continue;
            arrive(l, &l->frames[i]);
            bx_buf_release(&l->frames[i]);
        }
    }
    l->n = 0;
}

/* ---- a thread pool ---- */

static struct bx_job *offloaded;

static void queue_job(struct bx_disk *d, struct bx_job *j)
{
    (void)d;
    assert_null(offloaded);
    offloaded = j;
}

static void work(void)
{
    struct bx_job *j = offloaded;

    offloaded = NULL;
    if (j != NULL)
        j->done(j, j->run(j));
}

/* ---- a leader that knows how to do just this ---- */

static void nothing(void *ctx)
{
    (void)ctx;
}

static bool send_message(void *ctx, uint64_t to, struct bx_buf *frame)
{
    return queue_frame(ctx, to, frame);
}

/* Of noise, which takes as much room as it has, or of zeros, which are packed. */
static void take_snapshot(struct bx_fs *fs, size_t bytes, bool noise)
{
    uint64_t seed = bytes;
    struct bx_snap_meta meta = {.index = 10, .term = 3, .conf = {"conf", 4}};
    struct bx_snap_writer *w;
    uint8_t *chunk = bx_must_calloc(1, BX_SNAP_PIECE);

    for (size_t i = 0; noise && i < BX_SNAP_PIECE; i += 8)
        bx_put64(chunk + i, test_random(&seed));
    assert_int_equal(bx_snap_create(&w, fs, &meta, NULL), BX_OK);
    for (size_t n; bytes > 0; bytes -= n) {
        n = bytes < BX_SNAP_PIECE ? bytes : BX_SNAP_PIECE;
        assert_int_equal(bx_snap_write(w, chunk, n, NULL), BX_OK);
    }
    assert_int_equal(bx_snap_finish(w, NULL), BX_OK);
    bx_free(chunk);
}

static void damage(struct bx_fs *fs)
{
    int fd;

    assert_int_equal(fs->ops->open(fs, "snapshot-000000000000000a", 0, &fd), 0);
    assert_int_equal(fs->ops->write(fs, fd, "?", 1, BX_SNAP_PIECE / 2), 0);
    fs->ops->close(fs, fd);
}

static void send_on(struct slow_link *link, size_t bytes, bool noise, bool arrives)
{
    const struct raft_install_snapshot m = {.term = 4, .last_index = 10, .last_term = 3};
    struct memfs *here = memfs_create();
    static const struct bx_disk_ops ops = {.offload = queue_job};
    struct bx_disk disk = {.ops = &ops, .fs = memfs_fs(here)};
    struct bx_node *n = bx_must_calloc(1, sizeof *n);
    struct test_clock clock;

    link->base.ops = &slow_ops;
    link->peer = memfs_create();
    test_rec_open("info");
    test_clock_init(&clock);
    take_snapshot(disk.fs, bytes, noise);
    if (link->damaged)
        damage(disk.fs);
    n->o = (struct bx_node_options){
        .clock = &clock.base, .disk = &disk, .link = &link->base, .wake = nothing};
    assert_int_equal(bx_wal_open(&n->wal, &(struct bx_wal_options){.fs = disk.fs}, NULL), BX_OK);
    n->snapshots.taking.retry_ms = UINT64_MAX; /* this is not about taking one... */
    n->snapshots.taking.busy = link->taking;   /* ...but another one may be being taken */
    n->raft.core.state = RAFT_LEADER;
    n->raft.core.current_term = m.term;
    n->raft.o.send = send_message;
    n->raft.o.ctx = link;
    bx_snapshots_send(n, PEER, &m);
    for (unsigned i = 0; i < BX_MEMBERS_MAX; i++)
        assert_null(n->snapshots.transfers[i].reader);
    for (int turns = 0; turns < 20 && !link->announced; turns++) {
        bx_snapshots_turn(n);
        work(); /* the file is verified there, not in the turn */
        deliver(link);
    }
    assert_int_equal(link->announced, arrives);
    if (arrives)
        assert_int_equal(link->received, BX_OK);
    n->snapshots.taking.busy = false;
    bx_snapshots_close(n);
    bx_wal_close(n->wal);
    bx_free(n);
    memfs_destroy(link->peer);
    memfs_destroy(here);
    test_rec_close();
}

static void send_one(size_t bytes, bool noise, uint32_t codecs, bool arrives)
{
    struct slow_link link = {.codecs = codecs};

    send_on(&link, bytes, noise, arrives);
}

TEST(a_file_of_any_size_arrives)
{
    for (size_t bytes = 0; bytes < 6 * BX_SNAP_PIECE; bytes += 20011)
        send_one(bytes, true, 0, true);
}

/* A file with packed chunks goes only to who said that it reads them. */
TEST(a_packed_file_goes_to_who_reads_it)
{
    send_one(6 * BX_SNAP_PIECE, false, 1u << BX_CODEC_FLAT | 1u << BX_CODEC_LZ, true);
    send_one(6 * BX_SNAP_PIECE, false, 1u << BX_CODEC_FLAT, false);
    assert_int_equal(test_rec.warnings, 1);
}

/* Of who is not connected nothing is known, so nothing is said. */
TEST(nothing_is_sent_to_who_is_not_there)
{
    struct slow_link link = {.down = true};

    send_on(&link, 6 * BX_SNAP_PIECE, false, false);
    assert_int_equal(link.n, 0);
    assert_int_equal(test_rec.warnings, 0);
}

/* The log of this node has no entry at the snapshot's index, as if it had been sent that one, too:
 * nobody could go on from there after the next one. */
TEST(a_file_that_is_being_replaced_is_not_sent)
{
    struct slow_link link = {.codecs = 1u << BX_CODEC_FLAT, .taking = true};

    send_on(&link, 100, false, false);
}

TEST(a_damaged_file_is_not_sent)
{
    struct slow_link link = {.damaged = true};

    send_on(&link, BX_SNAP_PIECE, true, false);
    assert_int_equal(link.n, 0);
    assert_int_equal(test_rec.warnings, 1);
}

int main(void)
{
    return test_run(NULL, NULL);
}
