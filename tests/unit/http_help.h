/* http_help - what the tests of the HTTP server share: a server on a loop, and clients of it that
 * are sockets of this host. */
#ifndef HTTP_HELP_H
#define HTTP_HELP_H

#include "lib/testloop.h"

#include "http/http.h"

/* What one client has read so far, NUL-terminated. */
struct reader {
    int fd;
    char *text;
    size_t n;
    bool closed;
};

extern struct http *server;

/* The server listens at an address of its own. */
int http_setup(void **state);
int http_teardown(void **state);
struct http_stats stats(void);

/* A client; the caller hangs up. */
struct reader dial(void);
void hang_up(struct reader *r);
/* Send it all while the loop runs, or until the server closes. */
void say_n(const struct reader *r, const char *text, size_t n);
void say(const struct reader *r, const char *text);
/* Read what is there. Whether the text was read so far; whether the server has closed. */
bool has(struct reader *r, const char *text);
bool is_closed(struct reader *r);
/* What was read so far. */
void forget(struct reader *r);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define CLOSING(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

/* One request on a connection of its own; the caller hangs up. */
struct reader ask(const char *request);
void expect_status(const char *request, const char *status);

#endif
