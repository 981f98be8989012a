/* TLS of blixardctl, with servers that are what they should be, or are not. */
#include "cli_tls_help.h"

#include "connect.h"
#include "client.h"
#include "tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 20000u
#define SHORT_MS 300u

/* ---- the server ---- */

struct server {
    int listener, version; /* the highest */
    char address[64];
    SSL_CTX *ssl;
    const char *says;     /* instead of TLS; NULL: TLS, and then an echo */
    const char *protocol; /* ALPN */
    int alert;            /* with which clients' certificates are refused */
    bool silent;
    pthread_t thread;
};

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
                   const unsigned char *offered, unsigned int n_offered, void *arg)
{
    const struct server *s = arg;

    (void)ssl;
    (void)offered;
    (void)n_offered;
    *out = (const unsigned char *)s->protocol;
    *n = (unsigned char)(s->protocol == NULL ? 0 : strlen(s->protocol));
    return s->protocol == NULL ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

static int on_verify(X509_STORE_CTX *x, void *arg)
{
    const struct server *s = arg;

    if (s->alert != 0)
        X509_STORE_CTX_set_error(x, s->alert);
    return s->alert == 0;
}

static void serve_tls(struct server *s, int fd)
{
    SSL *ssl = SSL_new(s->ssl);
    char bytes[4096];
    size_t n;

    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        while (SSL_read_ex(ssl, bytes, sizeof bytes, &n) == 1)
            SSL_write_ex(ssl, bytes, n, &n);
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    int fd = accept(s->listener, NULL, NULL);
    char byte;

    if (s->says != NULL)
        (void)send(fd, s->says, strlen(s->says), MSG_NOSIGNAL);
    if (s->says != NULL || s->silent) {
        while (recv(fd, &byte, 1, 0) > 0)
            ;
    } else {
        serve_tls(s, fd);
    }
    close(fd);
    return NULL;
}

static void start(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", ntohs(a.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
    SSL_CTX_free(s->ssl);
}

/* With the certificate of a node, or of a user. */
static struct server server_of(const struct pki_test_ca *by, const char *user, int from_day,
                               int to_day)
{
    struct pki_issue i = cli_tls_issue(by, user, from_day, to_day);
    struct server s = {.version = TLS1_3_VERSION, .protocol = "blixard/1"};
    struct bx_buf der = {0};
    uint8_t pkcs8[PKI_KEY_MAX];
    struct pki_key *key;
    size_t n;

    pki_test_issue(by, &i, &key, &der);
    assert_int_equal(pki_key_write(key, pkcs8, &n, NULL), BX_OK);
    s.ssl = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_max_proto_version(s.ssl, s.version);
    assert_int_equal(SSL_CTX_use_certificate_ASN1(s.ssl, (int)der.len, der.data), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, s.ssl, pkcs8, (long)n), 1);
    pki_key_destroy(key);
    bx_buf_release(&der);
    return s;
}

static void start_tls(struct server *s)
{
    SSL_CTX_set_max_proto_version(s->ssl, s->version);
    SSL_CTX_set_alpn_select_cb(s->ssl, on_alpn, s);
    if (s->alert != 0)
        SSL_CTX_set_verify(s->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(s->ssl, on_verify, s);
    start(s);
}

static struct client_tls *believing(const char *ca_file)
{
    struct client_tls_files f = {.ca = path_of(ca_file)};
    struct client_tls *t = NULL;

    if (client_tls_create(&t, &f, &err) != BX_OK)
        fail_msg("%s", err.msg);
    return t;
}

/* ---- who is believed ---- */

static uint64_t soon(uint32_t ms)
{
    return client_now() + ms;
}

/* An echo of n bytes. */
static void echoes(struct connection *c, size_t n)
{
    uint8_t *sent = malloc(n), *back = malloc(n);
    size_t at = 0, got;

    for (size_t i = 0; i < n; i++)
        sent[i] = (uint8_t)(i * 7);
    assert_int_equal(connect_send(c, sent, n, soon(WAIT_MS), &err), BX_OK);
    for (; at < n; at += got)
        assert_int_equal(connect_receive(c, back + at, n - at, soon(WAIT_MS), &got, &err), BX_OK);
    assert_memory_equal(sent, back, n);
    free(sent);
    free(back);
}

TEST(a_node_of_the_cluster_is_believed)
{
    struct server s = server_of(&ca, NULL, -1, 1);
    struct client_tls *t = believing("ca.pem");
    struct connection c;

    start_tls(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(WAIT_MS), &err), BX_OK);
    echoes(&c, 5);
    echoes(&c, 3000);
    connect_close(&c);
    stop(&s);
    client_tls_destroy(t);
}

/* The server must not be, and the message says why. */
static void refuses(struct server *s, const char *ca_file, const char *words)
{
    struct client_tls *t = believing(ca_file);
    struct connection c;

    start_tls(s);
    assert_int_equal(connect_open(&c, s->address, t, soon(WAIT_MS), &err), BX_UNREACHABLE);
    assert_int_equal(c.fd, -1);
    if (strstr(err.msg, words) == NULL || strncmp(err.msg, s->address, strlen(s->address)) != 0)
        fail_msg("\"%s\" does not say \"%s\"", err.msg, words);
    stop(s);
    client_tls_destroy(t);
}

TEST(a_node_of_another_cluster_is_refused)
{
    struct server s = server_of(&other, NULL, -1, 1);

    refuses(&s, "ca.pem", "certificate of another cluster");
}

TEST(the_ca_of_another_cluster_is_of_no_use)
{
    struct server s = server_of(&ca, NULL, -1, 1);

    refuses(&s, "other.pem", "certificate of another cluster");
}

