/* sink_node - events as files of the recorder, kept by another node of the cluster.
 *
 * Events are collected to blocks, which wait in a bounded ring; the newest events are dropped when
 * it is full. One block at a time becomes items of a file, which are cut into parts. A part and its
 * answer belong to the thread that `turn` says:
 *
 *     MAKING    the router's thread, which makes a part
 *     WAITING   the loop, which has not taken the part yet
 *     SENDING   the loop
 *     ANSWERED  the router's thread, which has not seen the answer yet
 *
 * The other node says how many bytes of the file it keeps. If that is not what was sent, it has
 * removed the file, or lost its end in a crash: another file is begun, with the same block. So a
 * block that waits is sent, whatever became of a file. A file ends like one of the sink "file", by
 * size and age. Nothing is begun before the loop has asked: the daemon knows then what to say of
 * itself.
 *
 * The loop looks for a part four times a second, so a log takes little of the link. What was not
 * sent when the daemon ends is lost. */
#include "sys/sink_node.h"

#include "codec/header.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "model/vm.h"
#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/log_threads.h"
#include "sys/sink.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#define BLOCK 8000u /* words: 64,000 bytes, so that it fits into one item */
#define BLOCKS 16u
#define BLOCK_NS 200000000u
#define SIZE (8u << 20) /* bytes of a file */
#define SECOND_NS 1000000000ull
#define AGE_NS (24 * 3600 * SECOND_NS)
#define RETRY_MAX_NS (60 * SECOND_NS)
#define MS_NS 1000000u

enum turn { MAKING, WAITING, SENDING, ANSWERED };

struct block {
    size_t n;      /* words in it */
    uint64_t from; /* when its first event came (uv_hrtime) */
    uint64_t words[BLOCK];
};

struct node_sink {
    atomic_int turn;
    int answered; /* an eventfd */
    struct sink_part part;
    atomic_bool asked; /* by the loop, once */
    /* ---- the answer ---- */
    int code;
    uint64_t kept, taken_ns, io_ns;

    /* ---- of the router's thread alone ---- */
    struct bx_buf items; /* those that the other node does not have yet */
    bool has_block;      /* among them, those of the first block */
    bool ending;         /* among them, the file's end */
    bool open;           /* a file is */
    uint64_t begun;      /* its name, or that of the one before */
    uint64_t opened;     /* when it was (uv_hrtime) */
    uint64_t offset;     /* bytes of it that the other node has */
    uint64_t retry, pause;
    uint32_t first, blocks; /* those that wait; the last one still grows */
    struct block ring[BLOCKS];
    struct bx_recfile_writer writer;
};

static struct node_sink *all[SINKS_MAX];
static uint32_t n_all;

static int check(const char *where, struct bx_err *err)
{
    if (bx_name_check(bx_str(where), "node", err) == BX_OK)
        return BX_OK;
    bx_err_hint(err, "node:NAME sends the log to the member NAME of the cluster");
    return BX_INVALID;
}

static int write_items(void *ctx, const void *p, size_t n)
{
    return bx_buf_append(&((struct node_sink *)ctx)->items, p, n);
}

static int open_it(struct sink *s, struct bx_err *err)
{
    struct node_sink *x = bx_calloc(1, sizeof *x);

    s->state = x;
    if (x == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "no memory for the log");
    s->memory = sizeof *x;
    x->answered = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (x->answered < 0)
        return bx_err_set(err, BX_IO, "cannot make an eventfd");
    x->part.node = s->spec.where;
    x->writer =
        (struct bx_recfile_writer){.write = write_items, .ctx = x, .form = BX_RECFILE_PACKED};
    all[n_all++] = x;
    sink_is(s, "nothing was sent yet");
    return BX_OK;
}

/* ---- blocks ---- */

static struct block *last(struct node_sink *x)
{
    return &x->ring[(x->first + x->blocks - 1) % BLOCKS];
}

static void show_queued(struct sink *s)
{
    const struct node_sink *x = s->state;
    uint64_t words = 0;

    for (uint32_t i = 0; i < x->blocks; i++)
        words += x->ring[(x->first + i) % BLOCKS].n;
    sink_set(&s->counts.queued_bytes, words * sizeof(uint64_t));
}

/* A block that items were made of takes no more events. */
static bool has_room(struct node_sink *x, size_t n)
{
    bool sealed = x->blocks == 0 || (x->blocks == 1 && x->has_block);

    return !sealed && last(x)->n + n <= BLOCK;
}

