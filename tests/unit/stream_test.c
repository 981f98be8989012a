/* Streams over real sockets of this host: how they begin, read and end. */
#include "stream_help.h"

#include "lib/testrec.h"
#include "rec/rec.h"

#include "mem/alloc.h"

#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the beginning ---- */

TEST(a_unix_peer_is_known_by_its_credentials)
{
    int fd = dial_unix();

    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_PROCESS);
    assert_int_equal(accepted.stream.peer.uid, geteuid());
    assert_int_equal(accepted.stream.peer.gid, getegid());
    assert_string_equal(accepted.stream.ops->name, "unix");
    close(fd);
}

/* Its groups are those that it had when it connected; there may be more of them than fit on a
 * stack. */
TEST(the_groups_of_a_unix_peer_are_known)
{
    gid_t many[2000];
    int fd;

    for (gid_t i = 0; i < 2000; i++)
        many[i] = 5000 + i;
    if (geteuid() != 0)
        skip(); /* only root can have other groups */
    assert_int_equal(setgroups(2000, many), 0);
    fd = dial_unix();
    assert_int_equal(setgroups(0, NULL), 0);
    assert_true(stream_peer_in_group(&accepted.stream, getegid()));
    assert_true(stream_peer_in_group(&accepted.stream, 5000));
    assert_true(stream_peer_in_group(&accepted.stream, 6999));
    assert_false(stream_peer_in_group(&accepted.stream, 7000));
    close(fd);
}

TEST(a_tcp_peer_is_known_by_its_address)
{
    union address a;
    struct sockaddr_in own;
    socklen_t n = sizeof own;
    int fd = dial_tcp();

    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &n), 0);
    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_ADDRESS);
    assert_false(stream_peer_in_group(&accepted.stream, getegid()));
    assert_int_equal(address_parse(accepted.stream.peer.name, &a, NULL), BX_OK);
    assert_int_equal(a.v4.sin_port, own.sin_port);
    close(fd);
}

TEST(a_dialled_stream_is_ready_at_both_ends)
{
    union address a;

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    stream_open(&dialled.stream, &group, &stream_tcp);
    send_bytes(&dialled.stream, 3, 'a'); /* waits until it is ready */
    assert_int_equal(stream_dial(&dialled.stream, &a), 0);
    assert_int_equal(dialled.readies, 0);
    SPIN_UNTIL(dialled.readies == 1 && accepted.consumed == 3);
    assert_string_equal(dialled.stream.peer.name, tcp_address);
    assert_int_equal(dialled.stream.queued, 0);
}

TEST(a_dial_that_nobody_answers_closes_the_stream)
{
    union address a;

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    stream_listener_close(&tcp_listener);
    uv_run(&test_loop, UV_RUN_NOWAIT);
    stream_open(&dialled.stream, &group, &stream_tcp);
    assert_int_equal(stream_dial(&dialled.stream, &a), 0);
    SPIN_UNTIL(dialled.gones == 1);
    assert_int_equal(dialled.readies, 0);
    assert_string_equal(dialled.why, uv_strerror(UV_ECONNREFUSED));
}

TEST(a_stream_may_be_closed_while_it_is_dialling)
{
    union address a;

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    stream_open(&dialled.stream, &group, &stream_tcp);
    assert_int_equal(stream_dial(&dialled.stream, &a), 0);
    stream_close(&dialled.stream, "changed its mind");
    assert_int_equal(dialled.closes, 1);
    SPIN_UNTIL(dialled.gones == 1);
    assert_int_equal(dialled.readies, 0);
    assert_int_equal(dialled.closes, 1);
}

TEST(a_stream_may_be_closed_when_it_is_ready)
{
    int fd;

    accepted.close_in_ready = true;
    fd = dial_unix();
    assert_end(fd);
    SPIN_UNTIL(accepted.gones == 1);
    assert_string_equal(accepted.why, "not wanted");
    assert_int_equal(accepted.inputs, 0);
    close(fd);
}

/* ---- reading ---- */

