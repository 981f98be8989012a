/* Certificates: what is made is read, signed ones are trusted, and nothing else is. */
#include "pki_help.h"

#include "pki/openssl_log.h"

#include <openssl/x509v3.h>
#include <string.h>

static struct bx_err err;
static struct pki_test_ca ca, other;

static int setup(void **state)
{
    (void)state;
    memset(&err, 0, sizeof err);
    pki_test_ca_open(&ca, 0xc1);
    pki_test_ca_open(&other, 0xc2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_test_ca_close(&ca);
    pki_test_ca_close(&other);
    bx_buf_thread_close();
    return openssl_log(BX_LEVEL_DEBUG) == 0 ? 0 : -1; /* nothing stays in OpenSSL's queue */
}

static X509 *parse(const struct bx_buf *der)
{
    const uint8_t *at = der->data;
    X509 *x = d2i_X509(NULL, &at, (long)der->len);

    assert_non_null(x);
    return x;
}

/* ---- what is made ---- */

TEST(a_ca_says_whose_it_is)
{
    struct pki_cert c;
    uint8_t pin[PKI_SHA256], sum[PKI_SHA256];
    char name[80];

    assert_int_equal(pki_cert_read(ca.der.data, ca.der.len, &c, &err), BX_OK);
    assert_int_equal(c.kind, PKI_CA);
    assert_memory_equal(c.cluster, ca.cluster, 16);
    assert_string_equal(c.name, "c1");
    pki_key_pin(ca.key, pin);
    assert_memory_equal(c.pin, pin, sizeof pin);
    bx_sha256(ca.der.data, ca.der.len, sum);
    assert_memory_equal(c.fingerprint, sum, sizeof sum);
    assert_int_equal(c.not_before_ms, PKI_TEST_NOW - PKI_SKEW_MS);
    assert_int_equal(c.not_after_ms, PKI_TEST_NOW + PKI_CA_MS);
    pki_cert_name(&c, name, sizeof name);
    assert_string_equal(name, "CA of c1");
    assert_memory_equal(pki_trust_cluster(ca.trust), ca.cluster, 16);
}

TEST(a_node_reads_back)
{
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};
    struct pki_cert c;
    struct pki_key *k;
    uint8_t pin[PKI_SHA256];
    char name[80];

    pki_test_issue(&ca, &i, &k, &der);
    assert_int_equal(pki_cert_read(der.data, der.len, &c, &err), BX_OK);
    assert_int_equal(c.kind, PKI_NODE);
    assert_int_equal(c.node, 7);
    assert_string_equal(c.role, "voter");
    assert_string_equal(c.name, "");
    assert_memory_equal(c.cluster, ca.cluster, 16);
    pki_key_pin(k, pin);
    assert_memory_equal(c.pin, pin, sizeof pin);
    assert_memory_equal(c.serial + 1, i.serial + 1, PKI_SERIAL - 1);
    assert_int_equal(c.serial[0] & 0x3f, i.serial[0] & 0x3f);
    assert_int_equal(c.not_before_ms, PKI_TEST_NOW - PKI_SKEW_MS);
    assert_int_equal(c.not_after_ms, PKI_TEST_NOW + PKI_TEST_DAY);
    pki_cert_name(&c, name, sizeof name);
    assert_string_equal(name, "node 7");
    pki_key_destroy(k);
    bx_buf_release(&der);
}

/* A browser and curl look at these. */
TEST(a_node_has_its_addresses_as_alternative_names)
{
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};
    X509 *x;

    pki_test_issue(&ca, &i, NULL, &der);
    x = parse(&der);
    assert_int_equal(X509_check_host(x, "n7.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(x, "n8.example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "2001:db8::7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
    X509_free(x);
    bx_buf_release(&der);
}

/* OpenSSL's own rules, as other clients have them, agree with ours. */
TEST(openssl_trusts_what_the_ca_has_signed)
{
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    X509 *root = parse(&ca.der), *x;

    pki_test_issue(&ca, &i, NULL, &der);
    x = parse(&der);
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(c, store, x, NULL), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(c), (time_t)(PKI_TEST_NOW / 1000));
    X509_STORE_CTX_set_purpose(c, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(c), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(c) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(c)));
    X509_STORE_CTX_free(c);
    X509_STORE_free(store);
    X509_free(root);
    X509_free(x);
    bx_buf_release(&der);
}

