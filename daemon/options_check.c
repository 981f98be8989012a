/* options_check - what was not given is filled in, and the values are checked against each other.
 */
#include "options_value.h"

#include "diag/crumb.h"
#include "diagnose/send.h"
#include "model/vm.h"
#include "sys/address.h"
#include "wire/level.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void host_name(char out[64])
{
    char host[HOST_NAME_MAX + 1] = "";

    gethostname(host, sizeof host - 1);
    host[strcspn(host, ".")] = '\0';
    for (size_t i = 0; host[i] != '\0'; i++) {
        if (host[i] >= 'A' && host[i] <= 'Z')
            host[i] = (char)(host[i] - 'A' + 'a');
    }
    snprintf(out, 64, "%.63s", host);
}

static int shim_beside_us(struct options *o, struct bx_err *err)
{
    char self[OPTIONS_PATH];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n <= 0)
        return bx_err_set(err, BX_IO, "/proc/self/exe: %s", strerror(errno));
    self[n] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    if (snprintf(o->shim, sizeof o->shim, "%s/blixard-vm", self) >= (int)sizeof o->shim)
        return bx_err_set(err, BX_INVALID, "--shim: the path is too long");
    return BX_OK;
}

static int fill_defaults(struct options *o, struct bx_err *err)
{
    if (o->data[0] == '\0') {
        bx_err_set(err, BX_INVALID, "--data DIR is required");
        bx_err_hint(err, "blixardd --data /var/lib/blixard");
        return BX_INVALID;
    }
    if (o->name[0] == '\0')
        host_name(o->name);
    if (o->socket[0] == '\0' &&
        snprintf(o->socket, sizeof o->socket, "%s/blixard.sock", o->data) >= (int)sizeof o->socket)
        return bx_err_set(err, BX_INVALID, "--data: the path is too long");
    return o->shim[0] == '\0' ? shim_beside_us(o, err) : BX_OK;
}

static bool is_wildcard(const union address *a)
{
    return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                       : IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

/* anywhere: not only on loopback. */
static int check_address(const char *flag, const char *text, bool anywhere, struct bx_err *err)
{
    union address a;
    int rc = address_parse(text, &a, err);

    if (rc != BX_OK)
        return bx_err_wrap(err, "%s", flag);
    if (a.v4.sin_port == 0) {
        bx_err_set(err, BX_INVALID, "%s: '%s' has no port", flag, text);
        bx_err_hint(err, "add a port, for example 127.0.0.1:7411");
        return BX_INVALID;
    }
    if (is_wildcard(&a)) {
        bx_err_set(err, BX_INVALID, "%s: '%s' is no address that others can connect to", flag,
                   text);
        bx_err_hint(err, "use an address of this host");
        return BX_INVALID;
    }
    if (anywhere || address_is_loopback(&a))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: '%s' is not a loopback address", flag, text);
    bx_err_hint(err, "without TLS only loopback is accepted: %s 127.0.0.1:%u", flag,
                ntohs(a.v4.sin_port));
    return BX_INVALID;
}

/* "none" becomes an empty text. */
static int check_optional(const char *flag, char *text, bool anywhere, struct bx_err *err)
{
    if (strcmp(text, OPTIONS_NO_API) != 0)
        return check_address(flag, text, anywhere, err);
    text[0] = '\0';
    return BX_OK;
}

/* The number of a group. It is 0 for a default that this host does not have. Group root is none of
 * ours: 0 stands for nobody. */
static int find_group(const char *flag, const char *name, const char *preset, gid_t *out,
                      struct bx_err *err)
{
    struct group *g = getgrnam(name[0] == '\0' ? preset : name);
    char *end;
    unsigned long n = strtoul(name, &end, 10);

    if (g != NULL)
        *out = g->gr_gid;
    else
        *out = name[0] >= '0' && name[0] <= '9' && *end == '\0' && n < UINT32_MAX ? (gid_t)n : 0;
    if (*out != 0 || name[0] == '\0')
        return BX_OK;
    bx_err_set(err, BX_INVALID, "%s: group \"%s\" does not exist, or is that of root", flag, name);
    bx_err_hint(err, "create it with addgroup, or pass a group id");
    return BX_INVALID;
}

static int find_groups(struct options *o, struct bx_err *err)
{
    int rc = find_group("--admin-group", o->admin_group, "blixard-admin", &o->admin_gid, err);

    return rc != BX_OK ? rc
                       : find_group("--operator-group", o->operator_group, "blixard",
                                    &o->operator_gid, err);
}

#ifdef BX_DIAGNOSTICS
static int check_dsn(const struct options *o, struct bx_err *err)
{
    struct send_dsn dsn;

    if (!o->diag)
        return bx_err_set(err, BX_INVALID, "--diag-dsn needs --diag on");
    return send_dsn_parse(&dsn, o->diag_dsn, err) == BX_OK ? BX_OK : bx_err_wrap(err, "--diag-dsn");
}
#endif

static int check(struct options *o, struct bx_err *err)
{
    int rc = bx_name_check(bx_str(o->name), "--name", err);

    if (rc != BX_OK)
        return rc;
    rc = check_address("--listen", o->listen, !o->insecure_loopback, err);
    if (rc != BX_OK)
        return rc;
    rc = check_optional("--api", o->api, !o->insecure_loopback, err);
#ifdef BX_HTTP
    if (rc == BX_OK)
        rc = check_optional("--http", o->http, false, err);
#endif
#ifdef BX_DIAGNOSTICS
    if (rc == BX_OK && o->diag_crumbs > BX_CRUMBS_BOUND)
        rc = bx_err_set(err, BX_INVALID, "--diag-crumbs: at most %u", BX_CRUMBS_BOUND);
    if (rc == BX_OK && o->diag_dsn[0] != '\0')
        rc = check_dsn(o, err);
#endif
    if (rc == BX_OK && o->heartbeat_ms >= o->election_ms)
        rc = bx_err_set(err, BX_INVALID, "--heartbeat-ms (%u) must be less than --election-ms (%u)",
                        o->heartbeat_ms, o->election_ms);
    if (rc == BX_OK && o->feature_level > BX_LEVEL)
        rc = bx_err_set(err, BX_INVALID, "--feature-level: this build supports levels up to %u",
                        BX_LEVEL);
    return rc == BX_OK ? find_groups(o, err) : rc;
}

int options_finish(struct options *o, struct bx_err *err)
{
    int rc = fill_defaults(o, err);

    return rc == BX_OK ? check(o, err) : rc;
}