static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    struct node_sink *x = s->state;
    struct block *b;

    (void)e;
    if (!has_room(x, n)) {
        if (x->blocks == BLOCKS) {
            sink_add(&s->counts.dropped, 1);
            return;
        }
        x->blocks++;
        last(x)->from = uv_hrtime();
        last(x)->n = 0;
    }
    b = last(x);
    memcpy(b->words + b->n, words, n * sizeof *words);
    b->n += n;
    show_queued(s);
}

/* ---- items ---- */

static void begin_file(struct node_sink *x)
{
    struct bx_recfile_meta m = crash_about("log");
    uint64_t first = x->ring[x->first].words[1]; /* the time of its first event (recevent.h) */

    if (first < m.time_ns)
        m.time_ns = first; /* as one who looks for events of a time expects */
    if (m.time_ns < x->begun + MS_NS)
        m.time_ns = x->begun + MS_NS; /* no two have one name */
    x->open = true;
    x->begun = m.time_ns;
    x->opened = uv_hrtime();
    x->offset = 0;
    bx_recfile_begin(&x->writer, &m);
}

static void put_first_block(struct node_sink *x)
{
    const struct block *b = &x->ring[x->first];

    bx_recfile_put_events(&x->writer, 0, b->words, b->n);
    x->has_block = true;
}

/* What comes next in the file. */
static void make_items(struct node_sink *x, uint64_t now)
{
    if (!x->open) {
        begin_file(x);
    } else if (x->offset >= SIZE || now - x->opened >= AGE_NS) {
        log_threads_put(&x->writer);
        bx_recfile_end(&x->writer);
        x->ending = true;
    } else {
        put_first_block(x);
    }
}

/* Whole items, as many as a part may have. */
static size_t part_of(const struct bx_buf *items)
{
    struct bx_header h;
    size_t n = 0;

    while (n < items->len) {
        size_t whole;

        bx_must_ok(bx_header_read(items->data + n, &h));
        whole = BX_HEADER_SIZE + h.length;
        if (n + whole > BX_RECFILE_BUF)
            break;
        n += whole;
    }
    return n;
}

/* ---- the answer ---- */

/* Another file is to be begun, with the block that was not sent as a whole. */
static void abandon_file(struct node_sink *x)
{
    bx_buf_release(&x->items);
    x->open = x->has_block = x->ending = false;
}

static void try_later(struct node_sink *x, uint64_t now)
{
    x->pause = x->pause == 0 ? SECOND_NS : 2 * x->pause;
    if (x->pause > RETRY_MAX_NS)
        x->pause = RETRY_MAX_NS;
    x->retry = now + x->pause;
}

/* The block that items were made of, if they were made of one, is done; its events are counted. */
static void next_block(struct sink *s, uint64_t *counter)
{
    struct node_sink *x = s->state;
    const struct block *b = &x->ring[x->first];

    if (!x->has_block)
        return;
    sink_add(counter, bx_recevent_count(b->words, b->n));
    x->first = (x->first + 1) % BLOCKS;
    x->blocks--;
    x->has_block = false;
    show_queued(s);
}

/* All items have arrived. */
static void next_items(struct sink *s)
{
    struct node_sink *x = s->state;

    next_block(s, &s->counts.events);
    if (x->ending)
        x->open = x->ending = false;
}

static void arrived(struct sink *s)
{
    struct node_sink *x = s->state;

    sink_add(&s->counts.bytes, x->part.n);
    sink_works(s);
    x->pause = 0;
    x->offset += x->part.n;
    bx_buf_consume(&x->items, x->part.n);
    if (x->items.len == 0)
        next_items(s);
}

static const char *condition_of(int code)
{
    switch (code) {
    case BX_NOT_FOUND:
        return "the cluster has no such node";
    case BX_UNREACHABLE:
        return "the node is not reachable";
    case BX_NO_SPACE:
        return "the disk of the node is low on space";
    case BX_TOO_LARGE:
        return "the node keeps the logs of too many others";
    case BX_MALFORMED:
        return "the node found a part malformed";
    default:
        return "the node does not take it";
    }
}

static void failed(struct sink *s, int code, uint64_t now)
{
    struct node_sink *x = s->state;

    if (code == BX_BUSY) { /* another part is being written there: soon over, or trouble */
        sink_fails(s, "the node is busy");
        x->retry = now + BLOCK_NS;
        return;
    }
    if (code == BX_CONFLICT) { /* no trouble, but what the file says of its node is not true */
        sink_is(s, "this host does not belong to a cluster");
        abandon_file(x);
        x->retry = now + SECOND_NS;
        return;
    }
    if (code == BX_MALFORMED) { /* it always will be; what comes after it must not wait */
        next_block(s, &s->counts.dropped);
        abandon_file(x);
    }
    sink_fails(s, condition_of(code));
    try_later(x, now);
}

