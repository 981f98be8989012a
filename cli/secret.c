#include "secret.h"

#include "mem/alloc.h"
#include "codec/digits.h"
#include "pki/pki.h"
#include "run.h"
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ---- */

static int check_token(const char *where, char *text, struct bx_err *err)
{
    uint8_t secret[BX_USER_SECRET];

    text[strcspn(text, "\r\n")] = '\0';
    if (bx_user_token_parse(bx_str(text), secret))
        return BX_OK;
    text[0] = '\0';
    bx_err_set(err, BX_INVALID, "%s: not the token of a user", where);
    bx_err_hint(err, "create one: blixardctl user token create NAME");
    return BX_INVALID;
}

/* Who else can read it could act as this user. */
static int check_mode(int fd, const char *path, struct bx_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return bx_err_set(err, BX_INVALID, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) {
        bx_err_set(err, BX_INVALID, "%s: not a regular file", path);
        bx_err_hint(err, "a secret is in a file of its own");
        return BX_INVALID;
    }
    if ((st.st_mode & 077) == 0)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: other users of this host can access this file (mode %04o)",
               path, (unsigned)(st.st_mode & 07777));
    bx_err_hint(err, "chmod 600 %s", path);
    return BX_INVALID;
}

int secret_read(const char *path, struct bx_buf *out, struct bx_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
    ssize_t got;

    if (fd < 0)
        return bx_err_set(err, BX_INVALID, "%s: %s", path, strerror(errno));
    rc = check_mode(fd, path, err);
    bx_must_ok(bx_buf_reserve(out, SECRET_FILE));
    got = rc == BX_OK ? read(fd, out->data, SECRET_FILE) : 0;
    if (got < 0)
        rc = bx_err_set(err, BX_INVALID, "%s: %s", path, strerror(errno));
    out->len = got < 0 ? 0 : (size_t)got;
    close(fd);
    return rc;
}

static int read_token(const char *path, char out[SECRET_TEXT], struct bx_err *err)
{
    char text[SECRET_TEXT + 2] = "";
    struct bx_buf b = {0};
    int rc = secret_read(path, &b, err);

    if (rc != BX_OK && err->hint[0] == '\0')
        bx_err_hint(err, "blixardctl user token create NAME --out FILE writes one");
    if (b.len > 0)
        snprintf(text, sizeof text, "%.*s", (int)b.len, (const char *)b.data);
    pki_wipe_buf(&b);
    if (rc == BX_OK)
        rc = check_token(path, text, err);
    if (rc == BX_OK)
        memcpy(out, text, SECRET_TEXT);
    return rc;
}

int secret_of_argument(struct run *r, char out[BX_JOIN_TOKEN_MAX])
{
    char *word = (char *)(uintptr_t)r->arguments[0];
    size_t n = strlen(word);

    if (strcmp(word, "-") == 0) {
        n = fgets(out, BX_JOIN_TOKEN_MAX, stdin) == NULL ? 0 : strcspn(out, "\r\n");
        out[n] = '\0';
    } else if (n < BX_JOIN_TOKEN_MAX) {
        memcpy(out, word, n + 1);
        memset(word, '*', n);
    }
    if (n > 0 && n < BX_JOIN_TOKEN_MAX)
        return BX_OK;
    bx_err_set(&r->err, BX_INVALID,
               n == 0 ? "no token on standard input" : "token: it is too long");
    bx_err_hint(&r->err, "create one on a member: blixardctl cluster token create");
    return BX_INVALID;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

int secret_choose(struct run *r, const char *of_context, char out[SECRET_TEXT])
{
    const char *flag = args_get(&r->args, "token-file", NULL);
    const char *token = environment("BLIXARD_TOKEN"), *file = environment("BLIXARD_TOKEN_FILE");
    char text[SECRET_TEXT + 1];
    int rc;

    out[0] = '\0';
    if (flag != NULL)
        return read_token(flag, out, &r->err);
    if (token != NULL) {
        snprintf(text, sizeof text, "%s", token);
        rc = check_token("BLIXARD_TOKEN", text, &r->err);
        snprintf(out, SECRET_TEXT, "%.*s", (int)BX_USER_TOKEN_TEXT, text);
    } else if (file != NULL || of_context != NULL) {
        rc = read_token(file != NULL ? file : of_context, out, &r->err);
    } else {
        rc = BX_OK;
    }
    if (rc == BX_INVALID) /* it was not on the command line */
        rc = r->err.code = BX_UNREACHABLE;
    return rc;
}

/* ---- certificates ---- */

/* Of a flag, the environment or the context, in this order; *given: it is a flag. */
static const char *choose(const struct run *r, const char *flag, const char *variable,
                          const char *of_context, bool *given)
{
    const char *path = args_get(&r->args, flag, NULL);

    *given = *given || path != NULL;
    if (path == NULL)
        path = environment(variable);
    return path != NULL ? path : of_context;
}

int secret_choose_tls(struct run *r, const struct context *x, struct client_tls **out)
{
    static const struct context none;
    struct client_tls_files f;
    bool given = false;
    int rc;

    x = x == NULL ? &none : x;
    f.ca = choose(r, "ca", "BLIXARD_CACERT", x->ca, &given);
    f.cert = choose(r, "cert", "BLIXARD_CERT", x->cert, &given);
    f.key = choose(r, "key", "BLIXARD_KEY", x->key, &given);
    if (f.ca == NULL && f.cert == NULL && f.key == NULL)
        return BX_OK;
    if (f.ca == NULL || (f.cert == NULL) != (f.key == NULL)) {
        rc = bx_err_set(&r->err, BX_INVALID, "%s",
                        f.ca == NULL    ? "a certificate without the CA's, --ca"
                        : f.key == NULL ? "--cert without its --key"
                                        : "--key without its --cert");
        bx_err_hint(&r->err, "the environment has them as BLIXARD_CACERT, BLIXARD_CERT and "
                             "BLIXARD_KEY, a context as ca, cert and key");
    } else {
        rc = client_tls_create(out, &f, &r->err);
    }
    if (rc == BX_INVALID && !given)
        rc = r->err.code = BX_UNREACHABLE;
    return rc;
}

/* ---- making ---- */

int secret_random(uint8_t secret[BX_USER_SECRET], char hash[SECRET_HASH_TEXT], struct bx_err *err)
{
    uint8_t sum[PKI_SHA256];

    if (getrandom(secret, BX_USER_SECRET, 0) != (ssize_t)BX_USER_SECRET)
        return bx_err_set(err, BX_FAILED, "no random bytes: %s", strerror(errno));
    bx_sha256(secret, BX_USER_SECRET, sum);
    hash[bx_digits_hex(hash, sum, sizeof sum)] = '\0';
    return BX_OK;
}

int secret_make(char text[SECRET_TEXT], char hash[SECRET_HASH_TEXT], struct bx_err *err)
{
    uint8_t secret[BX_USER_SECRET];
    int rc = secret_random(secret, hash, err);

    if (rc == BX_OK)
        bx_user_token_text(secret, text);
    pki_wipe(secret, sizeof secret);
    return rc;
}

int secret_create_file(const char *path, int *fd, struct bx_err *err)
{
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*fd >= 0)
        return BX_OK;
    bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    bx_err_hint(err, "name a file that does not exist, in a folder that does");
    return BX_IO;
}

int secret_write(int fd, const char *path, struct bx_str text, struct bx_err *err)
{
    if (write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0)
        return BX_OK;
    return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
}
