/* sql_help - what the tests of users' queries share: a state machine, and its answers as JSON. */
#ifndef SQL_HELP_H
#define SQL_HELP_H

#include "lib/testlib.h"

#include "lib/testfsm.h"

extern struct test_fsm t;
extern struct bx_sql_absent absent; /* of the queries below; none at first */
extern bool limited;                /* what they see: all at first */
extern struct bx_str tenant;

struct patience {
    uint32_t looks, left; /* how often it was asked, and how often it says no yet */
};
/* BX_TIMEOUT once it has none. */
int end(void *patience);

/* As bx_fsm_sql. */
int run(const char *query, size_t max, struct patience *p, struct bx_buf *out, struct bx_err *err);
/* The result as one line of JSON; NULL and *err when there is none. The caller frees. */
char *ask(const char *query, struct bx_err *err);
/* The result is this; spaces do not count. */
void gives(const char *query, const char *want);
void refuses(const char *query, int code);
/* It is answered, or memory has run out, whichever allocation fails. */
void survives_little_memory(const char *query);

#endif
