/* link_help - what the tests of the link share: up to four hosts on one loop, and plain sockets as
 * strangers.
 */
#ifndef LINK_HELP_H
#define LINK_HELP_H

#include "lib/testloop.h"
#include "lib/testrec.h"

#include "link/link.h"

struct host {
    uint64_t id;
    char address[64];
    struct link *link;
    uint32_t ups, downs, frames, bad_frames, joins;
    size_t last_len;
    uint64_t last_from;
    uint64_t join_handle;
    uint64_t admits_from;       /* ids from here on are admitted */
    uint64_t has_removed;       /* this one was removed */
    uint64_t unknown;           /* this one has no row */
    uint64_t wrong_key;         /* the key that this one shows is not that of its row */
    uint32_t removed;           /* times that it was told that it was removed */
    struct bx_stored heard;     /* of every other one */
    struct bx_stored was_heard; /* of it, as the last one said that came up */
    struct bx_joined answer;    /* to every JOIN; code BX_TIMEOUT: none */
};

extern uint32_t level_in_force; /* what link_options.level answers */
extern struct host hosts[4];    /* host i has the id i + 1 */

void open_link(struct host *h);
/* Its peers are the others of the first n. */
void know_everybody(struct host *h, uint32_t n);
/* Its one peer has this address. */
void know_other(struct host *h, uint64_t id, const char *address);
void start_host(struct host *h, uint32_t n, uint8_t incarnation);
/* n members, of which the first `running` have a link. */
void start_hosts(uint32_t n, uint32_t running);
void stop_hosts(void);
bool is_connected(struct host *h, uint64_t id);
struct link_stats stats_of(struct host *h);

/* ---- frames ---- */

/* A frame of n bytes that the receiver checks. */
void make_frame(struct bx_buf *b, size_t n);
bool send_frame(struct host *h, uint64_t to, size_t n);

/* ---- strangers ---- */

int dial_host(struct host *h);
/* From 127.0.0.N. */
int dial_host_from(struct host *h, uint32_t n);
void put_bytes(int fd, const void *p, size_t n);
struct bx_hello hello_of(uint64_t node, uint8_t incarnation);
void put_hello(int fd, const struct bx_hello *h);
/* All that comes until the other end closes, at most size bytes. */
size_t read_all(int fd, uint8_t *p, size_t size);
/* What comes next. */
size_t read_some(int fd, uint8_t *p, size_t size);
/* A hello that gives this reason; "" for none. */
void assert_hello(const uint8_t *p, size_t n, const char *refuse);
/* Host 2 accepts a socket as this node. */
int dial_as(uint64_t id, uint8_t incarnation);
/* Host 2 closes the connection for these bytes. Closes fd. */
void assert_closed_for(int fd, const void *p, size_t n);

#endif
