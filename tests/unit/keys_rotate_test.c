/* DATA/keys while the CA is replaced: what a node takes, shows and forgets, what it finds after it
 * was killed in between, and what those can no longer do who have only the old keys. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "lib/testfsm_one.h"
#include "sys/keys.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N 2

static char *data[N];
static struct keys keys[N];
static struct test_clock at;
static struct bx_clock *const now = &at.base;
static struct bx_identity id = {.node = 1, .cluster = {1, 2, 3}, .cluster_name = "lab"};
static struct bx_err err;
static struct bx_node_info nodes[N];
static uint8_t pins[N][PKI_SHA256], public[N][PKI_SPKI];

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static struct bx_str str(const void *p, size_t n)
{
    return (struct bx_str){p, (uint32_t)n};
}

static void tell(int i, uint64_t taken, uint64_t shown)
{
    pki_key_pin(keys[i].key, pins[i]);
    pki_key_public(keys[i].key, public[i]);
    nodes[i] = (struct bx_node_info){.id = (uint64_t)i + 1,
                                     .name = bx_str(i == 0 ? "n1" : "n2"),
                                     .address = bx_str(i == 0 ? "n1:1" : "n2:1"),
                                     .overcommit_vcpus_pct = 100,
                                     .overcommit_memory_pct = 100,
                                     .pin = str(pins[i], PKI_SHA256),
                                     .public_key = str(public[i], PKI_SPKI),
                                     .ca_taken = taken,
                                     .ca_shown = shown};
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &nodes[i]), BX_OK);
}

static struct bx_joined answer_of(struct bx_buf *certificate, struct bx_buf *cas)
{
    struct bx_joined a = {.node = 2};
    struct bx_buf csr = {0};

    assert_int_equal(pki_csr_make(keys[1].key, &csr, &err), BX_OK);
    assert_int_equal(keys_sign(&keys[0], now, id.cluster, bx_view_ca(view()), &nodes[1],
                               str(csr.data, csr.len), certificate, &err),
                     BX_OK);
    for (uint32_t i = 0; bx_view_ca_at(view(), i) != NULL; i++)
        assert_int_equal(bx_buf_append(cas, bx_view_ca_at(view(), i)->certificate.p,
                                       bx_view_ca_at(view(), i)->certificate.n),
                         BX_OK);
    bx_buf_release(&csr);
    memcpy(a.cluster, id.cluster, 16);
    a.certificate = str(certificate->data, certificate->len);
    a.ca = str(cas->data, cas->len);
    a.cluster_key = str(keys[0].cluster_keys, (size_t)keys[0].n_cluster_keys * PKI_SECRET);
    return a;
}

/* Node 2 joins with a token that names this CA. */
static int join(const struct bx_ca *named)
{
    struct bx_buf csr = {0}, certificate = {0}, cas = {0};
    uint8_t fingerprint[PKI_SHA256];
    struct bx_joined a;
    int rc;

    assert_int_equal(keys_request(&keys[1], false, &csr, &err), BX_OK);
    bx_buf_release(&csr);
    tell(1, 0, 0);
    a = answer_of(&certificate, &cas);
    bx_sha256(named->certificate.p, named->certificate.n, fingerprint);
    rc = keys_take(&keys[1], &a, fingerprint, &err);
    bx_buf_release(&certificate);
    bx_buf_release(&cas);
    return rc;
}

static int setup(void **state)
{
    struct bx_node_info self = {.name = bx_str("n1"), .address = bx_str("n1:1")};
    struct bx_cmd_cluster_create c = {.name = bx_str("lab"), .level = 3};

    test_fsm_setup(state);
    test_clock_init(&at);
    for (int i = 0; i < N; i++) {
        data[i] = test_make_dir();
        memset(&keys[i], 0, sizeof keys[i]);
        assert_int_equal(keys_open(&keys[i], data[i], &err), BX_OK);
    }
    assert_int_equal(keys_found(&keys[0], now, &id, &self, &err), BX_OK);
    memcpy(c.cluster, id.cluster, 16);
    c.history[0] = 1;
    c.ca_certificate = str(keys[0].ca.data, keys[0].ca.len);
    c.ca_key = str(keys[0].ca_key.data, keys[0].ca_key.len);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    tell(0, 1, 1);
    return 0;
}

