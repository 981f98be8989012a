#include "pki_help.h"

#include <string.h>

static void serial(uint8_t out[PKI_SERIAL])
{
    static uint64_t seed = 1;

    for (size_t i = 0; i < PKI_SERIAL; i++)
        out[i] = (uint8_t)test_random(&seed);
}

void pki_test_ca_open(struct pki_test_ca *ca, uint8_t id)
{
    struct bx_err err = {0};
    uint8_t random[PKI_SERIAL];
    struct pki_der der;

    memset(ca, 0, sizeof *ca);
    memset(ca->cluster, id, 16);
    serial(random);
    assert_int_equal(pki_key_generate(&ca->key, &err), BX_OK);
    assert_int_equal(pki_ca_make(ca->key, ca->cluster, "c1", PKI_TEST_NOW, random, &ca->der, &err),
                     BX_OK);
    der = (struct pki_der){ca->der.data, ca->der.len};
    assert_int_equal(pki_trust_create(&ca->trust, &der, 1, &err), BX_OK);
}

void pki_test_ca_close(struct pki_test_ca *ca)
{
    pki_trust_destroy(ca->trust);
    pki_key_destroy(ca->key);
    bx_buf_release(&ca->der);
}

static struct pki_issue issue(const struct pki_test_ca *ca)
{
    struct pki_issue i = {.not_before_ms = PKI_TEST_NOW,
                          .not_after_ms = PKI_TEST_NOW + PKI_TEST_DAY};

    memcpy(i.cluster, ca->cluster, 16);
    serial(i.serial);
    return i;
}

struct pki_issue pki_test_node(const struct pki_test_ca *ca, uint64_t node)
{
    static const char *const names[] = {"n7.example.org", "192.0.2.7", "2001:db8::7"};
    struct pki_issue i = issue(ca);

    i.kind = PKI_NODE;
    i.node = node;
    i.role = "voter";
    i.alt_names = names;
    i.n_alt_names = 3;
    return i;
}

struct pki_issue pki_test_user(const struct pki_test_ca *ca, const char *name)
{
    struct pki_issue i = issue(ca);

    i.kind = PKI_USER;
    i.name = name;
    return i;
}

void pki_test_issue(const struct pki_test_ca *ca, struct pki_issue *i, struct pki_key **key,
                    struct bx_buf *out)
{
    struct bx_err err = {0};
    struct pki_key *k;

    assert_int_equal(pki_key_generate(&k, &err), BX_OK);
    pki_key_public(k, i->spki);
    if (pki_issue(ca->key, ca->der.data, ca->der.len, i, out, &err) != BX_OK)
        fail_msg("%s", err.msg);
    if (key != NULL)
        *key = k;
    else
        pki_key_destroy(k);
}