TEST(who_signs_like_the_ca_is_not_the_ca)
{
    struct server s = server_of(&twin, NULL, -1, 1);

    refuses(&s, "ca.pem", "not signed by the cluster's CA");
}

TEST(an_expired_node_is_refused)
{
    struct server s = server_of(&ca, NULL, -3, -1);

    refuses(&s, "ca.pem", "certificate expired");
}

TEST(a_node_of_tomorrow_is_refused)
{
    struct server s = server_of(&ca, NULL, 1, 2);

    refuses(&s, "ca.pem", "not valid yet");
}

TEST(a_user_is_no_server)
{
    struct server s = server_of(&ca, "mallory", -1, 1);

    refuses(&s, "ca.pem", "certificate of a user, not of a node");
}

TEST(tls_1_2_is_refused)
{
    struct server s = server_of(&ca, NULL, -1, 1);

    s.version = TLS1_2_VERSION;
    refuses(&s, "ca.pem", "protocol version");
}

TEST(a_server_of_something_else_is_refused)
{
    struct server s = server_of(&ca, NULL, -1, 1);

    s.protocol = NULL;
    refuses(&s, "ca.pem", "not a blixardd");
}

TEST(a_server_without_tls_is_refused)
{
    struct server s = {.says = "HTTP/1.1 400 Bad Request\r\n\r\n"};
    struct client_tls *t = believing("ca.pem");
    struct connection c;

    start(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(WAIT_MS), &err), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "does not speak TLS"));
    stop(&s);
    client_tls_destroy(t);
}

TEST(a_silent_server_is_waited_for_until_the_deadline)
{
    struct server s = {.silent = true};
    struct client_tls *t = believing("ca.pem");
    uint64_t began = client_now();
    struct connection c;

    start(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(SHORT_MS), &err), BX_UNREACHABLE);
    assert_non_null(strstr(err.msg, "timed out in the TLS handshake"));
    assert_in_range(client_now() - began, SHORT_MS, WAIT_MS);
    stop(&s);
    client_tls_destroy(t);
}

TEST(an_answer_is_waited_for_until_the_deadline)
{
    struct server s = server_of(&ca, NULL, -1, 1);
    struct client_tls *t = believing("ca.pem");
    struct connection c;
    char byte;
    size_t got;

    start_tls(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(WAIT_MS), &err), BX_OK);
    assert_int_equal(connect_receive(&c, &byte, 1, soon(SHORT_MS), &got, &err), BX_TIMEOUT);
    connect_close(&c);
    stop(&s);
    client_tls_destroy(t);
}

TEST(one_of_several_cas_is_enough)
{
    struct server s = server_of(&ca, NULL, -1, 1);
    struct bx_buf text = {0};
    struct client_tls *t;
    struct connection c;

    assert_int_equal(bx_buf_append(&text, "the old one\n", 12), BX_OK);
    pki_pem_write(PKI_PEM_CERTIFICATE, twin.der.data, twin.der.len, &text, NULL);
    pki_pem_write(PKI_PEM_CERTIFICATE, ca.der.data, ca.der.len, &text, NULL);
    put_file("both.pem", 0644, text.data, text.len);
    bx_buf_release(&text);
    t = believing("both.pem");
    start_tls(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(WAIT_MS), &err), BX_OK);
    connect_close(&c);
    stop(&s);
    client_tls_destroy(t);
}

/* ---- what the client proves ---- */

static void is_refused(int fault, const char *words)
{
    struct client_tls_files f = {path_of("ca.pem"), path_of("alice.crt"), path_of("alice.key")};
    struct server s = server_of(&ca, NULL, -1, 1);
    struct client_tls *t;
    struct connection c;
    size_t got;
    char byte;

    s.alert = fault;
    assert_int_equal(client_tls_create(&t, &f, &err), BX_OK);
    start_tls(&s);
    assert_int_equal(connect_open(&c, s.address, t, soon(WAIT_MS), &err), BX_OK);
    assert_int_equal(connect_receive(&c, &byte, 1, soon(WAIT_MS), &got, &err), BX_DENIED);
    assert_non_null(strstr(err.msg, words));
    assert_non_null(strstr(err.hint, "user cert"));
    connect_close(&c);
    stop(&s);
    client_tls_destroy(t);
}

TEST(an_expired_certificate_is_told)
{
    is_refused(X509_V_ERR_CERT_HAS_EXPIRED, "it has expired");
}

TEST(a_certificate_that_is_not_of_the_cluster_is_told)
{
    is_refused(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "not one of this cluster");
    is_refused(X509_V_ERR_CERT_REJECTED, "not one of this cluster");
}

/* ---- without TLS ---- */

TEST(nothing_is_sent_to_another_host_without_tls)
{
    struct connection c;

    assert_int_equal(connect_open(&c, "192.0.2.1:1", NULL, soon(WAIT_MS), &err), BX_INVALID);
    assert_non_null(strstr(err.hint, "cluster ca show"));
}

TEST(a_server_with_tls_is_recognized)
{
    struct server s = {.says = "\x15\x03\x03"};
    struct connection c;
    size_t got;
    char byte;

    start(&s);
    assert_int_equal(connect_open(&c, s.address, NULL, soon(WAIT_MS), &err), BX_OK);
    assert_int_equal(connect_receive(&c, &byte, 1, soon(WAIT_MS), &got, &err), BX_INVALID);
    assert_non_null(strstr(err.msg, "uses TLS"));
    assert_non_null(strstr(err.hint, "cluster ca show"));
    connect_close(&c);
    stop(&s);
}

int main(void)
{
    return test_run(cli_tls_setup, cli_tls_teardown);
}
