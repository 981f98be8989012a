/* DATA/keys: a founder makes a cluster's keys, a member signs for a host that joins, a certificate
 * is renewed; and what is damaged, missing or somebody else's is told. */
#include "lib/testlib.h"

#include "lib/testclock.h"
#include "sys/keys.h"
#include "wire/frame.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY UINT64_C(86400000)

static char *data[2]; /* of the founder and of a host that joins */
static struct keys keys[2];
static struct test_clock at;
static struct bx_clock *const now = &at.base;
static struct bx_identity id = {.node = 1, .cluster = {1, 2, 3}, .cluster_name = "lab"};
static struct bx_err err;

static struct bx_node_info node(uint64_t number)
{
    return (struct bx_node_info){.id = number,
                                 .name = bx_str("n"),
                                 .address = bx_str("[fd00::1]:7411"),
                                 .api = bx_str("10.0.0.1:7410")};
}

static int open_dirs(void **state)
{
    (void)state;
    test_clock_init(&at);
    for (int i = 0; i < 2; i++) {
        data[i] = test_make_dir();
        memset(&keys[i], 0, sizeof keys[i]);
        assert_int_equal(keys_open(&keys[i], data[i], &err), BX_OK);
    }
    return 0;
}

static int close_dirs(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        keys_close(&keys[i]);
        test_remove_dir(data[i]);
    }
    return 0;
}

static void found(void)
{
    struct bx_node_info self = node(0);

    if (keys_found(&keys[0], now, &id, &self, &err) != BX_OK)
        fail_msg("%s", err.msg);
}

static void reopen(int i)
{
    keys_close(&keys[i]);
    assert_int_equal(keys_open(&keys[i], data[i], &err), BX_OK);
}

static struct pki_cert certificate(int i)
{
    struct pki_cert c;

    assert_int_equal(pki_cert_read(keys[i].certificate.data, keys[i].certificate.len, &c, &err),
                     BX_OK);
    return c;
}

static struct bx_str text(const struct bx_buf *b)
{
    return (struct bx_str){(const char *)b->data, (uint32_t)b->len};
}

static struct bx_ca ca_of(const struct bx_buf *key)
{
    return (struct bx_ca){.generation = 1, .certificate = text(&keys[0].ca), .key = text(key)};
}

