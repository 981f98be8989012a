/* Streams and listeners over real sockets of this host; the other end is a plain socket, so that
 * the test decides when it reads, half-closes or resets. */
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "sys/clock.h"
#include "transport/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STALL_MS 60000u
#define QUEUE_BYTES (4u << 20)
#define QUEUE_BUFFERS 200u
#define BULK_BYTES 4096u

static uv_loop_t loop;
static uv_timer_t beat; /* so that a turn of the loop ends */
static char *dir;
static char unix_path[100], tcp_address[64];
static uint64_t skew;

/* ---- the user ---- */

struct user {
    struct stream stream;
    uint32_t readies, inputs, sents, closes, gones;
    char why[128];
    size_t take;         /* bytes of the input that are consumed at once; 0: all */
    size_t consumed;     /* in all */
    uint64_t hash;       /* of what was consumed */
    bool close_in_input; /* what it does in the callback */
    bool close_in_ready, finish_in_ready, close_in_sent;
};

static struct user accepted, dialled;
static struct stream_group group;
static struct stream_listener tcp_listener, unix_listener;
static struct user *next_user; /* for the next connection that comes */

static struct user *user_of(struct stream *s)
{
    return (struct user *)(void *)((char *)s - offsetof(struct user, stream));
}

static void send_bytes(struct stream *s, size_t n, uint8_t fill)
{
    struct bx_buf b = {0};

    memset(bx_buf_extend(&b, n), fill, n);
    assert_true(stream_send(s, &b));
    assert_null(b.data);
}

static void on_ready(struct stream *s)
{
    struct user *u = user_of(s);

    u->readies++;
    if (u->finish_in_ready) {
        send_bytes(s, 5, 'x');
        stream_finish(s, STREAM_CLOSE);
    }
    if (u->close_in_ready)
        stream_close(s, "not wanted");
}

static void on_input(struct stream *s)
{
    struct user *u = user_of(s);
    size_t n = u->take == 0 || u->take > s->in.len ? s->in.len : u->take;

    u->inputs++;
    for (size_t i = 0; i < n; i++)
        u->hash = u->hash * 31 + s->in.data[i];
    u->consumed += n;
    bx_buf_consume(&s->in, n);
    if (u->close_in_input)
        stream_close(s, "in input");
}

static void on_sent(struct stream *s)
{
    struct user *u = user_of(s);

    u->sents++;
    if (u->close_in_sent)
        stream_close(s, "in sent");
}

static void on_closed(struct stream *s, const char *why)
{
    struct user *u = user_of(s);

    u->closes++;
    snprintf(u->why, sizeof u->why, "%s", why);
    assert_int_equal(u->gones, 0);
}

static void on_gone(struct stream *s)
{
    user_of(s)->gones++;
}

static const struct stream_callbacks callbacks = {
    .ready = on_ready, .input = on_input, .sent = on_sent, .closed = on_closed, .gone = on_gone};
static const struct stream_limits limits = {.queue_bytes = QUEUE_BYTES,
                                            .queue_buffers = QUEUE_BUFFERS,
                                            .bulk_bytes = BULK_BYTES,
                                            .stall_ms = STALL_MS};

static void on_incoming(struct stream_listener *l)
{
    struct user *u = next_user;

    assert_ptr_equal(l->ctx, &loop);
    assert_non_null(u);
    next_user = NULL;
    stream_open(&u->stream, &group, l->ops);
    stream_accept(&u->stream, l);
}

/* ---- the test's loop ---- */

static uint64_t boot_ms(struct bx_clock *c)
{
    (void)c;
    return clock_kernel()->ops->boot_ms(clock_kernel()) + skew;
}

static const struct bx_clock_ops clock_ops = {.boot_ms = boot_ms};
static struct bx_clock test_clock = {&clock_ops};

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

