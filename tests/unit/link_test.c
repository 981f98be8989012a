/* Frames and connections between members. */
#include "link_help.h"

#include <string.h>
#include <unistd.h>

TEST(frames_go_both_ways)
{
    static const size_t sizes[] = {0, 8, 13, 1, 4096, 65536, 100001, BX_FRAME_MAX, 24};

    start_hosts(2, 2);
    assert_false(send_frame(&hosts[0], 2, 8));
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_true(send_frame(&hosts[0], 2, sizes[i]));
        assert_true(send_frame(&hosts[1], 1, sizes[i]));
        SPIN_UNTIL(hosts[0].frames == i + 1 && hosts[1].frames == i + 1);
        assert_int_equal(hosts[0].last_len, sizes[i]);
        assert_int_equal(hosts[1].last_len, sizes[i]);
    }
    /* Many at once: odd lengths make the ones behind them lie unaligned. */
    for (size_t i = 0; i < 1000; i++)
        assert_true(send_frame(&hosts[0], 2, i));
    SPIN_UNTIL(hosts[1].frames == 1000 + sizeof sizes / sizeof sizes[0]);
    assert_int_equal(hosts[1].last_from, 1);
    assert_int_equal(hosts[0].bad_frames + hosts[1].bad_frames, 0);
    assert_int_equal(link_port(hosts[0].link)->ops->queued(link_port(hosts[0].link), 2), 0);
    assert_false(send_frame(&hosts[0], 1, 8));
    assert_false(send_frame(&hosts[0], 7, 8));
    stop_hosts();
}

TEST(a_pair_has_one_connection)
{
    start_hosts(3, 3);
    SPIN_UNTIL(hosts[0].ups == 2 && hosts[1].ups == 2 && hosts[2].ups == 2);
    test_loop_spin_ms(300);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(stats_of(&hosts[i]).connections, 2);
        assert_int_equal(hosts[i].ups, 2);
        assert_int_equal(hosts[i].downs, 0);
    }
    stop_hosts();
}

TEST(a_small_frame_overtakes_large_ones)
{
    uint32_t n = 0;

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    while (n < 8) /* more than the kernel takes */
        n += send_frame(&hosts[0], 2, BX_FRAME_MAX);
    assert_true(send_frame(&hosts[0], 2, 24));
    SPIN_UNTIL(hosts[1].last_len == 24);
    assert_true(hosts[1].frames < 8);
    SPIN_UNTIL(hosts[1].frames == 9);
    assert_int_equal(hosts[1].bad_frames, 0);
    stop_hosts();
}

TEST(a_peer_that_comes_back_is_connected_again)
{
    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    link_destroy(hosts[0].link);
    hosts[0].link = NULL;
    SPIN_UNTIL(hosts[1].downs == 1);
    assert_true(test_rec_said("info link: a connection has ended node=1 "
                              "why=\"connection closed by the peer\""));
    assert_int_equal(test_rec.warnings, 0); /* it was closed in order */
    assert_false(is_connected(&hosts[1], 1));
    assert_false(send_frame(&hosts[1], 1, 8));
    start_host(&hosts[0], 2, 99); /* the one that accepts, as another incarnation */
    SPIN_UNTIL(is_connected(&hosts[0], 2) && hosts[1].ups == 2);
    link_destroy(hosts[1].link);
    hosts[1].link = NULL;
    SPIN_UNTIL(hosts[0].downs == 1);
    start_host(&hosts[1], 2, 98); /* the one that dials */
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    assert_true(send_frame(&hosts[0], 2, 8));
    SPIN_UNTIL(hosts[1].frames == 1);
    stop_hosts();
}

