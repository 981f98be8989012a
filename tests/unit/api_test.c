/* The API server on a loop of the test's own: messages and what is none, errors, and the file of
 * its socket. */
#include "api_help.h"

#include "mem/alloc.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct bx_metrics others_metrics;

TEST(hello_tells_who_answers)
{
    const char *addresses[] = {unix_address, tcp_address};

    for (int i = 0; i < 2; i++) {
        struct rpc c = dial_api(addresses[i]);
        bx_val r = rpc_ok(&c, "sys.hello", "{\"version\": 1}");
        bool initialized = true;
        uint64_t version;
        struct bx_str s;

        assert_true(bx_val_u64(bx_val_get(r, "version"), &version));
        assert_int_equal(version, 1);
        assert_true(bx_val_str(bx_val_get(r, "name"), &s) && bx_str_eq(s, bx_str("n1")));
        assert_true(bx_val_str(bx_val_get(r, "driver"), &s) && bx_str_eq(s, bx_str("sim")));
        assert_true(bx_val_bool(bx_val_get(r, "initialized"), &initialized));
        assert_false(initialized);
        rpc_close(&c);
    }
}

TEST(a_message_may_come_in_any_pieces)
{
    struct rpc c = dial_api(unix_address);
    struct bx_buf b = {0};
    uint64_t id;

    rpc_request(&b, 7, "sys.hello", "{\"version\": 1}");
    rpc_request(&b, 300, "vm.list", "{\"consistency\": \"stale\"}");
    for (size_t cut = 1; cut < b.len; cut++) {
        write_all(&c, b.data, cut);
        pump();
        write_all(&c, b.data + cut, b.len - cut);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, 7);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, 300);
    }
    bx_buf_release(&b);
    rpc_close(&c);
}

/* 1,000 requests in one piece, none of which is answered at once: 256 begin, the rest waits, and
 * each is answered in the end although nothing more comes in. */
TEST(too_many_requests_wait)
{
    struct rpc c = dial_api(unix_address);
    struct bx_buf b = {0};
    uint32_t seen = 0;

    for (uint64_t id = 1; id <= 1000; id++)
        rpc_request(&b, id, "cluster.init", "{}");
    write_all(&c, b.data, b.len);
    bx_buf_release(&b);
    SPIN_UNTIL(n_inits == 256);
    while (seen < 1000) {
        uint64_t id = 0;

        SPIN_UNTIL(n_inits > n_answered);
        assert_true(n_inits - n_answered <= 256);
        answer_inits(n_answered + 1);
        assert_true(bx_val_u64(bx_val_at(rpc_read(&c), 1), &id));
        assert_int_equal(id, ++seen);
    }
    rpc_fails(&c, "cluster.init", "{\"name\": \"taken\"}", BX_CONFLICT, "member already");
    rpc_close(&c);
}

/* As a client does that needs no answer. */
TEST(what_was_sent_before_the_end_is_carried_out)
{
    struct rpc c = dial_api(unix_address);
    struct bx_buf b = {0};

    for (uint64_t id = 1; id <= 100; id++) /* more than a turn processes */
        rpc_request(&b, id, "cluster.init", "{}");
    assert_int_equal(rpc_write_some(&c, b.data, b.len), b.len);
    bx_buf_release(&b);
    rpc_close(&c);
    SPIN_UNTIL(n_inits == 100);
    answer_inits(100);
}

TEST(who_left_gets_no_answer)
{
    struct rpc c = dial_api(unix_address), other = dial_api(unix_address);
    struct bx_buf b = {0};

    rpc_request(&b, 1, "cluster.init", "{}");
    write_all(&c, b.data, b.len);
    write_all(&other, b.data, b.len);
    bx_buf_release(&b);
    SPIN_UNTIL(n_inits == 2);
    rpc_close(&c);
    for (int i = 0; i < 5; i++)
        pump();
    answer_inits(2);
    assert_int_equal(bx_val_type(bx_val_at(rpc_read(&other), 2)), BX_V_NIL);
    rpc_close(&other);
}

/* A client asks the next address then; that the host has no cluster would be final. */
TEST(a_member_that_has_no_node_starts_or_stops)
{
    struct rpc c = dial_api(unix_address);

    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "not belong to a cluster");
    identity.node = 3;
    rpc_fails(&c, "vm.list", "{}", BX_SHUTDOWN, "starting or stopping");
    assert_true(bx_code_retryable(BX_SHUTDOWN));
    rpc_close(&c);
}

/* ---- what is no message ---- */

static void told_malformed(struct rpc *c)
{
    bx_val note = rpc_read(c);
    struct bx_str method = {"", 0};

    assert_int_equal(bx_val_len(note), 3);
    assert_true(bx_val_str(bx_val_at(note, 1), &method) && bx_str_eq(method, bx_str("error")));
    assert_true(rpc_says(bx_val_at(bx_val_at(note, 2), 0), "name", "malformed"));
}

TEST(garbage_is_told_so_and_closed)
{
    static const struct {
        uint8_t p[8];
        size_t n;
    } garbage[] = {
        {{0x00}, 1},                      /* a number */
        {{0xc1}, 1},                      /* not used in MessagePack */
        {{0x90}, 1},                      /* [] */
        {{0x94, 1, 0, 0xa0, 0x90}, 5},    /* type 1 */
        {{0x94, 0, 0xff, 0xa0, 0x90}, 5}, /* a negative id */
        {{0x94, 0, 1, 2, 0x90}, 5},       /* the method a number */
        {{0x94, 0, 1, 0xa0, 0x80}, 5},    /* the parameters no list */
        {{0x93, 2, 0xa0, 0x90}, 4},       /* a notification */
        {{0x84, 0, 0, 1, 1, 2, 2, 3}, 8}, /* a map */
        {{'G', 'E', 'T', ' ', '/', '\r', '\n'}, 7},
    };

    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        struct rpc c = dial_api(i % 2 == 0 ? unix_address : tcp_address);

        rpc_write(&c, garbage[i].p, garbage[i].n);
        if (i == 8)
            rpc_write(&c, "\3", 1);
        told_malformed(&c);
        ends(&c);
    }
}