TEST(a_user_reads_back_with_the_longest_name)
{
    char name[PKI_NAME_MAX + 2] = "", text[80];
    struct pki_issue i = pki_test_user(&ca, name);
    struct bx_buf der = {0};
    struct pki_cert c;

    memset(name, 'a', PKI_NAME_MAX);
    name[PKI_NAME_MAX] = '\0';
    pki_test_issue(&ca, &i, NULL, &der);
    assert_int_equal(
        pki_verify(ca.trust, der.data, der.len, PKI_DATES_OF_ALL, PKI_TEST_NOW, &c, &err), BX_OK);
    assert_int_equal(c.kind, PKI_USER);
    assert_int_equal(c.node, 0);
    assert_string_equal(c.name, name);
    pki_cert_name(&c, text, sizeof text);
    assert_int_equal(strlen(text), 5 + PKI_NAME_MAX);
    der.len = 0;
    memset(name, 'a', PKI_NAME_MAX + 1);
    name[PKI_NAME_MAX + 1] = '\0';
    assert_int_equal(pki_issue(ca.key, ca.der.data, ca.der.len, &i, &der, &err), BX_INVALID);
    bx_buf_release(&der);
}

static void refuse_issue(const struct pki_issue *i)
{
    struct bx_buf der = {0};

    assert_int_equal(pki_issue(ca.key, ca.der.data, ca.der.len, i, &der, &err), BX_INVALID);
    assert_int_equal(der.len, 0);
    assert_true(err.msg[0] != '\0');
    bx_buf_release(&der);
}

TEST(what_cannot_be_is_not_signed)
{
    static const char *const bad_hosts[] = {"",      "a b",      "host:80", "*.example.org",
                                            "[::1]", "h\xc3\xa4"};
    static const char *many[PKI_ALT_NAMES_MAX + 1];
    struct pki_issue good = pki_test_node(&ca, 7), i = good;

    i.node = 0;
    refuse_issue(&i);
    i.node = PKI_NODE_MAX + 1;
    refuse_issue(&i);
    i = good;
    i.role = "Voter";
    refuse_issue(&i);
    i = good;
    i.kind = PKI_CA;
    refuse_issue(&i);
    i = good;
    i.not_after_ms = i.not_before_ms - 1;
    refuse_issue(&i);
    i = good;
    memcpy(i.cluster, other.cluster, 16);
    refuse_issue(&i);
    i = good;
    i.n_alt_names = 1;
    for (size_t n = 0; n < sizeof bad_hosts / sizeof bad_hosts[0]; n++) {
        i.alt_names = &bad_hosts[n];
        refuse_issue(&i);
    }
    for (size_t n = 0; n <= PKI_ALT_NAMES_MAX; n++)
        many[n] = "h";
    i.alt_names = many;
    i.n_alt_names = PKI_ALT_NAMES_MAX + 1;
    refuse_issue(&i);
    i = pki_test_user(&ca, "a b");
    refuse_issue(&i);
    i = pki_test_user(&ca, "");
    refuse_issue(&i);
}

TEST(the_largest_certificate_is_within_the_bound)
{
    static char names[PKI_ALT_NAMES_MAX][PKI_HOST_MAX + 1];
    const char *hosts[PKI_ALT_NAMES_MAX];
    struct pki_issue i = pki_test_node(&ca, PKI_NODE_MAX);
    struct bx_buf der = {0};
    struct pki_cert c;

    for (size_t n = 0; n < PKI_ALT_NAMES_MAX; n++) {
        memset(names[n], 'a', PKI_HOST_MAX);
        hosts[n] = names[n];
    }
    i.alt_names = hosts;
    i.n_alt_names = PKI_ALT_NAMES_MAX;
    pki_test_issue(&ca, &i, NULL, &der);
    assert_true(der.len <= PKI_CERT_MAX);
    assert_int_equal(pki_cert_read(der.data, der.len, &c, &err), BX_OK);
    assert_int_equal(c.node, PKI_NODE_MAX);
    bx_buf_release(&der);
}

