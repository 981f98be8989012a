/* Joining a cluster, and admitting a host that does.
 *
 *   new host                                    member
 *   a key of its own, a signing request
 *   JOIN {secret, request, what it is}  ----->  the hash of the secret, and the hash of the key,
 *                                               which the request proves: member.join
 *                                               applied: the token is used up, the row is there
 *   keys, then identity  <-- JOINED {id, certificate, CA, key of the cluster}
 *
 * The addresses of the token are dialled one after the other, until one answers with an id. A
 * permanent refusal (the token is unknown, the name is taken) ends the join; a temporary one, or no
 * answer, leads to the next address. The incarnation is the session of the request, so a repeated
 * request gets the same id; and each member can sign, once it has the row.
 *
 * If keys or identity can not be saved, this host is not a member. It can ask again with the same
 * token and key, as long as the process lives; afterwards the id stays unused, and its row is to be
 * removed. */
#include "daemon.h"

#include "link/link.h"
#include "mem/alloc.h"
#include "rec/rec.h"
#include "state/ca.h"
#include "sys/address.h"
#include "transport/tls.h"

#include <stdio.h>
#include <string.h>

/* ---- joining ---- */

static void dial_next(struct daemon *d);

/* As many members as fit: one that answers is enough, because its log contains the others. */
static void write_peers(const struct bx_strs *peers, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < peers->n && n + peers->v[i].n + 2 <= size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s" BX_STR_FMT, n == 0 ? "" : " ",
                              BX_STR_ARG(peers->v[i]));
}

/* A cluster below level 3 answers without a certificate, and its tokens name no CA. */
static int take_certificate(struct daemon *d, const struct bx_joined *a, struct bx_err *err)
{
    struct bx_str ca = d->member.token.fingerprint;

    if (ca.n == 0)
        return BX_OK;
    return keys_take(&d->keys, a, (const uint8_t *)ca.p, err);
}

static void take_answer(struct daemon *d, const struct bx_joined *a)
{
    struct bx_identity id = d->identity;
    struct bx_err err = {0};
    int rc;

    id.node = a->node;
    memcpy(id.cluster, a->cluster, 16);
    memcpy(id.history, a->history, 16);
    snprintf(id.name, sizeof id.name, "%s", d->options.name);
    write_peers(&a->peers, id.peers, sizeof id.peers);
    if (a->node == 0)
        rc = bx_err_set(&err, BX_MALFORMED, "malformed answer to the join: no node id");
    else
        rc = take_certificate(d, a, &err);
    if (rc == BX_OK)
        rc = daemon_become(d, &id, &err);
    daemon_join_close(d);
    if (rc != BX_OK)
        daemon_member_end(d, &err);
}

static void on_joined(void *ctx, const struct bx_joined *a, const struct bx_err *err)
{
    struct daemon *d = ctx;
    struct bx_str address = d->member.token.addresses.v[d->member.dialled - 1];
    struct bx_err said = {0};

    if (a != NULL && a->code == BX_OK) {
        take_answer(d, a);
        return;
    }
    if (a == NULL) {
        said = *err;
    } else {
        bx_err_set(&said, a->code, BX_STR_FMT, BX_STR_ARG(a->message));
        bx_err_hint(&said, BX_STR_FMT, BX_STR_ARG(a->hint));
    }
    bx_err_wrap(&said, "join through " BX_STR_FMT " failed", BX_STR_ARG(address));
    if (said.hint[0] == '\0')
        bx_err_hint(&said,
                    "check that the cluster's daemons are running; a new token lists the current "
                    "members");
    BX_WARNING("daemon", "not joined", "err", said.msg);
    /* A refusal is stored as the outcome of this incarnation, so a later attempt, after the cause
     * is fixed, needs a new one. */
    if (a != NULL && !bx_code_retryable(a->code))
        d->clock->ops->random(d->clock, d->identity.incarnation, sizeof d->identity.incarnation);
    if ((a == NULL || bx_code_retryable(a->code)) &&
        d->member.dialled < d->member.token.addresses.n) {
        dial_next(d);
        return;
    }
    daemon_join_close(d);
    daemon_member_end(d, &said);
}

/* What proves that the host may join. */
static void add_proof(const struct daemon *d, struct bx_join *j)
{
    const struct daemon_member *m = &d->member;
    uint8_t sum[PKI_SHA256];

    if (m->token.secret.n == BX_JOIN_SECRET) {
        j->secret = m->token.secret;
        j->csr = (struct bx_str){(const char *)m->csr.data, (uint32_t)m->csr.len};
    } else { /* of a cluster that knows no other */
        bx_sha256(m->token.secret.p, m->token.secret.n, sum);
        memcpy(j->secret_hash, sum, sizeof j->secret_hash);
    }
}

