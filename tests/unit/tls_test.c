/* Streams with TLS, with each other: how they read, write, pause and end. */
#include "tls_help.h"

#include "mem/alloc.h"
#include "transport/tls_priv.h"

#include <string.h>
#include <unistd.h>

#define LARGE (5u << 20)

TEST(both_sides_know_who_the_other_one_is)
{
    connect_both();
    assert_string_equal(accepted.stream.ops->name, "tls");
    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_CERTIFICATE);
    assert_int_equal(accepted.stream.peer.certificate->node, 2);
    assert_int_equal(dialled.stream.peer.kind, STREAM_PEER_CERTIFICATE);
    assert_int_equal(dialled.stream.peer.certificate->node, 1);
    assert_memory_equal(dialled.stream.peer.certificate->cluster, ca.cluster, 16);
    assert_string_equal(dialled.stream.peer.name, tcp_address);
}

static uint64_t hash_of(size_t n, uint8_t fill)
{
    uint64_t hash = 0;

    while (n-- > 0)
        hash = hash * 31 + fill;
    return hash;
}

TEST(small_buffers_arrive_both_ways)
{
    connect_both();
    send_bytes(&dialled.stream, 3, 'a');
    send_bytes(&accepted.stream, 1, 'b');
    SPIN_UNTIL(accepted.consumed == 3 && dialled.consumed == 1);
    assert_int_equal(accepted.hash, hash_of(3, 'a'));
    assert_int_equal(dialled.hash, hash_of(1, 'b'));
    SPIN_UNTIL(dialled.sents == 1);
    assert_int_equal(dialled.stream.queued, 0);
}

TEST(large_buffers_arrive_both_ways_at_once)
{
    connect_both();
    send_bytes(&dialled.stream, LARGE, 'a');
    send_bytes(&accepted.stream, LARGE, 'b');
    SPIN_UNTIL(accepted.consumed == LARGE && dialled.consumed == LARGE);
    assert_int_equal(accepted.hash, hash_of(LARGE, 'a'));
    assert_int_equal(dialled.hash, hash_of(LARGE, 'b'));
    SPIN_UNTIL(dialled.stream.n_queued == 0 && accepted.stream.n_queued == 0);
}

TEST(what_was_sent_before_it_is_ready_arrives)
{
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    for (int i = 0; i < 100; i++)
        send_bytes(&dialled.stream, BULK_BYTES, 'a');
    SPIN_UNTIL(accepted.consumed == 100 * BULK_BYTES);
    assert_int_equal(accepted.hash, hash_of(100 * BULK_BYTES, 'a'));
}

TEST(small_buffers_overtake_large_ones)
{
    connect_both();
    stream_pause(&accepted.stream);
    for (int i = 0; i < 3; i++)
        send_bytes(&dialled.stream, 1u << 20, 0);
    send_bytes(&dialled.stream, 10, 1);
    accepted.take = 1u << 20;
    stream_resume(&accepted.stream);
    SPIN_UNTIL(dialled.stream.n_queued == 0);
    SPIN_UNTIL(accepted.stream.in.len + accepted.consumed >= (3u << 20) + 10);
    assert_int_equal(accepted.consumed + accepted.stream.in.len, (3u << 20) + 10);
}

TEST(an_empty_buffer_is_no_trouble)
{
    connect_both();
    assert_true(stream_send(&dialled.stream, &(struct bx_buf){0}));
    assert_int_equal(dialled.sents, 0); /* never from inside */
    SPIN_UNTIL(dialled.sents == 1);
    send_bytes(&dialled.stream, 2, 'a');
    SPIN_UNTIL(accepted.consumed == 2);
}

TEST(an_idle_stream_holds_no_buffers)
{
    connect_both();
    send_bytes(&dialled.stream, 3, 'a');
    SPIN_UNTIL(accepted.consumed == 3 && dialled.sents == 1);
    assert_null(accepted.stream.in.data);
}

/* ---- pausing ---- */

TEST(a_paused_stream_reads_nothing_until_it_resumes)
{
    connect_both();
    accepted.take = 1;
    send_bytes(&dialled.stream, 2, 'a');
    SPIN_UNTIL(accepted.inputs == 1);
    stream_pause(&accepted.stream);
    send_bytes(&dialled.stream, 2, 'a');
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(accepted.inputs, 1);
    accepted.take = 0;
    stream_resume(&accepted.stream); /* one lies there already */
    assert_int_equal(accepted.consumed, 2);
    SPIN_UNTIL(accepted.consumed == 4);
}

