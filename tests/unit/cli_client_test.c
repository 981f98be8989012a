/* The client against servers that answer as a script says: a step a request. */
#include "lib/testlib.h"

#include "client.h"
#include "mem/alloc.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STEPS 12
#define ID "00112233445566778899aabbccddeeff"

enum step {
    CLOSE,    /* end the connection; what follows the script is this, too */
    ANSWER,   /* {"n": how many requests came before} */
    SLOWLY,   /* the same, one byte a write */
    NOTIFIED, /* the same, after a notification, both in one write */
    NO_LEADER,
    NOT_FOUND,
    OK_ERROR, /* an error that calls itself ok */
    HTTP,     /* bytes that are no answer */
    GARBAGE,  /* no MessagePack */
    WRONG_ID,
    TURN_AWAY, /* a notification that the server is full, and the end */
    DENY_NEXT, /* an answer, then a notification that the client is refused, and the end */
    SILENCE,   /* until the client goes */
};

struct fake {
    char path[100], address[120];
    enum step steps[STEPS];
    int listener;
    pthread_t thread;
    /* What came in; looked at after the thread has ended. */
    unsigned n;
    char methods[STEPS][32], ids[STEPS][40];
    uint64_t timeouts[STEPS];
};

static char *dir;
static unsigned next_path;
static struct client client;
static struct params params;
static struct bx_err err;

/* ---- the fake ---- */

static void note(struct fake *f, bx_val root)
{
    bx_val map = bx_val_at(bx_val_at(root, 3), 0);
    struct bx_str s = {"", 0};

    bx_val_str(bx_val_at(root, 2), &s);
    snprintf(f->methods[f->n], sizeof f->methods[0], BX_STR_FMT, BX_STR_ARG(s));
    s = (struct bx_str){"", 0};
    bx_val_str(bx_val_get(map, "request_id"), &s);
    snprintf(f->ids[f->n], sizeof f->ids[0], BX_STR_FMT, BX_STR_ARG(s));
    bx_val_u64(bx_val_get(map, "timeout_ms"), &f->timeouts[f->n]);
}

static void put_error(struct bx_buf *b, const char *name)
{
    bx_pw_map(b, 3);
    bx_pw_str(b, "name");
    bx_pw_str(b, name);
    bx_pw_str(b, "message");
    bx_pw_str(b, "words of the server");
    bx_pw_str(b, "hint");
    bx_pw_str(b, "its hint");
}

static void put_answer(struct bx_buf *b, uint64_t id, const char *error, unsigned n)
{
    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, id);
    if (error != NULL) {
        put_error(b, error);
        bx_pw_nil(b);
        return;
    }
    bx_pw_nil(b);
    bx_pw_map(b, 1);
    bx_pw_str(b, "n");
    bx_pw_u64(b, n);
}

static void put_notification(struct bx_buf *b, const char *method, const char *error)
{
    bx_pw_array(b, 3);
    bx_pw_u64(b, 2);
    bx_pw_str(b, method);
    bx_pw_array(b, 1);
    put_error(b, error);
}

/* False: the connection ends. */
static bool act(enum step step, int fd, uint64_t id, unsigned n)
{
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct bx_buf b = {0};
    size_t piece = SIZE_MAX;
    bool open = step != CLOSE && step != TURN_AWAY && step != DENY_NEXT && step != SILENCE;
    char byte;

    switch (step) {
    case CLOSE:
        break;
    case SLOWLY:
        piece = 1;
        put_answer(&b, id, NULL, n);
        break;
    case NOTIFIED:
        put_notification(&b, "stale", "ok");
        put_answer(&b, id, NULL, n);
        break;
    case ANSWER:
        put_answer(&b, id, NULL, n);
        break;
    case NO_LEADER:
        put_answer(&b, id, "no_leader", n);
        break;
    case NOT_FOUND:
        put_answer(&b, id, "not_found", n);
        break;
    case OK_ERROR:
        put_answer(&b, id, "ok", n);
        break;
    case HTTP:
        bx_buf_append(&b, http, sizeof http - 1);
        break;
    case GARBAGE:
        bx_buf_append(&b, "\xc1\xc1\xc1\xc1", 4); /* the one byte that MessagePack never uses */
        break;
    case WRONG_ID:
        put_answer(&b, id + 7, NULL, n);
        break;
    case TURN_AWAY:
        put_notification(&b, "error", "busy");
        break;
    case DENY_NEXT:
        put_answer(&b, id, NULL, n);
        put_notification(&b, "error", "denied");
        break;
    case SILENCE:
        while (recv(fd, &byte, 1, 0) > 0)
            ;
        break;
    }
    for (size_t at = 0; at < b.len; at += piece) {
        size_t left = b.len - at;

        if (send(fd, b.data + at, left < piece ? left : piece, MSG_NOSIGNAL) < 0 || piece > left)
            break;
    }
    bx_buf_release(&b);
    return open;
}

