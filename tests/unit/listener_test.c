/* Listeners: what is in the way of an address, and who may open a socket. */
#include "stream_help.h"

#include "lib/testrec.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

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

/* Clients are identified by credentials, so the mode excludes nobody. */
TEST(everybody_may_open_the_unix_socket)
{
    struct stat st;

    assert_int_equal(lstat(unix_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
}

static int listen_on(const char *path)
{
    struct stream_listener l = {.incoming = on_incoming, .ctx = &test_loop};
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

/* As libuv reports what accept(2) has said. */
TEST(connections_that_can_not_be_accepted_are_a_warning_once_a_minute)
{
    uv_stream_t *h = &tcp_listener.h.stream;

    test_rec_open("off,transport=warning");
    for (int i = 0; i < 3; i++)
        h->connection_cb(h, UV_ENOBUFS);
    assert_int_equal(test_rec.lines, 1);
    assert_true(test_rec_said("warning transport: a connection was not accepted module=test "
                              "err=\"no buffer space available\" failures=1"));
    test_loop_skew_ms += RATE_BOUND_MS;
    h->connection_cb(h, UV_ENOBUFS);
    assert_int_equal(test_rec.lines, 2);
    assert_true(test_rec_said("failures=4"));
    test_rec_close();
}

int main(void)
{
    return test_run(stream_setup, stream_teardown);
}