TEST(a_founder_has_all_of_it_after_a_restart)
{
    struct stat st;
    char path[256];

    found();
    assert_true(keys_are_there(&keys[0]));
    reopen(0);
    assert_true(keys_are_there(&keys[0]));
    assert_int_equal(keys[0].n_cluster_keys, 1);
    assert_true(keys[0].ca_key.len > 0);
    assert_int_equal(certificate(0).node, 1);
    assert_memory_equal(certificate(0).cluster, id.cluster, 16);
    snprintf(path, sizeof path, "%s/keys/node.key", data[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    keys_created(&keys[0]);
    reopen(0);
    assert_int_equal(keys[0].ca_key.len, 0);
    assert_true(keys_are_there(&keys[0]));
}

/* ---- a host that joins ---- */

/* Sign for the host as node 2, as if the state had this sealed key and this hash of its key. */
static int sign(const struct bx_buf *sealed, const uint8_t pin[PKI_SHA256], struct bx_buf *out)
{
    struct bx_node_info two = node(2);
    struct bx_ca ca = ca_of(sealed);
    struct bx_buf csr = {0};
    int rc;

    assert_int_equal(pki_csr_make(keys[1].key, &csr, &err), BX_OK);
    two.pin = (struct bx_str){(const char *)pin, PKI_SHA256};
    rc = keys_sign(&keys[0], now, id.cluster, &ca, &two, text(&csr), out, &err);
    bx_buf_release(&csr);
    return rc;
}

static void request(uint8_t pin[PKI_SHA256])
{
    struct bx_buf csr = {0};

    found();
    assert_int_equal(keys_request(&keys[1], false, &csr, &err), BX_OK);
    assert_true(csr.len > 0);
    pki_key_pin(keys[1].key, pin);
    bx_buf_release(&csr);
}

static int take(uint64_t as, const struct bx_buf *certificate, bool right)
{
    struct bx_joined a = {.node = as,
                          .certificate = text(certificate),
                          .ca = text(&keys[0].ca),
                          .cluster_key = {(const char *)keys[0].cluster_keys[0], PKI_SECRET}};
    uint8_t fingerprint[PKI_SHA256];

    memcpy(a.cluster, id.cluster, 16);
    bx_sha256(keys[0].ca.data, keys[0].ca.len, fingerprint);
    fingerprint[0] ^= !right;
    return keys_take(&keys[1], &a, fingerprint, &err);
}

TEST(a_host_keeps_what_it_is_answered)
{
    struct bx_buf certificate_2 = {0};
    uint8_t pin[PKI_SHA256];

    request(pin);
    assert_int_equal(sign(&keys[0].ca_key, pin, &certificate_2), BX_OK);
    assert_int_equal(take(2, &certificate_2, false), BX_DENIED); /* not the token's CA */
    assert_int_equal(take(3, &certificate_2, true), BX_DENIED);  /* another node's */
    assert_false(keys_are_there(&keys[1]));
    assert_int_equal(take(2, &certificate_2, true), BX_OK);
    reopen(1);
    assert_true(keys_are_there(&keys[1]));
    assert_int_equal(certificate(1).node, 2);
    assert_memory_equal(certificate(1).pin, pin, sizeof pin);
    assert_memory_equal(keys[1].cluster_keys[0], keys[0].cluster_keys[0], PKI_SECRET);
    bx_buf_release(&certificate_2);
}

/* The identity could not be saved, and the host asks again with the same key. */
TEST(an_answer_that_comes_again_takes_the_place_of_the_first)
{
    struct bx_buf certificate_2 = {0}, csr = {0};
    uint8_t pin[PKI_SHA256];

    request(pin);
    assert_int_equal(sign(&keys[0].ca_key, pin, &certificate_2), BX_OK);
    assert_int_equal(take(2, &certificate_2, true), BX_OK);
    assert_int_equal(keys_request(&keys[1], true, &csr, &err), BX_OK);
    assert_int_equal(take(2, &certificate_2, true), BX_OK);
    reopen(1);
    assert_int_equal(keys[1].certificate.len, certificate_2.len);
    assert_int_equal(certificate(1).node, 2);
    bx_buf_release(&certificate_2);
    bx_buf_release(&csr);
}

/* Whoever has the certificate of a node without its key is nobody. */
TEST(a_certificate_for_another_key_is_not_taken)
{
    struct bx_buf certificate_2 = {0};
    uint8_t pin[PKI_SHA256];

    request(pin);
    assert_int_equal(sign(&keys[0].ca_key, pin, &certificate_2), BX_OK);
    request(pin); /* a new key, and a new cluster */
    assert_int_equal(take(2, &certificate_2, true), BX_DENIED);
    bx_buf_release(&certificate_2);
}

TEST(nothing_is_signed_for_another_key_than_that_of_the_row)
{
    struct bx_buf out = {0};
    uint8_t pin[PKI_SHA256];

    request(pin);
    pin[31] ^= 1;
    assert_int_equal(sign(&keys[0].ca_key, pin, &out), BX_CONFLICT);
    assert_int_equal(out.len, 0);
}

TEST(a_key_that_does_not_open_the_cas_signs_nothing)
{
    struct bx_buf out = {0};
    uint8_t pin[PKI_SHA256];

    request(pin);
    keys[0].cluster_keys[0][7] ^= 1;
    assert_int_equal(sign(&keys[0].ca_key, pin, &out), BX_CORRUPT);
    keys[0].n_cluster_keys = 0;
    assert_int_equal(sign(&keys[0].ca_key, pin, &out), BX_UNSUPPORTED);
    assert_int_equal(out.len, 0);
}

/* ---- renewal ---- */

TEST(a_certificate_is_renewed_after_two_thirds_of_its_life)
{
    struct bx_node_info self = node(1);
    struct pki_cert before, after;
    uint8_t pin[PKI_SHA256];
    struct bx_ca ca;

    found();
    ca = ca_of(&keys[0].ca_key);
    pki_key_pin(keys[0].key, pin);
    self.pin = (struct bx_str){(const char *)pin, PKI_SHA256};
    before = certificate(0);
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now) + 243 * DAY));
    assert_true(keys_are_due(&keys[0], &self, now->ops->wall_ms(now) + 244 * DAY));
    at.now += 244 * DAY;
    assert_int_equal(keys_renew(&keys[0], now, id.cluster, &ca, &self, &err), BX_OK);
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    reopen(0);
    after = certificate(0);
    assert_int_equal(after.node, 1);
    assert_true(after.not_after_ms > before.not_after_ms + 200 * DAY);
    assert_memory_equal(after.pin, pin, sizeof pin);
    assert_true(memcmp(after.serial, before.serial, sizeof after.serial) != 0);
}

