/* Reading certificates and requests that anybody may have made. */
#include "pki/openssl.h"

#include "codec/schema.h"
#include "mem/alloc.h"
#include "pki/openssl_log.h"

#include <assert.h>
#include <limits.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define CN_MAX (sizeof "Blixard CA " + PKI_NAME_MAX)

/* ---- public keys ---- */

bool pki_spki_of(const X509_PUBKEY *from, uint8_t out[PKI_SPKI])
{
    /* Everything before the two coordinates: the algorithm, the curve by its name, and that the
     * point is uncompressed. */
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    uint8_t *to = out;

    if (i2d_X509_PUBKEY(from, NULL) != PKI_SPKI || i2d_X509_PUBKEY(from, &to) != PKI_SPKI)
        return false;
    return memcmp(out, head, sizeof head) == 0 && X509_PUBKEY_get0(from) != NULL;
}

/* ---- requests ---- */

/* One object of so many bytes has one encoding: nothing is hidden beside it. */
static bool is_encoding(int (*i2d)(const void *from, uint8_t **to), const void *x, const uint8_t *p,
                        size_t n)
{
    uint8_t *again = NULL;
    int len = i2d(x, &again);
    bool same = len >= 0 && (size_t)len == n && memcmp(again, p, n) == 0;

    if (len > 0)
        OPENSSL_free(again);
    return same;
}

static int request_to_der(const void *from, uint8_t **to)
{
    return i2d_X509_REQ(from, to);
}

static const char *fault_of_request(X509_REQ *r, const uint8_t *p, size_t n, struct pki_csr *out)
{
    if (r == NULL || !is_encoding(request_to_der, r, p, n))
        return "not a certificate request";
    if (!pki_spki_of(X509_REQ_get_X509_PUBKEY(r), out->spki))
        return "certificate request: its key is not an EC key on P-256";
    if (X509_REQ_get_signature_nid(r) != NID_ecdsa_with_SHA256 ||
        X509_REQ_verify(r, X509_REQ_get0_pubkey(r)) != 1)
        return "certificate request: not signed with its own key";
    return NULL;
}

int pki_csr_read(const uint8_t *p, size_t n, struct pki_csr *out, struct bx_err *err)
{
    const uint8_t *at = p;
    struct pki_csr csr;
    const char *fault;
    X509_REQ *r;

    if (n > PKI_CSR_MAX)
        return bx_err_set(err, BX_TOO_LARGE, "certificate request of %zu bytes", n);
    r = d2i_X509_REQ(NULL, &at, (long)n);
    fault = fault_of_request(r, p, n, &csr);
    X509_REQ_free(r);
    if (fault != NULL)
        return pki_refuse(err, "%s", fault);
    bx_sha256(csr.spki, PKI_SPKI, csr.pin);
    *out = csr;
    return BX_OK;
}

/* ---- what a certificate says ---- */

bool pki_is_name(const char *s, size_t n, size_t max)
{
    if (n == 0 || n > max)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] <= ' ' || s[i] >= 0x7f)
            return false;
    return true;
}

bool pki_is_role(const char *s, size_t n)
{
    if (n == 0 || n > PKI_ROLE_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] != '-' && (s[i] < 'a' || s[i] > 'z'))
            return false;
    return true;
}

/* Copy the text of the subject's entry at `at`, which must be of this kind. */
static bool entry(const X509_NAME *subject, int at, int nid, char *out, size_t size)
{
    X509_NAME_ENTRY *e = X509_NAME_get_entry(subject, at);
    const ASN1_STRING *s = e == NULL ? NULL : X509_NAME_ENTRY_get_data(e);
    size_t n = s == NULL ? 0 : (size_t)ASN1_STRING_length(s);

    if (s == NULL || OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) != nid ||
        ASN1_STRING_type(s) != V_ASN1_UTF8STRING || n >= size ||
        memchr(ASN1_STRING_get0_data(s), 0, n) != NULL)
        return false;
    memcpy(out, ASN1_STRING_get0_data(s), n);
    out[n] = '\0';
    return true;
}

