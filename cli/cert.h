/* cert - certificates of users, whose keys are made here and never leave this host. */
#ifndef CLI_CERT_H
#define CLI_CERT_H

#include <stdint.h>

struct run;

/* Make a key and have the cluster certify it as one of the user that the first argument of the
 * command names, for ttl_s seconds, 0: the cluster's default. It is PREFIX.key, the certificate
 * PREFIX.crt, which must not exist. A key without a certificate is what was left when an answer was
 * lost, and is used again. BX_OK, or r->err is set. */
int cert_make(struct run *r, const char *prefix, uint64_t ttl_s);

#endif