TEST(only_the_key_of_the_ca_signs)
{
    struct pki_issue i = pki_test_user(&ca, "alice");
    struct bx_buf der = {0}, user = {0};
    struct pki_key *k;

    assert_int_equal(pki_issue(other.key, ca.der.data, ca.der.len, &i, &der, &err), BX_INVALID);
    pki_test_issue(&ca, &i, &k, &user);
    assert_int_equal(pki_issue(k, user.data, user.len, &i, &der, &err), BX_INVALID);
    assert_int_equal(pki_ca_make(ca.key, ca.cluster, "a b", PKI_TEST_NOW, i.serial, &der, &err),
                     BX_INVALID);
    pki_key_destroy(k);
    bx_buf_release(&user);
    bx_buf_release(&der);
}

/* ---- whom to trust ---- */

static int verify_issue(const struct pki_trust *trust, const struct pki_test_ca *by,
                        struct pki_issue i, enum pki_dates dates, uint64_t now_ms)
{
    struct bx_buf der = {0};
    struct pki_cert c;
    int rc;

    pki_test_issue(by, &i, NULL, &der);
    rc = pki_verify(trust, der.data, der.len, dates, now_ms, &c, &err);
    bx_buf_release(&der);
    return rc;
}

TEST(another_clusters_certificate_is_refused)
{
    assert_int_equal(
        verify_issue(ca.trust, &ca, pki_test_node(&ca, 1), PKI_DATES_OF_ALL, PKI_TEST_NOW), BX_OK);
    assert_int_equal(
        verify_issue(ca.trust, &other, pki_test_node(&other, 1), PKI_DATES_IGNORED, PKI_TEST_NOW),
        BX_DENIED);
    assert_string_equal(err.msg, "certificate of another cluster");
}

/* A CA of its own with the id of the cluster. */
TEST(a_forged_certificate_is_refused)
{
    struct pki_test_ca forged;

    pki_test_ca_open(&forged, 0xc1);
    assert_int_equal(
        verify_issue(ca.trust, &forged, pki_test_node(&forged, 1), PKI_DATES_IGNORED, PKI_TEST_NOW),
        BX_DENIED);
    assert_string_equal(err.msg, "certificate not signed by the cluster's CA");
    pki_test_ca_close(&forged);
}

TEST(the_ca_itself_is_no_node)
{
    struct pki_cert c;

    assert_int_equal(pki_verify(ca.trust, ca.der.data, ca.der.len, PKI_DATES_IGNORED, 0, &c, &err),
                     BX_DENIED);
}

TEST(several_cas_are_trusted_during_a_rotation)
{
    struct pki_test_ca next;
    struct pki_der cas[PKI_CAS_MAX + 1];
    struct pki_trust *both;

    pki_test_ca_open(&next, 0xc1);
    for (size_t i = 0; i <= PKI_CAS_MAX; i++)
        cas[i] = (struct pki_der){ca.der.data, ca.der.len};
    assert_int_equal(pki_trust_create(&both, cas, PKI_CAS_MAX + 1, &err), BX_INVALID);
    assert_int_equal(pki_trust_create(&both, cas, 0, &err), BX_INVALID);
    cas[PKI_CAS_MAX - 1] = (struct pki_der){next.der.data, next.der.len};
    assert_int_equal(pki_trust_create(&both, cas, PKI_CAS_MAX, &err), BX_OK);
    assert_int_equal(verify_issue(both, &ca, pki_test_node(&ca, 1), PKI_DATES_IGNORED, 0), BX_OK);
    assert_int_equal(verify_issue(both, &next, pki_test_node(&ca, 1), PKI_DATES_IGNORED, 0), BX_OK);
    pki_trust_destroy(both);
    pki_test_ca_close(&next);
}

TEST(only_cas_of_one_cluster_are_trusted_together)
{
    struct pki_der cas[2] = {{ca.der.data, ca.der.len}, {other.der.data, other.der.len}};
    struct pki_issue i = pki_test_node(&ca, 1);
    struct bx_buf der = {0};
    struct pki_trust *t;

    assert_int_equal(pki_trust_create(&t, cas, 2, &err), BX_INVALID);
    pki_test_issue(&ca, &i, NULL, &der);
    cas[0] = (struct pki_der){der.data, der.len};
    assert_int_equal(pki_trust_create(&t, cas, 1, &err), BX_INVALID);
    pki_trust_destroy(NULL);
    bx_buf_release(&der);
}

