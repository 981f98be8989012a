/* Clients of the API over TCP: TLS, and those that do not get so far. */
#include "api_help.h"
#include "pki_help.h"

#include "api/conn.h"
#include "pki/openssl_log.h"
#include "transport/tls.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS 20000

static struct pki_test_ca ca;

static struct tls_context *server_context(void)
{
    uint64_t now = test_loop_clock.ops->wall_ms(&test_loop_clock);
    struct pki_der trusted = {ca.der.data, ca.der.len};
    struct pki_issue i = pki_test_node(&ca, 1);
    struct tls_context *out;
    struct pki_key *key;
    struct bx_buf der = {0};

    i.not_before_ms = now;
    i.not_after_ms = now + PKI_TEST_DAY;
    pki_test_issue(&ca, &i, &key, &der);
    assert_int_equal(tls_context_create(&out,
                                        &(struct tls_config){.side = TLS_SERVER,
                                                             .protocol = TLS_PROTOCOL,
                                                             .key = key,
                                                             .certificate = {der.data, der.len},
                                                             .ca = trusted,
                                                             .cas = &trusted,
                                                             .n_cas = 1},
                                        NULL),
                     BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&der);
    return out;
}

static int set_up(void **state)
{
    struct tls_context *c;

    api_test_setup(state);
    api_test_setup_untrusted(state);
    pki_test_ca_open(&ca, 0xc1);
    c = server_context();
    api_test_secure(c);
    tls_context_release(c);
    return 0;
}

static int tear_down(void **state)
{
    pki_test_ca_close(&ca);
    openssl_log(BX_LEVEL_DEBUG);
    return api_test_teardown(state);
}

/* ---- a client ---- */

