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

static int load_cluster_key(struct keys *k, struct bx_err *err)
{
    struct bx_buf b = {0};
    int rc = load(k, CLUSTER_KEY, &b, err);

    if (rc == BX_OK && b.len != 0 && b.len != PKI_SECRET)
        rc = bx_err_set(err, BX_CORRUPT, "%s/%s: damaged", k->directory, CLUSTER_KEY);
    k->has_cluster_key = rc == BX_OK && b.len == PKI_SECRET;
    if (k->has_cluster_key)
        memcpy(k->cluster_key, b.data, PKI_SECRET);
    pki_wipe_buf(&b);
    return rc;
}

/* A certificate that is there is one, and is of the key. */
static int check(const struct keys *k, struct bx_err *err)
{
    uint8_t pin[PKI_SHA256];
    struct pki_cert c;
    int rc;

    if (k->certificate.len == 0)
        return BX_OK;
    rc = pki_cert_read(k->certificate.data, k->certificate.len, &c, err);
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
        rc = load(k, NODE_CRT, &k->certificate, err);
    if (rc == BX_OK)
        rc = load(k, CA_CRT, &k->ca, err);
    if (rc == BX_OK)
        rc = load(k, CA_KEY, &k->ca_key, err);
    if (rc == BX_OK)
        rc = load_cluster_key(k, err);
    return rc == BX_OK ? check(k, err) : rc;
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

static int seal_ca(struct keys *k, struct bx_clock *clock, const struct pki_key *ca,
                   const uint8_t cluster[16], struct bx_err *err)
{
    uint8_t plain[PKI_KEY_MAX], nonce[PKI_NONCE];
    size_t n = 0;
    int rc = pki_key_write(ca, plain, &n, err);

    clock->ops->random(clock, nonce, sizeof nonce);
    if (rc == BX_OK)
        rc = pki_seal(k->cluster_key, nonce, cluster, 16, plain, n, &k->ca_key, err);
    pki_wipe(plain, sizeof plain);
    return rc;
}

static int make_ca(struct keys *k, struct bx_clock *clock, const struct bx_identity *id,
                   const struct bx_node_info *self, struct bx_err *err)
{
    uint8_t serial[PKI_SERIAL], spki[PKI_SPKI];
    struct bx_node_info founder = *self;
    struct pki_key *ca = NULL;
    int rc = pki_key_generate(&ca, err);

    founder.id = id->node;
    clock->ops->random(clock, serial, sizeof serial);
    clock->ops->random(clock, k->cluster_key, sizeof k->cluster_key);
    k->has_cluster_key = true;
    if (rc == BX_OK)
        rc = pki_ca_make(ca, id->cluster, id->cluster_name, clock->ops->wall_ms(clock), serial,
                         &k->ca, err);
    if (rc == BX_OK)
        rc = seal_ca(k, clock, ca, id->cluster, err);
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
    k->has_cluster_key = false;
    rc = remove_files(k->directory, err);
    if (rc == BX_OK)
        rc = pki_key_generate(&k->key, err);
    if (rc == BX_OK)
        rc = path_of(k, NODE_KEY, path, err);
    return rc == BX_OK ? secret_file_save_key(path, k->key, err) : rc;
}

static int save_all(const struct keys *k, struct bx_err *err)
{
    int rc = keys_save(k, CA_CRT, k->ca.data, k->ca.len, err);

    if (rc == BX_OK && k->has_cluster_key)
        rc = keys_save(k, CLUSTER_KEY, k->cluster_key, PKI_SECRET, err);
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

static int check_answer(const struct keys *k, const struct bx_joined *a,
                        const uint8_t fingerprint[PKI_SHA256], struct bx_err *err)
{
    const struct pki_der ca = {(const uint8_t *)a->ca.p, a->ca.n};
    uint8_t pin[PKI_SHA256], is[PKI_SHA256];
    struct pki_trust *trust = NULL;
    struct pki_cert c;
    int rc = pki_trust_create(&trust, &ca, 1, err);

    bx_sha256(ca.p, ca.n, is);
    pki_key_pin(k->key, pin);
    if (rc == BX_OK && !pki_equal(is, fingerprint, sizeof is))
        rc = bx_err_set(err, BX_DENIED, "another CA than the token's");
    if (rc == BX_OK)
        rc = pki_verify(trust, (const uint8_t *)a->certificate.p, a->certificate.n,
                        PKI_DATES_IGNORED, 0, &c, err);
    if (rc == BX_OK &&
        (c.kind != PKI_NODE || c.node != a->node || memcmp(c.cluster, a->cluster, 16) != 0 ||
         !pki_equal(c.pin, pin, sizeof pin)))
        rc = bx_err_set(err, BX_DENIED, "the certificate is of another node");
    pki_trust_destroy(trust);
    return rc == BX_OK ? rc : bx_err_wrap(err, "malformed answer to the join");
}

int keys_take(struct keys *k, const struct bx_joined *a, const uint8_t fingerprint[PKI_SHA256],
              struct bx_err *err)
{
    int rc = check_answer(k, a, fingerprint, err);

    if (rc == BX_OK) /* of an answer that could not be kept, or of an init */
        k->certificate.len = k->ca.len = k->ca_key.len = 0;
    if (rc == BX_OK)
        rc = bx_buf_append(&k->certificate, a->certificate.p, a->certificate.n);
    if (rc == BX_OK)
        rc = bx_buf_append(&k->ca, a->ca.p, a->ca.n);
    k->has_cluster_key = rc == BX_OK && a->cluster_key.n == PKI_SECRET;
    if (k->has_cluster_key)
        memcpy(k->cluster_key, a->cluster_key.p, PKI_SECRET);
    return rc == BX_OK ? save_all(k, err) : rc;
}
