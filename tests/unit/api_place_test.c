/* Which connections there may be: shares of addresses, users and processes, what is kept for
 * administrators, and who gives way to whom. */
#include "api_help.h"

#include <arpa/inet.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* From 127.0.0.N. */
static struct rpc dial_from(unsigned n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + n)};
    struct rpc c = {.pump = pump, .pack = bx_pack_create()};

    c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(c.fd, (struct sockaddr *)&a, sizeof a), 0);
    a = rpc_address(tcp_address);
    assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof a), 0);
    pump();
    return c;
}

/* One byte, and this descriptor with it; or receive them. */
static int pass(int over, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof fd),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec byte = {&(char){0}, 1};
    struct msghdr m = {.msg_iov = &byte,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};

    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
        return (int)sendmsg(over, &m, 0);
    }
    assert_int_equal(recvmsg(over, &m, MSG_CMSG_CLOEXEC), 1);
    memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    return fd;
}

/* Another process connects, as this user, and ends: the connection stays its own. */
static struct rpc dial_as_process(uid_t uid)
{
    struct rpc c = {.pump = pump, .pack = bx_pack_create()};
    int pair[2];
    pid_t child;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rpc mine;
        bool fit =
            (uid == geteuid() || (setgroups(1, &(gid_t){OPERATOR_GID}) == 0 && setuid(uid) == 0)) &&
            rpc_dial(&mine, unix_address, NULL) && pass(pair[1], mine.fd) == 1;

        _exit(fit ? 0 : 1);
    }
    c.fd = pass(pair[0], -1);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    pump();
    return c;
}

static void is_served(struct rpc *c)
{
    rpc_ok(c, "sys.hello", "{}");
}

/* It is told, and closed. */
static void is_refused(struct rpc *c, const char *words)
{
    bx_val told = rpc_read(c);
    struct bx_str message;
    char text[256];

    assert_int_equal(bx_val_len(told), 3);
    told = bx_val_at(bx_val_at(told, 2), 0);
    assert_true(rpc_says(told, "name", "busy"));
    assert_true(bx_val_str(bx_val_get(told, "message"), &message));
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(message));
    if (strstr(text, words) == NULL)
        fail_msg("%s: not \"%s\"", text, words);
    ends(c);
}

static void close_all(struct rpc *c, int n)
{
    for (int i = 0; i < n; i++)
        rpc_close(&c[i]);
}

static void run_ms(uint64_t ms)
{
    test_loop_skew_ms += ms;
    for (int turn = 0; turn < 100; turn++)
        uv_run(&test_loop, UV_RUN_ONCE);
}

/* ---- shares ---- */

TEST(a_process_has_half_of_what_the_others_leave)
{
    struct rpc c[16], other[9], more;
    char words[64];

    api_test_setup_with(state, 32);
    for (int i = 0; i < 16; i++) {
        c[i] = dial_api(unix_address);
        is_served(&c[i]);
    }
    more = dial_api(unix_address);
    snprintf(words, sizeof words, "(16 of uid:%u pid:%u)", (unsigned)geteuid(), (unsigned)getpid());
    is_refused(&more, words);
    for (int i = 0; i < 9; i++) { /* each is a process of its own */
        other[i] = dial_as_process(geteuid());
        is_served(&other[i]);
    }
    rpc_close(&c[0]);
    for (int i = 0; i < 5; i++)
        pump();
    more = dial_api(unix_address);
    is_refused(&more, "too many connections"); /* fewer than it had when it was alone */
    close_all(c + 1, 15);
    close_all(other, 9);
}

TEST(an_address_has_half_of_what_the_others_leave)
{
    struct rpc c[16], other[4], more;

    api_test_setup_with(state, 32);
    for (int i = 0; i < 16; i++) {
        c[i] = dial_from(1);
        is_served(&c[i]);
    }
    more = dial_from(1);
    is_refused(&more, "(16 of 127.0.0.1)");
    for (int i = 0; i < 4; i++) {
        other[i] = dial_from(2);
        is_served(&other[i]);
    }
    close_all(c, 16);
    close_all(other, 4);
}

/* ---- reserves ---- */