/* Requests of one connection, until it ends. */
static void serve(struct fake *f, int fd)
{
    struct bx_pack *pack = bx_pack_create();
    struct bx_buf in = {0};
    struct bx_pack_scan scan;
    bool open = true;

    bx_pack_scan_init(&scan);
    while (open && bx_buf_reserve(&in, 4096) == BX_OK) {
        ssize_t got = recv(fd, in.data + in.len, 4096, 0);
        uint64_t id = 0;
        unsigned n = f->n;

        if (got <= 0)
            break;
        in.len += (size_t)got;
        if (bx_pack_scan(&scan, in.data, in.len, 1 << 20) != BX_OK)
            continue;
        bx_val root = bx_pack_parse(pack, in.data, scan.at, 1 << 20, NULL);

        bx_val_u64(bx_val_at(root, 1), &id);
        if (n < STEPS) {
            note(f, root);
            f->n++;
        }
        open = act(n < STEPS ? f->steps[n] : CLOSE, fd, id, n);
        bx_buf_consume(&in, scan.at);
        bx_pack_scan_init(&scan);
    }
    bx_buf_release(&in);
    bx_pack_destroy(pack);
}

static void *run(void *arg)
{
    struct fake *f = arg;
    int fd;

    while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
        serve(f, fd);
        close(fd);
    }
    return NULL;
}

static void name(struct fake *f)
{
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s/s%u", dir, next_path++);
    snprintf(f->address, sizeof f->address, "unix:%s", f->path);
}

static void start(struct fake *f, const enum step *steps, unsigned n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    name(f);
    memcpy(f->steps, steps, n * sizeof *steps);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}
#define START(f, ...)                                                                              \
    start(f, (const enum step[]){__VA_ARGS__},                                                     \
          sizeof((const enum step[]){__VA_ARGS__}) / sizeof(enum step))

/* The client must have let go of it. */
static void stop(struct fake *f)
{
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
}

/* ---- the client ---- */

static void open_client(const char *a, const char *b)
{
    char all[500];

    snprintf(all, sizeof all, "%s%s%s", a, b == NULL ? "" : ",", b == NULL ? "" : b);
    memset(&err, 0, sizeof err);
    assert_int_equal(client_init(&client, all, &err), BX_OK);
    params_str(&params, "request_id", ID);
}

static int call(uint64_t timeout_ms, uint64_t *n)
{
    bx_val result = NULL;
    int rc = client_call(&client, "vm.create", &params, timeout_ms, &result, &err);

    *n = UINT64_MAX;
    if (rc == BX_OK)
        assert_true(bx_val_u64(bx_val_get(result, "n"), n));
    return rc;
}

static void close_client(void)
{
    client_close(&client);
    params_close(&params);
}

static int setup(void **state)
{
    (void)state;
    dir = test_make_dir();
    return dir == NULL;
}

static int teardown(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}

/* ---- answers ---- */