TEST(a_stream_that_is_paused_before_it_is_ready_gets_ready)
{
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(dialled.stream.tls != NULL);
    assert_int_equal(dialled.readies, 0);
    stream_pause(&dialled.stream);
    SPIN_UNTIL(accepted.readies == 1 && dialled.readies == 1);
    send_bytes(&accepted.stream, 3, 'a');
    SPIN_UNTIL(accepted.sents == 1);
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(dialled.inputs, 0);
    stream_resume(&dialled.stream);
    SPIN_UNTIL(dialled.consumed == 3);
}

/* Its input comes in the same bytes as the end of the handshake. */
TEST(a_stream_that_is_paused_when_it_is_ready_gets_all_later)
{
    accepted.pause_in_ready = true;
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    send_bytes(&dialled.stream, 100, 'a');
    SPIN_UNTIL(accepted.readies == 1 && dialled.sents == 1);
    stream_finish(&dialled.stream, STREAM_CLOSE);
    SPIN_UNTIL(dialled.gones == 1);
    for (int i = 0; i < 5; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(accepted.inputs, 0);
    assert_int_equal(accepted.closes, 0);
    stream_resume(&accepted.stream);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.consumed, 100);
    assert_string_equal(accepted.why, stream_peer_closed);
}

/* What does not fit its socket waits in the queue of the other side. */
TEST(a_paused_stream_makes_the_other_side_wait)
{
    connect_both();
    stream_pause(&accepted.stream);
    send_bytes(&dialled.stream, LARGE, 'a');
    for (int i = 0; i < 20; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    assert_int_equal(dialled.stream.queued, LARGE);
    assert_true(dialled.stream.tls->busy);
    stream_expire(&dialled.stream, test_loop_clock.ops->boot_ms(&test_loop_clock));
    assert_int_equal(dialled.closes, 0);
    stream_resume(&accepted.stream);
    SPIN_UNTIL(accepted.consumed == LARGE);
}

TEST(a_peer_that_takes_nothing_is_closed_at_the_deadline)
{
    connect_both();
    stream_pause(&accepted.stream);
    send_bytes(&dialled.stream, LARGE, 'a');
    for (int i = 0; i < 20; i++)
        uv_run(&test_loop, UV_RUN_ONCE);
    test_loop_skew_ms = STALL_MS + 1000;
    stream_expire(&dialled.stream, test_loop_clock.ops->boot_ms(&test_loop_clock));
    assert_int_equal(dialled.closes, 1);
    assert_non_null(strstr(dialled.why, "timed out"));
}

/* ---- the end ---- */

TEST(a_finished_stream_ends_in_order)
{
    connect_both();
    send_bytes(&dialled.stream, LARGE, 'a');
    stream_finish(&dialled.stream, STREAM_CLOSE);
    SPIN_UNTIL(accepted.gones == 1 && dialled.gones == 1);
    assert_int_equal(accepted.consumed, LARGE);
    assert_string_equal(accepted.why, stream_peer_closed);
    assert_string_equal(dialled.why, "finished");
}

TEST(a_half_closed_stream_waits_for_its_peer)
{
    accepted.unready = true;
    connect_both();
    send_bytes(&dialled.stream, 4, 'a');
    stream_finish(&dialled.stream, STREAM_AWAIT_PEER);
    SPIN_UNTIL(accepted.consumed == 4 && accepted.stream.paused);
    assert_int_equal(dialled.closes, 0);
    send_bytes(&accepted.stream, LARGE, 'b'); /* nobody wants it */
    SPIN_UNTIL(accepted.stream.queued == 0);
    accepted.unready = false;
    stream_resume(&accepted.stream);
    SPIN_UNTIL(accepted.gones == 1 && dialled.gones == 1);
    assert_string_equal(accepted.why, stream_peer_closed);
    assert_string_equal(dialled.why, stream_peer_closed);
    assert_int_equal(dialled.inputs, 0);
}

TEST(a_stream_that_is_half_closed_when_it_is_ready_ends_in_order)
{
    dialled.await_in_ready = true; /* the end of its handshake is still being written */
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(accepted.gones == 1 && dialled.gones == 1);
    assert_string_equal(accepted.why, stream_peer_closed);
    assert_string_equal(dialled.why, stream_peer_closed);
}

TEST(a_stream_that_finishes_before_it_is_ready_closes)
{
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    stream_finish(&dialled.stream, STREAM_AWAIT_PEER);
    SPIN_UNTIL(dialled.gones == 1);
    assert_int_equal(dialled.readies, 0);
}

TEST(a_stream_may_be_finished_when_it_is_ready)
{
    accepted.finish_in_ready = true;
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    assert_int_equal(dialled.consumed, 5);
    assert_string_equal(dialled.why, stream_peer_closed);
}

/* ---- closing inside callbacks ---- */

TEST(a_stream_may_be_closed_when_it_is_ready)
{
    accepted.close_in_ready = dialled.close_in_ready = true;
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    assert_string_equal(dialled.why, "not wanted");
}

TEST(a_stream_may_be_closed_in_its_input)
{
    accepted.close_in_input = true;
    connect_both();
    send_bytes(&dialled.stream, LARGE, 'a');
    SPIN_UNTIL(accepted.gones == 1 && dialled.gones == 1);
    assert_int_equal(accepted.inputs, 1);
}

TEST(a_stream_may_be_closed_when_something_was_sent)
{
    dialled.close_in_sent = true;
    connect_both();
    send_bytes(&dialled.stream, 3, 'a');
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    assert_int_equal(accepted.consumed, 3);
    assert_string_equal(accepted.why, stream_peer_closed);
}

TEST(a_stream_may_be_closed_while_it_writes)
{
    connect_both();
    send_bytes(&dialled.stream, LARGE, 'a');
    stream_close(&dialled.stream, "changed its mind");
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    assert_string_not_equal(accepted.why, stream_peer_closed); /* it has not got all */
}

TEST(a_stream_may_be_closed_during_the_handshake)
{
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(accepted.stream.tls != NULL);
    stream_close(&dialled.stream, "changed its mind");
    stream_close(&accepted.stream, "changed its mind");
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    assert_int_equal(dialled.readies + accepted.readies, 0);
}

/* ---- renewal ---- */

TEST(a_context_is_replaced_while_streams_live)
{
    connect_both();
    accept_as(node_context(&ca, TLS_SERVER, 3, -1, 1));
    send_bytes(&dialled.stream, LARGE, 'a');
    SPIN_UNTIL(accepted.consumed == LARGE);
    assert_int_equal(dialled.stream.peer.certificate->node, 1);
    stream_close(&dialled.stream, "again");
    SPIN_UNTIL(dialled.gones == 1 && accepted.gones == 1);
    memset(&accepted, 0, sizeof accepted);
    memset(&dialled, 0, sizeof dialled);
    next_user = &accepted;
    connect_both();
    assert_int_equal(dialled.stream.peer.certificate->node, 3);
}

/* Each of our own allocations fails once: a connection is made, used and closed, or refused. */
static void use_once(void *ctx)
{
    (void)ctx;
    memset(&accepted, 0, sizeof accepted);
    memset(&dialled, 0, sizeof dialled);
    next_user = &accepted;
    dial_with(tls_context_ref(ctx));
    SPIN_UNTIL(dialled.closes == 1 || (accepted.readies == 1 && dialled.readies == 1));
    if (dialled.closes == 0 && accepted.closes == 0) {
        struct bx_buf b = {0};

        if (bx_buf_append(&b, "abc", 3) == BX_OK)
            stream_send(&dialled.stream, &b);
        bx_buf_release(&b);
        stream_finish(&dialled.stream, STREAM_CLOSE);
    }
    SPIN_UNTIL(dialled.gones == 1 && (next_user != NULL || accepted.gones == 1));
    bx_buf_thread_close();
}

TEST(no_memory_closes_the_stream_and_nothing_else)
{
    struct tls_context *c = node_context(&ca, TLS_CLIENT, 2, -1, 1);

    use_once(c);
    assert_true(test_fail_each_allocation(use_once, c) > 5);
    tls_context_release(c);
}

int main(void)
{
    return test_run(tls_setup, tls_teardown);
}