/* Decimal without sign and leading zeros. */
static bool read_node(const char *s, uint64_t *out)
{
    uint64_t v = 0;

    if (*s < '1' || *s > '9' || strlen(s) > PKI_NODE_DIGITS)
        return false;
    for (; *s >= '0' && *s <= '9'; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    *out = v;
    return *s == '\0';
}

static bool read_name(const char *cn, const char *prefix, char *out)
{
    size_t n = strlen(prefix);

    if (strncmp(cn, prefix, n) != 0 || !pki_is_name(cn + n, strlen(cn + n), PKI_NAME_MAX))
        return false;
    memcpy(out, cn + n, strlen(cn + n) + 1);
    return true;
}

static bool read_subject(const X509_NAME *subject, struct pki_cert *c)
{
    char uuid[BX_UUID_TEXT], unit[8], cn[CN_MAX];

    if (!entry(subject, 0, NID_organizationName, uuid, sizeof uuid) ||
        !bx_uuid_parse(uuid, strlen(uuid), c->cluster) ||
        !entry(subject, 1, NID_organizationalUnitName, unit, sizeof unit) ||
        !entry(subject, 2, NID_commonName, cn, sizeof cn))
        return false;
    if (strcmp(unit, "node") == 0) {
        c->kind = PKI_NODE;
        return X509_NAME_entry_count(subject) == 4 && strncmp(cn, "node:", 5) == 0 &&
               read_node(cn + 5, &c->node) &&
               entry(subject, 3, NID_title, c->role, sizeof c->role) &&
               pki_is_role(c->role, strlen(c->role));
    }
    c->kind = strcmp(unit, "user") == 0 ? PKI_USER : PKI_CA;
    return X509_NAME_entry_count(subject) == 3 &&
           (c->kind == PKI_USER ? read_name(cn, "user:", c->name)
                                : strcmp(unit, "ca") == 0 && read_name(cn, "Blixard CA ", c->name));
}

/* What it may be used for follows from what it is. */
static bool uses_fit(X509 *x, enum pki_kind kind)
{
    static const struct {
        uint32_t key, extended;
    } uses[] = {
        [PKI_CA] = {KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
        [PKI_NODE] = {KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER | XKU_SSL_CLIENT},
        [PKI_USER] = {KU_DIGITAL_SIGNATURE, XKU_SSL_CLIENT},
    };
    uint32_t flags = X509_get_extension_flags(x);

    if ((flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) != 0 || (flags & EXFLAG_BCONS) == 0)
        return false;
    if ((kind == PKI_CA) != ((flags & EXFLAG_CA) != 0) ||
        (kind == PKI_CA && X509_get_pathlen(x) != 0))
        return false;
    return X509_get_key_usage(x) == uses[kind].key &&
           X509_get_extended_key_usage(x) == uses[kind].extended;
}

static bool read_time(const ASN1_TIME *t, uint64_t *ms)
{
    struct tm tm;
    time_t at;

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    at = timegm(&tm);
    *ms = (uint64_t)at * 1000;
    return at >= 0;
}

static bool read_serial(const ASN1_INTEGER *s, uint8_t out[PKI_SERIAL])
{
    if (ASN1_STRING_type(s) != V_ASN1_INTEGER || ASN1_STRING_length(s) != PKI_SERIAL)
        return false;
    memcpy(out, ASN1_STRING_get0_data(s), PKI_SERIAL);
    return true;
}

static int cert_to_der(const void *from, uint8_t **to)
{
    return i2d_X509(from, to);
}

static const char *fault_of(X509 *x, const uint8_t *p, size_t n, struct pki_cert *c)
{
    uint8_t spki[PKI_SPKI];

    if (x == NULL || !is_encoding(cert_to_der, x, p, n) || X509_get_version(x) != X509_VERSION_3)
        return "not a certificate";
    if (!pki_spki_of(X509_get_X509_PUBKEY(x), spki) ||
        X509_get_signature_nid(x) != NID_ecdsa_with_SHA256)
        return "certificate: its key or signature is not of EC P-256 and SHA-256";
    if (!read_subject(X509_get_subject_name(x), c) || !uses_fit(x, c->kind) ||
        !read_serial(X509_get0_serialNumber(x), c->serial))
        return "certificate: not one of a Blixard cluster";
    if (!read_time(X509_get0_notBefore(x), &c->not_before_ms) ||
        !read_time(X509_get0_notAfter(x), &c->not_after_ms) || c->not_before_ms > c->not_after_ms)
        return "certificate: its dates can not be";
    bx_sha256(spki, sizeof spki, c->pin);
    bx_sha256(p, n, c->fingerprint);
    return NULL;
}

int pki_x509_read(const uint8_t *p, size_t n, X509 **x, struct pki_cert *out, struct bx_err *err)
{
    const uint8_t *at = p;
    struct pki_cert c = {.node = 0};
    const char *fault;

    *x = NULL;
    if (n > PKI_CERT_MAX)
        return bx_err_set(err, BX_TOO_LARGE, "certificate of %zu bytes", n);
    *x = d2i_X509(NULL, &at, (long)n);
    fault = fault_of(*x, p, n, &c);
    if (fault != NULL)
        return pki_refuse(err, "%s", fault);
    *out = c;
    return BX_OK;
}

int pki_cert_read(const uint8_t *p, size_t n, struct pki_cert *out, struct bx_err *err)
{
    X509 *x;
    int rc = pki_x509_read(p, n, &x, out, err);

    X509_free(x);
    return rc;
}

/* ---- alternative names ---- */

static bool is_name(const GENERAL_NAME *g, const char *name)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(g, &type);
    const void *p = ip == NULL ? name : (const char *)ASN1_STRING_get0_data(ip);
    int n = ip == NULL ? (int)strlen(name) : ASN1_STRING_length(ip);
    bool same = type == (ip == NULL ? GEN_DNS : GEN_IPADD) && ASN1_STRING_length(value) == n &&
                memcmp(ASN1_STRING_get0_data(value), p, (size_t)n) == 0;

    ASN1_OCTET_STRING_free(ip);
    return same;
}

/* In the order in which they were issued. */
bool pki_cert_has_names(const uint8_t *p, size_t n, const char *const *names, uint32_t n_names)
{
    X509 *x;
    struct pki_cert c;
    GENERAL_NAMES *has = NULL;
    bool same = pki_x509_read(p, n, &x, &c, NULL) == BX_OK;

    if (same)
        has = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    same = same && (has == NULL ? 0 : sk_GENERAL_NAME_num(has)) == (int)n_names;
    for (uint32_t i = 0; i < n_names && same; i++)
        same = is_name(sk_GENERAL_NAME_value(has, (int)i), names[i]);
    GENERAL_NAMES_free(has);
    X509_free(x);
    openssl_log(BX_LEVEL_DEBUG); /* a host name is no address */
    return same;
}

size_t pki_cert_length(const uint8_t *p, size_t n)
{
    const uint8_t *at = p;
    X509 *x = n > LONG_MAX ? NULL : d2i_X509(NULL, &at, (long)n);

    if (x == NULL)
        openssl_log(BX_LEVEL_DEBUG);
    X509_free(x);
    return x == NULL ? 0 : (size_t)(at - p);
}

void pki_cert_name(const struct pki_cert *c, char *out, size_t size)
{
    if (c->kind == PKI_NODE)
        snprintf(out, size, "node %llu", (unsigned long long)c->node);
    else
        snprintf(out, size, "%s%s", c->kind == PKI_USER ? "user " : "CA of ", c->name);
}

/* ---- whom to trust ---- */

struct pki_trust {
    struct pki_cert cas[PKI_CAS_MAX];
    X509 *x[PKI_CAS_MAX];
    uint32_t n;
};

static int add_ca(struct pki_trust *t, const struct pki_der *ca, struct bx_err *err)
{
    struct pki_cert *c = &t->cas[t->n];
    X509 **x = &t->x[t->n++];
    int rc = pki_x509_read(ca->p, ca->n, x, c, err);

    if (rc != BX_OK)
        return rc;
    if (c->kind != PKI_CA)
        return pki_refuse(err, "certificate: not one of a CA");
    if (X509_verify(*x, X509_get0_pubkey(*x)) != 1)
        return pki_refuse(err, "certificate of a CA: not signed with its own key");
    if (memcmp(c->cluster, t->cas[0].cluster, 16) != 0)
        return pki_refuse(err, "certificates of CAs of two clusters");
    return BX_OK;
}

int pki_trust_create(struct pki_trust **out, const struct pki_der *cas, uint32_t n,
                     struct bx_err *err)
{
    struct pki_trust *t;
    int rc = BX_OK;

    if (n == 0 || n > PKI_CAS_MAX)
        return bx_err_set(err, BX_INVALID, "%u certificates of CAs, 1 to %u are possible", n,
                          PKI_CAS_MAX);
    t = bx_calloc(1, sizeof *t);
    if (t == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < n && rc == BX_OK; i++)
        rc = add_ca(t, &cas[i], err);
    if (rc != BX_OK)
        pki_trust_destroy(t);
    else
        *out = t;
    return rc;
}

void pki_trust_destroy(struct pki_trust *t)
{
    if (t == NULL)
        return;
    for (uint32_t i = 0; i < t->n; i++)
        X509_free(t->x[i]);
    bx_free(t);
}

const uint8_t *pki_trust_cluster(const struct pki_trust *t)
{
    return t->cas[0].cluster;
}

bool pki_trusts(const struct pki_trust *t, const uint8_t ca[PKI_SHA256])
{
    for (uint32_t i = 0; i < t->n; i++)
        if (memcmp(t->cas[i].fingerprint, ca, PKI_SHA256) == 0)
            return true;
    return false;
}

/* The CA that has signed it, or NULL. Each is tried: their names may be the same. */
static const struct pki_cert *signer_of(const struct pki_trust *t, X509 *x)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (X509_verify(x, X509_get0_pubkey(t->x[i])) == 1)
            return &t->cas[i];
    return NULL;
}