TEST(input_that_is_not_consumed_stays_before_what_follows)
{
    uint64_t expected = 0;
    int fd = dial_unix();

    accepted.take = 2;
    for (const char *p = "abcdefghi"; *p != '\0'; p += 3) {
        size_t before = accepted.consumed;

        put_bytes(fd, p, 3);
        SPIN_UNTIL(accepted.consumed == before + 2);
    }
    assert_int_equal(accepted.stream.in.len, 3);
    assert_memory_equal(accepted.stream.in.data, "ghi", 3);
    for (const char *p = "abcdef"; *p != '\0'; p++)
        expected = expected * 31 + (uint8_t)*p;
    assert_int_equal(accepted.hash, expected);
    close(fd);
}

TEST(an_idle_stream_holds_no_input_memory)
{
    int fd = dial_unix();

    put_bytes(fd, "abc", 3);
    SPIN_UNTIL(accepted.consumed == 3);
    assert_null(accepted.stream.in.data);
    close(fd);
}

TEST(a_paused_stream_reads_nothing_until_it_resumes)
{
    int fd = dial_unix();

    accepted.take = 1;
    put_bytes(fd, "ab", 2);
    SPIN_UNTIL(accepted.inputs == 1);
    stream_pause(&accepted.stream);
    put_bytes(fd, "cd", 2);
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(accepted.inputs, 1);
    accepted.take = 0;
    stream_resume(&accepted.stream); /* "b" lies there already */
    assert_int_equal(accepted.consumed, 2);
    SPIN_UNTIL(accepted.consumed == 4);
    close(fd);
}

TEST(a_stream_may_be_closed_in_its_input)
{
    int fd = dial_unix();

    accepted.close_in_input = true;
    put_bytes(fd, "abc", 3);
    assert_end(fd);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 1);
    assert_int_equal(accepted.closes, 1);
    close(fd);
}

TEST(the_end_of_the_peers_bytes_closes_the_stream)
{
    int fd = dial_unix();

    put_bytes(fd, "abc", 3);
    shutdown(fd, SHUT_WR);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.consumed, 3);
    assert_string_equal(accepted.why, stream_peer_closed);
    close(fd);
}

TEST(a_reset_closes_the_stream_with_all_that_is_queued)
{
    struct linger now = {.l_onoff = 1};
    int fd = dial_tcp();

    for (int i = 0; i < 10; i++)
        send_bytes(&accepted.stream, 256 << 10, 'a');
    assert_true(accepted.stream.queued > 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(fd);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.closes, 1);
    assert_int_equal(accepted.stream.queued, 0);
    assert_false(stream_send(&accepted.stream, &(struct bx_buf){0}));
}

/* ---- what is recorded ---- */

/* Events of level debug are not compiled into every build. */
static bool has_debug(void)
{
    return BX_LEVEL_COMPILED >= BX_LEVEL_DEBUG;
}

TEST(a_connection_and_its_end_are_recorded)
{
    char text[128];
    int fd;

    test_rec_open("off,transport=debug");
    fd = dial_unix();
    snprintf(text, sizeof text,
             "debug transport: connected module=test peer=uid:%u pid=%d accepted=true",
             (unsigned)getuid(), (int)getpid());
    assert_int_equal(test_rec_said(text), has_debug());
    send_bytes(&accepted.stream, 4, 'a');
    put_bytes(fd, "abc", 3);
    shutdown(fd, SHUT_WR);
    SPIN_UNTIL(accepted.gones == 1);
    snprintf(text, sizeof text, "debug transport: closed module=test peer=uid:%u accepted=true",
             (unsigned)getuid());
    assert_int_equal(test_rec_said(text), has_debug());
    assert_int_equal(test_rec_said("why=\"connection closed by the peer\""), has_debug());
    assert_int_equal(test_rec_said(" read=3 written=4 unsent=0"), has_debug());
    assert_int_equal(test_rec.lines, has_debug() ? 2 : 0);
    test_rec_close();
    close(fd);
}

