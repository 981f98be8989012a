/* secret - the tokens of users: made here, written to files and read from them. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "err.h"
#include "wire/user.h"

#define SECRET_TEXT (BX_USER_TOKEN_TEXT + 1)
#define SECRET_HASH_TEXT (2 * BX_USER_SECRET_HASH + 1)

struct run;

/* The token that this invocation proves itself with: of --token-file, BLIXARD_TOKEN,
 * BLIXARD_TOKEN_FILE, or of the context's file, which may be NULL. *out is empty without any.
 * BX_OK, or BX_INVALID or BX_UNREACHABLE with a hint: what was named can not be used. */
int secret_choose(struct run *r, const char *of_context, char out[SECRET_TEXT]);
/* A new token, and the SHA-256 of its secret in hex. BX_OK, or BX_FAILED. */
int secret_make(char text[SECRET_TEXT], char hash[SECRET_HASH_TEXT], struct bx_err *err);
/* Create a file of mode 0600 for a token; it must not exist. *fd is to be closed. */
int secret_create_file(const char *path, int *fd, struct bx_err *err);
int secret_write(int fd, const char *path, const char *text, struct bx_err *err);

#endif
