#include "connect.h"

#include "client.h"
#include "tls.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX "unix:"
#define UNIX_LEN 5u
#define HOST_MAX 256u
#define OVERHEARD ENOKEY /* connecting never fails with it */
#define TLS_ALERT 21 /* the first byte of what TLS says to those without it; no message is such */
#define CA_HINT                                                                                    \
    "get the certificate of the CA on a node, blixardctl cluster ca show --out ca.pem, and pass "  \
    "it with --ca or BLIXARD_CACERT"

/* ---- addresses ---- */

bool connect_is_local(const char *address)
{
    return strncmp(address, UNIX, UNIX_LEN) == 0;
}

/* Digits of 1 to 65535: the resolver would take more, modulo 65536. */
static bool is_port(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n > 0 && n <= 5 && s[n] == '\0' && s[0] != '0' && strtoul(s, NULL, 10) <= 65535;
}

int connect_check(const char *address, struct bx_err *err)
{
    const char *colon = strrchr(address, ':');
    bool fine = connect_is_local(address)
                    ? address[UNIX_LEN] != '\0'
                    : colon != NULL && colon != address && is_port(colon + 1) &&
                          (size_t)(colon - address) < HOST_MAX;

    if (fine)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--addr: \"%.200s\" is not unix:PATH or HOST:PORT", address);
    if (!connect_is_local(address) && strlen(address) < HOST_MAX && colon == NULL)
        bx_err_hint(err, "add the port of blixardd's --api: --addr %s:PORT", address);
    else
        bx_err_hint(err, "for example --addr unix:/run/blixard/blixard.sock");
    return BX_INVALID;
}

/* ---- connecting ---- */

int connect_wait(int fd, short what, uint64_t deadline)
{
    for (;;) {
        struct pollfd p = {fd, what, 0};
        uint64_t now = client_now();
        int ms = deadline <= now ? 0 : deadline - now > 1000 ? 1000 : (int)(deadline - now);
        int n = poll(&p, 1, ms);

        if (client_interrupted)
            return BX_INTERRUPTED;
        if (n > 0)
            return BX_OK;
        if (n < 0 && errno != EINTR)
            return BX_IO;
        if (client_now() >= deadline)
            return BX_TIMEOUT;
    }
}

/* A descriptor, or a negative errno. */
static int open_socket(const struct sockaddr *a, socklen_t n, int family, uint64_t deadline)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), e = 0;
    socklen_t len = sizeof e;

    if (fd < 0)
        return -errno;
    if (connect(fd, a, n) != 0) {
        e = errno;
        if (e == EINPROGRESS || e == EAGAIN) {
            e = ETIMEDOUT;
            if (connect_wait(fd, POLLOUT, deadline) == BX_OK)
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
        }
    }
    if (e == 0)
        return fd;
    close(fd);
    return -e;
}

static int open_unix(const char *path, uint64_t deadline)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof a.sun_path)
        return -ENAMETOOLONG;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    return open_socket((const struct sockaddr *)&a, sizeof a, AF_UNIX, deadline);
}

/* `events --follow` only receives: without keepalives it would not notice that the host is gone. */
static void set_options(int fd)
{
    int one = 1, idle = 10, interval = 5, count = 3;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static bool is_loopback(const struct sockaddr *a)
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;

    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(v6);
}

/* -OVERHEARD: it would not be encrypted, and the host has no loopback address. *why: a message,
 * where errno has none. */
static int open_tcp(const char *address, bool encrypted, uint64_t deadline, const char **why)
{
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    size_t n = (size_t)(colon - address);
    bool v6 = n > 2 && address[0] == '[' && address[n - 1] == ']';
    char host[HOST_MAX];
    int fd = -EHOSTUNREACH, rv;
    bool allowed = encrypted;

    snprintf(host, sizeof host, "%.*s", (int)(v6 ? n - 2 : n), v6 ? address + 1 : address);
    rv = getaddrinfo(host, colon + 1, &hints, &list);
    if (rv != 0) {
        *why = rv == EAI_SYSTEM ? strerror(errno) : gai_strerror(rv);
        return fd;
    }
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        if (!encrypted && !is_loopback(a->ai_addr))
            continue;
        allowed = true;
        fd = open_socket(a->ai_addr, a->ai_addrlen, a->ai_family, deadline);
    }
    freeaddrinfo(list);
    if (!allowed)
        return -OVERHEARD;
    if (fd >= 0)
        set_options(fd);
    return fd;
}

