#include "sys/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bad(struct bx_err *err, const char *text)
{
    bx_err_set(err, BX_INVALID, "'%.200s' is not HOST:PORT", text);
    bx_err_hint(err, "for example 127.0.0.1:7411 or [::1]:7411");
    return BX_INVALID;
}

static bool read_port(const char *s, uint16_t *port)
{
    unsigned long n;
    char *end;

    if (*s < '0' || *s > '9')
        return false;
    errno = 0;
    n = strtoul(s, &end, 10);
    *port = htons((uint16_t)n);
    return errno == 0 && *end == '\0' && n <= 65535;
}

int address_parse(const char *text, union address *out, struct bx_err *err)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    size_t n = colon == NULL ? 0 : (size_t)(colon - text);
    uint16_t port;

    memset(out, 0, sizeof *out);
    if (n == 0 || n >= sizeof host || !read_port(colon + 1, &port))
        return bad(err, text);
    memcpy(host, text, n);
    host[n] = '\0';
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = port;
        return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1 ? BX_OK : bad(err, text);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = port;
    if (strcmp(host, "localhost") == 0)
        out->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (inet_pton(AF_INET, host, &out->v4.sin_addr) != 1)
        return bad(err, text);
    return BX_OK;
}

bool address_is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
    return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
}

void address_format(const union address *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (a->any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, (unsigned)ntohs(a->v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, (unsigned)ntohs(a->v4.sin_port));
    }
}
