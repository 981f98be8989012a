#include "link_help.h"

#include "mem/alloc.h"
#include "sys/address.h"
#include "wire/command.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct host hosts[4];

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

uint32_t level_in_force = 1;

static uint32_t on_level(void *ctx)
{
    (void)ctx;
    return level_in_force;
}

static bool on_admits(void *ctx, uint64_t id)
{
    const struct host *h = ctx;

    return id >= h->admits_from;
}

static bool on_was_removed(void *ctx, uint64_t id)
{
    return id == ((const struct host *)ctx)->has_removed;
}

static struct bx_stored on_heard(void *ctx, uint64_t id)
{
    (void)id;
    return ((const struct host *)ctx)->heard;
}

static void on_was_heard(void *ctx, uint64_t id, const struct bx_stored *heard)
{
    (void)id;
    ((struct host *)ctx)->was_heard = *heard;
}

static void on_removed(void *ctx)
{
    ((struct host *)ctx)->removed++;
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

static struct bx_identity identity(uint64_t id, uint8_t incarnation)
{
    struct bx_identity i = {.node = id};

    memset(i.cluster, 1, 16);
    memset(i.history, 2, 16);
    memset(i.incarnation, incarnation, 16);
    return i;
}

static bool on_has_key(void *ctx, uint64_t id, const uint8_t pin[BX_PIN])
{
    const struct host *h = ctx;

    (void)pin;
    return id != h->wrong_key;
}

static bool on_is_known(void *ctx, uint64_t id)
{
    const struct host *h = ctx;

    return id != h->unknown;
}

void open_link(struct host *h)
{
    struct link_options o = {.loop = &test_loop,
                             .clock = &test_loop_clock,
                             .frame = on_frame,
                             .build = {.level = BX_LEVEL, .version = "1"},
                             .admits = on_admits,
                             .was_removed = on_was_removed,
                             .removed = on_removed,
                             .has_key = on_has_key,
                             .is_known = on_is_known,
                             .level = on_level,
                             .heard = on_heard,
                             .was_heard = on_was_heard,
                             .peer = on_peer,
                             .join = on_join,
                             .ctx = h};
    struct bx_err err = {0};

    if (link_create(&h->link, &o, h->address, &err) != BX_OK)
        fail_msg("%s", err.msg);
}

void know_everybody(struct host *h, uint32_t n)
{
    struct bx_peer peers[4];
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (&hosts[i] != h)
            peers[count++] = (struct bx_peer){hosts[i].id, hosts[i].address};
    }
    link_port(h->link)->ops->set_peers(link_port(h->link), peers, count);
}

void know_other(struct host *h, uint64_t id, const char *address)
{
    struct bx_peer peer = {id, address};

    link_port(h->link)->ops->set_peers(link_port(h->link), &peer, 1);
}

void start_host(struct host *h, uint32_t n, uint8_t incarnation)
{
    struct bx_identity id = identity(h->id, incarnation);

    h->admits_from = 10;
    open_link(h);
    link_identify(h->link, &id);
    know_everybody(h, n);
}

void start_hosts(uint32_t n, uint32_t running)
{
    memset(hosts, 0, sizeof hosts);
    test_rec_open("info");
    test_loop_open();
    for (uint32_t i = 0; i < n; i++) {
        hosts[i].id = i + 1;
        test_free_address(hosts[i].address);
    }
    for (uint32_t i = 0; i < running; i++)
        start_host(&hosts[i], n, (uint8_t)(10 + i));
}

void stop_hosts(void)
{
    for (uint32_t i = 0; i < 4; i++)
        link_destroy(hosts[i].link);
    test_loop_close();
    test_rec_close();
}

bool is_connected(struct host *h, uint64_t id)
{
    return link_port(h->link)->ops->connected(link_port(h->link), id);
}

struct link_stats stats_of(struct host *h)
{
    struct link_stats s;

    link_stats(h->link, &s);
    return s;
}

/* ---- frames ---- */

void make_frame(struct bx_buf *b, size_t n)
{
    uint8_t *p = bx_alloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = pattern(i, n);
    assert_int_equal(bx_frame_write_raw(b, BX_FRAME_RAFT, p, n, NULL, 0), BX_OK);
    bx_free(p);
}

bool send_frame(struct host *h, uint64_t to, size_t n)
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

/* ---- strangers: a plain socket ---- */

int dial_host(struct host *h)
{
    return dial_host_from(h, 1);
}

int dial_host_from(struct host *h, uint32_t n)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + n)};
    union address a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(address_parse(h->address, &a, NULL), BX_OK);
    assert_int_equal(connect(fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void put_bytes(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

struct bx_hello hello_of(uint64_t node, uint8_t incarnation)
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

void put_hello(int fd, const struct bx_hello *h)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_frame_write(&b, BX_FRAME_HELLO, &bx_hello_schema, h), BX_OK);
    put_bytes(fd, b.data, b.len);
    bx_buf_release(&b);
}

size_t read_all(int fd, uint8_t *p, size_t size)
{
    uint64_t until = uv_hrtime() + 20000 * UINT64_C(1000000);
    size_t n = 0;

    for (;;) {
        ssize_t got = recv(fd, p + n, size - n, 0);

        if (got > 0)
            n += (size_t)got;
        else if (got == 0 || errno == ECONNRESET)
            return n;
        else if (uv_hrtime() > until)
            fail_msg("not closed");
        uv_run(&test_loop, UV_RUN_ONCE);
    }
}

size_t read_some(int fd, uint8_t *p, size_t size)
{
    ssize_t got = -1;

    SPIN_UNTIL((got = recv(fd, p, size, 0)) > 0);
    return (size_t)got;
}

void assert_hello(const uint8_t *p, size_t n, const char *refuse)
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

int dial_as(uint64_t id, uint8_t incarnation)
{
    _Alignas(8) uint8_t answer[4096];
    struct bx_hello h = hello_of(id, incarnation);
    int fd = dial_host(&hosts[1]);

    put_hello(fd, &h);
    assert_hello(answer, read_some(fd, answer, sizeof answer), "");
    return fd;
}

void assert_closed_for(int fd, const void *p, size_t n)
{
    _Alignas(8) uint8_t rest[4096];
    uint64_t before = stats_of(&hosts[1]).malformed;

    put_bytes(fd, p, n);
    read_all(fd, rest, sizeof rest);
    assert_int_equal(stats_of(&hosts[1]).malformed, before + 1);
    close(fd);
}