static void dial_next(struct daemon *d)
{
    struct bx_str to = d->member.token.addresses.v[d->member.dialled++];
    char address[BX_ADDRESS_MAX + 1];
    struct bx_node_info self;
    struct bx_join j = {0};

    daemon_self(d, &self);
    add_proof(d, &j);
    memcpy(j.incarnation, d->identity.incarnation, 16);
    j.name = self.name;
    j.address = self.address;
    j.api = self.api;
    j.datacenter = self.datacenter;
    j.zone = self.zone;
    j.rack = self.rack;
    j.driver = self.driver;
    j.vcpus = self.vcpus;
    j.memory_mib = self.memory_mib;
    j.disk_gib = self.disk_gib;
    j.role = self.role;
    snprintf(address, sizeof address, BX_STR_FMT, BX_STR_ARG(to));
    link_join(d->link, d->member.tls, address, &j, on_joined, d);
}

static int check_addresses(const struct bx_join_token *t, struct bx_err *err)
{
    for (uint32_t i = 0; i < t->addresses.n; i++) {
        char text[BX_ADDRESS_MAX + 1];
        union address a;

        snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(t->addresses.v[i]));
        if (t->addresses.v[i].n > BX_ADDRESS_MAX || address_parse(text, &a, NULL) != BX_OK) {
            bx_err_set(err, BX_INVALID, "token: an address is not HOST:PORT");
            bx_err_hint(err, "create one on a member: blixardctl cluster token create");
            return BX_INVALID;
        }
    }
    return BX_OK;
}

/* The key of this incarnation, so that a request that is repeated is the same. */
static int make_request(struct daemon *d, struct bx_err *err)
{
    struct daemon_member *m = &d->member;
    bool again = memcmp(m->keyed, d->identity.incarnation, 16) == 0;
    int rc;

    if (m->token.fingerprint.n == 0 && d->options.insecure_loopback)
        return BX_OK;
    if (m->token.fingerprint.n == 0) {
        bx_err_set(err, BX_INVALID, "token: its cluster has no certificates");
        bx_err_hint(err, "such a cluster lives on one host: start blixardd with "
                         "--insecure-loopback");
        return BX_INVALID;
    }
    rc = daemon_join_context(d, err);
    if (rc == BX_OK)
        rc = keys_request(&d->keys, again, &m->csr, err);
    if (rc == BX_OK)
        memcpy(m->keyed, d->identity.incarnation, 16);
    return rc;
}

int daemon_join(struct daemon *d, const char *text, daemon_done done, void *ctx, struct bx_err *err)
{
    struct daemon_member *m = &d->member;
    int rc;

    if (m->done != NULL) /* its token is in use */
        return daemon_member_begin(d, done, ctx, err);
    daemon_join_close(d);
    rc = bx_join_token_read(text, strlen(text), &m->token, &m->arena, err);
    if (rc == BX_OK)
        rc = check_addresses(&m->token, err);
    if (rc == BX_OK)
        rc = daemon_member_begin(d, done, ctx, err);
    if (rc == BX_OK && (rc = make_request(d, err)) != BX_OK)
        m->done = NULL;
    if (rc != BX_OK) {
        daemon_join_close(d);
        return rc;
    }
    m->dialled = 0;
    dial_next(d);
    return BX_OK;
}

void daemon_join_close(struct daemon *d)
{
    struct daemon_member *m = &d->member;

    if (m->token.secret.n > 0)
        pki_wipe((void *)(uintptr_t)m->token.secret.p, m->token.secret.n);
    memset(&m->token, 0, sizeof m->token);
    bx_arena_close(&m->arena);
    bx_buf_release(&m->csr);
    tls_context_release(m->tls);
    m->tls = NULL;
}

/* ---- admitting a host ---- */

struct asking {
    struct daemon *d;
    uint64_t handle; /* of the connection, which may be closed by then */
    struct bx_buf csr;
};

/* While the CA is replaced, a host needs both, and what opens the keys of both: it has no share. */
static bool has_all(const struct daemon *d)
{
    const struct bx_view *view = bx_node_view(d->node);
    const struct bx_ca *ca = bx_view_ca_new(view);

    return ca == NULL || keys_have_ca(&d->keys, d->identity.cluster, ca);
}

static int not_yet(struct bx_err *err)
{
    bx_err_set(err, BX_BUSY, "the CA is being replaced, and this node has not taken the new one");
    bx_err_hint(err, "try again, or join through another member");
    return BX_BUSY;
}

static int add_cas(const struct bx_view *view, struct bx_buf *out)
{
    const struct bx_ca *ca;
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && (ca = bx_view_ca_at(view, i)) != NULL; i++)
        rc = bx_buf_append(out, ca->certificate.p, ca->certificate.n);
    return rc;
}

/* What a member gives to a host that was let in: its certificate, and the key with which it will
 * sign for others, if it is to hold the log. */
