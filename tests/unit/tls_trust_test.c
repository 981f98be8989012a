/* Whom TLS lets in, and what the others are told. */
#include "tls_help.h"

#include <string.h>

/* The dialled side is closed, and the accepted one unless nobody has come. */
static void both_end(void)
{
    SPIN_UNTIL(dialled.gones == 1 && (next_user != NULL || accepted.gones == 1));
}

static void assert_ready(void)
{
    SPIN_UNTIL((dialled.readies == 1 && accepted.readies == 1) || dialled.closes == 1);
    if (dialled.closes == 1)
        fail_msg("%s", dialled.why);
}

TEST(a_client_of_another_cluster_is_refused)
{
    struct tls_config c = {.side = TLS_CLIENT_JOINS, .protocol = TLS_PROTOCOL};
    struct pki_issue i = pki_test_node(&other_ca, 2);
    struct tls_context *client;
    struct bx_err err = {0};
    struct bx_buf der = {0};
    struct pki_key *key;

    pki_test_issue(&other_ca, &i, &key, &der);
    c.key = key;
    c.certificate = (struct pki_der){der.data, der.len};
    bx_sha256(ca.der.data, ca.der.len, c.ca_fingerprint);
    assert_int_equal(tls_context_create(&client, &c, &err), BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&der);
    dial_with(client);
    both_end();
    assert_int_equal(accepted.readies, 0);
    assert_string_equal(accepted.why, "TLS handshake failed: certificate of another cluster");
    assert_string_equal(dialled.why, "TLS: refused by the peer: unknown CA");
}

TEST(a_server_of_another_cluster_is_refused)
{
    dial_with(node_context(&other_ca, TLS_CLIENT, 2, -1, 1));
    both_end();
    assert_int_equal(dialled.readies, 0);
    assert_string_equal(dialled.why, "TLS handshake failed: certificate of another cluster");
    assert_string_equal(accepted.why, "TLS handshake failed: refused by the peer: unknown CA");
}

TEST(an_expired_user_is_refused)
{
    dial_with(user_context("alice", -3, -1));
    both_end();
    assert_int_equal(accepted.readies, 0);
    assert_string_equal(accepted.why, "TLS handshake failed: certificate expired");
    assert_string_equal(dialled.why, "TLS: refused by the peer: certificate expired");
}

TEST(a_user_of_tomorrow_is_refused)
{
    dial_with(user_context("alice", 2, 3));
    both_end();
    assert_int_equal(accepted.readies, 0);
    assert_non_null(strstr(accepted.why, "not valid yet"));
}

/* A wrong clock must not split the cluster. */
TEST(an_expired_node_is_accepted_on_both_sides)
{
    accept_as(node_context(&ca, TLS_SERVER, 1, -3, -2));
    dial_with(node_context(&ca, TLS_CLIENT, 2, -3, -1));
    assert_ready();
    assert_int_equal(accepted.stream.peer.certificate->node, 2);
}

TEST(a_user_is_known_by_name)
{
    dial_with(user_context("alice", -1, 1));
    assert_ready();
    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_CERTIFICATE);
    assert_int_equal(accepted.stream.peer.certificate->kind, PKI_USER);
    assert_string_equal(accepted.stream.peer.certificate->name, "alice");
}

TEST(a_client_without_a_certificate_is_known_by_its_address)
{
    dial_with(user_context(NULL, 0, 0));
    assert_ready();
    assert_int_equal(accepted.stream.peer.kind, STREAM_PEER_ADDRESS);
    assert_null(accepted.stream.peer.certificate);
    assert_int_equal(dialled.stream.peer.kind, STREAM_PEER_CERTIFICATE);
}

/* A server whose own certificate is a user's. */
TEST(a_server_must_be_a_node)
{
    struct pki_der trusted = {ca.der.data, ca.der.len};
    struct tls_config c = {
        .side = TLS_SERVER, .protocol = TLS_PROTOCOL, .cas = &trusted, .n_cas = 1};
    uint64_t now = test_loop_clock.ops->wall_ms(&test_loop_clock);
    struct pki_issue i = pki_test_user(&ca, "mallory");
    struct tls_context *server;
    struct bx_buf der = {0};
    struct pki_key *key;

    i.not_before_ms = now;
    i.not_after_ms = now + PKI_TEST_DAY;
    pki_test_issue(&ca, &i, &key, &der);
    c.key = key;
    c.certificate = (struct pki_der){der.data, der.len};
    c.ca = trusted;
    assert_int_equal(tls_context_create(&server, &c, NULL), BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&der);
    accept_as(server);
    dial_with(user_context(NULL, 0, 0));
    both_end();
    assert_int_equal(dialled.readies, 0);
    assert_string_equal(dialled.why, "TLS handshake failed: certificate of a user, not of a node");
}

/* ---- joining ---- */

TEST(a_host_that_joins_believes_the_fingerprint)
{
    dial_with(joining_context(&ca));
    assert_ready();
    assert_int_equal(dialled.stream.peer.certificate->node, 1);
}

TEST(a_wrong_fingerprint_is_refused)
{
    dial_with(joining_context(&other_ca));
    both_end();
    assert_int_equal(dialled.readies, 0);
    assert_string_equal(dialled.why,
                        "TLS handshake failed: the CA of the server is not the one of the token");
}

