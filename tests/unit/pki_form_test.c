/* Certificates that the CA has signed, and that are not of the one form. */
#include "pki_help.h"

#include <openssl/x509v3.h>
#include <string.h>

static struct bx_err err;
static struct pki_test_ca ca;

static int setup(void **state)
{
    (void)state;
    pki_test_ca_open(&ca, 0xc1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pki_test_ca_close(&ca);
    bx_buf_thread_close();
    return 0;
}

/* Make a node's certificate, change it, sign it again with the key of the CA. */
static int read_altered(void (*alter)(X509 *x))
{
    struct pki_issue i = pki_test_node(&ca, 7);
    struct bx_buf der = {0};
    uint8_t key[PKI_KEY_MAX], *out = NULL;
    const uint8_t *at = key, *from;
    struct pki_cert c;
    EVP_PKEY *evp;
    X509 *x;
    size_t n;
    int len, rc;

    pki_test_issue(&ca, &i, NULL, &der);
    assert_int_equal(pki_key_write(ca.key, key, &n, &err), BX_OK);
    evp = d2i_AutoPrivateKey(NULL, &at, (long)n);
    from = der.data;
    x = d2i_X509(NULL, &from, (long)der.len);
    assert_non_null(x);
    alter(x);
    assert_true(X509_sign(x, evp, EVP_sha256()) > 0);
    len = i2d_X509(x, &out);
    assert_true(len > 0);
    rc = pki_verify(ca.trust, out, (size_t)len, PKI_DATES_IGNORED, 0, &c, &err);
    OPENSSL_free(out);
    X509_free(x);
    EVP_PKEY_free(evp);
    bx_buf_release(&der);
    return rc;
}

static void not_at_all(X509 *x)
{
    (void)x;
}

static void set_bytes(X509 *x, int at, const char *text, int n)
{
    X509_NAME *subject = X509_get_subject_name(x);
    X509_NAME_ENTRY *e = X509_NAME_delete_entry(subject, at);

    assert_int_equal(X509_NAME_ENTRY_set_data(e, V_ASN1_UTF8STRING, (const uint8_t *)text, n), 1);
    assert_int_equal(X509_NAME_add_entry(subject, e, at, 0), 1);
    X509_NAME_ENTRY_free(e);
}

static void set_entry(X509 *x, int at, const char *text)
{
    set_bytes(x, at, text, (int)strlen(text));
}

static void another_unit(X509 *x)
{
    set_entry(x, 1, "nodes");
}

static void a_users_unit(X509 *x)
{
    set_entry(x, 1, "user");
}

static void leading_zero(X509 *x)
{
    set_entry(x, 2, "node:07");
}

static void node_zero(X509 *x)
{
    set_entry(x, 2, "node:0");
}

static void huge_node(X509 *x)
{
    set_entry(x, 2, "node:18446744073709551617");
}

static void more_after_node(X509 *x)
{
    set_entry(x, 2, "node:7 ");
}

static void no_uuid(X509 *x)
{
    set_entry(x, 0, "c1c1c1c1");
}

static void role_with_zero(X509 *x)
{
    set_bytes(x, 3, "vot\0r", 5);
}

static void another_entry(X509 *x)
{
    assert_int_equal(X509_NAME_add_entry_by_NID(X509_get_subject_name(x), NID_commonName,
                                                V_ASN1_UTF8STRING, (const uint8_t *)"node:8", -1,
                                                -1, 0),
                     1);
}

static void a_short_serial(X509 *x)
{
    ASN1_INTEGER_set(X509_get_serialNumber(x), 77);
}

static void dates_reversed(X509 *x)
{
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(PKI_TEST_NOW / 1000) + 200000);
}

static void before_1970(X509 *x)
{
    ASN1_TIME_set(X509_getm_notBefore(x), -100);
}

static void drop(X509 *x, int nid)
{
    X509_EXTENSION *e = X509_delete_ext(x, X509_get_ext_by_NID(x, nid, -1));

    assert_non_null(e);
    X509_EXTENSION_free(e);
}

static void add(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void any_use(X509 *x)
{
    drop(x, NID_ext_key_usage);
}

static void clients_use(X509 *x)
{
    drop(x, NID_ext_key_usage);
    add(x, NID_ext_key_usage, "clientAuth");
}

static void more_uses(X509 *x)
{
    drop(x, NID_ext_key_usage);
    add(x, NID_ext_key_usage, "serverAuth,clientAuth,codeSigning");
}

static void signs_too(X509 *x)
{
    drop(x, NID_basic_constraints);
    add(x, NID_basic_constraints, "critical,CA:TRUE");
}

static void no_constraints(X509 *x)
{
    drop(x, NID_basic_constraints);
}

static void unknown_critical(X509 *x)
{
    add(x, NID_inhibit_any_policy, "critical,1");
    add(x, NID_tlsfeature, "critical,status_request");
}

TEST(a_signed_certificate_of_another_form_is_refused)
{
    static void (*const alter[])(X509 * x) = {
        another_unit,    a_users_unit,   leading_zero,     node_zero,     huge_node,
        more_after_node, no_uuid,        role_with_zero,   another_entry, a_short_serial,
        dates_reversed,  before_1970,    any_use,          clients_use,   more_uses,
        signs_too,       no_constraints, unknown_critical,
    };

    assert_int_equal(read_altered(not_at_all), BX_OK);
    for (size_t i = 0; i < sizeof alter / sizeof alter[0]; i++) {
        if (read_altered(alter[i]) != BX_INVALID)
            fail_msg("form %zu", i);
    }
}

int main(void)
{
    return test_run(setup, teardown);
}
