#include "sys/keys_priv.h"

#include "sys/secret_file.h"
#include "wire/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static int path_of(const struct keys *k, const char *name, char out[KEYS_PATH], struct bx_err *err)
{
    int n = snprintf(out, KEYS_PATH, "%s/%s", k->directory, name);

    if (n < 0 || n >= (int)KEYS_PATH)
        return bx_err_set(err, BX_INVALID, "--data: the path is too long");
    return BX_OK;
}

int keys_save(const struct keys *k, const char *name, const void *p, size_t n, struct bx_err *err)
{
    char path[KEYS_PATH];
    int rc = path_of(k, name, path, err);

    return rc == BX_OK ? secret_file_save(path, p, n, err) : rc;
}

int keys_save_both(const struct keys *k, const char *name, const struct bx_buf *a,
                   const struct bx_buf *b, struct bx_err *err)
{
    struct bx_buf both = {0};
    int rc = bx_buf_append(&both, a->data, a->len);

    if (rc == BX_OK)
        rc = bx_buf_append(&both, b->data, b->len);
    rc = rc == BX_OK ? keys_save(k, name, both.data, both.len, err)
                     : bx_err_set(err, rc, "out of memory");
    bx_buf_release(&both);
    return rc;
}

int keys_save_cluster_keys(const struct keys *k, struct bx_err *err)
{
    return keys_save(k, CLUSTER_KEY, k->cluster_keys, (size_t)k->n_cluster_keys * PKI_SECRET, err);
}