TEST(who_is_no_longer_a_member_is_cut_off)
{
    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    know_everybody(&hosts[0], 1);
    SPIN_UNTIL(hosts[0].downs == 1 && hosts[1].downs == 1);
    SPIN_UNTIL(test_rec_said("not a member"));
    assert_false(is_connected(&hosts[0], 2));
    test_loop_spin_ms(1500); /* several tries later the reason has been said once */
    assert_true(stats_of(&hosts[0]).refused >= 2);
    assert_true(test_rec.lines < 10);
    know_everybody(&hosts[0], 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    stop_hosts();
}

TEST(each_is_told_what_the_other_has_heard_of_it)
{
    start_hosts(2, 0);
    hosts[0].heard = (struct bx_stored){3, 30};
    hosts[1].heard = (struct bx_stored){4, 40};
    start_host(&hosts[0], 2, 10);
    start_host(&hosts[1], 2, 11);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    assert_int_equal(hosts[0].was_heard.term, 4);
    assert_int_equal(hosts[0].was_heard.index, 40);
    assert_int_equal(hosts[1].was_heard.term, 3);
    assert_int_equal(hosts[1].was_heard.index, 30);
    stop_hosts();
}

/* The larger id dials, so the node that was removed asks by itself. */
TEST(a_node_that_was_removed_is_told_so)
{
    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    assert_int_equal(hosts[1].removed, 0);
    hosts[0].has_removed = 2;
    know_everybody(&hosts[0], 1);
    SPIN_UNTIL(hosts[1].removed > 0);
    assert_true(test_rec_said("removed"));
    assert_int_equal(hosts[0].removed, 0);
    stop_hosts();
}

/* Nobody dials it any more, so it asks a peer that it has not heard of for long. */
TEST(a_node_of_the_smallest_id_asks_whether_it_was_removed)
{
    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    hosts[1].has_removed = 1;
    know_everybody(&hosts[1], 0);
    SPIN_UNTIL(!is_connected(&hosts[0], 2));
    test_loop_spin_ms(300);
    assert_int_equal(hosts[0].removed, 0);
    assert_int_equal(stats_of(&hosts[1]).refused, 0);
    test_loop_skew_ms += 15000;
    SPIN_UNTIL(hosts[0].removed > 0);
    stop_hosts();
}

/* It may have another address than the one that the larger id dials. */
TEST(a_smaller_id_that_could_not_be_reached_is_accepted)
{
    char nobody[64];
    uint32_t warnings;

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    know_everybody(&hosts[1], 0);
    SPIN_UNTIL(!is_connected(&hosts[0], 2));
    test_free_address(nobody);
    know_other(&hosts[1], 1, nobody);
    warnings = test_rec.warnings;
    test_loop_spin_ms(300);
    assert_false(is_connected(&hosts[0], 2));
    test_loop_skew_ms += 15000;
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    know_other(&hosts[1], 1, hosts[0].address); /* as its row says soon */
    test_loop_spin_ms(300);
    assert_true(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    assert_int_equal(hosts[0].ups, 2);
    assert_int_equal(hosts[0].removed, 0);
    assert_int_equal(test_rec.warnings, warnings); /* nothing went wrong */
    stop_hosts();
}

TEST(silence_ends_a_connection_and_pings_keep_one)
{
    _Alignas(8) uint8_t heard[4096];
    struct bx_header head;
    int fd;

    start_hosts(3, 2);
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    fd = dial_as(3, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 3));
    /* Six seconds, in steps that are no suspend; hosts 1 and 2 answer each other's pings. */
    for (uint32_t i = 0; i < 10; i++) {
        test_loop_skew_ms += 600;
        test_loop_spin_ms(250);
    }
    SPIN_UNTIL(!is_connected(&hosts[1], 3));
    assert_true(test_rec_said("warning link: a connection has ended node=3"));
    assert_true(read_all(fd, heard, sizeof heard) >= BX_HEADER_SIZE);
    assert_int_equal(bx_header_read(heard, &head), BX_OK);
    assert_int_equal(head.kind, BX_KIND_FRAME + BX_FRAME_PING);
    assert_true(is_connected(&hosts[1], 1));
    assert_int_equal(hosts[0].downs, 0);
    /* A minute of this process's own silence is nobody's fault. */
    test_loop_skew_ms += 60000;
    test_loop_spin_ms(400);
    assert_int_equal(hosts[0].downs, 0);
    close(fd);
    stop_hosts();
}

TEST(a_peer_that_does_not_read_fills_its_queue_and_no_more)
{
    size_t sent = 0, queued;
    uint32_t n = 0;
    int fd;

    start_hosts(3, 2);
    fd = dial_as(3, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 3));
    while (send_frame(&hosts[1], 3, BX_FRAME_MAX))
        sent += BX_FRAME_MAX;
    queued = link_port(hosts[1].link)->ops->queued(link_port(hosts[1].link), 3);
    assert_true(queued <= LINK_QUEUE_BYTES && queued + BX_FRAME_MAX > LINK_QUEUE_BYTES - 4096);
    while (send_frame(&hosts[1], 3, 8) && n <= LINK_QUEUE_FRAMES)
        n++;
    assert_true(n > 0 && n < LINK_QUEUE_FRAMES);
    assert_true(sent > 0);
    close(fd);
    SPIN_UNTIL(!is_connected(&hosts[1], 3));
    stop_hosts();
}

TEST(a_taken_port_is_said)
{
    struct link_options o = {.loop = &test_loop, .clock = &test_loop_clock};
    struct link *l;
    struct bx_err err = {0};

    start_hosts(1, 1);
    assert_int_equal(link_create(&l, &o, hosts[0].address, &err), BX_IO);
    assert_non_null(strstr(err.msg, hosts[0].address));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(link_create(&l, &o, "nonsense", &err), BX_INVALID);
    stop_hosts();
}

int main(void)
{
    return test_run(NULL, NULL);
}
