/* What a stream has to write: its queue, its order, its deadline. */
#include "stream_help.h"

#include "mem/alloc.h"

#include <unistd.h>

/* Buffers that no socket buffer holds at once arrive whole and in order. */
TEST(a_write_that_is_taken_in_parts_arrives_whole)
{
    size_t each = BULK_BYTES, n = 150;
    uint8_t *got = bx_must_alloc(each * n);
    int small = 4096, fd = dial_unix();

    uv_send_buffer_size(&accepted.stream.h.handle, &small);
    for (size_t i = 0; i < n; i++)
        send_bytes(&accepted.stream, each, (uint8_t)i);
    assert_true(accepted.stream.queued > 0);
    assert_int_equal(accepted.sents, 0); /* never from inside */
    read_exactly(fd, got, each * n);
    for (size_t i = 0; i < each * n; i++) {
        if (got[i] != (uint8_t)(i / each))
            fail_msg("byte %zu is of buffer %u", i, got[i]);
    }
    SPIN_UNTIL(accepted.stream.queued == 0);
    assert_int_equal(accepted.stream.n_queued, 0);
    assert_true(accepted.sents > 0);
    bx_free(got);
    close(fd);
}

TEST(small_buffers_overtake_large_ones_that_wait)
{
    size_t large = 1u << 20;
    uint8_t *got = bx_must_alloc(3 * large + 10);
    int fd = dial_unix();

    for (int i = 0; i < 3; i++)
        send_bytes(&accepted.stream, large, 'L');
    send_bytes(&accepted.stream, 10, 's');
    read_exactly(fd, got, 3 * large + 10);
    assert_int_equal(got[large - 1], 'L'); /* the first was on its way */
    assert_int_equal(got[large], 's');
    assert_int_equal(got[large + 9], 's');
    assert_int_equal(got[3 * large + 9], 'L');
    bx_free(got);
    close(fd);
}

TEST(a_full_queue_takes_nothing_and_keeps_the_buffer_with_its_owner)
{
    struct bx_buf b = {0};
    int fd = dial_unix();

    send_bytes(&accepted.stream, 2 * QUEUE_BYTES, 'a'); /* one is always taken */
    assert_non_null(bx_buf_extend(&b, 1));
    assert_false(stream_send(&accepted.stream, &b));
    assert_int_equal(b.len, 1);
    bx_buf_release(&b);
    assert_false(accepted.stream.closing);
    close(fd);
}

TEST(the_number_of_queued_buffers_is_bounded)
{
    struct bx_buf b = {0};
    uint32_t n = 0;
    int fd = dial_unix();

    send_bytes(&accepted.stream, QUEUE_BYTES / 2, 'a');
    for (n = 1; n < QUEUE_BUFFERS; n++)
        send_bytes(&accepted.stream, 1, 'b');
    assert_non_null(bx_buf_extend(&b, 1));
    assert_false(stream_send(&accepted.stream, &b));
    bx_buf_release(&b);
    close(fd);
}

static void expire(void)
{
    stream_expire(&accepted.stream, test_loop_clock.ops->boot_ms(&test_loop_clock));
}

TEST(a_peer_that_takes_nothing_is_closed_at_the_deadline)
{
    int fd = dial_unix();

    test_loop_skew_ms = 10 * STALL_MS; /* long idle is no stall */
    expire();
    assert_false(accepted.stream.closing);
    send_bytes(&accepted.stream, QUEUE_BYTES, 'a');
    test_loop_skew_ms += STALL_MS / 2;
    expire();
    assert_false(accepted.stream.closing);
    test_loop_skew_ms += STALL_MS / 2 + 1000;
    expire();
    assert_int_equal(accepted.closes, 1);
    close(fd);
}

TEST(a_peer_that_takes_something_now_and_then_is_not_stalled)
{
    static uint8_t got[BULK_BYTES * 100];
    int fd = dial_unix();

    for (int i = 0; i < 100; i++)
        send_bytes(&accepted.stream, BULK_BYTES, 'a');
    for (int i = 0; i < 4; i++) {
        uint32_t before = accepted.sents;

        test_loop_skew_ms += STALL_MS - 1000;
        read_exactly(fd, got, sizeof got / 4);
        SPIN_UNTIL(accepted.sents > before || accepted.stream.queued == 0);
        expire();
        assert_false(accepted.stream.closing);
    }
    close(fd);
}

TEST(a_stream_may_be_closed_when_something_was_sent)
{
    int fd = dial_unix();

    accepted.close_in_sent = true;
    send_bytes(&accepted.stream, 3, 'a');
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.sents, 1);
    assert_int_equal(accepted.closes, 1);
    close(fd);
}

int main(void)
{
    return test_run(stream_setup, stream_teardown);
}
