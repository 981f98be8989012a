#include "diagnose/send.h"

#include "config.h"

#include <stdio.h>
#include <string.h>

/* Of keys, hosts and projects. Anything else could become another line of the header. */
#define CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:/@.-_~%[]"

int send_dsn_parse(struct send_dsn *out, const char *dsn, struct bx_err *err)
{
    const char *scheme = strstr(dsn, "://"), *at = strchr(dsn, '@'), *project = strrchr(dsn, '/');
    const char *key = scheme == NULL ? NULL : scheme + 3;
    int scheme_n, n, m;

    if (key == NULL || at == NULL || at <= key || key[0] == ':' || project == NULL ||
        project < at || project[1] == '\0' || project - at < 2 ||
        dsn[strspn(dsn, CHARACTERS)] != '\0' ||
        (strncmp(dsn, "https://", 8) != 0 && strncmp(dsn, "http://", 7) != 0)) {
        bx_err_set(err, BX_INVALID, "'%.100s' is not https://KEY@HOST/PROJECT", dsn);
        bx_err_hint(err, "copy the DSN from the settings of the project");
        return BX_INVALID;
    }
    scheme_n = (int)(key - dsn);
    n = snprintf(out->url, sizeof out->url, "%.*s%.*s/api/%s/envelope/", scheme_n, dsn,
                 (int)(project - at - 1), at + 1, project + 1);
    m = snprintf(out->auth, sizeof out->auth,
                 "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=" SEND_CLIENT
                 ", sentry_key=%.*s",
                 (int)strcspn(key, ":@"), key);
    if (n >= (int)sizeof out->url || m >= (int)sizeof out->auth)
        return bx_err_set(err, BX_INVALID, "the DSN is too long");
    return BX_OK;
}
