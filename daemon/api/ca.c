/* ca - what the CA of the cluster is needed for: its certificate, by which nodes are recognized,
 * and those of users.
 *
 * A user's certificate is one only once it is in the state, as a token: the CA signs for the key
 * after that, on the node that was asked, and again for whoever asks with the same key. */
#include "api/priv.h"

#include "pki/pki.h"
#include "state/ca.h"
#include "state/user.h"
#include "sys/keys.h"
#include "wire/cluster.h"
#include "wire/user.h"

#include <stdio.h>
#include <string.h>

#define TTL_S (365u * 86400u)

static bool has_ca(struct api_call *c)
{
    struct bx_err err;

    if (bx_view_ca(api_view(c)) != NULL)
        return true;
    bx_err_set(&err, BX_NOT_FOUND, "this cluster has no CA");
    bx_err_hint(&err,
                "it was created with --insecure-loopback, or by a build without certificates");
    api_fail(c, &err);
    return false;
}

/* All of them: while the CA is replaced, nodes have certificates of two. */
static int put_certificates(const struct bx_view *v, struct bx_buf *out, struct bx_err *err)
{
    const struct bx_ca *ca;
    size_t pos = 0;
    int rc = BX_OK;

    while (rc == BX_OK && (ca = bx_view_next(v, BX_TABLE_CA, &pos)) != NULL)
        rc = pki_pem_write(PKI_PEM_CERTIFICATE, ca->certificate.p, ca->certificate.n, out, err);
    return rc;
}

static void show(struct api_call *c)
{
    struct bx_ca_reply r;
    struct bx_buf text = {0};
    struct bx_err err;

    if (!has_ca(c))
        return;
    if (put_certificates(api_view(c), &text, &err) == BX_OK) {
        r.certificates = (struct bx_str){(const char *)text.data, (uint32_t)text.len};
        api_reply(c, &bx_ca_reply_schema, &r);
    } else {
        api_fail(c, &err);
    }
    bx_buf_release(&text);
}

static void cluster_ca(struct api_call *c)
{
    api_read(c, show);
}

/* ---- certificates of users ---- */

/* The key of the signing request. */
static int read_request(struct bx_str text, struct pki_csr *out, struct bx_err *err)
{
    struct bx_buf der = {0};
    int rc = pki_pem_read(PKI_PEM_CSR, text.p, text.n, NULL, &der, err);

    if (rc == BX_OK)
        rc = pki_csr_read(der.data, der.len, out, err);
    bx_buf_release(&der);
    if (rc == BX_OK)
        return rc;
    bx_err_wrap(err, "csr");
    bx_err_hint(err, "it is a PKCS #10 request in PEM form, for an EC key on P-256");
    err->code = BX_INVALID;
    return BX_INVALID;
}

static void user_cert_create(struct api_call *c)
{
    const struct bx_user_cert_params *p = c->params;
    struct bx_cmd_user_token_create body = {
        .user = p->user, .scope = bx_str(c->tenant), .certificate = true};
    struct pki_csr *request = c->state = api_alloc(c, sizeof *request);
    uint64_t ttl_s = p->ttl_s == 0 ? TTL_S : p->ttl_s;
    struct bx_err err;

    if (!has_ca(c))
        return;
    if (p->user.n == 0 || read_request(p->csr, request, &err) != BX_OK) {
        if (p->user.n == 0)
            bx_err_set(&err, BX_INVALID, "missing parameter \"user\"");
        api_fail(c, &err);
        return;
    }
    memcpy(body.secret_hash, request->pin, sizeof body.secret_hash);
    /* What is above the bound is refused by the state machine, as all such values are. */
    body.ttl_ms = ttl_s > UINT32_MAX ? UINT64_MAX : ttl_s * 1000;
    api_write(c, BX_CMD_USER_TOKEN_CREATE, &body, bx_str("default"));
}

/* While the CA is replaced, that is the new one as soon as this node can sign with it: the other
 * one ends soon. */
static const struct bx_ca *signs_for_users(const struct api_call *c)
{
    const struct api_options *o = &c->api->o;
    const struct bx_ca *new_one = bx_view_ca_new(api_view(c));

    return new_one != NULL && keys_have_ca(o->keys, o->identity->cluster, new_one)
               ? new_one
               : bx_view_ca(api_view(c));
}

/* Sign for what is left of it. */
static int sign(const struct api_call *c, const struct bx_user_token *t, uint64_t until,
                struct bx_buf *pem, struct bx_err *err)
{
    const struct api_options *o = &c->api->o;
    const struct pki_csr *request = c->state;
    const struct bx_ca *ca = signs_for_users(c);
    char name[PKI_NAME_MAX + 1];
    struct bx_buf der = {0};
    int rc;

    snprintf(name, sizeof name, BX_STR_FMT, BX_STR_ARG(t->user));
    rc = ca == NULL ? bx_err_set(err, BX_NOT_FOUND, "this cluster has no CA")
                    : keys_sign_user(o->keys, o->clock, o->identity->cluster, ca, name,
                                     request->spki, until, &der, err);
    if (rc == BX_OK)
        rc = pki_pem_write(PKI_PEM_CERTIFICATE, der.data, der.len, pem, err);
    bx_buf_release(&der);
    return rc;
}

static void cert_created(struct api_call *c, const struct bx_outcome *o)
{
    const struct pki_csr *request = c->state;
    const struct bx_user_token *t = bx_view_user_token(api_view(c), request->pin);
    struct bx_clock *clock = c->api->o.clock;
    uint64_t left = t == NULL ? 0 : api_auth_left_ms(c->api, t);
    struct bx_user_cert_reply r;
    struct bx_buf pem = {0};
    struct bx_err err;
    int rc = BX_OK;

    (void)o;
    if (left == 0)
        rc = bx_err_set(&err, BX_NOT_FOUND, "the certificate was deleted meanwhile");
    if (rc == BX_OK) {
        r = (struct bx_user_cert_reply){.id = t->created_index,
                                        .user = t->user,
                                        .expires_ms = clock->ops->wall_ms(clock) + left};
        rc = sign(c, t, r.expires_ms, &pem, &err);
    }
    if (rc == BX_OK) {
        r.certificate = (struct bx_str){(const char *)pem.data, (uint32_t)pem.len};
        api_reply(c, &bx_user_cert_reply_schema, &r);
    } else {
        api_fail(c, &err);
    }
    bx_buf_release(&pem);
}

const struct api_method api_cluster_ca = {.run = cluster_ca};
const struct api_method api_user_cert_create = {.run = user_cert_create, .written = cert_created};
