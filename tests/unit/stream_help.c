#include "stream_help.h"

#include "mem/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char *dir;
char unix_path[100], tcp_address[64];
struct user accepted, dialled;
struct stream_group group;
struct stream_listener tcp_listener, unix_listener;
struct user *next_user;
struct tls_context *accept_with;

static struct user *user_of(struct stream *s)
{
    return (struct user *)(void *)((char *)s - offsetof(struct user, stream));
}

void send_bytes(struct stream *s, size_t n, uint8_t fill)
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
    if (u->pause_in_ready)
        stream_pause(s);
    if (u->await_in_ready)
        stream_finish(s, STREAM_AWAIT_PEER);
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

static bool on_end(const struct stream *s)
{
    return user_of((struct stream *)(uintptr_t)s)->unready;
}

static const struct stream_callbacks callbacks = {.name = "test",
                                                  .ready = on_ready,
                                                  .input = on_input,
                                                  .holds = on_end,
                                                  .sent = on_sent,
                                                  .closed = on_closed,
                                                  .gone = on_gone};
static const struct stream_limits limits = {.queue_bytes = QUEUE_BYTES,
                                            .read_bytes = 64u << 10,
                                            .queue_buffers = QUEUE_BUFFERS,
                                            .bulk_bytes = BULK_BYTES,
                                            .stall_ms = STALL_MS};

void on_incoming(struct stream_listener *l)
{
    struct user *u = next_user;

    assert_ptr_equal(l->ctx, &test_loop);
    assert_non_null(u);
    next_user = NULL;
    if (accept_with != NULL)
        tls_stream_open(&u->stream, &group, accept_with);
    else
        stream_open(&u->stream, &group, l->ops);
    stream_accept(&u->stream, l);
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

int stream_setup(void **state)
{
    static const struct bx_pool_size kept = {16, 0};
    struct bx_err err = {0};

    (void)state;
    memset(&accepted, 0, sizeof accepted);
    memset(&dialled, 0, sizeof dialled);
    memset(&tcp_listener, 0, sizeof tcp_listener);
    memset(&unix_listener, 0, sizeof unix_listener);
    next_user = &accepted;
    accept_with = NULL;
    dir = test_make_dir();
    snprintf(unix_path, sizeof unix_path, "%s/socket", dir);
    test_loop_open();
    assert_int_equal(
        stream_group_init(&group, "test", kept, &test_loop, &test_loop_clock, &limits, &callbacks),
        BX_OK);
    tcp_listener.incoming = unix_listener.incoming = on_incoming;
    tcp_listener.ctx = unix_listener.ctx = &test_loop;
    listen_somewhere(&tcp_listener);
    if (stream_listen_unix(&unix_listener, &group, "--socket", unix_path, &err) != BX_OK)
        fail_msg("%s", err.msg);
    return 0;
}

int stream_teardown(void **state)
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
    test_loop_close();
    test_remove_dir(dir);
    bx_buf_thread_close();
    bx_alloc_stats(&s);
    assert_int_equal(s.live, 0);
    return 0;
}

/* ---- the other end ---- */

int dial_unix(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", unix_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SPIN_UNTIL(accepted.readies == 1);
    return fd;
}

int dial_tcp(void)
{
    int fd = connect_tcp();

    SPIN_UNTIL(accepted.readies == 1);
    return fd;
}

int connect_tcp(void)
{
    union address a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    assert_int_equal(connect(fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void put_bytes(int fd, const void *p, size_t n)
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

void read_exactly(int fd, uint8_t *p, size_t n)
{
    size_t at = 0;

    SPIN_UNTIL(read_more(fd, p, n, &at));
}

void assert_end(int fd)
{
    uint8_t byte;

    SPIN_UNTIL(recv(fd, &byte, 1, 0) == 0);
}