static void look_at_answer(struct sink *s, uint64_t now)
{
    struct node_sink *x = s->state;

    sink_add(&s->counts.io_ns, x->io_ns);
    if (x->code != BX_OK) {
        failed(s, x->code, now);
    } else if (x->kept == x->offset + x->part.n) {
        arrived(s);
    } else {
        sink_fails(s, "the node has lost the file");
        abandon_file(x);
        try_later(x, now);
    }
    atomic_store(&x->turn, MAKING);
}

/* ---- for the router ---- */

static bool is_due(const struct node_sink *x, uint64_t now, bool hurry)
{
    if (x->blocks == 0 || now < x->retry || !atomic_load(&x->asked))
        return false;
    return hurry || x->blocks > 1 || x->items.len > 0 || now - x->ring[x->first].from >= BLOCK_NS;
}

static void offer_part(struct sink *s, uint64_t now)
{
    struct node_sink *x = s->state;

    if (x->items.len == 0)
        make_items(x, now);
    if (x->items.failed) {
        sink_fails(s, "out of memory");
        abandon_file(x);
        try_later(x, now);
        return;
    }
    x->part.begun = x->begun;
    x->part.offset = x->offset;
    x->part.p = x->items.data;
    x->part.n = part_of(&x->items);
    atomic_store(&x->turn, WAITING);
}

/* Always true: it is up to the loop, which may be waiting for this thread. */
static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    struct node_sink *x = s->state;
    uint64_t from = uv_hrtime(), n;

    (void)!read(x->answered, &n, sizeof n); /* before: what is answered later is noticed later */
    if (atomic_load(&x->turn) == ANSWERED)
        look_at_answer(s, now);
    if (atomic_load(&x->turn) == MAKING && is_due(x, now, hurry)) {
        offer_part(s, now);
        sink_add(&s->counts.serialise_ns, uv_hrtime() - from);
    }
    return true;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    const struct node_sink *x = s->state;

    if (atomic_load(&x->turn) != MAKING) {
        *w = (struct sink_wait){x->answered, POLLIN, UINT64_MAX};
    } else if (x->blocks > 0) {
        w->at = x->items.len > 0 ? x->retry : x->ring[x->first].from + BLOCK_NS;
        if (w->at < x->retry)
            w->at = x->retry;
        if (!atomic_load(&x->asked))
            w->at = uv_hrtime() + BLOCK_NS;
    }
}

static void close_it(struct sink *s)
{
    struct node_sink *x = s->state;

    if (x == NULL)
        return;
    for (uint32_t i = 0; i < n_all; i++)
        if (all[i] == x)
            all[i] = all[--n_all];
    for (uint32_t i = 0; i < x->blocks; i++) {
        const struct block *b = &x->ring[(x->first + i) % BLOCKS];

        sink_add(&s->counts.dropped, bx_recevent_count(b->words, b->n));
    }
    if (x->answered >= 0)
        close(x->answered);
    bx_buf_release(&x->items);
    bx_free(x);
    s->state = NULL;
}

const struct sink_ops sink_node = {.kind = "node",
                                   .check = check,
                                   .open = open_it,
                                   .put = put,
                                   .flush = flush,
                                   .wait = wait_for,
                                   .close = close_it};

/* ---- for the loop ---- */

uint32_t sink_nodes(void)
{
    return n_all;
}

bool sink_node_take(uint32_t sink, struct sink_part *out)
{
    struct node_sink *x = all[sink];

    atomic_store(&x->asked, true);
    if (atomic_load(&x->turn) != WAITING)
        return false;
    *out = x->part;
    x->taken_ns = uv_hrtime();
    atomic_store(&x->turn, SENDING);
    return true;
}

static void answer(struct node_sink *x, int code, uint64_t kept)
{
    uint64_t one = 1;

    x->code = code;
    x->kept = kept;
    x->io_ns = uv_hrtime() - x->taken_ns;
    atomic_store(&x->turn, ANSWERED);
    (void)!write(x->answered, &one, sizeof one);
}

void sink_node_kept(uint32_t sink, uint64_t bytes)
{
    answer(all[sink], BX_OK, bytes);
}

void sink_node_failed(uint32_t sink, int code)
{
    answer(all[sink], code, 0);
}