/* Run the loop until the condition holds. */
#define SPIN_UNTIL(condition)                                                                      \
    for (uint64_t until_ = uv_hrtime() + 20 * UINT64_C(1000000000); !(condition);) {               \
        if (uv_hrtime() > until_)                                                                  \
            fail_msg("waited too long for %s", #condition);                                        \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

static void listen_somewhere(struct stream_listener *l)
{
    struct sockaddr_in a;
    int n = sizeof a;
    struct bx_err err = {0};

    if (stream_listen_tcp(l, &group, "--listen", "127.0.0.1:0", &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(uv_tcp_getsockname(&l->h.tcp, (struct sockaddr *)&a, &n), 0);
    snprintf(tcp_address, sizeof tcp_address, "127.0.0.1:%u", ntohs(a.sin_port));
}

static int setup(void **state)
{
    static const struct bx_pool_size kept = {16, 0};
    struct bx_err err = {0};

    (void)state;
    memset(&accepted, 0, sizeof accepted);
    memset(&dialled, 0, sizeof dialled);
    memset(&tcp_listener, 0, sizeof tcp_listener);
    memset(&unix_listener, 0, sizeof unix_listener);
    skew = 0;
    next_user = &accepted;
    dir = test_make_dir();
    snprintf(unix_path, sizeof unix_path, "%s/socket", dir);
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &beat);
    uv_timer_start(&beat, on_beat, 5, 5);
    assert_int_equal(
        stream_group_init(&group, "test", kept, &loop, &test_clock, &limits, &callbacks), BX_OK);
    tcp_listener.incoming = unix_listener.incoming = on_incoming;
    tcp_listener.ctx = unix_listener.ctx = &loop;
    listen_somewhere(&tcp_listener);
    if (stream_listen_unix(&unix_listener, &group, "--socket", unix_path, &err) != BX_OK)
        fail_msg("%s", err.msg);
    return 0;
}

static int teardown(void **state)
{
    struct bx_alloc_stats s;

    (void)state;
    if (accepted.stream.group != NULL)
        stream_close(&accepted.stream, "teardown");
    if (dialled.stream.group != NULL)
        stream_close(&dialled.stream, "teardown");
    stream_listener_close(&tcp_listener);
    stream_listener_close(&unix_listener);
    stream_group_close(&group);
    assert_int_equal(accepted.closes, accepted.gones);
    assert_int_equal(dialled.closes, dialled.gones);
    assert_int_not_equal(access(unix_path, F_OK), 0);
    uv_close((uv_handle_t *)&beat, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    test_remove_dir(dir);
    bx_buf_thread_close();
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

/* ---- the other end ---- */

static int dial_unix(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", unix_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SPIN_UNTIL(accepted.readies == 1);
    return fd;
}

static int dial_tcp(void)
{
    union address a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    assert_int_equal(connect(fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SPIN_UNTIL(accepted.readies == 1);
    return fd;
}

static void put(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), n);
}

/* Read what is there. True: all of the n bytes have come. */
static bool read_more(int fd, uint8_t *p, size_t n, size_t *at)
{
    ssize_t got = recv(fd, p + *at, n - *at, 0);

    assert_true(got > 0 || (got < 0 && errno == EAGAIN));
    *at += got > 0 ? (size_t)got : 0;
    return *at == n;
}

/* Read exactly n bytes while the loop runs. */
static void read_exactly(int fd, uint8_t *p, size_t n)
{
    size_t at = 0;

    SPIN_UNTIL(read_more(fd, p, n, &at));
}

/* The peer has closed. */
static void assert_end(int fd)
{
    uint8_t byte;

    SPIN_UNTIL(recv(fd, &byte, 1, 0) == 0);
}

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

TEST(a_tcp_peer_is_known_by_its_address)
{
    union address a;
    struct sockaddr_in own;
    socklen_t n = sizeof own;
    int fd = dial_tcp();

    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &n), 0);
    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_ADDRESS);
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
    uv_run(&loop, UV_RUN_NOWAIT);
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

        put(fd, p, 3);
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

    put(fd, "abc", 3);
    SPIN_UNTIL(accepted.consumed == 3);
    assert_null(accepted.stream.in.data);
    close(fd);
}

TEST(a_paused_stream_reads_nothing_until_it_resumes)
{
    int fd = dial_unix();

    accepted.take = 1;
    put(fd, "ab", 2);
    SPIN_UNTIL(accepted.inputs == 1);
    stream_pause(&accepted.stream);
    put(fd, "cd", 2);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_ONCE);
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
    put(fd, "abc", 3);
    assert_end(fd);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.inputs, 1);
    assert_int_equal(accepted.closes, 1);
    close(fd);
}