/* A connection that is not encrypted: who reads the token on its way could act as the user. */
static int refuse_plain(const char *address, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID, "%s: the CA of the cluster is needed, to recognize the server by",
               address);
    bx_err_hint(err, CA_HINT);
    return BX_INVALID;
}

int connect_open(struct connection *c, const char *address, struct client_tls *tls,
                 uint64_t deadline, struct bx_err *err)
{
    bool local = connect_is_local(address);
    const char *why = NULL;
    int rc = local ? open_unix(address + UNIX_LEN, deadline)
                   : open_tcp(address, tls != NULL, deadline, &why);

    *c = (struct connection){.fd = -1, .plain = !local && tls == NULL};
    if (rc == -OVERHEARD)
        return refuse_plain(address, err);
    if (rc < 0)
        return bx_err_set(err, BX_UNREACHABLE, "%s: %s", address,
                          why != NULL ? why : strerror(-rc));
    c->fd = rc;
    if (local || tls == NULL)
        return BX_OK;
    rc = client_tls_open(tls, c->fd, deadline, &c->tls, err);
    if (rc == BX_OK)
        return rc;
    bx_err_wrap(err, "%s", address);
    connect_close(c);
    return rc;
}

bool connect_proves(const struct connection *c)
{
    return c->tls != NULL && client_tls_proves(c->tls);
}

void connect_close(struct connection *c)
{
    client_tls_close(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct connection){.fd = -1};
}

/* ---- bytes ---- */

static int timed_out(int rc, const char *what, struct bx_err *err)
{
    return bx_err_set(err, rc, "timed out %s", what);
}

static int send_plain(const struct connection *c, const uint8_t *p, size_t n, uint64_t deadline,
                      struct bx_err *err)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, p, n, MSG_NOSIGNAL);
        int rc;

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return bx_err_set(err, BX_UNREACHABLE, "%s", strerror(errno));
        } else if ((rc = connect_wait(c->fd, POLLOUT, deadline)) != BX_OK) {
            return bx_err_set(err, rc, "timed out");
        }
    }
    return BX_OK;
}

int connect_send(struct connection *c, const void *p, size_t n, uint64_t deadline,
                 struct bx_err *err)
{
    int rc = c->tls != NULL ? client_tls_send(c->tls, p, n, deadline, err)
                            : send_plain(c, p, n, deadline, err);

    return rc == BX_OK || rc == BX_UNREACHABLE ? rc : timed_out(rc, "sending the request", err);
}

static int receive_plain(const struct connection *c, void *to, size_t n, uint64_t deadline,
                         size_t *got, struct bx_err *err)
{
    for (;;) {
        int rc = connect_wait(c->fd, POLLIN, deadline);
        ssize_t r;

        if (rc != BX_OK)
            return rc;
        r = recv(c->fd, to, n, 0);
        if (r >= 0) {
            *got = (size_t)r;
            return BX_OK;
        }
        if (errno != EAGAIN && errno != EINTR)
            return bx_err_set(err, BX_UNREACHABLE, "%s", strerror(errno));
    }
}

static int refuse_tls(struct bx_err *err)
{
    bx_err_set(err, BX_INVALID,
               "the server uses TLS: the CA of the cluster is needed, to "
               "recognize it by");
    bx_err_hint(err, CA_HINT);
    return BX_INVALID;
}

int connect_receive(struct connection *c, void *to, size_t n, uint64_t deadline, size_t *got,
                    struct bx_err *err)
{
    int rc = c->tls != NULL ? client_tls_receive(c->tls, to, n, deadline, got, err)
                            : receive_plain(c, to, n, deadline, got, err);

    if (rc == BX_TIMEOUT || rc == BX_INTERRUPTED || rc == BX_IO)
        return timed_out(rc, "waiting for an answer", err);
    if (rc != BX_OK)
        return rc;
    if (*got == 0)
        return bx_err_set(err, BX_UNREACHABLE, "connection closed by the server");
    if (c->plain && *(const uint8_t *)to == TLS_ALERT)
        return refuse_tls(err);
    c->plain = false;
    return BX_OK;
}
