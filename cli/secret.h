/* secret - what users prove themselves with, and hosts that join: tokens and keys, made here,
 * written to files and read from them. */
#ifndef CLI_SECRET_H
#define CLI_SECRET_H

#include "mem/buf.h"
#include "err.h"
#include "wire/jointoken.h"
#include "wire/user.h"

#define SECRET_TEXT (BX_USER_TOKEN_TEXT + 1)
#define SECRET_HASH_TEXT (2 * BX_USER_SECRET_HASH + 1)

#define SECRET_FILE 4096u /* bytes of a file with one */

struct client_tls;
struct context;
struct run;

/* The token that this invocation proves itself with: of --token-file, BLIXARD_TOKEN,
 * BLIXARD_TOKEN_FILE, or of the context's file, which may be NULL. *out is empty without any.
 * BX_OK, or BX_INVALID or BX_UNREACHABLE with a hint: what was named can not be used. */
int secret_choose(struct run *r, const char *of_context, char out[SECRET_TEXT]);
/* The files of --ca, --cert and --key, or else BLIXARD_CACERT, BLIXARD_CERT and BLIXARD_KEY, or
 * else those of the context, which may be NULL, made ready for connections. *out is unchanged
 * without any. Codes as above, or as of client_tls_create. */
int secret_choose_tls(struct run *r, const struct context *x, struct client_tls **out);
/* Append a file of mode 0600, of SECRET_FILE bytes at most, to an empty buffer, which the caller
 * wipes. BX_OK, or BX_INVALID. */
int secret_read(const char *path, struct bx_buf *out, struct bx_err *err);
/* A token that is the first argument, or a line of standard input if that is "-". Nobody who lists
 * processes sees it from now on. BX_OK, or BX_INVALID with a hint. */
int secret_of_argument(struct run *r, char out[BX_JOIN_TOKEN_MAX]);
/* Random bytes, which the caller wipes, and their SHA-256 in hex. BX_OK, or BX_FAILED. */
int secret_random(uint8_t secret[BX_USER_SECRET], char hash[SECRET_HASH_TEXT], struct bx_err *err);
/* A new token of a user, and the same of its secret. */
int secret_make(char text[SECRET_TEXT], char hash[SECRET_HASH_TEXT], struct bx_err *err);
/* Create a file of mode 0600; it must not exist. *fd is to be closed. */
int secret_create_file(const char *path, int *fd, struct bx_err *err);
int secret_write(int fd, const char *path, struct bx_str text, struct bx_err *err);

#endif
