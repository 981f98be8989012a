/* cli_tls_help - what the tests of blixardctl's TLS share: the CAs of clusters, and files. */
#ifndef CLI_TLS_HELP_H
#define CLI_TLS_HELP_H

#include "pki_help.h"

#include <sys/stat.h>

extern struct pki_test_ca ca, other, twin; /* twin: of the same cluster, with another key */
extern char *dir; /* with ca.pem, other.pem, twin.pem, alice.crt and .key */
extern struct bx_err err;

int cli_tls_setup(void **state);
int cli_tls_teardown(void **state);

/* Of a node, user NULL, or a user; days are counted from today. */
struct pki_issue cli_tls_issue(const struct pki_test_ca *by, const char *user, int from_day,
                               int to_day);

/* In dir; some of them are valid at a time. */
const char *path_of(const char *name);
void put_file(const char *name, mode_t mode, const void *p, size_t n);
void put_pem(const char *name, mode_t mode, enum pki_pem what, const void *p, size_t n);
/* The certificate and the key of a user. */
void put_user(const char *crt, const char *key_file);

#endif