/* Whatever comes: the connection is closed, at the latest when half a message is late. */
TEST(noise_does_no_harm)
{
    static uint8_t noise[64 << 10];
    struct bx_alloc_stats before, after;
    uint64_t seed = 1;

    bx_alloc_stats(&before);
    for (int round = 0; round < 200; round++) {
        struct rpc c = dial_api(round % 2 == 0 ? unix_address : tcp_address);

        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)test_random(&seed);
        if (round % 3 == 0) { /* in the form of a request */
            noise[0] = 0x94;
            noise[1] = 0;
            noise[2] &= 0x7f;
        }
        rpc_write(&c, noise, sizeof noise);
        for (int i = 0; i < 3; i++)
            pump();
        test_loop_skew_ms += 11000;
        rpc_read_to_end(&c);
        rpc_close(&c);
    }
    bx_alloc_stats(&after);
    assert_true(after.live < before.live + 100);
    for (int i = 0; i < 2; i++) {
        struct rpc c = dial_api(i == 0 ? unix_address : tcp_address);

        rpc_ok(&c, "sys.hello", "{}");
        rpc_close(&c);
    }
}

/* ---- errors ---- */

TEST(errors_say_what_to_do)
{
    struct rpc c = dial_api(unix_address);
    struct bx_buf b = {0};

    rpc_fails(&c, "vm.lst", "{}", BX_UNSUPPORTED, "did you mean \"vm.list\"?");
    rpc_fails(&c, "frobnicate", "{}", BX_UNSUPPORTED, "unknown method \"frobnicate\"");
    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "this host does not belong to a cluster");
    rpc_fails(&c, "vm.list", "{}", BX_CONFLICT, "blixardctl cluster init");
    rpc_fails(&c, "cluster.status", "{}", BX_CONFLICT, "this host does not belong to a cluster");
    rpc_fails(&c, "cluster.init", "{\"nmae\": \"x\"}", BX_INVALID, "did you mean \"name\"?");
    rpc_fails(&c, "cluster.init", "{\"colour\": 1}", BX_INVALID, "unknown parameter \"colour\"");
    rpc_fails(&c, "cluster.init", "{\"name\": 7}", BX_INVALID, "name: must be a string");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": 0}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": 600001}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"timeout_ms\": -1}", BX_INVALID, "timeout_ms");
    rpc_fails(&c, "cluster.init", "{\"trace_id\": \"12\"}", BX_INVALID, "trace_id");
    rpc_fails(&c, "cluster.init", "[]", BX_INVALID, "must be one map");
    rpc_fails(&c, "cluster.join", "{\"token\": \"x\"}", BX_INVALID, "no token");
    rpc_request(&b, 77, "no\x01\xff\xfe.such", "{}"); /* what is repeated is made text */
    write_all(&c, b.data, b.len);
    rpc_is_error(rpc_read(&c), BX_UNSUPPORTED, "unknown method \"no???.such\"");
    b.len = 0;
    bx_buf_append(&b, "\x94\x00\x05\xa9sys.hello\x90", 14); /* no parameters */
    write_all(&c, b.data, b.len);
    rpc_is_error(rpc_read(&c), BX_INVALID, "must be one map");
    bx_buf_release(&b);
    assert_int_equal(n_inits, 0);
    rpc_close(&c);
}

/* ---- the socket's file ---- */

static int open_another(const char *path, struct bx_err *err)
{
    struct api_options o = options;
    struct api *other;
    uv_loop_t its_loop;
    int rc;

    assert_int_equal(uv_loop_init(&its_loop), 0);
    o.loop = &its_loop;
    o.metrics = &others_metrics;
    o.socket = path;
    o.address = "";
    rc = api_create(&other, &o, err);
    api_destroy(other);
    uv_run(&its_loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&its_loop), 0);
    return rc;
}

TEST(the_path_of_the_socket_is_not_taken_by_force)
{
    struct rpc c;
    char path[4300];
    struct bx_err err;
    struct stat st;
    FILE *f;
    int fd;

    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    assert_int_equal(open_another(socket_path, &err), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "another daemon"));
    c = dial_api(unix_address); /* and it still listens */
    rpc_ok(&c, "sys.hello", "{}");
    rpc_close(&c);

    snprintf(path, sizeof path, "%s/precious", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(open_another(path, &err), BX_UNREACHABLE);
    assert_int_equal(access(path, F_OK), 0);

    snprintf(path, sizeof path, "%s/no/such/folder", dir);
    assert_int_equal(open_another(path, &err), BX_IO);
    snprintf(path, sizeof path, "%s/%0200d", dir, 1);
    assert_int_equal(open_another(path, &err), BX_INVALID);

    snprintf(path, sizeof path, "%s/stale", dir); /* what a killed daemon leaves */
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    {
        struct sockaddr_un a = {.sun_family = AF_UNIX};

        memcpy(a.sun_path, path, strlen(path));
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    }
    close(fd);
    assert_int_equal(open_another(path, &err), BX_OK);
}

int main(void)
{
    return test_run(api_test_setup, api_test_teardown);
}
