#include "tls_help.h"

#include "pki/openssl_log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct pki_test_ca ca, other_ca;

int tls_setup(void **state)
{
    pki_test_ca_open(&ca, 0xc1);
    pki_test_ca_open(&other_ca, 0xc2);
    stream_setup(state);
    accept_as(node_context(&ca, TLS_SERVER, 1, -1, 1));
    return 0;
}

int tls_teardown(void **state)
{
    accept_as(NULL);
    pki_test_ca_close(&ca);
    pki_test_ca_close(&other_ca);
    stream_teardown(state);
    return openssl_log(BX_LEVEL_DEBUG) == 0 ? 0 : -1;
}

/* ---- contexts ---- */

static struct tls_context *make(struct tls_config *c, const struct pki_test_ca *by,
                                struct pki_issue *i, int from_day, int to_day)
{
    uint64_t now = test_loop_clock.ops->wall_ms(&test_loop_clock);
    struct pki_der trusted = {by->der.data, by->der.len};
    struct bx_err err = {0};
    struct bx_buf der = {0};
    struct tls_context *out;
    struct pki_key *key = NULL;

    if (i != NULL) {
        i->not_before_ms = now + (uint64_t)((int64_t)PKI_TEST_DAY * from_day);
        i->not_after_ms = now + (uint64_t)((int64_t)PKI_TEST_DAY * to_day);
        pki_test_issue(by, i, &key, &der);
        c->key = key;
        c->certificate = (struct pki_der){der.data, der.len};
        c->ca = trusted;
    }
    c->protocol = TLS_PROTOCOL;
    c->cas = &trusted;
    c->n_cas = 1;
    if (tls_context_create(&out, c, &err) != BX_OK)
        fail_msg("%s", err.msg);
    pki_key_destroy(key);
    bx_buf_release(&der);
    return out;
}

struct tls_context *node_context(const struct pki_test_ca *by, enum tls_side side, uint64_t node,
                                 int from_day, int to_day)
{
    struct tls_config c = {.side = side};
    struct pki_issue i = pki_test_node(by, node);

    return make(&c, by, &i, from_day, to_day);
}

struct tls_context *user_context(const char *name, int from_day, int to_day)
{
    struct tls_config c = {.side = TLS_CLIENT};
    struct pki_issue i = pki_test_user(&ca, name);

    return make(&c, &ca, name == NULL ? NULL : &i, from_day, to_day);
}

struct tls_context *joining_context(const struct pki_test_ca *of)
{
    struct tls_config c = {.side = TLS_CLIENT_JOINS};

    bx_sha256(of->der.data, of->der.len, c.ca_fingerprint);
    return make(&c, of, NULL, 0, 0);
}

void accept_as(struct tls_context *c)
{
    tls_context_release(accept_with);
    accept_with = c;
}

void dial_with(struct tls_context *c)
{
    union address a;

    assert_int_equal(address_parse(tcp_address, &a, NULL), BX_OK);
    tls_stream_open(&dialled.stream, &group, c);
    tls_context_release(c); /* the stream has its own reference */
    assert_int_equal(stream_dial(&dialled.stream, &a), 0);
}

void connect_both(void)
{
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    SPIN_UNTIL(dialled.readies == 1 && accepted.readies == 1);
}

/* ---- a client that is written by hand ---- */

void raw_open(struct raw_client *c, int version)
{
    static const unsigned char protocol[] = "\x09" TLS_PROTOCOL;

    c->context = SSL_CTX_new(TLS_client_method());
    c->fd = connect_tcp();
    assert_non_null(c->context);
    assert_int_equal(SSL_CTX_set_max_proto_version(c->context, version), 1);
    assert_int_equal(SSL_CTX_set_alpn_protos(c->context, protocol, sizeof protocol - 1), 0);
    c->ssl = SSL_new(c->context);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_connect_state(c->ssl);
}

void raw_close(struct raw_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    close(c->fd);
}

int raw_turn(struct raw_client *c)
{
    uint8_t bytes[4096];
    ssize_t got;
    int n, rv;

    while ((got = recv(c->fd, bytes, sizeof bytes, 0)) > 0)
        assert_int_equal(BIO_write(c->in, bytes, (int)got), got);
    rv = SSL_do_handshake(c->ssl);
    while ((n = BIO_read(c->out, bytes, sizeof bytes)) > 0)
        put_bytes(c->fd, bytes, (size_t)n);
    return rv;
}

void raw_handshake(struct raw_client *c)
{
    SPIN_UNTIL(raw_turn(c) == 1);
    SPIN_UNTIL(accepted.readies == 1);
}

size_t raw_encrypt(struct raw_client *c, const void *p, size_t n, uint8_t *out, size_t max)
{
    int got;

    assert_int_equal(SSL_write(c->ssl, p, (int)n), n);
    got = BIO_read(c->out, out, (int)max);
    assert_true(got > 0 && (size_t)got < max);
    return (size_t)got;
}
