/* Who connects is not believed: hellos, admission, noise, and how much of it there may be. */
#include "link_help.h"

#include "mem/alloc.h"
#include "sys/rate.h"
#include "wire/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void assert_refused(const struct bx_hello *h, const char *why)
{
    _Alignas(8) uint8_t answer[4096];
    uint64_t before = stats_of(&hosts[1]).refused;
    int fd = dial_host(&hosts[1]);
    size_t n;

    put_hello(fd, h);
    n = read_all(fd, answer, sizeof answer);
    assert_hello(answer, n, why);
    assert_int_equal(stats_of(&hosts[1]).refused, before + 1);
    assert_true(test_rec_said(why));
    close(fd);
}

TEST(a_hello_that_does_not_fit_is_refused_with_the_reason)
{
    struct bx_hello h;

    start_hosts(3, 2); /* the third is a member without a daemon */
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    h = hello_of(3, 7);
    h.cluster[0] ^= 1;
    assert_refused(&h, "member of another cluster");
    h = hello_of(3, 7);
    h.history[0] ^= 1;
    assert_refused(&h, "member of another history of this cluster");
    h = hello_of(9, 7);
    assert_refused(&h, "not a member of the cluster");
    h = hello_of(2, 7);
    assert_refused(&h, "it has this node's own id");
    h = hello_of(1, 10);
    assert_refused(&h, "the node with the larger id dials");
    h = hello_of(3, 7);
    h.level_min = h.level_max = BX_LEVEL + 1;
    assert_refused(&h, "no common feature level");
    h = hello_of(0, 7);
    h.level_min = h.level_max = BX_LEVEL + 1;
    assert_refused(&h, "no common feature level");
    level_in_force = 2;
    h = hello_of(3, 7);
    h.level_max = 1;
    assert_refused(&h, "its build does not support the cluster's feature level; upgrade it");
    h = hello_of(0, 7);
    h.level_max = 1;
    assert_refused(&h, "its build does not support the cluster's feature level; upgrade it");
    level_in_force = 1;
    h = hello_of(3, 7);
    h.codecs = 1u << BX_CODEC_JSON;
    assert_refused(&h, "no common codec");
    assert_int_equal(hosts[1].ups, 1);
    assert_int_equal(hosts[1].downs, 0);
    stop_hosts();
}

static void refuse_host(uint32_t i)
{
    struct bx_hello h = hello_of(3, 7);
    uint8_t answer[4096];
    char text[32];
    int fd = dial_host(&hosts[1]);

    snprintf(text, sizeof text, "for reason %u", (unsigned)i);
    h.refuse = bx_str(text);
    put_hello(fd, &h);
    assert_int_equal(read_all(fd, answer, sizeof answer), 0);
    close(fd);
}

TEST(a_flood_of_refusals_is_a_few_lines)
{
    uint32_t before, i;

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    before = test_rec.lines;
    for (i = 0; i < 3 * LINK_TOLD_MAX; i++)
        refuse_host(i);
    assert_int_equal(test_rec.lines, before + LINK_TOLD_MAX);
    assert_int_equal(stats_of(&hosts[1]).refused, 3 * LINK_TOLD_MAX);
    test_loop_skew_ms += RATE_BOUND_MS;
    refuse_host(i);
    assert_true(test_rec_said("for reason 48"));
    stop_hosts();
}

/* While host 2 was away a node 11 may have joined. */
TEST(an_admitted_node_is_a_peer_before_the_list_names_it)
{
    int fd;

    start_hosts(3, 2);
    fd = dial_as(11, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 11));
    assert_true(send_frame(&hosts[1], 11, 8));
    hosts[3].id = 11; /* without an address: it dials */
    know_everybody(&hosts[1], 4);
    assert_true(is_connected(&hosts[1], 11));
    close(fd);
    SPIN_UNTIL(!is_connected(&hosts[1], 11));
    stop_hosts();
}

TEST(a_list_without_an_admitted_node_cuts_it_off)
{
    uint8_t rest[256];
    int fd;

    start_hosts(3, 2);
    fd = dial_as(11, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 11));
    know_everybody(&hosts[1], 3);
    assert_false(is_connected(&hosts[1], 11));
    assert_int_equal(read_all(fd, rest, sizeof rest), 0);
    close(fd);
    stop_hosts();
}

