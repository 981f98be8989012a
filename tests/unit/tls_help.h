/* tls_help - what the tests of TLS share: contexts of a cluster's nodes and users, two streams with
 * each other, and a client of OpenSSL's own, so that the test decides what it says and when. */
#ifndef TLS_HELP_H
#define TLS_HELP_H

#include "pki_help.h"
#include "stream_help.h"

#include <openssl/ssl.h>

extern struct pki_test_ca ca, other_ca;

/* stream_setup, and the CAs of two clusters. The listener accepts as node 1 and asks for
 * certificates. */
int tls_setup(void **state);
int tls_teardown(void **state); /* nothing is left, nor in OpenSSL's queue of errors */

/* A context of node `node` that ca has certified; from_day and to_day are counted from today. */
struct tls_context *node_context(const struct pki_test_ca *by, enum tls_side side, uint64_t node,
                                 int from_day, int to_day);
/* A client; name NULL: without a certificate. */
struct tls_context *user_context(const char *name, int from_day, int to_day);
/* A client that joins, who knows the CA by its fingerprint. */
struct tls_context *joining_context(const struct pki_test_ca *of);
/* What comes is accepted with it; takes over the reference. */
void accept_as(struct tls_context *c);
/* Dial the listener as `dialled` with c, and give up the reference. */
void dial_with(struct tls_context *c);
/* The same as node 2, and wait until both are ready. */
void connect_both(void);

/* ---- a client that is written by hand ---- */

struct raw_client {
    int fd;
    SSL_CTX *context;
    SSL *ssl; /* on memory */
    BIO *in, *out;
};
/* Connected, and nothing said; version: the highest, such as TLS1_3_VERSION. */
void raw_open(struct raw_client *c, int version);
void raw_close(struct raw_client *c);
/* Exchange what there is; the result of the handshake's next step. */
int raw_turn(struct raw_client *c);
void raw_handshake(struct raw_client *c); /* until both are ready */
/* Encrypt n bytes; *out has `max` bytes. How many they became, nothing is sent. */
size_t raw_encrypt(struct raw_client *c, const void *p, size_t n, uint8_t *out, size_t max);

#endif