static int add_certificate(const struct asking *asking, struct bx_joined *a, struct bx_buf *out,
                           struct bx_buf *cas, struct bx_err *err)
{
    struct daemon *d = asking->d;
    const struct bx_view *view = bx_node_view(d->node);
    const struct bx_node_row *row = bx_view_node(view, a->node);
    const struct bx_ca *ca = bx_view_ca(view);
    int rc;

    if (ca == NULL)
        return BX_OK;
    if (row == NULL) /* removed again */
        return bx_err_set(err, BX_CONFLICT, "node %llu was removed", (unsigned long long)a->node);
    if (!has_all(d))
        return not_yet(err);
    rc = keys_sign(&d->keys, d->clock, a->cluster, ca, &row->info,
                   (struct bx_str){(const char *)asking->csr.data, (uint32_t)asking->csr.len}, out,
                   err);
    if (rc != BX_OK)
        return bx_err_wrap(err, "cannot sign the certificate");
    if (add_cas(view, cas) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    a->certificate = (struct bx_str){(const char *)out->data, (uint32_t)out->len};
    a->ca = (struct bx_str){(const char *)cas->data, (uint32_t)cas->len};
    if (row->info.role != BX_ROLE_AGENT)
        a->cluster_key = (struct bx_str){(const char *)d->keys.cluster_keys,
                                         d->keys.n_cluster_keys * PKI_SECRET};
    return BX_OK;
}

static void refuse(struct link *link, uint64_t handle, const struct bx_err *err)
{
    struct bx_joined no = {
        .code = (uint16_t)err->code, .message = bx_str(err->msg), .hint = bx_str(err->hint)};

    link_answer_join(link, handle, &no);
}

static void answer(void *ctx, const struct bx_joined *answer)
{
    struct asking *asking = ctx;
    struct bx_joined a = *answer;
    struct bx_buf certificate = {0}, cas = {0};
    struct bx_err err = {0};

    if (a.code != BX_OK || add_certificate(asking, &a, &certificate, &cas, &err) == BX_OK)
        link_answer_join(asking->d->link, asking->handle, &a);
    else
        refuse(asking->d->link, asking->handle, &err);
    bx_buf_release(&certificate);
    bx_buf_release(&cas);
    bx_buf_release(&asking->csr);
    bx_free(asking);
}

/* What the host has proven: that it knows the secret, whose hash *j gets, and that it has the key
 * with this pin. */
static int check_proof(const struct daemon *d, struct bx_join *j, uint8_t pin[PKI_SHA256],
                       struct bx_str *has, struct bx_err *err)
{
    uint8_t sum[PKI_SHA256];
    struct pki_csr csr;
    int rc;

    if (j->secret.n > 0) {
        bx_sha256(j->secret.p, j->secret.n, sum);
        memcpy(j->secret_hash, sum, sizeof j->secret_hash);
    } else if (bx_node_level(d->node) >= 3) {
        bx_err_set(err, BX_DENIED, "the token is of an older feature level than the cluster");
        bx_err_hint(err, "create a new one with: blixardctl cluster token create");
        return BX_DENIED;
    }
    *has = bx_str("");
    if (bx_view_ca(bx_node_view(d->node)) == NULL)
        return BX_OK;
    if (!has_all(d))
        return not_yet(err);
    if (d->keys.n_cluster_keys == 0) {
        bx_err_set(err, BX_BUSY, "this node has no key of the cluster, and can not sign");
        bx_err_hint(err, "join through another member");
        return BX_BUSY;
    }
    rc = pki_csr_read((const uint8_t *)j->csr.p, j->csr.n, &csr, err);
    if (rc != BX_OK)
        return bx_err_wrap(err, "the signing request");
    memcpy(pin, csr.pin, PKI_SHA256);
    *has = (struct bx_str){(const char *)pin, PKI_SHA256};
    return BX_OK;
}

static int admit(struct daemon *d, uint64_t handle, const struct bx_join *join, struct bx_err *err)
{
    struct asking *asking = bx_alloc(sizeof *asking);
    uint8_t pin[PKI_SHA256];
    struct bx_join j = *join;
    struct bx_str has;
    int rc;

    if (asking == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    *asking = (struct asking){.d = d, .handle = handle};
    rc = check_proof(d, &j, pin, &has, err);
    if (rc == BX_OK)
        rc = bx_buf_append(&asking->csr, j.csr.p, j.csr.n);
    if (rc == BX_OK)
        rc = bx_node_join(d->node, &j, has, answer, asking, err);
    if (rc != BX_OK) {
        bx_buf_release(&asking->csr);
        bx_free(asking);
    }
    return rc;
}

void daemon_on_join(void *ctx, uint64_t handle, const struct bx_join *join)
{
    struct daemon *d = ctx;
    struct bx_err err = {0};

    /* Nobody asks before the link was told who we are, which is before the node opens. */
    if (d->node == NULL)
        bx_err_set(&err, BX_NO_LEADER, "this node is still starting");
    else if (admit(d, handle, join, &err) == BX_OK)
        return;
    refuse(d->link, handle, &err);
}
