#include "lib/testlib.h"

#include "sys/address.h"
#include "sys/clock.h"
#include "link/link.h"
#include "mem/alloc.h"
#include "wire/command.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 20000u

/* ---- time: the kernel's, and what a test adds to it ---- */

static uint64_t skew;

static uint64_t test_boot_ms(struct bx_clock *c)
{
    (void)c;
    return clock_kernel()->ops->boot_ms(clock_kernel()) + skew;
}

static uint64_t test_wall_ms(struct bx_clock *c)
{
    (void)c;
    return 0;
}

static void test_random_bytes(struct bx_clock *c, void *p, size_t n)
{
    (void)c;
    clock_kernel()->ops->random(clock_kernel(), p, n);
}

static const struct bx_clock_ops test_clock_ops = {test_boot_ms, test_wall_ms, test_random_bytes};
static struct bx_clock test_clock = {&test_clock_ops};

/* ---- hosts ---- */

struct host {
    uint64_t id;
    char address[64];
    struct link *link;
    uint32_t ups, downs, frames, bad_frames, joins, logs;
    size_t last_len;
    uint64_t last_from;
    uint64_t join_handle;
    uint64_t admits_from;    /* ids from here on are admitted */
    struct bx_joined answer; /* to every JOIN; code BX_TIMEOUT: none */
    char log[512];           /* the last line */
};

static uv_loop_t loop;
static uv_timer_t beat; /* so that a turn of the loop ends */
static struct host hosts[4];

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

static uint8_t pattern(size_t at, size_t len)
{
    return (uint8_t)(at * 7 + len);
}

static void on_frame(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    struct host *h = ctx;

    h->frames++;
    h->last_len = n;
    h->last_from = from;
    h->bad_frames += kind != BX_FRAME_RAFT || ((uintptr_t)p & 7) != 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != pattern(i, n)) {
            h->bad_frames++;
            break;
        }
    }
}

static void on_peer(void *ctx, uint64_t id, bool up)
{
    struct host *h = ctx;

    (void)id;
    if (up)
        h->ups++;
    else
        h->downs++;
}

static bool on_admits(void *ctx, uint64_t id)
{
    const struct host *h = ctx;

    return id >= h->admits_from;
}

static void on_join(void *ctx, uint64_t handle, const struct bx_join *join)
{
    struct host *h = ctx;

    h->joins++;
    h->join_handle = handle;
    assert_int_equal(join->name.n, 8);
    if (h->answer.code != BX_TIMEOUT)
        link_answer_join(h->link, handle, &h->answer);
}

static void on_log(void *ctx, int level, const char *text)
{
    struct host *h = ctx;

    (void)level;
    h->logs++;
    snprintf(h->log, sizeof h->log, "%s", text);
}

/* Of the loopback network each process has an address of its own here: a port of it that is free
 * now, or after a link was closed, is not taken by a connection of a test that runs beside it. */
static void free_address(char out[64])
{
    uint32_t own = 0x7f400000u + (uint32_t)getpid();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(own)};
    char ip[INET_ADDRSTRLEN];
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    inet_ntop(AF_INET, &a.sin_addr, ip, sizeof ip);
    snprintf(out, 64, "%s:%u", ip, ntohs(a.sin_port));
    close(fd);
}

static struct bx_identity identity(uint64_t id, uint8_t incarnation)
{
    struct bx_identity i = {.node = id};

    memset(i.cluster, 1, 16);
    memset(i.history, 2, 16);
    memset(i.incarnation, incarnation, 16);
    return i;
}

static void open_link(struct host *h)
{
    struct link_options o = {.loop = &loop,
                             .clock = &test_clock,
                             .frame = on_frame,
                             .admits = on_admits,
                             .peer = on_peer,
                             .join = on_join,
                             .log = on_log,
                             .ctx = h};
    struct bx_err err = {0};

    if (link_create(&h->link, &o, h->address, &err) != BX_OK)
        fail_msg("%s", err.msg);
}