/* Also when no list came in between: the node is asked again. */
TEST(an_admitted_node_that_left_is_admitted_anew)
{
    struct bx_hello h = hello_of(11, 7);
    int fd;

    start_hosts(3, 2);
    fd = dial_as(11, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 11));
    close(fd);
    SPIN_UNTIL(hosts[1].downs == 1);
    hosts[1].admits_from = 12;
    assert_refused(&h, "not a member of the cluster");
    hosts[1].admits_from = 10;
    fd = dial_as(11, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 11));
    close(fd);
    stop_hosts();
}

TEST(an_admitted_node_may_replace_its_connection)
{
    uint8_t rest[256];
    int first, second;

    start_hosts(3, 2);
    first = dial_as(11, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 11) && is_connected(&hosts[1], 1));
    second = dial_as(11, 7);
    assert_int_equal(read_all(first, rest, sizeof rest), 0);
    assert_true(is_connected(&hosts[1], 11));
    assert_int_equal(hosts[1].ups, hosts[1].downs + 2); /* node 1 is there, too */
    close(first);
    close(second);
    stop_hosts();
}

TEST(a_second_incarnation_is_refused_and_a_second_connection_replaces)
{
    uint8_t rest[256];
    struct bx_hello h;
    int first, second;

    start_hosts(3, 2);
    first = dial_as(3, 7);
    SPIN_UNTIL(is_connected(&hosts[1], 3));
    h = hello_of(3, 8);
    assert_refused(&h, "a node with this id is already connected");
    assert_true(is_connected(&hosts[1], 3));
    second = dial_as(3, 7);
    assert_int_equal(read_all(first, rest, sizeof rest), 0);
    assert_true(is_connected(&hosts[1], 3));
    close(second);
    SPIN_UNTIL(!is_connected(&hosts[1], 3));
    second = dial_as(3, 8); /* the first is gone: a new life of the node may come */
    SPIN_UNTIL(is_connected(&hosts[1], 3));
    close(first);
    close(second);
    stop_hosts();
}

TEST(what_is_no_frame_closes_the_connection)
{
    struct bx_hello h = hello_of(3, 7);
    struct bx_buf hello = {0}, frame = {0};
    uint8_t head[BX_HEADER_SIZE];

    start_hosts(3, 2);
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    assert_int_equal(bx_frame_write(&hello, BX_FRAME_HELLO, &bx_hello_schema, &h), BX_OK);
    make_frame(&frame, 64);
    assert_closed_for(dial_host(&hosts[1]), "GET / HTTP/1.1\r\n\r\n", 18);
    assert_true(test_rec_said("malformed frame header (from 127.0.0.1)"));
    assert_closed_for(dial_host(&hosts[1]), frame.data, frame.len); /* no hello first */
    /* Lengths are judged by the head alone. */
    bx_header_seal(frame.data, BX_KIND_FRAME + BX_FRAME_HELLO, 1, BX_CODEC_FLAT, 64);
    memcpy(head, frame.data, sizeof head);
    bx_put32(head + 8, BX_FRAME_HELLO_MAX + 1);
    assert_closed_for(dial_host(&hosts[1]), head, sizeof head);
    bx_put32(head + 8, UINT32_MAX);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    bx_put32(head + 8, BX_FRAME_MAX + 1);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    bx_header_seal(head, BX_KIND_FRAME + BX__FRAMES, 1, BX_CODEC_FLAT, 0);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    hello.data[hello.len - 1] ^= 1; /* damaged on the way */
    assert_closed_for(dial_host(&hosts[1]), hello.data, hello.len);
    hello.data[hello.len - 1] ^= 1;
    assert_closed_for(dial_as(3, 7), hello.data, hello.len);        /* a second hello */
    assert_closed_for(dial_host(&hosts[1]), frame.data, frame.len); /* a hello of other bytes */
    assert_int_equal(hosts[1].frames, 0);
    assert_true(is_connected(&hosts[1], 1));
    bx_buf_release(&hello);
    bx_buf_release(&frame);
    stop_hosts();
}

TEST(a_hello_in_single_bytes_arrives)
{
    _Alignas(8) uint8_t answer[4096];
    struct bx_hello h = hello_of(3, 7);
    struct bx_buf b = {0};
    int fd;

    start_hosts(3, 2);
    fd = dial_host(&hosts[1]);
    assert_int_equal(bx_frame_write(&b, BX_FRAME_HELLO, &bx_hello_schema, &h), BX_OK);
    for (size_t i = 0; i < b.len; i++) {
        put_bytes(fd, b.data + i, 1);
        uv_run(&test_loop, UV_RUN_ONCE);
    }
    assert_hello(answer, read_some(fd, answer, sizeof answer), "");
    SPIN_UNTIL(is_connected(&hosts[1], 3));
    bx_buf_release(&b);
    close(fd);
    stop_hosts();
}