TEST(the_end_of_the_peers_bytes_closes_the_stream)
{
    int fd = dial_unix();

    put(fd, "abc", 3);
    shutdown(fd, SHUT_WR);
    SPIN_UNTIL(accepted.gones == 1);
    assert_int_equal(accepted.consumed, 3);
    assert_string_equal(accepted.why, uv_strerror(UV_EOF));
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

/* ---- writing ---- */

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

TEST(a_peer_that_takes_nothing_is_closed_at_the_deadline)
{
    int fd = dial_unix();

    skew = 10 * STALL_MS; /* long idle is no stall */
    stream_expire(&accepted.stream, boot_ms(NULL));
    assert_false(accepted.stream.closing);
    send_bytes(&accepted.stream, QUEUE_BYTES, 'a');
    skew += STALL_MS / 2;
    stream_expire(&accepted.stream, boot_ms(NULL));
    assert_false(accepted.stream.closing);
    skew += STALL_MS / 2 + 1000;
    stream_expire(&accepted.stream, boot_ms(NULL));
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

        skew += STALL_MS - 1000;
        read_exactly(fd, got, sizeof got / 4);
        SPIN_UNTIL(accepted.sents > before || accepted.stream.queued == 0);
        stream_expire(&accepted.stream, boot_ms(NULL));
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
    put(fd, "nobody reads this", 17);
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
    put(fd, noise, sizeof noise);
    send_bytes(&accepted.stream, 4, 'a');
    stream_finish(&accepted.stream, STREAM_AWAIT_PEER);
    read_exactly(fd, got, 4);
    assert_end(fd);
    assert_int_equal(accepted.closes, 0);
    put(fd, noise, 100);
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

/* ---- listeners ---- */

TEST(a_taken_address_is_refused_with_its_flag)
{
    struct stream_listener l = {0};
    struct bx_err err = {0};

    assert_int_equal(stream_listen_tcp(&l, &group, "--listen", tcp_address, &err), BX_IO);
    assert_non_null(strstr(err.msg, "--listen"));
    assert_non_null(strstr(err.msg, tcp_address));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(stream_listen_tcp(&l, &group, "--listen", "nonsense", &err), BX_INVALID);
    assert_non_null(strstr(err.msg, "--listen"));
    SPIN_UNTIL(l.group == NULL);
}

TEST(only_this_user_may_open_the_unix_socket)
{
    struct stat st;

    assert_int_equal(lstat(unix_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static int listen_on(const char *path)
{
    struct stream_listener l = {.incoming = on_incoming, .ctx = &loop};
    struct bx_err err = {0};
    int rc = stream_listen_unix(&l, &group, "--socket", path, &err);

    if (rc != BX_OK)
        assert_non_null(strstr(err.msg, "--socket"));
    stream_listener_close(&l);
    SPIN_UNTIL(l.group == NULL);
    return rc;
}

TEST(a_socket_that_a_killed_process_left_is_replaced)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s/left", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    assert_int_equal(access(a.sun_path, F_OK), 0);
    assert_int_equal(listen_on(a.sun_path), BX_OK);
    assert_int_not_equal(access(a.sun_path, F_OK), 0);
}

TEST(a_path_that_is_in_use_or_no_socket_stays)
{
    char path[4300];
    int fd;

    assert_int_equal(listen_on(unix_path), BX_UNREACHABLE);
    assert_int_equal(access(unix_path, F_OK), 0);
    snprintf(path, sizeof path, "%s/file", dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(listen_on(path), BX_UNREACHABLE);
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/%0200d", dir, 0);
    assert_int_equal(listen_on(path), BX_INVALID);
    snprintf(path, sizeof path, "%s/none/socket", dir);
    assert_int_equal(listen_on(path), BX_IO);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as blixardd does */
    return test_run(setup, teardown);
}
