#include "lib/testlib.h"

#include "lib/rpc.h"

#include "codec/json.h"
#include "err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000u
#define CHUNK (64u << 10)

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Let the server work until fd may be ready. */
static void wait_a_little(struct rpc *c, short what, uint64_t until)
{
    struct pollfd p = {c->fd, what, 0};

    if (now_ms() > until)
        fail_msg("the server %s within %u ms", what == POLLIN ? "sends nothing" : "takes nothing",
                 WAIT_MS);
    if (c->pump != NULL)
        c->pump();
    else
        poll(&p, 1, 100);
}

static int dial_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

struct sockaddr_in rpc_address(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char ip[INET_ADDRSTRLEN];
    uint16_t port;

    assert_int_equal(sscanf(text, "%15[0-9.]:%hu", ip, &port), 2);
    assert_int_equal(inet_pton(AF_INET, ip, &a.sin_addr), 1);
    a.sin_port = htons(port);
    return a;
}

static int dial_tcp(const char *address)
{
    struct sockaddr_in a = rpc_address(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

bool rpc_dial(struct rpc *c, const char *address, void (*pump)(void))
{
    bool local = strncmp(address, "unix:", 5) == 0;

    memset(c, 0, sizeof *c);
    c->pump = pump;
    c->fd = local ? dial_unix(address + 5) : dial_tcp(address);
    if (c->fd < 0)
        return false;
    c->pack = bx_pack_create();
    assert_non_null(c->pack);
    return true;
}

static void hang_up(struct rpc *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void rpc_close(struct rpc *c)
{
    hang_up(c);
    bx_buf_release(&c->in);
    bx_pack_destroy(c->pack);
    c->pack = NULL;
}

void rpc_request(struct bx_buf *b, uint64_t id, const char *method, const char *params)
{
    struct bx_err err = {0};

    bx_pw_array(b, 4);
    bx_pw_u64(b, 0);
    bx_pw_u64(b, id);
    bx_pw_str(b, method);
    bx_pw_array(b, 1);
    if (bx_json_read(b, params, strlen(params), 4u << 20, &err) != BX_OK)
        fail_msg("%s: %s", params, err.msg);
}

size_t rpc_write_some(struct rpc *c, const void *p, size_t n)
{
    ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent < 0 ? 0 : (size_t)sent;
}

bool rpc_write(struct rpc *c, const void *p, size_t n)
{
    uint64_t until = now_ms() + WAIT_MS;
    const uint8_t *at = p;

    while (n > 0) {
        ssize_t sent = send(c->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
            until = now_ms() + WAIT_MS;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        } else {
            wait_a_little(c, POLLOUT, until);
        }
    }
    return true;
}

/* More bytes; false when there will be none. */
static bool receive(struct rpc *c)
{
    uint64_t until = now_ms() + WAIT_MS;

    while (c->fd >= 0) {
        ssize_t got;

        assert_int_equal(bx_buf_reserve(&c->in, CHUNK), BX_OK);
        got = recv(c->fd, c->in.data + c->in.len, CHUNK, MSG_DONTWAIT);
        if (got > 0) {
            c->in.len += (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            hang_up(c);
        else
            wait_a_little(c, POLLIN, until);
    }
    return false;
}

bx_val rpc_read(struct rpc *c)
{
    struct bx_pack_scan scan;
    bx_val root;
    int rc;

    bx_buf_consume(&c->in, c->used);
    c->used = 0;
    bx_pack_scan_init(&scan);
    while ((rc = bx_pack_scan(&scan, c->in.data, c->in.len, SIZE_MAX / 2)) == BX_BUSY) {
        if (!receive(c)) {
            assert_int_equal(c->in.len, 0); /* half an answer */
            return NULL;
        }
    }
    assert_int_equal(rc, BX_OK);
    root = bx_pack_parse(c->pack, c->in.data, scan.at, SIZE_MAX / 2, NULL);
    assert_non_null(root);
    c->used = scan.at;
    return root;
}

void rpc_read_to_end(struct rpc *c)
{
    while (receive(c))
        c->in.len = 0;
    c->used = 0;
}

/* The notification that stands before a page of a list. */
static void note_page(struct rpc *c, bx_val notification)
{
    bx_val page = bx_val_at(bx_val_at(notification, 2), 0);
    struct bx_str name = {"", 0}, next = {"", 0};
    uint64_t id = 0;

    bx_val_str(bx_val_at(notification, 1), &name);
    if (!bx_str_eq(name, bx_str("page")))
        return;
    assert_true(bx_val_u64(bx_val_get(page, "id"), &id));
    assert_int_equal(id, c->id);
    assert_true(bx_val_str(bx_val_get(page, "after"), &next) && next.n > 0);
    snprintf(c->next, sizeof c->next, BX_STR_FMT, BX_STR_ARG(next));
}

bx_val rpc_call(struct rpc *c, const char *method, const char *params)
{
    struct bx_buf b = {0};
    uint64_t type = 2, id = 0;
    bx_val answer = NULL;

    c->next[0] = '\0';

    rpc_request(&b, ++c->id, method, params);
    if (!rpc_write(c, b.data, b.len))
        fail_msg("%s: the server has closed", method);
    bx_buf_release(&b);
    while (type == 2) {
        answer = rpc_read(c);
        if (answer == NULL)
            fail_msg("%s: the server has closed instead of answering", method);
        bx_val_u64(bx_val_at(answer, 0), &type);
        if (type == 2)
            note_page(c, answer);
    }
    assert_int_equal(type, 1);
    assert_true(bx_val_u64(bx_val_at(answer, 1), &id));
    assert_int_equal(id, c->id);
    return answer;
}

static const char *text_of(bx_val map, const char *key, char out[1100])
{
    struct bx_str s = {"", 0};

    bx_val_str(bx_val_get(map, key), &s);
    snprintf(out, 1100, BX_STR_FMT, BX_STR_ARG(s));
    return out;
}

bx_val rpc_ok(struct rpc *c, const char *method, const char *params)
{
    bx_val answer = rpc_call(c, method, params), error = bx_val_at(answer, 2);
    char message[1100];

    if (bx_val_type(error) != BX_V_NIL)
        fail_msg("%s: %s", method, text_of(error, "message", message));
    return bx_val_at(answer, 3);
}

void rpc_is_error(bx_val answer, int code, const char *words)
{
    bx_val error = bx_val_at(answer, 2);
    char name[1100], message[1100], hint[1100];
    uint64_t number = 0;
    bool retryable;

    assert_int_equal(bx_val_type(error), BX_V_MAP);
    assert_int_equal(bx_val_len(error), 6);
    text_of(error, "name", name);
    text_of(error, "message", message);
    text_of(error, "hint", hint);
    if (strcmp(name, bx_code_name(code)) != 0)
        fail_msg("%s instead of %s: %s", name, bx_code_name(code), message);
    assert_true(bx_val_u64(bx_val_get(error, "code"), &number));
    assert_int_equal(number, bx_code_exit(code));
    assert_true(bx_val_bool(bx_val_get(error, "retryable"), &retryable));
    assert_int_equal(retryable, bx_code_retryable(code));
    assert_non_null(bx_val_get(error, "leader"));
    if (strstr(message, words) == NULL && strstr(hint, words) == NULL)
        fail_msg("neither \"%s\" nor \"%s\" says \"%s\"", message, hint, words);
}

void rpc_fails(struct rpc *c, const char *method, const char *params, int code, const char *words)
{
    rpc_is_error(rpc_call(c, method, params), code, words);
}

uint64_t rpc_number(bx_val map, const char *key)
{
    uint64_t n = 0;

    assert_true(bx_val_u64(bx_val_get(map, key), &n));
    return n;
}

bool rpc_says(bx_val map, const char *key, const char *want)
{
    struct bx_str s = {"", 0};

    return bx_val_str(bx_val_get(map, key), &s) && bx_str_eq(s, bx_str(want));
}