static const char *fault_of_dates(const struct pki_cert *c, uint64_t now_ms)
{
    if (now_ms > c->not_after_ms)
        return c->kind == PKI_CA ? "certificate of the CA expired" : "certificate expired";
    if (now_ms < c->not_before_ms)
        return "certificate not valid yet: check the clock";
    return NULL;
}

static const char *fault_of_trust(const struct pki_trust *t, X509 *x, struct pki_cert *c,
                                  enum pki_dates dates, uint64_t now_ms)
{
    const struct pki_cert *ca = signer_of(t, x);
    const char *fault;

    if (memcmp(c->cluster, pki_trust_cluster(t), 16) != 0)
        return "certificate of another cluster";
    if (c->kind == PKI_CA)
        return "certificate of a CA, not of a node or a user";
    if (ca == NULL)
        return "certificate not signed by the cluster's CA";
    memcpy(c->ca, ca->fingerprint, sizeof c->ca);
    if (dates == PKI_DATES_IGNORED || (dates == PKI_DATES_OF_USERS && c->kind != PKI_USER))
        return NULL;
    fault = fault_of_dates(c, now_ms);
    return fault != NULL ? fault : fault_of_dates(ca, now_ms);
}

static int verify(const struct pki_trust *t, X509 *x, struct pki_cert *c, enum pki_dates dates,
                  uint64_t now_ms, struct bx_err *err)
{
    const char *fault = fault_of_trust(t, x, c, dates, now_ms);

    openssl_log(BX_LEVEL_DEBUG); /* what each CA said that has not signed it */
    return fault == NULL ? BX_OK : bx_err_set(err, BX_DENIED, "%s", fault);
}