TEST(the_unix_socket_has_a_reserve)
{
    struct rpc tcp[24], local[2], more;

    api_test_setup_with(state, 32);
    for (unsigned i = 0; i < 24; i++) {
        tcp[i] = dial_from(1 + i);
        is_served(&tcp[i]);
    }
    more = dial_from(25);
    is_refused(&more, "too many connections");
    for (int i = 0; i < 2; i++) {
        local[i] = dial_api(unix_address);
        is_served(&local[i]);
    }
    close_all(tcp, 24);
    close_all(local, 2);
}

TEST(administrators_have_a_reserve)
{
    struct rpc tcp[24], user[8], own;
    int n = 0;

    if (geteuid() != 0)
        skip();
    api_test_setup_with(state, 32);
    assert_int_equal(chmod(dir, 0711), 0);
    for (unsigned i = 0; i < 24; i++) {
        tcp[i] = dial_from(1 + i);
        is_served(&tcp[i]);
    }
    for (; n < 6; n++) {
        user[n] = dial_as_process(60001 + (uid_t)n);
        is_served(&user[n]);
    }
    user[n] = dial_as_process(60009);
    is_refused(&user[n], "(30 of everybody)");
    own = dial_api(unix_address);
    is_served(&own);
    rpc_close(&own);
    close_all(tcp, 24);
    close_all(user, n);
}

/* ---- who gives way ---- */

/* Who connects and asks nothing gives its place up; who has asked may stay. */
TEST(who_never_asks_is_closed)
{
    struct rpc tcp = dial_api(tcp_address), local = dial_api(unix_address),
               asked = dial_api(tcp_address);

    is_served(&asked);
    run_ms(11000);
    ends(&tcp);
    ends(&local);
    is_served(&asked);
    rpc_close(&asked);
}

TEST(who_asks_nothing_makes_room_after_a_second)
{
    struct rpc c[16], more;

    api_test_setup_with(state, 32);
    for (int i = 0; i < 16; i++)
        c[i] = dial_from(1);
    more = dial_from(1);
    is_refused(&more, "too many connections"); /* they may be about to ask */
    run_ms(2000);
    is_served(&c[0]);
    more = dial_from(1);
    is_served(&more);
    is_refused(&c[1], "make room");
    is_served(&c[0]);
    rpc_close(&more);
    rpc_close(&c[0]);
    close_all(c + 2, 14);
}

TEST(who_is_idle_makes_room_after_a_minute)
{
    struct rpc c[16], more;

    api_test_setup_with(state, 32);
    for (int i = 0; i < 16; i++) {
        c[i] = dial_from(1);
        is_served(&c[i]);
    }
    run_ms(50000);
    is_served(&c[0]);
    run_ms(11000);
    more = dial_from(1);
    is_served(&more);
    is_refused(&c[1], "make room");
    is_served(&c[0]);
    rpc_close(&more);
    rpc_close(&c[0]);
    close_all(c + 2, 14);
}

/* A call that is under way is not idle. */
TEST(who_waits_for_an_answer_stays)
{
    struct rpc c[16], more;
    struct bx_buf b = {0};

    api_test_setup_with(state, 32);
    rpc_request(&b, 1, "cluster.init", "{\"name\": \"x\"}");
    for (int i = 0; i < 16; i++) {
        c[i] = dial_from(1);
        write_all(&c[i], b.data, b.len);
    }
    while (n_inits < 16)
        pump();
    run_ms(70000);
    more = dial_from(1);
    is_refused(&more, "(16 of 127.0.0.1)");
    close_all(c, 16);
    bx_buf_release(&b);
}

TEST(any_idle_connection_makes_room_for_the_unix_socket)
{
    struct rpc tcp[24], local[9];
    int lost = 0;

    api_test_setup_with(state, 32);
    for (unsigned i = 0; i < 24; i++) {
        tcp[i] = dial_from(1 + i);
        is_served(&tcp[i]);
    }
    run_ms(61000);
    for (int i = 0; i < 9; i++) {
        local[i] = dial_as_process(geteuid());
        is_served(&local[i]);
    }
    for (int i = 0; i < 24; i++) {
        lost += recv(tcp[i].fd, &(char){0}, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
        rpc_close(&tcp[i]);
    }
    assert_int_equal(lost, 1);
    close_all(local, 9);
}

int main(void)
{
    return test_run(api_test_setup, api_test_teardown);
}
