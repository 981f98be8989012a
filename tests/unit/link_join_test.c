/* A host that is no member asks to become one. */
#include "link_help.h"

struct joined {
    bool called;
    int code;
    uint64_t node;
    char text[256];
};

static void on_joined(void *ctx, const struct bx_joined *a, const struct bx_err *err)
{
    struct joined *j = ctx;

    assert_false(j->called);
    j->called = true;
    j->code = a != NULL ? a->code : err->code;
    j->node = a != NULL ? a->node : 0;
    if (a != NULL && a->peers.n == 1)
        snprintf(j->text, sizeof j->text, BX_STR_FMT, BX_STR_ARG(a->peers.v[0]));
}

static void ask(struct host *from, const char *address, struct joined *j)
{
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer")};

    memset(j, 0, sizeof *j);
    link_join(from->link, NULL, address, &join, on_joined, j);
    assert_false(j->called);
    SPIN_UNTIL(j->called);
}

TEST(a_host_joins_and_is_answered)
{
    struct bx_str peer = bx_str("1 127.0.0.1:9");
    struct joined j;

    start_hosts(1, 1);
    test_free_address(hosts[3].address);
    open_link(&hosts[3]); /* no identity: no member */
    hosts[0].answer = (struct bx_joined){.node = 5, .peers = {&peer, 1}};
    ask(&hosts[3], hosts[0].address, &j);
    assert_int_equal(j.code, BX_OK);
    assert_int_equal(j.node, 5);
    assert_string_equal(j.text, "1 127.0.0.1:9");
    assert_int_equal(hosts[0].joins, 1);
    SPIN_UNTIL(stats_of(&hosts[0]).connections == 0);
    /* Nobody listens, nobody who could answer, no address at all. */
    ask(&hosts[3], "127.0.0.1:1", &j);
    assert_int_equal(j.code, BX_UNREACHABLE);
    ask(&hosts[3], hosts[3].address, &j);
    assert_int_equal(j.code, BX_UNREACHABLE);
    ask(&hosts[3], "192.0.2.1:7411", &j);
    assert_int_equal(j.code, BX_UNREACHABLE);
    ask(&hosts[3], "nonsense", &j);
    assert_int_equal(j.code, BX_UNREACHABLE);
    stop_hosts();
}

TEST(a_refused_join_is_counted_and_told)
{
    struct joined j;

    start_hosts(1, 1);
    test_free_address(hosts[3].address);
    open_link(&hosts[3]);
    hosts[0].answer = (struct bx_joined){.code = BX_DENIED, .message = bx_str("unknown token")};
    ask(&hosts[3], hosts[0].address, &j);
    assert_int_equal(j.code, BX_DENIED);
    assert_int_equal(stats_of(&hosts[0]).refused, 1);
    assert_true(test_rec_said("request to join: unknown token (from 127.0.0.1)"));
    stop_hosts();
}

TEST(a_join_without_an_answer_ends)
{
    struct joined j = {0};
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer")};

    start_hosts(1, 1);
    test_free_address(hosts[3].address);
    open_link(&hosts[3]);
    hosts[0].answer.code = BX_TIMEOUT;
    link_join(hosts[3].link, NULL, hosts[0].address, &join, on_joined, &j);
    SPIN_UNTIL(hosts[0].joins == 1);
    test_loop_skew_ms += 21000;
    SPIN_UNTIL(j.called);
    assert_int_equal(j.code, BX_UNREACHABLE);
    /* The answer comes after all: nobody is there. */
    SPIN_UNTIL(stats_of(&hosts[0]).connections == 0);
    link_answer_join(hosts[0].link, hosts[0].join_handle, &hosts[0].answer);
    stop_hosts();
}

TEST(a_stranger_may_ask_once_and_say_nothing_else)
{
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer")};
    struct bx_buf b = {0}, frame = {0};
    int fd;

    start_hosts(2, 2);
    hosts[1].answer.code = BX_TIMEOUT;
    assert_int_equal(bx_frame_write(&b, BX_FRAME_JOIN, &bx_join_schema, &join), BX_OK);
    make_frame(&frame, 8);
    fd = dial_as(0, 7);
    put_bytes(fd, b.data, b.len);
    SPIN_UNTIL(hosts[1].joins == 1);
    assert_closed_for(fd, b.data, b.len);
    assert_closed_for(dial_as(0, 7), frame.data, frame.len);
    assert_closed_for(dial_host(&hosts[1]), b.data, b.len); /* without a hello */
    assert_int_equal(hosts[1].joins, 1);
    assert_int_equal(hosts[1].frames, 0);
    bx_buf_release(&b);
    bx_buf_release(&frame);
    stop_hosts();
}

static void put_join_of_role(struct bx_buf *b, uint8_t role)
{
    struct bx_join join = {.incarnation = {9}, .name = bx_str("newcomer"), .role = role};

    b->len = 0;
    assert_int_equal(bx_frame_write(b, BX_FRAME_JOIN, &bx_join_schema, &join), BX_OK);
}

TEST(a_join_with_an_impossible_field_closes_the_connection)
{
    struct bx_buf b = {0};

    start_hosts(2, 2);
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    put_join_of_role(&b, BX_ROLE_AGENT + 1);
    assert_closed_for(dial_as(0, 7), b.data, b.len);
    put_join_of_role(&b, 255);
    assert_closed_for(dial_as(0, 7), b.data, b.len);
    assert_int_equal(hosts[1].joins, 0);
    assert_true(is_connected(&hosts[1], 1));
    bx_buf_release(&b);
    stop_hosts();
}

TEST(a_ping_has_no_payload)
{
    struct bx_buf b = {0};

    start_hosts(3, 2);
    assert_int_equal(bx_frame_write_raw(&b, BX_FRAME_PING, "payload", 8, NULL, 0), BX_OK);
    assert_closed_for(dial_as(3, 7), b.data, b.len);
    b.len = 0;
    assert_int_equal(bx_frame_write_raw(&b, BX_FRAME_PONG, "payload", 8, NULL, 0), BX_OK);
    assert_closed_for(dial_as(3, 7), b.data, b.len);
    bx_buf_release(&b);
    stop_hosts();
}

int main(void)
{
    return test_run(NULL, NULL);
}
