/* raftmsg_help - what the tests of Raft messages share: the core's heap, counted and failing when
 * it is told to; what the core may be given; messages with whatever numbers one likes. */
#ifndef RAFTMSG_HELP_H
#define RAFTMSG_HELP_H

#include "lib/testlib.h"

#include "wire/raftmsg.h"

#define FROM 3

extern struct heap {
    long live;
    uint32_t calls, fail_at;
} heap;

struct server {
    uint64_t id;
    const char *address;
    uint8_t role;
};

extern const struct server three[3];

int raftmsg_setup(void **state);
int raftmsg_teardown(void **state);

/* Read a copy of exactly n bytes, check what comes out, and drop it. */
int read_exact(const uint8_t *p, size_t n);
/* Every beginning of it is refused, every flipped bit refused or harmless. */
void every_damage(struct bx_buf *b);
/* As the library encodes it, but with whatever numbers one likes. */
struct bx_buf conf_of(uint8_t format, uint64_t claimed, const struct server *s, size_t n);
void write_install(struct bx_buf *b, const struct bx_buf *conf);
void write_append(struct bx_buf *b, unsigned n);

#endif