/* The right CA behind a certificate that it has not signed. */
TEST(a_borrowed_ca_is_refused)
{
    struct pki_der trusted = {ca.der.data, ca.der.len};
    struct tls_config c = {
        .side = TLS_SERVER, .protocol = TLS_PROTOCOL, .cas = &trusted, .n_cas = 1};
    struct pki_issue i = pki_test_node(&other_ca, 1);
    struct tls_context *server;
    struct bx_buf der = {0};
    struct pki_key *key;

    pki_test_issue(&other_ca, &i, &key, &der);
    c.key = key;
    c.certificate = (struct pki_der){der.data, der.len};
    c.ca = trusted;
    assert_int_equal(tls_context_create(&server, &c, NULL), BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&der);
    accept_as(server);
    dial_with(joining_context(&ca));
    both_end();
    assert_int_equal(dialled.readies, 0);
    assert_string_equal(dialled.why, "TLS handshake failed: certificate of another cluster");
}

/* ---- while the CA is replaced ---- */

/* Node 1 has certificates of both CAs, and shows that of `shown`. */
static void accept_with_both(const struct pki_test_ca *shown, const struct pki_test_ca *other)
{
    struct pki_der cas[] = {{shown->der.data, shown->der.len}, {other->der.data, other->der.len}};
    struct tls_config c = {.side = TLS_SERVER,
                           .protocol = TLS_PROTOCOL,
                           .ca = cas[0],
                           .other_ca = cas[1],
                           .cas = cas,
                           .n_cas = 2};
    struct pki_issue i = pki_test_node(shown, 1);
    struct bx_buf der = {0}, other_der = {0};
    struct tls_context *server;
    struct pki_key *key;

    pki_test_issue(shown, &i, &key, &der);
    pki_key_public(key, i.spki);
    assert_int_equal(pki_issue(other->key, other->der.data, other->der.len, &i, &other_der, NULL),
                     BX_OK);
    c.key = key;
    c.certificate = (struct pki_der){der.data, der.len};
    c.other_certificate = (struct pki_der){other_der.data, other_der.len};
    assert_int_equal(tls_context_create(&server, &c, NULL), BX_OK);
    pki_key_destroy(key);
    bx_buf_release(&der);
    bx_buf_release(&other_der);
    accept_as(server);
}

static void joins_by(const struct pki_test_ca *known)
{
    struct pki_cert c;

    dial_with(joining_context(known));
    assert_ready();
    assert_int_equal(dialled.stream.peer.certificate->node, 1);
    assert_int_equal(pki_cert_read(known->der.data, known->der.len, &c, NULL), BX_OK);
    assert_memory_equal(dialled.stream.peer.certificate->ca, c.fingerprint, PKI_SHA256);
}

/* Its token may be older than the new CA, or newer. */
TEST(a_host_that_joins_is_shown_the_ca_that_it_knows)
{
    struct pki_test_ca new_ca;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    accept_with_both(&ca, &new_ca);
    joins_by(&new_ca);
    pki_test_ca_close(&new_ca);
}

TEST(a_host_that_joins_is_shown_the_old_ca)
{
    struct pki_test_ca new_ca;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    accept_with_both(&new_ca, &ca);
    joins_by(&ca);
    pki_test_ca_close(&new_ca);
}

TEST(a_member_is_shown_the_first_one)
{
    struct pki_test_ca new_ca;
    struct pki_cert first;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    accept_with_both(&ca, &new_ca);
    dial_with(node_context(&ca, TLS_CLIENT, 2, -1, 1));
    assert_ready();
    assert_int_equal(pki_cert_read(ca.der.data, ca.der.len, &first, NULL), BX_OK);
    assert_memory_equal(dialled.stream.peer.certificate->ca, first.fingerprint, PKI_SHA256);
    pki_test_ca_close(&new_ca);
}

TEST(a_host_that_knows_neither_is_refused)
{
    struct pki_test_ca new_ca;

    pki_test_ca_open(&new_ca, ca.cluster[0]);
    accept_with_both(&ca, &new_ca);
    dial_with(joining_context(&other_ca));
    both_end();
    assert_int_equal(dialled.readies, 0);
    pki_test_ca_close(&new_ca);
}

/* ---- contexts that can not be ---- */

TEST(a_key_of_another_certificate_is_refused)
{
    struct pki_der trusted = {ca.der.data, ca.der.len};
    struct tls_config c = {.side = TLS_CLIENT, .cas = &trusted, .n_cas = 1, .key = ca.key};
    struct pki_issue i = pki_test_node(&ca, 1);
    struct tls_context *context;
    struct bx_err err = {0};
    struct bx_buf der = {0};

    pki_test_issue(&ca, &i, NULL, &der);
    c.certificate = (struct pki_der){der.data, der.len};
    assert_int_equal(tls_context_create(&context, &c, &err), BX_INVALID);
    assert_true(err.msg[0] != '\0');
    c.certificate = (struct pki_der){der.data, der.len - 1};
    assert_int_equal(tls_context_create(&context, &c, &err), BX_INVALID);
    c.n_cas = 0;
    assert_int_equal(tls_context_create(&context, &c, &err), BX_INVALID);
    tls_context_release(NULL);
    bx_buf_release(&der);
}

int main(void)
{
    return test_run(tls_setup, tls_teardown);
}