static int teardown(void **state)
{
    for (int i = 0; i < N; i++) {
        keys_close(&keys[i]);
        test_remove_dir(data[i]);
    }
    return test_fsm_teardown(state);
}

static void reopen(int i)
{
    keys_close(&keys[i]);
    if (keys_open(&keys[i], data[i], &err) != BX_OK)
        fail_msg("%s", err.msg);
}

static void rotate_to(uint64_t generation)
{
    struct keys_new_ca made = {0};
    struct bx_cmd_ca_rotate body;

    assert_int_equal(keys_make_ca(&made, now, &id, "lab", generation, view(), &body, &err), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CA_ROTATE, &body), BX_OK);
    keys_new_ca_close(&made);
}

static void rotate(void)
{
    rotate_to(2);
}

static void take(int i)
{
    if (keys_take_ca(&keys[i], now, id.cluster, bx_view_ca_new(view()), &nodes[i], &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_true(keys_have_ca(&keys[i], id.cluster, bx_view_ca_new(view())));
}

/* The certificate that the node shows is of this CA, for this node and its key. */
static void is_of(int i, const struct bx_ca *ca)
{
    struct pki_der der = {(const uint8_t *)ca->certificate.p, ca->certificate.n};
    struct pki_trust *trust;
    struct pki_cert c;

    assert_true(keys_show_ca(&keys[i], ca));
    assert_int_equal(pki_trust_create(&trust, &der, 1, &err), BX_OK);
    if (pki_verify(trust, keys[i].certificate.data, keys[i].certificate.len, PKI_DATES_IGNORED, 0,
                   &c, &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(c.node, i + 1);
    assert_memory_equal(c.pin, pins[i], PKI_SHA256);
    pki_trust_destroy(trust);
}

TEST(a_node_takes_the_new_ca_shows_it_and_forgets_the_old_one)
{
    uint8_t old[PKI_SECRET];

    memcpy(old, keys[0].cluster_keys[0], sizeof old);
    assert_int_equal(join(bx_view_ca(view())), BX_OK);
    tell(1, 1, 1);
    rotate();
    for (int i = 0; i < N; i++) {
        assert_false(keys_have_ca(&keys[i], id.cluster, bx_view_ca_new(view())));
        take(i);
        reopen(i);
        assert_true(keys_have_ca(&keys[i], id.cluster, bx_view_ca_new(view())));
        assert_true(keys_have_ca(&keys[i], id.cluster, bx_view_ca(view())));
        is_of(i, bx_view_ca(view())); /* the old one is still shown */
        tell(i, 2, 1);
    }
    assert_true(bx_view_ca_new(view())->active);
    for (int i = 0; i < N; i++) {
        assert_int_equal(keys_switch(&keys[i], &err), BX_OK);
        reopen(i);
        is_of(i, bx_view_ca_new(view()));
        tell(i, 2, 2);
    }
    assert_null(bx_view_ca_new(view()));
    for (int i = 0; i < N; i++) {
        assert_int_equal(keys_forget_other(&keys[i], id.cluster, bx_view_ca(view()), &err), BX_OK);
        reopen(i);
        is_of(i, bx_view_ca(view()));
        assert_int_equal(keys[i].other_ca.len, 0);
        assert_int_equal(keys[i].other_certificate.len, 0);
        assert_int_equal(keys[i].n_cluster_keys, 1);
        assert_memory_not_equal(keys[i].cluster_keys[0], old, sizeof old);
        assert_true(keys_have_ca(&keys[i], id.cluster, bx_view_ca(view())));
    }
    assert_memory_equal(keys[0].cluster_keys[0], keys[1].cluster_keys[0], PKI_SECRET);
}

/* ---- killed in between ---- */

static char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/keys/%s", data[0], name);
    return path;
}

static size_t read_file(const char *name, uint8_t out[8192])
{
    FILE *f = fopen(path_of(name), "r");
    size_t n = f == NULL ? 0 : fread(out, 1, 8192, f);

    assert_non_null(f);
    fclose(f);
    return n;
}

static void write_file(const char *name, const uint8_t *p, size_t n)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

/* The files as they were before, from this one on: what is written is written in this order. */
static void undo_from(uint32_t first, const char *const names[3], uint8_t files[3][8192],
                      const size_t n[3])
{
    for (uint32_t i = first; i < 3; i++)
        write_file(names[i], files[i], n[i]);
    reopen(0);
}

TEST(what_a_killed_node_has_begun_is_ended)
{
    static const char *const taking[3] = {"cluster.key", "ca.crt", "node.crt"};
    static const char *const forgetting[3] = {"node.crt", "ca.crt", "cluster.key"};
    static uint8_t files[3][8192];
    size_t n[3];

    rotate();
    for (uint32_t killed = 0; killed < 3; killed++) {
        for (int i = 0; i < 3; i++)
            n[i] = read_file(taking[i], files[i]);
        take(0);
        undo_from(killed, taking, files, n);
        is_of(0, bx_view_ca(view()));
        take(0);
        undo_from(0, taking, files, n);
    }
    take(0);
    tell(0, 2, 1);
    assert_int_equal(keys_switch(&keys[0], &err), BX_OK);
    tell(0, 2, 2);
    for (uint32_t killed = 0; killed < 3; killed++) {
        for (int i = 0; i < 3; i++)
            n[i] = read_file(forgetting[i], files[i]);
        assert_int_equal(keys_forget_other(&keys[0], id.cluster, bx_view_ca(view()), &err), BX_OK);
        undo_from(killed, forgetting, files, n);
        is_of(0, bx_view_ca(view()));
        assert_int_equal(keys_forget_other(&keys[0], id.cluster, bx_view_ca(view()), &err), BX_OK);
        assert_int_equal(keys[0].n_cluster_keys, 1);
        assert_int_equal(keys[0].other_ca.len, 0);
        undo_from(0, forgetting, files, n);
    }
}

/* It was down when the first replacement ended, and the next one has begun since. */
TEST(a_node_that_has_not_forgotten_one_takes_the_next)
{
    rotate();
    assert_false(keys_are_stale(&keys[0], id.cluster, bx_view_ca(view()), bx_view_ca_new(view())));
    take(0);
    assert_false(keys_are_stale(&keys[0], id.cluster, bx_view_ca(view()), bx_view_ca_new(view())));
    tell(0, 2, 1);
    assert_int_equal(keys_switch(&keys[0], &err), BX_OK);
    assert_false(
        keys_are_stale(&keys[0], id.cluster, bx_view_ca_at(view(), 0), bx_view_ca_new(view())));
    tell(0, 2, 2);
    rotate_to(3);
    assert_true(keys_are_stale(&keys[0], id.cluster, bx_view_ca(view()), bx_view_ca_new(view())));
    assert_int_equal(keys_forget_other(&keys[0], id.cluster, bx_view_ca(view()), &err), BX_OK);
    take(0);
    reopen(0);
    is_of(0, bx_view_ca(view()));
    assert_true(keys_have_ca(&keys[0], id.cluster, bx_view_ca(view())));
    assert_true(keys_have_ca(&keys[0], id.cluster, bx_view_ca_new(view())));
}

/* ---- hosts that join meanwhile ---- */

TEST(a_host_that_joins_meanwhile_gets_both)
{
    rotate();
    take(0);
    assert_int_equal(join(bx_view_ca(view())), BX_OK); /* with a token of before */
    is_of(1, bx_view_ca(view()));
    assert_int_equal(keys[1].n_cluster_keys, 2);
    take(1); /* without a share: it makes a certificate of the new one */
    reopen(1);
    assert_true(keys_have_ca(&keys[1], id.cluster, bx_view_ca_new(view())));
    assert_int_equal(join(bx_view_ca_new(view())), BX_OK); /* with a token of the new one */
    is_of(1, bx_view_ca(view()));
    tell(0, 2, 1);
    tell(1, 2, 1);
    assert_true(bx_view_ca_new(view())->active);
    assert_int_equal(join(bx_view_ca_at(view(), 0)), BX_OK);
    is_of(1, bx_view_ca_new(view()));
    reopen(1);
    is_of(1, bx_view_ca_new(view()));
    take(1);
}

TEST(an_answer_with_other_cas_is_refused)
{
    struct bx_buf certificate = {0}, cas = {0};
    uint8_t fingerprint[PKI_SHA256] = {1};
    struct bx_joined a;

    assert_int_equal(join(bx_view_ca(view())), BX_OK);
    a = answer_of(&certificate, &cas);
    assert_int_equal(keys_take(&keys[1], &a, fingerprint, &err), BX_DENIED);
    bx_sha256(cas.data, cas.len, fingerprint);
    a.ca.n--;
    assert_int_equal(keys_take(&keys[1], &a, fingerprint, &err), BX_DENIED);
    a.ca.n = 0;
    assert_int_equal(keys_take(&keys[1], &a, fingerprint, &err), BX_DENIED);
    bx_buf_release(&certificate);
    bx_buf_release(&cas);
}

/* ---- what is not as it should be ---- */

TEST(a_node_without_a_share_gets_nothing)
{
    rotate();
    nodes[0].id = 7;
    assert_int_equal(
        keys_take_ca(&keys[0], now, id.cluster, bx_view_ca_new(view()), &nodes[0], &err),
        BX_NOT_FOUND);
    assert_int_equal(keys[0].other_ca.len, 0);
    assert_int_equal(keys[0].n_cluster_keys, 1);
}

static int take_changed(struct bx_ca ca)
{
    return keys_take_ca(&keys[0], now, id.cluster, &ca, &nodes[0], &err);
}

TEST(what_was_changed_is_not_taken)
{
    uint8_t bytes[BX_CA_SHARES_MAX];
    struct bx_ca ca;

    rotate();
    ca = *bx_view_ca_new(view());
    memcpy(bytes, ca.shares.p, ca.shares.n);
    for (uint32_t i = 8; i < BX_CA_SHARE_ITEM; i += 5) {
        bytes[i] ^= 1;
        ca.shares.p = (const char *)bytes;
        assert_int_equal(take_changed(ca), BX_CORRUPT);
        bytes[i] ^= 1;
    }
    ca.generation++; /* a share is of one CA */
    assert_int_equal(take_changed(ca), BX_CORRUPT);
    ca = *bx_view_ca_new(view());
    ca.certificate = bx_view_ca(view())->certificate; /* not of the key that is opened */
    assert_int_equal(take_changed(ca), BX_CORRUPT);
    ca = *bx_view_ca_new(view());
    ca.key = bx_view_ca(view())->key;
    assert_int_equal(take_changed(ca), BX_INVALID); /* one that this node can open */
}

TEST(a_key_that_is_not_the_pinned_one_gets_no_share)
{
    struct keys_new_ca made = {0};
    struct bx_cmd_ca_rotate body;
    struct bx_node_info n = nodes[0];
    uint8_t other[PKI_SPKI];

    memcpy(other, public[0], sizeof other);
    other[90] ^= 1;
    n.public_key = str(other, sizeof other);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &n), BX_OK);
    assert_int_equal(keys_make_ca(&made, now, &id, "lab", 2, view(), &body, &err), BX_CONFLICT);
    assert_non_null(strstr(err.msg, "n1"));
    keys_new_ca_close(&made);
    n.public_key.n = 0;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &n), BX_OK);
    assert_int_equal(keys_make_ca(&made, now, &id, "lab", 2, view(), &body, &err), BX_CONFLICT);
    keys_new_ca_close(&made);
}