int pki_verify(const struct pki_trust *t, const uint8_t *p, size_t n, enum pki_dates dates,
               uint64_t now_ms, struct pki_cert *out, struct bx_err *err)
{
    struct pki_cert c;
    X509 *x;
    int rc = pki_x509_read(p, n, &x, &c, err);

    if (rc == BX_OK)
        rc = verify(t, x, &c, dates, now_ms, err);
    if (rc == BX_OK)
        *out = c;
    X509_free(x);
    return rc;
}

int pki_verify_x509(const struct pki_trust *t, X509 *x, enum pki_dates dates, uint64_t now_ms,
                    struct pki_cert *out, struct bx_err *err)
{
    struct pki_cert c = {.node = 0};
    uint8_t der[PKI_CERT_MAX], *to = der;
    const char *fault;
    int rc, n = i2d_X509(x, NULL);

    if (n > (int)sizeof der)
        return bx_err_set(err, BX_TOO_LARGE, "certificate of %d bytes", n);
    if (n <= 0 || i2d_X509(x, &to) != n)
        return pki_failed(err, "certificate");
    fault = fault_of(x, der, (size_t)n, &c);
    if (fault != NULL)
        return pki_refuse(err, "%s", fault);
    rc = verify(t, x, &c, dates, now_ms, err);
    if (rc == BX_OK)
        *out = c;
    return rc;
}