TEST(a_dial_that_fails_is_recorded_with_its_reason)
{
    union address nobody;

    test_rec_open("off,transport=debug");
    assert_int_equal(address_parse("127.0.0.1:1", &nobody, NULL), BX_OK);
    stream_open(&dialled.stream, &group, &stream_tcp);
    assert_int_equal(stream_dial(&dialled.stream, &nobody), 0);
    SPIN_UNTIL(dialled.gones == 1);
    assert_int_equal(test_rec_said("closed module=test peer=\"\" accepted=false"), has_debug());
    assert_int_equal(test_rec_said("why=\"connection refused\""), has_debug());
    test_rec_close();
}

static void fill_the_queue(void)
{
    struct bx_buf b = {0};

    for (;;) {
        memset(bx_buf_extend(&b, 256 << 10), 'a', 256 << 10);
        if (!stream_send(&accepted.stream, &b))
            break;
    }
    bx_buf_release(&b);
}

TEST(a_full_queue_is_a_warning_once_a_minute)
{
    int fd;

    test_rec_open("off,transport=warning");
    fd = dial_unix();
    for (int i = 0; i < 3; i++)
        fill_the_queue();
    assert_int_equal(test_rec.lines, 1);
    assert_true(test_rec_said("warning transport: the queue to a peer is full module=test"));
    test_loop_skew_ms += RATE_BOUND_MS;
    fill_the_queue();
    assert_int_equal(test_rec.lines, 2);
    assert_true(test_rec_said(" untold=2"));
    test_rec_close();
    close(fd);
}

/* ---- the end ---- */

TEST(a_finished_stream_closes_when_all_is_written)
{
    uint8_t *got = bx_must_alloc(QUEUE_BYTES / 2);
    struct bx_buf b = {0};
    int fd = dial_unix();

    send_bytes(&accepted.stream, QUEUE_BYTES / 2, 'a');
    stream_finish(&accepted.stream, STREAM_CLOSE);
    assert_non_null(bx_buf_extend(&b, 1));
    assert_false(stream_send(&accepted.stream, &b));
    bx_buf_release(&b);
    put_bytes(fd, "nobody reads this", 17);
    read_exactly(fd, got, QUEUE_BYTES / 2);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 0);
    bx_free(got);
    close(fd);
}

TEST(a_stream_with_nothing_to_write_finishes_at_once)
{
    int fd = dial_unix();

    stream_finish(&accepted.stream, STREAM_CLOSE);
    assert_int_equal(accepted.closes, 1);
    close(fd);
}

TEST(a_stream_may_be_finished_when_it_is_ready)
{
    uint8_t got[5];
    int fd;

    accepted.finish_in_ready = true;
    fd = dial_unix();
    read_exactly(fd, got, 5);
    assert_end(fd);
    SPIN_UNTIL(accepted.gones == 1);
    close(fd);
}

/* The peer reads the last bytes although it has sent more than anybody wants. */
TEST(a_half_closed_stream_waits_for_its_peer)
{
    static uint8_t noise[64 << 10];
    uint8_t got[4];
    int fd = dial_tcp();

    stream_pause(&accepted.stream); /* it had enough to do */
    put_bytes(fd, noise, sizeof noise);
    send_bytes(&accepted.stream, 4, 'a');
    stream_finish(&accepted.stream, STREAM_AWAIT_PEER);
    read_exactly(fd, got, 4);
    assert_end(fd);
    assert_int_equal(accepted.closes, 0);
    put_bytes(fd, noise, 100);
    close(fd);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 0);
}

TEST(closing_twice_is_closing_once)
{
    int fd = dial_unix();

    stream_close(&accepted.stream, "first");
    stream_close(&accepted.stream, "second");
    stream_finish(&accepted.stream, STREAM_AWAIT_PEER);
    stream_resume(&accepted.stream);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.closes, 1);
    assert_string_equal(accepted.why, "first");
    close(fd);
}

int main(void)
{
    return test_run(stream_setup, stream_teardown);
}
