#include "connect.h"

#include "client.h"

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

/* ---- addresses ---- */

static bool is_unix(const char *address)
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
    bool fine = is_unix(address) ? address[UNIX_LEN] != '\0'
                                 : colon != NULL && colon != address && is_port(colon + 1) &&
                                       (size_t)(colon - address) < HOST_MAX;

    if (fine)
        return BX_OK;
    bx_err_set(err, BX_INVALID, "--addr: \"%.200s\" is not unix:PATH or HOST:PORT", address);
    if (!is_unix(address) && strlen(address) < HOST_MAX && colon == NULL)
        bx_err_hint(err, "add the port of blixardd's --api: --addr %s:PORT", address);
    else
        bx_err_hint(err, "for example --addr unix:/run/blixard/blixard.sock");
    return BX_INVALID;
}

/* Certificates that are configured must not be ignored silently. A unix socket needs none. */
static int check_certificates(const char *address, struct bx_err *err)
{
    static const char *const names[] = {"BLIXARD_CACERT", "BLIXARD_CERT", "BLIXARD_KEY"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value == NULL || value[0] == '\0')
            continue;
        bx_err_set(err, BX_INVALID,
                   "%s is set, but TLS is not supported yet: the connection to %s "
                   "would not be encrypted",
                   names[i], address);
        bx_err_hint(err, "unset %s, or use a unix: address", names[i]);
        return BX_INVALID;
    }
    return BX_OK;
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

/* -OVERHEARD: a token would be sent, and the host has no loopback address. *why: a message, where
 * errno has none. */
static int open_tcp(const char *address, bool token, uint64_t deadline, const char **why)
{
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    size_t n = (size_t)(colon - address);
    bool v6 = n > 2 && address[0] == '[' && address[n - 1] == ']';
    char host[HOST_MAX];
    int fd = -EHOSTUNREACH, rv;
    bool allowed = !token;

    snprintf(host, sizeof host, "%.*s", (int)(v6 ? n - 2 : n), v6 ? address + 1 : address);
    rv = getaddrinfo(host, colon + 1, &hints, &list);
    if (rv != 0) {
        *why = rv == EAI_SYSTEM ? strerror(errno) : gai_strerror(rv);
        return fd;
    }
    for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        if (token && !is_loopback(a->ai_addr))
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

/* A TCP connection is not encrypted: who reads the token on its way could act as the user. */
static int refuse_token(const char *address, struct bx_err *err)
{
    bx_err_set(err, BX_INVALID,
               "%s: the token would not be encrypted: TLS for clients is not supported yet",
               address);
    bx_err_hint(err, "use a unix: or loopback address, for example one that ssh -L forwards");
    return BX_INVALID;
}

int connect_open(const char *address, bool token, uint64_t deadline, int *fd, struct bx_err *err)
{
    const char *why = NULL;
    int rc = is_unix(address) ? BX_OK : check_certificates(address, err);

    if (rc != BX_OK)
        return rc;
    rc = is_unix(address) ? open_unix(address + UNIX_LEN, deadline)
                          : open_tcp(address, token, deadline, &why);
    if (rc == -OVERHEARD)
        return refuse_token(address, err);
    if (rc < 0)
        return bx_err_set(err, BX_UNREACHABLE, "%s: %s", address,
                          why != NULL ? why : strerror(-rc));
    *fd = rc;
    return BX_OK;
}
