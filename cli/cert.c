#include "cert.h"

#include "mem/alloc.h"
#include "pki/pki.h"
#include "result.h"
#include "secret.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the key ---- */

static int save_key(const struct pki_key *key, const char *path, struct bx_err *err)
{
    uint8_t der[PKI_KEY_MAX];
    struct bx_buf text = {0};
    size_t n = 0;
    int fd = -1, rc = pki_key_write(key, der, &n, err);

    bx_must_ok(bx_buf_reserve(&text, SECRET_FILE));
    if (rc == BX_OK)
        rc = pki_pem_write(PKI_PEM_KEY, der, n, &text, err);
    pki_wipe(der, sizeof der);
    if (rc == BX_OK)
        rc = secret_create_file(path, &fd, err);
    if (rc == BX_OK)
        rc = secret_write(fd, path, (struct bx_str){(const char *)text.data, (uint32_t)text.len},
                          err);
    if (fd >= 0)
        close(fd);
    pki_wipe_buf(&text);
    return rc;
}

static int load_key(const char *path, struct pki_key **key, struct bx_err *err)
{
    struct bx_buf text = {0}, der = {0};
    int rc = secret_read(path, &text, err);

    bx_must_ok(bx_buf_reserve(&der, SECRET_FILE));
    if (rc == BX_OK) {
        rc = pki_pem_read(PKI_PEM_KEY, (const char *)text.data, text.len, NULL, &der, err);
        if (rc == BX_OK)
            rc = pki_key_read(der.data, der.len, key, err);
        if (rc != BX_OK)
            bx_err_wrap(err, "%s", path);
    }
    pki_wipe_buf(&text);
    pki_wipe_buf(&der);
    return rc;
}

/* *made: it is a new one. */
static int take_key(const char *path, struct pki_key **key, bool *made, struct bx_err *err)
{
    int rc;

    *made = access(path, F_OK) != 0;
    if (!*made)
        return load_key(path, key, err);
    rc = pki_key_generate(key, err);
    return rc == BX_OK ? save_key(*key, path, err) : rc;
}

/* ---- the certificate ---- */

static int ask(struct run *r, const struct pki_key *key, uint64_t ttl_s, bx_val *result)
{
    struct bx_buf der = {0}, text = {0};
    struct params p = {0};
    int rc = pki_csr_make(key, &der, &r->err);

    if (rc == BX_OK)
        rc = pki_pem_write(PKI_PEM_CSR, der.data, der.len, &text, &r->err);
    bx_must_ok(bx_buf_append(&text, "", 1));
    if (rc == BX_OK) {
        params_str(&p, "user", r->arguments[0]);
        params_str(&p, "csr", (const char *)text.data);
        params_u64(&p, "ttl_s", ttl_s);
        rc = run_write_params(r, &p);
    }
    r->request_id[0] = '\0'; /* what repeats it is the key */
    if (rc == BX_OK)
        rc = run_call(r, "user.cert_create", &p, result);
    params_close(&p);
    bx_buf_release(&der);
    bx_buf_release(&text);
    return rc;
}

static int save_certificate(const char *path, bx_val result, struct bx_err *err)
{
    struct bx_str text = {"", 0};
    int fd, rc = secret_create_file(path, &fd, err);

    if (rc != BX_OK)
        return rc;
    bx_val_str(bx_val_get(result, "certificate"), &text);
    rc = secret_write(fd, path, text, err);
    close(fd);
    if (rc != BX_OK)
        unlink(path);
    return rc;
}

static void print(struct run *r, bx_val result, const char *crt, const char *key)
{
    char id[24];

    if (!result_is_for_people(r)) {
        result_print(r, result);
    } else if (!r->quiet) {
        value_text(bx_val_get(result, "id"), VALUE_NUMBER, id, sizeof id);
        printf("certificate %s of user %s: %s, %s\n", id, r->arguments[0], crt, key);
    }
}

int cert_make(struct run *r, const char *prefix, uint64_t ttl_s)
{
    char crt[PATH_MAX], key_path[PATH_MAX];
    struct pki_key *key = NULL;
    bx_val result = NULL;
    bool made = false;
    int rc;

    if (snprintf(crt, sizeof crt, "%s.crt", prefix) >= (int)sizeof crt)
        return bx_err_set(&r->err, BX_INVALID, "--out: too long");
    snprintf(key_path, sizeof key_path, "%s.key", prefix);
    if (access(crt, F_OK) == 0) {
        bx_err_set(&r->err, BX_IO, "%s: File exists", crt);
        bx_err_hint(&r->err, "choose another --out");
        return BX_IO;
    }
    rc = take_key(key_path, &key, &made, &r->err);
    if (rc == BX_OK) {
        rc = ask(r, key, ttl_s, &result);
        if (rc == BX_OK)
            rc = save_certificate(crt, result, &r->err);
        else if (made && !r->client.unknown)
            unlink(key_path);
        else if (r->client.unknown)
            bx_err_hint(&r->err, "it may have been carried out: run the command again, which uses "
                                 "the same key");
    }
    pki_key_destroy(key);
    if (rc == BX_OK)
        print(r, result, crt, key_path);
    return rc;
}