int keys_set(struct bx_buf *b, const void *p, size_t n, struct bx_err *err)
{
    struct bx_buf made = {0};

    if (bx_buf_append(&made, p, n) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    bx_buf_move(b, &made);
    return BX_OK;
}

/* And what is left of writing it. BX_OK or BX_IO. */
static int remove_file(const char *directory, const char *name, struct bx_err *err)
{
    static const char *const ends[] = {"", ".tmp"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        char path[KEYS_PATH + 32];

        snprintf(path, sizeof path, "%s/%s%s", directory, name, ends[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            return bx_err_set(err, BX_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    return BX_OK;
}

/* The secrets last: a certificate without its key is damage, a key without one is an attempt. */
static int remove_files(const char *directory, struct bx_err *err)
{
    static const char *const names[] = {NODE_CRT, CA_CRT, CA_KEY, CLUSTER_KEY, NODE_KEY};
    int rc = BX_OK;

    for (size_t i = 0; rc == BX_OK && i < sizeof names / sizeof names[0]; i++)
        rc = remove_file(directory, names[i], err);
    return rc;
}

/* A file that is missing is empty. */
static int load(const struct keys *k, const char *name, struct bx_buf *out, struct bx_err *err)
{
    uint8_t bytes[SECRET_FILE_MAX];
    char path[KEYS_PATH];
    size_t n = 0;
    int rc = path_of(k, name, path, err);

    if (rc == BX_OK)
        rc = secret_file_load(path, bytes, sizeof bytes, &n, err);
    if (rc == BX_NOT_FOUND)
        return BX_OK;
    if (rc == BX_OK)
        rc = bx_buf_append(out, bytes, n);
    pki_wipe(bytes, sizeof bytes);
    return rc;
}

static int load_key(struct keys *k, struct bx_err *err)
{
    char path[KEYS_PATH];
    int rc = path_of(k, NODE_KEY, path, err);

    if (rc == BX_OK)
        rc = secret_file_load_key(path, &k->key, err);
    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

static int load_cluster_keys(struct keys *k, struct bx_err *err)
{
    struct bx_buf b = {0};
    int rc = load(k, CLUSTER_KEY, &b, err);

    if (rc == BX_OK && (b.len % PKI_SECRET != 0 || b.len > sizeof k->cluster_keys))
        rc = bx_err_set(err, BX_CORRUPT, "%s/%s: damaged", k->directory, CLUSTER_KEY);
    if (rc == BX_OK && b.len > 0)
        memcpy(k->cluster_keys, b.data, b.len);
    if (rc == BX_OK)
        k->n_cluster_keys = (uint32_t)(b.len / PKI_SECRET);
    pki_wipe_buf(&b);
    return rc;
}

/* The certificates of a file of one or two. BX_OK or BX_CORRUPT. */
static int load_both(const struct keys *k, const char *name, struct bx_buf *first,
                     struct bx_buf *second, struct bx_err *err)
{
    struct bx_buf b = {0};
    size_t n;
    int rc = load(k, name, &b, err);

    if (rc == BX_OK && b.len > 0) {
        n = pki_cert_length(b.data, b.len);
        n = n == 0 ? b.len : n; /* what is wrong with it is told later */
        rc = keys_set(first, b.data, n, err);
        if (rc == BX_OK && b.len > n)
            rc = keys_set(second, b.data + n, b.len - n, err);
    }
    bx_buf_release(&b);
    return rc;
}

static bool is_signed(const struct bx_buf *certificate, const struct bx_buf *ca)
{
    const struct pki_der der = {ca->data, ca->len};
    struct pki_trust *trust = NULL;
    struct pki_cert c;
    bool ok =
        certificate->len > 0 && ca->len > 0 && pki_trust_create(&trust, &der, 1, NULL) == BX_OK &&
        pki_verify(trust, certificate->data, certificate->len, PKI_DATES_IGNORED, 0, &c, NULL) ==
            BX_OK;

    pki_trust_destroy(trust);
    return ok;
}

/* The CAs are told apart by what they have signed, whatever was written last. */
static void pair(struct keys *k)
{
    if (is_signed(&k->certificate, &k->other_ca)) {
        struct bx_buf ca = k->ca;

        k->ca = k->other_ca;
        k->other_ca = ca;
    }
    if (!is_signed(&k->other_certificate, &k->other_ca))
        k->other_certificate.len = 0;
}

/* A certificate that is there is one, and is of the key. */
static int check(const struct keys *k, const struct bx_buf *certificate, struct bx_err *err)
{
    uint8_t pin[PKI_SHA256];
    struct pki_cert c;
    int rc;

    if (certificate->len == 0)
        return BX_OK;
    rc = pki_cert_read(certificate->data, certificate->len, &c, err);
    if (rc != BX_OK) {
        bx_err_wrap(err, "%s/%s", k->directory, NODE_CRT);
        return BX_CORRUPT;
    }
    if (k->key == NULL)
        return bx_err_set(err, BX_CORRUPT, "%s/%s is missing", k->directory, NODE_KEY);
    pki_key_pin(k->key, pin);
    if (!pki_equal(pin, c.pin, sizeof pin))
        return bx_err_set(err, BX_CORRUPT, "%s: %s is not the certificate of %s", k->directory,
                          NODE_CRT, NODE_KEY);
    return BX_OK;
}

int keys_open(struct keys *k, const char *data, struct bx_err *err)
{
    int n = snprintf(k->directory, sizeof k->directory, "%s/keys", data);
    int rc;

    if (n < 0 || n >= (int)sizeof k->directory)
        return bx_err_set(err, BX_INVALID, "--data: the path is too long");
    if (mkdir(k->directory, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", k->directory, strerror(errno));
    rc = load_key(k, err);
    if (rc == BX_OK)
        rc = load_both(k, NODE_CRT, &k->certificate, &k->other_certificate, err);
    if (rc == BX_OK)
        rc = load_both(k, CA_CRT, &k->ca, &k->other_ca, err);
    if (rc == BX_OK)
        rc = load(k, CA_KEY, &k->ca_key, err);
    if (rc == BX_OK)
        rc = load_cluster_keys(k, err);
    if (rc == BX_OK)
        rc = check(k, &k->certificate, err);
    if (rc == BX_OK)
        pair(k);
    return rc == BX_OK ? check(k, &k->other_certificate, err) : rc;
}

int keys_remove(const char *data, struct bx_err *err)
{
    char path[KEYS_PATH];
    int rc;

    snprintf(path, sizeof path, "%s/keys", data);
    rc = remove_files(path, err);
    if (rc == BX_OK && rmdir(path) != 0 && errno != ENOENT)
        rc = bx_err_set(err, BX_IO, "cannot remove %s: %s", path, strerror(errno));
    return rc;
}

void keys_close(struct keys *k)
{
    pki_key_destroy(k->key);
    bx_buf_release(&k->certificate);
    bx_buf_release(&k->ca);
    bx_buf_release(&k->other_certificate);
    bx_buf_release(&k->other_ca);
    bx_buf_release(&k->ca_key);
    pki_wipe(k, sizeof *k);
}

int keys_check(const struct keys *k, const struct bx_identity *id, struct bx_err *err)
{
    struct pki_cert c;
    int rc = pki_cert_read(k->certificate.data, k->certificate.len, &c, err);

    if (rc != BX_OK)
        return rc;
    if (memcmp(c.cluster, id->cluster, 16) == 0 && c.kind == PKI_NODE && c.node == id->node)
        return BX_OK;
    bx_err_set(err, BX_CORRUPT, "%s is not the certificate of node %llu of this cluster", NODE_CRT,
               (unsigned long long)id->node);
    bx_err_hint(err, "put back the files that belong to this data directory");
    return BX_CORRUPT;
}

bool keys_are_there(const struct keys *k)
{
    return k->key != NULL && k->certificate.len > 0 && k->ca.len > 0;
}

/* ---- a new cluster ---- */

static int make_ca(struct keys *k, struct bx_clock *clock, const struct bx_identity *id,
                   const struct bx_node_info *self, struct bx_err *err)
{
    uint8_t serial[PKI_SERIAL], spki[PKI_SPKI];
    struct bx_node_info founder = *self;
    struct pki_key *ca = NULL;
    int rc = pki_key_generate(&ca, err);

    founder.id = id->node;
    clock->ops->random(clock, serial, sizeof serial);
    clock->ops->random(clock, k->cluster_keys[0], PKI_SECRET);
    k->n_cluster_keys = 1;
    if (rc == BX_OK)
        rc = pki_ca_make(ca, id->cluster, id->cluster_name, clock->ops->wall_ms(clock), serial,
                         &k->ca, err);
    if (rc == BX_OK)
        rc = keys_seal_ca(k->cluster_keys[0], clock, ca, id->cluster, &k->ca_key, err);
    if (rc == BX_OK) {
        pki_key_public(k->key, spki);
        rc = keys_issue(ca, (struct pki_der){k->ca.data, k->ca.len}, clock, id->cluster, &founder,
                        spki, &k->certificate, err);
    }
    pki_key_destroy(ca);
    return rc;
}

/* A new key. What there was of an attempt before is dropped first, on the disk, too: a certificate
 * would be one of another key if this process ended in between. */
static int make_key(struct keys *k, struct bx_err *err)
{
    char path[KEYS_PATH];
    int rc = BX_OK;

    pki_key_destroy(k->key);
    k->key = NULL;
    k->certificate.len = k->ca.len = k->ca_key.len = 0;
    k->other_certificate.len = k->other_ca.len = 0;
    k->n_cluster_keys = 0;
    rc = remove_files(k->directory, err);
    if (rc == BX_OK)
        rc = pki_key_generate(&k->key, err);
    if (rc == BX_OK)
        rc = path_of(k, NODE_KEY, path, err);
    return rc == BX_OK ? secret_file_save_key(path, k->key, err) : rc;
}

static int save_all(const struct keys *k, struct bx_err *err)
{
    int rc = keys_save_both(k, CA_CRT, &k->ca, &k->other_ca, err);

    if (rc == BX_OK && k->n_cluster_keys > 0)
        rc = keys_save_cluster_keys(k, err);
    if (rc == BX_OK && k->ca_key.len > 0)
        rc = keys_save(k, CA_KEY, k->ca_key.data, k->ca_key.len, err);
    return rc == BX_OK ? keys_save(k, NODE_CRT, k->certificate.data, k->certificate.len, err) : rc;
}

int keys_found(struct keys *k, struct bx_clock *clock, const struct bx_identity *id,
               const struct bx_node_info *self, struct bx_err *err)
{
    int rc = make_key(k, err);

    if (rc == BX_OK)
        rc = make_ca(k, clock, id, self, err);
    return rc == BX_OK ? save_all(k, err) : rc;
}

void keys_created(struct keys *k)
{
    char path[KEYS_PATH];

    if (k->ca_key.len == 0)
        return;
    k->ca_key.len = 0;
    if (path_of(k, CA_KEY, path, NULL) == BX_OK)
        unlink(path);
}

/* ---- joining ---- */

int keys_request(struct keys *k, bool again, struct bx_buf *csr, struct bx_err *err)
{
    int rc = again && k->key != NULL ? BX_OK : make_key(k, err);

    return rc == BX_OK ? pki_csr_make(k->key, csr, err) : rc;
}

/* The CAs of an answer, one after the other; *n of them, at most two. False: something else. */
static bool read_cas(struct bx_str all, struct pki_der cas[2], uint32_t *n)
{
    const uint8_t *at = (const uint8_t *)all.p;
    size_t left = all.n, len;

    for (*n = 0; left > 0; (*n)++, at += len, left -= len) {
        len = *n == 2 ? 0 : pki_cert_length(at, left);
        if (len == 0)
            return false;
        cas[*n] = (struct pki_der){at, len};
    }
    return *n > 0;
}

static bool is_among(const struct pki_der *cas, uint32_t n, const uint8_t fingerprint[PKI_SHA256])
{
    uint8_t is[PKI_SHA256];

    for (uint32_t i = 0; i < n; i++) {
        bx_sha256(cas[i].p, cas[i].n, is);
        if (pki_equal(is, fingerprint, sizeof is))
            return true;
    }
    return false;
}

static int check_answer(const struct keys *k, const struct bx_joined *a, const struct pki_der *cas,
                        uint32_t n, const uint8_t fingerprint[PKI_SHA256], struct bx_err *err)
{
    struct pki_trust *trust = NULL;
    uint8_t pin[PKI_SHA256];
    struct pki_cert c;
    int rc = pki_trust_create(&trust, cas, n, err);

    pki_key_pin(k->key, pin);
    if (rc == BX_OK && !is_among(cas, n, fingerprint))
        rc = bx_err_set(err, BX_DENIED, "another CA than the token's");
    if (rc == BX_OK)
        rc = pki_verify(trust, (const uint8_t *)a->certificate.p, a->certificate.n,
                        PKI_DATES_IGNORED, 0, &c, err);
    if (rc == BX_OK &&
        (c.kind != PKI_NODE || c.node != a->node || memcmp(c.cluster, a->cluster, 16) != 0 ||
         !pki_equal(c.pin, pin, sizeof pin)))
        rc = bx_err_set(err, BX_DENIED, "the certificate is of another node");
    pki_trust_destroy(trust);
    return rc;
}

static void keep_cluster_keys(struct keys *k, struct bx_str keys)
{
    k->n_cluster_keys = (uint32_t)(keys.n / PKI_SECRET);
    if (keys.n > 0)
        memcpy(k->cluster_keys, keys.p, (size_t)k->n_cluster_keys * PKI_SECRET);
}

int keys_take(struct keys *k, const struct bx_joined *a, const uint8_t fingerprint[PKI_SHA256],
              struct bx_err *err)
{
    struct pki_der cas[2];
    uint32_t n;
    int rc = BX_OK;

    if (!read_cas(a->ca, cas, &n) || a->cluster_key.n > sizeof k->cluster_keys)
        rc = bx_err_set(err, BX_DENIED, "not the certificates of CAs");
    if (rc == BX_OK)
        rc = check_answer(k, a, cas, n, fingerprint, err);
    if (rc != BX_OK)
        return bx_err_wrap(err, "malformed answer to the join");
    /* There may be something of an answer that could not be kept, or of an init. */
    k->other_certificate.len = k->other_ca.len = k->ca_key.len = 0;
    keep_cluster_keys(k, a->cluster_key);
    rc = keys_set(&k->certificate, a->certificate.p, a->certificate.n, err);
    if (rc == BX_OK)
        rc = keys_set(&k->ca, cas[0].p, cas[0].n, err);
    if (rc == BX_OK && n > 1)
        rc = keys_set(&k->other_ca, cas[1].p, cas[1].n, err);
    if (rc == BX_OK)
        pair(k);
    return rc == BX_OK ? save_all(k, err) : rc;
}
