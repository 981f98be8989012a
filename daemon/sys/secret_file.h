/* secret_file - a small file that only its owner may read, such as a key. */
#ifndef SECRET_FILE_H
#define SECRET_FILE_H

#include "err.h"
#include "pki/pki.h"

#include <stddef.h>
#include <stdint.h>

#define SECRET_FILE_MAX 4096u

/* Write n bytes to path, with mode 0600. The file is synced and then renamed, so it has its old or
 * its new bytes after a crash. BX_OK, BX_INVALID (the path is too long), BX_NO_MEMORY, BX_NO_SPACE
 * or BX_IO. */
int secret_file_save(const char *path, const void *p, size_t n, struct bx_err *err);
/* Read it, *n of at most max bytes, which the caller wipes. BX_OK; BX_NOT_FOUND; BX_DENIED: others
 * may read it, which the hint mends; BX_INVALID: too large, no regular file, or its path is too
 * long; BX_NO_MEMORY or BX_IO. */
int secret_file_load(const char *path, void *p, size_t max, size_t *n, struct bx_err *err);
/* The same of a private key, as PKCS#8 DER; also BX_INVALID: it is none. */
int secret_file_save_key(const char *path, const struct pki_key *k, struct bx_err *err);
int secret_file_load_key(const char *path, struct pki_key **out, struct bx_err *err);

#endif