static void know_everybody(struct host *h, uint32_t n)
{
    struct bx_peer peers[4];
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (&hosts[i] != h)
            peers[count++] = (struct bx_peer){hosts[i].id, hosts[i].address};
    }
    link_port(h->link)->ops->set_peers(link_port(h->link), peers, count);
}

static void start(struct host *h, uint32_t n, uint8_t incarnation)
{
    struct bx_identity id = identity(h->id, incarnation);

    h->admits_from = 10;
    open_link(h);
    link_identify(h->link, &id);
    know_everybody(h, n);
}

/* n members, of which the first `running` have a link. */
static void start_hosts(uint32_t n, uint32_t running)
{
    memset(hosts, 0, sizeof hosts);
    skew = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &beat);
    uv_timer_start(&beat, on_beat, 5, 5);
    for (uint32_t i = 0; i < n; i++) {
        hosts[i].id = i + 1;
        free_address(hosts[i].address);
    }
    for (uint32_t i = 0; i < running; i++)
        start(&hosts[i], n, (uint8_t)(10 + i));
}

static void stop_hosts(void)
{
    for (uint32_t i = 0; i < 4; i++)
        link_destroy(hosts[i].link);
    uv_close((uv_handle_t *)&beat, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool is_connected(struct host *h, uint64_t id)
{
    return link_port(h->link)->ops->connected(link_port(h->link), id);
}

static struct link_stats stats(struct host *h)
{
    struct link_stats s;

    link_stats(h->link, &s);
    return s;
}

/* Run the loop until the condition holds. */
#define SPIN_UNTIL(condition)                                                                      \
    for (uint64_t until_ = uv_hrtime() + WAIT_MS * UINT64_C(1000000); !(condition);) {             \
        if (uv_hrtime() > until_)                                                                  \
            fail_msg("waited too long for %s", #condition);                                        \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

static void spin_ms(uint64_t ms)
{
    uint64_t until = uv_hrtime() + ms * 1000000;

    SPIN_UNTIL(uv_hrtime() > until);
}

/* ---- frames ---- */

static void make_frame(struct bx_buf *b, size_t n)
{
    uint8_t *p = bx_alloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = pattern(i, n);
    assert_int_equal(bx_frame_write_raw(b, BX_FRAME_RAFT, p, n, NULL, 0), BX_OK);
    bx_free(p);
}

static bool send_frame(struct host *h, uint64_t to, size_t n)
{
    struct bx_buf b = {0};
    bool sent;

    make_frame(&b, n);
    sent = link_port(h->link)->ops->send(link_port(h->link), to, &b);
    if (sent)
        assert_null(b.data);
    bx_buf_release(&b);
    return sent;
}

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
    spin_ms(300);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(stats(&hosts[i]).connections, 2);
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
    assert_false(is_connected(&hosts[1], 1));
    assert_false(send_frame(&hosts[1], 1, 8));
    start(&hosts[0], 2, 99); /* the one that accepts, as another incarnation */
    SPIN_UNTIL(is_connected(&hosts[0], 2) && hosts[1].ups == 2);
    link_destroy(hosts[1].link);
    hosts[1].link = NULL;
    SPIN_UNTIL(hosts[0].downs == 1);
    start(&hosts[1], 2, 98); /* the one that dials */
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
    SPIN_UNTIL(strstr(hosts[1].log, "no member has this node id") != NULL);
    assert_false(is_connected(&hosts[0], 2));
    spin_ms(1500); /* several tries later the reason has been said once */
    assert_true(stats(&hosts[0]).refused >= 2);
    assert_true(hosts[0].logs < 5);
    know_everybody(&hosts[0], 2);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
    stop_hosts();
}

/* ---- strangers: a plain socket ---- */

static int dial(struct host *h)
{
    union address a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(address_parse(h->address, &a, NULL), BX_OK);
    assert_int_equal(connect(fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void put(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

static struct bx_hello hello_of(uint64_t node, uint8_t incarnation)
{
    struct bx_identity id = identity(node, incarnation);
    struct bx_hello h = {
        .node = node, .level_min = 1, .level_max = BX_LEVEL, .codecs = 1u << BX_CODEC_FLAT};

    if (node != 0) {
        memcpy(h.cluster, id.cluster, 16);
        memcpy(h.history, id.history, 16);
    }
    memcpy(h.incarnation, id.incarnation, 16);
    return h;
}

static void put_hello(int fd, const struct bx_hello *h)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_frame_write(&b, BX_FRAME_HELLO, &bx_hello_schema, h), BX_OK);
    put(fd, b.data, b.len);
    bx_buf_release(&b);
}

/* Everything until the other end closes, at most size bytes. */
static size_t read_all(int fd, uint8_t *p, size_t size)
{
    uint64_t until = uv_hrtime() + WAIT_MS * UINT64_C(1000000);
    size_t n = 0;

    for (;;) {
        ssize_t got = recv(fd, p + n, size - n, 0);

        if (got > 0)
            n += (size_t)got;
        else if (got == 0 || errno == ECONNRESET)
            return n;
        else if (uv_hrtime() > until)
            fail_msg("not closed");
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static size_t read_some(int fd, uint8_t *p, size_t size)
{
    ssize_t got = -1;

    SPIN_UNTIL((got = recv(fd, p, size, 0)) > 0);
    return (size_t)got;
}

static void assert_hello(const uint8_t *p, size_t n, const char *refuse)
{
    struct bx_header head;
    struct bx_hello h = {0};
    char text[256];

    assert_true(n >= BX_HEADER_SIZE);
    assert_int_equal(bx_header_read(p, &head), BX_OK);
    assert_int_equal(
        bx_header_check(p, BX_HEADER_SIZE + head.length, BX_KIND_FRAME + BX_FRAME_HELLO, 1, &head),
        BX_OK);
    assert_int_equal(
        bx_flat_read(&bx_hello_schema, p + BX_HEADER_SIZE, head.length, &h, NULL, NULL, NULL),
        BX_OK);
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(h.refuse));
    assert_string_equal(text, refuse);
}

static void assert_refused(const struct bx_hello *h, const char *why)
{
    _Alignas(8) uint8_t answer[4096];
    uint64_t before = stats(&hosts[1]).refused;
    int fd = dial(&hosts[1]);
    size_t n;

    put_hello(fd, h);
    n = read_all(fd, answer, sizeof answer);
    assert_hello(answer, n, why);
    assert_int_equal(stats(&hosts[1]).refused, before + 1);
    assert_non_null(strstr(hosts[1].log, why));
    close(fd);
}

TEST(a_hello_that_does_not_fit_is_refused_with_the_reason)
{
    struct bx_hello h;

    start_hosts(3, 2); /* the third is a member without a daemon */
    SPIN_UNTIL(is_connected(&hosts[1], 1));
    h = hello_of(3, 7);
    h.cluster[0] ^= 1;
    assert_refused(&h, "another cluster");
    h = hello_of(3, 7);
    h.history[0] ^= 1;
    assert_refused(&h, "another history of this cluster");
    h = hello_of(9, 7);
    assert_refused(&h, "no member has this node id");
    h = hello_of(2, 7);
    assert_refused(&h, "this is the node's own id");
    h = hello_of(1, 10);
    assert_refused(&h, "the node with the larger id dials");
    h = hello_of(3, 7);
    h.level_min = h.level_max = BX_LEVEL + 1;
    assert_refused(&h, "no common feature level");
    h = hello_of(0, 7);
    h.level_min = h.level_max = BX_LEVEL + 1;
    assert_refused(&h, "no common feature level");
    h = hello_of(3, 7);
    h.codecs = 1u << BX_CODEC_JSON;
    assert_refused(&h, "no common codec");
    assert_int_equal(hosts[1].ups, 1);
    assert_int_equal(hosts[1].downs, 0);
    stop_hosts();
}

static int dial_as(uint64_t id, uint8_t incarnation)
{
    _Alignas(8) uint8_t answer[4096];
    struct bx_hello h = hello_of(id, incarnation);
    int fd = dial(&hosts[1]);

    put_hello(fd, &h);
    assert_hello(answer, read_some(fd, answer, sizeof answer), "");
    return fd;
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
    assert_refused(&h, "no member has this node id");
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

static void assert_closed_for(int fd, const void *p, size_t n)
{
    _Alignas(8) uint8_t rest[4096];
    uint64_t before = stats(&hosts[1]).malformed;

    put(fd, p, n);
    read_all(fd, rest, sizeof rest);
    assert_int_equal(stats(&hosts[1]).malformed, before + 1);
    close(fd);
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
    assert_closed_for(dial(&hosts[1]), "GET / HTTP/1.1\r\n\r\n", 18);
    assert_closed_for(dial(&hosts[1]), frame.data, frame.len); /* no hello first */
    /* Lengths are judged by the head alone. */
    bx_header_seal(frame.data, BX_KIND_FRAME + BX_FRAME_HELLO, 1, BX_CODEC_FLAT, 64);
    memcpy(head, frame.data, sizeof head);
    bx_put32(head + 8, BX_FRAME_HELLO_MAX + 1);
    assert_closed_for(dial(&hosts[1]), head, sizeof head);
    bx_put32(head + 8, UINT32_MAX);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    bx_put32(head + 8, BX_FRAME_MAX + 1);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    bx_header_seal(head, BX_KIND_FRAME + BX__FRAMES, 1, BX_CODEC_FLAT, 0);
    assert_closed_for(dial_as(3, 7), head, sizeof head);
    hello.data[hello.len - 1] ^= 1; /* damaged on the way */
    assert_closed_for(dial(&hosts[1]), hello.data, hello.len);
    hello.data[hello.len - 1] ^= 1;
    assert_closed_for(dial_as(3, 7), hello.data, hello.len);   /* a second hello */
    assert_closed_for(dial(&hosts[1]), frame.data, frame.len); /* a hello of other bytes */
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
    fd = dial(&hosts[1]);
    assert_int_equal(bx_frame_write(&b, BX_FRAME_HELLO, &bx_hello_schema, &h), BX_OK);
    for (size_t i = 0; i < b.len; i++) {
        put(fd, b.data + i, 1);
        uv_run(&loop, UV_RUN_ONCE);
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
    fd = dial(&hosts[1]);
    bx_header_seal(head, BX_KIND_FRAME + BX_FRAME_HELLO, 1, BX_CODEC_FLAT, 0);
    put(fd, head, 3);
    SPIN_UNTIL(stats(&hosts[1]).connections == 2);
    skew += 4000;
    spin_ms(300);
    put(fd, head + 3, 1); /* a byte now and then does not help */
    spin_ms(100);
    assert_int_equal(stats(&hosts[1]).connections, 2);
    skew += 1000;
    assert_int_equal(read_all(fd, rest, sizeof rest), 0);
    assert_true(is_connected(&hosts[1], 1));
    close(fd);
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
        skew += 600;
        spin_ms(250);
    }
    SPIN_UNTIL(!is_connected(&hosts[1], 3));
    assert_true(read_all(fd, heard, sizeof heard) >= BX_HEADER_SIZE);
    assert_int_equal(bx_header_read(heard, &head), BX_OK);
    assert_int_equal(head.kind, BX_KIND_FRAME + BX_FRAME_PING);
    assert_true(is_connected(&hosts[1], 1));
    assert_int_equal(hosts[0].downs, 0);
    /* A minute of this process's own silence is nobody's fault. */
    skew += 60000;
    spin_ms(400);
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

TEST(strangers_are_bounded_and_members_get_through)
{
    int fds[LINK_STRANGERS_MAX + 16];
    uint32_t n = sizeof fds / sizeof fds[0];

    start_hosts(2, 1);
    for (uint32_t i = 0; i < n; i++)
        fds[i] = dial(&hosts[0]);
    SPIN_UNTIL(stats(&hosts[0]).turned_away == n - LINK_STRANGERS_MAX);
    assert_int_equal(stats(&hosts[0]).connections, LINK_STRANGERS_MAX);
    for (uint32_t i = 0; i < n; i++)
        close(fds[i]);
    start(&hosts[1], 2, 11);
    SPIN_UNTIL(is_connected(&hosts[0], 2));
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
        int fd = dial(&hosts[1]);
        ssize_t got = 0;

        while (got >= 0 && total > 0) {
            for (size_t i = 0; i < sizeof block / sizeof block[0]; i++)
                block[i] = test_random(&seed);
            got = send(fd, block, sizeof block, MSG_NOSIGNAL);
            total -= total < sizeof block ? total : sizeof block;
            uv_run(&loop, UV_RUN_ONCE);
        }
        close(fd);
    }
    SPIN_UNTIL(stats(&hosts[1]).connections == 1);
    bx_alloc_stats(&after);
    assert_true(after.peak_bytes < before.peak_bytes + (2u << 20));
    assert_true(stats(&hosts[1]).malformed > 0);
    assert_true(send_frame(&hosts[0], 2, 100));
    SPIN_UNTIL(hosts[1].frames == 1);
    assert_int_equal(hosts[0].downs + hosts[1].downs, 0);
    stop_hosts();
}

/* ---- joining ---- */

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
    struct bx_join join = {.name = bx_str("newcomer")};

    memset(j, 0, sizeof *j);
    link_join(from->link, address, &join, on_joined, j);
    assert_false(j->called);
    SPIN_UNTIL(j->called);
}

TEST(a_host_joins_and_is_answered)
{
    struct bx_str peer = bx_str("1 127.0.0.1:9");
    struct joined j;

    start_hosts(1, 1);
    free_address(hosts[3].address);
    open_link(&hosts[3]); /* no identity: no member */
    hosts[0].answer = (struct bx_joined){.node = 5, .peers = {&peer, 1}};
    ask(&hosts[3], hosts[0].address, &j);
    assert_int_equal(j.code, BX_OK);
    assert_int_equal(j.node, 5);
    assert_string_equal(j.text, "1 127.0.0.1:9");
    assert_int_equal(hosts[0].joins, 1);
    SPIN_UNTIL(stats(&hosts[0]).connections == 0);
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

TEST(a_join_without_an_answer_ends)
{
    struct joined j = {0};
    struct bx_join join = {.name = bx_str("newcomer")};

    start_hosts(1, 1);
    free_address(hosts[3].address);
    open_link(&hosts[3]);
    hosts[0].answer.code = BX_TIMEOUT;
    link_join(hosts[3].link, hosts[0].address, &join, on_joined, &j);
    SPIN_UNTIL(hosts[0].joins == 1);
    skew += 21000;
    SPIN_UNTIL(j.called);
    assert_int_equal(j.code, BX_UNREACHABLE);
    /* The answer comes after all: nobody is there. */
    SPIN_UNTIL(stats(&hosts[0]).connections == 0);
    link_answer_join(hosts[0].link, hosts[0].join_handle, &hosts[0].answer);
    stop_hosts();
}

TEST(a_stranger_may_ask_once_and_say_nothing_else)
{
    struct bx_join join = {.name = bx_str("newcomer")};
    struct bx_buf b = {0}, frame = {0};
    int fd;

    start_hosts(2, 2);
    hosts[1].answer.code = BX_TIMEOUT;
    assert_int_equal(bx_frame_write(&b, BX_FRAME_JOIN, &bx_join_schema, &join), BX_OK);
    make_frame(&frame, 8);
    fd = dial_as(0, 7);
    put(fd, b.data, b.len);
    SPIN_UNTIL(hosts[1].joins == 1);
    assert_closed_for(fd, b.data, b.len);
    assert_closed_for(dial_as(0, 7), frame.data, frame.len);
    assert_closed_for(dial(&hosts[1]), b.data, b.len); /* without a hello */
    assert_int_equal(hosts[1].joins, 1);
    assert_int_equal(hosts[1].frames, 0);
    bx_buf_release(&b);
    bx_buf_release(&frame);
    stop_hosts();
}

TEST(a_taken_port_is_said)
{
    struct link_options o = {.loop = &loop, .clock = &test_clock, .log = on_log};
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
    signal(SIGPIPE, SIG_IGN); /* as blixardd does */
    return test_run(NULL, NULL);
}
