/* pki_help - a cluster's CA, and certificates that it signs, for tests of what uses them. */
#ifndef PKI_HELP_H
#define PKI_HELP_H

#include "lib/testlib.h"

#include "pki/pki.h"

#define PKI_TEST_NOW UINT64_C(1764421200000) /* 2025-11-29 */
#define PKI_TEST_DAY UINT64_C(86400000)

struct pki_test_ca {
    uint8_t cluster[16];
    struct pki_key *key;
    struct bx_buf der;
    struct pki_trust *trust;
};
/* id: of the cluster, in each byte. It has a key and a certificate of its own. */
void pki_test_ca_open(struct pki_test_ca *ca, uint8_t id);
void pki_test_ca_close(struct pki_test_ca *ca);

/* A certificate from now on for a day. Node 7 is a voter and has a name and two addresses. */
struct pki_issue pki_test_node(const struct pki_test_ca *ca, uint64_t node);
struct pki_issue pki_test_user(const struct pki_test_ca *ca, const char *name);
/* Sign it with a new key, which goes to *key unless that is NULL. */
void pki_test_issue(const struct pki_test_ca *ca, struct pki_issue *i, struct pki_key **key,
                    struct bx_buf *out);

#endif