TEST(dates_matter_where_they_shall)
{
    const struct {
        enum pki_dates dates;
        uint64_t now;
        int node, user;
    } cases[] = {
        {PKI_DATES_OF_ALL, PKI_TEST_NOW - PKI_SKEW_MS, BX_OK, BX_OK},
        {PKI_DATES_OF_ALL, PKI_TEST_NOW - PKI_SKEW_MS - 1, BX_DENIED, BX_DENIED},
        {PKI_DATES_OF_ALL, PKI_TEST_NOW + PKI_TEST_DAY, BX_OK, BX_OK},
        {PKI_DATES_OF_ALL, PKI_TEST_NOW + PKI_TEST_DAY + 1, BX_DENIED, BX_DENIED},
        {PKI_DATES_OF_USERS, PKI_TEST_NOW + PKI_TEST_DAY + 1, BX_OK, BX_DENIED},
        {PKI_DATES_OF_USERS, 0, BX_OK, BX_DENIED},
        {PKI_DATES_IGNORED, PKI_TEST_NOW + PKI_TEST_DAY + 1, BX_OK, BX_OK},
        {PKI_DATES_IGNORED, 0, BX_OK, BX_OK},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            verify_issue(ca.trust, &ca, pki_test_node(&ca, 1), cases[i].dates, cases[i].now),
            cases[i].node);
        assert_int_equal(
            verify_issue(ca.trust, &ca, pki_test_user(&ca, "alice"), cases[i].dates, cases[i].now),
            cases[i].user);
    }
}

TEST(a_user_of_an_expired_ca_is_refused)
{
    uint64_t late = PKI_TEST_NOW + PKI_CA_MS + PKI_TEST_DAY;
    struct pki_issue i = pki_test_user(&ca, "alice");

    i.not_after_ms = late;
    assert_int_equal(verify_issue(ca.trust, &ca, i, PKI_DATES_OF_USERS, late), BX_DENIED);
    assert_string_equal(err.msg, "certificate of the CA expired");
}

/* ---- what is no certificate of ours ---- */

TEST(a_changed_certificate_is_refused)
{
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};
    struct pki_cert c;

    pki_test_issue(&ca, &i, NULL, &der);
    for (size_t at = 0; at < der.len; at++) {
        assert_int_equal(pki_cert_read(der.data, at, &c, &err), BX_INVALID);
        der.data[at] ^= 1;
        if (pki_verify(ca.trust, der.data, der.len, PKI_DATES_IGNORED, 0, &c, &err) == BX_OK)
            fail_msg("byte %zu", at);
        der.data[at] ^= 1;
    }
    assert_int_equal(bx_buf_append(&der, "", 1), BX_OK);
    assert_int_equal(pki_cert_read(der.data, der.len, &c, &err), BX_INVALID);
    bx_buf_release(&der);
}

TEST(a_certificate_is_bounded)
{
    static uint8_t large[PKI_CERT_MAX + 1];
    struct pki_cert c;

    assert_int_equal(pki_cert_read(large, sizeof large, &c, &err), BX_TOO_LARGE);
    assert_int_equal(pki_cert_read(large, sizeof large - 1, &c, &err), BX_INVALID);
    assert_int_equal(pki_cert_read(large, 0, &c, &err), BX_INVALID);
}

TEST(the_names_of_a_certificate_are_compared)
{
    static const char *const names[] = {"10.0.0.1", "fd00::1", "n1.example"};
    static const char *const others[] = {"10.0.0.1", "fd00::1", "n2.example"};
    static const char *const order[] = {"fd00::1", "10.0.0.1", "n1.example"};
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};

    i.alt_names = names;
    i.n_alt_names = 3;
    pki_test_issue(&ca, &i, NULL, &der);
    assert_true(pki_cert_has_names(der.data, der.len, names, 3));
    assert_false(pki_cert_has_names(der.data, der.len, names, 2));
    assert_false(pki_cert_has_names(der.data, der.len, others, 3));
    assert_false(pki_cert_has_names(der.data, der.len, order, 3));
    assert_false(pki_cert_has_names(der.data, der.len, NULL, 0));
    assert_false(pki_cert_has_names(der.data, der.len - 1, names, 3));
    der.len = 0;
    i.n_alt_names = 0;
    pki_test_issue(&ca, &i, NULL, &der);
    assert_true(pki_cert_has_names(der.data, der.len, NULL, 0));
    assert_false(pki_cert_has_names(der.data, der.len, names, 1));
    bx_buf_release(&der);
}

int main(void)
{
    return test_run(setup, teardown);
}
