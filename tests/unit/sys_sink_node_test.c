/* sink_node and received: a log that another node keeps, whatever becomes of it there. */
#include "unit/sink_help.h"

#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/received.h"
#include "sys/recdir.h"
#include "sys/sink_node.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define FROM 7u
#define KEPT_IN "recorder/from/7"

static int recorder; /* DATA/recorder of the node that receives */

static int setup(void **state)
{
    struct bx_err err;
    int rc = sink_setup(state);

    return rc == 0 && recdir_open(sink_dir, &recorder, &err) == BX_OK ? 0 : -1;
}

static int teardown(void **state)
{
    close(recorder);
    return sink_teardown(state);
}

/* ---- sending: this thread is the loop and the link ---- */

static bool wait_part(struct sink_part *out)
{
    uint64_t until = uv_hrtime() + DEADLINE_NS;

    while (!sink_node_take(0, out))
        if (uv_hrtime() > until)
            return false;
    return true;
}

static void deliver(const struct sink_part *p)
{
    struct bx_err err;
    uint64_t kept;
    int rc = received_append(recorder, FROM, p->begun, p->offset, p->p, p->n, &kept, &err);

    if (rc == BX_OK)
        sink_node_kept(0, kept);
    else
        sink_node_failed(0, rc);
}

static uint64_t taken(void)
{
    struct bx_sink_counts counts;

    sink_counts_of("node", &counts);
    return counts.events;
}

/* Deliver parts until the other node has so many events in all. */
static void deliver_until(uint64_t events)
{
    uint64_t until = uv_hrtime() + DEADLINE_NS;
    struct sink_part p;

    while (taken() < events) {
        if (sink_node_take(0, &p))
            deliver(&p);
        assert_true(uv_hrtime() < until);
    }
}

static void lose_the_files(void)
{
    int dir = received_open(recorder, FROM);

    assert_true(dir >= 0);
    recdir_prune(dir, "log", 0);
    close(dir);
}

TEST(a_log_arrives_whole)
{
    struct sink_files f;

    sink_open_log("off,test=info", "node:n2");
    for (unsigned i = 0; i < 5; i++) { /* more than waits at a time */
        sink_record(4000 * i, 4000);
        deliver_until(4000 * i);
    }
    deliver_until(20000);
    log_close();
    sink_read_files_in(KEPT_IN, &f);
    assert_true(f.n == 1 && f.events == 20000 && f.first == 0);
    assert_true(f.in_order && f.damaged == 0);
}

/* The place of the log goes away between two parts: its next file has all that was not said to be
 * kept. */
TEST(another_file_begins_when_the_other_node_has_lost_one)
{
    struct sink_files before, after;

    sink_open_log("off,test=info", "node:n2");
    sink_record(0, 1000);
    deliver_until(1000);
    sink_read_files_in(KEPT_IN, &before);
    lose_the_files();
    sink_record(1000, 1000);
    deliver_until(2000);
    log_close();
    sink_read_files_in(KEPT_IN, &after);
    assert_true(before.n == 1 && before.events == 1000 && before.in_order);
    assert_true(after.n == 1 && after.events == 1000 && after.first == 1000 && after.in_order);
}

TEST(a_part_that_was_refused_is_sent_again)
{
    struct sink_part first, again;
    struct bx_sink_counts counts;
    struct sink_files f;
    uint64_t offset;

    sink_open_log("off,test=info", "node:n2");
    sink_record(0, 10);
    assert_true(wait_part(&first));
    offset = first.offset;
    sink_node_failed(0, BX_UNREACHABLE);
    assert_true(wait_part(&again));
    assert_true(again.offset == offset && again.n == first.n && again.begun == first.begun);
    sink_counts_of("node", &counts);
    assert_true(counts.errors == 1 && counts.dropped == 0);
    deliver(&again);
    deliver_until(10);
    log_close();
    sink_read_files_in(KEPT_IN, &f);
    assert_true(f.events == 10 && f.in_order);
}

static const char *condition(void)
{
    struct router_report report;

    router_report(&report);
    return router_sink_state(report.v[0].sink);
}

/* Whatever the reason is that a part was not taken, the sink tells it until one is. */
TEST(the_state_tells_why_nothing_is_sent)
{
    static const struct {
        int code;
        const char *state;
    } reasons[] = {{BX_BUSY, "the node is busy"},
                   {BX_CONFLICT, "this host does not belong to a cluster"},
                   {BX_NO_SPACE, "the disk of the node is low on space"}};
    struct sink_part p;

    sink_open_log("off,test=info", "node:n2");
    sink_record(0, 10);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        assert_true(wait_part(&p));
        sink_node_failed(0, reasons[i].code);
        router_drain(DRAIN_NS);
        assert_string_equal(condition(), reasons[i].state);
    }
    deliver_until(10);
    assert_string_equal(condition(), "ok");
    log_close();
}

/* The answer was lost: what is there already is not there twice. */
TEST(a_part_that_comes_twice_is_kept_once)
{
    struct sink_part p;
    struct bx_err err;
    struct sink_files f;
    uint64_t kept;

    sink_open_log("off,test=info", "node:n2");
    sink_record(0, 10);
    while (taken() < 10) {
        assert_true(wait_part(&p));
        assert_int_equal(received_append(recorder, FROM, p.begun, p.offset, p.p, p.n, &kept, &err),
                         BX_OK);
        assert_int_equal(kept, p.offset + p.n);
        deliver(&p);
        router_drain(DRAIN_NS);
    }
    log_close();
    sink_read_files_in(KEPT_IN, &f);
    assert_true(f.n == 1 && f.events == 10 && f.in_order && f.damaged == 0);
}