/* Clients look for the name that they have dialled. */
TEST(a_certificate_is_renewed_when_the_addresses_change)
{
    struct bx_node_info self = node(1);
    static const char *const names[] = {"fd00::1", "n1.example"};
    uint8_t pin[PKI_SHA256];
    struct bx_ca ca;

    found();
    ca = ca_of(&keys[0].ca_key);
    pki_key_pin(keys[0].key, pin);
    self.pin = (struct bx_str){(const char *)pin, PKI_SHA256};
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    self.address = bx_str("[fd00::1]:7499"); /* another port is the same name */
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    self.api = bx_str("n1.example:7410");
    assert_true(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    assert_int_equal(keys_renew(&keys[0], now, id.cluster, &ca, &self, &err), BX_OK);
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    assert_true(pki_cert_has_names(keys[0].certificate.data, keys[0].certificate.len, names, 2));
    self.api = bx_str("");
    assert_true(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
    assert_int_equal(keys_renew(&keys[0], now, id.cluster, &ca, &self, &err), BX_OK);
    reopen(0);
    assert_false(keys_are_due(&keys[0], &self, now->ops->wall_ms(now)));
}

/* ---- what is not as it should be ---- */

static char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/keys/%s", data[0], name);
    return path;
}

static int open_again(void)
{
    keys_close(&keys[0]);
    memset(&err, 0, sizeof err);
    return keys_open(&keys[0], data[0], &err);
}

/* Between nodes the dates of certificates are not checked: clocks may be anywhere. */
TEST(a_wrong_clock_keeps_nobody_from_being_certified)
{
    static const uint64_t clocks[] = {0, 5 * 365 * DAY, 100 * 365 * DAY, 300 * 365 * DAY};
    struct bx_node_info host = node(2);
    struct bx_buf csr = {0}, out = {0};
    uint8_t pin[PKI_SHA256];
    struct bx_ca ca;

    found();
    ca = ca_of(&keys[0].ca_key);
    assert_int_equal(keys_request(&keys[1], false, &csr, &err), BX_OK);
    pki_key_pin(keys[1].key, pin);
    host.pin = (struct bx_str){(const char *)pin, sizeof pin};
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        at.now = clocks[i] - now->ops->wall_ms(now) + at.now; /* since 1970 */
        out.len = 0;
        if (keys_sign(&keys[0], now, id.cluster, &ca, &host,
                      (struct bx_str){(const char *)csr.data, (uint32_t)csr.len}, &out,
                      &err) != BX_OK)
            fail_msg("%s", err.msg);
    }
    bx_buf_release(&csr);
    bx_buf_release(&out);
}

TEST(keys_that_others_can_read_are_refused)
{
    found();
    assert_int_equal(chmod(path_of("cluster.key"), 0640), 0);
    assert_int_equal(open_again(), BX_DENIED);
    assert_non_null(strstr(err.hint, "chmod"));
}

TEST(a_certificate_without_its_key_is_told)
{
    found();
    assert_int_equal(unlink(path_of("node.key")), 0);
    assert_int_equal(open_again(), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "node.key"));
}

TEST(the_keys_of_another_node_are_told)
{
    struct bx_identity other = id;

    found();
    assert_int_equal(keys_check(&keys[0], &id, &err), BX_OK);
    other.node = 2;
    assert_int_equal(keys_check(&keys[0], &other, &err), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "node 2"));
    other = id;
    other.cluster[0]++;
    assert_int_equal(keys_check(&keys[0], &other, &err), BX_CORRUPT);
}

TEST(a_damaged_certificate_is_told)
{
    FILE *f;

    found();
    f = fopen(path_of("node.crt"), "r+");
    assert_non_null(f);
    fputs("damage", f);
    fclose(f);
    assert_int_equal(open_again(), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "node.crt"));
}

/* The answer came, and the identity could not be saved; the next attempt was killed. */
TEST(an_attempt_leaves_nothing_of_the_one_before)
{
    struct bx_buf csr = {0};

    found();
    assert_int_equal(keys_request(&keys[0], false, &csr, &err), BX_OK);
    bx_buf_release(&csr);
    assert_int_equal(open_again(), BX_OK);
    assert_false(keys_are_there(&keys[0]));
    assert_int_equal(keys[0].n_cluster_keys, 0);
    assert_int_equal(keys[0].ca_key.len, 0);
}

TEST(a_request_that_is_repeated_is_of_the_same_key)
{
    uint8_t pin[PKI_SHA256], again[PKI_SHA256];
    struct bx_buf csr = {0};

    request(pin);
    assert_int_equal(keys_request(&keys[1], true, &csr, &err), BX_OK);
    pki_key_pin(keys[1].key, again);
    assert_memory_equal(pin, again, sizeof pin);
    assert_int_equal(keys_request(&keys[1], false, &csr, &err), BX_OK);
    pki_key_pin(keys[1].key, again);
    assert_memory_not_equal(pin, again, sizeof pin);
    bx_buf_release(&csr);
}

TEST(a_host_that_leaves_keeps_no_key)
{
    char left[512];

    found();
    snprintf(left, sizeof left, "%s", path_of("node.key.tmp")); /* by one that was killed */
    assert_int_equal(rename(path_of("node.key"), left), 0);
    assert_int_equal(keys_remove(data[0], &err), BX_OK);
    assert_int_equal(access(path_of(""), F_OK), -1);
    assert_int_equal(keys_remove(data[0], &err), BX_OK);
}

int main(void)
{
    return test_run(open_dirs, close_dirs);
}