TEST(who_does_not_finish_the_hello_is_closed_after_five_seconds)
{
    uint8_t rest[64];
    uint8_t head[BX_HEADER_SIZE] = {0};
    int fd;

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    fd = dial_host(&hosts[1]);
    bx_header_seal(head, BX_KIND_FRAME + BX_FRAME_HELLO, 1, BX_CODEC_FLAT, 0);
    put_bytes(fd, head, 3);
    SPIN_UNTIL(stats_of(&hosts[1]).connections == 2);
    test_loop_skew_ms += 4000;
    test_loop_spin_ms(300);
    put_bytes(fd, head + 3, 1); /* a byte now and then does not help */
    test_loop_spin_ms(100);
    assert_int_equal(stats_of(&hosts[1]).connections, 2);
    test_loop_skew_ms += 1000;
    assert_int_equal(read_all(fd, rest, sizeof rest), 0);
    assert_true(is_connected(&hosts[1], 1));
    assert_int_equal(stats_of(&hosts[1]).refused, 1);
    assert_true(test_rec_said("no hello received within 5 s (from 127.0.0.1)"));
    close(fd);
    stop_hosts();
}

static void close_all(const int *fds, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        close(fds[i]);
}

static bool is_open(int fd)
{
    return recv(fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

TEST(strangers_of_an_address_are_bounded_and_the_oldest_give_way)
{
    int fds[40];

    start_hosts(2, 1);
    for (uint32_t i = 0; i < 40; i++)
        fds[i] = dial_host(&hosts[0]);
    SPIN_UNTIL(stats_of(&hosts[0]).turned_away == 40 - LINK_STRANGERS_OF_ONE);
    assert_int_equal(stats_of(&hosts[0]).connections, LINK_STRANGERS_OF_ONE);
    assert_false(is_open(fds[0]));
    assert_false(is_open(fds[40 - LINK_STRANGERS_OF_ONE - 1]));
    assert_true(is_open(fds[40 - LINK_STRANGERS_OF_ONE]));
    assert_true(is_open(fds[39]));
    start_host(&hosts[1], 2, 11); /* it connects from the same address */
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    close_all(fds, 40);
    stop_hosts();
}

/* Ten addresses that are full: a new one finds a place, of whichever has the most. */
TEST(strangers_are_bounded_and_members_get_through)
{
    const uint32_t open = LINK_STRANGERS_MAX - LINK_STRANGERS_KEPT;
    _Alignas(8) uint8_t answer[4096];
    struct bx_hello h = hello_of(0, 7);
    int fds[160], fd;

    start_hosts(2, 1);
    for (uint32_t i = 0; i < 160; i++)
        fds[i] = dial_host_from(&hosts[0], 2 + i % 10);
    SPIN_UNTIL(stats_of(&hosts[0]).turned_away == 160 - open);
    assert_int_equal(stats_of(&hosts[0]).connections, open);
    fd = dial_host_from(&hosts[0], 200);
    put_hello(fd, &h);
    assert_hello(answer, read_some(fd, answer, sizeof answer), "");
    assert_true(is_open(fd));
    start_host(&hosts[1], 2, 11);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    close_all(fds, 160);
    close(fd);
    stop_hosts();
}

TEST(addresses_of_members_have_places_of_their_own)
{
    const uint32_t open = LINK_STRANGERS_MAX - LINK_STRANGERS_KEPT;
    int fds[160], member[LINK_STRANGERS_KEPT];

    start_hosts(2, 1);
    know_other(&hosts[0], 2, "127.0.0.77:9");
    for (uint32_t i = 0; i < 160; i++)
        fds[i] = dial_host_from(&hosts[0], 2 + i % 10);
    SPIN_UNTIL(stats_of(&hosts[0]).turned_away == 160 - open);
    for (uint32_t i = 0; i < LINK_STRANGERS_KEPT; i++)
        member[i] = dial_host_from(&hosts[0], 77);
    SPIN_UNTIL(stats_of(&hosts[0]).connections == LINK_STRANGERS_MAX);
    assert_int_equal(stats_of(&hosts[0]).turned_away, 160 - open);
    for (uint32_t i = 0; i < LINK_STRANGERS_KEPT; i++)
        assert_true(is_open(member[i]));
    close_all(fds, 160);
    close_all(member, LINK_STRANGERS_KEPT);
    stop_hosts();
}

/* A connection to host 1 that has sent a JOIN, to which there is no answer. */
static int dial_to_join(uint32_t from)
{
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer")};
    struct bx_hello h = hello_of(0, 7);
    _Alignas(8) uint8_t answer[4096];
    uint32_t joins = hosts[0].joins;
    int fd = dial_host_from(&hosts[0], from);
    struct bx_buf b = {0};

    hosts[0].answer.code = BX_TIMEOUT;
    put_hello(fd, &h);
    assert_hello(answer, read_some(fd, answer, sizeof answer), "");
    assert_int_equal(bx_frame_write(&b, BX_FRAME_JOIN, &bx_join_schema, &join), BX_OK);
    put_bytes(fd, b.data, b.len);
    SPIN_UNTIL(hosts[0].joins == joins + 1);
    bx_buf_release(&b);
    return fd;
}

TEST(who_waits_to_join_keeps_its_place)
{
    int fds[40], fd;

    start_hosts(2, 1);
    fd = dial_to_join(1);
    for (uint32_t i = 0; i < 40; i++)
        fds[i] = dial_host(&hosts[0]);
    SPIN_UNTIL(stats_of(&hosts[0]).turned_away == 41 - LINK_STRANGERS_OF_ONE);
    assert_true(is_open(fd));
    close_all(fds, 40);
    close(fd);
    stop_hosts();
}

TEST(who_waits_to_join_in_vain_gives_way)
{
    int fds[LINK_STRANGERS_OF_ONE], more[LINK_STRANGERS_OF_ONE];

    start_hosts(2, 1);
    for (uint32_t i = 0; i < LINK_STRANGERS_OF_ONE; i++)
        fds[i] = dial_to_join(1);
    start_host(&hosts[1], 2, 11); /* it connects from the same address */
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    assert_false(is_open(fds[0]));
    for (uint32_t i = 0; i < LINK_STRANGERS_OF_ONE; i++)
        more[i] = dial_host(&hosts[0]);
    SPIN_UNTIL(stats_of(&hosts[0]).turned_away == LINK_STRANGERS_OF_ONE);
    for (uint32_t i = 0; i < LINK_STRANGERS_OF_ONE; i++)
        assert_int_equal(is_open(fds[i]), i >= LINK_STRANGERS_OF_ONE - LINK_ASKED_KEPT);
    close_all(fds, LINK_STRANGERS_OF_ONE);
    close_all(more, LINK_STRANGERS_OF_ONE);
    stop_hosts();
}

/* All addresses are full of those that wait: a new one finds a place nevertheless. */
TEST(who_waits_to_join_keeps_no_other_address_out)
{
    const uint32_t open = LINK_STRANGERS_MAX - LINK_STRANGERS_KEPT;
    int fds[LINK_STRANGERS_MAX], fd;

    start_hosts(2, 1);
    for (uint32_t i = 0; i < open; i++)
        fds[i] = dial_to_join(2 + i % (open / 2));
    fd = dial_to_join(200);
    assert_true(is_open(fd));
    assert_int_equal(stats_of(&hosts[0]).turned_away, 1);
    close_all(fds, open);
    close(fd);
    stop_hosts();
}

TEST(random_bytes_do_not_grow_memory)
{
    size_t total = getenv("BLIXARD_LONG") != NULL ? 100u << 20 : 8u << 20;
    struct bx_alloc_stats before, after;
    uint64_t seed = 42, block[1024];

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2) && is_connected(&hosts[1], 1));
    bx_alloc_stats(&before);
    while (total > 0) {
        int fd = dial_host(&hosts[1]);
        ssize_t got = 0;

        while (got >= 0 && total > 0) {
            for (size_t i = 0; i < sizeof block / sizeof block[0]; i++)
                block[i] = test_random(&seed);
            got = send(fd, block, sizeof block, MSG_NOSIGNAL);
            total -= total < sizeof block ? total : sizeof block;
            uv_run(&test_loop, UV_RUN_ONCE);
        }
        close(fd);
    }
    SPIN_UNTIL(stats_of(&hosts[1]).connections == 1);
    bx_alloc_stats(&after);
    assert_true(after.peak_bytes < before.peak_bytes + (2u << 20));
    assert_true(stats_of(&hosts[1]).malformed > 0);
    assert_true(send_frame(&hosts[0], 2, 100));
    SPIN_UNTIL(hosts[1].frames == 1);
    assert_int_equal(hosts[0].downs + hosts[1].downs, 0);
    stop_hosts();
}

int main(void)
{
    return test_run(NULL, NULL);
}