TEST(what_has_no_room_is_dropped_and_the_rest_arrives)
{
    struct bx_sink_counts counts;
    struct sink_files f;

    sink_open_log("off,test=info", "node:n2");
    sink_record(0, 40000);
    router_drain(DRAIN_NS);
    sink_counts_of("node", &counts);
    assert_true(counts.dropped > 0 && counts.dropped < 40000 && counts.queued_bytes <= 16 * 64000);
    deliver_until(40000 - counts.dropped);
    log_close();
    sink_read_files_in(KEPT_IN, &f);
    assert_true(f.events == 40000 - counts.dropped && f.in_order);
}

/* ---- receiving ---- */

static int append(uint64_t node, uint64_t begun, uint64_t offset, size_t from, size_t n,
                  uint64_t *kept)
{
    struct bx_err err;

    return received_append(recorder, node, begun, offset, sink_sample.p + from, n, kept, &err);
}

TEST(only_whole_items_are_kept)
{
    uint64_t kept;

    sink_make_sample();
    for (size_t n = 0; n < sink_sample.first; n++)
        assert_int_equal(append(FROM, 1, 0, 0, n, &kept), BX_MALFORMED);
    for (size_t i = 0; i < sink_sample.first; i++) {
        sink_sample.p[i] ^= 0x40;
        assert_true(append(FROM, 1, 0, 0, sink_sample.n, &kept) != BX_OK);
        sink_sample.p[i] ^= 0x40;
    }
    assert_int_equal(
        append(FROM, 1, 0, sink_sample.first, sink_sample.n - sink_sample.first, &kept),
        BX_MALFORMED); /* not the beginning of a file */
    assert_int_equal(append(FROM, 1, sink_sample.first, 0, sink_sample.n, &kept), BX_MALFORMED);
    assert_int_equal(received_open(recorder, FROM), -1);
}

TEST(a_part_belongs_at_the_end_of_its_log)
{
    size_t rest;
    uint64_t kept;

    sink_make_sample();
    rest = sink_sample.n - sink_sample.first;
    assert_int_equal(append(FROM, 1, sink_sample.first, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0); /* there is no such log */
    assert_int_equal(append(FROM, 1, 0, 0, sink_sample.first, &kept), BX_OK);
    assert_int_equal(kept, sink_sample.first);
    assert_int_equal(append(FROM, 1, sink_sample.first + 1, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0); /* a gap */
    assert_int_equal(append(FROM, 2, sink_sample.first, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0); /* another log */
    assert_int_equal(append(FROM + 1, 1, sink_sample.first, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0); /* another node */
    assert_int_equal(append(FROM, 1, sink_sample.first, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, sink_sample.n);
    assert_int_equal(append(FROM, 1, UINT64_MAX - 3, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0);
    assert_int_equal(append(FROM, 1, INT64_MAX, sink_sample.first, rest, &kept), BX_OK);
    assert_int_equal(kept, 0);
}

static uint64_t bytes_kept(unsigned *files)
{
    static struct recdir_list l;
    uint64_t total = 0;
    int dir = received_open(recorder, FROM);

    recdir_list(dir, "log", &l);
    close(dir);
    for (uint32_t i = 0; i < l.n; i++)
        total += l.v[i].bytes;
    *files = l.n;
    return total;
}

/* Make the log that was begun at this time as large as one may be, without writing it. */
static void inflate(uint64_t begun)
{
    char name[RECDIR_NAME];
    int dir = received_open(recorder, FROM), fd;

    recdir_name(name, "log", begun, 0);
    fd = openat(dir, name, O_WRONLY);
    assert_true(fd >= 0 && ftruncate(fd, RECEIVED_LOG_MAX) == 0);
    close(fd);
    close(dir);
}

TEST(a_node_has_its_bound_and_the_oldest_logs_make_room)
{
    unsigned files;
    uint64_t kept;

    sink_make_sample();
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(append(FROM, i * 1000000000u, 0, 0, sink_sample.first, &kept), BX_OK);
        assert_int_equal(kept, sink_sample.first);
        inflate(i * 1000000000u);
        assert_true(bytes_kept(&files) <= RECEIVED_BYTES);
    }
    assert_int_equal(files, RECEIVED_BYTES / RECEIVED_LOG_MAX);
    assert_int_equal(append(FROM, 20000000000u, RECEIVED_LOG_MAX, sink_sample.first,
                            sink_sample.n - sink_sample.first, &kept),
                     BX_OK);
    assert_int_equal(kept, 0); /* it has become too large: the sender begins another one */
    assert_int_equal(append(FROM, 1000000000u, sink_sample.first, sink_sample.first,
                            sink_sample.n - sink_sample.first, &kept),
                     BX_OK);
    assert_int_equal(kept, 0); /* it was removed */
}

TEST(so_many_nodes_have_a_place)
{
    uint64_t kept;

    sink_make_sample();
    for (uint64_t node = 1; node <= RECEIVED_NODES; node++)
        assert_int_equal(append(node, 1, 0, 0, sink_sample.n, &kept), BX_OK);
    assert_int_equal(append(RECEIVED_NODES + 1, 1, 0, 0, sink_sample.n, &kept), BX_TOO_LARGE);
    assert_int_equal(append(1, 2, 0, 0, sink_sample.n, &kept), BX_OK);
    assert_int_equal(kept, sink_sample.n);
}

int main(void)
{
    return test_run(setup, teardown);
}