struct client {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

static struct client dial_silent(void)
{
    struct sockaddr_in a = rpc_address(tcp_address);
    struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    assert_int_equal(connect(c.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(fcntl(c.fd, F_SETFL, O_NONBLOCK), 0);
    return c;
}

/* version: the highest. */
static struct client dial_tls(int version, const char *protocol)
{
    struct client c = dial_silent();
    uint8_t alpn[32];

    alpn[0] = (uint8_t)strlen(protocol);
    memcpy(alpn + 1, protocol, alpn[0]);
    c.context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(c.context, version);
    SSL_CTX_set_alpn_protos(c.context, alpn, 1u + alpn[0]);
    c.ssl = SSL_new(c.context);
    SSL_set_fd(c.ssl, c.fd);
    return c;
}

static void hang_up(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->fd);
    ERR_clear_error();
}

static void turn(void)
{
    uv_run(&test_loop, UV_RUN_NOWAIT);
}

static bool waits(const struct client *c, int rv)
{
    int e = SSL_get_error(c->ssl, rv);

    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

/* Whether the handshake comes to a good end. */
static bool shakes(struct client *c)
{
    int rv;

    for (rv = SSL_connect(c->ssl); rv != 1 && waits(c, rv); rv = SSL_connect(c->ssl))
        turn();
    return rv == 1;
}

static void asks(struct client *c)
{
    struct bx_buf b = {0};

    rpc_request(&b, 1, "sys.hello", "{}");
    assert_int_equal(SSL_write(c->ssl, b.data, (int)b.len), b.len);
    bx_buf_release(&b);
}

/* What comes next has these words. */
static void reads(struct client *c, const char *words)
{
    char answer[4096];
    int n;

    while ((n = SSL_read(c->ssl, answer, sizeof answer)) <= 0 && waits(c, n))
        turn();
    assert_true(n > 0);
    assert_non_null(memmem(answer, (size_t)n, words, strlen(words)));
}

/* The server has closed. */
static bool ended(const struct client *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK) >= 0;
}

static void ends_after(const struct client *c, int64_t ms)
{
    test_loop_skew_ms += ms;
    for (int i = 0; i < TURNS && !ended(c); i++)
        uv_run(&test_loop, ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    assert_true(ended(c));
}

/* ---- tests ---- */

TEST(a_client_is_served_over_tls)
{
    struct client c = dial_tls(TLS1_3_VERSION, TLS_PROTOCOL);

    assert_true(shakes(&c));
    asks(&c);
    reads(&c, "n1");
    hang_up(&c);
}

/* It is a stranger until it proves who it is. */
TEST(a_stranger_may_not_stay)
{
    struct client c = dial_tls(TLS1_3_VERSION, TLS_PROTOCOL);

    assert_true(shakes(&c));
    for (int i = 0; i < 2; i++) {
        asks(&c);
        reads(&c, "n1");
        test_loop_skew_ms += 6000;
        for (int k = 0; k < 100; k++)
            uv_run(&test_loop, UV_RUN_ONCE);
    }
    ends_after(&c, 0);
    hang_up(&c);
}

TEST(tls_1_2_is_refused_and_counted)
{
    struct client c = dial_tls(TLS1_2_VERSION, TLS_PROTOCOL);

    assert_false(shakes(&c));
    hang_up(&c);
    assert_int_equal(api_test_counted("version"), 1);
}

TEST(another_protocol_is_refused_and_counted)
{
    struct client c = dial_tls(TLS1_3_VERSION, "h2");

    assert_false(shakes(&c));
    hang_up(&c);
    assert_int_equal(api_test_counted("protocol"), 1);
}

TEST(what_is_not_tls_is_answered_with_an_alert_and_counted)
{
    static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 10};
    struct client c = dial_silent();
    uint8_t got[16];
    ssize_t n;

    assert_int_equal(send(c.fd, "\x94\x00\x01", 3, 0), 3);
    while ((n = recv(c.fd, got, sizeof got, 0)) < 0)
        turn();
    assert_int_equal(n, sizeof alert);
    assert_memory_equal(got, alert, sizeof alert);
    ends_after(&c, 0);
    hang_up(&c);
    assert_int_equal(api_test_counted("not_tls"), 1);
}

TEST(who_says_nothing_is_closed_after_a_while)
{
    struct client c = dial_silent();

    for (int i = 0; i < 100; i++)
        turn();
    assert_false(ended(&c));
    ends_after(&c, 7000);
    hang_up(&c);
    assert_int_equal(api_test_counted("timeout"), 1);
}

TEST(who_goes_amid_the_handshake_is_counted)
{
    struct client c = dial_silent();

    for (int i = 0; i < 100; i++)
        turn();
    hang_up(&c);
    for (int i = 0; i < TURNS && api_test_counted("closed") == 0; i++)
        turn();
    assert_int_equal(api_test_counted("closed"), 1);
}

/* There are half as many as connections, and half of them from one address. */
TEST(half_open_handshakes_are_bounded_and_keep_nobody_out)
{
    static struct client c[400];
    struct client good;
    struct rlimit files;
    int max = API_CONNS_MAX / 4, n;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    if (files.rlim_cur / 2 < API_CONNS_MAX)
        max = (int)files.rlim_cur / 8;
    n = max + 100;
    for (int i = 0; i < n; i++) {
        c[i] = dial_silent();
        turn();
    }
    for (int i = 0; i < TURNS && api_test_counted("crowded") < (uint64_t)(n - max); i++)
        turn();
    assert_int_equal(api_test_counted("crowded"), n - max);
    assert_true(ended(&c[0]));
    assert_false(ended(&c[n - 1]));
    good = dial_tls(TLS1_3_VERSION, TLS_PROTOCOL);
    assert_true(shakes(&good));
    asks(&good);
    reads(&good, "n1");
    hang_up(&good);
    for (int i = 0; i < n; i++)
        hang_up(&c[i]);
}

/* A host that is no member has no certificate. */
TEST(without_a_certificate_every_client_is_closed_at_once)
{
    struct client c;

    pki_test_ca_close(&ca);
    api_test_setup_untrusted(state);
    pki_test_ca_open(&ca, 0xc1);
    c = dial_silent();
    ends_after(&c, 0);
    hang_up(&c);
    assert_int_equal(api_test_counted("not_a_member"), 1);
}

int main(void)
{
    return test_run(set_up, tear_down);
}