TEST(a_connection_serves_many_calls)
{
    struct fake f;
    uint64_t n;

    START(&f, ANSWER, SLOWLY, NOT_FOUND, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 0);
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 1);
    assert_int_equal(call(5000, &n), BX_NOT_FOUND);
    assert_string_equal(err.msg, "words of the server");
    assert_string_equal(err.hint, "its hint");
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 3);
    close_client();
    stop(&f);
    assert_int_equal(f.n, 4);
    assert_string_equal(f.methods[0], "vm.create");
    assert_in_range(f.timeouts[0], 1, 5000);
}

static void count(void *ctx, struct bx_str method, bx_val value)
{
    (void)value;
    *(unsigned *)ctx += bx_str_eq(method, bx_str("stale"));
}

TEST(notifications_are_handed_out)
{
    struct fake f;
    unsigned seen = 0;
    uint64_t n;

    START(&f, NOTIFIED, NOTIFIED);
    open_client(f.address, NULL);
    client.notify = count;
    client.ctx = &seen;
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(seen, 1);
    client.notify = NULL;
    assert_int_equal(call(5000, &n), BX_OK);
    assert_int_equal(n, 1);
    close_client();
    stop(&f);
}

/* A server that refuses a client does not wait for its request, and closes. */
TEST(a_refusal_before_the_request_is_told)
{
    struct fake f;
    struct pollfd closed;
    uint64_t n;

    START(&f, DENY_NEXT);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_OK);
    closed = (struct pollfd){client.fd, POLLRDHUP, 0};
    assert_int_equal(poll(&closed, 1, 5000), 1);
    assert_int_equal(call(5000, &n), BX_DENIED);
    assert_string_equal(err.msg, "words of the server");
    close_client();
    stop(&f);
    assert_int_equal(f.n, 1);
}

TEST(an_error_is_never_taken_for_success)
{
    struct fake f;
    uint64_t n;

    START(&f, OK_ERROR);
    open_client(f.address, NULL);
    assert_int_equal(call(5000, &n), BX_FAILED);
    close_client();
    stop(&f);
}

/* ---- trying again ---- */