/* A disk that was stolen before. */
TEST(the_old_keys_sign_nothing_and_open_nothing)
{
    struct bx_buf out = {0}, csr = {0};
    struct pki_der der;
    struct pki_trust *trust;
    struct pki_cert c;
    struct keys old;
    struct bx_ca ca;

    assert_int_equal(join(bx_view_ca(view())), BX_OK);
    tell(1, 1, 1);
    memset(&old, 0, sizeof old);
    assert_int_equal(keys_open(&old, data[1], &err), BX_OK);
    rotate();
    assert_int_equal(pki_csr_make(old.key, &csr, &err), BX_OK);
    ca = *bx_view_ca_new(view());
    assert_int_equal(
        keys_sign(&old, now, id.cluster, &ca, &nodes[1], str(csr.data, csr.len), &out, &err),
        BX_CORRUPT);
    assert_int_equal(keys_sign(&old, now, id.cluster, bx_view_ca(view()), &nodes[1],
                               str(csr.data, csr.len), &out, &err),
                     BX_OK);
    der = (struct pki_der){(const uint8_t *)ca.certificate.p, ca.certificate.n};
    assert_int_equal(pki_trust_create(&trust, &der, 1, &err), BX_OK);
    assert_int_equal(pki_verify(trust, out.data, out.len, PKI_DATES_IGNORED, 0, &c, &err),
                     BX_DENIED);
    pki_trust_destroy(trust);
    keys_close(&old);
    bx_buf_release(&out);
    bx_buf_release(&csr);
}

int main(void)
{
    return test_run(setup, teardown);
}
