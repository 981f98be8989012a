/* Making certificates. */
#include "pki/openssl.h"

#include "codec/schema.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- alternative names ---- */

static bool is_host(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > PKI_HOST_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z');

        if (!letter && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '.')
            return false;
    }
    return true;
}

/* Takes over value. */
static bool push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value, const void *p, size_t n)
{
    GENERAL_NAME *name = GENERAL_NAME_new();

    if (name == NULL || value == NULL || ASN1_STRING_set(value, p, (int)n) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) > 0)
        return true;
    GENERAL_NAME_free(name);
    return false;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
    uint8_t ip[16];

    if (inet_pton(AF_INET, host, ip) == 1)
        return push_name(names, GEN_IPADD, ASN1_OCTET_STRING_new(), ip, 4);
    if (inet_pton(AF_INET6, host, ip) == 1)
        return push_name(names, GEN_IPADD, ASN1_OCTET_STRING_new(), ip, 16);
    return push_name(names, GEN_DNS, ASN1_IA5STRING_new(), host, strlen(host));
}

static bool add_alt_names(X509 *x, const struct pki_issue *i)
{
    GENERAL_NAMES *names;
    bool ok = true;

    if (i->n_alt_names == 0)
        return true;
    names = GENERAL_NAMES_new();
    for (uint32_t n = 0; n < i->n_alt_names && ok; n++)
        ok = names != NULL && push_host(names, i->alt_names[n]);
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

/* ---- parts of a certificate ---- */

/* Longer than X.520 asks for is allowed: the text is not checked against its table. */
static bool add_entry(X509 *x, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(X509_get_subject_name(x), nid, V_ASN1_UTF8STRING,
                                      (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX c;
    X509_EXTENSION *e;
    bool ok;

    X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_nconf_nid(NULL, &c, nid, value);
    ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool set_time(ASN1_TIME *t, uint64_t ms)
{
    return ASN1_TIME_set(t, (time_t)(ms / 1000)) != NULL;
}

/* Positive, and no shorter in DER. */
static bool set_serial(X509 *x, const uint8_t random[PKI_SERIAL])
{
    uint8_t serial[PKI_SERIAL];

    memcpy(serial, random, PKI_SERIAL);
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
    return ASN1_STRING_set(X509_get_serialNumber(x), serial, PKI_SERIAL) == 1;
}

struct making {
    const uint8_t *cluster, *serial;
    const char *unit, *cn;
    uint64_t not_before_ms, not_after_ms;
};

static bool fill(X509 *x, const struct making *m)
{
    uint64_t from = m->not_before_ms < PKI_SKEW_MS ? 0 : m->not_before_ms - PKI_SKEW_MS;
    char uuid[BX_UUID_TEXT];

    bx_uuid_format(m->cluster, uuid);
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, m->serial) &&
           set_time(X509_getm_notBefore(x), from) &&
           set_time(X509_getm_notAfter(x), m->not_after_ms) &&
           add_entry(x, NID_organizationName, uuid) &&
           add_entry(x, NID_organizationalUnitName, m->unit) && add_entry(x, NID_commonName, m->cn);
}

static int cert_to_der(const void *from, uint8_t **to)
{
    return i2d_X509(from, to);
}

static int finish(X509 *x, const struct pki_key *by, bool ok, struct bx_buf *out,
                  struct bx_err *err)
{
    int rc;

    if (!ok || X509_sign(x, pki_key_evp(by), EVP_sha256()) <= 0)
        rc = pki_failed(err, "certificate");
    else
        rc = pki_append(out, cert_to_der, x, "certificate", err);
    X509_free(x);
    return rc;
}

/* ---- the CA ---- */

int pki_ca_make(const struct pki_key *k, const uint8_t cluster[16], const char *cluster_name,
                uint64_t now_ms, const uint8_t serial[PKI_SERIAL], struct bx_buf *out,
                struct bx_err *err)
{
    char cn[sizeof "Blixard CA " + PKI_NAME_MAX];
    struct making m = {cluster, serial, "ca", cn, now_ms, now_ms + PKI_CA_MS};
    X509 *x;
    bool ok;

    if (!pki_is_name(cluster_name, strlen(cluster_name), PKI_NAME_MAX))
        return bx_err_set(err, BX_INVALID, "invalid name of a cluster");
    snprintf(cn, sizeof cn, "Blixard CA %s", cluster_name);
    x = X509_new();
    ok = x != NULL && fill(x, &m) && X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
         X509_set_pubkey(x, pki_key_evp(k)) == 1 &&
         add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_ext(x, x, NID_subject_key_identifier, "hash");
    return finish(x, k, ok, out, err);
}

/* ---- of nodes and users ---- */

static const char *fault_of_issue(const struct pki_issue *i)
{
    if (i->kind == PKI_NODE) {
        if (i->node == 0 || i->node > PKI_NODE_MAX || i->role == NULL ||
            !pki_is_role(i->role, strlen(i->role)))
            return "invalid node or role";
    } else if (i->kind != PKI_USER || i->name == NULL ||
               !pki_is_name(i->name, strlen(i->name), PKI_NAME_MAX)) {
        return "invalid name of a user";
    }
    if (i->n_alt_names > (i->kind == PKI_NODE ? PKI_ALT_NAMES_MAX : 0))
        return "too many alternative names";
    for (uint32_t n = 0; n < i->n_alt_names; n++) {
        uint8_t ip[16];

        if (!is_host(i->alt_names[n]) && inet_pton(AF_INET6, i->alt_names[n], ip) != 1)
            return "an alternative name is neither an address nor a host name";
    }
    if (i->not_before_ms > i->not_after_ms || i->not_after_ms / 1000 > 253402300799u)
        return "invalid dates"; /* until the year 9999 */
    return NULL;
}

static bool fill_issue(X509 *x, X509 *ca, EVP_PKEY *subject_key, const struct pki_issue *i)
{
    char cn[sizeof "user:" + PKI_NAME_MAX];
    bool node = i->kind == PKI_NODE;
    struct making m = {i->cluster, i->serial,        node ? "node" : "user",
                       cn,         i->not_before_ms, i->not_after_ms};

    if (node)
        snprintf(cn, sizeof cn, "node:%llu", (unsigned long long)i->node);
    else
        snprintf(cn, sizeof cn, "user:%s", i->name);
    return fill(x, &m) && (!node || add_entry(x, NID_title, i->role)) &&
           X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
           X509_set_pubkey(x, subject_key) == 1 &&
           add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(x, ca, NID_key_usage, "critical,digitalSignature") &&
           add_ext(x, ca, NID_ext_key_usage, node ? "serverAuth,clientAuth" : "clientAuth") &&
           add_ext(x, ca, NID_authority_key_identifier, "keyid:always") && add_alt_names(x, i);
}

static int check_ca(const struct pki_key *key, const struct pki_cert *ca, const uint8_t cluster[16],
                    struct bx_err *err)
{
    uint8_t pin[PKI_SHA256];

    pki_key_pin(key, pin);
    if (ca->kind != PKI_CA || memcmp(ca->pin, pin, sizeof pin) != 0)
        return bx_err_set(err, BX_INVALID, "not the certificate of the CA whose key this is");
    if (memcmp(ca->cluster, cluster, 16) != 0)
        return bx_err_set(err, BX_INVALID, "certificate of another cluster's CA");
    return BX_OK;
}

static int make_signed(const struct pki_key *ca_key, X509 *ca, const struct pki_issue *i,
                       struct bx_buf *out, struct bx_err *err)
{
    const uint8_t *at = i->spki;
    EVP_PKEY *subject = d2i_PUBKEY(NULL, &at, PKI_SPKI);
    X509 *x = X509_new();
    bool ok = x != NULL && subject != NULL && fill_issue(x, ca, subject, i);
    int rc = finish(x, ca_key, ok, out, err);

    EVP_PKEY_free(subject);
    return rc;
}

int pki_issue(const struct pki_key *ca_key, const uint8_t *ca, size_t n_ca,
              const struct pki_issue *i, struct bx_buf *out, struct bx_err *err)
{
    const char *fault = fault_of_issue(i);
    struct pki_cert c;
    X509 *x;
    int rc;

    if (fault != NULL)
        return bx_err_set(err, BX_INVALID, "certificate: %s", fault);
    rc = pki_x509_read(ca, n_ca, &x, &c, err);
    if (rc == BX_OK)
        rc = check_ca(ca_key, &c, i->cluster, err);
    if (rc == BX_OK)
        rc = make_signed(ca_key, x, i, out, err);
    X509_free(x);
    return rc;
}