TEST(what_may_pass_is_tried_again_under_one_id)
{
    struct fake f;
    uint64_t n;

    START(&f, NO_LEADER, CLOSE, TURN_AWAY, NO_LEADER, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(n, 4);
    close_client();
    stop(&f);
    assert_int_equal(f.n, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(f.ids[i], ID);
}

TEST(the_next_address_takes_over)
{
    struct fake dead, without, good;
    char two[450];
    uint64_t n;

    name(&dead);
    START(&without, NO_LEADER, NO_LEADER, NO_LEADER);
    START(&good, ANSWER, ANSWER);
    snprintf(two, sizeof two, "%s,%s", dead.address, without.address);
    open_client(two, good.address);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(call(30000, &n), BX_OK);
    close_client();
    stop(&without);
    stop(&good);
    assert_int_equal(without.n, 1);
    assert_int_equal(good.n, 2); /* and it is stayed with */
    assert_string_equal(without.ids[0], good.ids[0]);
}

TEST(a_silent_server_does_not_take_all_the_time)
{
    struct fake silent, good;
    uint64_t n, start_ms = client_now();

    START(&silent, SILENCE);
    START(&good, ANSWER);
    open_client(silent.address, good.address);
    assert_int_equal(call(6000, &n), BX_OK);
    assert_true(client_now() - start_ms < 5900);
    close_client();
    stop(&silent);
    stop(&good);
    assert_string_equal(silent.ids[0], good.ids[0]);
}

TEST(answers_of_no_server_are_not_waited_for)
{
    struct fake f;
    uint64_t n;

    START(&f, HTTP, GARBAGE, WRONG_ID, ANSWER);
    open_client(f.address, NULL);
    assert_int_equal(call(30000, &n), BX_OK);
    assert_int_equal(n, 3);
    close_client();
    stop(&f);
}

/* ---- giving up ---- */

TEST(nobody_there_names_every_address)
{
    struct fake a, b;
    uint64_t n, start_ms = client_now();

    name(&a);
    name(&b);
    open_client(a.address, b.address);
    assert_int_equal(call(60000, &n), BX_UNREACHABLE);
    assert_true(client_now() - start_ms < 30000); /* long before the deadline */
    assert_non_null(strstr(err.msg, a.address));
    assert_non_null(strstr(err.msg, b.address));
    assert_non_null(strstr(err.msg, "No such file"));
    assert_non_null(strstr(err.hint, "BLIXARD_ADDR"));
    assert_false(client.unknown);
    close_client();
}

TEST(an_unknown_host_is_said_to_be)
{
    uint64_t n;

    open_client("nowhere.invalid:1", NULL);
    assert_int_equal(call(60000, &n), BX_UNREACHABLE);
    assert_null(strstr(err.msg, "assign requested address"));
    assert_non_null(strstr(err.msg, "nowhere.invalid:1: "));
    close_client();
}

TEST(no_answer_ends_at_the_deadline_as_unknown)
{
    struct fake f;
    uint64_t n, start_ms = client_now();

    START(&f, SILENCE);
    open_client(f.address, NULL);
    assert_int_equal(call(100, &n), BX_UNREACHABLE);
    assert_true(client_now() - start_ms < 10000);
    assert_true(client.unknown);
    assert_non_null(strstr(err.msg, "does not answer"));
    assert_non_null(strstr(err.hint, "not known"));
    close_client();
    stop(&f);
}

TEST(a_server_without_leader_outweighs_a_dead_one)
{
    enum step steps[STEPS];
    struct fake without, dead;
    uint64_t n, start_ms = client_now();

    for (unsigned i = 0; i < STEPS; i++)
        steps[i] = NO_LEADER;
    name(&dead);
    start(&without, steps, STEPS);
    open_client(without.address, dead.address);
    /* Longer than it takes to give up when nobody at all is there. */
    assert_int_equal(call(2300, &n), BX_NO_LEADER);
    assert_true(client_now() - start_ms >= 2300);
    assert_string_equal(err.msg, "words of the server");
    close_client();
    stop(&without);
}

TEST(once_means_once)
{
    struct fake f;
    uint64_t n;

    START(&f, CLOSE, ANSWER);
    open_client(f.address, NULL);
    client.once = true;
    assert_int_equal(call(30000, &n), BX_UNREACHABLE);
    assert_int_equal(call(30000, &n), BX_OK);
    close_client();
    stop(&f);
}

TEST(ctrl_c_ends_it)
{
    struct fake f;
    uint64_t n;

    START(&f, SILENCE);
    open_client(f.address, NULL);
    client_interrupted = 1;
    assert_int_equal(call(30000, &n), BX_INTERRUPTED);
    client_interrupted = 0;
    close_client();
    stop(&f);
}

/* ---- addresses ---- */

TEST(addresses_are_checked)
{
    static const char *const bad[] = {"unix:", ":1", "h:", "h:0", "h:65536", "h:99999", "h:http"};
    char many[1024] = "h:1";
    size_t at = 3;

    assert_int_equal(client_init(&client, "", &err), BX_UNREACHABLE);
    client_close(&client);
    assert_int_equal(client_init(&client, ",,", &err), BX_UNREACHABLE);
    client_close(&client);
    assert_int_equal(client_init(&client, "h:1,nowhere", &err), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "nowhere"));
    client_close(&client);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(client_init(&client, bad[i], &err), BX_UNREACHABLE);
        assert_non_null(strstr(err.msg, "not unix:PATH or HOST:PORT"));
        client_close(&client);
    }
    assert_int_equal(client_init(&client, "unix:/a,h:1,,[::1]:2", &err), BX_OK);
    assert_int_equal(client.n, 3);
    assert_string_equal(client.addresses[2], "[::1]:2");
    client_close(&client);
    for (unsigned i = 1; i <= CLIENT_ADDRESSES_MAX; i++)
        at += (size_t)snprintf(many + at, sizeof many - at, ",h:%u", i);
    assert_int_equal(client_init(&client, many, &err), BX_UNREACHABLE);
    client_close(&client);
}

int main(void)
{
    return test_run(setup, teardown);
}
